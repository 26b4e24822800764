//! Twin of a servo drive: the electronics and the drive loop of one axis.
//!
//! The twin owns what a drive owns: PDS state machine, modes CSP, CSV and CST, setpoint interpolation,
//! position, velocity and torque loop, following error monitoring, STO. The plant owns the
//! mechanics: it integrates the torque that is set here and shows position and velocity.
//!
//! Plant quantities: reads `axis.<axis>.position` (au) and `.velocity` (au/s), sets `.torque`
//! (N·m at the motor) and, if the plant has it, `.brake` (1 applied); reads `sto.<axis>`, or else `sto`
//! (0: torque removed), if the plant has one; takes up a fault code that stands in `axis.<axis>.fault`, and
//! clears it.
//!
//! Process data: module `process`.

mod homing;
mod motion;
mod objects;
mod pds;
mod process;
mod stopping;

#[cfg(test)]
mod tests;

use cellwright_driver_api::twin::{
    Description, Emergency, Identity, ObjectInfo, Pdo, PlantIx, PlantPort, SdoAbort, SubDeviceModel,
    TWIN_VENDOR, UnresolvedQuantity, require,
};
use cellwright_model::pdos::{Direction, Mapped};

pub use motion::LoopGains;

use homing::Homing;
use motion::{Actual, Limits, Motion};
use objects::Parameters;
pub use pds::BrakeTimes;
use pds::{CONTROLWORD_QUICK_STOP, Inputs, Pds, State, StopOptions};
use process::ProcessData;

/// Order name, and the identity that a twin has unless the cell says otherwise.
pub const NAME: &str = "CW-SV1";
pub const PRODUCT: u32 = 0x0000_0402;
pub const REVISION: u32 = 0x0001_0000;

/// Modes of operation (object 0x6060).
pub const MODE_HOMING: i8 = 6;
pub const MODE_CSP: i8 = 8;
pub const MODE_CSV: i8 = 9;
pub const MODE_CST: i8 = 10;

/// Error codes (object 0x603F, CiA 402).
pub const ERROR_OVERSPEED: u16 = 0x8400;
pub const ERROR_FOLLOWING: u16 = 0x8611;
pub const ERROR_COMMUNICATION: u16 = 0x8100;

/// Statusword bits beyond those of the PDS state.
const STATUS_VOLTAGE: u16 = 1 << 4;
const STATUS_REMOTE: u16 = 1 << 9;
const STATUS_LIMIT: u16 = 1 << 11;
const STATUS_FOLLOWS: u16 = 1 << 12;
const STATUS_FOLLOWING_ERROR: u16 = 1 << 13;
/// Manufacturer-specific: torque is removed by STO.
const STATUS_STO: u16 = 1 << 14;

/// Velocity above the limit, as a factor, at which the drive gives up.
const OVERSPEED: f64 = 1.5;
/// Emergencies that wait for the mailbox; a newer one is dropped when it is full, the error code
/// object still shows it.
const EMERGENCIES_MAX: usize = 4;

/// One axis as its drive was commissioned.
#[derive(Debug, Clone, PartialEq)]
pub struct ServoConfig {
    /// Axis in the plant.
    pub axis: String,
    pub identity: Identity,
    /// Encoder counts for each au.
    pub counts_per_au: f64,
    /// Rated torque of the motor, N·m (0x6076).
    pub torque_rated_nm: f64,
    /// Peak torque, per mille of the rated one (0x6072).
    pub torque_max_per_mille: u16,
    /// Motor torque that accelerates the axis by 1 au/s², N·m: the inertia that the loop is tuned to.
    pub inertia_nm_s2_per_au: f64,
    /// Velocity limit, au/s (0x607F).
    pub velocity_max: f64,
    /// Quick stop ramp, au/s² (0x6085).
    pub quick_stop_deceleration: f64,
    /// Following error window, au (0x6065), and how long it may be left, ms (0x6066).
    pub following_window_au: f64,
    pub following_timeout_ms: u16,
    /// Profile deceleration, au/s² (0x6084): the slow down ramp.
    pub slow_down_deceleration: f64,
    /// Time from "switched on" to torque.
    pub enable_ns: u64,
    /// Holding brake.
    pub brake: BrakeTimes,
    /// The encoder loses its position with its supply, and counts from zero where it gets it back.
    pub incremental: bool,
    /// The encoder's index pulse: once in this way, au. Zero: it has none.
    pub index_every_au: f64,
    /// Where one of them is, au.
    pub index_at_au: f64,
    pub gains: LoopGains,
}

