//! One cycle: exchange, check, decode, guard, urgent word, jobs, setpoints, captures, encode, publish.
//!
//! *Fresh* inputs came with this cycle's exchange; *stale* ones are older. From stale inputs nothing
//! starts and nothing is judged; moves under way keep their profile for a bounded number of cycles.
//! *Aborted*: braking at the highest deceleration, then drives off, outputs in their defined off state,
//! commands refused; entered by the urgent word or by a fault of abort class, left by the word `None`.
//!
//! Outputs are encoded at the end of a cycle and go out at the start of the next one, so that their
//! moment does not depend on what the cycle has to do.

use cellwright_driver_api::cyclic::CyclicDriver;
use cellwright_model::cell::Cell;
use cellwright_model::job::{
    AxisStatus, BusStatus, RobotsSeen, RtCommand, RtFault, RtFaultKind, RtStatus, Urgent, UrgentWord,
};
use cellwright_model::outcome::FaultClass;
use cellwright_model::timing::Timing;
use cellwright_model::{AxisId, DurationNs, TimeNs};
use rtrb::Consumer;

use crate::axis::{Axis, Moment, Power};
use crate::bus::{Bus, BusFault, Exchange, ExchangeStatus, Layout, ProcessImage};
use crate::capture::Captures;
use crate::config::{self, CycleError};
use crate::events::Events;
use crate::guard::abort_fault;
use crate::io::Signals;
use crate::link::{BringUpEnds, RtEnds};
use crate::power::PowerJobs;
use crate::reaction::Reacting;
use crate::zone::Zones;

/// A reply later than this share of the period is not used: the rest of the cycle needs its time.
const DEADLINE_SHARE: (u64, u64) = (3, 4);
/// A drive may show STO before the safety input does: so long is waited for the cause.
const STO_BEFORE_INPUT: DurationNs = DurationNs::from_millis(20);
/// Cycles in which the AL status code of a SubDevice that left OP is waited for.
const AL_CODE_CYCLES: u8 = 20;

/// The cycle of one segment. One thread owns it together with its bus.
pub struct Cycle {
    pub(crate) period: DurationNs,
    timing: Timing,
    dt: f64,
    stale_cycles_max: u32,
    pub(crate) names: Vec<String>,
    pub(crate) drivers: Vec<CyclicDriver>,
    pub(crate) image: ProcessImage,
    pub(crate) signals: Signals,
    pub(crate) axes: Vec<Axis>,
    pub(crate) power: PowerJobs,
    pub(crate) captures: Captures,
    pub(crate) events: Events,
    pub(crate) commands: Consumer<RtCommand>,
    pub(crate) urgent: triple_buffer::Output<Urgent>,
    zones: Zones,
    robots: triple_buffer::Output<RobotsSeen>,
    status: triple_buffer::Input<RtStatus>,
    pub(crate) bring_up: BringUpEnds,
    pub(crate) number: u64,
    fresh_cycle: u64,
    missed: u64,
    round_trip: DurationNs,
    pub(crate) word: UrgentWord,
    /// Axes that the word `Hold` leaves alone.
    pub(crate) hold_except: u64,
    pub(crate) reacting: Reacting,
    pub(crate) epoch: u32,
    acknowledged: u32,
    pub(crate) aborted: bool,
    /// The word `None` has come since; carried out when the abort is complete.
    pub(crate) clear_wanted: bool,
    pub(crate) safety_ok: bool,
    /// STO without a safety input: which axis, since when.
    sto_since: Option<(AxisId, TimeNs)>,
    /// The bus was brought up.
    pub(crate) armed: bool,
    /// And then lost: nothing more is said of it until it is back.
    pub(crate) bus_down: bool,
    al_told_in: Option<(u16, u8)>,
    /// The program ends: the controller's urgent words no longer count.
    pub(crate) winding_down: bool,
}

