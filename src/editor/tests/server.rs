//! A session without its wire: files are opened and changed, and what is asked is answered.

use std::path::{Path, PathBuf};

use cellwright_editor::{Disk, Error, Server};
use cellwright_recipe::FileSource;
use proptest::prelude::*;
use serde_json::{Value, json};

const RECIPE: &str = "recipes/cannula-hub/cannula-hub.recipe.yaml";
const FEED: &str = "recipes/cannula-hub/feed-cannula.recipe.yaml";
const CELL: &str = "cells/cannula-cell/cell.yaml";
const TEST: &str = "recipes/cannula-hub/cannula-hub.test.yaml";
const SCENARIO: &str = "hil-tests/scenarios/grip-missed.scenario.yaml";

struct OfMachine;

impl FileSource for OfMachine {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        std::fs::read(path).map_err(|e| e.to_string())
    }
}

impl Disk for OfMachine {
    fn names(&self, folder: &str) -> Vec<String> {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        entries.filter_map(|e| e.file_name().into_string().ok()).collect()
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the repository")
}

fn uri(path: &str) -> String {
    format!("file://{}/{path}", root().display())
}

fn shipped(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).expect(path)
}

/// A server with one file open.
fn opened(path: &str, text: &str) -> Server<OfMachine> {
    let cell = root().join("cells/cannula-cell").display().to_string();
    let mut server = Server::new(OfMachine, cell, vec!["drive", "grip-failed", "safety-input", "step-fault"]);
    open(&mut server, path, text);
    server
}

fn open(server: &mut Server<OfMachine>, path: &str, text: &str) {
    let document = json!({ "uri": uri(path), "languageId": "yaml", "version": 1, "text": text });
    assert!(server.notify("textDocument/didOpen", json!({ "textDocument": document })));
}

fn change(server: &mut Server<OfMachine>, path: &str, text: &str) {
    let document = json!({ "uri": uri(path), "version": 2 });
    let changes = json!([{ "text": text }]);
    assert!(
        server
            .notify("textDocument/didChange", json!({ "textDocument": document, "contentChanges": changes }))
    );
}

/// (file, code, line, column in UTF-16) of each diagnostic.
fn told(server: &mut Server<OfMachine>) -> Vec<(String, String, u64, u64)> {
    let mut all = Vec::new();
    for of_file in server.check() {
        let path = of_file.uri.as_str().rsplit('/').next().unwrap_or_default().to_owned();
        for d in json!(of_file.diagnostics).as_array().expect("a list") {
            let start = &d["range"]["start"];
            let place = |what: &str| start[what].as_u64().expect("a number");
            let code = d["code"].as_str().expect("a code").to_owned();
            all.push((path.clone(), code, place("line"), place("character")));
        }
    }
    all
}

/// The text without its `‸`, and the place of that.
fn marked(text: &str) -> (String, Value) {
    let at = text.find('‸').expect("a mark");
    let line = text[..at].matches('\n').count();
    let start = text[..at].rfind('\n').map_or(0, |n| n + 1);
    let character = text[start..at].encode_utf16().count();
    (text.replacen('‸', "", 1), json!({ "line": line, "character": character }))
}

fn ask(server: &Server<OfMachine>, method: &str, path: &str, at: &Value) -> Value {
    let params = json!({ "textDocument": { "uri": uri(path) }, "position": at });
    server.request(method, params).expect(method)
}

/// What is asked at the mark of a shipped file in which `from` is `to`.
fn asked(method: &str, path: &str, from: &str, to: &str) -> Value {
    let base = shipped(path);
    assert_eq!(base.matches(from).count(), 1, "{from}");
    let (text, at) = marked(&base.replacen(from, to, 1));
    ask(&opened(path, &text), method, path, &at)
}

fn labels(path: &str, from: &str, to: &str) -> Vec<String> {
    let items = asked("textDocument/completion", path, from, to);
    items
        .as_array()
        .expect("a list")
        .iter()
        .map(|i| i["label"].as_str().expect("a label").to_owned())
        .collect()
}

#[test]
fn diagnostics_come_and_go_with_the_text() {
    let text = shipped(RECIPE);
    let mut server = opened(RECIPE, &text);
    assert_eq!(told(&mut server), []);
    change(&mut server, RECIPE, &text.replace("axis: press_z", "axis: pres_z"));
    let told_now = told(&mut server);
    let line = text.lines().position(|l| l.contains("axis: press_z")).expect("there") as u64;
    assert_eq!(told_now, [("cannula-hub.recipe.yaml".into(), "R0302".into(), line, 12)]);
    change(&mut server, RECIPE, &text);
    assert_eq!(told(&mut server), []);
}

