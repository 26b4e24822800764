//! The bounds of the controller, each with its reason (house rule 3).

use crate::DurationNs;

/// SubDevices in a segment: one ethercrab group, one thread.
pub const SUBDEVICES_MAX: usize = 64;
/// Process image in bytes: what one LRW of a standard Ethernet frame carries, with room to spare.
pub const IMAGE_BYTES_MAX: usize = 2048;
/// Axes: the mask of a command is one 64-bit word; 32 are driven at 1 ms with room on one core.
pub const AXES_MAX: usize = 32;
/// Digital inputs or outputs of a cell: one word each in the latest-value buffer.
pub const DIGITAL_MAX: usize = 64;
/// Analog channels of a cell.
pub const ANALOG_MAX: usize = 32;
/// Commands that wait for the cycle: more than one for each axis and output group; full = rejected.
pub const RT_COMMANDS_MAX: usize = 64;
/// Events that wait for the controller: it drains at least every 5 ms; full = fault, since losing a
/// Done is not tolerable.
pub const RT_EVENTS_MAX: usize = 1024;
/// Captures that run at once: one for each station and one to spare.
pub const CAPTURES_MAX: usize = 8;
/// Samples of one curve: 30 s at 1 ms; later samples are missing and the curve says so.
pub const CURVE_SAMPLES_MAX: usize = 30_000;
/// Curve buffers in circulation between cycle and controller.
pub const CURVE_BUFFERS: usize = 16;
/// Steps of one recipe, sub-recipes included.
pub const STEPS_MAX: usize = 10_000;
/// Rounds of a `repeat`, those around it multiplied in: attempts of a step are counted in 16 bits, and a unit that
/// needs a thousand rounds is not being made.
pub const ROUNDS_MAX: u16 = 1_000;
/// Joints of a cobot.
pub const JOINTS: usize = 6;
/// Older than this the last known state of a cobot says nothing of where it stands: it reports at least once a
/// second, and two reports may be lost.
pub const ROBOT_STATE_AGE_MAX: DurationNs = DurationNs::from_millis(3_000);
/// The same of one that moves: it reports many times within this, and is soon elsewhere.
pub const ROBOT_MOVING_AGE_MAX: DurationNs = DurationNs::from_millis(200);
/// Zones of a cell: each is looked at in every cycle.
pub const ZONES_MAX: usize = 32;
/// Cobots of a cell: their states go to the cycle in a buffer of this size.
pub const ROBOTS_MAX: usize = 8;
/// Serials of parts that are remembered, so that one is not used twice: a week of production around the
/// clock at a takt of 6 s; older ones are forgotten.
pub const IDENTITIES_MAX: usize = 100_000;
/// Events that wait for their commit before the cell opens no further unit.
pub const OUTBOX_BACKLOG_MAX: usize = 10_000;
/// Reduced speed of mode Manual as a share of an axis's maximum: at a quarter a person who sees something
/// go wrong still lets go in time. It protects nobody: speed that must be limited for a person's sake is
/// limited by the safety controller.
pub const MANUAL_SPEED_MAX: f64 = 0.25;