impl Cycle {
    /// Everything that the cycle needs, allocated; drivers in the order of the wire.
    ///
    /// Errors: a description that names what the drivers do not have, or numbers that are no limits.
    pub fn new(cell: &Cell, drivers: Vec<CyclicDriver>, ends: RtEnds) -> Result<Cycle, CycleError> {
        config::check(cell, &drivers)?;
        let dt = cell.cycle.as_secs_f64();
        let axis = |(i, a)| Axis::new(AxisId(i as u16), a, config::modes(a, &drivers), dt);
        let axes = cell.axes.iter().enumerate().map(axis).collect();
        Ok(Cycle {
            period: cell.cycle,
            timing: cell.realtime,
            dt,
            stale_cycles_max: u32::from(cell.stale_cycles_max),
            names: cell.segment.iter().map(|s| s.name.clone()).collect(),
            drivers,
            image: config::empty_image()?,
            signals: Signals::new(cell),
            axes,
            power: PowerJobs::default(),
            captures: ends.captures,
            events: Events::new(ends.events),
            commands: ends.commands,
            urgent: ends.urgent,
            zones: Zones::new(cell),
            robots: ends.robots,
            status: ends.status,
            bring_up: ends.bring_up,
            number: 0,
            fresh_cycle: 0,
            missed: 0,
            round_trip: DurationNs(0),
            winding_down: false,
            word: UrgentWord::None,
            hold_except: 0,
            reacting: Reacting::default(),
            epoch: 0,
            acknowledged: 0,
            aborted: false,
            clear_wanted: false,
            safety_ok: false,
            sto_since: None,
            armed: false,
            bus_down: false,
            al_told_in: None,
        })
    }

    /// Period of the cycle.
    pub fn period(&self) -> DurationNs {
        self.period
    }

    /// How its instants are waited for.
    pub fn timing(&self) -> Timing {
        self.timing
    }

    /// Every SubDevice is in OP and answers.
    pub fn operational(&self) -> bool {
        self.armed && !self.bus_down
    }

    /// Number of the last cycle.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// How long the last exchange took.
    pub fn round_trip(&self) -> DurationNs {
        self.round_trip
    }

    /// Counts cycles that were not run; their numbers are left out. What moves bridges as many of them as blind ones;
    /// of more, a curve has a hole.
    pub fn note_missed(&mut self, cycles: u64) {
        self.missed += cycles;
        self.number += cycles;
        if cycles > u64::from(self.stale_cycles_max) {
            self.captures.lose(cycles);
        }
    }

    /// Counts periods of the wall in which a machine in this process stood still with it: it has missed nothing.
    pub fn note_stalled(&mut self, periods: u64) {
        self.missed += periods;
    }

    /// One cycle at `now`. Before the first [`Cycle::arm`], and after one that failed, it refuses
    /// commands and publishes, without an exchange.
    pub fn run<B: Bus + ?Sized>(&mut self, bus: &mut B, now: TimeNs) {
        self.number += 1;
        self.events.begin(self.number);
        let fresh = self.armed && self.receive(bus, now);
        self.think(now, fresh);
        self.encode(now);
        self.publish(bus, now);
    }

    /// Everything between decode and encode; public to the crate for its benchmark.
    fn think(&mut self, now: TimeNs, fresh: bool) {
        self.captures.collect();
        let analogs = self.signals.analogs;
        let stale_cycles = self.image.stale_cycles();
        let m = Moment { now, dt: self.dt, fresh, stale_cycles, analogs: &analogs };
        if fresh {
            self.look_at_safety(now);
            self.look_at_axes(&m);
        }
        self.take_urgent();
        if fresh {
            self.power.step(&mut self.axes, &mut self.events);
        }
        self.take_commands(now, fresh);
        self.abort_progress(&m);
        if !self.aborted {
            self.zones.look(&m, &mut self.axes, self.robots.read());
        }
        self.advance(&m);
        self.reacting.look(self.number, &self.axes);
        self.sample(now, fresh);
        if self.events.tell_lost() && !self.aborted {
            self.latch_abort();
        }
    }

