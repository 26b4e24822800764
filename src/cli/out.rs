//! Standard output and standard error, written so that no reader can stop the cell: one that went away is
//! ignored, and during a run one that takes nothing (a paused terminal, a full pipe) is not waited for.

use std::fmt;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

/// Lines that wait for a reader: minutes of a run at 2 KiB each. Full: the new one is dropped and counted.
const LINES_MAX: usize = 16_384;
/// At the end, a reader that takes no line for so long is given up.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long [`Lines::settle`] waits, and how long between two looks.
const SETTLES_WITHIN: Duration = Duration::from_millis(200);
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// A line to standard output, like `println!`, but without a panic when nobody reads.
macro_rules! outln {
    ($($text:tt)*) => { $crate::cli::out::write(&mut std::io::stdout().lock(), format_args!($($text)*)) };
}
/// A line to standard error, like `eprintln!`, but without a panic when nobody reads.
macro_rules! errln {
    ($($text:tt)*) => { $crate::cli::out::write(&mut std::io::stderr().lock(), format_args!($($text)*)) };
}
pub(crate) use {errln, outln};

/// Writes a line and flushes. What it says is in the record or in the exit status too, so a reader that
/// went away is no reason to stop.
pub(crate) fn write(to: &mut dyn Write, text: fmt::Arguments<'_>) {
    // At once: nothing else that writes to the terminal comes between a line and its end.
    let _ = to.write_all(format!("{text}\n").as_bytes()).and_then(|()| to.flush());
}

/// Whether a stream may be coloured: a terminal that can, and a person who has not said no (<https://no-color.org>).
pub(crate) fn in_colour(stream: &impl io::IsTerminal) -> bool {
    let says = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    stream.is_terminal() && says("NO_COLOR").is_none() && says("TERM").is_none_or(|term| term != "dumb")
}

/// Lines on their way to one stream, which a thread of its own writes.
pub(crate) struct Lines {
    queue: SyncSender<String>,
    dropped: u64,
    queued: u64,
    written: Arc<AtomicU64>,
    ended: Receiver<()>,
}

impl Lines {
    /// Begins to write to `to`.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub(crate) fn start(mut to: impl Write + Send + 'static) -> io::Result<Lines> {
        let (queue, lines) = sync_channel::<String>(LINES_MAX);
        let (ending, ended) = sync_channel(0);
        let written = Arc::new(AtomicU64::new(0));
        let count = written.clone();
        std::thread::Builder::new().name("lines".into()).spawn(move || {
            // Dropped with the thread, which is what `finish` waits for.
            let _ending: SyncSender<()> = ending;
            for line in lines {
                write(&mut to, format_args!("{line}"));
                count.fetch_add(1, Ordering::Relaxed);
            }
        })?;
        Ok(Lines { queue, dropped: 0, queued: 0, written, ended })
    }

    /// Hands a line over; never blocks.
    pub(crate) fn line(&mut self, line: String) {
        match self.queue.try_send(line) {
            Ok(()) => self.queued += 1,
            Err(_) => self.dropped += 1,
        }
    }

    /// Waits until all that was handed over is written, but not for long: a reader that pauses is not waited for.
    pub(crate) fn settle(&self) {
        let until = Instant::now() + SETTLES_WITHIN;
        while self.written.load(Ordering::Relaxed) < self.queued && Instant::now() < until {
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// Waits until all is written, for as long as the reader goes on taking lines. Gives how many it did not
    /// take.
    pub(crate) fn finish(self) -> u64 {
        let Lines { queue, dropped, queued, written, ended } = self;
        drop(queue);
        let mut before = written.load(Ordering::Relaxed);
        while ended.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
            let now = written.load(Ordering::Relaxed);
            if now == before {
                return dropped + (queued - now);
            }
            before = now;
        }
        dropped
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::mpsc::{Receiver, channel};

    use super::*;

    /// A stream whose reader takes a line only when the test lets it.
    struct Gate(Receiver<()>, Arc<Mutex<Vec<u8>>>);

    impl Write for Gate {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.recv().map_err(io::Error::other)?;
            self.1.lock().expect("the test's own").extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_pauses_holds_nobody_up_and_what_it_missed_is_counted() {
        let (go, gate) = channel();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let mut lines = Lines::start(Gate(gate, seen.clone())).expect("a thread");
        for n in 0..LINES_MAX + 10 {
            lines.line(n.to_string());
        }
        // One may be in the writer's hands already, besides the queue.
        assert!((9..=10).contains(&lines.dropped), "{}", lines.dropped);
        let dropped = lines.dropped;
        for _ in 0..4 * LINES_MAX {
            go.send(()).expect("the writer waits");
        }
        assert_eq!(lines.finish(), dropped);
        assert!(seen.lock().expect("the test's own").starts_with(b"0\n1\n2\n"));
    }

    #[test]
    fn a_reader_that_went_away_is_no_failure() {
        let (go, gate) = channel();
        drop(go);
        let mut lines = Lines::start(Gate(gate, Arc::default())).expect("a thread");
        lines.line("nobody reads this".to_owned());
        assert_eq!(lines.finish(), 0);
    }
}