impl ServoConfig {
    /// A drive with usual settings for an axis of this size; all fields may be changed after.
    pub fn for_axis(axis: &str, counts_per_au: f64, torque_rated_nm: f64, velocity_max: f64) -> ServoConfig {
        ServoConfig {
            axis: axis.to_owned(),
            identity: identity(1),
            counts_per_au,
            torque_rated_nm,
            torque_max_per_mille: 3_000,
            // Rated torque brings the axis to its highest velocity in 100 ms.
            inertia_nm_s2_per_au: torque_rated_nm / (velocity_max * 10.0),
            velocity_max,
            quick_stop_deceleration: velocity_max * 10.0,
            following_window_au: velocity_max * 0.05,
            following_timeout_ms: 10,
            slow_down_deceleration: velocity_max * 5.0,
            enable_ns: 4_000_000,
            brake: BrakeTimes::default(),
            incremental: false,
            index_every_au: 0.0,
            index_at_au: 0.0,
            gains: LoopGains::default(),
        }
    }
}

/// Identity of a twin of this family.
pub const fn identity(serial: u32) -> Identity {
    Identity { vendor: TWIN_VENDOR, product: PRODUCT, revision: REVISION, serial }
}

/// Where the axis is in the plant.
#[derive(Debug, Clone, Copy)]
struct Wiring {
    position: PlantIx,
    velocity: PlantIx,
    torque: PlantIx,
    brake: Option<PlantIx>,
    sto: Option<PlantIx>,
    fault: Option<PlantIx>,
    /// Limit switches, negative and positive: 1 while the axis is on them.
    limit_switches: [Option<PlantIx>; 2],
    emergency: Option<PlantIx>,
    encoder: Option<PlantIx>,
}

/// The drive.
#[derive(Debug, Clone)]
pub struct ServoTwin {
    description: Description,
    /// PDOs that can be assigned instead of those described.
    fixed: (Vec<Pdo>, Vec<Pdo>),
    process: ProcessData,
    config: ServoConfig,
    wiring: Wiring,
    parameters: Parameters,
    pds: Pds,
    motion: Motion,
    actual: Actual,
    controlword: u16,
    mode_requested: i8,
    mode: i8,
    target_position: i32,
    target_torque: i16,
    target_velocity: i32,
    /// A target arrived since the last step.
    fresh: bool,
    /// OP was left since the last step.
    disconnected: bool,
    /// The stop ramp under way is done.
    stopped: bool,
    /// Brought to rest by bit 8 of the controlword.
    halted: bool,
    homing: Homing,
    /// Counts of the encoder at which the position is zero.
    zero_counts: i64,
    limit_switches: [bool; 2],
    /// Position in the step before: an index pulse may lie between.
    before_au: f64,
    sto: bool,
    error_code: u16,
    /// How long the following error has been outside its window.
    outside_ns: u64,
    emergencies: [Option<Emergency>; EMERGENCIES_MAX],
}

impl ServoTwin {
    /// A drive that has just been powered, connected to its axis in `plant`.
    ///
    /// # Errors
    /// The plant lacks position, velocity or torque of the axis.
    pub fn new(config: ServoConfig, plant: &dyn PlantPort) -> Result<ServoTwin, UnresolvedQuantity> {
        let find = |what: &str| require(plant, &config.axis, format!("axis.{}.{what}", config.axis));
        let wiring = Wiring {
            position: find("position")?,
            velocity: find("velocity")?,
            torque: find("torque")?,
            brake: find("brake").ok(),
            sto: plant.resolve(&format!("sto.{}", config.axis)).or_else(|| plant.resolve("sto")),
            fault: plant.resolve(&format!("axis.{}.fault", config.axis)),
            limit_switches: ["negative", "positive"].map(|end| find(&format!("limit_{end}")).ok()),
            emergency: plant.resolve(&format!("axis.{}.emergency", config.axis)),
            encoder: plant.resolve(&format!("axis.{}.encoder", config.axis)),
        };
        let actual = Actual { position: plant.get(wiring.position), velocity: 0.0 };
        let mut motion = Motion::new(config.gains, config.inertia_nm_s2_per_au);
        motion.seed(&actual);
        let description = process::description(config.identity);
        let mut twin = ServoTwin {
            process: ProcessData::of(&description),
            description,
            fixed: process::fixed_pdos(),
            wiring,
            parameters: parameters(&config),
            pds: Pds::new(config.enable_ns, config.brake),
            motion,
            actual,
            controlword: 0,
            mode_requested: 0,
            mode: MODE_CSP,
            target_position: 0,
            target_torque: 0,
            target_velocity: 0,
            fresh: false,
            disconnected: false,
            stopped: false,
            halted: false,
            homing: Homing::new(),
            zero_counts: 0,
            limit_switches: [false; 2],
            before_au: actual.position,
            sto: false,
            error_code: 0,
            outside_ns: 0,
            emergencies: [None; EMERGENCIES_MAX],
            config,
        };
        twin.power_encoder();
        Ok(twin)
    }