    /// Exchange and decode; whether the inputs are fresh.
    fn receive<B: Bus + ?Sized>(&mut self, bus: &mut B, now: TimeNs) -> bool {
        let deadline = now + DurationNs(self.period.0 / DEADLINE_SHARE.1 * DEADLINE_SHARE.0);
        let exchange = bus.exchange(self.number, &mut self.image, deadline);
        self.round_trip = exchange.round_trip;
        self.look_at_bus(&exchange);
        if let Some(emergency) = bus.poll_emergency()
            && emergency.code != 0
        {
            let position = usize::from(emergency.position);
            let axis = self.axes.iter().find(|a| a.servo.position == position).map(|a| a.servo.id);
            let value = f64::from(emergency.code);
            let kind = RtFaultKind::Emergency;
            self.events.machine(RtFault { kind, axis, value, limit: 0.0, class: FaultClass::Hold });
        }
        if !exchange.is_ok() {
            return false;
        }
        self.fresh_cycle = self.number;
        self.decode();
        true
    }

    pub(crate) fn decode(&mut self) {
        self.signals.decode(&mut self.drivers, &self.image);
        for axis in &mut self.axes {
            let position = axis.servo.position;
            if let Some(CyclicDriver::Axis(driver)) = self.drivers.get_mut(position) {
                axis.servo.observe(driver.decode(self.image.inputs(position)));
            }
        }
    }

    /// Loss of the bus: said once, with the AL status code if it comes within a few cycles.
    fn look_at_bus(&mut self, exchange: &Exchange) {
        self.tell_al_state(exchange);
        let stale = self.image.stale_cycles();
        match exchange.status {
            ExchangeStatus::Ok => self.bus_down = false,
            ExchangeStatus::AlState { position, .. } if !self.bus_down => {
                self.bus_down = true;
                self.al_told_in = Some((position, AL_CODE_CYCLES));
                self.tell_al_state(exchange);
                self.latch_abort();
            }
            _ if stale > self.stale_cycles_max && !self.bus_down => {
                self.bus_down = true;
                // An abort that has begun has told its cause.
                if !self.aborted {
                    self.fail(stale_fault(stale, self.stale_cycles_max));
                }
            }
            _ => {}
        }
    }

    fn tell_al_state(&mut self, exchange: &Exchange) {
        let Some((first, left)) = self.al_told_in else { return };
        let code = match exchange.status {
            ExchangeStatus::AlState { position, code, .. } if position == first => code,
            _ => 0,
        };
        if code == 0 && left > 0 {
            self.al_told_in = Some((first, left - 1));
            return;
        }
        self.al_told_in = None;
        self.events.machine(RtFault {
            kind: RtFaultKind::AlState,
            axis: None,
            value: f64::from(code),
            limit: f64::from(first),
            class: FaultClass::Abort,
        });
    }

    /// House rule 9: loss of a safety input, or torque removed by STO, ends all motion.
    fn look_at_safety(&mut self, now: TimeNs) {
        let lost = self.signals.safety_lost();
        if let Some(input) = lost
            && self.safety_ok
            && (!self.aborted || self.sto_since.is_some())
        {
            self.fail(RtFault {
                kind: RtFaultKind::SafetyInput,
                axis: None,
                value: f64::from(input.0),
                limit: 0.0,
                class: FaultClass::Abort,
            });
        }
        self.safety_ok = lost.is_none();
        if !self.safety_ok {
            self.sto_since = None;
            return;
        }
        let without_torque = |a: &&Axis| a.servo.power == Power::On && a.servo.input.sto;
        if let Some(id) = self.axes.iter().find(without_torque).map(|a| a.servo.id)
            && !self.aborted
        {
            self.sto_since = Some((id, now));
            self.latch_abort();
        }
        if let Some((id, since)) = self.sto_since
            && now.since(since) >= STO_BEFORE_INPUT
        {
            // No safety input says why: told as what it is, not as a fault of the drive.
            self.sto_since = None;
            self.fail(abort_fault(RtFaultKind::Sto, id, 0.0, 0.0));
        }
    }

    fn look_at_axes(&mut self, m: &Moment) {
        if self.aborted {
            return;
        }
        for i in 0..self.axes.len() {
            if let Some(fault) = self.axes[i].servo.check_input(m) {
                self.fail(fault);
            }
        }
    }

