//! The twin's end: one controller at a time; another one waits until that is gone.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use cellwright_driver_api::message::RobotDriver;
use cellwright_model::robot::{RobotCommand, RobotReport, RobotRequest};
use cellwright_model::{RequestId, RobotId, TimeNs};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use super::{Asks, Hello, Lines, POLL, READ_BYTES, Says, WRITE_MAX, put};

/// Acts that wait for the machine; a controller that sends more is disconnected.
const ACTS_MAX: usize = 64;
/// After the system refused a connection.
const PAUSE: Duration = Duration::from_millis(10);

/// What became of an act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Acted {
    Done,
    /// The machine has not taken those before: again later.
    Busy,
    /// It is no act of this machine, in words.
    Unknown(String),
}

/// Does an act, or says why not yet.
type Act = Box<dyn FnMut(&serde_json::Value) -> Acted + Send>;

/// See the module text.
pub struct FarServer {
    hello: Hello,
    robots: Vec<Box<dyn RobotDriver + Send>>,
    act: Act,
    now: fn() -> TimeNs,
    /// Requests are numbered here, so that an answer to an earlier controller is never taken for one to this.
    last_id: u32,
    /// (number here, robot, number there) of what this controller waits for.
    open: Vec<(RequestId, usize, RequestId)>,
    acts: VecDeque<serde_json::Value>,
}

impl FarServer {
    /// `robots`: in the order of the cell.
    pub fn new(
        hello: Hello,
        robots: Vec<Box<dyn RobotDriver + Send>>,
        act: Act,
        now: fn() -> TimeNs,
    ) -> FarServer {
        FarServer { hello, robots, act, now, last_id: 0, open: Vec::new(), acts: VecDeque::new() }
    }

    /// Listens at `address` and serves until the runtime ends; gives the address, its port chosen if that was 0.
    ///
    /// # Errors
    /// The address cannot be bound.
    pub async fn start(mut self, address: SocketAddr) -> std::io::Result<SocketAddr> {
        let listener = TcpListener::bind(address).await?;
        let bound = listener.local_addr()?;
        tokio::spawn(async move {
            loop {
                if let Some(stream) = self.next(&listener).await {
                    let why = self.serve(stream).await;
                    tracing::info!(why, "a controller is gone");
                    self.let_go();
                }
            }
        });
        Ok(bound)
    }

    /// Waits for a controller; what the cobots say meanwhile is for nobody.
    async fn next(&mut self, listener: &TcpListener) -> Option<TcpStream> {
        let mut polls = interval(POLL);
        polls.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => return Some(stream),
                    // Out of descriptors or an aborted connection: the next one may work.
                    Err(_) => sleep(PAUSE).await,
                },
                _ = polls.tick() => {
                    self.reports(&mut Vec::new());
                    self.do_acts();
                }
            }
        }
    }

    /// Until the connection ends: why it did.
    async fn serve(&mut self, mut stream: TcpStream) -> String {
        let _ = stream.set_nodelay(true);
        let (mut reader, mut writer) = stream.split();
        let (mut lines, mut asked, mut out) = (Lines::default(), Vec::new(), Vec::new());
        put(&Says::Hello(self.hello.clone()), &mut out);
        self.states(&mut out);
        let mut buffer = [0; READ_BYTES];
        let mut polls = interval(POLL);
        polls.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut refused = None;
        loop {
            if !out.is_empty() {
                match timeout(WRITE_MAX, writer.write_all(&out)).await {
                    Ok(Ok(())) => out.clear(),
                    Ok(Err(error)) => return error.to_string(),
                    Err(_) => return "it takes nothing".to_owned(),
                }
            }
            if let Some(why) = refused {
                return why;
            }
            tokio::select! {
                read = reader.read(&mut buffer) => match read {
                    Ok(n) if n > 0 => {
                        let taken = lines.push(&buffer[..n], &mut asked);
                        let taken = asked.drain(..).try_for_each(|ask| self.take(ask)).and(taken);
                        if let Err(why) = taken {
                            put(&Says::Refused(why.clone()), &mut out);
                            refused = Some(why);
                        }
                    }
                    Ok(_) => return "it hung up".to_owned(),
                    Err(error) => return error.to_string(),
                },
                _ = polls.tick() => {}
            }
            self.do_acts();
            self.reports(&mut out);
        }
    }

    fn take(&mut self, ask: Asks) -> Result<(), String> {
        match ask {
            Asks::Request { robot, id, command } => {
                let Some(driver) = self.robots.get_mut(robot.index()) else {
                    return Err(format!("there is no cobot {}", robot.0));
                };
                self.last_id = self.last_id.wrapping_add(1);
                let here = RequestId(self.last_id);
                self.open.push((here, robot.index(), id));
                driver.command((self.now)(), RobotRequest { id: here, command });
            }
            Asks::Act(_) if self.acts.len() == ACTS_MAX => {
                return Err(format!("more than {ACTS_MAX} acts wait for the machine"));
            }
            Asks::Act(act) => self.acts.push_back(act),
        }
        Ok(())
    }

    /// Acts in their order, as far as the machine takes them.
    fn do_acts(&mut self) {
        while let Some(act) = self.acts.front() {
            match (self.act)(act) {
                Acted::Busy => return,
                Acted::Done => {}
                Acted::Unknown(why) => tracing::warn!(why, "an act that this machine does not know"),
            }
            self.acts.pop_front();
        }
    }

    /// States as they are, so that a new controller is connected to every cobot at once.
    fn states(&self, out: &mut Vec<u8>) {
        for (i, state) in self.robots.iter().map(|r| r.state()).enumerate() {
            // One that has not said anything yet will do so.
            if state.stamp != TimeNs(0) {
                put(&Says::State { robot: RobotId(i as u16), state }, out);
            }
        }
    }

    fn reports(&mut self, out: &mut Vec<u8>) {
        let now = (self.now)();
        for (i, driver) in self.robots.iter_mut().enumerate() {
            let robot = RobotId(i as u16);
            while let Some(report) = driver.poll(now) {
                match report {
                    RobotReport::State(state) => put(&Says::State { robot, state }, out),
                    RobotReport::Reply { id, reply } => {
                        let asked = self.open.iter().position(|(here, ..)| *here == id);
                        if let Some((_, _, there)) = asked.map(|at| self.open.swap_remove(at)) {
                            put(&Says::Reply { robot, id: there, reply }, out);
                        }
                    }
                }
            }
        }
    }

    /// Nobody waits for the cobots any more: what moves is stopped.
    fn let_go(&mut self) {
        self.open.clear();
        let now = (self.now)();
        for driver in &mut self.robots {
            self.last_id = self.last_id.wrapping_add(1);
            driver.command(now, RobotRequest { id: RequestId(self.last_id), command: RobotCommand::Stop });
        }
    }
}
