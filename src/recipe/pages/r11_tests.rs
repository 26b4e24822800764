//! R11xx: test files.

use super::pages;

pages! {
    TestStep in Test {
        what: "A test names a step that its recipe does not have.",
        why: "A moment that never comes, or an end that cannot be expected, is a test of nothing. Steps of a sub-recipe have \
            the id of the `use` step before their own: `feed/push`.",
        wrong: "answers: { lok: ng }",
        right: "answers: { look: ng }",
    }
    TestMeasurement in Test {
        what: "A test expects a measurement that its recipe does not make.",
        why: "Measurements are named as in conditions, by step and name, and only what a step lists under `measure:` is there.",
        wrong: "press-cannula.seat_depth: { verdict: pass, within: 80 .. 140 N }",
        right: "press-cannula.seat_force: { verdict: pass, within: 80 .. 140 N }",
    }
    TestAlarm in Test {
        what: "A test names an alarm that the cell cannot raise.",
        why: "Alarms are named by the words of the catalogue; `cellwright alarms` prints them.",
        wrong: "alarms: [{ code: grip-missed, first_out: true, place: place-cap }]",
        right: "alarms: [{ code: grip-failed, first_out: true, place: place-cap }]",
    }
    TestPart in Test {
        what: "A test gives a bad part that there is not: the component has no such defect, or the plant has no such material.",
        why: "The twin makes bad parts of the kinds that plant.yaml names under `defects:`; any other would be a good one.",
        wrong: "parts: { cap: hub_oversize }",
        right: "parts: { cap: leaky_seal }",
    }
    TestAnswer in Test {
        what: "A test answers what the step does not offer, or a step that asks nobody.",
        why: "The controller refuses such an answer, and the step waits until its timeout.",
        wrong: "answers: { look: nok }",
        right: "answers: { look: ng }",
    }
    NotMet in Test {
        what: "A test was played, and something else came than it expects.",
        why: "Recipe, cell or plant do not do what the test says of them; or what came is right, and the test is out of date.",
        wrong: "counts: { hub_tray: 2, lane_2: 1, cap_tray: 1, good_tray: 1, reject_bin: 0 }",
        right: "counts: { hub_tray: 1, lane_2: 1, cap_tray: 1, good_tray: 1, reject_bin: 0 }",
    }
}
