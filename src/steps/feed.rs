//! `feed`: the axis of a lane pushes one part into the unit's nest and goes back.
//!
//! ```yaml
//! - feed: { id: push, station: load, from: lane_2, to: nest, ready: lane_part_ready,
//!           check: nest_cannula_present }
//! ```
//! While `ready:` does not hold the unit is starved, and the cell suspends until it does; `check:` must come
//! true after the push.

use cellwright_model::cell::{Feeder, TrayKind};
use cellwright_model::plan::{OnHold, Place, PlaceWhat, Primitive, Resource, Target};
use cellwright_model::{DurationNs, TrayId};
use cellwright_recipe::shape::Names;
use cellwright_recipe::{Code, Context, Draft, Fields, Restart, Shape, Span, StepKind, names, shape};

use crate::robot::{placed, seen};

pub(crate) struct Feed;

shape! { FEED = "feed", "The axis of a lane pushes one part into the unit's nest." {
    req "station": Name(Names::Station), "Where the unit's nest has to be.";
    req "from": Name(Names::Lane), "The lane.";
    req "to": Word(&["nest"]), "The unit's nest.";
    opt "ready": Condition, "While it does not hold the unit is starved and waits.";
    opt "check": Condition, "Has to come true after the push.";
    opt "component": Name(Names::Component), "What it pushes, where the lane leaves that open.";
}}

impl StepKind for Feed {
    fn name(&self) -> &'static str {
        "feed"
    }
    fn judges(&self) -> bool {
        false
    }
    fn irreversible(&self) -> bool {
        true
    }
    fn restart(&self) -> Restart {
        Restart::Verify
    }
    fn handles_parts(&self) -> bool {
        true
    }
    fn shape(&self) -> &'static Shape {
        &FEED
    }

    fn lower(&self, f: &mut Fields<'_>, cx: &mut Context<'_, '_>) -> Option<Draft> {
        let cell = cx.cell;
        let station = cx.station(f);
        let lane = f.req("from", cx.d, |d, n| names::tray(d, n, cell).map(|id| (id, n.span)));
        f.req("to", cx.d, |d, n| d.word(n, &[("nest", ())]));
        let ready = cx.condition(f, "ready");
        let check = cx.condition(f, "check");
        let feeder = lane.and_then(|(lane, at)| feeder(cx, lane, at));
        let component = cx.component_from(f, lane.filter(|_| feeder.is_some()));
        if let (Some(feeder), Some(station), Some((_, at))) = (feeder, station, lane) {
            check_axis(cx, feeder, station, at);
        }
        let ((lane, at), feeder, station) = (lane?, feeder?, station?);
        let component = component?.component.name.clone();
        let mut ops = Vec::new();
        ops.push(Primitive::PointOfNoReturn);
        ops.push(move_to(feeder, feeder.fed_au));
        // A lane may run empty during the stroke: a part counts as taken once it is seen where it was pushed to.
        seen(&mut ops, check.as_ref());
        ops.push(Primitive::Consume { component: component.clone(), source: Some(lane) });
        placed(&mut ops, PlaceWhat::Component(component.clone()), Place::Nest, check.as_ref());
        let stroke_s = (feeder.fed_au - feeder.retracted_au).abs() / feeder.velocity;
        Some(Draft {
            station: Some(station),
            supply: ready,
            resources: vec![Resource::Axis(feeder.axis), Resource::Tray(lane)],
            ops,
            cleanup: vec![move_to(feeder, feeder.retracted_au)],
            on_hold: Some(OnHold::Stop),
            verifies: check,
            at_least: DurationNs::from_secs_f64(2.0 * stroke_s),
            puts_in: vec![(component, at)],
            ..Draft::default()
        })
    }
}

/// What pushes parts out of a lane; another tray is refused.
fn feeder<'c>(cx: &mut Context<'c, '_>, lane: TrayId, at: Span) -> Option<&'c Feeder> {
    let cell = cx.cell;
    let tray = &cell.trays[lane.index()];
    if tray.feeder.is_none() {
        let message = format!("`{}` is no lane", tray.name);
        let lanes = cell.trays.iter().filter(|t| t.kind == TrayKind::Lane).map(|t| format!("`{}`", t.name));
        let help = format!("lanes here: {}", lanes.collect::<Vec<_>>().join(", "));
        cx.d.sink.error(Code::TrayKind, at, message, help);
    }
    tray.feeder.as_ref()
}

fn move_to(feeder: &Feeder, au: f64) -> Primitive {
    Primitive::MoveTo { axis: feeder.axis, target: Target::Value(au), velocity_au_s: feeder.velocity }
}

fn check_axis(cx: &mut Context<'_, '_>, feeder: &Feeder, station: cellwright_model::StationId, span: Span) {
    let station = &cx.cell.stations[station.index()];
    if !station.axes.contains(&feeder.axis) {
        let axis = &cx.cell.axes[feeder.axis.index()].name;
        let message = format!("`{axis}` of this lane does not belong to station `{}`", station.name);
        cx.d.sink.error(Code::NotAtStation, span, message, "name the station that the lane feeds");
        cx.doubt_station();
    }
}
