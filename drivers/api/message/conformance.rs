//! What every message driver and its twin must pass, driver by driver, over their real codecs.
//!
//! Each function builds what it needs from the *rig* it is given and returns the first broken promise.

use cellwright_model::robot::{Joints, RobotCommand, RobotRefusal, RobotReply, RobotReport, RobotRequest};
use cellwright_model::{DurationNs, RequestId, TimeNs};

use super::{Answer, DeviceError, LINE_BYTES_MAX, MessageDriver, MessageTwin, RobotDriver};

/// A byte-stream driver joined to its twin.
pub struct MessageRig<'a, D: MessageDriver, T: MessageTwin> {
    pub driver: D,
    pub twin: T,
    pub scene: &'a T::Scene,
    /// A request that the twin answers with a reply for which `accept` is true.
    pub request: D::Request,
    pub accept: fn(&D::Reply) -> bool,
    /// The driver's time from request to answer; the twin answers within it.
    pub timeout: DurationNs,
}

/// Runs every clause on a rig of its own. Error: the clause and what was not kept.
pub fn check_message_driver<'a, D: MessageDriver, T: MessageTwin>(
    mut make: impl FnMut() -> MessageRig<'a, D, T>,
) -> Result<(), String> {
    type Clause<'a, D, T> = (&'static str, fn(&mut MessageRig<'a, D, T>) -> Result<(), String>);
    let clauses: [Clause<'a, D, T>; 7] = [
        ("answers whatever the cut of the bytes", answers_in_any_cut),
        ("is busy with one request", busy_with_one),
        ("needs a connection", needs_a_connection),
        ("answers at its deadline", answers_at_the_deadline),
        ("drops a late answer", drops_a_late_answer),
        ("survives garbage", survives_garbage),
        ("answers when the connection ends", answers_when_disconnected),
    ];
    for (name, clause) in clauses {
        clause(&mut make()).map_err(|what| format!("{name}: {what}"))?;
    }
    Ok(())
}

const STEP: DurationNs = DurationNs::from_millis(1);

fn ensure(holds: bool, what: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what()) }
}

impl<D: MessageDriver, T: MessageTwin> MessageRig<'_, D, T> {
    fn connect(&mut self, now: TimeNs) {
        self.driver.on_connect(now);
        self.twin.on_connect();
    }

    fn begin(&mut self, now: TimeNs, id: u32) -> Result<(), String> {
        self.driver.request(now, RequestId(id), &self.request).map_err(|e| format!("request {id}: {e}"))
    }

    /// Carries bytes both ways in pieces of `cut`, without time passing.
    fn carry(&mut self, now: TimeNs, cut: usize) {
        let mut bytes = Vec::new();
        self.driver.transmit(&mut bytes);
        bytes.chunks(cut).for_each(|c| self.twin.receive(now, c, self.scene));
        bytes.clear();
        self.twin.transmit(now, &mut bytes);
        bytes.chunks(cut).for_each(|c| self.driver.receive(now, c));
    }

    /// Carries on until the driver answers; `None` if it has not by twice its time-out.
    fn answer(&mut self, from: TimeNs, cut: usize) -> Option<(TimeNs, Answer<D::Reply>)> {
        let mut now = from;
        while now.since(from).0 <= 2 * self.timeout.0 {
            self.carry(now, cut);
            if let Some(a) = self.driver.poll(now) {
                return Some((now, a));
            }
            now = now + STEP;
        }
        None
    }

    fn good_answer(&mut self, from: TimeNs, id: u32, cut: usize) -> Result<TimeNs, String> {
        let (now, a) = self.answer(from, cut).ok_or_else(|| format!("request {id}: no answer"))?;
        ensure(a.id == RequestId(id), || format!("request {id}: answer to {}", a.id.0))?;
        match a.result {
            Ok(r) if (self.accept)(&r) => Ok(now),
            Ok(_) => Err(format!("request {id}: a wrong reply")),
            Err(e) => Err(format!("request {id}: {e}")),
        }
    }

    fn expect_error(&mut self, now: TimeNs, id: u32, error: &DeviceError) -> Result<(), String> {
        match self.driver.poll(now) {
            Some(Answer { id: got, result: Err(e) }) if got == RequestId(id) && e == *error => Ok(()),
            Some(Answer { result: Err(e), .. }) => Err(format!("`{e}` instead of `{error}`")),
            Some(_) => Err(format!("a reply instead of `{error}`")),
            None => Err(format!("nothing instead of `{error}`")),
        }
    }
}

