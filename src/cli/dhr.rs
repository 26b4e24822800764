//! `cellwright dhr`: lists, shows and verifies device history records.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use cellwright_trace::alarms::{AlarmLife, alarms};
use cellwright_trace::dhr::{LotReport, Summary, list, lot, show};
use cellwright_trace::heads::Heads;
use cellwright_trace::store::SqliteReader;
use cellwright_trace::verify::{VerifyReport, verify_files};
use serde_json::Value;

use super::args::{DhrCommand, StoreArgs};
use super::out::outln;
use super::{Failure, print_json};

pub(crate) fn run(command: DhrCommand) -> Result<ExitCode, Failure> {
    match command {
        DhrCommand::List { store, order, lot } => {
            let mut rows = list(&SqliteReader::open(&store_path(&store))?)?;
            let is = |wanted: &Option<String>, has: &Option<String>| wanted.is_none() || wanted == has;
            rows.retain(|row| is(&order, &row.order) && is(&lot, &row.lot));
            if store.json { print_json(&rows) } else { rows.iter().for_each(print_row) }
        }
        DhrCommand::Lot { lot: name, store } => {
            let report = lot(&SqliteReader::open(&store_path(&store))?, &name)?;
            if store.json { print_json(&report) } else { print_lot(&report) }
        }
        DhrCommand::Show { serial, store } => {
            let record = show(&SqliteReader::open(&store_path(&store))?, &serial, None)?;
            if store.json { print_json(&record) } else { print_record(&record) }
        }
        DhrCommand::Alarms { store } => {
            let lives = alarms(&SqliteReader::open(&store_path(&store))?)?;
            if store.json { print_json(&lives) } else { lives.iter().for_each(print_alarm) }
        }
        DhrCommand::Verify { store, heads } => {
            let state = state_path(&store);
            let report = verify_files(&store_path(&store), Some(&state), heads.as_deref())?;
            if store.json {
                print_json(&report)
            } else {
                print_report(&report)
            }
            return Ok(if report.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        DhrCommand::Heads { store, out } => {
            let heads = Heads::of_store(&SqliteReader::open(&store_path(&store))?)?;
            heads.write(&out)?;
            if store.json {
                print_json(&heads);
            } else {
                outln!("{} heads in {}: keep it on another machine", heads.heads.len(), out.display());
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A store of its own has its outbox on another machine, unless the state directory is named too.
fn state_path(args: &StoreArgs) -> PathBuf {
    match (&args.state, &args.store) {
        (Some(state), _) => state.clone(),
        (None, Some(store)) => store.parent().unwrap_or(Path::new(".")).to_owned(),
        (None, None) => super::default_state("cannula-cell"),
    }
}

fn store_path(args: &StoreArgs) -> PathBuf {
    args.store.clone().unwrap_or_else(|| state_path(args).join("dhr.db"))
}

fn print_row(row: &Summary) {
    outln!(
        "{:<14} {:<12} {} {}  {}{}",
        row.serial,
        row.result.as_deref().unwrap_or("in work").to_uppercase(),
        row.recipe,
        row.version,
        row.opened,
        row.cause.as_deref().map(|c| format!("  {c}")).unwrap_or_default(),
    );
}

fn print_lot(report: &LotReport) {
    let r = report;
    outln!("lot        {}   origin {}   purpose {}", r.lot, r.origin, r.purposes.join(", "));
    outln!("orders     {}", r.orders.join(", "));
    outln!("recipes    {}", r.recipes.join(", "));
    outln!(
        "units      {} started: {} good, {} ng, {} interrupted, {} open",
        r.started,
        r.good,
        r.ng,
        r.interrupted,
        r.open
    );
    if r.reworks > 0 {
        outln!("reworks    {} of them", r.reworks);
    }
    if let Some(share) = r.first_pass_yield {
        outln!("yield      {:.1} % at the first pass", 100.0 * share);
    }
    r.ng_by_cause.iter().for_each(|(cause, n)| outln!("ng         {n:>4}  {cause}"));
    for c in &r.components {
        outln!("component  {:>4}  {} lot {}", c.units, c.part, c.lot.as_deref().unwrap_or("-"));
    }
    for unit in &r.serials {
        outln!(
            "{:<20} {:<12} {}  {}{}",
            unit.serial,
            unit.result.as_deref().unwrap_or("in work").to_uppercase(),
            unit.start,
            unit.end.as_deref().unwrap_or("-"),
            unit.cause.as_deref().map(|c| format!("  {c}")).unwrap_or_default(),
        );
    }
}

/// Two lines an alarm: what and where, then its times.
fn print_alarm(alarm: &AlarmLife) {
    let first = if alarm.first_out { " (first)" } else { "" };
    let follows = alarm.follows.map(|n| format!(" (follows {n})")).unwrap_or_default();
    let (n, code, class) = (alarm.number, &alarm.code, alarm.class.as_str());
    outln!("{:>4} {code:<18} {class:<8} {}: {}{first}{follows}", n, alarm.place, alarm.cause);
    let seconds =
        |ns: Option<u64>| ns.map(|ns| format!(" after {:.1} s", ns as f64 / 1e9)).unwrap_or_default();
    let by = alarm.acknowledged_by.as_deref().map(|who| format!(" by {who}")).unwrap_or_default();
    let seen = match &alarm.acknowledged {
        Some(_) => format!("acknowledged{by}{}", seconds(alarm.acknowledged_after_ns)),
        None => "not acknowledged".to_owned(),
    };
    let end = match &alarm.cleared {
        Some(_) => format!("cleared{}", seconds(alarm.active_ns)),
        None => "not cleared".to_owned(),
    };
    outln!("     raised {}, {seen}, {end}", alarm.raised);
}

fn print_report(report: &VerifyReport) {
    for problem in &report.problems {
        outln!("{}: {}", problem.place, problem.what);
    }
    let word = if report.ok { "holds" } else { "DOES NOT HOLD" };
    outln!("{} events; the record {word}; end checked against: {}", report.events, report.head_checked);
    if report.undelivered > 0 {
        outln!("{} more wait in the outbox for their delivery", report.undelivered);
    }
}

/// The record as a page of text; the JSON has everything.
fn print_record(record: &Value) {
    let word = |path: &str| match record.pointer(path) {
        Some(Value::String(s)) => s.clone(),
        Some(Value::Null) | None => "-".to_owned(),
        Some(other) => other.to_string(),
    };
    outln!("serial     {}  {}", word("/serial"), word("/result").to_uppercase());
    outln!("cause      {}", word("/cause"));
    outln!("recipe     {} {}  {}", word("/recipe/id"), word("/recipe/version"), word("/recipe/hash"));
    outln!("plan       {}", word("/recipe/plan_hash"));
    for (name, value) in record.pointer("/recipe/set").and_then(Value::as_object).into_iter().flatten() {
        outln!("set        {name} = {}", plain(value));
    }
    outln!("cell       {}  {}", word("/cell/id"), word("/cell/hash"));
    outln!("order      {}   origin {}   purpose {}", word("/order"), word("/origin"), word("/purpose"));
    outln!("released   {}   disposition {}", word("/released"), word("/disposition"));
    print_openings(record);
    for c in rows(record, "components") {
        outln!("component  {} {} lot {} serial {}", c("name"), c("part"), c("lot"), c("serial"));
    }
    let several = record["openings"].as_array().is_some_and(|all| all.len() > 1);
    for step in record["steps"].as_array().into_iter().flatten() {
        let text = |name: &str| plain(&step[name]);
        let opening = if several { format!("{}: ", text("opening")) } else { String::new() };
        outln!(
            "step       {opening}{:<6} {:<16} attempt {}  {}  {}",
            text("station"),
            text("id"),
            text("attempt"),
            text("outcome"),
            text("start")
        );
        for m in rows(step, "measurements") {
            outln!(
                "           {} {} {} in {}: {}",
                m("name"),
                m("value"),
                m("unit"),
                m("limits"),
                m("verdict")
            );
        }
        if step["label"].is_object() {
            let of = |name: &str| plain(&step["label"][name]);
            outln!(
                "           label {} by {}: {}, {} of this unit since it was opened",
                of("content"),
                of("printer"),
                of("fate"),
                of("printed")
            );
        }
        for c in rows(step, "curves") {
            outln!("           curve {} of {} samples, {}", c("name"), c("samples"), c("hash"));
        }
    }
    outln!(
        "chain      {} .. {} of {}",
        word("/chain/first_seq"),
        word("/chain/last_seq"),
        word("/chain/stream")
    );
}

/// One line each time the unit was opened, where that was more than once.
fn print_openings(record: &Value) {
    let all = record["openings"].as_array().map(Vec::as_slice).unwrap_or_default();
    for (at, o) in all.iter().enumerate().filter(|_| all.len() > 1) {
        outln!(
            "opening    {} {} order {} {} {}  {}",
            at + 1,
            plain(&o["purpose"]),
            plain(&o["order"]),
            plain(&o["opened"]),
            plain(&o["result"]).to_uppercase(),
            plain(&o["cause"])
        );
    }
}

/// The objects of a list, each as a function from field to text.
fn rows<'a>(value: &'a Value, list: &str) -> impl Iterator<Item = impl Fn(&str) -> String + 'a> {
    value[list].as_array().into_iter().flatten().map(|row| move |field: &str| plain(&row[field]))
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(s) => s.clone(),
        Value::Null => "-".to_owned(),
        other => other.to_string(),
    }
}