/// Columns are counted as editors count: a character beyond the first plane is two.
#[test]
fn places_are_utf16() {
    let text = shipped(RECIPE).replace("prompt: No visible damage", "prompt: \"😀 ok\", answer: x");
    let places = told(&mut opened(RECIPE, &text));
    let line = text.lines().find(|l| l.contains('😀')).expect("there");
    let column = line[..line.find("answer:").expect("there")].encode_utf16().count() as u64;
    assert!(places.iter().any(|(_, code, _, c)| code == "R0101" && *c == column), "{places:?}");
}

#[test]
fn a_sub_recipe_is_checked_in_its_recipe_and_both_are_told() {
    let text = shipped(FEED).replace("from: lane_$lane", "from: line_$lane");
    let told = told(&mut opened(FEED, &text));
    assert!(
        told.iter().any(|(file, code, ..)| file == "feed-cannula.recipe.yaml" && code == "R0310"),
        "{told:?}"
    );
}

/// A recipe that is just begun is one; a sub-recipe that nobody beside it uses is told as `check` tells it.
#[test]
fn what_is_begun_is_checked_and_completed() {
    let mut begun = opened("recipes/cannula-hub/new.recipe.yaml", "recipe: 1\nid: new\n");
    let codes: Vec<_> = told(&mut begun).into_iter().map(|(_, code, ..)| code).collect();
    assert!(!codes.is_empty() && codes.iter().all(|c| c == "R0102"), "{codes:?}");
    let at = json!({ "line": 2, "character": 0 });
    let items = ask(&begun, "textDocument/completion", "recipes/cannula-hub/new.recipe.yaml", &at);
    let labels: Vec<_> = items.as_array().expect("a list").iter().map(|i| i["label"].clone()).collect();
    assert!(labels.contains(&json!("on_reject")) && !labels.contains(&json!("id")), "{labels:?}");
    let mut alone = opened("hil-tests/feed-cannula.recipe.yaml", &shipped(FEED));
    assert!(told(&mut alone).iter().any(|(_, code, ..)| code == "R0607"));
}

#[test]
fn a_cell_and_its_plant_are_checked_where_they_are() {
    let text = shipped(CELL).replace("home: 0 mm\n  press_z", "home: 500 mm\n  press_z");
    assert!(
        told(&mut opened(CELL, &text)).iter().any(|(file, code, ..)| file == "cell.yaml" && code == "R0908")
    );
    let plant = "cells/cannula-cell/plant.yaml";
    let text = shipped(plant).replace("entry: 15 N", "entry: 15 mm");
    assert!(
        told(&mut opened(plant, &text))
            .iter()
            .any(|(file, code, ..)| file == "plant.yaml" && code == "R0203")
    );
    // A recipe that is open is checked against the cell that is open.
    let mut server = opened(RECIPE, &shipped(RECIPE));
    open(&mut server, CELL, &shipped(CELL).replace("travel: -1 .. 62 mm", "travel: -1 .. 50 mm"));
    assert!(told(&mut server).iter().any(|(file, code, ..)| file.contains("cannula-hub") && code == "R0702"));
}