fn answers_in_any_cut<D: MessageDriver, T: MessageTwin>(
    rig: &mut MessageRig<'_, D, T>,
) -> Result<(), String> {
    rig.connect(TimeNs(0));
    let mut now = TimeNs(0);
    for (id, cut) in [(1, usize::MAX), (2, 1), (3, 7)] {
        rig.begin(now, id)?;
        ensure(rig.driver.deadline() == Some(now + rig.timeout), || {
            "a deadline that is not the time-out".into()
        })?;
        now = rig.good_answer(now, id, cut)?;
        ensure(rig.driver.poll(now).is_none(), || "answered twice".into())?;
    }
    ensure(rig.driver.deadline().is_none(), || "a deadline without a request".into())
}

fn busy_with_one<D: MessageDriver, T: MessageTwin>(rig: &mut MessageRig<'_, D, T>) -> Result<(), String> {
    rig.connect(TimeNs(0));
    rig.begin(TimeNs(0), 1)?;
    let second = rig.driver.request(TimeNs(1), RequestId(2), &rig.request);
    ensure(second == Err(DeviceError::Busy), || format!("a second request gave {second:?}"))?;
    let now = rig.good_answer(TimeNs(2), 1, usize::MAX)?;
    rig.begin(now, 2)?;
    rig.good_answer(now, 2, usize::MAX).map(|_| ())
}

fn needs_a_connection<D: MessageDriver, T: MessageTwin>(
    rig: &mut MessageRig<'_, D, T>,
) -> Result<(), String> {
    let early = rig.driver.request(TimeNs(0), RequestId(1), &rig.request);
    ensure(early == Err(DeviceError::Disconnected), || format!("without a connection: {early:?}"))?;
    let mut bytes = Vec::new();
    rig.driver.transmit(&mut bytes);
    ensure(bytes.is_empty() && rig.driver.poll(TimeNs(1)).is_none(), || {
        "a refused request left a trace".into()
    })
}

fn answers_at_the_deadline<D: MessageDriver, T: MessageTwin>(
    rig: &mut MessageRig<'_, D, T>,
) -> Result<(), String> {
    rig.connect(TimeNs(0));
    rig.begin(TimeNs(0), 1)?;
    let end = TimeNs(0) + rig.timeout;
    ensure(rig.driver.poll(TimeNs(end.0 - 1)).is_none(), || "answered before the deadline".into())?;
    rig.expect_error(end, 1, &DeviceError::TimedOut)?;
    ensure(rig.driver.poll(end + rig.timeout).is_none(), || "answered twice".into())
}

fn drops_a_late_answer<D: MessageDriver, T: MessageTwin>(
    rig: &mut MessageRig<'_, D, T>,
) -> Result<(), String> {
    rig.connect(TimeNs(0));
    rig.begin(TimeNs(0), 1)?;
    let end = TimeNs(0) + rig.timeout;
    let mut request = Vec::new();
    rig.driver.transmit(&mut request);
    rig.expect_error(end, 1, &DeviceError::TimedOut)?;
    // The next request is under way when the device answers the first one.
    rig.begin(end, 2)?;
    rig.twin.receive(TimeNs(0), &request, rig.scene);
    let mut late = Vec::new();
    rig.twin.transmit(end, &mut late);
    ensure(!late.is_empty(), || "the twin did not answer".into())?;
    rig.driver.receive(end, &late);
    ensure(rig.driver.poll(end).is_none(), || "a late answer was taken for the current one".into())?;
    ensure(rig.driver.counters().stray == 1, || "a late answer was not counted".into())?;
    rig.good_answer(end, 2, usize::MAX).map(|_| ())
}

