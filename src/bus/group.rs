//! The bus: ethercrab's storage, MainDevice and group, and the cyclic exchange over them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use cellwright_model::{DurationNs, TimeNs};
use cellwright_rt::bus::{
    AlState, Bus, BusCounters, BusFault, Busy, Emergency, Exchange, ExchangeStatus, IMAGE_BYTES_MAX,
    Identity, Layout, ProcessImage, Reference, SUBDEVICES_MAX, SdoData, SdoReply, SdoRequest,
};
use cellwright_rt::clock::Clock;
use ethercrab::subdevice_group::{HasPdi, Op, SafeOp};
use ethercrab::{
    Command, DefaultLock, MainDevice, MainDeviceConfig, PduStorage, RegisterAddress, RetryBehaviour,
    SubDeviceGroup, Timeouts,
};

use crate::coe::CoeClient;
use crate::dc::{DcConfig, STATIC_SYNC_FRAMES, Sync0Start};
use crate::frame::{DATAGRAM_OVERHEAD, FRAME_BYTES_MAX, FRAME_OVERHEAD};
use crate::link::Link;
use crate::pump::{FRAMES, Pump};
use crate::stages::{StageTime, Stages};

// A slot keeps the index of an abandoned frame until its next use, FRAMES frames later. Those in between
// take at most one datagram for each SubDevice's AL status, one for the image and one for a clock: they
// must not use up the 8-bit index, or ethercrab would look for a reply in the wrong slot.
const _: () = assert!((FRAMES - 1) * (SUBDEVICES_MAX + 2) < 256);
const _: () = assert!(FRAMES.is_power_of_two() && SUBDEVICES_MAX.is_power_of_two());

/// Timeouts of ethercrab while arming. An exchange has its own deadline, which comes first.
const TIMEOUTS: Timeouts = Timeouts {
    state_transition: core::time::Duration::from_secs(5),
    pdu: core::time::Duration::from_millis(30),
    eeprom: core::time::Duration::from_millis(50),
    wait_loop_delay: core::time::Duration::from_micros(100),
    mailbox_echo: core::time::Duration::from_millis(100),
    mailbox_response: core::time::Duration::from_millis(1_000),
};
/// A frame lost while arming is sent again so often.
const RETRIES: usize = 2;
/// A mailbox frame begins only while this share of the period is left before the exchange's deadline: the time of a
/// frame on a slow link, and of what comes with it.
const MAILBOX_SHARE: u64 = 4;
/// How long `shutdown` tries.
const SHUTDOWN_WAIT: DurationNs = DurationNs(1_000_000_000);
/// How long a failed arming tries to send the segment to INIT.
const GIVE_UP_WAIT: DurationNs = DurationNs(100_000_000);
/// AL control: INIT, acknowledging errors (ETG.1000.6, table 9).
const REQUEST_INIT: u16 = 0x0011;

pub(crate) type Group<S> = SubDeviceGroup<SUBDEVICES_MAX, IMAGE_BYTES_MAX, DefaultLock, S>;

/// An SDO written to a SubDevice in PRE-OP, or read there and compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartUpSdo {
    /// Object index.
    pub index: u16,
    /// Sub-index.
    pub sub: u8,
    /// One to four bytes, little endian.
    pub data: SdoData,
    /// Read, and refused if it is not `data`.
    pub check: bool,
}

/// What is expected at a position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpectedSubDevice {
    /// Its name in the cell description.
    pub name: String,
    /// Its identity, by the SII.
    pub identity: Identity,
    /// Written in this order before the process data are mapped.
    pub start_up: Vec<StartUpSdo>,
}

/// What a bus is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BusConfig {
    /// What the link is called in messages, for example its interface.
    pub link_name: String,
    /// Nominal time of one cycle.
    pub period: DurationNs,
    /// The SubDevices in the order of the wire.
    pub subdevices: Vec<ExpectedSubDevice>,
    /// Distributed clocks; `None`: they are left alone.
    pub dc: Option<DcConfig>,
}