    /// A fault of abort class: ends the job of its axis, or is told as one of the machine.
    fn fail(&mut self, fault: RtFault) {
        let axis = fault.axis.and_then(|id| self.axes.get_mut(id.index()));
        if !axis.is_some_and(|a| a.fault_job(fault, &mut self.events)) {
            self.events.machine(fault);
        }
        self.latch_abort();
    }

    fn advance(&mut self, m: &Moment) {
        for i in 0..self.axes.len() {
            if let Err(fault) = self.axes[i].advance(m, &mut self.events) {
                self.fail(fault);
            }
        }
    }

    fn sample(&mut self, now: TimeNs, fresh: bool) {
        let analogs = fresh.then_some(&self.signals.analogs);
        let axes = &self.axes;
        self.captures.sample(now, analogs, |id| axes.get(id.index()).map(Axis::captured));
    }

    pub(crate) fn encode(&mut self, now: TimeNs) {
        self.signals.encode(&mut self.drivers, &mut self.image);
        for axis in &self.axes {
            let position = axis.servo.position;
            if let Some(CyclicDriver::Axis(driver)) = self.drivers.get_mut(position) {
                driver.encode(now, &axis.servo.output, self.image.outputs_mut(position));
            }
        }
    }

    /// No axis moves or is about to, and after an abort no drive is on.
    pub fn at_rest(&self) -> bool {
        let off = |a: &Axis| a.servo.power == Power::Off && !(a.servo.input.enabled() && self.operational());
        self.axes.iter().all(|a| a.at_rest() && (!self.aborted || off(a)))
    }

    pub(crate) fn publish<B: Bus + ?Sized>(&mut self, bus: &B, now: TimeNs) {
        if !self.clear_wanted {
            self.acknowledged = self.epoch;
        }
        let counters = bus.counters();
        let (at_rest, operational) = (self.at_rest(), self.operational());
        let status = self.status.input_buffer_mut();
        status.cycle = self.number;
        status.now = now;
        status.fresh_cycle = self.fresh_cycle;
        status.inputs = self.signals.inputs;
        status.outputs = self.signals.outputs;
        status.analogs = self.signals.analogs.values;
        status.analog_valid = self.signals.analogs.valid;
        for (slot, axis) in status.axes.iter_mut().zip(&self.axes) {
            let was: AxisStatus = axis.status();
            *slot = was;
        }
        status.safety_ok = self.safety_ok;
        status.urgent_epoch = self.acknowledged;
        status.at_rest = at_rest;
        status.reaction = self.reacting.told;
        status.aborted = self.aborted;
        status.bus = BusStatus {
            cycles: counters.cycles,
            missed_cycles: self.missed,
            wkc_errors: counters.wkc_errors,
            lost_frames: counters.lost,
            late_frames: counters.late_frames,
            stray_frames: counters.stray_frames,
            operational,
        };
        self.status.publish();
    }

    /// A layout that the drivers can work with, or what is wrong with it.
    pub(crate) fn check_layout(&self, layout: &Layout) -> Result<(), BusFault> {
        let sizes = |p: usize| layout.subdevices.get(p).map(|s| (s.inputs_len, s.outputs_len));
        for (position, driver) in self.drivers.iter().enumerate() {
            let wanted = (driver.input_bytes(), driver.output_bytes());
            if sizes(position) != Some(wanted) {
                let (name, found) = (&self.names[position], sizes(position));
                return Err(BusFault::Protocol {
                    doing: "comparing process data with the driver",
                    cause: format!(
                        "SubDevice {position} ({name}) has (inputs, outputs) {found:?} bytes, not {wanted:?}"
                    ),
                });
            }
        }
        Ok(())
    }
}

fn stale_fault(cycles: u32, bridged: u32) -> RtFault {
    RtFault {
        kind: RtFaultKind::StaleInput,
        axis: None,
        value: f64::from(cycles),
        limit: f64::from(bridged),
        class: FaultClass::Abort,
    }
}
