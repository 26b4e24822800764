//! The tables of the outbox and what they say after a restart.

use std::path::Path;

use cellwright_model::curve::sha256_hex;
use cellwright_model::event::{
    Component, Context, Event, EventData, JournalEntry, Route, Stamp, StepEnded, UnitContext,
};
use cellwright_model::limits::IDENTITIES_MAX;
use cellwright_model::material::LotShare;
use cellwright_model::order::{KnownOrder, OrderBook, OrderProgress};
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};

use super::{ByName, left};
use crate::chain::{Head, SealedLine};
use crate::error::TraceError;

/// Raised with every change of the tables that an older program would misread.
const FORMAT: &str = "1";

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS outbox (seq INTEGER PRIMARY KEY, hash TEXT NOT NULL, line TEXT NOT NULL) STRICT;
-- last_seq: the last event that refers to the curve.
CREATE TABLE IF NOT EXISTS curves (hash TEXT PRIMARY KEY, bytes BLOB NOT NULL, last_seq INTEGER NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS curves_by_seq ON curves (last_seq);
CREATE TABLE IF NOT EXISTS open_units (serial TEXT PRIMARY KEY, entry TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS intents (
    serial TEXT NOT NULL, n INTEGER NOT NULL, attempt INTEGER NOT NULL, entry TEXT NOT NULL,
    PRIMARY KEY (serial, n, attempt)) STRICT;
-- terms: as the order was begun with; the counts only grow.
CREATE TABLE IF NOT EXISTS orders (
    id TEXT PRIMARY KEY, terms TEXT NOT NULL, started INTEGER NOT NULL DEFAULT 0, good INTEGER NOT NULL DEFAULT 0,
    ng INTEGER NOT NULL DEFAULT 0, interrupted INTEGER NOT NULL DEFAULT 0,
    resumed INTEGER NOT NULL DEFAULT 0) STRICT;
CREATE TABLE IF NOT EXISTS tray_cursors (tray TEXT PRIMARY KEY, pocket INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS tray_lots (tray TEXT PRIMARY KEY, lots TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS picks (tray TEXT PRIMARY KEY, picks INTEGER NOT NULL) STRICT;
-- In the order of their scans.
CREATE TABLE IF NOT EXISTS identities (
    n INTEGER PRIMARY KEY, part TEXT NOT NULL, serial TEXT NOT NULL, unit TEXT NOT NULL, UNIQUE (part, serial)) STRICT;
CREATE TABLE IF NOT EXISTS doubts (part TEXT PRIMARY KEY, route TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS subdevices (name TEXT PRIMARY KEY, serial INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS parts (part TEXT PRIMARY KEY, place TEXT NOT NULL, verified INTEGER NOT NULL) STRICT;
";

/// What the last controller left behind.
#[derive(Debug, Clone)]
pub struct Recovery {
    /// The state directory is new.
    pub fresh: bool,
    pub head: Head,
    /// Up to which event the recorder has acknowledged.
    pub delivered: u64,
    /// Units that were open, in the order of their serials: each is interrupted.
    pub open_units: Vec<OpenUnit>,
    /// Units that earlier controllers left, of which nothing was moved since.
    pub left_units: Vec<OpenUnit>,
    /// Orders that were begun here, complete ones too.
    pub orders: OrderBook,
    /// None before the first unit.
    pub serial_counter: Option<u64>,
    pub tray_cursors: ByName<u32>,
    /// What lies in each tray or lane, by lot.
    pub tray_lots: ByName<Vec<LotShare>>,
    /// Parts that each tray or lane gave or took so far, exchanged ones included.
    pub picks: ByName<u64>,
    /// Where each part is.
    pub places: ByName<Place>,
    /// Serials of parts that were used, in the order of their scans.
    pub identities: Vec<Identity>,
    /// Parts whose last move may or may not have happened, from lives before the last one; see
    /// [`Recovery::doubts`] for all.
    pub doubts: Vec<Route>,
    /// Serial numbers of SubDevices that were confirmed or seen first, by name.
    pub subdevices: ByName<u32>,
}

impl Recovery {
    /// What is not known of the places of parts: the doubts that nobody has settled, the moves that were under
    /// way, and what lies of interrupted units wherever it was recorded.
    pub fn doubts(&self) -> Vec<Route> {
        let mut doubts = self.doubts.clone();
        for unit in &self.open_units {
            let routes = unit.intents.iter().filter_map(|i| i.route.clone());
            let part = &unit.unit.serial;
            let lies = self.places.get(part).map(|p| p.place.clone());
            let lies = lies.map(|at| Route { part: part.clone(), places: vec![at], seen_by: None });
            for route in routes.chain(lies) {
                if !doubts.iter().any(|d| d.part == route.part) {
                    doubts.push(route);
                }
            }
        }
        doubts
    }
}

/// The serial on a part, and the unit in which it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Part number.
    pub part: String,
    pub serial: String,
    pub unit: String,
}

/// A unit that was open.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OpenUnit {
    pub context: std::sync::Arc<Context>,
    pub unit: std::sync::Arc<UnitContext>,
    pub opened: Stamp,
    /// Steps that were under way, by ordinal and attempt.
    #[serde(default)]
    pub intents: Vec<OpenIntent>,
    /// Its outcomes and components have been kept from its opening on; not by an older program.
    #[serde(default)]
    pub kept: bool,
    /// How its attempts ended, in their order.
    #[serde(skip)]
    pub outcomes: Vec<StepEnded>,
    /// Components that it has taken, by name.
    #[serde(skip)]
    pub components: Vec<Component>,
}

/// A step that was under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenIntent {
    pub step: String,
    pub n: u32,
    pub attempt: u32,
    pub station: Option<String>,
    pub time: Stamp,
    /// Where it was to take a part.
    #[serde(default)]
    pub route: Option<Route>,
}

/// Where a part is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub place: String,
    /// A sensor confirmed it.
    pub verified: bool,
}

pub(super) fn create(conn: &Connection) -> rusqlite::Result<()> {
    conn.execute_batch(SCHEMA)?;
    conn.execute_batch(left::SCHEMA)?;
    left::upgrade(conn)
}

pub(super) fn begin(conn: &Connection, cell: &str, stream: &str) -> rusqlite::Result<()> {
    // One transaction: a directory either has its stream or is still new.
    conn.execute(
        "INSERT INTO meta VALUES ('format', ?1), ('cell', ?2), ('stream', ?3), ('delivered', '0')",
        params![FORMAT, cell, stream],
    )?;
    Ok(())
}

pub(super) fn meta(conn: &Connection, name: &str) -> rusqlite::Result<Option<String>> {
    conn.prepare_cached("SELECT value FROM meta WHERE name = ?1")?.query_row([name], |r| r.get(0)).optional()
}

pub(super) fn set_meta(conn: &Connection, name: &str, value: &str) -> rusqlite::Result<()> {
    conn.prepare_cached("INSERT OR REPLACE INTO meta VALUES (?1, ?2)")?.execute([name, value])?;
    Ok(())
}

/// The head: the last event, or what the pruned ones left (there is always the last, see [`prune`]).
pub(super) fn head(conn: &Connection) -> rusqlite::Result<Head> {
    let stream = meta(conn, "stream")?.unwrap_or_default();
    let last = conn
        .query_row("SELECT seq, hash FROM outbox ORDER BY seq DESC LIMIT 1", [], |r| {
            Ok((r.get::<_, i64>(0)?, r.get::<_, String>(1)?))
        })
        .optional()?;
    Ok(match last {
        Some((seq, hash)) => Head { stream, seq: seq.unsigned_abs(), hash },
        None => Head::empty(&stream),
    })
}

pub(super) fn append(conn: &Connection, event: &Event) -> rusqlite::Result<()> {
    conn.prepare_cached("INSERT INTO outbox VALUES (?1, ?2, ?3)")?.execute(params![
        event.seq as i64,
        event.hash,
        event.line
    ])?;
    Ok(())
}

pub(super) fn hash_at(conn: &Connection, seq: u64) -> rusqlite::Result<Option<String>> {
    conn.prepare_cached("SELECT hash FROM outbox WHERE seq = ?1")?
        .query_row([seq as i64], |r| r.get(0))
        .optional()
}

pub(super) fn put_curve(conn: &Connection, bytes: &[u8], seq: u64) -> rusqlite::Result<()> {
    conn.prepare_cached("INSERT INTO curves VALUES (?1, ?2, ?3) ON CONFLICT (hash) DO NOTHING")?
        .execute(params![sha256_hex(bytes), bytes, seq as i64])?;
    Ok(())
}

/// Notes that the event refers to the curve; false if there is no such curve.
pub(super) fn refer_to_curve(conn: &Connection, hash: &str, seq: u64) -> rusqlite::Result<bool> {
    let rows = conn
        .prepare_cached("UPDATE curves SET last_seq = max(last_seq, ?2) WHERE hash = ?1")?
        .execute(params![hash, seq as i64])?;
    Ok(rows > 0)
}

/// Applies a journal entry. Entries say what is and not what changed, so applying one again is harmless.
pub(super) fn apply(conn: &Connection, entry: &JournalEntry) -> rusqlite::Result<()> {
    let run =
        |sql: &str, params: &[&dyn rusqlite::ToSql]| conn.prepare_cached(sql)?.execute(params).map(|_| ());
    match entry {
        JournalEntry::UnitOpened { context, unit, time, resumes } => {
            let open = OpenUnit {
                context: context.clone(),
                unit: unit.clone(),
                opened: *time,
                intents: Vec::new(),
                kept: true,
                outcomes: Vec::new(),
                components: Vec::new(),
            };
            left::opened(conn, &unit.serial, *resumes)?;
            run("INSERT OR REPLACE INTO open_units VALUES (?1, ?2)", &[&unit.serial, &json(&open)?])
        }
        JournalEntry::StepIntent { serial, step, n, attempt, station, time, route } => {
            let (step, station, route) = (step.clone(), station.clone(), route.clone());
            let open = OpenIntent { step, n: *n, attempt: *attempt, station, time: *time, route };
            run(
                "INSERT OR REPLACE INTO intents VALUES (?1, ?2, ?3, ?4)",
                &[serial, n, attempt, &json(&open)?],
            )
        }
        JournalEntry::UnitClosed { serial, .. } => close_unit(conn, serial),
        JournalEntry::UnitLeft { serial } => left::leave(conn, serial),
        JournalEntry::UnitForgotten { serial } => left::disturbed(conn, serial),
        JournalEntry::ComponentUsed { serial, component } => left::used(conn, serial, component),
        JournalEntry::OrderTaken { terms } => run(
            "INSERT INTO orders (id, terms) VALUES (?1, ?2) ON CONFLICT (id) DO UPDATE SET terms = excluded.terms",
            &[&terms.id, &json(terms)?],
        ),
        JournalEntry::OrderProgress { order, progress: p } => run(
            "UPDATE orders SET started = max(started, ?2), good = max(good, ?3), ng = max(ng, ?4),
             interrupted = max(interrupted, ?5), resumed = max(resumed, ?6) WHERE id = ?1",
            &[order, &p.started, &p.good, &p.ng, &p.interrupted, &p.resumed],
        ),
        JournalEntry::SerialCounter(next) => {
            let known = meta(conn, "serial_counter")?.and_then(|text| text.parse().ok());
            set_meta(conn, "serial_counter", &known.unwrap_or(0).max(*next).to_string())
        }
        JournalEntry::TrayCursor { tray, pocket } => {
            run("INSERT OR REPLACE INTO tray_cursors VALUES (?1, ?2)", &[tray, pocket])
        }
        JournalEntry::TrayLots { tray, lots } => {
            run("INSERT OR REPLACE INTO tray_lots VALUES (?1, ?2)", &[tray, &json(lots)?])
        }
        JournalEntry::PickCount { tray, picks } => {
            run("INSERT OR REPLACE INTO picks VALUES (?1, ?2)", &[tray, &(*picks as i64)])
        }
        JournalEntry::PartMoved { part, to, verified, .. } => {
            run("DELETE FROM doubts WHERE part = ?1", &[part])?;
            run("INSERT OR REPLACE INTO parts VALUES (?1, ?2, ?3)", &[part, to, verified])
        }
        JournalEntry::PartLeft { part } => {
            run("DELETE FROM doubts WHERE part = ?1", &[part])?;
            left::disturbed(conn, part)?;
            run("DELETE FROM parts WHERE part = ?1", &[part])
        }
        JournalEntry::PartIdentified { part, serial, unit } => {
            run(
                "INSERT INTO identities (part, serial, unit) VALUES (?1, ?2, ?3)
                 ON CONFLICT (part, serial) DO UPDATE SET unit = excluded.unit",
                &[part, serial, unit],
            )?;
            run(
                "DELETE FROM identities WHERE n <= (SELECT max(n) FROM identities) - ?1",
                &[&(IDENTITIES_MAX as i64)],
            )
        }
        JournalEntry::PartsJoined { serial } => {
            let parts = format!("{serial}/");
            left::disturbed(conn, serial)?;
            run("DELETE FROM doubts WHERE substr(part, 1, length(?1)) = ?1", &[&parts])?;
            run("DELETE FROM parts WHERE substr(part, 1, length(?1)) = ?1", &[&parts])
        }
        JournalEntry::PartDoubt { route } => {
            run("INSERT OR REPLACE INTO doubts VALUES (?1, ?2)", &[&route.part, &json(route)?])
        }
        JournalEntry::PartSettled { part } => run("DELETE FROM doubts WHERE part = ?1", &[part]),
        JournalEntry::SubDevice { name, serial } => {
            run("INSERT OR REPLACE INTO subdevices VALUES (?1, ?2)", &[name, serial])
        }
        JournalEntry::TrayEmptied { tray } => {
            let inside = format!("{tray}/");
            run("DELETE FROM parts WHERE place = ?1 OR substr(place, 1, length(?2)) = ?2", &[tray, &inside])
        }
    }
}

/// An outcome closes its intent, a result its unit.
pub(super) fn close(conn: &Connection, event: &Event) -> rusqlite::Result<()> {
    let Some(unit) = &event.draft.unit else { return Ok(()) };
    match &event.draft.data {
        EventData::StepOutcome(s) => {
            conn.prepare_cached("DELETE FROM intents WHERE serial = ?1 AND n = ?2 AND attempt = ?3")?
                .execute(params![unit.serial, s.n, s.attempt])?;
            left::ended(conn, &unit.serial, event.seq, s)
        }
        EventData::UnitResult(_) => close_unit(conn, &unit.serial),
        _ => Ok(()),
    }
}

fn close_unit(conn: &Connection, serial: &str) -> rusqlite::Result<()> {
    conn.prepare_cached("DELETE FROM open_units WHERE serial = ?1")?.execute([serial])?;
    conn.prepare_cached("DELETE FROM intents WHERE serial = ?1")?.execute([serial])?;
    left::closed(conn, serial)
}

/// Moves the cursor of delivery, and drops what was delivered except for the last `tail` events.
pub(super) fn set_delivered(conn: &Connection, delivered: u64, tail: u64) -> rusqlite::Result<()> {
    let known: u64 = meta(conn, "delivered")?.and_then(|text| text.parse().ok()).unwrap_or(0);
    if delivered <= known {
        return Ok(());
    }
    set_meta(conn, "delivered", &delivered.to_string())?;
    // The last event is never dropped: it is the head.
    let drop_to = delivered.saturating_sub(tail.max(1)) as i64;
    conn.prepare_cached("DELETE FROM outbox WHERE seq <= ?1")?.execute([drop_to])?;
    conn.prepare_cached("DELETE FROM curves WHERE last_seq <= ?1")?.execute([drop_to])?;
    Ok(())
}

pub(super) fn json<T: Serialize>(value: &T) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(|e| rusqlite::Error::ToSqlConversionFailure(Box::new(e)))
}

/// Reads what the last controller left, and checks that the last event is whole.
pub(super) fn recover(conn: &Connection, path: &Path) -> Result<Recovery, TraceError> {
    let sql = |e: rusqlite::Error| TraceError::sql("cannot read", path, &e);
    let damaged = |problem: String| TraceError::Damaged { path: path.to_owned(), problem };
    let format = meta(conn, "format").map_err(sql)?.unwrap_or_default();
    if format != FORMAT {
        return Err(TraceError::Foreign {
            path: path.to_owned(),
            problem: format!("has format `{format}` and not `{FORMAT}`"),
            remedy: "use the program that wrote it, or another state directory",
        });
    }
    let head = head(conn).map_err(sql)?;
    check_head(conn, &head).map_err(sql)?.map_err(damaged)?;
    let number = |name| meta(conn, name).map(|text| text.and_then(|text| text.parse::<u64>().ok()));
    let delivered = number("delivered").map_err(sql)?;
    let delivered = delivered.ok_or_else(|| damaged("its delivery cursor is no number".into()))?;
    Ok(Recovery {
        fresh: head.seq == 0,
        delivered,
        open_units: open_units(conn).map_err(sql)?.map_err(damaged)?,
        left_units: left::units(conn).map_err(sql)?.map_err(damaged)?,
        orders: orders(conn).map_err(sql)?.map_err(damaged)?,
        serial_counter: number("serial_counter").map_err(sql)?,
        tray_cursors: pairs(conn, "SELECT tray, pocket FROM tray_cursors", |r| r.get(1)).map_err(sql)?,
        tray_lots: tray_lots(conn).map_err(sql)?.map_err(damaged)?,
        picks: pairs(conn, "SELECT tray, picks FROM picks", |r| r.get::<_, i64>(1).map(i64::unsigned_abs))
            .map_err(sql)?,
        places: pairs(conn, "SELECT part, place, verified FROM parts", |r| {
            Ok(Place { place: r.get(1)?, verified: r.get(2)? })
        })
        .map_err(sql)?,
        identities: identities(conn).map_err(sql)?,
        doubts: doubts(conn).map_err(sql)?.map_err(damaged)?,
        subdevices: pairs(conn, "SELECT name, serial FROM subdevices", |r| r.get(1)).map_err(sql)?,
        head,
    })
}

pub(super) type Checked<T> = rusqlite::Result<Result<T, String>>;

fn check_head(conn: &Connection, head: &Head) -> Checked<()> {
    if head.seq == 0 {
        return Ok(Ok(()));
    }
    let line: String =
        conn.query_row("SELECT line FROM outbox WHERE seq = ?1", [head.seq as i64], |r| r.get(0))?;
    Ok(match SealedLine::read(&line) {
        Ok(read) if read.as_head() == *head => Ok(()),
        Ok(_) => Err(format!("row {} holds another event", head.seq)),
        Err(e) => Err(format!("event {}: {e}", head.seq)),
    })
}

fn open_units(conn: &Connection) -> Checked<Vec<OpenUnit>> {
    let mut units = conn.prepare("SELECT serial, entry FROM open_units ORDER BY serial")?;
    let mut intents = conn.prepare("SELECT entry FROM intents WHERE serial = ?1 ORDER BY n, attempt")?;
    let rows = units.query_map([], |r| Ok((r.get::<_, String>(0)?, r.get::<_, String>(1)?)))?;
    let mut out = Vec::new();
    for row in rows {
        let (serial, entry) = row?;
        let texts =
            intents.query_map([&serial], |r| r.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
        let read = || -> serde_json::Result<OpenUnit> {
            let mut unit: OpenUnit = serde_json::from_str(&entry)?;
            unit.intents = texts.iter().map(|t| serde_json::from_str(t)).collect::<Result<_, _>>()?;
            Ok(unit)
        };
        match read() {
            Ok(mut unit) => match left::complete(conn, &mut unit)? {
                Ok(()) => out.push(unit),
                Err(e) => return Ok(Err(e)),
            },
            Err(e) => return Ok(Err(format!("open unit {serial}: {e}"))),
        }
    }
    Ok(Ok(out))
}

fn identities(conn: &Connection) -> rusqlite::Result<Vec<Identity>> {
    conn.prepare("SELECT part, serial, unit FROM identities ORDER BY n")?
        .query_map([], |r| Ok(Identity { part: r.get(0)?, serial: r.get(1)?, unit: r.get(2)? }))?
        .collect()
}

fn doubts(conn: &Connection) -> Checked<Vec<Route>> {
    let texts: ByName<String> = pairs(conn, "SELECT part, route FROM doubts", |r| r.get(1))?;
    let read = |(part, text): (String, String)| {
        serde_json::from_str(&text).map_err(|e| format!("route of {part}: {e}"))
    };
    Ok(texts.into_iter().map(read).collect())
}

fn tray_lots(conn: &Connection) -> Checked<ByName<Vec<LotShare>>> {
    let texts: ByName<String> = pairs(conn, "SELECT tray, lots FROM tray_lots", |r| r.get(1))?;
    let read = |(tray, text): (String, String)| match serde_json::from_str(&text) {
        Ok(lots) => Ok((tray, lots)),
        Err(e) => Err(format!("lots of {tray}: {e}")),
    };
    Ok(texts.into_iter().map(read).collect())
}

fn orders(conn: &Connection) -> Checked<OrderBook> {
    let mut query = conn.prepare("SELECT id, terms, started, good, ng, interrupted, resumed FROM orders")?;
    let rows = query.query_map([], |r| {
        let progress = OrderProgress {
            started: r.get(2)?,
            good: r.get(3)?,
            ng: r.get(4)?,
            interrupted: r.get(5)?,
            resumed: r.get(6)?,
        };
        Ok((r.get::<_, String>(0)?, r.get::<_, String>(1)?, progress))
    })?;
    let mut book = OrderBook::new();
    for row in rows {
        let (id, terms, progress) = row?;
        match serde_json::from_str(&terms) {
            Ok(terms) => book.insert(id, KnownOrder { terms, progress }),
            Err(e) => return Ok(Err(format!("order {id}: {e}"))),
        };
    }
    Ok(Ok(book))
}

fn pairs<T>(
    conn: &Connection,
    sql: &str,
    value: impl Fn(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<ByName<T>> {
    conn.prepare(sql)?.query_map([], |r| Ok((r.get(0)?, value(r)?)))?.collect()
}
