//! What is known of units that the last controllers left in the cell: outcomes and components of a unit are kept
//! beside it while it is open, and stay when it is interrupted by a restart, as long as all of it stays where it is.

use cellwright_model::event::{Component, StepEnded};
use rusqlite::{Connection, OptionalExtension, params};

use super::tables::{Checked, OpenUnit, json};

pub(super) const SCHEMA: &str = "
-- Of open and of left units. seq: of the event.
CREATE TABLE IF NOT EXISTS outcomes (
    serial TEXT NOT NULL, n INTEGER NOT NULL, attempt INTEGER NOT NULL, seq INTEGER NOT NULL, entry TEXT NOT NULL,
    PRIMARY KEY (serial, n, attempt)) STRICT;
CREATE TABLE IF NOT EXISTS components (
    serial TEXT NOT NULL, name TEXT NOT NULL, entry TEXT NOT NULL, PRIMARY KEY (serial, name)) STRICT;
CREATE TABLE IF NOT EXISTS left_units (serial TEXT PRIMARY KEY, entry TEXT NOT NULL) STRICT;
";

/// Directories of older programs: a column more.
pub(super) fn upgrade(conn: &Connection) -> rusqlite::Result<()> {
    let known = "SELECT count(*) FROM pragma_table_info('orders') WHERE name = 'resumed'";
    if conn.query_row(known, [], |r| r.get::<_, i64>(0))? == 0 {
        conn.execute("ALTER TABLE orders ADD COLUMN resumed INTEGER NOT NULL DEFAULT 0", [])?;
    }
    Ok(())
}

/// A unit is opened: with nothing behind it, or with what is known of it.
pub(super) fn opened(conn: &Connection, serial: &str, resumes: bool) -> rusqlite::Result<()> {
    conn.prepare_cached("DELETE FROM left_units WHERE serial = ?1")?.execute([serial])?;
    if !resumes {
        conn.prepare_cached("DELETE FROM outcomes WHERE serial = ?1")?.execute([serial])?;
        conn.prepare_cached("DELETE FROM components WHERE serial = ?1")?.execute([serial])?;
    }
    Ok(())
}

/// It is about to be closed because the controller died; it lies in the cell.
pub(super) fn leave(conn: &Connection, serial: &str) -> rusqlite::Result<()> {
    let entry: Option<String> = conn
        .prepare_cached("SELECT entry FROM open_units WHERE serial = ?1")?
        .query_row([serial], |r| r.get(0))
        .optional()?;
    if let Some(entry) = entry {
        conn.prepare_cached("INSERT OR REPLACE INTO left_units VALUES (?1, ?2)")?
            .execute([serial, entry.as_str()])?;
    }
    Ok(())
}

/// Nothing is kept of a unit that is over and was not left.
pub(super) fn closed(conn: &Connection, serial: &str) -> rusqlite::Result<()> {
    for sql in [
        "DELETE FROM outcomes WHERE serial = ?1 AND serial NOT IN (SELECT serial FROM left_units)",
        "DELETE FROM components WHERE serial = ?1 AND serial NOT IN (SELECT serial FROM left_units)",
    ] {
        conn.prepare_cached(sql)?.execute([serial])?;
    }
    Ok(())
}

/// A part, or parts, are not where they were: what they belong to is not gone on with.
pub(super) fn disturbed(conn: &Connection, part: &str) -> rusqlite::Result<()> {
    let whose = "SELECT serial FROM left_units
        WHERE ?1 = serial OR substr(?1, 1, length(serial) + 1) = serial || '/'";
    let serials: Vec<String> =
        conn.prepare_cached(whose)?.query_map([part], |r| r.get(0))?.collect::<Result<_, _>>()?;
    for serial in serials {
        conn.prepare_cached("DELETE FROM left_units WHERE serial = ?1")?.execute([&serial])?;
        closed(conn, &serial)?;
    }
    Ok(())
}

/// A component became part of the unit.
pub(super) fn used(conn: &Connection, serial: &str, component: &Component) -> rusqlite::Result<()> {
    conn.prepare_cached("INSERT OR REPLACE INTO components VALUES (?1, ?2, ?3)")?.execute(params![
        serial,
        component.name,
        json(component)?
    ])?;
    Ok(())
}

/// An attempt has ended.
pub(super) fn ended(conn: &Connection, serial: &str, seq: u64, step: &StepEnded) -> rusqlite::Result<()> {
    conn.prepare_cached(
        "INSERT OR REPLACE INTO outcomes SELECT ?1, ?2, ?3, ?4, ?5
         WHERE ?1 IN (SELECT serial FROM open_units UNION SELECT serial FROM left_units)",
    )?
    .execute(params![serial, step.n, step.attempt, seq as i64, json(step)?])?;
    Ok(())
}

/// Reads what belongs to a unit.
pub(super) fn complete(conn: &Connection, unit: &mut OpenUnit) -> Checked<()> {
    let serial = &unit.unit.serial;
    let texts = |sql: &str| -> rusqlite::Result<Vec<String>> {
        conn.prepare_cached(sql)?.query_map([serial], |r| r.get(0))?.collect()
    };
    let outcomes = texts("SELECT entry FROM outcomes WHERE serial = ?1 ORDER BY seq")?;
    let components = texts("SELECT entry FROM components WHERE serial = ?1 ORDER BY name")?;
    let read = || -> serde_json::Result<(Vec<StepEnded>, Vec<Component>)> {
        let outcomes = outcomes.iter().map(|t| serde_json::from_str(t)).collect::<Result<_, _>>()?;
        let components = components.iter().map(|t| serde_json::from_str(t)).collect::<Result<_, _>>()?;
        Ok((outcomes, components))
    };
    match read() {
        Ok(known) => (unit.outcomes, unit.components) = known,
        Err(e) => return Ok(Err(format!("outcomes of unit {serial}: {e}"))),
    }
    Ok(Ok(()))
}

/// Units that earlier lives left, in the order of their serials.
pub(super) fn units(conn: &Connection) -> Checked<Vec<OpenUnit>> {
    let mut rows = conn.prepare("SELECT serial, entry FROM left_units ORDER BY serial")?;
    let rows: Vec<(String, String)> =
        rows.query_map([], |r| Ok((r.get(0)?, r.get(1)?)))?.collect::<Result<_, _>>()?;
    let mut out = Vec::new();
    for (serial, entry) in rows {
        let mut unit: OpenUnit = match serde_json::from_str(&entry) {
            Ok(unit) => unit,
            Err(e) => return Ok(Err(format!("left unit {serial}: {e}"))),
        };
        if let Err(e) = complete(conn, &mut unit)? {
            return Ok(Err(e));
        }
        out.push(unit);
    }
    Ok(Ok(out))
}

#[cfg(test)]
mod tests;
