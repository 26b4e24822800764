//! EtherCAT SubDevices in a line or a tree, on the level of frames (ETG.1000.4).
//!
//! Terms: a *datagram* is one command inside a frame; *ADP* addresses a SubDevice, *ADO* its memory;
//! *WKC* is the working counter that each SubDevice raises by what it did; *ESC* is the SubDevice
//! controller, the chip between wire and application.
//!
//! ```text
//!   MainDevice ──▶ ESC 0 ──▶ ESC 1 ──▶ … ──▶ ESC n−1 ─┐   port 1 of the last one is closed
//!              ◀───────◀─────────◀──────────◀─────────┘   processing happens on the way out only
//! ```
//!
//! Branches, and the order in which frames pass them: [`topology`].
//!
//! [`Segment::process`] changes a frame in place as that line would, at the instant it is given;
//! nothing here reads a clock, allocates once constructed, or panics on any bytes.

mod al;
mod coe;
mod dc;
mod dictionary;
mod esc;
mod fmmu;
mod frame;
mod mailbox;
mod registers;
mod sii;
mod subdevice;
mod sync_manager;
mod topology;
mod watchdog;

#[cfg(test)]
mod tests;

use cellwright_driver_api::twin::{PlantPort, SubDeviceModel};
use cellwright_model::TimeNs;
use cellwright_model::wiring::{self, Upstream};

pub use al::AlState;
pub use frame::Malformed;
pub use topology::WiringError;

use frame::{Command, Datagram};
use subdevice::SubDevice;
use topology::Topology;

/// Delay of a frame from one port to the next on the wire, when nothing else is said: an ESC with
/// MII ports takes about 500 ns, its PHYs and a short cable about the same.
pub const DEFAULT_HOP_DELAY_NS: u32 = 1_000;

/// Register of [`Segment::set_mark`], 8 bytes.
pub const MARK_REGISTER: u16 = registers::MARK as u16;

/// Most SubDevices of one segment; their auto-increment addresses must differ in 16 bits.
pub const MAX_SUBDEVICES: usize = 64;

/// What became of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Processed {
    /// The frame is on its way back, changed in place; it is at the MainDevice after `round_trip_ns`.
    Returned { round_trip_ns: u64 },
    /// No SubDevice sent it back.
    Dropped(Dropped),
}

/// Why a frame did not come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dropped {
    /// It is not a well-formed EtherCAT frame.
    Malformed(Malformed),
    /// The first SubDevice has no power or no cable, or there is none: the MainDevice has no link.
    NoLink,
    /// Its check sequence broke on the way.
    Damaged,
}

/// Frames since construction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SegmentCounters {
    pub returned: u64,
    pub malformed: u64,
    pub no_link: u64,
    pub damaged: u64,
    /// SubDevices that fell out of OP because outputs stayed away (AL status code 0x001B).
    pub watchdog_trips: u64,
}

/// A segment cannot be built from these SubDevices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SegmentError {
    /// More than [`MAX_SUBDEVICES`].
    TooMany { count: usize },
    /// They are not joined as SubDevices can be.
    Wiring(WiringError),
    /// Process data or mailbox do not fit the ESC's memory.
    DoesNotFit { position: usize, name: String, what: &'static str, bytes: usize, limit: usize },
}

impl core::fmt::Display for SegmentError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            SegmentError::TooMany { count } => {
                write!(f, "a segment has at most {MAX_SUBDEVICES} SubDevices, {count} are given")
            }
            SegmentError::Wiring(why) => why.fmt(f),
            SegmentError::DoesNotFit { position, name, what, bytes, limit } => {
                write!(f, "SubDevice {position} ({name}): {what} of {bytes} bytes, at most {limit} fit")
            }
        }
    }
}

impl std::error::Error for SegmentError {}

/// Twin SubDevices behind one port of the MainDevice.
pub struct Segment {
    devices: Vec<SubDevice>,
    topology: Topology,
    hop_delay_ns: u32,
    counters: SegmentCounters,
    /// Where broadcast and read-write commands keep what memory held.
    scratch: Box<[u8; frame::MAX_DATA]>,
}

impl Segment {
    /// A powered line of `models`, first to last as wired.
    ///
    /// `hop_delay_ns`: delay of a frame from one SubDevice to the next
    /// ([`DEFAULT_HOP_DELAY_NS`]).
    pub fn new(models: Vec<Box<dyn SubDeviceModel>>, hop_delay_ns: u32) -> Result<Segment, SegmentError> {
        let line = wiring::line(models.len());
        Segment::wired(models, &line, hop_delay_ns)
    }

