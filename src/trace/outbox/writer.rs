//! The thread that owns the outbox: takes transactions, commits them in groups, acknowledges them.
//!
//! What arrived while one commit was running goes into the next one, so the batch grows with the load
//! and a lone transaction never waits. When the disk refuses, the transactions stay here in their
//! order and are tried again; nothing behind them overtakes.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, TrySendError, channel, sync_channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use cellwright_model::event::{Event, Transaction};
use cellwright_model::limits::OUTBOX_BACKLOG_MAX;

use super::Outbox;
use crate::chain::Head;
use crate::error::TraceError;

/// Transactions in one commit: its time stays below some 10 ms.
const BATCH_MAX: usize = 100;
/// How soon a commit that failed is tried again.
const RETRY: Duration = Duration::from_millis(250);
/// How soon an idle writer notices that the delivery cursor moved.
const IDLE: Duration = Duration::from_millis(20);

/// What the writer says of the transactions it was given.
#[derive(Debug, Clone)]
pub enum Ack {
    /// It is durable: now it may be told. `events` as they stand in the chain.
    Durable { ticket: u64, events: Vec<Event> },
    /// It can never be durable and was left out: an error of the program that made it.
    Refused { ticket: u64, error: TraceError },
    /// The disk refuses; `waiting` transactions wait and are tried again. Said once for each cause.
    Failing { error: TraceError, waiting: usize },
    /// Commits work again.
    Recovered,
}

/// Why a transaction was not taken; it comes back.
#[derive(Debug)]
pub enum SubmitError {
    /// So many wait that no more is taken.
    Full(Box<Transaction>),
    /// The writer has ended.
    Ended(Box<Transaction>),
}

/// A handle to the writer thread.
#[derive(Debug)]
pub struct OutboxWriter {
    queue: Option<SyncSender<Transaction>>,
    delivered: Arc<AtomicU64>,
    head: HeadWatch,
    ending: Arc<AtomicBool>,
    thread: Option<JoinHandle<Vec<u64>>>,
}

impl OutboxWriter {
    /// Starts the writer; acknowledgements come in the order of the transactions. The receiver never
    /// holds more of them than were submitted.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn start(outbox: Outbox) -> Result<(OutboxWriter, Receiver<Ack>), TraceError> {
        let (queue, transactions) = sync_channel(OUTBOX_BACKLOG_MAX);
        let (acks, acknowledged) = channel();
        let delivered = Arc::new(AtomicU64::new(outbox.delivered()));
        let head = HeadWatch::new(outbox.head());
        let ending = Arc::new(AtomicBool::new(false));
        let state_dir = outbox.state_dir().to_owned();
        let pump = Pump {
            outbox,
            transactions,
            acks,
            delivered: delivered.clone(),
            head: head.clone(),
            waiting: VecDeque::new(),
            batch_max: BATCH_MAX,
            failing: None,
            ending: ending.clone(),
        };
        let thread = std::thread::Builder::new()
            .name("outbox".into())
            .spawn(move || pump.run())
            .map_err(|e| TraceError::io("cannot start the writer of", &state_dir, &e))?;
        let writer = OutboxWriter { queue: Some(queue), delivered, head, ending, thread: Some(thread) };
        Ok((writer, acknowledged))
    }

    /// Hands a transaction over; never blocks.
    ///
    /// # Errors
    /// [`OUTBOX_BACKLOG_MAX`] transactions wait already, or the writer has ended.
    pub fn submit(&self, transaction: Transaction) -> Result<(), SubmitError> {
        match &self.queue {
            Some(queue) => queue.try_send(transaction).map_err(|e| match e {
                TrySendError::Full(tx) => SubmitError::Full(Box::new(tx)),
                TrySendError::Disconnected(tx) => SubmitError::Ended(Box::new(tx)),
            }),
            None => Err(SubmitError::Ended(Box::new(transaction))),
        }
    }

    /// Where delivery says how far the recorder has acknowledged; the cursor is journalled with the next
    /// commit.
    pub fn cursor(&self) -> DeliveryCursor {
        DeliveryCursor { delivered: self.delivered.clone() }
    }

    /// The last durable event, as it moves.
    pub fn head(&self) -> HeadWatch {
        self.head.clone()
    }

    /// Ends the writer: commits what waits, the delivery cursor too, and gives the state directory up.
    /// Gives the tickets that could not be made durable: nothing of them was told.
    pub fn finish(mut self) -> Vec<u64> {
        self.end()
    }

    fn end(&mut self) -> Vec<u64> {
        self.ending.store(true, Ordering::Relaxed);
        self.queue = None;
        // A panic there has been reported by its own thread.
        self.thread.take().and_then(|thread| thread.join().ok()).unwrap_or_default()
    }
}

impl Drop for OutboxWriter {
    fn drop(&mut self) {
        for ticket in self.end() {
            tracing::error!("transaction {ticket} was not made durable");
        }
    }
}

/// The cursor of delivery: only ever moves forward.
#[derive(Debug, Clone)]
pub struct DeliveryCursor {
    delivered: Arc<AtomicU64>,
}

