//! Both ends over loopback, with cobots that are answered by hand.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use cellwright_cobot_ros2::link::link;
use cellwright_cobot_ros2::twin::CobotEnds;
use cellwright_driver_api::message::RobotDriver;
use cellwright_model::cell::Cell;
use cellwright_model::robot::{
    RobotCommand, RobotRefusal, RobotReply, RobotReport, RobotRequest, RobotState,
};
use cellwright_model::{DurationNs, RequestId, TimeNs};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

fn now() -> TimeNs {
    TimeNs(7_000_000_000)
}

fn cell() -> Cell {
    struct Disk;
    impl cellwright_recipe::FileSource for Disk {
        fn read(&self, path: &str) -> Result<Vec<u8>, String> {
            std::fs::read(path).map_err(|e| e.to_string())
        }
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../cells/cannula-cell/cell.yaml");
    let sources = &mut cellwright_recipe::Sources::default();
    cellwright_recipe::load_cell(&Disk, path, None, sources).expect("the cell holds").0
}

/// A twin whose cobots do nothing by themselves.
struct Twin {
    address: String,
    cobots: Vec<CobotEnds>,
    acts: Arc<Mutex<Vec<serde_json::Value>>>,
}

async fn twin(cell: &Cell) -> Twin {
    let (mut drivers, mut cobots) = (Vec::new(), Vec::new());
    for _ in &cell.robots {
        let (driver, ends) = link(DurationNs::from_millis(60_000));
        drivers.push(Box::new(driver) as Box<dyn RobotDriver + Send>);
        cobots.push(ends);
    }
    let acts = Arc::new(Mutex::new(Vec::new()));
    let (kept, mut busy) = (acts.clone(), true);
    let act = move |act: &serde_json::Value| {
        // Each is taken at the second attempt.
        busy = !busy;
        if !busy {
            return Acted::Busy;
        }
        kept.lock().expect("the test's own").push(act.clone());
        Acted::Done
    };
    let hello = Hello {
        cell: cell.id.clone(),
        cell_hash: cell.hash.clone(),
        mark: 5,
        camera_ports: vec![1],
        scanner_ports: vec![],
        printer_ports: vec![],
        materials: vec![],
    };
    let server = FarServer::new(hello, drivers, Box::new(act), now);
    let address = server.start("127.0.0.1:0".parse().expect("an address")).await.expect("a port");
    Twin { address: address.to_string(), cobots, acts }
}

/// Waits until `look` gives something; two seconds are far more than a line takes.
async fn until<T>(mut look: impl FnMut() -> Option<T>) -> T {
    for _ in 0..1_000 {
        if let Some(found) = look() {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    panic!("it did not come");
}

fn connect(twin: &Twin, cell: &Cell) -> FarTwin {
    tokio::task::block_in_place(|| FarTwin::connect(&twin.address, cell, now)).expect("a greeting")
}

fn grip(id: u32) -> RobotRequest {
    RobotRequest { id: RequestId(id), command: RobotCommand::Grip { close: true } }
}

const STATE: RobotState = RobotState {
    stamp: TimeNs(1),
    joints: [12.5; 6],
    speeds: [0.0; 6],
    holding: true,
    moving: false,
    lost: false,
    safeguard: false,
    slowed: 0.0,
};
const DONE: RobotReply = RobotReply::Done { holding: true };

#[tokio::test(flavor = "multi_thread")]
async fn a_cobot_is_asked_from_its_first_state_on_and_answers() {
    let cell = cell();
    let mut twin = twin(&cell).await;
    let mut far = connect(&twin, &cell);
    assert_eq!((far.hello.mark, far.hello.camera_ports.as_slice()), (5, &[1][..]));
    let mut robot = far.robots.remove(0);
    tokio::spawn(far.line.run());
    robot.command(now(), grip(1));
    let refused = until(|| robot.poll(now())).await;
    let reply = RobotReply::Rejected(RobotRefusal::NotConnected);
    assert_eq!(refused, RobotReport::Reply { id: RequestId(1), reply }, "before any state");
    twin.cobots[0].reports.push(RobotReport::State(STATE)).expect("room");
    let state = until(|| robot.poll(now())).await;
    assert_eq!(state, RobotReport::State(RobotState { stamp: now(), ..STATE }), "stamped here");
    robot.command(now(), grip(2));
    let asked = until(|| twin.cobots[0].requests.pop().ok()).await;
    assert_eq!(asked.command, grip(2).command);
    twin.cobots[0].reports.push(RobotReport::Reply { id: asked.id, reply: DONE }).expect("room");
    assert_eq!(until(|| robot.poll(now())).await, RobotReport::Reply { id: RequestId(2), reply: DONE });
    for n in 0..3 {
        assert!(far.hands.act(serde_json::json!({"n": n})));
    }
    let acts =
        until(|| Some(twin.acts.lock().expect("the test's own").clone()).filter(|a| a.len() == 3)).await;
    assert_eq!(acts, (0..3).map(|n| serde_json::json!({"n": n})).collect::<Vec<_>>(), "in their order");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_hangs_up_leaves_a_stopped_cobot_and_no_answer_for_the_next() {
    let cell = cell();
    let mut twin = twin(&cell).await;
    let mut first = connect(&twin, &cell);
    let line = tokio::spawn(first.line.run());
    twin.cobots[0].reports.push(RobotReport::State(STATE)).expect("room");
    until(|| first.robots[0].poll(now())).await;
    first.robots[0].command(now(), grip(1));
    let asked = until(|| twin.cobots[0].requests.pop().ok()).await;
    line.abort();
    let stop = until(|| twin.cobots[0].requests.pop().ok()).await;
    assert_eq!(stop.command, RobotCommand::Stop);
    let mut second = connect(&twin, &cell);
    tokio::spawn(second.line.run());
    // It is connected at once: the twin repeats the last state.
    until(|| second.robots[0].poll(now())).await;
    second.robots[0].command(now(), grip(1));
    let again = until(|| twin.cobots[0].requests.pop().ok()).await;
    twin.cobots[0]
        .reports
        .push(RobotReport::Reply { id: asked.id, reply: RobotReply::Stopped })
        .expect("room");
    twin.cobots[0].reports.push(RobotReport::Reply { id: again.id, reply: DONE }).expect("room");
    assert_eq!(
        until(|| second.robots[0].poll(now())).await,
        RobotReport::Reply { id: RequestId(1), reply: DONE }
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_twin_that_goes_away_answers_not_connected() {
    let cell = cell();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let hello = Says::Hello(Hello {
        cell: cell.id.clone(),
        cell_hash: cell.hash.clone(),
        mark: 0,
        camera_ports: vec![],
        scanner_ports: vec![],
        printer_ports: vec![],
        materials: vec![],
    });
    let twin = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a controller");
        let mut out = Vec::new();
        put(&hello, &mut out);
        put(&Says::State { robot: RobotId(0), state: STATE }, &mut out);
        stream.write_all(&out).await.expect("it listens");
        let mut asked = [0; 256];
        let n = stream.read(&mut asked).await.expect("it asks");
        String::from_utf8_lossy(&asked[..n]).into_owned()
    });
    let mut far = tokio::task::block_in_place(|| FarTwin::connect(&address, &cell, now)).expect("a greeting");
    let mut robot = far.robots.remove(0);
    tokio::spawn(far.line.run());
    until(|| robot.poll(now())).await;
    robot.command(now(), grip(9));
    let line = twin.await.expect("it ends");
    assert_eq!(line, "{\"request\":{\"robot\":0,\"id\":9,\"command\":{\"grip\":{\"close\":true}}}}\n");
    let reply = RobotReply::Faulted(RobotRefusal::NotConnected);
    assert_eq!(until(|| robot.poll(now())).await, RobotReport::Reply { id: RequestId(9), reply });
}

#[tokio::test(flavor = "multi_thread")]
async fn another_cell_and_nobody_are_said_with_a_remedy() {
    let cell = cell();
    let twin = twin(&cell).await;
    let other = Cell { hash: "0".repeat(64), ..cell.clone() };
    let why = tokio::task::block_in_place(|| FarTwin::connect(&twin.address, &other, now)).err();
    let why = why.expect("refused").to_string();
    assert!(why.contains("--cell") && why.contains("000000000000"), "{why}");
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let why = FarTwin::connect(&free.to_string(), &cell, now).err().expect("nobody").to_string();
    assert!(why.contains("cellwright twin"), "{why}");
}

#[test]
fn lines_come_in_pieces_and_long_or_foreign_ones_end_it() {
    let (mut lines, mut out) = (Lines::default(), Vec::<Asks>::new());
    lines.push(b"{\"act\":1}\n{\"ac", &mut out).expect("half a line waits");
    lines.push(b"t\":2}\n", &mut out).expect("the other half");
    assert_eq!(out, [Asks::Act(1.into()), Asks::Act(2.into())]);
    assert!(Lines::default().push(b"{\"nothing\":1}\n", &mut out).is_err_and(|e| e.contains("no message")));
    let long = vec![b' '; LINE_BYTES_MAX + 1];
    assert!(Lines::default().push(&long, &mut out).is_err_and(|e| e.contains("a line of more")));
}
