//! `pick-place`: a cobot takes the next part of a tray and puts it into the unit's nest.
//!
//! ```yaml
//! - pick-place: { id: place-hub, station: load, robot: robot_l, from: hub_tray.next, to: nest,
//!                 check: nest_hub_present, timeout: 8 s }
//! ```
//! `component:` names the component where the tray leaves that open; `speed:` is a share of the robot's
//! speed. `check:` must come true when the part is let go; without it the place is recorded as unverified.

use cellwright_model::TrayId;
use cellwright_model::cell::TrayKind;
use cellwright_model::plan::{OnHold, Place, PlaceWhat, Primitive, Resource};
use cellwright_recipe::shape::Names;
use cellwright_recipe::{Code, Context, Draft, Fields, Node, Restart, Shape, Span, StepKind, names, shape};

use crate::robot::Way;

pub(crate) struct PickPlace;

shape! { PICK_PLACE = "pick-place", "A cobot takes the next part of a tray and puts it into the unit's nest." {
    req "station": Name(Names::Station), "Where the unit's nest has to be.";
    req "robot": Name(Names::Robot), "The cobot.";
    opt "speed" = "100 %": Quantity(&[Ratio]), "Share of its speed.";
    req "from": Name(Names::Pocket), "`<tray>.next`: the pocket at the tray's cursor.";
    req "to": Word(&["nest"]), "The unit's nest.";
    opt "check": Condition, "Has to come true when the part is let go; without it the place is recorded as unverified.";
    opt "component": Name(Names::Component), "What it takes, where the tray leaves that open.";
}}

impl StepKind for PickPlace {
    fn name(&self) -> &'static str {
        "pick-place"
    }
    fn judges(&self) -> bool {
        false
    }
    /// Once a part is taken out of its pocket, a second one must not follow it.
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
        &PICK_PLACE
    }

    fn lower(&self, f: &mut Fields<'_>, cx: &mut Context<'_, '_>) -> Option<Draft> {
        let station = cx.station(f);
        let way = Way::read(f, cx);
        let from = f.req("from", cx.d, |_, n| Some(n)).and_then(|n| Some((next_of(cx, n)?, n.span)));
        f.req("to", cx.d, |d, n| d.word(n, &[("nest", ())]));
        let check = cx.condition(f, "check");
        // A cobot that does not reach the tray either is the wrong one: that is told once.
        if let (Some(station), Some((way, span))) = (station, &way)
            && from.is_none_or(|(tray, _)| way.reaches(cx, tray))
        {
            way.check_station(cx, station, *span);
        }
        let from = from.filter(|(tray, at)| {
            let source = source(cx, *tray, *at);
            source.is_some() && way.as_ref().is_none_or(|(w, _)| w.check_tray(cx, *tray, *at).is_some())
        });
        let component = cx.component_from(f, from);
        let ((mut way, _), (tray, at), component) = (way?, from?, component?.component.name.clone());
        let what = PlaceWhat::Component(component.clone());
        way.enter_pocket(cx, tray);
        way.grip();
        way.ops.push(Primitive::PointOfNoReturn);
        way.ops.push(Primitive::Consume { component: component.clone(), source: Some(tray) });
        let to = Place::Gripper(way.id);
        way.ops.push(Primitive::PlacePart { what: what.clone(), to, verify: None });
        way.leave_pocket(cx, tray);
        way.enter_nest(cx, station);
        let verifies = check.clone();
        way.release(what, Place::Nest, check);
        way.leave_nest(cx, station);
        way.pose("home");
        let station = Some(station?);
        Some(Draft {
            station,
            resources: vec![Resource::Robot(way.id), Resource::Tray(tray), Resource::StationSpace(station?)],
            on_hold: Some(OnHold::Stop),
            verifies,
            at_least: way.at_least(),
            ops: way.ops,
            puts_in: vec![(component, at)],
            ..Draft::default()
        })
    }
}

/// `hub_tray.next`.
pub(crate) fn next_of(cx: &mut Context<'_, '_>, node: &Node) -> Option<TrayId> {
    let text = cx.d.text(node)?;
    let Some(name) = text.text.strip_suffix(".next") else {
        let message = format!("`{}` is not a pocket", text.text);
        cx.d.error_at(
            Code::UnknownWord,
            &text,
            message,
            "write `<tray>.next`: the pocket at the tray's cursor",
        );
        return None;
    };
    names::tray_of(cx.d, &text, name, cx.cell)
}

pub(crate) fn source(cx: &mut Context<'_, '_>, tray: TrayId, span: Span) -> Option<()> {
    let tray = &cx.cell.trays[tray.index()];
    let help = match tray.kind {
        TrayKind::Source => return Some(()),
        TrayKind::Lane => "`feed` pushes a part out of a lane",
        TrayKind::Good | TrayKind::Reject => "units go there: take parts from a tray of kind source",
    };
    cx.d.sink.error(Code::TrayKind, span, format!("no part is picked from `{}`", tray.name), help);
    None
}
