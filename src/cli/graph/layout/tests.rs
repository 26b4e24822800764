//! Pictures of the embedded recipe and of a generated one can be read: nothing lies over anything else.

use cellwright_model::plan::Branch;
use cellwright_sim::{What, read};

use super::*;

fn embedded() -> (std::sync::Arc<Cell>, Plan) {
    let prepared = read(&What::default(), false).prepared.expect("the embedded recipe");
    (prepared.cell, (*prepared.plan).clone())
}

fn overlap(a: Area, b: Area) -> bool {
    a.x < b.right() && b.x < a.right() && a.y < b.bottom() && b.y < a.bottom()
}

fn within(inner: Area, outer: Area) -> bool {
    inner.x >= outer.x
        && inner.right() <= outer.right()
        && inner.y >= outer.y
        && inner.bottom() <= outer.bottom()
}

/// Holds a layout against what makes it readable.
fn readable(all: &Layout, plan: &Plan) {
    let page = Area { x: 0.0, y: 0.0, width: all.width, height: all.height };
    for (n, one) in all.boxes.iter().enumerate() {
        assert!(within(one.area, page), "{:?} is outside of the picture", one.lines);
        for other in &all.boxes[n + 1..] {
            assert!(!overlap(one.area, other.area), "{:?} over {:?}", one.lines, other.lines);
        }
        for (i, line) in one.lines.iter().enumerate() {
            let ((x, y), font) = (one.base(i), font(line.part));
            let text = Area { x, y: y - font.size, width: font.width(&line.words), height: font.size };
            assert!(within(text, one.area), "{:?} is wider than its box", line.words);
        }
        for frame in &all.frames {
            let apart = !overlap(one.area, frame.area);
            let head = Area { height: HEAD, ..frame.area };
            assert!(apart || (within(one.area, frame.area) && !overlap(one.area, head)), "{:?}", one.lines);
        }
        for (way, points) in &all.ways {
            // Lines are level or upright: between its ends, none goes through a box.
            for pair in points.windows(2) {
                let (a, b) = (pair[0], pair[1]);
                let line = Area {
                    x: a.0.min(b.0),
                    y: a.1.min(b.1),
                    width: (a.0 - b.0).abs(),
                    height: (a.1 - b.1).abs(),
                };
                let inside = Area {
                    x: one.area.x + 0.5,
                    y: one.area.y + 0.5,
                    width: one.area.width - 1.0,
                    height: one.area.height - 1.0,
                };
                assert!(!overlap(line, inside), "{way:?} {points:?} through {:?}", one.lines);
            }
        }
    }
    let mut named: Vec<_> = all.boxes.iter().filter_map(|b| b.step.map(|s| (s, &b.lines[0]))).collect();
    named.sort_by_key(|(ix, _)| *ix);
    assert_eq!(named.len(), plan.steps.len(), "every step has its box");
    for ((ix, line), step) in named.iter().zip(&plan.steps) {
        assert_eq!((line.part, &line.words), (Part::Name, &plan.step(*ix).id));
        assert_eq!(&plan.step(*ix).id, &step.id);
    }
    let text = |part: Part| all.boxes.iter().flat_map(|b| &b.lines).filter(|l| l.part == part).count();
    assert_eq!(text(Part::Name), plan.steps.len(), "… and its name stands once");
}

#[test]
fn the_embedded_recipe_can_be_read() {
    let (cell, plan) = embedded();
    let all = layout(&cell, &plan);
    readable(&all, &plan);
    let words: Vec<&str> = all.boxes.iter().flat_map(|b| b.lines.iter().map(|l| l.words.as_str())).collect();
    for said in [
        "before: check press.nest_hub_present and",
        "press at press, once",
        "seat_force 70 .. 150 N, DS-0142/4.2",
        "bad part: retry 1 after 10 s, then reject",
        "the unit to good_tray",
        "cap from cap_tray",
    ] {
        assert!(words.contains(&said), "{said} in {words:#?}");
    }
    assert_eq!(all.title[1], "all the time air: air_ok, else hold");
    let ways = |way: Way| all.ways.iter().filter(|(w, _)| *w == way).count();
    assert!(all.ways.iter().all(|(way, points)| *way != Way::On || points.len() == 2), "one column");
    // id-hub (in `load`), press, screw, leak test, inspection, the person; and the rail itself.
    assert_eq!((ways(Way::Reject), ways(Way::Again), ways(Way::Bar)), (7, 1, 2));
}

/// Sixty steps: branches in branches in branches, with a repeat, between others.
#[test]
fn sixty_steps_with_branches_in_branches_can_be_read() {
    let (cell, mut plan) = embedded();
    let (kinds, rejecting) = (plan.steps[..10].to_vec(), plan.steps[10].clone());
    plan.steps = (0..59)
        .map(|n| cellwright_model::plan::Step { id: format!("step-{n}"), ..kinds[n % 10].clone() })
        .collect();
    plan.steps.push(rejecting);
    let steps = |from: u16, to: u16| (from..to).map(|n| Node::Step(StepIx(n))).collect::<Vec<_>>();
    let branch = |name: &str, body: Vec<Node>| Branch { name: name.into(), body };
    let parallel = |id: &str, branches: Vec<Branch>| Node::Parallel { id: id.into(), branches };
    let inner = parallel("inner", vec![branch("left", steps(10, 13)), branch("right", steps(13, 20))]);
    let until = cellwright_model::expr::Expr::Always(true);
    let repeat = Node::Repeat { id: "again".into(), at_most: 3, until, body: steps(20, 22) };
    let middle = parallel(
        "middle",
        vec![branch("a", vec![inner, repeat]), branch("b", steps(22, 30)), branch("c", steps(30, 31))],
    );
    let mut first = steps(8, 10);
    first.push(middle);
    let outer = parallel(
        "outer",
        vec![
            branch("first", first),
            branch("a-branch-with-a-name-that-is-longer-than-its-only-step", steps(31, 32)),
        ],
    );
    plan.body = steps(0, 8);
    plan.body.push(outer);
    plan.body.extend(steps(32, 59));
    plan.on_reject = steps(59, 60);
    let all = layout(&cell, &plan);
    readable(&all, &plan);
    assert_eq!(all.names.len(), 7);
    // Folded into columns, each about as high as a picture may be, and the way goes on in the next one.
    assert!(all.height < 1.5 * COLUMN_MAX && all.width < 3.0 * COLUMN_MAX, "{} x {}", all.width, all.height);
    let over = all.ways.iter().filter(|(way, points)| *way == Way::On && points.len() == 6).count();
    let rails = all.ways.iter().filter(|(way, points)| *way == Way::Reject && points.len() == 4).count();
    assert!(over >= 2 && rails == over + 1, "{over} {rails}");
    // Branches of one parallel stand beside each other.
    let at = |id: u16| all.boxes.iter().find(|b| b.step == Some(StepIx(id))).map(|b| b.area).expect("a box");
    assert_eq!(at(10).y, at(13).y);
    assert!(at(10).right() < at(13).x && at(22).right() < at(30).x);
}
