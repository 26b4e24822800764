//! Ways through a recipe: `when:`, `repeat`, conditions over parameters and measurements, handlers; as Plans, and
//! each mistake with its code at its place (`«`).

#[path = "../../recipe/tests/common/mod.rs"]
mod common;

use cellwright_model::expr::{Expr, Term};
use cellwright_model::plan::{Handler, Node, Plan, Then};
use cellwright_model::{DurationNs, StepIx};
use cellwright_recipe::{Diagnostic, Sources, compile};
use cellwright_steps::TABLE;
use common::{Files, cell, marked, once, places, repository, rows};

const RECIPE: &str = "recipes/cannula-hub/cannula-hub.recipe.yaml";
/// The step before which a case puts its text.
const BEFORE: &str = "  - inspect: {";

/// The embedded recipe with `text` before its inspection, and a boolean and a depth more among its parameters.
fn with(text: &str) -> String {
    let base = repository(RECIPE);
    let params = "  look: { default: true }\n  least: { default: 100 N }\nvariants:";
    let base =
        base.replacen("variants:", params, 1).replacen("CAN-25 }", "CAN-25, look: false, least: 90 N }", 1);
    assert_eq!(base.matches(BEFORE).count(), 1);
    base.replacen(BEFORE, &format!("{text}\n{BEFORE}"), 1)
}

fn compiled(text: &str, variant: Option<&str>) -> Result<Plan, (Vec<Diagnostic>, Sources)> {
    let mut sources = Sources::default();
    match compile(&Files::with(RECIPE, text), RECIPE, &cell(), variant, TABLE, &mut sources) {
        Ok((plan, _)) => Ok(plan),
        Err(list) => Err((list, sources)),
    }
}

fn plan(text: &str, variant: Option<&str>) -> Plan {
    compiled(&with(text), variant)
        .unwrap_or_else(|(list, sources)| panic!("{}", rows(&list, &sources).join("\n")))
}

/// Errors alone: a case that uses neither of the parameters is warned of both.
fn refused(text: &str) -> (Vec<String>, Vec<String>) {
    let (text, marks) = marked(&with(text));
    let (list, sources) = compiled(&text, None).expect_err("refused");
    let list: Vec<_> =
        list.into_iter().filter(|d| d.severity == cellwright_recipe::Severity::Error).collect();
    assert!(list.iter().all(|d| !d.help.is_empty()));
    (places(&list, &sources), marks)
}

fn when_of(text: &str, variant: Option<&str>) -> Expr {
    let plan = plan(&format!("  - check: {{ id: x, that: air_ok, when: {text} }}"), variant);
    plan.steps.iter().find(|s| s.id == "x").and_then(|s| s.when.clone()).expect("a condition")
}

fn measured(step: &str, name: &str) -> Term {
    Term::Measured { step: step.into(), name: name.into() }
}

#[test]
fn conditions_compare_signals_parameters_and_measurements() {
    let force = || measured("press-cannula", "seat_force");
    let more = |level| Expr::Less(Term::Constant(level), force());
    assert_eq!(when_of("press-cannula.seat_force > 100 N", None), more(100.0));
    assert_eq!(when_of("press-cannula.seat_force > $least", None), more(100.0));
    assert_eq!(when_of("$least < press-cannula.seat_force", Some("25g")), more(90.0));
    assert_eq!(when_of("press-cannula.seat_force > load_cell", None), {
        Expr::Less(Term::Analog(cell().analog("load_cell").unwrap()), force())
    });
    let outside = |a, b| Expr::Not(Box::new(Expr::Less(a, b)));
    let within = [outside(force(), Term::Constant(80.0)), outside(Term::Constant(140.0), force())];
    assert_eq!(when_of("press-cannula.seat_force in $seat_warn", None), Expr::And(within.into()));
    assert_eq!(when_of("$look", None), Expr::Always(true));
    assert_eq!(when_of("$look", Some("25g")), Expr::Always(false));
    assert_eq!(when_of("$seat_depth > 12.38 mm", None), Expr::Always(true));
    assert_eq!(when_of("$seat_depth > 12.38 mm", Some("25g")), Expr::Always(false));
    let unit = Expr::Less(measured("leak", "decay"), Term::Constant(2_000.0));
    assert_eq!(when_of("leak.decay < 2 kPa/s", None), unit, "in the unit of the measurement");
}

#[test]
fn wrong_conditions() {
    let cases: &[(&str, &[&str])] = &[
        ("«press-cannula.seat_forse > 100 N", &["R0404"]),
        ("«to-tray.x > 100 N", &["R0404"]),
        ("press-cannula.seat_force > «100 mm", &["R0203"]),
        ("press-cannula.seat_force > «100", &["R0201"]),
        ("press-cannula.seat_force > «leak_1", &["R0203"]),
        ("press-cannula.seat_force in «100 N", &["R0205"]),
        ("press-cannula.seat_force in «150 .. 100 N", &["R0206"]),
        ("press-cannula.seat_force > «fast", &["R0305"]),
        ("«tip.burr > 10 um", &["R0404"]),
        ("«100 N", &["R0401"]),
        ("press-cannula.seat_force > «and", &["R0401"]),
        ("«estop_ok", &["R0403"]),
        ("air_ok and «in", &["R0401"]),
    ];
    for (condition, codes) in cases {
        let (found, marks) = refused(&format!("  - check: {{ id: x, that: air_ok, when: {condition} }}"));
        let expected: Vec<_> = codes.iter().zip(marks).map(|(code, at)| format!("{code} {at}")).collect();
        assert_eq!(found, expected, "{condition}");
    }
}

