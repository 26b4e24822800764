//! What a press step says of its stroke, each as far as it can be read, and what of it contradicts the rest: mistakes in
//! two places are told in one run.

use cellwright_model::cell::{Axis, AxisKind, Cell};
use cellwright_model::plan::WindowShape;
use cellwright_model::{AnalogId, AxisId, Dimension, DurationNs, StationId};
use cellwright_recipe::{Code, Context, Fields, Node, Severity, Span};

use super::windows;
use crate::axis::{at_station, level, sensor, target, velocity, within_travel};
use crate::measure::Beyond;

/// From a force over the trip to a drive that brakes: the sample is read a cycle after it was taken, the setpoint
/// goes out in that cycle, and the drive follows it one period later.
const TRIP_CYCLES: f64 = 3.0;

/// The numbers of one press step.
pub(super) struct Spec {
    pub(super) axis: AxisId,
    pub(super) force: AnalogId,
    pub(super) zero: f64,
    pub(super) approach: (f64, f64),
    pub(super) contact: f64,
    pub(super) between: (f64, f64),
    pub(super) velocity: f64,
    pub(super) until: Until,
    pub(super) max_force: f64,
    pub(super) dwell: DurationNs,
}

/// Where pressing ends.
#[derive(Clone, Copy)]
pub(super) enum Until {
    /// From contact.
    Depth(f64),
    /// Axis coordinate.
    Position(f64),
}

/// The same as it was read: with places, and without what has mistakes.
#[derive(Default)]
pub(super) struct Stroke {
    pub(super) axis: Option<AxisId>,
    pub(super) force: Option<AnalogId>,
    zero: Option<(f64, Span)>,
    to: Option<f64>,
    fast: Option<f64>,
    pub(super) contact: Option<(f64, Span)>,
    pub(super) between: Option<((f64, f64), Span)>,
    velocity: Option<f64>,
    pub(super) until: Option<(Until, Span)>,
    pub(super) max_force: Option<(f64, Span)>,
    stiffness: Option<f64>,
    dwell: DurationNs,
}

impl Stroke {
    pub(super) fn read(f: &mut Fields<'_>, cx: &mut Context<'_, '_>, station: Option<StationId>) -> Stroke {
        let mut read = Stroke {
            axis: at_station(f, cx, station, AxisKind::Linear),
            force: sensor(f, cx, "force", Dimension::Force),
            ..Stroke::default()
        };
        for field in ["zero", "approach", "contact", "press"] {
            let Some(mut inner) = f.req(field, cx.d, |d, n| d.fields(n)) else { continue };
            match field {
                "zero" => read.zero = read.level(&mut inner, cx, "within"),
                "approach" => read.approach(&mut inner, cx),
                "contact" => read.contact(&mut inner, cx),
                _ => read.pressing(&mut inner, cx),
            }
            inner.finish(cx.d);
        }
        read.levels(cx);
        read.ways(cx);
        if let Some(axis) = read.axis(cx.cell) {
            read.trip_in_range(cx, axis);
        }
        read
    }

    /// All of it; `None`: something has been said.
    pub(super) fn whole(&self) -> Option<Spec> {
        Some(Spec {
            axis: self.axis?,
            force: self.force?,
            zero: self.zero?.0,
            approach: (self.to?, self.fast?),
            contact: self.contact?.0,
            between: self.between?.0,
            velocity: self.velocity?,
            until: self.until?.0,
            max_force: self.max_force?.0,
            dwell: self.dwell,
        })
    }