    /// The same with branches: `upstreams` says for each of `models`, in the order of the wire, where the cable
    /// from its port 0 ends.
    ///
    /// Errors: more SubDevices than fit, a wiring that there cannot be, or a list in another order than the wire's.
    pub fn wired(
        models: Vec<Box<dyn SubDeviceModel>>,
        upstreams: &[Option<Upstream>],
        hop_delay_ns: u32,
    ) -> Result<Segment, SegmentError> {
        if models.len() > MAX_SUBDEVICES {
            return Err(SegmentError::TooMany { count: models.len() });
        }
        if models.len() != upstreams.len() {
            let position = models.len().min(upstreams.len());
            return Err(SegmentError::Wiring(WiringError::NoUpstream { position }));
        }
        let topology = Topology::new(upstreams).map_err(SegmentError::Wiring)?;
        let devices: Vec<SubDevice> = models
            .into_iter()
            .enumerate()
            .map(|(position, model)| SubDevice::new(position, model, topology.ports(position)))
            .collect::<Result<_, _>>()?;
        let mut segment = Segment {
            devices,
            topology,
            hop_delay_ns,
            counters: SegmentCounters::default(),
            scratch: Box::new([0; frame::MAX_DATA]),
        };
        segment.rewire();
        Ok(segment)
    }

    /// Lets `frame` run past the SubDevices at `now`, changing it in place.
    ///
    /// `frame`: a whole Ethernet frame, padded or not, without its frame check sequence.
    pub fn process(&mut self, frame: &mut [u8], now: TimeNs) -> Processed {
        self.run(frame, now, None)
    }

    /// The same for a frame that is damaged on the cable at port 0 of `position`, so that its check sequence is
    /// wrong from there on (ETG.1000.4, error counters). SubDevices before it have executed the frame. That one
    /// counts an invalid frame; every port that the frame still comes to, on the way back as well, counts a
    /// forwarded error; nobody executes it any more, and the MainDevice's own controller throws it away.
    /// What `frame` holds afterwards is of no use. One that never comes to `position` is not damaged.
    pub fn process_damaged(&mut self, frame: &mut [u8], now: TimeNs, position: usize) -> Processed {
        self.run(frame, now, Some(position))
    }

    fn run(&mut self, frame: &mut [u8], now: TimeNs, damaged_at: Option<usize>) -> Processed {
        if let Err(why) = frame::check(frame) {
            self.counters.malformed += 1;
            if !matches!(why, Malformed::TooShort | Malformed::NotEtherCat) {
                self.topology.way().iter().for_each(|p| self.devices[*p].count_processing_error());
            }
            return Processed::Dropped(Dropped::Malformed(why));
        }
        self.tick(now);
        if self.topology.way().is_empty() {
            self.counters.no_link += 1;
            return Processed::Dropped(Dropped::NoLink);
        }
        let damaged_at = damaged_at.and_then(|position| self.topology.before(position));
        let execute_it = &self.topology.way()[..damaged_at.unwrap_or(self.topology.way().len())];
        let mut rest = &mut frame[frame::FIRST_DATAGRAM..];
        while let Some((mut datagram, following)) = frame::next(rest) {
            for &position in execute_it {
                execute(&mut self.devices[position], &mut datagram, &mut self.scratch[..]);
            }
            datagram.finish();
            rest = following;
        }
        if let Some(before) = damaged_at {
            self.count_damage(before);
            return Processed::Dropped(Dropped::Damaged);
        }
        // ESCs mark a processed frame as locally administered (ETG.1000.4, source address).
        frame[6] |= 0x02;
        self.counters.returned += 1;
        Processed::Returned { round_trip_ns: self.round_trip_ns() }
    }

    /// A frame whose check sequence broke on its way to the SubDevice that has `before` others before it.
    fn count_damage(&mut self, before: usize) {
        self.counters.damaged += 1;
        let Some(&first) = self.topology.way().get(before) else { return };
        let broken_at = self.topology.arrivals(first)[0];
        for &position in self.topology.way() {
            for (port, at) in self.topology.arrivals(position).into_iter().enumerate() {
                if position == first && port == 0 {
                    self.devices[position].count_invalid_frame(port);
                } else if at > broken_at {
                    self.devices[position].count_forwarded_error(port);
                }
            }
        }
    }