impl DeliveryCursor {
    /// The recorder has acknowledged up to `seq`.
    pub fn advance(&self, seq: u64) {
        self.delivered.fetch_max(seq, Ordering::Relaxed);
    }

    /// How far the recorder has acknowledged.
    pub fn get(&self) -> u64 {
        self.delivered.load(Ordering::Relaxed)
    }
}

/// The last durable event, for those who wait for the next one.
#[derive(Debug, Clone)]
pub struct HeadWatch {
    shared: Arc<(Mutex<Head>, Condvar)>,
}

impl HeadWatch {
    pub(crate) fn new(head: Head) -> HeadWatch {
        HeadWatch { shared: Arc::new((Mutex::new(head), Condvar::new())) }
    }

    /// The last durable event.
    pub fn get(&self) -> Head {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until there is an event after `seq`, at most `patience`; gives the head then.
    pub fn wait_beyond(&self, seq: u64, patience: Duration) -> Head {
        let (head, moved) = &*self.shared;
        let guard = head.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = moved.wait_timeout_while(guard, patience, |head| head.seq <= seq);
        wait.unwrap_or_else(PoisonError::into_inner).0.clone()
    }

    fn set(&self, head: Head) {
        *self.shared.0.lock().unwrap_or_else(PoisonError::into_inner) = head;
        self.shared.1.notify_all();
    }
}

struct Pump {
    outbox: Outbox,
    transactions: Receiver<Transaction>,
    acks: Sender<Ack>,
    delivered: Arc<AtomicU64>,
    head: HeadWatch,
    /// Taken from the queue and not yet durable, in order.
    waiting: VecDeque<Transaction>,
    /// Transactions in the next commit: fewer after a failure.
    batch_max: usize,
    failing: Option<String>,
    /// The handle is given up: no more waiting for the disk.
    ending: Arc<AtomicBool>,
}

impl Pump {
    fn run(mut self) -> Vec<u64> {
        loop {
            let open = self.receive(if self.failing.is_some() { RETRY } else { IDLE });
            self.commit();
            if !open || (self.failing.is_some() && self.ending.load(Ordering::Relaxed)) {
                break;
            }
        }
        // The last words: all that waits, unless the disk still refuses.
        self.waiting.extend(self.transactions.try_iter());
        while self.failing.is_none() && (!self.waiting.is_empty() || self.cursor_moved()) {
            self.commit();
        }
        self.waiting.iter().map(|tx| tx.ticket).collect()
    }

    /// Takes what is there, waiting up to `patience` for it. While the disk refuses it takes only one
    /// batch, so that the queue fills and refuses in its turn. False when all senders are gone.
    fn receive(&mut self, patience: Duration) -> bool {
        let until = Instant::now() + patience;
        while self.waiting.len() < BATCH_MAX {
            let wait = if self.waiting.is_empty() || self.failing.is_some() {
                until.saturating_duration_since(Instant::now())
            } else {
                Duration::ZERO
            };
            match self.transactions.recv_timeout(wait) {
                Ok(tx) => self.waiting.push_back(tx),
                Err(RecvTimeoutError::Timeout) => return true,
                Err(RecvTimeoutError::Disconnected) => return false,
            }
        }
        if self.failing.is_some() {
            std::thread::sleep(until.saturating_duration_since(Instant::now()));
        }
        true
    }

    fn cursor_moved(&self) -> bool {
        self.delivered.load(Ordering::Relaxed).min(self.outbox.head().seq) > self.outbox.delivered()
    }

    fn commit(&mut self) {
        if self.waiting.is_empty() && !self.cursor_moved() {
            return;
        }
        let count = self.waiting.len().min(self.batch_max);
        let delivered = self.delivered.load(Ordering::Relaxed);
        let batch = &self.waiting.make_contiguous()[..count];
        match self.outbox.commit(batch, delivered) {
            Ok(committed) => {
                self.waiting.drain(..count);
                self.batch_max = (self.batch_max * 2).min(BATCH_MAX);
                self.head.set(self.outbox.head());
                if self.failing.take().is_some() {
                    self.say(Ack::Recovered);
                }
                for done in committed {
                    self.say(Ack::Durable { ticket: done.ticket, events: done.events });
                }
            }
            Err(error @ TraceError::Refused { ticket, .. }) => {
                self.waiting.retain(|tx| tx.ticket != ticket);
                self.say(Ack::Refused { ticket, error });
            }
            Err(error) => {
                // There may be room for fewer.
                self.batch_max = (self.batch_max / 2).max(1);
                let text = error.to_string();
                if self.failing.as_ref() != Some(&text) {
                    tracing::error!("{text}");
                    self.failing = Some(text);
                    self.say(Ack::Failing { error, waiting: self.waiting.len() });
                }
            }
        }
    }

    fn say(&self, ack: Ack) {
        // Nobody listens any more at the end of the program; what is durable stays so.
        let _ = self.acks.send(ack);
    }
}