#[test]
fn completion_knows_what_may_stand_there() {
    let steps = labels(RECIPE, "  - confirm: {", "  - con‸: {");
    assert!(steps.contains(&"confirm".into()) && steps.contains(&"parallel".into()), "{steps:?}");
    let new_step = labels(RECIPE, "on_reject:  ", "  - ‸\non_reject:  ");
    assert!(new_step.contains(&"leak-test".into()), "{new_step:?}");
    let fields = labels(RECIPE, "      stabilise: 1 s\n", "      st‸\n");
    assert!(fields.contains(&"stabilise".into()) && !fields.contains(&"channel".into()), "{fields:?}");
    let in_flow = labels(RECIPE, "zero: { within: 2 N }", "zero: { ‸ }");
    assert_eq!(in_flow, ["within"]);
    let axes = labels(RECIPE, "axis: press_z", "axis: ‸");
    assert!(axes.contains(&"press_z".into()) && !axes.contains(&"load_cell".into()), "{axes:?}");
    let signals =
        labels(RECIPE, "check: nest_hub_present and nest_cannula_present", "check: nest_hub_present and ‸");
    assert!(
        signals.contains(&"nest_cannula_present".into()) && !signals.contains(&"estop_ok".into()),
        "{signals:?}"
    );
    let poses =
        labels(RECIPE, "  - confirm: {", "  - move: { id: m, robot: robot_l, pose: ‸ }\n  - confirm: {");
    assert!(poses.contains(&"load.above".into()) && !poses.contains(&"test".into()), "{poses:?}");
    let params = labels(RECIPE, "depth: $seat_depth", "depth: $‸");
    assert!(params.contains(&"$seat_depth".into()), "{params:?}");
    let units = labels(RECIPE, "velocity: 60 mm/s", "velocity: 60 ‸");
    assert_eq!(units, ["mm/s", "m/s", "mm/min"]);
    let words = labels(RECIPE, "on_hold: finish", "on_hold: ‸");
    assert!(words.contains(&"stop".into()) && words.contains(&"finish".into()), "{words:?}");
    assert_eq!(
        labels(RECIPE, "recipe: feed-cannula@1", "recipe: ‸"),
        ["feed-cannula@1", "$seat_depth", "$seat_force", "$seat_warn", "$cannula"]
    );
    assert_eq!(labels(RECIPE, "with: { lane: 2 }", "with: { ‸ }"), ["lane"]);
    const ORDER: &str = "recipes/cannula-hub/demo.order.yaml";
    assert_eq!(labels(ORDER, "quantity: 4 ", "variant: ‸\nquantity: 4 "), ["25g"]);
    assert_eq!(labels(ORDER, "recipe: cannula-hub.recipe.yaml", "recipe: ‸"), ["cannula-hub.recipe.yaml"]);
    let set = "due: 2027-01-29";
    let params = labels(ORDER, set, &format!("sets: [{{ serials: [IS0417-0002], params: {{ ‸ }} }}]\n{set}"));
    assert_eq!(params, ["seat_depth", "seat_force", "seat_warn", "cannula"]);
    // A text that is broken further down is completed all the same.
    let broken = labels(RECIPE, "axis: driver_1", "axis: ‸\n      x: [");
    assert!(broken.contains(&"driver_1".into()), "{broken:?}");
}

/// A test file and a scenario file are checked with the cell and the recipe that they name, whatever cell the server has.
#[test]
fn tests_and_scenarios_are_checked_with_their_machine() {
    const BENCH: &str = "recipes/press-fit/press-fit.test.yaml";
    for path in [TEST, BENCH, SCENARIO] {
        assert_eq!(told(&mut opened(path, &shipped(path))), [], "{path}");
    }
    let codes = |path: &str, from: &str, to: &str| -> Vec<(String, String)> {
        let base = shipped(path);
        assert_eq!(base.matches(from).count(), 1, "{from}");
        let told = told(&mut opened(path, &base.replacen(from, to, 1)));
        told.into_iter().map(|(file, code, ..)| (file, code)).collect()
    };
    let of_test = |code: &str| vec![("cannula-hub.test.yaml".to_owned(), code.to_owned())];
    assert_eq!(codes(TEST, "at: { step: place-cap }", "at: { step: place-cup }"), of_test("R1101"));
    assert_eq!(codes(TEST, "code: drive, first_out", "code: drives, first_out"), of_test("R1103"));
    assert_eq!(
        codes(SCENARIO, "code: grip-failed", "code: grip"),
        [("grip-missed.scenario.yaml".to_owned(), "R1103".to_owned())]
    );
    // Its cell is open, by a shorter path than the one from the test file.
    let mut server = opened(TEST, &shipped(TEST));
    open(&mut server, CELL, &shipped(CELL).replace("travel: -1 .. 62 mm", "travel: -1 .. 50 mm"));
    let told = told(&mut server);
    assert!(
        told.iter().any(|(file, code, ..)| file == "cannula-hub.recipe.yaml" && code == "R0702"),
        "{told:?}"
    );
}

