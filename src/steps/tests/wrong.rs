//! Wrong recipes: each mistake has its code and its exact place. A case changes one piece of the embedded
//! recipe; `«` marks where the diagnostic must point.

#[path = "../../recipe/tests/common/mod.rs"]
mod common;

use cellwright_recipe::{Severity, Sources, compile, json_rows, render};
use cellwright_steps::TABLE;
use common::{Files, cell, marked, once, repository, rows};

const RECIPE: &str = "recipes/cannula-hub/cannula-hub.recipe.yaml";
const FEED: &str = "recipes/cannula-hub/feed-cannula.recipe.yaml";

/// Diagnostics of a text in the place of the file `path`: all rows, and (code, place) of each.
fn diagnose(path: &str, text: &str) -> (Vec<String>, Vec<(String, String)>) {
    let mut sources = Sources::default();
    let list = match compile(&Files::with(path, text), RECIPE, &cell(), None, TABLE, &mut sources) {
        Ok((_, warnings)) => warnings,
        Err(list) => list,
    };
    let drawn = render(&list, &sources);
    assert!(list.iter().all(|d| drawn.contains(d.code.as_str())), "{drawn}");
    let places = list.iter().map(|d| {
        let (start, _) = sources.places(d.span);
        (d.code.as_str().to_string(), format!("{}:{}", start.line, start.column))
    });
    assert!(list.iter().all(|d| !d.message.is_empty() && !d.help.is_empty()));
    (rows(&list, &sources), places.collect())
}

/// One case: in `path`, `from` becomes `to`, and the diagnostics are exactly `codes` at the marks.
fn case(path: &str, from: &str, to: &str, codes: &[&str]) -> Result<(), String> {
    let base = repository(path);
    if base.matches(from).count() != 1 {
        return Err(format!("`{from}` stands {} times in {path}", base.matches(from).count()));
    }
    let (text, places) = marked(&base.replacen(from, to, 1));
    let (rows, found) = diagnose(path, &text);
    let expected: Vec<_> = codes.iter().map(|c| c.to_string()).zip(places.iter().cloned()).collect();
    if codes.len() != places.len() || found != expected {
        return Err(format!("`{to}`\n  expected {expected:?}\n  found {}", rows.join("\n        ")));
    }
    Ok(())
}

fn all(path: &str, cases: &[(&str, &str, &[&str])]) {
    let failed: Vec<_> =
        cases.iter().filter_map(|(from, to, codes)| case(path, from, to, codes).err()).collect();
    assert!(failed.is_empty(), "{} of {} cases:\n{}", failed.len(), cases.len(), failed.join("\n"));
}

