//! R04xx: conditions over signals, parameters and measurements.

use super::pages;

pages! {
    ConditionSyntax in Recipe {
        what: "The text cannot be read as a condition.",
        why: "A condition is made of signals, switches of `params:`, `and`, `or`, `not`, parentheses, and comparisons of a channel \
            or a measurement with a quantity. Signs like `&&` are not read, and `<=` is not needed: two measured values are equal by chance only.",
        wrong: "check: nest_hub_present && nest_cannula_present",
        right: "check: nest_hub_present and nest_cannula_present",
    }
    ConditionKind in Recipe, before "  - confirm: {" {
        what: "An input is compared, an analog channel stands alone, or an output stands in a condition.",
        why: "An input is on or off; a channel needs a level; an output says what was commanded, not what happened.",
        wrong: "  - check: { id: vented, station: test, that: leak_1 }",
        right: "  - check: { id: vented, station: test, that: leak_1 < 2 kPa }",
    }
    SafetySignal in Recipe {
        what: "A signal of the safety controller stands in a condition of a recipe.",
        why: "Its loss always means Aborting, at once and everywhere, and its return starts nothing. A recipe that waited \
            for it, or held on it, would decide about it. An invariant with `else: abort` may name it.",
        wrong: "- { id: air, check: air_ok and guard_ok, else: hold }",
        right: "- { id: air, check: air_ok, else: hold }",
    }    UnknownMeasurement in Recipe, before "  - confirm: {" {
        what: "No step before makes the measurement that is named: `STEP.MEASUREMENT` of a `measure:` or a `judge:`.",
        why: "A condition over nothing would always, or never, hold. The ids of steps of a sub-recipe begin with that of its \
            `use`.",
        wrong: "  - check: { id: firm, station: test, that: press-cannula.seat_forse > 100 N }",
        right: "  - check: { id: firm, station: test, that: press-cannula.seat_force > 100 N }",
    }
    NotMade in Recipe, before "  - confirm: {" {
        what: "A measurement is asked for that was not made on every way there: its step has a `when:`, or stands in \
            another branch, or the unit was rejected before.",
        why: "Without a value a condition can be neither. Ask where it was made in any case: behind the fork, or behind a step \
            without `when:`.",
        wrong: "  - inspect: { id: again, station: test, camera: cam_1, job: cannula-tip@4, measure: { burr: { limits: 0 .. 25 um, spec: DS-0142/7 } }, when: bin_closed }
  - check: { id: sharp, station: test, that: again.burr < 20 um }",
        right: "  - inspect: { id: again, station: test, camera: cam_1, job: cannula-tip@4, measure: { burr: { limits: 0 .. 25 um, spec: DS-0142/7 } } }
  - check: { id: sharp, station: test, that: again.burr < 20 um }",
    }
    Constant in Recipe {
        what: "A condition holds whatever the machine does, or never holds. Signals are tried in every combination, channels \
            over their range, measurements over their limits, outside of which no unit comes any further.",
        why: "One that always holds judges nothing and is warned about; one that never holds lets no unit pass and is an \
            error, but for a `when:`, whose step is never done. A switch of `params:` may say the same all the time.",
        wrong: "- { id: air, check: air_ok or not air_ok, else: hold }",
        right: "- { id: air, check: air_ok, else: hold }",
    }
}
