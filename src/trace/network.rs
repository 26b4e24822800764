//! A Zenoh session: where it listens and connects. Multicast scouting is off: a cell is found by its
//! endpoint, and nothing on a plant network is asked who it is.

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::sync::Arc;

use zenoh::{Config, Session, Wait};

use crate::error::TraceError;

/// The file in a state directory that says where the cell listens.
pub const ENDPOINT_FILE: &str = "endpoint";

/// Part of a session in the network of Zenoh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NetworkMode {
    /// Forwards between those who connect to it: a cell is one.
    Router,
    /// Goes on trying to connect for as long as it lives: a recorder of its own is one.
    Peer,
    /// Has to connect at once.
    Client,
}

/// How a session is opened. Endpoints are Zenoh's: `tcp/127.0.0.1:7447`; port 0 on loopback is a free
/// one of the system's choice.
#[derive(Debug, Clone)]
pub struct NetworkOptions {
    pub mode: NetworkMode,
    pub listen: Vec<String>,
    pub connect: Vec<String>,
}

impl NetworkOptions {
    /// A cell: others connect to a free port on loopback.
    pub fn cell() -> NetworkOptions {
        NetworkOptions {
            mode: NetworkMode::Router,
            listen: vec!["tcp/127.0.0.1:0".into()],
            connect: Vec::new(),
        }
    }

    /// A cell that listens where its last controller did, so that recorders find it again; on another
    /// port if that one is taken.
    pub fn cell_at(state_dir: &Path) -> NetworkOptions {
        let mut options = NetworkOptions::cell();
        let last = std::fs::read_to_string(state_dir.join(ENDPOINT_FILE)).unwrap_or_default();
        if let Some(port) = last.trim().strip_prefix("tcp/127.0.0.1:").and_then(|p| p.parse::<u16>().ok())
            && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
        {
            options.listen = vec![format!("tcp/127.0.0.1:{port}")];
        }
        options
    }

    /// A recorder of its own that goes on trying to connect.
    pub fn recorder(endpoint: &str) -> NetworkOptions {
        NetworkOptions { mode: NetworkMode::Peer, listen: Vec::new(), connect: vec![endpoint.into()] }
    }
}

/// An open session. Clones share it.
#[derive(Debug, Clone)]
pub struct Network {
    session: Session,
    endpoints: Arc<[String]>,
}

impl Network {
    /// Opens the session.
    ///
    /// # Errors
    /// An endpoint is malformed, or it cannot listen there.
    pub fn open(options: &NetworkOptions) -> Result<Network, TraceError> {
        // Between finding a free port and taking it another program may have it: try again.
        let mut attempts = 5;
        loop {
            let listen = options.listen.iter().map(|e| with_free_port(e)).collect::<Result<Vec<_>, _>>()?;
            match zenoh::open(config(options, &listen)?).wait() {
                Ok(session) => return Ok(Network { session, endpoints: listen.into() }),
                Err(_) if attempts > 1 && listen != options.listen => attempts -= 1,
                Err(e) => {
                    let what =
                        format!("cannot open the network at {:?}, {:?}", options.listen, options.connect);
                    return Err(TraceError::network(what, e));
                }
            }
        }
    }

    /// Where it listens, with the true ports.
    pub fn endpoints(&self) -> &[String] {
        &self.endpoints
    }

    /// Tells others where it listens: the file `endpoint` of the state directory.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write_endpoint(&self, state_dir: &Path) -> Result<(), TraceError> {
        let path = state_dir.join(ENDPOINT_FILE);
        let text: String = self.endpoints.iter().map(|e| format!("{e}\n")).collect();
        std::fs::write(&path, text).map_err(|e| TraceError::io("cannot write", &path, &e))
    }

    /// The session itself, for the other modules of this crate.
    pub(crate) fn session(&self) -> &Session {
        &self.session
    }

    /// Ends the session: what was handed to it is sent first.
    pub fn close(&self) {
        if let Err(e) = self.session.close().wait() {
            tracing::warn!("the network did not close cleanly: {e}");
        }
    }
}

fn config(options: &NetworkOptions, listen: &[String]) -> Result<Config, TraceError> {
    let mode = match options.mode {
        NetworkMode::Router => "router",
        NetworkMode::Peer => "peer",
        NetworkMode::Client => "client",
    };
    let values = [
        ("mode", serde_json::json!(mode)),
        ("scouting/multicast/enabled", serde_json::json!(false)),
        ("scouting/gossip/enabled", serde_json::json!(false)),
        // Nobody is scouted for, so there is nobody to wait for.
        ("open/return_conditions/connect_scouted", serde_json::json!(false)),
        ("scouting/delay", serde_json::json!(0)),
        // A cell or recorder that was restarted is found again within a second.
        ("connect/retry", serde_json::json!({"period_init_ms": 100, "period_max_ms": 1000})),
        ("listen/endpoints", serde_json::json!(listen)),
        ("connect/endpoints", serde_json::json!(options.connect)),
    ];
    let mut config = Config::default();
    for (name, value) in values {
        config
            .insert_json5(name, &value.to_string())
            .map_err(|e| TraceError::network(format!("network setting {name} = {value}"), e))?;
    }
    Ok(config)
}

/// Puts a free port in the place of port 0 on loopback.
fn with_free_port(endpoint: &str) -> Result<String, TraceError> {
    let Some(host) = endpoint.strip_prefix("tcp/").and_then(|rest| rest.strip_suffix(":0")) else {
        return Ok(endpoint.to_owned());
    };
    let port = TcpListener::bind(format!("{host}:0"))
        .and_then(|listener| listener.local_addr())
        .map_err(|e| TraceError::network(format!("cannot listen at {endpoint}"), e))?
        .port();
    Ok(format!("tcp/{host}:{port}"))
}
