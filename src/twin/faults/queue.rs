//! Frames that are on their way longer than the wire is: late ones, second ones, those that a stall holds.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use cellwright_model::TimeNs;
use cellwright_model::faults::{STALL_MAX, Way};

/// Bytes of one frame, and room for what damage adds.
pub(super) const FRAME_BYTES: usize = 1_536;
/// Frames that wait at the most: those of the longest stall at 4 kHz. What does not fit is lost, and counted.
const FRAMES_MAX: usize = (STALL_MAX.0 / 250_000) as usize;

/// Ordered by when it goes on, then by when it came.
type Waiting = Reverse<(TimeNs, u64, usize)>;

/// See the module text. Its memory is reserved once.
pub(super) struct Queue {
    waiting: [BinaryHeap<Waiting>; 2],
    bytes: Vec<u8>,
    lengths: Vec<usize>,
    free: Vec<usize>,
    came: u64,
    pub(super) overflowed: u64,
}

impl Queue {
    pub(super) fn new() -> Queue {
        Queue {
            waiting: [BinaryHeap::with_capacity(FRAMES_MAX), BinaryHeap::with_capacity(FRAMES_MAX)],
            // Zeroed pages that nobody has touched cost nothing.
            bytes: vec![0; FRAMES_MAX * FRAME_BYTES],
            lengths: vec![0; FRAMES_MAX],
            free: (0..FRAMES_MAX).rev().collect(),
            came: 0,
            overflowed: 0,
        }
    }

    pub(super) fn put(&mut self, way: Way, frame: &[u8], due: TimeNs) {
        let slot = if frame.len() > FRAME_BYTES { None } else { self.free.pop() };
        let Some(slot) = slot else {
            self.overflowed += 1;
            return;
        };
        self.bytes[slot * FRAME_BYTES..][..frame.len()].copy_from_slice(frame);
        self.lengths[slot] = frame.len();
        self.waiting[way as usize].push(Reverse((due, self.came, slot)));
        self.came += 1;
    }

    /// When the next one of this way goes on.
    pub(super) fn next(&self, way: Way) -> Option<TimeNs> {
        self.waiting[way as usize].peek().map(|Reverse((due, ..))| *due)
    }

    /// Takes the next one that is due by `now` into `buffer`; its length, and when it was due.
    pub(super) fn take(&mut self, way: Way, now: TimeNs, buffer: &mut [u8]) -> Option<(usize, TimeNs)> {
        let due = self.next(way).filter(|due| *due <= now)?;
        let Reverse((_, _, slot)) = self.waiting[way as usize].pop()?;
        self.free.push(slot);
        let len = self.lengths[slot].min(buffer.len());
        buffer[..len].copy_from_slice(&self.bytes[slot * FRAME_BYTES..][..len]);
        Some((len, due))
    }
}