/// From a test file into the recipe that it names, and through that into its sub-recipes.
#[test]
fn definitions_lead_from_a_test_into_its_recipe() {
    let leads = |test: &str, from: &str, to: &str| {
        let place = asked("textDocument/definition", test, from, to);
        let at = |what: &str| place["range"]["start"][what].as_u64().unwrap_or(u64::MAX) as usize;
        let uri = place["uri"].as_str().unwrap_or_default();
        let path = [RECIPE, FEED, CELL].into_iter().find(|p| uri.ends_with(p)).unwrap_or_default();
        let line = if path.is_empty() { String::new() } else { shipped(path) };
        let line = line.lines().nth(at("line")).unwrap_or_default().chars().skip(at("character"));
        format!("{} {}", path.rsplit('/').next().unwrap_or_default(), line.take(24).collect::<String>())
    };
    let recipe = "cannula-hub.recipe.yaml";
    let step = leads(TEST, "at: { step: place-cap }", "at: { step: place‸-cap }");
    assert_eq!(step, format!("{recipe} place-cap, station: clos"));
    let path = "path: [feed/push, place-hub, id-hub, { step: press-cannula, outcome: failed }, to-bin]";
    let marked = path.replacen("feed/push", "feed/pu‸sh", 1);
    assert_eq!(leads(TEST, path, &marked), "feed-cannula.recipe.yaml push, station: load, fro");
    let marked = path.replacen("step: press-cannula", "step: press-‸cannula", 1);
    assert_eq!(leads(TEST, path, &marked), format!("{recipe} press-cannula"));
    let marked = path.replacen("to-bin", "to-‸bin", 1);
    assert_eq!(leads(TEST, path, &marked), format!("{recipe} to-bin, robot: robot_r, "));
    let answers = leads(TEST, "answers: { look: ng }", "answers: { lo‸ok: ng }");
    assert_eq!(answers, format!("{recipe} look, station: test, pro"));
    let measured = leads(TEST, "measurements: { tip.burr: {", "measurements: { tip.b‸urr: {");
    assert_eq!(measured, format!("{recipe} burr: {{ limits: 0 .. 25 "));
    let component = leads(TEST, "parts: { cannula: burr }", "parts: { can‸nula: burr }");
    assert_eq!(component, format!("{recipe} cannula: {{ part: $cannul"));
    let file = leads(TEST, "recipe: cannula-hub.recipe.yaml", "recipe: cannula-‸hub.recipe.yaml");
    assert_eq!(file, format!("{recipe} # Infusion set, cannula "));
    assert_eq!(leads(SCENARIO, "code: grip-failed", "code: grip-‸failed"), " ");
    assert_eq!(leads(TEST, "at: { step: place-cap }", "at: { step: no-‸such }"), " ");
}

#[test]
fn completion_knows_what_a_test_may_name() {
    let steps = labels(TEST, "at: { step: place-cap }", "at: { step: ‸ }");
    assert!(steps.contains(&"place-cap".into()) && steps.contains(&"feed/push".into()), "{steps:?}");
    assert_eq!(labels(TEST, "code: grip-failed", "code: ‸").len(), 4);
    let components = labels(TEST, "parts: { cannula: burr }", "parts: { ‸ }");
    assert!(components.contains(&"hub".into()) && !components.contains(&"nest".into()), "{components:?}");
    let defects = labels(TEST, "parts: { cannula: burr }", "parts: { cannula: ‸ }");
    assert!(defects.contains(&"good".into()) && defects.contains(&"burr".into()), "{defects:?}");
    let measured = labels(TEST, "measurements: { tip.burr: {", "measurements: { ‸: {");
    assert!(measured.contains(&"leak.decay".into()), "{measured:?}");
    assert_eq!(
        labels(TEST, "about: The thinner cannula", "variant: ‸\n    about: The thinner cannula"),
        ["25g"]
    );
    let acts = labels(TEST, "do: [{ wait: 100 ms }", "do: [{ ‸ }");
    assert!(acts.contains(&"estop".into()) && acts.contains(&"fault".into()), "{acts:?}");
    let steps = labels(SCENARIO, "at: { question: decision }", "at: { ended: ‸ }");
    assert!(steps.contains(&"press-cannula".into()), "{steps:?}");
    // The bench's axes, not those of the server's cell.
    let at = "at: { step: press-cannula }, do: [{ wait: 1 s }";
    let axes = labels("recipes/press-fit/press-fit.test.yaml", at, "at: now, do: [{ axis: { name: ‸ } }");
    assert!(axes.contains(&"press_z".into()) && !axes.contains(&"feeder_x".into()), "{axes:?}");
}

#[test]
fn a_completion_replaces_the_word_that_was_begun() {
    let items = asked("textDocument/completion", RECIPE, "axis: press_z", "axis: pre‸");
    let item = items.as_array().expect("a list").iter().find(|i| i["label"] == "press_z").expect("press_z");
    assert_eq!(item["textEdit"]["newText"], "press_z");
    let range = &item["textEdit"]["range"];
    assert_eq!(
        (range["start"]["character"].as_u64(), range["end"]["character"].as_u64()),
        (Some(12), Some(15))
    );
}

