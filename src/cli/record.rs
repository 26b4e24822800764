//! `cellwright record`: a recorder of its own, for cells that run elsewhere.

use std::process::ExitCode;
use std::time::Duration;

use cellwright_trace::network::{Network, NetworkMode, NetworkOptions};
use cellwright_trace::recorder::{EVERY_CELL, Recorder};
use cellwright_trace::store::{SqliteStore, StoreOptions};
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

use super::args::RecordArgs;
use super::out::outln;
use super::{Failure, print_json};

/// How often its work is shown.
const LOOK: Duration = Duration::from_millis(200);

pub(crate) fn run(args: RecordArgs) -> Result<ExitCode, Failure> {
    let store = SqliteStore::open(&args.store, StoreOptions::default())?;
    let network = Network::open(&NetworkOptions {
        mode: NetworkMode::Peer,
        listen: args.listen.clone().into_iter().collect(),
        connect: args.connect.clone(),
    })?;
    let recorder = Recorder::start(&network, EVERY_CELL, Box::new(store))?;
    if !args.json {
        outln!("records into {}; Ctrl-C ends", args.store.display());
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let watched: std::io::Result<()> = runtime.block_on(async {
        let mut shown = recorder.status();
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        loop {
            tokio::select! {
                _ = interrupt.recv() => return Ok(()),
                _ = terminate.recv() => return Ok(()),
                () = tokio::time::sleep(LOOK) => {}
            }
            let status = recorder.status();
            if status != shown {
                if args.json {
                    print_json(&json!({
                        "committed": status.committed, "refused": status.refused,
                        "failed": status.failed, "problem": status.last_problem,
                    }));
                } else {
                    outln!(
                        "{} batches kept, {} refused, {} failed",
                        status.committed,
                        status.refused,
                        status.failed
                    );
                }
                shown = status;
            }
        }
    });
    watched?;
    drop(recorder);
    network.close();
    Ok(ExitCode::SUCCESS)
}
