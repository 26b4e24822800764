//! From the outbox to the recorder: batches that are acknowledged.
//!
//! One batch is under way at a time. The cursor moves only when every recorder that answered has the
//! batch durable; a recorder that is behind gets what it lacks for as long as the outbox still has it.
//! Nothing here waits without a deadline, and a failure is tried again with growing patience.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use zenoh::Wait;
use zenoh::handlers::FifoChannel;
use zenoh::query::{ConsolidationMode, QueryTarget};

use crate::error::TraceError;
use crate::ingest::{BATCH_BYTES, BATCH_MAX, Reply, Verdict};
use crate::keys::CellAddress;
use crate::network::Network;
use crate::outbox::{DeliveryCursor, HeadWatch, OutboxReader};

/// How long recorders have to answer a batch: some commits, and the stall of a busy disk.
const DEADLINE: Duration = Duration::from_secs(5);
/// Patience before a failed batch is tried again: doubled from the first to the last.
const RETRY_FIRST: Duration = Duration::from_millis(50);
const RETRY_LAST: Duration = Duration::from_secs(2);
/// How often an idle delivery asks whether the recorders still have all of it.
const PROBE: Duration = Duration::from_secs(2);
/// How soon an idle delivery notices that it shall end.
const IDLE: Duration = Duration::from_millis(100);

/// How delivery stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryStatus {
    /// Up to which event recorders have acknowledged.
    pub delivered: u64,
    /// Why it does not go on; None if it does.
    pub problem: Option<String>,
}

/// Running delivery. Dropping it ends it; what waits stays in the outbox.
#[derive(Debug)]
pub struct Delivery {
    stop: Arc<AtomicBool>,
    status: Arc<Mutex<DeliveryStatus>>,
    head: HeadWatch,
    thread: Option<JoinHandle<()>>,
}

impl Delivery {
    /// Starts delivery of the outbox in `state_dir`.
    ///
    /// # Errors
    /// The outbox cannot be read, or the system refuses.
    pub fn start(
        network: &Network,
        address: &CellAddress,
        state_dir: &Path,
        cursor: DeliveryCursor,
        head: HeadWatch,
    ) -> Result<Delivery, TraceError> {
        let stop = Arc::new(AtomicBool::new(false));
        let status = Arc::new(Mutex::new(DeliveryStatus { delivered: cursor.get(), problem: None }));
        let work = Work {
            network: network.clone(),
            key: format!("{}/ingest", address.base_key()),
            outbox: OutboxReader::open(state_dir)?,
            at: cursor.get(),
            cursor,
            head: head.clone(),
            stop: stop.clone(),
            status: status.clone(),
            warned: None,
        };
        let thread = std::thread::Builder::new()
            .name("delivery".into())
            .spawn(move || work.run())
            .map_err(|e| TraceError::network("cannot start delivery", e))?;
        Ok(Delivery { stop, status, head, thread: Some(thread) })
    }