#[test]
fn hovers_have_the_limits_of_the_cell_and_the_fields_line() {
    let says = |path: &str, from: &str, to: &str| {
        let hover = asked("textDocument/hover", path, from, to);
        hover["contents"]["value"].as_str().unwrap_or_default().to_owned()
    };
    let axis = says(RECIPE, "axis: press_z", "axis: pres‸s_z");
    assert!(axis.contains("travel -1 .. 62 mm") && axis.contains("200 mm/s"), "{axis}");
    let to = says(RECIPE, "approach: { to: 38.0 mm", "approach: { t‸o: 38.0 mm");
    assert!(to.contains("Axis coordinate") && to.contains("travel -1 .. 62 mm"), "{to}");
    let force = says(RECIPE, "max_force: 180 N", "max_force: 18‸0 N");
    assert!(force.contains("trusted within -50 .. 500 N"), "{force}");
    let kind = says(RECIPE, "  - leak-test:", "  - leak-‸test:");
    assert!(kind.contains("Pressure decay") && kind.contains("`stabilise`"), "{kind}");
    let param = says(RECIPE, "depth: $seat_depth", "depth: $seat_‸depth");
    assert!(param.contains("12.40 mm"), "{param}");
    let cell = says(CELL, "consecutive_ng_max: 5", "consec‸utive_ng_max: 5");
    assert!(cell.contains("Hold"), "{cell}");
}

#[test]
fn definitions_lead_to_the_name() {
    let leads = |from: &str, to: &str| {
        let place = asked("textDocument/definition", RECIPE, from, to);
        let file =
            place["uri"].as_str().unwrap_or_default().rsplit('/').next().unwrap_or_default().to_owned();
        let line = place["range"]["start"]["line"].as_u64().unwrap_or(u64::MAX) as usize;
        let path = match file.as_str() {
            "cell.yaml" => CELL,
            "feed-cannula.recipe.yaml" => FEED,
            _ => RECIPE,
        };
        (file, shipped(path).lines().nth(line).unwrap_or_default().trim().to_owned())
    };
    assert!(leads("depth: $seat_depth", "depth: $se‸at_depth").1.starts_with("seat_depth:"));
    assert!(leads("component: hub, at", "component: h‸ub, at").1.starts_with("hub:"));
    assert_eq!(leads("axis: press_z", "axis: pres‸s_z"), ("cell.yaml".into(), "press_z:".into()));
    assert!(
        leads("check: nest_cap_present", "check: nest_cap_pre‸sent").1.starts_with("close.nest_cap_present")
    );
    assert!(leads("cap_tray.next", "cap_tr‸ay.next").1.starts_with("cap_tray:"));
    assert_eq!(leads("feed-cannula@1", "feed-can‸nula@1").0, "feed-cannula.recipe.yaml");
}

/// Every quick fix of a mistake, and that the first one heals it.
fn heals(from: &str, to: &str, titles: &[&str]) {
    let text = shipped(RECIPE).replacen(from, to, 1);
    let mut server = opened(RECIPE, &text);
    server.check();
    let all = json!({ "start": { "line": 0, "character": 0 }, "end": { "line": 999, "character": 0 } });
    let params =
        json!({ "textDocument": { "uri": uri(RECIPE) }, "range": all, "context": { "diagnostics": [] } });
    let actions = server.request("textDocument/codeAction", params).expect("answered");
    let actions = actions.as_array().expect("a list").clone();
    let found: Vec<_> = actions.iter().map(|a| a["title"].as_str().unwrap_or_default()).collect();
    assert_eq!(found[..titles.len().min(found.len())], *titles, "{to}");
    let edit = &actions[0]["edit"]["changes"][uri(RECIPE)][0];
    let at = |end: &str| {
        let place = &edit["range"][end];
        let line = place["line"].as_u64().expect("a line") as usize;
        let start: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
        start + place["character"].as_u64().expect("a column") as usize
    };
    let new = edit["newText"].as_str().expect("a text");
    let healed = format!("{}{new}{}", &text[..at("start")], &text[at("end")..]);
    change(&mut server, RECIPE, &healed);
    assert_eq!(told(&mut server), [], "{to}: {healed}");
}