const LOOK: &str = "inspect: { id: once-more, station: test, camera: cam_1, job: cannula-tip@4, \
                    measure: { burr: { limits: 0 .. 25 um, spec: DS-0142/7 } }";

#[test]
fn what_a_path_may_not_have_made_is_refused() {
    let cases = [
        // Its step may be left out.
        format!(
            "  - {LOOK}, when: $look and bin_closed }}\n  - check: {{ id: x, that: «once-more.burr < 9 um }}"
        ),
        // It is made beside the step that asks.
        format!(
            "  - parallel:\n      id: both\n      branches:\n        a: [{LOOK} }}]\n        b: [check: {{ id: x, \
             that: «once-more.burr < 9 um }}]"
        ),
    ];
    for text in &cases {
        let (found, marks) = refused(text);
        assert_eq!(found, [format!("R0405 {}", marks[0])], "{text}");
    }
    // Behind the fork, and behind the repeat, it has been made.
    plan(&cases[1].replace("«once-more.burr < 9 um", "air_ok"), None);
    let repeat =
        format!("  - repeat: {{ id: r, at_most: 3, until: once-more.burr < 9 um, steps: [{LOOK} }}] }}");
    plan(&format!("{repeat}\n  - check: {{ id: x, that: once-more.burr < 9 um }}"), None);
    // A rejected unit comes from anywhere.
    let base = repository(RECIPE);
    let bin = "to: reject_bin, check: ";
    let (text, marks) = marked(&base.replacen(bin, &format!("{bin}«press-cannula.seat_force > 1 N and "), 1));
    let (list, sources) = compiled(&text, None).expect_err("refused");
    assert_eq!(places(&list, &sources), [format!("R0405 {}", marks[0])]);
}

#[test]
fn a_repeat_is_bounded_and_reversible() {
    let node = |plan: &Plan| {
        let at = plan.body.iter().position(|n| matches!(n, Node::Repeat { .. })).expect("a repeat");
        plan.body[at].clone()
    };
    let wait = "wait: { id: w, until: air_ok, timeout: 1 s }";
    let text = format!("  - repeat: {{ id: r, at_most: 3, until: leak_1 < 1 kPa, steps: [{wait}] }}");
    let plan = plan(&text, None);
    let leak = cell().analog("leak_1").unwrap();
    let body = vec![Node::Step(StepIx(7))];
    assert_eq!(plan.steps[7].id, "w");
    let expected = Node::Repeat { id: "r".into(), at_most: 3, until: Expr::below(leak, 1_000.0), body };
    assert_eq!(node(&plan), expected);

    let repeat = |rest: &str| format!("  - repeat: {{ {rest} }}");
    let pick = "pick-place: { id: p, station: test, robot: robot_r, from: cap_tray.next, to: nest }";
    let cases = [
        (repeat(&format!("id: r, at_most: «0, until: air_ok, steps: [{wait}]")), "R0112"),
        (repeat(&format!("id: r, at_most: «1001, until: air_ok, steps: [{wait}]")), "R0112"),
        (repeat(&format!("«id: r, until: air_ok, steps: [{wait}]")), "R0102"),
        (repeat(&format!("«id: r, at_most: 3, steps: [{wait}]")), "R0102"),
        (repeat("id: r, at_most: 3, until: air_ok, steps: «[]"), "R0109"),
        (repeat(&format!("id: r, at_most: 3, until: air_ok, steps: [«{pick}]")), "R0815"),
        (repeat(&format!("id: r, at_most: 3, until: «guard_ok, steps: [{wait}]")), "R0403"),
        (
            repeat(&format!(
                "id: r, at_most: 100, until: air_ok, steps: [repeat: {{ id: s, at_most: «11, until: air_ok, \
                 steps: [{wait}] }}]"
            )),
            "R0112",
        ),
    ];
    for (text, code) in cases {
        let (found, marks) = refused(&text);
        assert_eq!(found, [format!("{code} {}", marks[0])], "{text}");
    }
}

#[test]
fn every_path_has_its_parts_and_its_end() {
    let base = repository(RECIPE);
    let told = |from: &str, to: &str| {
        let (text, marks) = marked(&once(&base, from, to));
        let (list, sources) = compiled(&text, None).expect_err("refused");
        (places(&list, &sources), marks)
    };
    let (found, marks) = told("- unload: { id: to-tray,", "- «unload: { id: to-tray, when: air_ok,");
    assert_eq!(found, [format!("R0812 {}", marks[0])]);
    let (found, _) = told("check: nest_hub_present, timeout: 8 s", "check: nest_hub_present, when: air_ok");
    assert_eq!(found, ["R0816 26:44"], "the hub is scanned in any case");
}

#[test]
fn one_form_of_handler() {
    let plan = plan(
        "  - check: { id: x, that: air_ok, on_fail: ask, on_fault: reject }\n  - check: { id: y, that: air_ok, \
         on_fail: { retry: 2, after: 1 s, then: ask }, on_fault: { retry: 1, then: reject } }",
        None,
    );
    let of = |id: &str| plan.steps.iter().find(|s| s.id == id).map(|s| (s.on_fail, s.on_fault));
    assert_eq!(of("x"), Some((Handler::Ask, Handler::Reject)));
    let after = DurationNs::from_millis(1_000);
    let failed = Handler::Retry { times: 2, after, then: Then::Ask };
    assert_eq!(
        of("y"),
        Some((failed, Handler::Retry { times: 1, after: DurationNs(0), then: Then::Reject }))
    );
    assert_eq!(of("tip"), Some((Handler::Reject, Handler::Ask)), "as it is without them");
    let (found, marks) = refused("  - check: { id: x, that: air_ok, on_fail: «skip }");
    assert_eq!(found, [format!("R0105 {}", marks[0])]);
}