    /// An incremental encoder begins where it gets its supply.
    fn power_encoder(&mut self) {
        if self.config.incremental {
            self.zero_counts = (self.actual.position * self.config.counts_per_au).round() as i64;
        }
    }

    fn statusword(&self) -> u16 {
        let state = self.pds.state();
        let enabled = state == State::OperationEnabled;
        let bit = |set: bool, bit: u16| if set { bit } else { 0 };
        state.statusword()
            | STATUS_REMOTE
            | bit(!self.sto && state != State::NotReady, STATUS_VOLTAGE)
            | bit(self.sto, STATUS_STO)
            | bit(enabled && (self.motion.is_limited() || self.target_is_limited()), STATUS_LIMIT)
            | match self.mode {
                MODE_HOMING => self.homing.statusword(),
                _ => bit(enabled && !self.is_halted() && !self.pds.is_slowing(), STATUS_FOLLOWS),
            }
            | bit(enabled && self.mode == MODE_CSP && self.is_outside_window(), STATUS_FOLLOWING_ERROR)
    }

    /// Object 0x1001: bit 0 generic, bit 4 communication, bit 7 manufacturer-specific.
    fn error_register(&self) -> u8 {
        match self.error_code {
            0 => 0,
            ERROR_COMMUNICATION => 0x11,
            _ => 0x81,
        }
    }

    /// Encoder counts of a position; the encoder wraps at 32 bits.
    fn counts(&self, position: f64) -> i32 {
        ((position * self.config.counts_per_au).round() as i64).wrapping_sub(self.zero_counts) as i32
    }

    fn velocity_counts(&self) -> i32 {
        (self.actual.velocity * self.config.counts_per_au).round() as i32
    }

    fn following_error_counts(&self) -> i32 {
        (self.motion.following_error(&self.actual) * self.config.counts_per_au).round() as i32
    }

    fn torque_per_mille(&self) -> i16 {
        (self.motion.torque() / self.config.torque_rated_nm * 1e3).round() as i16
    }

    fn limits(&self) -> Limits {
        Limits {
            velocity: f64::from(self.parameters.velocity_max.min(self.parameters.motor_speed_max))
                / self.config.counts_per_au,
            torque: self.torque_nm(self.parameters.torque_max.min(self.config.torque_max_per_mille) as i16),
            standstill: 1.0 / self.config.counts_per_au,
        }
    }

    fn torque_nm(&self, per_mille: i16) -> f64 {
        f64::from(per_mille) * 1e-3 * self.config.torque_rated_nm
    }

    fn has_position_limits(&self) -> bool {
        self.parameters.position_min < self.parameters.position_max
    }

    fn target_is_limited(&self) -> bool {
        self.mode == MODE_CSP && self.target_position != self.limited_target()
    }

    fn limited_target(&self) -> i32 {
        if !self.has_position_limits() {
            return self.target_position;
        }
        self.target_position.clamp(self.parameters.position_min, self.parameters.position_max)
    }

    /// Target in au, on the turn of the encoder that is nearest to the actual position.
    fn target_au(&self) -> f64 {
        let here = self.counts(self.actual.position);
        let distance = self.limited_target().wrapping_sub(here);
        let full = (self.actual.position * self.config.counts_per_au).round() as i64;
        (full + i64::from(distance)) as f64 / self.config.counts_per_au
    }

    fn is_outside_window(&self) -> bool {
        let window = self.parameters.following_window;
        window != u32::MAX && self.following_error_counts().unsigned_abs() > window
    }

    /// A fault: error code, emergency, fault reaction.
    fn fault(&mut self, code: u16) {
        if self.pds.fault() {
            self.error_code = code;
            self.stopped = false;
            self.motion.seed_moving(&self.actual);
            self.report(code);
        }
    }

    /// A fault or an emergency that the plant lays upon the drive is taken up once.
    fn take_up_fault(&mut self, plant: &mut dyn PlantPort) {
        if let Some(code) = taken(self.wiring.fault, plant) {
            self.fault(code);
        }
        if let Some(code) = taken(self.wiring.emergency, plant) {
            self.report(code);
        }
    }

