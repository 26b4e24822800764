//! Live publication: each durable event on its key, for whoever listens now.
//!
//! It may lose: a listener that is away or slow misses events. What must not be lost goes by delivery.
//! A thread of its own publishes, so that no one waits for the network.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use cellwright_model::event::Event;
use zenoh::Wait;
use zenoh::bytes::Encoding;
use zenoh::qos::CongestionControl;

use crate::error::TraceError;
use crate::keys::CellAddress;
use crate::network::Network;

/// Events that wait to be published; full: the new one is dropped and counted.
const QUEUE: usize = 4_096;

/// Publishes events as they become durable.
#[derive(Debug)]
pub struct LivePublisher {
    address: CellAddress,
    queue: Option<SyncSender<(String, String)>>,
    dropped: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl LivePublisher {
    /// Starts the publisher of a cell.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn start(network: &Network, address: CellAddress) -> Result<LivePublisher, TraceError> {
        let (queue, events) = sync_channel(QUEUE);
        let dropped = Arc::new(AtomicU64::new(0));
        let (network, count) = (network.clone(), dropped.clone());
        let thread = std::thread::Builder::new()
            .name("live".into())
            .spawn(move || publish_all(&network, &events, &count))
            .map_err(|e| TraceError::network("cannot start live publication", e))?;
        Ok(LivePublisher { address, queue: Some(queue), dropped, thread: Some(thread) })
    }

    /// Publishes a durable event: its line, as stored, on its key. Never blocks.
    pub fn publish(&self, event: &Event) {
        let Some(queue) = &self.queue else { return };
        let message = (self.address.live_key(event), event.line.clone());
        if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) = queue.try_send(message) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Events that were not published, because too many waited or the network refused them.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

impl Drop for LivePublisher {
    /// Publishes what waits, then ends.
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            // A panic there has been reported by its own thread.
            let _ = thread.join();
        }
    }
}

fn publish_all(network: &Network, events: &Receiver<(String, String)>, dropped: &AtomicU64) {
    for (key, line) in events {
        let put = network
            .session()
            .put(&key, line)
            .encoding(Encoding::APPLICATION_JSON)
            .congestion_control(CongestionControl::Drop)
            .wait();
        if let Err(e) = put {
            dropped.fetch_add(1, Ordering::Relaxed);
            tracing::debug!("not published on {key}: {e}");
        }
    }
}
