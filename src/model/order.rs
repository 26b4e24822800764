//! A production order: what is to be made under which lot and with which serials, and how far it is.
//!
//! Terms: the *quantity* is counted in good units, since that is what whoever ordered can use; a unit that
//! became ng or was interrupted is made up for by another one. *Starts* are the units that were opened,
//! whatever became of them: their bound ends an order that would never come to its quantity. The *range*
//! holds the serials of one order and of no other; each start takes the next one, so that the number of
//! starts says which serials are taken. A *rework* takes units that are there: its range is one of serials that
//! another order has taken, and whose units have ended.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::outcome::{Purpose, UnitResult};

/// Orders that one state directory knows: one a day for 27 years, and read within a second at the start;
/// beyond that a new order is refused.
pub const ORDERS_MAX: usize = 10_000;

/// Characters of a serial: GS1 AI (21) holds twenty (General Specifications, section 3.5.2).
pub const SERIAL_CHARS_MAX: usize = 20;

/// Consecutive serials: a prefix and a number with leading zeros.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SerialRange {
    pub prefix: String,
    /// Digits of every number; one that needs more is not in the range.
    pub digits: u8,
    /// First and last number, inclusive.
    pub first: u64,
    pub last: u64,
}

impl SerialRange {
    /// How many serials there are.
    pub fn count(&self) -> u64 {
        self.last.saturating_sub(self.first).saturating_add(1)
    }

    /// The serial that is taken after `taken` others; `None` when none is left.
    pub fn after(&self, taken: u64) -> Option<String> {
        let number = self.first.checked_add(taken).filter(|n| *n <= self.last)?;
        Some(self.serial(number))
    }

    /// Whether all serials of the other range are in this one, however each divides them.
    pub fn holds(&self, other: &SerialRange) -> bool {
        let ends = |r: &SerialRange| (r.serial(r.first), r.serial(r.last));
        let ((first, last), (from, to)) = (ends(self), ends(other));
        self.overlaps(other) && first <= from && to <= last
    }

    /// Whether it is one of them, as it is written.
    pub fn contains(&self, serial: &str) -> bool {
        let number = serial.strip_prefix(&self.prefix).and_then(|digits| digits.parse::<u64>().ok());
        number.is_some_and(|n| (self.first..=self.last).contains(&n) && self.serial(n) == serial)
    }

    fn serial(&self, number: u64) -> String {
        format!("{}{number:0digits$}", self.prefix, digits = usize::from(self.digits))
    }

    /// Whether some serial is in both, however each divides it into prefix and number.
    pub fn overlaps(&self, other: &SerialRange) -> bool {
        let ends = |r: &SerialRange| (r.serial(r.first), r.serial(r.last));
        let ((a_first, a_last), (b_first, b_last)) = (ends(self), ends(other));
        // Of equal length and with the same stem, texts are ordered as their numbers are.
        stem(&self.prefix) == stem(&other.prefix)
            && a_last.len() == b_last.len()
            && a_first <= b_last
            && b_first <= a_last
    }
}

impl core::fmt::Display for SerialRange {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{} .. {}", self.serial(self.first), self.serial(self.last))
    }
}

/// A prefix without the digits at its end, which may as well belong to the number.
pub fn stem(prefix: &str) -> &str {
    prefix.trim_end_matches(|c: char| c.is_ascii_digit())
}

/// What is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Product {
    /// Part number.
    pub part: String,
    /// Device identifier: a GTIN of 14 digits, GS1 AI (01).
    pub di: Option<String>,
}

/// The recipe that an order is made by: this one, and no later edition of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecipePin {
    pub id: String,
    pub version: String,
    /// `recipe.hash`.
    pub hash: String,
}

/// What an order file says, with the recipe that was found there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderTerms {
    pub id: String,
    /// Lot of the product, GS1 AI (10).
    pub lot: String,
    pub product: Product,
    pub recipe: RecipePin,
    pub variant: Option<String>,
    /// Good units; at least 1.
    pub quantity: u32,
    /// Units that are opened at the most; at least the quantity, at most the range.
    pub starts_max: u32,
    pub serials: SerialRange,
    /// RFC 3339 full-date; for people, nothing depends on it.
    pub due: Option<String>,
    pub purpose: Purpose,
    /// Single serials that are made with other values, as they are written.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sets: BTreeMap<String, ParamSet>,
}

/// Parameters of the recipe by name, with values in the place of those of the order's row.
pub type ParamSet = BTreeMap<String, String>;

impl OrderTerms {
    /// `(01)DI(10)lot(21)serial`: the UDI (device and production identifier) of one unit; `None` without DI.
    pub fn udi(&self, serial: &str) -> Option<String> {
        self.product.di.as_ref().map(|di| format!("(01){di}(10){}(21){serial}", self.lot))
    }

