//! `unload`: a cobot takes the unit out of its nest and puts it away; the unit leaves the cell.
//!
//! ```yaml
//! - unload: { id: to-tray, station: test, robot: robot_r, from: nest, to: good_tray.next,
//!             check: good_pocket_filled }
//! - unload: { id: to-bin, robot: robot_r, from: unit.location, to: reject_bin, check: bin_drop }
//! ```
//! `from: unit.location` stands under `on_reject`, where the unit may be at any station of the recipe: the
//! robot must have been taught all of them.

use cellwright_model::TrayId;
use cellwright_model::cell::TrayKind;
use cellwright_model::expr::Expr;
use cellwright_model::plan::{OnHold, Place, PlaceWhat, Primitive, Resource};
use cellwright_recipe::shape::Names;
use cellwright_recipe::{Code, Context, Draft, Fields, Node, Shape, StepKind, names, shape};

use crate::robot::Way;

pub(crate) struct Unload;

shape! { UNLOAD = "unload", "A cobot takes the unit out of its nest and puts it away; the unit leaves the cell." {
    dep "station": Name(Names::Station), "Where the unit's nest has to be; needed for `from: nest`.";
    req "robot": Name(Names::Robot), "The cobot.";
    opt "speed" = "100 %": Quantity(&[Ratio]), "Share of its speed.";
    req "from": Word(&["nest", "unit.location"]), "`unit.location` stands under `on_reject`: wherever the unit is.";
    req "to": Name(Names::Away), "`<tray>.next` of a good tray, or a bin.";
    opt "check": Condition, "Has to come true when the unit is let go.";
}}

impl StepKind for Unload {
    fn name(&self) -> &'static str {
        "unload"
    }
    fn judges(&self) -> bool {
        false
    }
    fn irreversible(&self) -> bool {
        true
    }
    fn handles_parts(&self) -> bool {
        true
    }
    fn shape(&self) -> &'static Shape {
        &UNLOAD
    }

    fn lower(&self, f: &mut Fields<'_>, cx: &mut Context<'_, '_>) -> Option<Draft> {
        let anywhere = f.req("from", cx.d, |d, n| d.word(n, &[("nest", false), ("unit.location", true)]));
        let station = match anywhere {
            Some(true) => None,
            Some(false) => Some(cx.station(f)),
            // Whether it needs a station is not known.
            None => Some(cx.station_opt(f)),
        };
        let way = Way::read(f, cx);
        let to = f.req("to", cx.d, |_, n| Some(n)).and_then(|n| Some((away(cx, n)?, n.span)));
        let check = cx.condition(f, "check");
        if let (Some((way, _)), Some(((tray, ..), at))) = (&way, &to) {
            way.check_tray(cx, *tray, *at);
        }
        if let Some((way, span)) = &way {
            let served = match station {
                Some(station) => station.into_iter().collect(),
                None => cx.visited.to_vec(),
            };
            // One that does not reach the tray either is the wrong cobot: that is told once.
            let reaches = to.as_ref().is_none_or(|((tray, ..), _)| way.reaches(cx, *tray));
            let served: Vec<_> = served.into_iter().filter(|_| reaches).collect();
            served.into_iter().for_each(|s| way.check_station(cx, s, *span));
        }
        if anywhere == Some(true) && !cx.rejecting {
            let message = "`unit.location` is known under `on_reject` only";
            let at = f.entry("from").map_or(f.head(), |e| e.node.span);
            cx.d.sink.error(Code::NoStation, at, message, "write `from: nest` and `station:`");
        }
        let (((tray, kind, place), _), (mut way, _)) = (to?, way?);
        let check = with_drop(cx, tray, check);
        if let (Some(None), _) | (_, None) = (station, anywhere) {
            return None;
        }
        let at = station.flatten();
        way.enter_nest(cx, at);
        way.grip();
        way.ops.push(Primitive::PointOfNoReturn);
        let gripper = Place::Gripper(way.id);
        way.ops.push(Primitive::PlacePart { what: PlaceWhat::Unit, to: gripper, verify: None });
        way.leave_nest(cx, at);
        way.enter_pocket(cx, tray);
        way.release(PlaceWhat::Unit, place, check);
        way.leave_pocket(cx, tray);
        way.pose("home");
        let mut resources = vec![Resource::Robot(way.id), Resource::Tray(tray)];
        resources.extend(at.map(Resource::StationSpace));
        Some(Draft {
            station: at,
            resources,
            on_hold: Some(OnHold::Stop),
            at_least: way.at_least(),
            ops: way.ops,
            unit_leaves: Some(kind),
            ..Draft::default()
        })
    }
}

/// A reject is complete with the drop seen: the bin's own sensor belongs to the check.
pub(crate) fn with_drop(cx: &Context<'_, '_>, tray: TrayId, check: Option<Expr>) -> Option<Expr> {
    let drop = cx.cell.trays[tray.index()].bin.and_then(|b| b.drop).map(Expr::Input);
    match (drop, check) {
        (Some(drop), Some(check)) if !demands(&check, &drop) => Some(Expr::And(vec![drop, check])),
        (drop, check) => check.or(drop),
    }
}

/// The condition cannot hold without that input.
fn demands(check: &Expr, input: &Expr) -> bool {
    match check {
        Expr::And(list) => list.iter().any(|c| demands(c, input)),
        other => other == input,
    }
}

/// `good_tray.next`, or a bin by its name.
pub(crate) fn away(cx: &mut Context<'_, '_>, node: &Node) -> Option<(TrayId, TrayKind, Place)> {
    let text = cx.d.text(node)?;
    let pocket = text.text.strip_suffix(".next");
    let id = names::tray_of(cx.d, &text, pocket.unwrap_or(&text.text), cx.cell)?;
    let tray = &cx.cell.trays[id.index()];
    match (tray.kind, pocket) {
        (TrayKind::Good, Some(_)) => Some((id, tray.kind, Place::TrayNext(id))),
        (TrayKind::Reject, None) => Some((id, tray.kind, Place::Bin(id))),
        (TrayKind::Good, None) => {
            let message = format!("`{}` has pockets", tray.name);
            cx.d.error_at(Code::UnknownWord, &text, message, format!("write `{}.next`", tray.name));
            None
        }
        (TrayKind::Reject, Some(_)) => {
            let message = format!("`{}` is a bin without pockets", tray.name);
            cx.d.error_at(Code::UnknownWord, &text, message, format!("write `{}`", tray.name));
            None
        }
        (TrayKind::Source | TrayKind::Lane, _) => {
            let message = format!("parts come from `{}`, units do not go there", tray.name);
            cx.d.error_at(Code::TrayKind, &text, message, "name a tray of kind good or reject");
            None
        }
    }
}