/// How far the segment is.
pub(crate) enum Stage {
    Down,
    SafeOp(Box<Group<SafeOp>>),
    Op(Box<Group<Op>>),
}

/// EtherCAT behind one link. Made by [`with_bus`].
pub struct EthercrabBus<'sto, L: Link, C: Clock> {
    pub(crate) config: BusConfig,
    pub(crate) main: Rc<MainDevice<'sto>>,
    pub(crate) pump: Pump<'sto, L, C>,
    pub(crate) stage: Stage,
    pub(crate) coe: CoeClient,
    pub(crate) wkc: ExpectedWkc,
    /// Station addresses by position.
    pub(crate) stations: Vec<u16>,
    /// The last exchange's reading of the reference clock.
    pub(crate) reference: Option<Reference>,
    pub(crate) sync0: Option<Sync0Start>,
    pub(crate) stages: Stages,
}

/// ethercrab's frames; a bus borrows them.
pub(crate) type Frames = PduStorage<FRAMES, FRAME_BYTES_MAX>;

/// Makes a bus over `link` and lends it to `body`. Everything it needs lives and ends within the call.
///
/// `clock` is the time of deadlines and of ethercrab's timeouts; an in-process link shares it.
pub fn with_bus<L: Link, C: Clock, R>(
    link: L,
    clock: C,
    config: BusConfig,
    body: impl FnOnce(&mut EthercrabBus<'_, L, C>) -> R,
) -> R {
    let frames = Box::new(Frames::new());
    body(&mut EthercrabBus::new(&frames, link, clock, config))
}

/// Working counters of a complete exchange, summed over its LRW datagrams.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ExpectedWkc {
    /// Every SubDevice reads and writes.
    pub(crate) full: u16,
    /// Every SubDevice with inputs was read: enough in SAFE-OP, where outputs may be closed.
    pub(crate) inputs_only: u16,
}

impl ExpectedWkc {
    /// From (input, output) lengths by position. ethercrab lays all inputs out first, then all outputs,
    /// and cuts the image where a frame is full; a SubDevice counts once for each datagram it is in.
    /// `clocked`: the first frame carries the reference clock's time besides.
    pub(crate) fn of(lengths: &[(usize, usize)], clocked: bool) -> ExpectedWkc {
        const CHUNK: usize = FRAME_BYTES_MAX - FRAME_OVERHEAD - DATAGRAM_OVERHEAD;
        // As if those bytes of the first chunk stood before the image.
        let before = if clocked { DATAGRAM_OVERHEAD + size_of::<u64>() } else { 0 };
        let chunks = |start: usize, len: usize| match len {
            0 => 0,
            len => ((before + start + len - 1) / CHUNK - (before + start) / CHUNK + 1) as u16,
        };
        let (mut at, mut expected) = (0, ExpectedWkc::default());
        for &(inputs, _) in lengths {
            expected.inputs_only += chunks(at, inputs);
            at += inputs;
        }
        expected.full = expected.inputs_only;
        for &(_, outputs) in lengths {
            expected.full += 2 * chunks(at, outputs);
            at += outputs;
        }
        expected
    }
}

/// What a good exchange must show.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    state: AlState,
    wkc_min: u16,
    wkc_max: u16,
}

impl<'sto, L: Link, C: Clock> EthercrabBus<'sto, L, C> {
    /// A bus over `frames` that no other one has used.
    pub(crate) fn new(frames: &'sto Frames, link: L, clock: C, config: BusConfig) -> Self {
        let Ok((tx, rx, pdu_loop)) = frames.try_split() else {
            unreachable!("storage that was just made is split for the first time")
        };
        let retry_behaviour = RetryBehaviour::Count(RETRIES);
        let dc_static_sync_iterations = if config.dc.is_some() { STATIC_SYNC_FRAMES } else { 0 };
        let main_config = MainDeviceConfig { dc_static_sync_iterations, retry_behaviour };
        EthercrabBus {
            config,
            main: Rc::new(MainDevice::new(pdu_loop, TIMEOUTS, main_config)),
            pump: Pump::new(tx, rx, link, clock),
            stage: Stage::Down,
            coe: CoeClient::new(),
            wkc: ExpectedWkc::default(),
            stations: Vec::new(),
            reference: None,
            sync0: None,
            stages: Stages::default(),
        }
    }

