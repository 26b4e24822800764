//! Connections to cameras, scanners and printers: one task each, which connects, moves bytes both ways, and connects
//! again after a pause. What the bytes mean is the driver's business.

use std::time::Duration;

use cellwright_controller::{DeviceId, StreamEvent};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// Pause before the next attempt to connect: a device that reboots is found soon, one that is off costs
/// nothing.
const RECONNECT: Duration = Duration::from_millis(500);
/// A connection that is not made by then is given up and tried again.
const CONNECT_MAX: Duration = Duration::from_secs(2);
/// A device that takes no bytes for so long is disconnected.
const WRITE_MAX: Duration = Duration::from_secs(2);
/// Events that wait for the controller's next step; full: the connection waits (TCP holds the bytes).
const EVENTS_MAX: usize = 256;
/// Requests that wait for a connection; full: dropped, and the request runs into its deadline.
const REQUESTS_MAX: usize = 16;
/// Bytes read at once.
const READ_BYTES: usize = 4096;

/// All connections of a cell.
pub(crate) struct Streams {
    events: mpsc::Receiver<(DeviceId, StreamEvent)>,
    requests: Vec<(DeviceId, mpsc::Sender<Vec<u8>>)>,
    _tasks: JoinSet<()>,
}

impl Streams {
    /// Begins to connect to every address (`host:port`).
    pub(crate) fn connect(addresses: &[(DeviceId, String)]) -> Streams {
        let (events_in, events) = mpsc::channel(EVENTS_MAX);
        let mut tasks = JoinSet::new();
        let mut requests = Vec::new();
        for (device, address) in addresses {
            let (sender, receiver) = mpsc::channel(REQUESTS_MAX);
            requests.push((*device, sender));
            tasks.spawn(keep_connected(*device, address.clone(), receiver, events_in.clone()));
        }
        Streams { events, requests, _tasks: tasks }
    }

    /// What has arrived, in order.
    pub(crate) fn drain(&mut self, into: &mut Vec<(DeviceId, StreamEvent)>) {
        while let Ok(event) = self.events.try_recv() {
            into.push(event);
        }
    }

    /// Hands bytes to the connection of a device.
    pub(crate) fn send(&self, device: DeviceId, bytes: Vec<u8>) {
        if let Some((_, sender)) = self.requests.iter().find(|(id, _)| *id == device)
            && sender.try_send(bytes).is_err()
        {
            tracing::warn!(?device, "takes no request; it will run into its deadline");
        }
    }
}

async fn keep_connected(
    device: DeviceId,
    address: String,
    mut requests: mpsc::Receiver<Vec<u8>>,
    events: mpsc::Sender<(DeviceId, StreamEvent)>,
) {
    loop {
        if let Ok(Ok(stream)) = timeout(CONNECT_MAX, TcpStream::connect(&address)).await {
            // Bytes for an earlier connection are nothing that the new one should get.
            while requests.try_recv().is_ok() {}
            if events.send((device, StreamEvent::Connected)).await.is_err() {
                return;
            }
            let ended = exchange(device, stream, &mut requests, &events).await;
            if events.send((device, StreamEvent::Disconnected)).await.is_err() || ended == Ended::Asked {
                return;
            }
        }
        sleep(RECONNECT).await;
    }
}

#[derive(PartialEq, Eq)]
enum Ended {
    ByPeer,
    Asked,
}

async fn exchange(
    device: DeviceId,
    mut stream: TcpStream,
    requests: &mut mpsc::Receiver<Vec<u8>>,
    events: &mpsc::Sender<(DeviceId, StreamEvent)>,
) -> Ended {
    // A request is one small line: it should leave at once.
    let _ = stream.set_nodelay(true);
    let (mut reader, mut writer) = stream.split();
    let mut buffer = [0; READ_BYTES];
    loop {
        tokio::select! {
            read = reader.read(&mut buffer) => match read {
                Ok(n) if n > 0 => {
                    let bytes = StreamEvent::Bytes(buffer[..n].to_vec());
                    if events.send((device, bytes)).await.is_err() {
                        return Ended::Asked;
                    }
                }
                _ => return Ended::ByPeer,
            },
            request = requests.recv() => match request {
                Some(bytes) => match timeout(WRITE_MAX, writer.write_all(&bytes)).await {
                    Ok(Ok(())) => {}
                    _ => return Ended::ByPeer,
                },
                None => return Ended::Asked,
            },
        }
    }
}
