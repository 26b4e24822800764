//! A tap on any link: copies each frame, both ways, into a bounded ring that a thread of its own writes
//! to a pcapng file.
//!
//! The side of the link neither allocates nor waits: a frame that finds the ring full is dropped from the
//! capture (never from the link) and counted; the file says so in its interface statistics (`isb_ifdrop`).

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use cellwright_model::{DurationNs, TimeNs};
use cellwright_rt::clock::Clock;
use rtrb::{Consumer, Producer, RingBuffer};

use crate::frame::RECEIVE_BYTES;
use crate::link::Link;
use crate::pcapng::{self, Direction};

/// Bytes of the ring: at 4 kHz and 2 × 300 bytes a cycle more than 3 s of a disk that does not write.
const RING_BYTES: usize = 8 * 1024 * 1024;
/// How often the writer looks at the ring.
const WRITER_PAUSE: Duration = Duration::from_millis(5);
/// Before each frame in the ring: time (8 bytes), direction (1), length (2).
const RECORD_HEAD: usize = 11;

/// What a capture came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CaptureSummary {
    /// Frames in the file.
    pub frames: u64,
    /// Frames that found the ring full.
    pub dropped: u64,
}

/// The capture could not be written; the link was not touched by it.
#[derive(Debug, thiserror::Error)]
#[error("capture file {}: {source} (check its directory and the space left)", path.display())]
pub struct CaptureError {
    /// The file.
    pub path: PathBuf,
    /// What the system said.
    pub source: io::Error,
}

/// Said by the tap to the writer.
#[derive(Debug, Default)]
struct Shared {
    dropped: AtomicU64,
    finish: AtomicBool,
}

/// The link's side of a capture: use it in the link's place.
#[derive(Debug)]
pub struct Tap<L, C> {
    link: L,
    clock: C,
    /// Unix time of the clock's zero, in nanoseconds.
    unix_zero_ns: i128,
    ring: Producer<u8>,
    shared: Arc<Shared>,
}

/// The file's side of a capture.
#[derive(Debug)]
pub struct Capture {
    path: PathBuf,
    shared: Arc<Shared>,
    writer: Option<JoinHandle<io::Result<u64>>>,
}

/// Opens `path` and puts a tap around `link`.
///
/// `clock` stamps the frames; `unix_zero_ns` is the Unix time of its zero. The file is complete after
/// [`Capture::finish`]; if the process dies before, it holds what was written and no statistics.
///
/// # Errors
/// The file cannot be created or its head not written, or no thread can be started.
pub fn start<L: Link, C: Clock>(
    path: &Path,
    link: L,
    clock: C,
    unix_zero_ns: i128,
    interface: &str,
) -> Result<(Tap<L, C>, Capture), CaptureError> {
    start_with_ring(path, link, clock, unix_zero_ns, interface, RING_BYTES)
}

fn start_with_ring<L: Link, C: Clock>(
    path: &Path,
    link: L,
    clock: C,
    unix_zero_ns: i128,
    interface: &str,
    ring_bytes: usize,
) -> Result<(Tap<L, C>, Capture), CaptureError> {
    let failed = |source| CaptureError { path: path.to_owned(), source };
    let mut file = BufWriter::new(File::create(path).map_err(failed)?);
    pcapng::write_head(&mut file, interface, RECEIVE_BYTES as u32).map_err(failed)?;
    file.flush().map_err(failed)?;
    let (producer, consumer) = RingBuffer::new(ring_bytes);
    let shared = Arc::new(Shared::default());
    let writer = Writer { file, ring: consumer, shared: shared.clone(), frames: 0, last_unix_ns: 0 };
    let thread = std::thread::Builder::new().name("capture".to_owned());
    let writer = thread.spawn(move || writer.run()).map_err(failed)?;
    let tap = Tap { link, clock, unix_zero_ns, ring: producer, shared: shared.clone() };
    Ok((tap, Capture { path: path.to_owned(), shared, writer: Some(writer) }))
}