    /// Nothing is sent any more, not even at the end.
    pub(crate) fn forget(&mut self) {
        self.stage = Stage::Down;
    }

    /// How long each stage of the last arming took, in their order.
    pub fn stages(&self) -> &[StageTime] {
        self.stages.taken()
    }

    /// The link, for a test bench to reach the segment behind it.
    pub fn link_mut(&mut self) -> &mut L {
        &mut self.pump.link
    }

    /// Sends the image once and evaluates what comes back; no counters, no mailbox.
    fn exchange_image(&mut self, image: &mut ProcessImage, deadline: TimeNs) -> ExchangeStatus {
        let EthercrabBus { stage, pump, main, wkc, stations, .. } = self;
        let (main, sent, clocked) = (&**main, pump.clock.now(), self.config.dc.is_some());
        let mut time_ns = None;
        let status = match stage {
            Stage::Down => ExchangeStatus::Lost,
            Stage::SafeOp(group) => {
                let wanted = Wanted { state: AlState::SafeOp, wkc_min: wkc.inputs_only, wkc_max: wkc.full };
                exchange_group(group, pump, main, image, wanted, clocked.then_some(&mut time_ns), deadline)
            }
            Stage::Op(group) => {
                let wanted = Wanted { state: AlState::Op, wkc_min: wkc.full, wkc_max: wkc.full };
                exchange_group(group, pump, main, image, wanted, clocked.then_some(&mut time_ns), deadline)
            }
        };
        // A reference clock that is gone leaves the datagram as it was sent: all zero.
        self.reference = time_ns.filter(|&t| t > 0).map(|time_ns| Reference { sent, time_ns });
        let ExchangeStatus::AlState { position, state, .. } = status else { return status };
        // Why it left its state, while there is time; a SubDevice that is gone says nothing.
        let station = stations.get(usize::from(position)).copied().unwrap_or(0);
        let read = Command::fprd(station, RegisterAddress::AlStatusCode.into()).receive::<u16>(main);
        let code = match pump.run(read, deadline) {
            Some(Ok(code)) => code,
            _ => 0,
        };
        ExchangeStatus::AlState { position, state, code }
    }

    fn count(&mut self, status: ExchangeStatus) {
        let counters = &mut self.pump.counters;
        match status {
            ExchangeStatus::Ok => {}
            ExchangeStatus::WkcMismatch { .. } => counters.wkc_errors += 1,
            ExchangeStatus::Lost => counters.lost += 1,
            ExchangeStatus::AlState { .. } => counters.al_errors += 1,
        }
    }

    /// Arming has failed: whatever still answers goes to INIT, without waiting for it.
    fn give_up(&mut self) {
        self.stage = Stage::Down;
        self.coe.reset(Vec::new());
        let deadline = self.pump.clock.now() + GIVE_UP_WAIT;
        let to_init = Command::bwr(RegisterAddress::AlControl.into()).ignore_wkc();
        // Nothing more can be done if it does not get through: the SyncManager watchdogs are left.
        let _ = self.pump.run(to_init.send(&self.main, REQUEST_INIT), deadline);
    }

    /// One cycle of the image within a deadline, as during `enter_op`.
    pub(crate) fn cycle_while_arming(&mut self, image: &mut ProcessImage) -> ExchangeStatus {
        let now = self.pump.clock.now();
        self.pump.link.cycle_begin(0, self.config.period);
        let status = self.exchange_image(image, now + self.config.period);
        image.mark(status == ExchangeStatus::Ok);
        self.pump.clock.sleep_until(self.next_while_arming(now));
        status
    }
}