fn survives_garbage<D: MessageDriver, T: MessageTwin>(rig: &mut MessageRig<'_, D, T>) -> Result<(), String> {
    rig.connect(TimeNs(0));
    let long = [vec![b'x'; 3 * LINE_BYTES_MAX], b"\n".to_vec()].concat();
    let mut now = TimeNs(0);
    for (id, bytes, too_long) in
        [(1, &b"\xff\x00\xfe\n"[..], false), (2, b"?\n", false), (3, b"\r\n", false), (4, &long[..], true)]
    {
        rig.begin(now, id)?;
        rig.driver.receive(now, bytes);
        match rig.driver.poll(now) {
            Some(Answer { result: Err(DeviceError::TooLong), .. }) if too_long => {}
            Some(Answer { result: Err(DeviceError::Garbage(_)), .. }) if !too_long => {}
            other => return Err(format!("garbage {id} gave {:?}", other.map(|a| a.result.err()))),
        }
        // The device's own answer comes all the same, and is nobody's.
        now = now + rig.timeout;
        rig.carry(now, usize::MAX);
        now = now + rig.timeout;
        rig.carry(now, usize::MAX);
        ensure(rig.driver.poll(now).is_none(), || format!("garbage {id} was answered twice"))?;
    }
    rig.begin(now, 5)?;
    let now = rig.good_answer(now, 5, usize::MAX)?;
    // And towards the twin: noise does not keep it from the next request.
    rig.twin.receive(now, b"\xff\n?\n", rig.scene);
    rig.twin.receive(now, &long, rig.scene);
    let mut ignored = Vec::new();
    rig.twin.transmit(now + rig.timeout, &mut ignored);
    let now = now + rig.timeout;
    rig.begin(now, 6)?;
    rig.good_answer(now, 6, usize::MAX).map(|_| ())
}

fn answers_when_disconnected<D: MessageDriver, T: MessageTwin>(
    rig: &mut MessageRig<'_, D, T>,
) -> Result<(), String> {
    rig.connect(TimeNs(0));
    rig.begin(TimeNs(0), 1)?;
    // Half an answer is in the buffer when the connection ends: it must not be joined to the next one's.
    let mut bytes = Vec::new();
    rig.driver.transmit(&mut bytes);
    rig.twin.receive(TimeNs(0), &bytes, rig.scene);
    bytes.clear();
    rig.twin.transmit(TimeNs(0) + rig.timeout, &mut bytes);
    rig.driver.receive(TimeNs(1), &bytes[..bytes.len() / 2]);
    rig.driver.on_disconnect(TimeNs(2));
    rig.expect_error(TimeNs(3), 1, &DeviceError::Disconnected)?;
    let early = rig.driver.request(TimeNs(4), RequestId(2), &rig.request);
    ensure(early == Err(DeviceError::Disconnected), || format!("while disconnected: {early:?}"))?;
    let now = TimeNs(0) + rig.timeout;
    rig.connect(now);
    rig.begin(now, 3)?;
    rig.good_answer(now, 3, usize::MAX).map(|_| ())
}

/// A cobot's driver joined to its twin.
pub trait RobotRig {
    fn driver(&mut self) -> &mut dyn RobotDriver;
    /// Time of the rig.
    fn now(&self) -> TimeNs;
    /// Lets time pass for both sides.
    fn advance(&mut self, by: DurationNs);
    /// From here on nothing passes between driver and twin, until `restore`.
    fn cut(&mut self);
    fn restore(&mut self);
    /// Its own controller stops the robot, or lets it go again.
    fn stopped_by(&mut self, by: Option<RobotRefusal>);
    /// Its own controller moves it at this share of what it is asked for.
    fn scaled(&mut self, share: f64);
    /// A pose within the limits, far enough to be interrupted after 100 ms.
    fn reachable(&self) -> Joints;
    /// A pose outside the limits of one joint.
    fn beyond(&self) -> Joints;
    /// Deadline of the driver for one answer.
    fn timeout(&self) -> DurationNs;
}