    fn report(&mut self, code: u16) {
        let emergency = Emergency { code, error_register: self.error_register(), data: [0; 5] };
        if let Some(free) = self.emergencies.iter_mut().find(|e| e.is_none()) {
            *free = Some(emergency);
        }
    }

    /// Object 0x6007: what a drive does when its MainDevice is gone while it is enabled.
    fn react_to_disconnection(&mut self) {
        if !core::mem::take(&mut self.disconnected) || !self.pds.is_powered() {
            return;
        }
        match self.parameters.abort_connection {
            0 => {}
            1 => self.fault(ERROR_COMMUNICATION),
            3 => self.controlword = CONTROLWORD_QUICK_STOP,
            _ => self.controlword = 0,
        }
    }

    fn step_states(&mut self, dt_ns: u64) {
        let (before, slowed) = (self.pds.state(), self.pds.is_slowing());
        let options = StopOptions {
            quick_stop: self.parameters.quick_stop,
            shutdown: self.parameters.shutdown,
            disable_operation: self.parameters.disable_operation,
            fault_reaction: self.parameters.fault_reaction,
        };
        let (controlword, sto, stopped) = (self.controlword, self.sto, self.stopped);
        if self.pds.step(&Inputs { dt_ns, controlword, sto, stopped, options }) {
            // Error reset: an emergency with code 0 (CiA 301).
            self.error_code = 0;
            self.report(0);
        }
        let after = self.pds.state();
        if slowed != self.pds.is_slowing() && after == State::OperationEnabled {
            self.stopped = false;
            self.motion.seed_moving(&self.actual);
        }
        if before == after {
            return;
        }
        (self.stopped, self.outside_ns) = (false, 0);
        match after {
            State::OperationEnabled => self.motion.seed(&self.actual),
            State::QuickStopActive => self.motion.seed_moving(&self.actual),
            _ => {}
        }
    }

    /// Changes the mode of operation; a change starts from the actual position and velocity.
    fn step_mode(&mut self) {
        let supported = matches!(self.mode_requested, MODE_HOMING | MODE_CSP | MODE_CSV | MODE_CST);
        if self.mode != MODE_HOMING || self.pds.state() != State::OperationEnabled {
            self.homing.leave();
        }
        if supported && self.mode_requested != self.mode {
            self.mode = self.mode_requested;
            self.outside_ns = 0;
            self.motion.seed_moving(&self.actual);
        }
    }

    fn step_motion(&mut self, dt_ns: u64) {
        let dt = dt_ns as f64 * 1e-9;
        let limits = self.limits();
        let fresh = core::mem::take(&mut self.fresh);
        if let Some(ramp) = self.ramp() {
            self.homing.halted();
            let deceleration = self.deceleration(ramp, &limits);
            self.stopped |= self.motion.stop(dt, deceleration, &self.actual, &limits);
            return;
        }
        match self.pds.state() {
            State::OperationEnabled if self.mode == MODE_CST => {
                self.motion.push(dt, self.torque_nm(self.target_torque), &self.actual, &limits);
            }
            State::OperationEnabled if self.mode == MODE_HOMING => self.step_homing(dt, &limits),
            State::OperationEnabled => {
                if fresh {
                    self.motion.retarget(self.parameters.interpolation_s());
                }
                if self.mode == MODE_CSV {
                    let target = f64::from(self.target_velocity) / self.config.counts_per_au;
                    self.motion.run(dt, target, &self.actual, &limits);
                } else {
                    self.motion.follow(dt, self.target_au(), &self.actual, &limits);
                }
            }
            _ => self.motion.release(&self.actual),
        }
    }

    fn monitor(&mut self, dt_ns: u64) {
        if self.pds.state() != State::OperationEnabled {
            return;
        }
        let outside = self.mode == MODE_CSP && self.is_outside_window();
        self.outside_ns = if outside { self.outside_ns.saturating_add(dt_ns) } else { 0 };
        if outside && self.outside_ns >= u64::from(self.parameters.following_timeout_ms) * 1_000_000 {
            self.fault(ERROR_FOLLOWING);
        } else if self.actual.velocity.abs() > self.limits().velocity * OVERSPEED {
            self.fault(ERROR_OVERSPEED);
        }
    }
}

impl SubDeviceModel for ServoTwin {
    fn description(&self) -> &Description {
        &self.description
    }

    fn outputs(&mut self, data: &[u8]) {
        self.take_outputs(data);
    }

    fn outputs_off(&mut self) {
        self.disconnected = true;
        (self.target_torque, self.target_velocity) = (0, 0);
        if !self.pds.is_powered() {
            self.controlword = 0;
        }
    }