/// One exchange of a group; inputs reach `image` only if WKC and states are as wanted. `time_ns`: takes what the
/// reference clock showed; without it, it is not asked.
fn exchange_group<'s, S: HasPdi, L: Link, C: Clock>(
    group: &Group<S>,
    pump: &mut Pump<'_, L, C>,
    main: &'s MainDevice<'s>,
    image: &mut ProcessImage,
    wanted: Wanted,
    time_ns: Option<&mut Option<u64>>,
    deadline: TimeNs,
) -> ExchangeStatus {
    for (position, subdevice) in group.iter(main).enumerate() {
        copy(image.outputs(position), &mut subdevice.outputs_raw_mut());
    }
    let (got, states) = match time_ns {
        None => match pump.run(group.tx_rx(main), deadline) {
            Some(Ok(response)) => (response.working_counter, response.subdevice_states),
            _ => return ExchangeStatus::Lost,
        },
        Some(time_ns) => match pump.run(group.tx_rx_sync_system_time(main), deadline) {
            Some(Ok(response)) => {
                *time_ns = response.extra;
                (response.working_counter, response.subdevice_states)
            }
            _ => return ExchangeStatus::Lost,
        },
    };
    let states = states.iter().map(|&s| AlState::from_register(u8::from(s)));
    // A state check that is missing altogether counts as no answer.
    let states = states.chain(core::iter::repeat(AlState::None)).take(group.len());
    if let Some((position, state)) = states.enumerate().find(|&(_, state)| state != wanted.state) {
        return ExchangeStatus::AlState { position: position as u16, state, code: 0 };
    }
    if !(wanted.wkc_min..=wanted.wkc_max).contains(&got) {
        return ExchangeStatus::WkcMismatch { got, expected: wanted.wkc_max };
    }
    for (position, subdevice) in group.iter(main).enumerate() {
        copy(&subdevice.inputs_raw(), image.inputs_mut(position));
    }
    ExchangeStatus::Ok
}

/// Copies what fits: equal lengths, unless a caller uses an image of another layout.
fn copy(from: &[u8], to: &mut [u8]) {
    debug_assert_eq!(from.len(), to.len(), "the image is not of this layout");
    let len = from.len().min(to.len());
    to[..len].copy_from_slice(&from[..len]);
}