    /// What distinguishes these terms from `earlier` ones: field, value now, value then. The due date is
    /// not among them: it may move.
    pub fn changes(&self, earlier: &OrderTerms) -> Vec<(&'static str, String, String)> {
        let rows = |t: &OrderTerms| {
            let recipe = format!("{} {} ({:.12})", t.recipe.id, t.recipe.version, t.recipe.hash);
            [
                ("lot", t.lot.clone()),
                ("product.part", t.product.part.clone()),
                ("product.udi.di", t.product.di.clone().unwrap_or_else(|| "none".into())),
                ("recipe", recipe),
                ("variant", t.variant.clone().unwrap_or_else(|| "none".into())),
                ("quantity", t.quantity.to_string()),
                ("starts_max", t.starts_max.to_string()),
                ("serials", t.serials.to_string()),
                ("purpose", t.purpose.as_str().to_owned()),
            ]
        };
        let pairs = rows(self).into_iter().zip(rows(earlier));
        let mut changes: Vec<_> = pairs
            .filter(|(now, then)| now != then)
            .map(|((field, now), (_, then))| (field, now, then))
            .collect();
        changes.extend(self.set_changed(earlier));
        changes
    }

    /// The first serial whose values differ from those of `earlier` terms, with both.
    fn set_changed(&self, earlier: &OrderTerms) -> Option<(&'static str, String, String)> {
        let mut serials = self.sets.keys().chain(earlier.sets.keys());
        let first = serials.find(|serial| self.sets.get(*serial) != earlier.sets.get(*serial))?;
        let words = |terms: &OrderTerms| match terms.sets.get(first) {
            Some(set) => format!("{first} with {}", in_words(set)),
            None => format!("{first} as the recipe has it"),
        };
        Some(("sets", words(self), words(earlier)))
    }

    /// What is to be done next with this progress.
    pub fn next(&self, done: &OrderProgress) -> NextStart {
        let coming = done.good.saturating_add(done.open());
        if done.good >= self.quantity {
            return NextStart::Complete;
        }
        if coming >= self.quantity {
            return NextStart::Wait;
        }
        match self.serials.after(u64::from(done.started)).filter(|_| done.started < self.starts_max) {
            Some(serial) => NextStart::Open(serial),
            // Those in work may still become good; then fewer are missing.
            None if done.open() > 0 => NextStart::Wait,
            None => NextStart::Short,
        }
    }
}

/// `seat_depth = 12.38 mm, seat_force = 80 .. 140 N`.
pub fn in_words(set: &ParamSet) -> String {
    set.iter().map(|(name, value)| format!("{name} = {value}")).collect::<Vec<_>>().join(", ")
}

/// What follows from terms and progress.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NextStart {
    /// Open a unit under this serial.
    Open(String),
    /// Those in work may complete it.
    Wait,
    /// The quantity is made; what is still in work besides is brought to its end.
    Complete,
    /// No start is left, and the quantity is not made.
    Short,
}

/// How far an order is. It only ever grows; `started` also counts the serials that are taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderProgress {
    pub started: u32,
    pub good: u32,
    pub ng: u32,
    pub interrupted: u32,
    /// Of those that were interrupted by a restart, how often one went on.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub resumed: u32,
}

fn is_zero(count: &u32) -> bool {
    *count == 0
}

impl OrderProgress {
    /// Units in work.
    pub fn open(&self) -> u32 {
        self.started.saturating_add(self.resumed).saturating_sub(self.closed())
    }
    /// Units that came to their end.
    pub fn closed(&self) -> u32 {
        self.good.saturating_add(self.ng).saturating_add(self.interrupted)
    }
    /// A unit was opened.
    pub fn open_one(&mut self) {
        self.started = self.started.saturating_add(1);
    }
    /// One that was interrupted is in work again, under its serial.
    pub fn resume_one(&mut self) {
        self.resumed = self.resumed.saturating_add(1);
    }
    /// One of those in work came to its end.
    pub fn close_one(&mut self, result: UnitResult) {
        let count = match result {
            UnitResult::Good => &mut self.good,
            UnitResult::Ng => &mut self.ng,
            UnitResult::Interrupted => &mut self.interrupted,
        };
        *count = count.saturating_add(1);
    }
}

/// The orders with everything that was in work interrupted, as a start of the controller finds them.
pub fn at_rest(book: &OrderBook) -> OrderBook {
    let mut book = book.clone();
    for order in book.values_mut() {
        order.progress.interrupted = order.progress.interrupted.saturating_add(order.progress.open());
    }
    book
}

/// An order of a state directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownOrder {
    pub terms: OrderTerms,
    pub progress: OrderProgress,
}

impl KnownOrder {
    /// The serials that it keeps from others: all of its range while it is under way, those that are taken
    /// once it is complete or no start is left. `None`: it has none.
    fn held(&self) -> Option<SerialRange> {
        let range = &self.terms.serials;
        match self.terms.next(&self.progress) {
            NextStart::Open(_) | NextStart::Wait => Some(range.clone()),
            NextStart::Complete | NextStart::Short => self.taken(),
        }
    }