/// Runs every clause on a rig of its own. Error: the clause and what was not kept.
pub fn check_robot_driver<R: RobotRig>(mut make: impl FnMut() -> R) -> Result<(), String> {
    type Clause = (&'static str, fn(&mut dyn RobotRig) -> Result<(), String>);
    let clauses: [Clause; 8] = [
        ("moves to rest at the target", moves_to_rest),
        ("is busy with one request", robot_busy_with_one),
        ("refuses what is beyond its limits", refuses_beyond_limits),
        ("stops", stops),
        ("tells the robot's own stops apart", tells_stops_apart),
        ("gives a slowed robot its time", gives_time),
        ("grips and opens", grips),
        ("answers for a silent robot", answers_for_a_silent_robot),
    ];
    for (name, clause) in clauses {
        clause(&mut make()).map_err(|what| format!("{name}: {what}"))?;
    }
    Ok(())
}

fn command(rig: &mut dyn RobotRig, id: u32, command: RobotCommand) {
    let now = rig.now();
    rig.driver().command(now, RobotRequest { id: RequestId(id), command });
}

/// The next reply within twice the time-out, time passing; states are skipped.
fn reply(rig: &mut dyn RobotRig) -> Result<(RequestId, RobotReply), String> {
    let end = rig.now() + DurationNs(2 * rig.timeout().0);
    loop {
        let now = rig.now();
        while let Some(report) = rig.driver().poll(now) {
            if let RobotReport::Reply { id, reply } = report {
                return Ok((id, reply));
            }
        }
        if now >= end {
            return Err("no reply".into());
        }
        rig.advance(STEP);
    }
}

fn expect(rig: &mut dyn RobotRig, id: u32, wanted: RobotReply) -> Result<(), String> {
    let got = reply(rig)?;
    ensure(got == (RequestId(id), wanted), || format!("{got:?} instead of {wanted:?} to request {id}"))
}

fn settle(rig: &mut dyn RobotRig, by: DurationNs) -> Result<(), String> {
    let end = rig.now() + by;
    while rig.now() < end {
        rig.advance(STEP);
        let now = rig.now();
        while let Some(report) = rig.driver().poll(now) {
            if let RobotReport::Reply { id, reply } = report {
                return Err(format!("{reply:?} to request {} that nobody asked for now", id.0));
            }
        }
    }
    Ok(())
}

fn moves_to_rest(rig: &mut dyn RobotRig) -> Result<(), String> {
    let to = rig.reachable();
    command(rig, 1, RobotCommand::MoveJ { to, speed: 1.0 });
    expect(rig, 1, RobotReply::Done { holding: false })?;
    settle(rig, DurationNs::from_millis(20))?;
    let s = rig.driver().state();
    let there = s.joints.iter().zip(&to).all(|(a, b)| (a - b).abs() < 0.01);
    ensure(there, || format!("done at {:?}", s.joints))?;
    ensure(!s.moving && s.speeds.iter().all(|v| v.abs() < 0.01), || "done and not at rest".into())
}

fn robot_busy_with_one(rig: &mut dyn RobotRig) -> Result<(), String> {
    let to = rig.reachable();
    command(rig, 1, RobotCommand::MoveJ { to, speed: 1.0 });
    settle(rig, DurationNs::from_millis(50))?;
    command(rig, 2, RobotCommand::MoveJ { to: [0.0; 6], speed: 1.0 });
    expect(rig, 2, RobotReply::Rejected(RobotRefusal::Busy))?;
    command(rig, 3, RobotCommand::Grip { close: true });
    expect(rig, 3, RobotReply::Rejected(RobotRefusal::Busy))?;
    expect(rig, 1, RobotReply::Done { holding: false })
}

fn refuses_beyond_limits(rig: &mut dyn RobotRig) -> Result<(), String> {
    let (to, beyond) = (rig.reachable(), rig.beyond());
    command(rig, 1, RobotCommand::MoveJ { to: beyond, speed: 1.0 });
    expect(rig, 1, RobotReply::Rejected(RobotRefusal::JointLimit))?;
    command(rig, 2, RobotCommand::MoveJ { to: [f64::NAN; 6], speed: 1.0 });
    expect(rig, 2, RobotReply::Rejected(RobotRefusal::JointLimit))?;
    for (id, speed) in [(3, 0.0), (4, -1.0), (5, 1.5), (6, f64::NAN), (7, f64::INFINITY)] {
        command(rig, id, RobotCommand::MoveJ { to, speed });
        expect(rig, id, RobotReply::Rejected(RobotRefusal::BadSpeed))?;
    }
    ensure(!rig.driver().state().moving, || "a refused move moved it".into())?;
    command(rig, 8, RobotCommand::MoveJ { to, speed: 1.0 });
    expect(rig, 8, RobotReply::Done { holding: false })
}

fn stops(rig: &mut dyn RobotRig) -> Result<(), String> {
    let to = rig.reachable();
    command(rig, 1, RobotCommand::MoveJ { to, speed: 1.0 });
    settle(rig, DurationNs::from_millis(100))?;
    ensure(rig.driver().state().moving, || "not moving after 100 ms".into())?;
    command(rig, 2, RobotCommand::Stop);
    expect(rig, 1, RobotReply::Stopped)?;
    expect(rig, 2, RobotReply::Done { holding: false })?;
    settle(rig, DurationNs::from_millis(20))?;
    let s = rig.driver().state();
    ensure(!s.moving && s.speeds.iter().all(|v| v.abs() < 0.01), || "stopped and not at rest".into())?;
    ensure(s.joints.iter().zip(&to).any(|(a, b)| (a - b).abs() > 0.01), || "stopped at its target".into())?;
    command(rig, 3, RobotCommand::Stop);
    expect(rig, 3, RobotReply::Done { holding: false })?;
    command(rig, 4, RobotCommand::MoveJ { to, speed: 1.0 });
    expect(rig, 4, RobotReply::Done { holding: false })
}

/// Each ends the move with its name, begins none while it is active, and moves nothing when it is over: the next move does,
/// from where the robot is. Only a safeguard stop is told as one.
fn tells_stops_apart(rig: &mut dyn RobotRig) -> Result<(), String> {
    let to = rig.reachable();
    let own = [RobotRefusal::ProtectiveStop, RobotRefusal::EmergencyStop, RobotRefusal::SafeguardStop];
    for (n, by) in (0..).zip(own) {
        let id = 1 + 3 * n;
        let away = to.map(|j| j - 4.0 * f64::from(n + 1));
        command(rig, id, RobotCommand::MoveJ { to: away, speed: 0.2 });
        settle(rig, DurationNs::from_millis(100))?;
        rig.stopped_by(Some(by));
        expect(rig, id, RobotReply::Faulted(by))?;
        let safeguard = rig.driver().state().safeguard;
        ensure(safeguard == (by == RobotRefusal::SafeguardStop), || {
            format!("{by:?}: safeguard {safeguard}")
        })?;
        command(rig, id + 1, RobotCommand::MoveJ { to, speed: 1.0 });
        expect(rig, id + 1, RobotReply::Rejected(by))?;
        let stood = rig.driver().state().joints;
        rig.stopped_by(None);
        settle(rig, DurationNs::from_millis(300))?;
        let s = rig.driver().state();
        let apart = s.joints.iter().zip(&stood).any(|(a, b)| (a - b).abs() > 0.01);
        ensure(!apart && !s.moving && !s.safeguard, || format!("{by:?} is over, and it moved: {s:?}"))?;
        command(rig, id + 2, RobotCommand::MoveJ { to: away, speed: 1.0 });
        expect(rig, id + 2, RobotReply::Done { holding: false })?;
    }
    Ok(())
}

/// A move that its own controller slows to a tenth is done, however long that takes.
fn gives_time(rig: &mut dyn RobotRig) -> Result<(), String> {
    let to = rig.reachable();
    rig.scaled(0.1);
    settle(rig, DurationNs::from_millis(100))?;
    let slowed = rig.driver().state().slowed;
    ensure((slowed - 0.9).abs() < 0.001, || format!("slowed by {slowed}"))?;
    let begun = rig.now();
    command(rig, 1, RobotCommand::MoveJ { to, speed: 1.0 });
    expect(rig, 1, RobotReply::Done { holding: false })?;
    let (took, usual) = (rig.now().since(begun), rig.timeout());
    ensure(took > usual, || format!("done after {} s, which shows nothing", took.as_secs_f64()))?;
    rig.scaled(1.0);
    settle(rig, DurationNs::from_millis(100))
}

fn grips(rig: &mut dyn RobotRig) -> Result<(), String> {
    command(rig, 1, RobotCommand::Grip { close: true });
    let (id, closed) = reply(rig)?;
    let holding = match closed {
        RobotReply::Done { holding } if id == RequestId(1) => holding,
        other => return Err(format!("{other:?} to a grip")),
    };
    settle(rig, DurationNs::from_millis(20))?;
    ensure(rig.driver().state().holding == holding, || "reply and state differ on what is held".into())?;
    command(rig, 2, RobotCommand::Grip { close: false });
    expect(rig, 2, RobotReply::Done { holding: false })
}

fn answers_for_a_silent_robot(rig: &mut dyn RobotRig) -> Result<(), String> {
    let to = rig.reachable();
    rig.cut();
    let begun = rig.now();
    command(rig, 1, RobotCommand::MoveJ { to, speed: 1.0 });
    expect(rig, 1, RobotReply::Faulted(RobotRefusal::TimedOut))?;
    ensure(rig.now().since(begun) >= rig.timeout(), || "answered before the deadline".into())?;
    rig.restore();
    // The answer to the request given up comes now, or the move begins now: neither is anybody's answer.
    let whole = rig.timeout();
    settle(rig, whole)?;
    command(rig, 2, RobotCommand::Stop);
    expect(rig, 2, RobotReply::Done { holding: false })?;
    command(rig, 3, RobotCommand::MoveJ { to, speed: 1.0 });
    expect(rig, 3, RobotReply::Done { holding: false })
}
