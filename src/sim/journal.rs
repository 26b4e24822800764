//! A disk in virtual time: either instant and without a trace, or the real outbox, which takes a stated
//! time to commit and to say so.

use std::collections::VecDeque;
use std::path::PathBuf;

use cellwright_controller::Ticket;
use cellwright_model::cell::Cell;
use cellwright_model::event::{Event, Stamp, Transaction};
use cellwright_model::{DurationNs, TimeNs};
use cellwright_station::interrupted;
use cellwright_trace::{CellAddress, Outbox, OutboxOptions, Recovery, Sealer, TraceError};

/// Where a cell in virtual time keeps its record.
#[derive(Debug, Clone, Default)]
pub enum Storage {
    /// Nowhere: everything said is durable at once; stream and hashes follow from the seed.
    #[default]
    Instant,
    /// In the outbox of a state directory, as `run` does.
    Outbox { state: PathBuf, latency: Latency },
}

/// Virtual time that a disk takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Latency {
    /// From a transaction to its commit: until then a kill loses it.
    pub commit: DurationNs,
    /// From the commit to its acknowledgement: until then a kill leaves it durable and untold.
    pub acknowledge: DurationNs,
}

/// What has become durable.
#[derive(Debug, Default)]
pub(crate) struct Durable {
    pub(crate) events: Vec<Event>,
    /// The same with their journal entries, as the controller gave them.
    pub(crate) transactions: Vec<Transaction>,
}

enum Disk {
    Instant(Box<Sealer>),
    Outbox(Box<Outbox>),
}

/// See the module text.
pub(crate) struct Journal {
    disk: Disk,
    latency: Latency,
    delivered: u64,
    /// Said and not yet committed, with the time of its commit; as many as the engine leaves open.
    waiting: VecDeque<(TimeNs, Transaction)>,
    /// Committed and not yet acknowledged.
    committed: VecDeque<(TimeNs, Ticket)>,
    refuses: bool,
}

impl Journal {
    /// Opens it. With a state directory: what the last controller left, too.
    pub(crate) fn open(
        cell: &Cell,
        seed: u64,
        storage: &Storage,
    ) -> Result<(Journal, Option<Recovery>), TraceError> {
        let address = CellAddress { site: cell.site.clone(), line: cell.line.clone(), cell: cell.id.clone() };
        let (disk, latency, recovery) = match storage {
            Storage::Instant => {
                (Disk::Instant(Box::new(Sealer::simulated(&address, seed))), Latency::default(), None)
            }
            Storage::Outbox { state, latency } => {
                let (outbox, recovery) = Outbox::open(state, OutboxOptions::new(address))?;
                (Disk::Outbox(Box::new(outbox)), *latency, Some(recovery))
            }
        };
        let delivered = recovery.as_ref().map_or(0, |r| r.delivered);
        let journal = Journal {
            disk,
            latency,
            delivered,
            waiting: VecDeque::new(),
            committed: VecDeque::new(),
            refuses: false,
        };
        Ok((journal, recovery))
    }

    /// Ends what the last controller left open, before anything else.
    pub(crate) fn close_open_units(
        &mut self,
        recovery: &Recovery,
        stamp: Stamp,
    ) -> Result<Durable, TraceError> {
        let transactions = interrupted(recovery, stamp);
        Ok(Durable { events: self.commit(&transactions)?, transactions })
    }

    /// Transactions that are said and not durable.
    pub(crate) fn pending(&self) -> usize {
        self.waiting.len()
    }

    /// The disk refuses, or takes again what waits.
    pub(crate) fn refuse(&mut self, refuses: bool) {
        self.refuses = refuses;
    }

    /// Takes what the controller wants kept.
    pub(crate) fn take(&mut self, now: TimeNs, transactions: Vec<Transaction>) {
        let due = now + self.latency.commit;
        self.waiting.extend(transactions.into_iter().map(|t| (due, t)));
    }

    /// Commits what is due; what is durable by it.
    pub(crate) fn write(&mut self, now: TimeNs) -> Result<Durable, TraceError> {
        let due = self.waiting.iter().take_while(|(at, _)| *at <= now).count();
        if self.refuses || due == 0 {
            return Ok(Durable::default());
        }
        let batch: Vec<Transaction> = self.waiting.drain(..due).map(|(_, t)| t).collect();
        let events = self.commit(&batch)?;
        let acknowledged = now + self.latency.acknowledge;
        self.committed.extend(batch.iter().map(|t| (acknowledged, Ticket(t.ticket))));
        Ok(Durable { events, transactions: batch })
    }

    /// The acknowledgements that have come by now.
    pub(crate) fn acknowledged(&mut self, now: TimeNs, out: &mut Vec<Ticket>) {
        while self.committed.front().is_some_and(|(at, _)| *at <= now) {
            out.extend(self.committed.pop_front().map(|(_, ticket)| ticket));
        }
    }

    fn commit(&mut self, batch: &[Transaction]) -> Result<Vec<Event>, TraceError> {
        match &mut self.disk {
            Disk::Instant(sealer) => {
                let drafts = batch.iter().flat_map(|t| &t.events);
                drafts.map(|draft| sealer.seal(draft.clone())).collect()
            }
            Disk::Outbox(outbox) => {
                let committed = outbox.commit(batch, self.delivered)?;
                Ok(committed.into_iter().flat_map(|c| c.events).collect())
            }
        }
    }
}