    fn inputs(&self, data: &mut [u8]) {
        self.give_inputs(data);
    }

    fn step(&mut self, dt_ns: u64, plant: &mut dyn PlantPort) {
        if dt_ns == 0 {
            return;
        }
        let w = self.wiring;
        let shown = w.encoder.map_or(0.0, |ix| plant.get(ix));
        self.actual = Actual { position: plant.get(w.position) + shown, velocity: plant.get(w.velocity) };
        self.sto = w.sto.is_some_and(|ix| plant.get(ix) < 0.5);
        self.limit_switches = w.limit_switches.map(|ix| ix.is_some_and(|ix| plant.get(ix) > 0.5));
        self.react_to_disconnection();
        self.take_up_fault(plant);
        self.step_states(dt_ns);
        self.step_mode();
        self.step_halt();
        self.step_motion(dt_ns);
        self.monitor(dt_ns);
        self.before_au = self.actual.position;
        plant.set(w.torque, self.motion.torque());
        if let Some(brake) = w.brake {
            plant.set(brake, f64::from(u8::from(self.pds.brakes())));
        }
    }

    fn power_cycle(&mut self) {
        // The position of an absolute encoder stays. Parameters are volatile.
        self.power_encoder();
        self.homing = Homing::new();
        self.parameters = parameters(&self.config);
        self.pds = Pds::new(self.config.enable_ns, self.config.brake);
        self.motion.release(&self.actual);
        (self.controlword, self.mode_requested, self.mode) = (0, 0, MODE_CSP);
        (self.target_position, self.target_torque, self.target_velocity) = (0, 0, 0);
        (self.fresh, self.disconnected, self.stopped, self.halted) = (false, false, false, false);
        (self.error_code, self.outside_ns) = (0, 0);
        self.emergencies = [None; EMERGENCIES_MAX];
    }

    fn object_read(&self, index: u16, sub: u8, data: &mut [u8]) -> Result<usize, SdoAbort> {
        self.read_object(index, sub, data)
    }

    fn object_write(&mut self, index: u16, sub: u8, data: &[u8]) -> Result<(), SdoAbort> {
        self.write_object(index, sub, data)
    }

    fn objects(&self) -> &[ObjectInfo] {
        objects::OBJECTS
    }

    fn assignable(&self) -> bool {
        true
    }

    fn fixed_pdos(&self) -> (&[Pdo], &[Pdo]) {
        (&self.fixed.0, &self.fixed.1)
    }

    fn mappable(&self, direction: Direction, index: u16, sub: u8) -> Option<u8> {
        process::mappable(direction, index, sub)
    }

    fn remap(&mut self, rx: &[Mapped], tx: &[Mapped]) {
        self.process.remap(rx, tx);
    }

    fn emergency(&mut self) -> Option<Emergency> {
        // Asked in every step: nothing is moved for nothing.
        let next = self.emergencies[0].take()?;
        self.emergencies.rotate_left(1);
        Some(next)
    }
}

/// An error code that stands in the plant, which is zero afterwards.
fn taken(ix: Option<PlantIx>, plant: &mut dyn PlantPort) -> Option<u16> {
    let ix = ix?;
    let code = plant.get(ix);
    if code <= 0.0 {
        return None;
    }
    plant.set(ix, 0.0);
    Some(code as u16)
}

/// Commissioned values of the parameters.
fn parameters(config: &ServoConfig) -> Parameters {
    // Casts saturate: a window or velocity beyond 32 bits of counts is no limit.
    let counts = |au: f64| (au * config.counts_per_au).round() as u32;
    Parameters {
        abort_connection: 1,
        quick_stop: 2,
        shutdown: 0,
        disable_operation: 1,
        halt: 1,
        homing_method: 0,
        homing_switch_speed: counts(config.velocity_max * 0.1).max(1),
        homing_zero_speed: counts(config.velocity_max * 0.02).max(1),
        homing_acceleration: counts(config.slow_down_deceleration).max(1),
        home_offset: 0,
        fault_reaction: 2,
        following_window: counts(config.following_window_au),
        following_timeout_ms: config.following_timeout_ms,
        torque_max: config.torque_max_per_mille,
        position_min: 0,
        position_max: 0,
        velocity_max: counts(config.velocity_max).max(1),
        motor_speed_max: u32::MAX,
        slow_down_deceleration: counts(config.slow_down_deceleration).max(1),
        quick_stop_deceleration: counts(config.quick_stop_deceleration).max(1),
        interpolation_value: 1,
        interpolation_exponent: -3,
    }
}