    /// The serials of the units that were opened. `None`: none was.
    fn taken(&self) -> Option<SerialRange> {
        let range = &self.terms.serials;
        let taken = u64::from(self.progress.started).checked_sub(1)?;
        let last = range.first.saturating_add(taken).min(range.last);
        Some(SerialRange { last, ..range.clone() })
    }

    fn is_rework(&self) -> bool {
        self.terms.purpose == Purpose::Rework
    }
}

/// All orders of a state directory by their id.
pub type OrderBook = BTreeMap<String, KnownOrder>;

/// Whether an order may be made (further) in a state directory, and how far it is there. `cell_prefix`: with
/// which the serials of units begin that no order names.
///
/// # Errors
/// In words: the order is complete, or no start is left; its file was changed in what matters; its serials
/// belong to others, or, of a rework, are not those of units that have ended; there is no room for another order.
pub fn admit(terms: &OrderTerms, book: &OrderBook, cell_prefix: &str) -> Result<OrderProgress, String> {
    let id = &terms.id;
    let rework = terms.purpose == Purpose::Rework;
    if !rework && stem(&terms.serials.prefix) == stem(cell_prefix) {
        return Err(format!(
            "order {id}: serials that begin with `{}` are those of units without an order (serial_prefix of the \
             cell): give the order a prefix of its own",
            terms.serials.prefix
        ));
    }
    let Some(known) = book.get(id) else {
        if book.len() >= ORDERS_MAX {
            return Err(format!(
                "order {id}: the state directory knows {ORDERS_MAX} orders already: begin a new one with --state DIR"
            ));
        }
        let serials = if rework { came_back(terms, book) } else { apart(terms, book) };
        return serials.map(|()| OrderProgress::default());
    };
    let changes = terms.changes(&known.terms);
    if !changes.is_empty() {
        let list: Vec<String> =
            changes.iter().map(|(field, now, then)| format!("{field} is {now} and was {then}")).collect();
        return Err(format!(
            "order {id} has been begun with other terms: {}: restore the file, or give what is new an id of its own",
            list.join("; ")
        ));
    }
    let done = known.progress;
    match terms.next(&done) {
        NextStart::Complete => Err(format!(
            "order {id} is complete: {} good of {}: further units need an order of their own",
            done.good, terms.quantity
        )),
        NextStart::Short => Err(format!(
            "order {id}: {}: the rest needs an order with serials of its own",
            short_cause(terms, &done)
        )),
        NextStart::Open(_) | NextStart::Wait => Ok(done),
    }
}

/// Why no further unit of the order can be opened.
pub fn short_cause(terms: &OrderTerms, done: &OrderProgress) -> String {
    let made = format!("{} good of {}", done.good, terms.quantity);
    if u64::from(done.started) >= terms.serials.count() {
        format!("the serials {} are used up with {made}", terms.serials)
    } else {
        format!("{} units have been started, as many as starts_max permits, with {made}", done.started)
    }
}

/// Units come back under serials that they have: of one order, whose lot and product they keep, and ended. The serials
/// of a rework belong to the order that made them, but no two reworks take the same at once.
fn came_back(terms: &OrderTerms, book: &OrderBook) -> Result<(), String> {
    let (id, serials) = (&terms.id, &terms.serials);
    let made = |o: &&KnownOrder| !o.is_rework() && o.taken().is_some_and(|taken| taken.holds(serials));
    let Some(maker) = book.values().find(made) else {
        return Err(format!(
            "order {id}: not all of its serials {serials} are those of units that one order has begun here: a rework \
             takes units back that this state directory knows, those of each order by an order of their own"
        ));
    };
    let from = &maker.terms;
    if maker.progress.open() > 0 {
        return Err(format!(
            "order {id}: order {} has units in work: let them come to their end first",
            from.id
        ));
    }
    if (&terms.lot, &terms.product) != (&from.lot, &from.product) {
        return Err(format!(
            "order {id}: its units are {} of lot {}, made by order {}: they keep part, UDI and lot, write the same",
            from.product.part, from.lot, from.id
        ));
    }
    let busy = |o: &&KnownOrder| {
        let goes_on = matches!(o.terms.next(&o.progress), NextStart::Open(_) | NextStart::Wait);
        o.is_rework() && goes_on && o.terms.serials.overlaps(serials)
    };
    match book.values().find(busy) {
        None => Ok(()),
        Some(other) => Err(format!(
            "order {id}: order {} takes back serials of {} and is not complete: finish it first",
            other.terms.id, other.terms.serials
        )),
    }
}

fn apart(terms: &OrderTerms, book: &OrderBook) -> Result<(), String> {
    let mut makers = book.values().filter(|o| !o.is_rework());
    let other = makers.find_map(|o| o.held().filter(|r| r.overlaps(&terms.serials)).map(|r| (o, r)));
    match other {
        None => Ok(()),
        Some((other, range)) => Err(format!(
            "order {}: of its serials {}, those in {range} belong to order {}: give it a range of its own",
            terms.id, terms.serials, other.terms.id
        )),
    }
}

#[cfg(test)]
mod tests;