type Case<'a> = (&'a str, &'a str, &'a [&'a str]);

#[test]
fn yaml_beyond_the_strict_kind() {
    let cases: &[Case<'_>] = &[
        ("part: HUB-23", "part: «&hub HUB-23", &["R0006"]),
        ("part: CAP-07", "part: «*hub", &["R0007"]),
        ("check: nest_cap_present", "check: «!nest_cap_present", &["R0008"]),
        ("      axis: press_z", "      «<<: { a: b }\n      axis: press_z", &["R0009"]),
        ("      axis: driver_1", "      axis: driver_1\n      «axis: driver_1", &["R0010"]),
        ("DS-0142/5.1, spc: true", "DS-0142/5.1, spc: «yes", &["R0011"]),
        ("answers: [ok, ng,", "answers: [ok, «no,", &["R0011"]),
        ("DS-0142/5.1, spc: true", "DS-0142/5.1, spc: «True", &["R0011"]),
        ("      stabilise: 1 s", "      «stabilise:", &["R0014"]),
        ("      stabilise: 1 s", "      stabilise: «~", &["R0014"]),
        ("      stabilise: 1 s", "      stabilise: «\t1 s", &["R0004"]),
        ("steps:\n", "«---\nsteps:\n", &["R0013"]),
        ("zero: { within: 2 N }", "zero: { within: 2 N «]", &["R0005"]),
        ("# Infusion", "«%YAML 1.1\n# Infusion", &["R0015"]),
        ("zero: { within: 2 N }", "zero: { «[a]: 2 N }", &["R0016"]),
    ];
    all(RECIPE, cases);
}

#[test]
fn structure_and_words() {
    let cases: &[Case<'_>] = &[
        ("      on_hold: finish", "      «on_holt: finish", &["R0101"]),
        ("      id: leak\n      station", "      «station", &["R0102"]),
        ("recipe: 1 ", "recipe: «2 ", &["R0110"]),
        ("version: 3.2.0", "version: «3.2", &["R0111"]),
        ("on_hold: finish", "on_hold: «pause", &["R0105"]),
        ("on_hold: finish", "after_restart: «maybe", &["R0105"]),
        ("on_hold: finish", "after_restart: «redo", &["R0820"]),
        ("on_hold: finish", "after_restart: «verify-then-skip", &["R0820"]),
        ("check: nest_cap_present }", "check: nest_cap_present, after_restart: «redo }", &["R0820"]),
        ("check: nest_cap_present }", "after_restart: «verify-then-skip }", &["R0820"]),
        ("      stabilise: 1 s", "      after_restart: «verify-then-skip\n      stabilise: 1 s", &["R0820"]),
        (
            "windows:                             # judged every cycle, the whole curve kept\n        - { depth: 10.0 .. 12.0 mm, force: 20 .. 140 N }",
            "windows: «5",
            &["R0103"],
        ),
        ("{ retry: 1, after", "{ retry: «0, after", &["R0112"]),
        ("{ retry: 1, after", "{ retry: «many, after", &["R0104"]),
        ("id: id-hub", "id: «place-hub", &["R0107"]),
        ("id: seal-cap", "id: «seal cap", &["R0106"]),
        ("cell: cannula-cell", "cell: «cannula-cel", &["R0701"]),
        ("  - confirm: {", "  - «confrim: {", &["R0313"]),
        ("  - confirm: {", "  - «[confirm]: {", &["R0016"]),
    ];
    all(RECIPE, cases);
}

#[test]
fn quantities() {
    let cases: &[Case<'_>] = &[
        ("velocity: 60 mm/s", "velocity: «60", &["R0201"]),
        ("velocity: 60 mm/s", "velocity: «60 mm/sec", &["R0202"]),
        ("velocity: 60 mm/s", "velocity: «60 deg/s", &["R0203"]),
        ("velocity: 60 mm/s", "velocity: «fast", &["R0204"]),
        ("between: 39.0 .. 41.5 mm", "between: «39.0 mm", &["R0205"]),
        ("between: 39.0 .. 41.5 mm", "between: «41.5 .. 39.0 mm", &["R0206"]),
        ("velocity: 60 mm/s", "velocity: «0 mm/s", &["R0207"]),
        ("snug: 0.10 N·m", "snug: «0.10 N", &["R0203"]),
        ("within: 2 N }", "within: «-2 N }", &["R0207"]),
        ("test: 2 s", "test: «2 min .. 3 min", &["R0204"]),
        ("test: 2 s", "test: «99999999 s", &["R0112"]),
    ];
    all(RECIPE, cases);
}

/// A sensor at a station is known there by its short name, and each refusal says what to write.
#[test]
fn names_of_sensors_at_stations() {
    let help = |from: &str, to: &str| {
        let text = repository(RECIPE).replacen(from, to, 1);
        let mut sources = Sources::default();
        let list = compile(&Files::with(RECIPE, text), RECIPE, &cell(), None, TABLE, &mut sources);
        list.expect_err("refused").into_iter().map(|d| d.help).collect::<Vec<_>>().join("; ")
    };
    let press = "check: nest_hub_present and";
    assert_eq!(help(press, "check: nest_hub_presnt and"), "did you mean `nest_hub_present`?");
    assert_eq!(help(press, "check: pres.nest_hub_present and"), "did you mean `press.nest_hub_present`?");
    assert_eq!(
        help(press, "check: load.nest_hub_present and"),
        "write `nest_hub_present`: at `press` that is `press.nest_hub_present`"
    );
    let anywhere = help("check: bin_drop", "check: nest_cap_present");
    assert!(
        anywhere.starts_with("ask in a step with a `station:`; there are `load.nest_cap_present`"),
        "{anywhere}"
    );
    // A station that is not known says that, and nothing about the names at it.
    assert!(help("station: press\n", "station: pres\n").contains("did you mean `press`?"));
}

#[test]
fn names() {
    let cases: &[Case<'_>] = &[
        ("dwell: 200 ms", "dwell: «$seat_dept", &["R0301"]),
        ("axis: press_z", "axis: «pres_z", &["R0302"]),
        ("check: nest_hub_present and", "check: «nest_hub_presnt and", &["R0303"]),
        ("check: nest_hub_present and", "check: «close.nest_hub_present and", &["R0716"]),
        ("check: nest_hub_present and", "check: press.nest_hub_present and not", &[]),
        ("check: bin_drop", "check: «nest_cap_present", &["R0303"]),
        ("check: bin_drop", "check: «press.nest_cap_present", &["R0716"]),
        ("force: load_cell", "force: «load_cel", &["R0305"]),
        ("id: look, station: test", "id: look, station: «tset", &["R0306"]),
        ("id: to-bin, robot: robot_r", "id: to-bin, robot: «robot_x", &["R0307"]),
        ("camera: cam_1", "camera: «cam_2", &["R0308"]),
        ("at: nest, timeout: 5 s", "at: nest, scanner: «scan_9, timeout: 5 s", &["R0309"]),
        ("from: cap_tray.next", "from: «cup_tray.next", &["R0310"]),
        ("component: hub", "component: «hup", &["R0312"]),
        ("job: cannula-tip@4", "job: «cannula-tip@5", &["R0314"]),
        ("channel: leak_1", "channel: «leak_2", &["R0315"]),
        ("of: force.at_end", "of: «force.at_and", &["R0319"]),
        ("measure: { burr:", "measure: { «bur:", &["R0319"]),
        ("from: cap_tray.next", "from: «cap_tray", &["R0105"]),
        ("to: good_tray.next", "to: «good_tray", &["R0105"]),
    ];
    all(RECIPE, cases);
}

#[test]
fn conditions() {
    let cases: &[Case<'_>] = &[
        ("check: air_ok, else", "check: air_ok and« , else", &["R0401"]),
        ("check: air_ok, else", "check: (air_ok or «), else", &["R0401"]),
        ("check: air_ok, else", "check: not «not_there, else", &["R0303"]),
        ("check: air_ok, else", "check: «leak_1, else", &["R0402"]),
        ("check: air_ok, else", "check: «valve_fill, else", &["R0402"]),
        ("check: air_ok, else", "check: «air_ok < 2 Pa, else", &["R0402"]),
        ("check: air_ok, else", "check: leak_1 < «2 N, else", &["R0203"]),
        ("check: air_ok, else", "check: air_ok «estop_ok, else", &["R0401"]),
        ("check: air_ok, else", "check: «air_ok and guard_ok, else", &["R0403"]),
        ("check: bin_drop", "check: «bin_drop and guard_ok", &["R0403"]),
    ];
    all(RECIPE, cases);
}

#[test]
fn parameters_and_variants() {
    let cases: &[Case<'_>] = &[
        ("25g: { seat_depth: 12.35 mm", "25g: { seat_depth: «12.55 mm", &["R0501"]),
        ("default: 12.40 mm", "default: «12.20 mm", &["R0501"]),
        ("25g: { seat_depth: 12.35 mm", "25g: { seat_depth: «12.35 N", &["R0502"]),
        ("  25g: { seat_depth: 12.35 mm,", "  «25g: {", &["R0503"]),
        ("25g: { seat_depth", "25g: { «seat_dept: 1 mm, seat_depth", &["R0301"]),
        (
            "  cannula:     { default: CAN-23 }\nvariants:                                  # a variant is a complete row; each is checked\n  25g:",
            "  «spare: { default: 5 s }\n  cannula: { default: CAN-23 }\nvariants:\n  «25g:",
            &["R0504", "R0503"],
        ),
        ("{ default: CAN-23 }", "{ default: CAN-23, min: «1 mm }", &["R0502"]),
        ("  seat_warn:   { default: 80 .. 140 N }", "  seat_warn:   { default: «140 .. 80 N }", &["R0206"]),
    ];
    all(RECIPE, cases);
}

#[test]
fn sub_recipes() {
    let cases: &[Case<'_>] = &[
        ("recipe: feed-cannula@1", "recipe: «feed-cannula", &["R0601"]),
        ("recipe: feed-cannula@1", "recipe: «feed-canula@1", &["R0001"]),
        ("recipe: feed-cannula@1", "recipe: «feed-cannula@2", &["R0602"]),
        ("with: { lane: 2 }", "with: { lane: 2, «speed: 3 }", &["R0604"]),
        ("recipe: feed-cannula@1, with: { lane: 2 }", "recipe: «feed-cannula@1", &["R0605"]),
    ];
    all(RECIPE, cases);
    let inside: &[Case<'_>] = &[
        ("id: feed-cannula", "id: «feed-hub", &["R0606"]),
        ("to: nest", "to: «$nest", &["R0301"]),
        ("station: load", "station: «lod", &["R0306"]),
        (
            "- feed: {",
            "- use: { id: again, recipe: «feed-cannula@1, with: { lane: 2 } }\n  - feed: {",
            &["R0603"],
        ),
    ];
    all(FEED, inside);
}

#[test]
fn against_the_cell() {
    let cases: &[Case<'_>] = &[
        ("to: 38.0 mm", "to: «63 mm", &["R0702"]),
        (
            "41.5 mm }      # depth counts from here\n      press: { velocity: 2 mm/s, until: {",
            "55.0 mm } # depth counts from here\n      press: { velocity: 2 mm/s, until: «{",
            &["R0702"],
        ),
        ("velocity: 60 mm/s", "velocity: «250 mm/s", &["R0703"]),
        ("speed: 300 rpm", "speed: «1100 rpm", &["R0703"]),
        ("max_force: 180 N", "max_force: «600 N", &["R0704"]),
        ("fill: { pressure: 50 kPa", "fill: { pressure: «61 kPa", &["R0704"]),
        ("axis: press_z", "axis: «feeder_x", &["R0705"]),
        ("axis: press_z", "axis: «driver_1", &["R0706"]),
        ("from: cap_tray.next", "from: «hub_tray.next", &["R0708"]),
        ("from: cap_tray.next", "from: «good_tray.next", &["R0709"]),
        ("between: 39.0 .. 41.5 mm", "between: «37.0 .. 41.5 mm", &["R0711"]),
        ("target: 0.35 N·m", "target: «0.85 N·m", &["R0715"]),
        ("snug: 0.10 N·m, target: 0.35 N·m", "snug: 0.36 N·m, target: «0.35 N·m", &["R0711"]),
        ("force: load_cell", "force: «torque_1", &["R0203"]),
        (
            "id: leak\n      station: test\n      channel: leak_1",
            "id: leak\n      station: close\n      channel: «leak_1",
            &["R0705"],
        ),
        ("- confirm:", "- set: { id: lamp, output: «lamp_red, to: true }\n  - confirm:", &["R0713"]),
        (
            "- confirm:",
            "- move: { id: turn, axis: «table, to: 0 deg, velocity: 10 deg/s }\n  - confirm:",
            &["R0713"],
        ),
        ("- confirm:", "- move: { id: park, robot: robot_r, pose: «hom }\n  - confirm:", &["R0311"]),
        (
            "station: load, robot: robot_l, from",
            "station: load, robot: robot_l, speed: «120 %, from",
            &["R0112"],
        ),
    ];
    all(RECIPE, cases);
}

#[test]
fn the_flow_of_a_unit() {
    let cases: &[Case<'_>] = &[
        (
            "on_fail: reject                      # a formed",
            "on_fail: «{ retry: 1, then: reject } # a formed",
            &["R0801"],
        ),
        ("check: nest_hub_present, timeout: 8 s", "check: nest_hub_present, timeout: «1 s", &["R0802"]),
        (
            "  cap:     { part: CAP-07",
            "  «spare: { part: X-1, identify: per-lot }\n  cap:     { part: CAP-07",
            &["R0803"],
        ),
        (
            "cap:     { part: CAP-07, identify: per-lot",
            "«cap: { part: CAP-07, identify: per-unit",
            &["R0804"],
        ),
        ("limits: 0.32 .. 0.38 N·m", "limits: «0.32 .. 1.38 N·m", &["R0807"]),
        ("spec: DS-0142/6.1", "spec: «DS-0143/6.1", &["R0810"]),
        ("answers: [ok, ng, cannot-judge]", "answers: «[good, ng, cannot-judge]", &["R0811"]),
        ("answers: [ok, ng, cannot-judge]", "answers: «[ok]", &["R0811"]),
    ];
    all(RECIPE, cases);
}

#[test]
fn mistakes_that_show_somewhere_else() {
    // The mistake is in one line and told at another, with a label between the two.
    let told = |from: &str, to: &str| diagnose(RECIPE, &once(&repository(RECIPE), from, to)).1;
    let one = |code: &str, place: &str| vec![(code.to_string(), place.to_string())];
    assert_eq!(told("part: CAP-07", "part: CAP-08"), one("R0710", "45:72"));
    assert_eq!(told("      axis: driver_1\n", ""), one("R0102", "47:7"));
    assert_eq!(
        told("      measure:\n        decay: {", "      # measure:\n      #  decay: {"),
        one("R0809", "58:7")
    );
    assert_eq!(
        told("id: id-hub, component: hub", "id: id-hub, component: cap"),
        [one("R0804", "15:3"), one("R0814", "26:44")].concat()
    );
    assert_eq!(
        told("station: close, robot: robot_r", "station: close, robot: robot_l"),
        one("R0708", "45:72")
    );
    // Two poses are missing there. That the scanner, and the lane of the branch beside, are elsewhere is the same mistake.
    let moved = told("station: load, robot: robot_l", "station: press, robot: robot_l");
    assert_eq!(moved, one("R0707", "25:65"));
}

#[test]
fn what_stands_in_quotes_is_a_word() {
    let text = repository(RECIPE).replace("{ default: CAN-23 }", "{ default: \"4711\" }");
    assert_eq!(diagnose(RECIPE, &text).0, Vec::<String>::new());
    let text = text.replace("\"4711\"", "4711");
    assert_eq!(diagnose(RECIPE, &text).1[0].0, "R0502");
}

#[test]
fn a_recipe_for_another_cell_is_only_that() {
    let text = repository(RECIPE).replace("cell: cannula-cell", "cell: other").replace("press_z", "other_z");
    assert_eq!(diagnose(RECIPE, &text).1, [("R0701".to_string(), "5:7".to_string())]);
}

/// Two uses in each of many files: without a bound, 2^16 sub-recipes would be walked.
#[test]
fn uses_of_uses_are_bounded() {
    let mut files = Files::default();
    let head = |id: &str| format!("recipe: 1\nid: {id}\nversion: 1.0.0\ncell: cannula-cell\nsteps:\n");
    let uses = |next: &str| {
        (0..8).map(|i| format!("  - use: {{ id: u{i}, recipe: {next}@1 }}\n")).collect::<String>()
    };
    for level in 0..14 {
        let text = head(&format!("l{level}")) + &uses(&format!("l{}", level + 1));
        files.0.insert(format!("recipes/cannula-hub/l{level}.recipe.yaml"), text.into_bytes());
    }
    let root = repository(RECIPE).replace("steps:\n", &format!("steps:\n{}", uses("l0")));
    files.0.insert(RECIPE.to_string(), root.into_bytes());
    let mut sources = Sources::default();
    let list = compile(&files, RECIPE, &cell(), None, TABLE, &mut sources).unwrap_err();
    let codes: std::collections::BTreeSet<_> = list.iter().map(|d| d.code.as_str()).collect();
    assert!(codes.contains("R0813") && codes.contains("R0001"), "{codes:?}");
}

#[test]
fn paths_without_a_result() {
    let base = repository(RECIPE);
    let line = "  - unload: { id: to-tray, station: test, robot: robot_r, from: nest, to: good_tray.next, check: good_pocket_filled }\n";
    assert!(base.contains(line));
    let (_, found) = diagnose(RECIPE, &base.replace(line, ""));
    assert_eq!(found, [("R0812".to_string(), "68:5".to_string())]);
    let twice = line.replace("to-tray", "early");
    let (_, found) = diagnose(RECIPE, &base.replace("  - inspect:", &format!("{twice}  - inspect:")));
    assert_eq!(found, [("R0812".to_string(), "67:5".to_string())]);
    let (_, found) = diagnose(RECIPE, base.split("on_reject:").next().unwrap());
    assert_eq!(found, [("R0102".to_string(), "2:1".to_string())]);
    let (_, found) = diagnose(RECIPE, &format!("{base}  - check: {{ id: late, that: air_ok }}\n"));
    assert_eq!(found.iter().map(|f| f.0.as_str()).collect::<Vec<_>>(), ["R0812", "R0812", "R0812"]);
}

#[test]
fn twelve_planted_mistakes_are_these_twelve() {
    let planted: &[(&str, &str, &str)] = &[
        ("part: HUB-23", "part: «&hub HUB-23", "R0006"),
        ("check: air_ok, else", "check: «estop_ok and air_ok, else", "R0403"),
        ("robot: robot_l, from", "robot: «robto_l, from", "R0307"),
        ("component: hub", "component: «hob", "R0312"),
        ("with: { lane: 2 }", "with: { lane: «two }", ""),
        ("axis: press_z", "axis: «press_y", "R0302"),
        ("rundown: { speed: 300 rpm", "rundown: { speed: «300", "R0201"),
        ("hold: 100 ms", "hold: «100 mm", "R0203"),
        ("fill: { pressure: 50 kPa", "fill: { pressure: «90 kPa", "R0704"),
        ("{ retry: 1, after: 10 s,", "{ retry: 1, «aftr: 10 s,", "R0101"),
        ("job: cannula-tip@4", "job: «cannula-tip@5", "R0314"),
        ("answers: [ok, ng,", "answers: [ok, «no,", "R0011"),
        ("to: reject_bin, check", "to: «reject_binn, check", "R0310"),
    ];
    let planted: Vec<_> = planted.iter().filter(|p| !p.2.is_empty()).collect();
    assert_eq!(planted.len(), 12);
    let mut text = repository(RECIPE);
    for (from, to, _) in &planted {
        text = once(&text, from, to);
    }
    let (text, places) = marked(&text);
    let (rows, found) = diagnose(RECIPE, &text);
    let expected: Vec<_> = planted.iter().map(|p| p.2.to_string()).zip(places).collect();
    assert_eq!(found, expected, "{}", rows.join("\n"));
}

#[test]
fn rows_for_programs() {
    let text =
        repository(RECIPE).replace("snug: 0.10 N·m, target: 0.35 N·m", "snug: 0.10 N·m, target: 0.35 mN·n");
    let mut sources = Sources::default();
    let files = Files::with(RECIPE, text);
    let list = compile(&files, RECIPE, &cell(), None, TABLE, &mut sources).unwrap_err();
    assert_eq!((list.len(), list[0].severity), (1, Severity::Error));
    assert_eq!(
        json_rows(&list, &sources),
        serde_json::json!([{
            "code": "R0202", "severity": "error", "file": RECIPE,
            "line": 52, "column": 42, "end_line": 52, "end_column": 51,
            "message": "`mN·n` is not a unit known here", "help": "did you mean `mN·m`?",
        }])
    );
}

#[test]
fn files_that_are_none() {
    for (bytes, code) in [
        (vec![], "R0013"),
        (b"# nothing\n".to_vec(), "R0013"),
        (b"recipe: 1\nid: \xff\n".to_vec(), "R0003"),
        (vec![b'a'; (4 << 20) + 1], "R0002"),
        (b"[".repeat(100_000), "R0012"),
        (b"- ".repeat(100_000), "R0012"),
        (b"just words".to_vec(), "R0103"),
        (b"- 1\n- 2\n".to_vec(), "R0103"),
    ] {
        let mut sources = Sources::default();
        let files = Files::with(RECIPE, bytes);
        let list = compile(&files, RECIPE, &cell(), None, TABLE, &mut sources).unwrap_err();
        assert_eq!(list[0].code.as_str(), code);
        assert!(render(&list, &sources).contains(code));
    }
    let mut sources = Sources::default();
    let list =
        compile(&Files::default(), "recipes/none.yaml", &cell(), None, TABLE, &mut sources).unwrap_err();
    assert_eq!(list[0].code.as_str(), "R0001");
    let list = compile(&Files::default(), RECIPE, &cell(), Some("26g"), TABLE, &mut sources).unwrap_err();
    assert_eq!(
        (list.len(), list[0].code.as_str(), list[0].help.as_str()),
        (1, "R0317", "did you mean `25g`?")
    );
}