impl<L: Link, C: Clock> Bus for EthercrabBus<'_, L, C> {
    fn bring_up(&mut self) -> Result<Layout, BusFault> {
        self.stage = Stage::Down;
        // ethercrab asserts on an emergency during an SDO: a program error there must not take the
        // thread down while nothing is armed. What it may have left half done is reset by the next try.
        let result = catch_unwind(AssertUnwindSafe(|| self.arm()));
        let result = result.unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<&str>().map(|s| (*s).to_owned());
            let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
            Err(BusFault::BringUpPanic { message: text.unwrap_or_else(|| "no message".to_owned()) })
        });
        if result.is_err() {
            self.give_up();
        }
        result
    }

    fn enter_op(&mut self, image: &mut ProcessImage) -> Result<(), BusFault> {
        let result = self.request_op(image);
        if result.is_err() {
            self.give_up();
        }
        result
    }

    fn exchange(&mut self, cycle: u64, image: &mut ProcessImage, deadline: TimeNs) -> Exchange {
        self.pump.counters.cycles += 1;
        self.pump.link.cycle_begin(cycle, self.config.period);
        let sent = self.pump.clock.now();
        let status = self.exchange_image(image, deadline);
        let round_trip = self.pump.clock.now().since(sent);
        image.mark(status == ExchangeStatus::Ok);
        self.count(status);
        if status != ExchangeStatus::Lost {
            let needed = DurationNs(self.config.period.0 / MAILBOX_SHARE);
            self.coe.step(&mut self.pump, &self.main, deadline, needed);
        }
        Exchange { sent, round_trip, status }
    }

    fn shutdown(&mut self) -> Result<(), BusFault> {
        if matches!(core::mem::replace(&mut self.stage, Stage::Down), Stage::Down) {
            return Ok(());
        }
        self.coe.reset(Vec::new());
        let (main, deadline) = (&*self.main, self.pump.clock.now() + SHUTDOWN_WAIT);
        let to_init = async {
            Command::bwr(RegisterAddress::AlControl.into()).ignore_wkc().send(main, REQUEST_INIT).await?;
            main.wait_for_state(ethercrab::SubDeviceState::Init).await
        };
        match self.pump.run(to_init, deadline) {
            Some(Ok(())) => Ok(()),
            Some(Err(error)) => Err(BusFault::Protocol { doing: "shutting down", cause: error.to_string() }),
            None => Err(BusFault::Timeout { doing: "shutting down" }),
        }
    }

    fn reference(&self) -> Option<Reference> {
        self.reference
    }

    fn simulated(&mut self) -> DurationNs {
        self.pump.link.simulated()
    }

    fn counters(&self) -> BusCounters {
        let CoeClient { emergencies_dropped, put_off, .. } = self.coe;
        BusCounters { emergencies_dropped, mailbox_put_off: put_off, ..self.pump.counters }
    }

    fn request_sdo(&mut self, request: SdoRequest) -> Result<(), Busy> {
        self.coe.request(request)
    }

    fn poll_sdo(&mut self) -> Option<SdoReply> {
        self.coe.poll_reply()
    }

    fn poll_emergency(&mut self) -> Option<Emergency> {
        self.coe.poll_emergency()
    }
}

/// Also when a program error unwinds through the bus's owner: the segment goes to INIT, outputs off. If
/// that fails, the SyncManager watchdogs do it.
impl<L: Link, C: Clock> Drop for EthercrabBus<'_, L, C> {
    fn drop(&mut self) {
        // Caught, because a second panic while the first one unwinds would end the process at once.
        let _ = catch_unwind(AssertUnwindSafe(|| self.shutdown()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_working_counter_of_a_small_segment() {
        let eight = [(0, 0), (2, 0), (0, 2), (16, 0), (20, 10), (20, 10), (20, 10), (20, 10)];
        let expected = ExpectedWkc::of(&eight, false);
        assert_eq!(expected, ExpectedWkc { full: 1 + 2 + 1 + 4 * 3, inputs_only: 6 });
    }

    #[test]
    fn an_image_over_two_frames_counts_a_subdevice_that_is_cut_twice() {
        // 1486 bytes go into the first datagram: it cuts the second SubDevice's inputs.
        let expected = ExpectedWkc::of(&[(1_480, 0), (20, 0), (0, 100)], false);
        assert_eq!(expected, ExpectedWkc { full: 1 + 2 + 2, inputs_only: 3 });
        // And an output that ends exactly there is not cut.
        assert_eq!(
            ExpectedWkc::of(&[(1_480, 6), (0, 1)], false),
            ExpectedWkc { full: 1 + 2 + 2, inputs_only: 1 }
        );
        // With the time of the reference clock, 20 bytes, only 1466 go into the first one.
        let clocked = ExpectedWkc::of(&[(1_460, 6), (0, 1)], true);
        assert_eq!(clocked, ExpectedWkc { full: 1 + 2 + 2, inputs_only: 1 });
        let clocked = ExpectedWkc::of(&[(1_466, 0), (0, 1)], true);
        assert_eq!(clocked, ExpectedWkc { full: 1 + 2, inputs_only: 1 });
        let clocked = ExpectedWkc::of(&[(1_467, 0), (0, 1)], true);
        assert_eq!(clocked, ExpectedWkc { full: 2 + 2, inputs_only: 2 });
    }
}