impl<L, C: Clock> Tap<L, C> {
    fn record(&mut self, direction: Direction, frame: &[u8]) {
        let unix_ns =
            (self.unix_zero_ns + i128::from(self.clock.now().0)).clamp(0, i128::from(u64::MAX)) as u64;
        let mut head = [0; RECORD_HEAD];
        head[..8].copy_from_slice(&unix_ns.to_le_bytes());
        head[8] = direction as u8;
        head[9..].copy_from_slice(&(frame.len() as u16).to_le_bytes());
        // Both or nothing: the reader relies on whole records.
        let fits = frame.len() <= usize::from(u16::MAX) && self.ring.slots() >= RECORD_HEAD + frame.len();
        if !fits || self.ring.push_entire_slice(&head).is_err() || self.ring.push_entire_slice(frame).is_err()
        {
            self.shared.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl<L: Link, C: Clock> Link for Tap<L, C> {
    fn send(&mut self, frame: &[u8]) -> io::Result<()> {
        // Before sending, so that in the file no reply comes before its request.
        self.record(Direction::Outbound, frame);
        self.link.send(frame)
    }

    fn receive(&mut self, buffer: &mut [u8], wait: DurationNs) -> io::Result<Option<usize>> {
        let received = self.link.receive(buffer, wait)?;
        if let Some(frame) = received.and_then(|len| buffer.get(..len)) {
            self.record(Direction::Inbound, frame);
        }
        Ok(received)
    }

    fn cycle_begin(&mut self, cycle: u64, nominal_period: DurationNs) {
        self.link.cycle_begin(cycle, nominal_period);
    }

    fn simulated(&mut self) -> DurationNs {
        self.link.simulated()
    }
}

impl Capture {
    /// Frames dropped so far because the ring was full.
    pub fn dropped(&self) -> u64 {
        self.shared.dropped.load(Ordering::Relaxed)
    }

    /// Writes what is in the ring and the statistics, and closes the file. Call it after the last frame.
    ///
    /// # Errors
    /// Something could not be written; the file ends before it.
    pub fn finish(mut self) -> Result<CaptureSummary, CaptureError> {
        let path = self.path.clone();
        let dropped = self.shared.clone();
        let written = self.join().unwrap_or(Ok(0));
        let frames = written.map_err(|source| CaptureError { path, source })?;
        Ok(CaptureSummary { frames, dropped: dropped.dropped.load(Ordering::Relaxed) })
    }

    fn join(&mut self) -> Option<io::Result<u64>> {
        self.shared.finish.store(true, Ordering::Release);
        let joined = self.writer.take()?.join();
        Some(joined.unwrap_or_else(|_| Err(io::Error::other("the writer ended by a program error"))))
    }
}

impl Drop for Capture {
    /// Ends the writer too; nobody asks for its result any more.
    fn drop(&mut self) {
        let _ = self.join();
    }
}

/// Moves records from the ring into the file.
struct Writer {
    file: BufWriter<File>,
    ring: Consumer<u8>,
    shared: Arc<Shared>,
    frames: u64,
    last_unix_ns: u64,
}

impl Writer {
    /// The number of frames written. An error ends the writing; the tap then counts drops.
    fn run(mut self) -> io::Result<u64> {
        loop {
            // Read before the ring is emptied: what was recorded before `finish` is then in the file.
            let finish = self.shared.finish.load(Ordering::Acquire);
            while self.write_one()? {}
            if finish {
                break;
            }
            self.file.flush()?;
            std::thread::sleep(WRITER_PAUSE);
        }
        let dropped = self.shared.dropped.load(Ordering::Relaxed);
        pcapng::write_statistics(&mut self.file, self.last_unix_ns, self.frames, dropped)?;
        self.file.flush()?;
        self.file.get_ref().sync_all()?;
        Ok(self.frames)
    }

    /// Writes the next record; `false` if there is no whole one.
    fn write_one(&mut self) -> io::Result<bool> {
        let mut head = [0; RECORD_HEAD];
        match self.ring.read_chunk(RECORD_HEAD) {
            Ok(chunk) => copy_chunk(&chunk, &mut head),
            Err(_) => return Ok(false),
        }
        let unix_ns =
            u64::from_le_bytes([head[0], head[1], head[2], head[3], head[4], head[5], head[6], head[7]]);
        let direction =
            if head[8] == Direction::Outbound as u8 { Direction::Outbound } else { Direction::Inbound };
        let len = usize::from(u16::from_le_bytes([head[9], head[10]]));
        let mut record = vec![0; RECORD_HEAD + len];
        match self.ring.read_chunk(record.len()) {
            Ok(chunk) => {
                copy_chunk(&chunk, &mut record);
                chunk.commit_all();
            }
            Err(_) => return Ok(false),
        }
        pcapng::write_frame(&mut self.file, unix_ns, direction, &record[RECORD_HEAD..])?;
        self.frames += 1;
        self.last_unix_ns = unix_ns;
        Ok(true)
    }
}

fn copy_chunk(chunk: &rtrb::chunks::ReadChunk<'_, u8>, to: &mut [u8]) {
    let (first, second) = chunk.as_slices();
    to[..first.len()].copy_from_slice(first);
    to[first.len()..].copy_from_slice(second);
}

/// Unix time of `now` on `clock` less `now`: what [`start`] needs for a real clock.
pub fn unix_zero_ns(clock: &impl Clock) -> i128 {
    let TimeNs(now) = clock.now();
    let unix = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    unix.as_nanos() as i128 - i128::from(now)
}

#[cfg(test)]
mod tests {
    use cellwright_rt::clock::VirtualClock;

    use super::*;

    #[derive(Debug)]
    struct Loop(Option<Vec<u8>>);

    impl Link for Loop {
        fn send(&mut self, frame: &[u8]) -> io::Result<()> {
            self.0 = Some(frame.to_vec());
            Ok(())
        }
        fn receive(&mut self, buffer: &mut [u8], _wait: DurationNs) -> io::Result<Option<usize>> {
            let Some(frame) = self.0.take() else { return Ok(None) };
            buffer[..frame.len()].copy_from_slice(&frame);
            Ok(Some(frame.len()))
        }
    }

    #[test]
    fn a_full_ring_drops_from_the_capture_and_counts() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("full.pcapng");
        let clock = VirtualClock::default();
        let (mut tap, capture) = start_with_ring(&path, Loop(None), clock, 0, "t", 200).unwrap();
        let mut buffer = [0; 64];
        for _ in 0..1_000 {
            tap.send(&[7; 60]).unwrap();
            assert_eq!(tap.receive(&mut buffer, DurationNs(1)).unwrap(), Some(60), "the link is not touched");
        }
        let summary = capture.finish().unwrap();
        assert!(summary.dropped > 0 && summary.frames >= 2, "{summary:?}");
        assert_eq!(summary.frames + summary.dropped, 2_000);
    }

    #[test]
    fn a_file_that_cannot_be_made_or_written_is_named() {
        let clock = VirtualClock::default();
        let nowhere = Path::new("/nonexistent/dir/a.pcapng");
        let error = start(nowhere, Loop(None), clock.clone(), 0, "t").unwrap_err();
        assert!(error.to_string().contains("/nonexistent/dir/a.pcapng"), "{error}");
        let error = match start(Path::new("/dev/full"), Loop(None), clock, 0, "t") {
            Err(error) => error,
            Ok((_, capture)) => capture.finish().unwrap_err(),
        };
        assert_eq!(error.source.kind(), io::ErrorKind::StorageFull);
    }
}