    fn axis<'c>(&self, cell: &'c Cell) -> Option<&'c Axis> {
        self.axis.map(|id| &cell.axes[id.index()])
    }

    /// A force above zero that the load cell shows.
    fn level(
        &self,
        f: &mut Fields<'_>,
        cx: &mut Context<'_, '_>,
        field: &'static str,
    ) -> Option<(f64, Span)> {
        let node = f.req(field, cx.d, |_, n| Some(n))?;
        Some((level(cx, node, Dimension::Force, self.force)?, node.span))
    }

    fn velocity(&self, f: &mut Fields<'_>, cx: &mut Context<'_, '_>) -> Option<f64> {
        let axis = self.axis(cx.cell);
        f.req("velocity", cx.d, |_, n| Some(n)).and_then(|n| velocity(cx, n, AxisKind::Linear, axis))
    }

    fn approach(&mut self, f: &mut Fields<'_>, cx: &mut Context<'_, '_>) {
        let axis = self.axis(cx.cell);
        self.to = f.req("to", cx.d, |_, n| Some(n)).and_then(|n| target(cx, n, AxisKind::Linear, axis));
        self.fast = self.velocity(f, cx);
    }

    fn contact(&mut self, f: &mut Fields<'_>, cx: &mut Context<'_, '_>) {
        self.contact = self.level(f, cx, "force");
        let between = f.req("between", cx.d, |d, n| d.range(n, Dimension::Length).map(|r| (r, n.span)));
        let axis = self.axis(cx.cell);
        self.between = between.filter(|((lo, hi), span)| {
            axis.is_none_or(|a| within_travel(cx, *span, *lo, a) && within_travel(cx, *span, *hi, a))
        });
    }

    fn pressing(&mut self, f: &mut Fields<'_>, cx: &mut Context<'_, '_>) {
        self.velocity = self.velocity(f, cx);
        let until = f.req("until", cx.d, |_, n| Some(n));
        self.until = until.and_then(|n| Some((self.until(cx, n)?, n.span)));
        self.max_force = self.level(f, cx, "max_force");
        self.stiffness = f.opt("stiffness", cx.d, |d, n| d.positive(n, Dimension::Stiffness));
        self.dwell = f.opt("dwell", cx.d, |d, n| d.duration(n)).unwrap_or_default();
    }

    /// `{ depth: 12.4 mm }` from contact, or `{ position: 52 mm }` of the axis.
    fn until(&self, cx: &mut Context<'_, '_>, node: &Node) -> Option<Until> {
        let mut f = cx.d.fields(node)?;
        let axis = self.axis(cx.cell);
        let depth = f.opt("depth", cx.d, |d, n| d.positive(n, Dimension::Length).map(Until::Depth));
        let position = f.entry("position");
        let both = f.entry("depth").is_some() && position.is_some();
        let neither = f.entry("depth").is_none() && position.is_none();
        let position =
            position.and_then(|e| target(cx, &e.node, AxisKind::Linear, axis).map(Until::Position));
        if both {
            let help = "keep `depth` (from contact) or `position` (of the axis)";
            cx.d.sink.error(Code::Order, node.span, "two ends of one stroke", help);
        }
        if neither {
            f.missing("depth", cx.d);
        }
        f.finish(cx.d);
        depth.or(position).filter(|_| !both)
    }

    /// Forces that rise: zero, contact, trip.
    fn levels(&self, cx: &mut Context<'_, '_>) {
        let Some((contact, span)) = self.contact else { return };
        if let Some((zero, zero_span)) = self.zero.filter(|(zero, _)| *zero >= contact) {
            let message = format!(
                "a load cell {zero} N from zero is taken as unloaded, and contact begins at {contact} N"
            );
            let labels = vec![(span, "contact".to_string())];
            let help = "write `within` smaller than `contact: force`";
            cx.d.sink.error_with(Code::Order, zero_span, message, help, labels);
        }
        if let Some((_, trip)) = self.max_force.filter(|(most, _)| contact >= *most) {
            let message = "contact is at or above `max_force`: every part would trip";
            let labels = vec![(trip, "`max_force`".to_string())];
            let help = "lower `contact: force`, or raise `max_force`";
            cx.d.sink.error_with(Code::Order, span, message, help, labels);
        }
    }

    /// Positions that follow each other: end of the approach, contact, end of the stroke.
    fn ways(&self, cx: &mut Context<'_, '_>) {
        let Some(((first, last), span)) = self.between else { return };
        if let Some(to) = self.to.filter(|to| *to >= first) {
            let message = format!("contact is expected from {first} mm on, the approach goes on to {to} mm");
            let help = "end the approach before the first contact: it is fast and not judged";
            cx.d.sink.error(Code::Order, span, message, help);
        }
        if first == last {
            let message = format!("contact is expected at {first} mm, and no part meets one point");
            cx.d.sink.error(Code::Order, span, message, "write where the first and the last part begin");
        }
        match (self.until, self.axis(cx.cell)) {
            // The deepest end of the stroke: contact at the far end of its range, and the depth from there.
            (Some((Until::Depth(depth), span)), Some(axis)) => {
                within_travel(cx, span, last + depth, axis);
            }
            (Some((Until::Position(end), span)), _) if end <= last => {
                let message =
                    format!("the stroke ends at {end} mm, where contact may only begin ({last} mm)");
                cx.d.sink.error(Code::Order, span, message, "press beyond the range of contact");
            }
            _ => {}
        }
    }

    /// Beyond the trip the ram goes on for the dead time and its way of braking; the force of that must still be
    /// one that the load cell shows, or the curve of the part that needs it most is invalid.
    fn trip_in_range(&self, cx: &mut Context<'_, '_>, axis: &Axis) {
        let (Some(velocity), Some((max_force, span)), Some(stiffness), Some(force)) =
            (self.velocity, self.max_force, self.stiffness, self.force)
        else {
            return;
        };
        let way_mm = velocity * TRIP_CYCLES * cx.cell.cycle.as_secs_f64()
            + braking_way(velocity, axis.acceleration_max, axis.jerk_max);
        let reached = max_force + stiffness * way_mm;
        let channel = &cx.cell.analogs[force.index()];
        if reached > channel.range_hi {
            let message = format!(
                "the trip at {max_force} N ends at {reached:.0} N: the ram goes on for {way_mm:.3} mm"
            );
            let help = format!(
                "press slower, or trip earlier: `{}` shows up to {} N",
                channel.name, channel.range_hi
            );
            cx.d.sink.error(Code::SensorRange, span, message, help);
        }
    }

    /// Where a part that passes is pressed to, from contact.
    pub(super) fn end_depth(&self) -> Option<(f64, f64)> {
        match self.until?.0 {
            Until::Depth(depth) => Some((depth, depth)),
            Until::Position(end) => self.between.map(|((first, last), _)| (end - last, end - first)),
        }
    }

    /// The same, of the axis.
    pub(super) fn end_position(&self) -> Option<(f64, f64)> {
        match self.until?.0 {
            Until::Depth(depth) => self.between.map(|((first, last), _)| (first + depth, last + depth)),
            Until::Position(end) => Some((end, end)),
        }
    }

    /// Where the stroke trips, if that is above contact.
    pub(super) fn trip(&self) -> Option<(f64, Span)> {
        self.max_force.filter(|(most, _)| self.contact.is_none_or(|(contact, _)| contact < *most))
    }

    /// Windows lie within the travel and begin before the stroke ends: one that no curve enters judges nothing.
    pub(super) fn windows_in_reach(&self, cx: &mut Context<'_, '_>, windows: &[windows::Read]) {
        let missed: Vec<_> =
            windows.iter().filter_map(|read| Some((read.at, self.missed(cx, read)?))).collect();
        let help = "a window judges what lies between contact and the end of the stroke";
        match (missed.as_slice(), self.until) {
            ([_, _, ..], Some((_, until))) => {
                let message = format!("the stroke ends before {} windows", missed.len());
                cx.d.sink.error_with(Code::WindowNotReached, until, message, help, missed);
            }
            _ => missed.into_iter().for_each(|(at, message)| {
                cx.d.sink.error(Code::WindowNotReached, at, message, help);
            }),
        }
    }

    /// Why no curve comes to a window.
    fn missed(&self, cx: &mut Context<'_, '_>, read: &windows::Read) -> Option<String> {
        let axis = self.axis(cx.cell)?;
        let ((between, _), (_, deepest)) = (self.between?, self.end_position()?);
        // A stroke that leaves the travel has been refused itself.
        if deepest > axis.travel_hi_au {
            return None;
        }
        let (lo, hi) = read.window.shape.positions();
        let of_contact = read.window.origin.is_some();
        let (first, last) = if of_contact { between } else { (0.0, 0.0) };
        let inside =
            within_travel(cx, read.at, first + lo, axis) && within_travel(cx, read.at, last + hi, axis);
        // The deepest end that a part permits, in the coordinate of the window.
        let end = if of_contact { self.end_depth().map_or(deepest, |(_, end)| end) } else { deepest };
        // A curve that passes through has to come out behind it.
        let (needed, what) = match read.window.shape {
            WindowShape::PassThrough { .. } => (hi, "is left behind"),
            _ => (lo, "begins at"),
        };
        (inside && needed >= end)
            .then(|| format!("the window {what} {needed} mm, the stroke ends at {end} mm at the latest"))
    }

    /// Forces that windows ask for, or forbid, and that are never reached before the trip.
    pub(super) fn windows_beyond(&self, windows: &[windows::Read]) -> Vec<Beyond> {
        let Some((most, at)) = self.trip() else { return Vec::new() };
        let why = format!("`max_force` ends the stroke at {most} N");
        let beyond = |read: &windows::Read, ((lo, hi), span): &((f64, f64), Span)| {
            let (severity, message) = match read.window.shape {
                WindowShape::NoPass { .. } if *lo >= most => {
                    (Severity::Warning, format!("no curve comes into this window, from {lo} N on: {why}"))
                }
                WindowShape::Threshold { .. } if *hi >= most => {
                    (Severity::Error, format!("{hi} N is never reached: {why}"))
                }
                WindowShape::Within { .. } | WindowShape::PassThrough { .. } if *lo > most => {
                    (Severity::Error, format!("{lo} N is never reached: {why}"))
                }
                WindowShape::NoPass { .. } | WindowShape::Threshold { .. } => return None,
                // The trip fails such a part. A point of an envelope may lie behind the end of the stroke.
                _ if *hi > most => (
                    Severity::Warning,
                    format!("this window calls {hi} N good, and the step fails it: {why}"),
                ),
                _ => return None,
            };
            let help = format!("stay below {most} N, or raise `max_force`");
            Some(Beyond { severity, span: *span, message, help, labels: vec![(at, why.clone())] })
        };
        windows.iter().flat_map(|read| read.forces.iter().filter_map(|f| beyond(read, f))).collect()
    }

    /// One window or limit beyond the trip is told there; several of them at the trip.
    pub(super) fn tell(&self, cx: &mut Context<'_, '_>, beyond: Vec<Beyond>) {
        let at_trip = |one: &Beyond| {
            self.trip().is_some_and(|(_, trip)| one.labels.iter().any(|(span, _)| *span == trip))
        };
        let (beyond, others): (Vec<_>, Vec<_>) = beyond.into_iter().partition(at_trip);
        others.into_iter().for_each(|one| one.tell(cx));
        let (Some((most, span)), true) = (self.trip(), beyond.len() > 1) else {
            return beyond.into_iter().for_each(|one| one.tell(cx));
        };
        let wrong = beyond.iter().any(|one| one.severity == Severity::Error);
        let severity = if wrong { Severity::Error } else { Severity::Warning };
        let message =
            format!("`max_force` ends the stroke at {most} N, below what {} limits ask for", beyond.len());
        let labels = beyond.into_iter().map(|one| (one.span, "asks for more".to_string())).collect();
        let help = "raise `max_force`, or lower these".to_string();
        Beyond { severity, span, message, help, labels }.tell(cx);
    }
}

/// Way from a speed to rest with bounded acceleration and jerk.
fn braking_way(velocity: f64, acceleration: f64, jerk: f64) -> f64 {
    let full = velocity * jerk >= acceleration * acceleration;
    let time =
        if full { velocity / acceleration + acceleration / jerk } else { 2.0 * (velocity / jerk).sqrt() };
    // The speed falls symmetrically: half of it, for that time.
    velocity * time / 2.0
}
