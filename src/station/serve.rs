//! Serves a twin of a message device over TCP, so that `run` goes the same way to it as to a real
//! one. One connection at a time, as such devices have.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use cellwright_driver_api::message::MessageTwin;
use cellwright_model::TimeNs;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

/// How often an answer that takes its time is looked for.
const POLL: Duration = Duration::from_millis(2);

/// Listens on a free port of `host` and serves until the runtime ends. `look` shows the twin what it sees now.
///
/// # Errors
/// No port can be bound there.
pub async fn serve_twin<T, L>(
    host: IpAddr,
    mut twin: T,
    mut look: L,
    now: fn() -> TimeNs,
) -> std::io::Result<SocketAddr>
where
    T: MessageTwin + Send + 'static,
    L: FnMut(&mut dyn FnMut(&T::Scene)) + Send + 'static,
{
    let listener = TcpListener::bind((host, 0)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => serve_one(stream, &mut twin, &mut look, now).await,
                // Out of descriptors or an aborted connection: the next one may work.
                Err(_) => sleep(POLL).await,
            }
        }
    });
    Ok(address)
}

async fn serve_one<T, L>(mut stream: TcpStream, twin: &mut T, look: &mut L, now: fn() -> TimeNs)
where
    T: MessageTwin,
    L: FnMut(&mut dyn FnMut(&T::Scene)),
{
    twin.on_connect();
    let _ = stream.set_nodelay(true);
    let mut buffer = [0; 1024];
    let mut answer = Vec::new();
    loop {
        tokio::select! {
            read = stream.read(&mut buffer) => match read {
                Ok(n) if n > 0 => look(&mut |scene| twin.receive(now(), &buffer[..n], scene)),
                _ => return,
            },
            () = sleep(POLL) => {}
        }
        twin.transmit(now(), &mut answer);
        if !answer.is_empty() && stream.write_all(&answer).await.is_err() {
            return;
        }
        answer.clear();
    }
}