    /// How it stands.
    pub fn status(&self) -> DeliveryStatus {
        self.status.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until all events that are durable now are acknowledged; false if `patience` ends first.
    pub fn flush(&self, patience: Duration) -> bool {
        self.wait_delivered(patience, true)
    }

    /// As [`flush`](Self::flush), but does not wait for a recorder that is away or refuses.
    pub fn flush_if_answered(&self, patience: Duration) -> bool {
        self.wait_delivered(patience, false)
    }

    fn wait_delivered(&self, patience: Duration, through_problems: bool) -> bool {
        let until = Instant::now() + patience;
        let goal = self.head.get().seq;
        loop {
            let status = self.status();
            if status.delivered >= goal {
                return true;
            }
            if Instant::now() >= until || (status.problem.is_some() && !through_problems) {
                return false;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic there has been reported by its own thread.
            let _ = thread.join();
        }
    }
}

struct Work {
    network: Network,
    key: String,
    outbox: OutboxReader,
    /// The next batch begins after this event.
    at: u64,
    cursor: DeliveryCursor,
    head: HeadWatch,
    stop: Arc<AtomicBool>,
    status: Arc<Mutex<DeliveryStatus>>,
    /// The problem that was logged last, so that each is said once.
    warned: Option<String>,
}

/// What became of one batch.
enum Round {
    /// Go on: after the event.
    Next(u64),
    /// Try again later.
    Problem(String),
}

impl Work {
    fn run(mut self) {
        let mut patience = RETRY_FIRST;
        let mut asked = Instant::now();
        while !self.stopped() {
            if self.head.wait_beyond(self.at, IDLE).seq <= self.at {
                if self.at == 0 || asked.elapsed() < PROBE {
                    continue;
                }
                // The last event once more: a recorder that lost its store, or missed the last round,
                // says how far it is behind.
                self.at -= 1;
            }
            asked = Instant::now();
            match self.round().unwrap_or_else(|e| Round::Problem(e.to_string())) {
                Round::Next(at) => {
                    patience = RETRY_FIRST;
                    self.at = at;
                    self.tell(None);
                }
                Round::Problem(problem) => {
                    self.tell(Some(problem));
                    self.pause(patience);
                    patience = (patience * 2).min(RETRY_LAST);
                }
            }
        }
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn pause(&self, patience: Duration) {
        let until = Instant::now() + patience;
        while !self.stopped() && Instant::now() < until {
            std::thread::sleep(IDLE.min(until.saturating_duration_since(Instant::now())));
        }
    }

    fn tell(&mut self, problem: Option<String>) {
        if problem != self.warned {
            match &problem {
                Some(problem) => tracing::warn!("delivery waits: {problem}"),
                None => tracing::info!("delivery goes on"),
            }
            self.warned.clone_from(&problem);
        }
        let mut status = self.status.lock().unwrap_or_else(PoisonError::into_inner);
        *status = DeliveryStatus { delivered: self.cursor.get(), problem };
    }

    /// One batch, with the curves that recorders lack.
    fn round(&mut self) -> Result<Round, TraceError> {
        let lines = self.batch()?;
        let replies = self.ask(&self.key, lines.join("\n").into_bytes())?;
        if replies.is_empty() {
            return Ok(Round::Problem("no recorder answers".into()));
        }
        let mut missing: Vec<String> = Vec::new();
        for reply in &replies {
            if let Verdict::CurvesMissing { hashes } = &reply.verdict {
                missing.extend(hashes.iter().filter(|h| !missing.contains(h)).cloned().collect::<Vec<_>>());
            }
        }
        if missing.is_empty() {
            return self.judge(&replies);
        }
        for hash in missing {
            if let Some(problem) = self.send_curve(&hash)? {
                return Ok(Round::Problem(problem));
            }
        }
        let replies = self.ask(&self.key, lines.join("\n").into_bytes())?;
        self.judge(&replies)
    }

    fn batch(&self) -> Result<Vec<String>, TraceError> {
        let mut lines = self.outbox.lines_after(self.at, BATCH_MAX)?;
        let mut bytes = 0;
        let fits = lines.iter().take_while(|line| {
            bytes += line.len();
            bytes <= BATCH_BYTES
        });
        let fits = fits.count().max(1);
        lines.truncate(fits);
        Ok(lines)
    }

    fn judge(&self, replies: &[Reply]) -> Result<Round, TraceError> {
        let first = self.outbox.first()?.unwrap_or(1);
        let head = self.outbox.head()?.seq;
        let mut lowest: Option<u64> = None;
        let mut lost = None;
        for Reply { store, verdict } in replies {
            let seq = match verdict {
                Verdict::Committed { seq } | Verdict::Behind { seq } if *seq > head => {
                    let problem =
                        "has more events of this stream than the outbox: was the state directory restored?";
                    return Ok(Round::Problem(format!("recorder {store} {problem}")));
                }
                Verdict::Committed { seq } => *seq,
                Verdict::Behind { seq } if seq + 1 >= first => *seq,
                Verdict::Behind { seq } => {
                    lost = Some(format!(
                        "recorder {store} lacks events {} to {}, which are no longer here",
                        seq + 1,
                        first - 1
                    ));
                    continue;
                }
                Verdict::Refused { reason } => {
                    return Ok(Round::Problem(format!("recorder {store} refuses: {reason}")));
                }
                Verdict::Failing { reason } => {
                    return Ok(Round::Problem(format!("recorder {store} cannot keep it: {reason}")));
                }
                other => return Ok(Round::Problem(format!("recorder {store} answers {other:?}"))),
            };
            lowest = Some(lowest.map_or(seq, |known| known.min(seq)));
        }
        match (lowest, lost) {
            (Some(seq), _) => {
                self.cursor.advance(seq);
                Ok(Round::Next(seq))
            }
            (None, Some(lost)) => Ok(Round::Problem(lost)),
            (None, None) => Ok(Round::Problem("no recorder answers".into())),
        }
    }

    fn send_curve(&self, hash: &str) -> Result<Option<String>, TraceError> {
        let Some(bytes) = self.outbox.curve(hash)? else {
            return Ok(Some(format!("curve {hash} is not in the outbox")));
        };
        let replies = self.ask(&format!("{}/curve/{hash}", self.key), bytes)?;
        Ok(match replies.iter().find(|reply| reply.verdict != Verdict::CurveKept) {
            Some(Reply { store, verdict }) => {
                Some(format!("recorder {store} did not keep curve {hash}: {verdict:?}"))
            }
            None if replies.is_empty() => Some("no recorder answers".into()),
            None => None,
        })
    }

    /// The answers of all recorders that give one in time.
    fn ask(&self, key: &str, payload: Vec<u8>) -> Result<Vec<Reply>, TraceError> {
        let answers = self
            .network
            .session()
            .get(key)
            .payload(payload)
            .target(QueryTarget::All)
            .consolidation(ConsolidationMode::None)
            .timeout(DEADLINE)
            .with(FifoChannel::new(16))
            .wait()
            .map_err(|e| TraceError::network(format!("cannot ask {key}"), e))?;
        let until = Instant::now() + DEADLINE + IDLE;
        let mut replies = Vec::new();
        while let Ok(Some(answer)) = answers.recv_deadline(until) {
            if self.stopped() {
                break;
            }
            match answer.result() {
                Ok(sample) => match serde_json::from_slice(&sample.payload().to_bytes()) {
                    Ok(reply) => replies.push(reply),
                    Err(e) => tracing::warn!("an answer on {key} is not a recorder's: {e}"),
                },
                Err(e) => tracing::debug!("no answer on {key}: {:?}", e.payload().to_bytes()),
            }
        }
        Ok(replies)
    }
}

#[cfg(test)]
mod tests;
