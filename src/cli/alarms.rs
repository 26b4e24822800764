//! `cellwright alarms`: the catalogue of alarms.

use std::process::ExitCode;

use cellwright_controller::catalogue::{AlarmCode, Entry, TABLE, acts_in_execute, remedy};
use serde_json::{Value, json};

use super::args::AlarmsArgs;
use super::out::outln;
use super::{Failure, print_json};

pub(crate) fn run(args: AlarmsArgs) -> Result<ExitCode, Failure> {
    let entries: Vec<&Entry> = match &args.code {
        None => TABLE.iter().collect(),
        Some(word) => vec![AlarmCode::from_word(word).map(AlarmCode::entry).ok_or_else(|| {
            Failure::Failed(format!("there is no alarm `{word}`; `cellwright alarms` lists them"))
        })?],
    };
    if args.json {
        print_json(&entries.iter().map(|e| shown(e)).collect::<Vec<_>>());
    } else if args.code.is_some() {
        entries.iter().for_each(|e| print_page(e));
    } else {
        entries.iter().for_each(|e| outln!("{:<20} {:<12} {}", e.word, e.class.as_str(), e.title));
    }
    Ok(ExitCode::SUCCESS)
}

fn shown(e: &Entry) -> Value {
    let acts = acts_in_execute(e);
    json!({
        "code": e.word, "class": e.class, "rank": e.rank.name(), "title": e.title, "cause": e.cause,
        "place": e.place, "remedy": remedy(&acts),
        "acts": acts.iter().map(ToString::to_string).collect::<Vec<_>>(), "page": e.page,
    })
}

fn print_page(e: &Entry) {
    outln!("{}: {}", e.word, e.title);
    outln!("class    {}", e.class.as_str());
    outln!("place    {}", e.place);
    outln!("cause    {}", e.cause);
    outln!("remedy   {}", remedy(&acts_in_execute(e)));
    outln!("\n{}", e.page);
}