    /// Moves the devices by `dt_ns` of simulated time; they exchange their quantities with `plant`.
    pub fn step(&mut self, now: TimeNs, dt_ns: u64, plant: &mut dyn PlantPort) {
        self.tick(now);
        for device in &mut self.devices {
            device.step(dt_ns, plant);
        }
    }

    /// Time from sending a frame to its return: out and back through every reachable SubDevice.
    pub fn round_trip_ns(&self) -> u64 {
        2 * self.topology.way().len() as u64 * u64::from(self.hop_delay_ns)
    }

    /// Switches the supply of one SubDevice; without power it and all behind it are unreachable.
    /// What it held is lost: it comes back in INIT.
    pub fn set_power(&mut self, position: usize, on: bool) {
        if let Some(device) = self.devices.get_mut(position).filter(|d| d.powered != on) {
            device.set_power(on);
            self.rewire();
        }
    }

    /// Puts another SubDevice of the same type in the place of one: without power meanwhile, and with a serial number
    /// of its own, by SII and object 0x1018.
    pub fn replace(&mut self, position: usize, serial: u32) {
        let Some(device) = self.devices.get_mut(position) else { return };
        device.sii.set_serial(serial);
        device.dictionary.set_serial(serial);
        if device.powered {
            self.set_power(position, false);
            self.set_power(position, true);
        }
    }

    /// Cuts or heals the cable at a port of a SubDevice. Both ends see it (DL status, lost link counter) and close
    /// the port, so that frames turn round before it. What is behind keeps its power and its state, hears nothing,
    /// and falls out of OP by its watchdog. A cut at port 0 of the first one leaves the MainDevice without a link.
    pub fn set_link(&mut self, position: usize, port: u8, up: bool) {
        if self.topology.set_link(position, port, up) {
            self.rewire();
        }
    }

    /// The application of a SubDevice takes no part any more, or again: its ESC forwards and its registers answer,
    /// but nothing is read from or written to its process RAM, so that working counters are short by its share.
    pub fn set_mute(&mut self, position: usize, mute: bool) {
        if let Some(device) = self.devices.get_mut(position) {
            device.mute = mute;
        }
    }

    /// Sets what the local clock of a SubDevice shows at segment time zero, and how much faster than that it runs, in
    /// parts per billion; both are zero if nothing is said.
    pub fn set_clock(&mut self, position: usize, phase_ns: u64, drift_ppb: i32) {
        if let Some(device) = self.devices.get_mut(position) {
            device.set_clock(phase_ns, drift_ppb);
        }
    }

    /// The local clock of a SubDevice jumps by so much and runs this much faster (parts per billion) from now on.
    pub fn disturb_clock(&mut self, position: usize, jump_ns: i64, drift_ppb: i32) {
        if let Some(device) = self.devices.get_mut(position) {
            device.disturb_clock(jump_ns, drift_ppb);
        }
    }

    /// The process data watchdog of a SubDevice runs out now, if it is in OP.
    pub fn expire_watchdog(&mut self, position: usize) {
        if let Some(device) = self.devices.get_mut(position) {
            self.counters.watchdog_trips += u64::from(device.expire_watchdog());
        }
    }

    /// Sets what register 0x0E00 (8 bytes, specific to the ESC) of every SubDevice shows, so that whoever drives
    /// this segment knows which one it is.
    pub fn set_mark(&mut self, mark: u64) {
        for device in &mut self.devices {
            device.set_mark(mark);
        }
    }

    /// Number of SubDevices, powered or not.
    pub fn len(&self) -> usize {
        self.devices.len()
    }

    /// True without any SubDevice.
    pub fn is_empty(&self) -> bool {
        self.devices.is_empty()
    }

    /// AL state of a SubDevice, its error flag and AL status code (registers 0x0130 and 0x0134).
    pub fn al_status(&self, position: usize) -> Option<(AlState, bool, u16)> {
        self.devices.get(position).map(SubDevice::al_status)
    }

    /// Every SubDevice has power and is in OP.
    pub fn all_operational(&self) -> bool {
        self.devices.iter().all(|d| d.powered && d.al.state == AlState::Op)
    }