#[test]
fn quick_fixes_heal() {
    heals("axis: press_z", "axis: pres_z", &["write `press_z`"]);
    heals("  - confirm: {", "  - confrim: {", &["write `confirm`"]);
    heals("      stabilise: 1 s", "      stabilize: 1 s", &["write `stabilise`"]);
    heals("velocity: 60 mm/s", "velocity: 60", &["write `60 mm/s`", "write `60 m/s`", "write `60 mm/min`"]);
    heals("velocity: 60 mm/s", "velocity: 60 mm/z", &["write `60 mm/s`"]);
    heals(
        "DS-0142/4.2, spc: true",
        "DS-0142/4.2, spc: yes",
        &["write `true`", "write `false`", "write `\"yes\"`"],
    );
    heals("from: hub_tray.next", "from: hub_try.next", &["write `hub_tray.next`"]);
    heals("depth: $seat_depth", "depth: $seat_dept", &["write `$seat_depth`"]);
    heals("to: good_tray.next", "to: good_tray", &["write `good_tray.next`"]);
}

#[test]
fn formatting_is_that_of_fmt() {
    let text = shipped(RECIPE).replace("snug: 0.10 N·m", "snug:   0.10Nm");
    let server = opened(RECIPE, &text);
    let params =
        json!({ "textDocument": { "uri": uri(RECIPE) }, "options": { "tabSize": 2, "insertSpaces": true } });
    let edits = server.request("textDocument/formatting", params.clone()).expect("answered");
    assert_eq!(edits[0]["newText"].as_str().expect("a text"), shipped(RECIPE));
    let edits = opened(RECIPE, &shipped(RECIPE)).request("textDocument/formatting", params.clone());
    assert_eq!(edits.expect("answered"), json!([]));
    let broken = opened(RECIPE, "a: [").request("textDocument/formatting", params);
    assert!(matches!(broken, Err(Error::Failed(_))));
}

#[test]
fn what_is_not_known_is_refused_and_nothing_else_happens() {
    let mut server = opened(RECIPE, &shipped(RECIPE));
    assert!(matches!(server.request("textDocument/rename", json!({})), Err(Error::UnknownMethod)));
    let text = json!({ "textDocument": { "uri": uri(RECIPE) } });
    let back = json!({ "textDocument": { "uri": uri(RECIPE) }, "position": { "line": -1, "character": 0 } });
    for wrong in
        [json!(7), json!(null), json!([]), json!({}), json!({ "textDocument": { "uri": 5 } }), text, back]
    {
        for method in ["hover", "completion", "definition", "codeAction"] {
            let answer = server.request(&format!("textDocument/{method}"), wrong.clone());
            assert!(matches!(answer, Err(Error::Params(_))), "{method} {wrong}");
        }
    }
    let closed = json!({ "textDocument": { "uri": uri(FEED) }, "position": { "line": 0, "character": 0 } });
    assert!(matches!(server.request("textDocument/hover", closed), Err(Error::Failed(_))));
    assert!(!server.notify("textDocument/didOpen", json!([])) && !server.notify("$/other", json!(null)));
    // A file of another name is nobody's.
    open(&mut server, "notes.yaml", "a: [");
    assert_eq!(told(&mut server), []);
    let start = json!({ "line": 0, "character": 0 });
    assert_eq!(ask(&server, "textDocument/hover", "notes.yaml", &start), Value::Null);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Any text, any place: an answer, never a panic.
    #[test]
    fn any_text_is_answered(
        changes in proptest::collection::vec((0.0..1.0f64, 0usize..9, "[ \\-:{}#,\\[\\]\n\"'|>a$.é😀\t\r\u{feff}\u{85}\u{2028}&*!?%]{0,4}"), 1..5),
        line in 0u64..90,
        character in 0u64..170,
        file in 0usize..5,
    ) {
        let path = [RECIPE, FEED, CELL, TEST, SCENARIO][file];
        let mut text: Vec<char> = shipped(path).chars().collect();
        for (at, gone, piece) in changes {
            let at = (at * text.len() as f64) as usize;
            let end = (at + gone).min(text.len());
            text.splice(at..end, piece.chars());
        }
        let text: String = text.into_iter().collect();
        let mut server = opened(path, &text);
        server.check();
        let at = json!({ "line": line, "character": character });
        for method in ["hover", "completion", "definition"] {
            ask(&server, &format!("textDocument/{method}"), path, &at);
        }
        let range = json!({ "start": at, "end": at });
        let params = json!({ "textDocument": { "uri": uri(path) }, "range": range, "context": { "diagnostics": [] } });
        prop_assert!(server.request("textDocument/codeAction", params).is_ok());
    }
}
