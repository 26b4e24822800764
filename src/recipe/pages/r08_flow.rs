//! R08xx: the way of a unit through its recipe.

use cellwright_model::limits::STEPS_MAX;

use super::pages;

pages! {
    RetryIrreversible in Recipe {
        what: "A retry is asked for at a step that cannot be done twice on one part.",
        why: "A formed part is another part: a second press would measure the first one. What comes before the point of no \
            return is repeated by `on_fault`.",
        wrong: "on_fail: { retry: 1, then: reject }",
        right: "on_fail: reject                      # a formed part is never pressed again",
    }
    TimeoutTooShort in Recipe {
        what: "The timeout is shorter than the step takes at its best.",
        why: "Every attempt would time out. What a step takes at the least follows from its moves, dwells and the limits of \
            axes and joints.",
        wrong: "check: nest_hub_present, timeout: 1 s",
        right: "check: nest_hub_present, timeout: 8 s",
    }
    UnusedComponent in Recipe, before "  cap:     { part: CAP-07" {
        what: "No step puts a component in.",
        why: "A warning: the record would list a part that is not there. Add a step that puts it in, or take it out.",
        wrong: "  clip:    { part: CLIP-01, identify: per-lot }",
        right: "  # no clip in this product",
    }
    NeverScanned in Recipe {
        what: "A component is identified per unit, and no step scans it.",
        why: "Its serial would be missing in the record. Scan it, or identify it by the lot that is loaded at its source.",
        wrong: "cap:     { part: CAP-07, identify: per-unit, source: cap_tray }",
        right: "cap:     { part: CAP-07, identify: per-lot, source: cap_tray }",
    }
    NoSource in Recipe {
        what: "A step takes from a tray, and which component that is cannot be told, or it comes from elsewhere.",
        why: "The component is the one with `source:` this tray, or the one with the part number that the tray holds; where \
            neither decides, the step says `component:`.",
        wrong: "cannula: { part: $cannula, identify: per-lot }",
        right: "cannula: { part: $cannula, identify: per-lot, source: lane_2 }",
    }
    UsedTwice in Recipe, before "  - screw:" {
        what: "A component is put in a second time.",
        why: "The record keeps one lot and serial for each component. A second part of the same number is a second component.",
        wrong: "  - pick-place: { id: again, station: close, robot: robot_r, from: cap_tray.next, to: nest, component: cap }",
        right: "  - check: { id: seated, station: close, that: nest_cap_present }",
    }
    LimitsBeyondSensor in Recipe {
        what: "Limits or a window reach beyond what the sensor can show. A sensor's own `range` beyond the counts of its \
            terminal is warned about.",
        why: "A value there is never trusted: the limit at that end can never judge a part.",
        wrong: "torque: { limits: 0.32 .. 1.38 N·m,",
        right: "torque: { limits: 0.32 .. 0.38 N·m,",
    }
    WarnOutside in Recipe {
        what: "Warning limits lie outside the limits; one end of them alone is warned about.",
        why: "They are to warn before a part fails. Outside, nothing, or everything, would be marginal.",
        wrong: "seat_warn:   { default: 200 .. 240 N }",
        right: "seat_warn:   { default: 80 .. 140 N }",
    }
    NothingJudged in Recipe {
        what: "A step that measures has no `measure:`.",
        why: "A warning: the step is done, and every part passes it.",
        wrong: "      test: 2 s",
        right: "      test: 2 s\n      measure:\n        decay: { limits: -2 .. 12 Pa/s, spec: DS-0142/6.1, spc: true }",
    }
    SpecMismatch in Recipe {
        what: "`spec:` of a measurement names a paragraph of another specification than the recipe's.",
        why: "A warning: a limit from another document was copied, or `specification:` was not brought up to date.",
        wrong: "spec: DS-0143/6.1",
        right: "spec: DS-0142/6.1",
    }
    PassAnswer in Recipe {
        what: "No answer of the question lets the unit pass, or every one does.",
        why: "`ok` passes unless `pass:` names others. A question whose answer changes nothing is not asked.",
        wrong: "answers: [good, ng, cannot-judge]",
        right: "answers: [ok, ng, cannot-judge]",
    }
    NoResult in Recipe {
        what: "A path does not end in a result: `steps` with `unload` to a good tray, `on_reject` with `unload` to a bin; \
            or steps follow behind that, which are never reached.",
        why: "The unit would stay in its nest, and the nest would not be free for the next one.",
        wrong: "on_reject:",
        right: "  - unload: { id: to-tray, station: test, robot: robot_r, from: nest, to: good_tray.next, check: good_pocket_filled }
on_reject:",
    }
    TooManySteps in Recipe, made (too_many_steps) {
        what: "The recipe has more than 10,000 steps, sub-recipes unfolded.",
        why: "A few sub-recipes that use each other twice soon are a million steps. Split the recipe.",
        wrong: "# 10,001 steps",
        right: "# at most 10,000 steps",
    }
    ScanOrder in Recipe {
        what: "A component is scanned before it is put in.",
        why: "The code that is read would be that of whatever lies there now.",
        wrong: "          - scan: { id: id-hub, station: load, component: hub, at: nest, timeout: 5 s, on_fail: reject }
          - pick-place: { id: place-hub, station: load, robot: robot_l, from: hub_tray.next, to: nest, check: nest_hub_present, timeout: 8 s }",
        right: "          - pick-place: { id: place-hub, station: load, robot: robot_l, from: hub_tray.next, to: nest, check: nest_hub_present, timeout: 8 s }
          - scan: { id: id-hub, component: hub, at: nest, timeout: 5 s, on_fail: reject }",
    }
    RepeatIrreversible in Recipe, before "  - confirm: {" {
        what: "A step in a `repeat` puts a part in, forms it or lets it go.",
        why: "Done twice it makes another part. A `repeat` waits, looks or measures until something holds.",
        wrong: "  - repeat: { id: settle, at_most: 3, until: leak_1 < 1 kPa, steps: [pick-place: { id: p, station: test, robot: robot_r, from: cap_tray.next, to: nest }] }",
        right: "  - repeat: { id: settle, at_most: 3, until: leak_1 < 1 kPa, steps: [wait: { id: w, until: air_ok, timeout: 1 s }] }",
    }
    MayLack in Recipe {
        what: "A component is scanned, and the step that puts it in may have been left out: it has a `when:`.",
        why: "The code that is read would be that of whatever lies there. Give the scan the same `when:`, or the step none.",
        wrong: "check: nest_hub_present, when: air_ok",
        right: "check: nest_hub_present, timeout: 8 s",
    }
    NoSpecification in Recipe {
        what: "A measurement has limits, and no `spec:` says where they come from.",
        why: "A warning: a limit that comes from nowhere can be neither reviewed nor defended. `spec:` names the paragraph of \
            the document under `specification:`.",
        wrong: "torque: { limits: 0.32 .. 0.38 N·m, spc: true }",
        right: "torque: { limits: 0.32 .. 0.38 N·m, spec: DS-0142/5.1, spc: true }",
    }
    MayMissScan in Recipe {
        what: "A component that is identified per unit is put in on every path, and scanned only under a condition.",
        why: "Where the condition does not hold the record has a part without its serial.",
        wrong: "- scan: { id: id-hub, component: hub, at: nest, timeout: 5 s, on_fail: reject, when: air_ok }",
        right: "- scan: { id: id-hub, component: hub, at: nest, timeout: 5 s, on_fail: reject }",
    }
    WindowNotReached in Recipe {
        what: "A window of a press begins where the stroke has ended already.",
        why: "No curve enters it, so that every part passes it.",
        wrong: "- { depth: 12.5 .. 13.0 mm, force: 20 .. 140 N }",
        right: "- { depth: 10.0 .. 12.0 mm, force: 20 .. 140 N }",
    }
    RestartRefused in Recipe {
        what: "`after_restart` says something else than this kind of step permits, or there is no `check` to be looked at.",
        why: "Where the controller died nobody knows how far the step had come. `redo` is for what can be done twice, \
            `verify-then-skip` for a part that a `check` sees where it was to be put; with everything else the unit is taken out.",
        wrong: "on_hold: finish\n      after_restart: redo",
        right: "on_hold: finish",
    }
    Contradiction in Recipe {
        what: "Limits or a window contradict what the step itself does: no part meets both. Where the step only fails parts \
            that the limits call good, or nothing ever comes into a window, it is a warning.",
        why: "A press ends its stroke at `max_force` and fails the part, whatever the limits above it say: parts are judged \
            rightly, by another limit than the one that is written. A cap that is tightened to 0.35 N·m never shows \
            0.20 N·m. Which of the two is meant nobody can tell from the file.",
        wrong: "torque: { limits: 0.20 .. 0.30 N·m,",
        right: "torque: { limits: 0.32 .. 0.38 N·m,",
    }
    EmptyNest in Recipe, before "  - parallel:" {
        what: "A step works on the unit in the nest, and no step before it puts anything in, on any path.",
        why: "The ram would meet the bare nest, the cobot would grip nothing. Put a part in before, by `pick-place`, `feed` or \
            `by-hand`; a person who puts one in is asked by `confirm`, or seen by a `wait` for a sensor of the nest, or by the step's own `check`.",
        wrong: "  - inspect: { id: bare, station: test, camera: cam_1, job: cannula-tip@4, measure: { burr: { limits: 0 .. 25 um, spec: DS-0142/7 } } }",
        right: "  - wait: { id: supply, until: air_ok, timeout: 5 s }",
    }
}

fn too_many_steps(base: &str) -> Vec<u8> {
    let step = |n: usize| format!("  - check: {{ id: c{n}, that: air_ok }}\n");
    let steps: String = (0..STEPS_MAX).map(step).collect();
    base.replacen("steps:\n", &format!("steps:\n{steps}"), 1).into_bytes()
}
