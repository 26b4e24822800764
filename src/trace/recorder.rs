//! The recorder: takes batches from cells, checks them, keeps them, and only then answers.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use zenoh::Wait;
use zenoh::handlers::{FifoChannel, FifoChannelHandler};
use zenoh::query::{Query, Queryable};

use crate::error::TraceError;
use crate::ingest::{Reply, Verdict, take_batch, take_curve};
use crate::network::Network;
use crate::store::Store;

/// Batches that wait: each cell has one under way, so that many cells can wait at once.
const QUEUE: usize = 256;
/// How soon a recorder notices that it shall end.
const IDLE: Duration = Duration::from_millis(50);

/// The key under which every cell of the network is heard.
pub const EVERY_CELL: &str = "cellwright/v1/*/*/*";

/// What a recorder has done so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecorderStatus {
    /// Batches made durable.
    pub committed: u64,
    /// Batches and curves refused for good: an alarm, since a cell cannot deliver.
    pub refused: u64,
    /// Writes that failed; the cell tries again.
    pub failed: u64,
    pub last_problem: Option<String>,
}

/// A running recorder. Dropping it ends it; what it answered is durable.
#[derive(Debug)]
pub struct Recorder {
    stop: Arc<AtomicBool>,
    status: Arc<Mutex<RecorderStatus>>,
    thread: Option<JoinHandle<()>>,
}

impl Recorder {
    /// Starts a recorder for the cells under `base`: the base key of one cell or [`EVERY_CELL`].
    ///
    /// # Errors
    /// The network or the system refuses.
    pub fn start(network: &Network, base: &str, store: Box<dyn Store>) -> Result<Recorder, TraceError> {
        let key = format!("{base}/ingest/**");
        let queries = network
            .session()
            .declare_queryable(&key)
            .complete(true)
            .with(FifoChannel::new(QUEUE))
            .wait()
            .map_err(|e| TraceError::network(format!("cannot listen on {key}"), e))?;
        let (stop, status) = (Arc::new(AtomicBool::new(false)), Arc::default());
        let work = Work { queries, store, stop: stop.clone(), status: Arc::clone(&status) };
        let thread = std::thread::Builder::new()
            .name("recorder".into())
            .spawn(move || work.run())
            .map_err(|e| TraceError::network("cannot start the recorder", e))?;
        Ok(Recorder { stop, status, thread: Some(thread) })
    }

    /// What it has done so far.
    pub fn status(&self) -> RecorderStatus {
        self.status.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic there has been reported by its own thread.
            let _ = thread.join();
        }
    }
}

struct Work {
    queries: Queryable<FifoChannelHandler<Query>>,
    store: Box<dyn Store>,
    stop: Arc<AtomicBool>,
    status: Arc<Mutex<RecorderStatus>>,
}

impl Work {
    fn run(mut self) {
        while !self.stop.load(Ordering::Relaxed) {
            match self.queries.recv_timeout(IDLE) {
                Ok(Some(query)) => self.answer(&query),
                Ok(None) => {}
                Err(_) => return, // The session is closed.
            }
        }
    }

    fn answer(&mut self, query: &Query) {
        let key = query.key_expr().as_str();
        let bytes = query.payload().map(|payload| payload.to_bytes()).unwrap_or_default();
        let verdict = match key.rsplit_once("/ingest") {
            Some((_, "")) => match std::str::from_utf8(&bytes) {
                Ok(text) => take_batch(self.store.as_mut(), text),
                Err(_) => Verdict::Refused { reason: "a batch that is not UTF-8".into() },
            },
            Some((_, rest)) if rest.starts_with("/curve/") => {
                take_curve(self.store.as_mut(), &rest["/curve/".len()..], &bytes)
            }
            _ => Verdict::Refused { reason: format!("`{key}` is no key of a recorder") },
        };
        self.note(key, &verdict);
        let reply = Reply { store: self.store.id().to_owned(), verdict };
        let sent = serde_json::to_vec(&reply)
            .map_err(|e| e.to_string())
            .and_then(|json| query.reply(query.key_expr(), json).wait().map_err(|e| e.to_string()));
        if let Err(e) = sent {
            // The cell asks again after its deadline, and is told then what is durable.
            tracing::warn!("the answer to {key} was not sent: {e}");
        }
    }

    fn note(&self, key: &str, verdict: &Verdict) {
        let mut status = self.status.lock().unwrap_or_else(PoisonError::into_inner);
        match verdict {
            Verdict::Committed { .. } => status.committed += 1,
            Verdict::Refused { reason } => {
                tracing::error!("refused from {key}: {reason}");
                status.refused += 1;
                status.last_problem = Some(reason.clone());
            }
            Verdict::Failing { reason } => {
                tracing::error!("not kept from {key}: {reason}");
                status.failed += 1;
                status.last_problem = Some(reason.clone());
            }
            Verdict::CurveKept | Verdict::CurvesMissing { .. } | Verdict::Behind { .. } => {}
        }
    }
}