    /// An object of a SubDevice's own, at most 8 bytes, as a signed number: for who looks below the wire.
    pub fn object(&self, position: usize, index: u16, sub: u8) -> Option<i64> {
        let mut bytes = [0; 8];
        let len = self.devices.get(position)?.model.object_read(index, sub, &mut bytes).ok()?;
        let unused = 64 - 8 * u32::try_from(len).ok().filter(|len| (1..=8).contains(len))?;
        Some(i64::from_le_bytes(bytes) << unused >> unused)
    }

    /// Frames since construction.
    pub fn counters(&self) -> SegmentCounters {
        self.counters
    }

    /// Lets watchdogs and pending state changes see the time.
    fn tick(&mut self, now: TimeNs) {
        for device in self.devices.iter_mut().filter(|d| d.powered) {
            self.counters.watchdog_trips += u64::from(device.tick(now.0));
        }
    }

    /// Brings reach, arrival times and the link bits of every ESC in line with cables and supplies.
    fn rewire(&mut self) {
        let devices = &self.devices;
        self.topology.rewire(|i| devices[i].powered);
        let hop_ns = u64::from(self.hop_delay_ns);
        for (i, device) in self.devices.iter_mut().enumerate() {
            device.set_links(self.topology.links(i));
            device.arrivals_ns = self.topology.arrivals(i).map(|hops| Some(u64::from(hops?) * hop_ns));
        }
    }
}

/// What one SubDevice does to one datagram as it passes (ETG.1000.4, clause 5.4).
fn execute(device: &mut SubDevice, d: &mut Datagram<'_>, scratch: &mut [u8]) {
    match d.command {
        Command::Nop => {}
        Command::Aprd | Command::Apwr | Command::Aprw => {
            let mine = d.adp == 0;
            d.adp = d.adp.wrapping_add(1);
            if mine {
                physical(device, d, scratch);
            }
        }
        Command::Fprd | Command::Fpwr | Command::Fprw => {
            if device.answers_to(d.adp) {
                physical(device, d, scratch);
            }
        }
        Command::Brd | Command::Bwr | Command::Brw => {
            d.adp = d.adp.wrapping_add(1);
            broadcast(device, d, scratch);
        }
        Command::Lrd | Command::Lwr | Command::Lrw => {
            let address = u32::from(d.adp) | u32::from(d.ado) << 16;
            let (reads, writes) = (d.command != Command::Lwr, d.command != Command::Lrd);
            let (read, written) = device.logical(address, d.data, reads, writes);
            d.count(read, written);
        }
        Command::Armw => {
            let mine = d.adp == 0;
            d.adp = d.adp.wrapping_add(1);
            read_one_write_others(device, d, mine);
        }
        Command::Frmw => {
            let mine = device.answers_to(d.adp);
            read_one_write_others(device, d, mine);
        }
    }
    d.irq |= device.event_request();
}

/// Reads, writes, or exchanges memory of the addressed SubDevice.
fn physical(device: &mut SubDevice, d: &mut Datagram<'_>, scratch: &mut [u8]) {
    match d.command {
        Command::Aprd | Command::Fprd => {
            let read = device.read(d.ado, d.data);
            d.count(read, false);
        }
        Command::Apwr | Command::Fpwr => {
            let written = device.write(d.ado, d.data);
            d.count(false, written);
        }
        _ => {
            // Read-write: the datagram takes what memory held, memory takes what it brought.
            let held = &mut scratch[..d.data.len()];
            held.copy_from_slice(d.data);
            let read = device.read(d.ado, held);
            let written = device.write(d.ado, d.data);
            if read {
                d.data.copy_from_slice(held);
            }
            d.count(read, written);
        }
    }
}

/// Every SubDevice takes part; what they read is ORed together.
fn broadcast(device: &mut SubDevice, d: &mut Datagram<'_>, scratch: &mut [u8]) {
    let mut read = false;
    let held = &mut scratch[..d.data.len()];
    if d.command != Command::Bwr {
        held.fill(0);
        read = device.read(d.ado, held);
    }
    let written = d.command != Command::Brd && device.write(d.ado, d.data);
    if read {
        for (to, from) in d.data.iter_mut().zip(held.iter()) {
            *to |= from;
        }
    }
    d.count(read, written);
}

/// ARMW and FRMW: the addressed SubDevice is read, all others are written; each counts one.
fn read_one_write_others(device: &mut SubDevice, d: &mut Datagram<'_>, mine: bool) {
    let done = if mine { device.read(d.ado, d.data) } else { device.write(d.ado, d.data) };
    d.wkc = d.wkc.wrapping_add(u16::from(done));
}
