//! What the cycle asks of a fieldbus: bring it up, exchange one process image a cycle, carry SDOs.
//!
//! Terms: a *segment* is the line of SubDevices behind one port. The *process image* is the inputs and
//! outputs of all of them, exchanged once a cycle by one or more logical read-write datagrams (LRW).
//! *WKC*, the working counter, says how many SubDevices took part: read +1, write +2 in an LRW
//! (ETG.1000.4, 5.4.1.2). *SDO* is the acyclic access to a SubDevice's object dictionary through its CoE
//! mailbox (ETG.1000.6, 5.6). A *position* counts SubDevices from 0 in the order of the wire.
//!
//! The implementation over EtherCAT frames lives in `cellwright-bus`; this crate knows only the trait.

mod al;
mod fault;
mod image;
mod reference;
mod sdo;

pub use al::{AlState, al_status_text};
pub use fault::BusFault;
pub use image::{IMAGE_BYTES_MAX, ProcessImage};
pub use reference::Reference;
pub use sdo::{Busy, Emergency, SDO_BYTES_MAX, SdoData, SdoFault, SdoOp, SdoReply, SdoRequest};

use cellwright_model::{DurationNs, TimeNs};

/// Most SubDevices in one segment. One frame of the image plus one status read for each must stay below
/// 128 datagrams, so that ethercrab's 8-bit datagram index cannot come round within its frame slots.
pub const SUBDEVICES_MAX: usize = 64;

/// Who a SubDevice says it is (SII words 8 to 15; CoE object 0x1018).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Identity {
    /// Vendor ID given by the ETG.
    pub vendor: u32,
    /// Product code.
    pub product: u32,
    /// Revision number.
    pub revision: u32,
    /// Serial number; 0 in an expectation accepts any.
    pub serial: u32,
}

impl Identity {
    /// Whether `found` is what `self` expects.
    pub fn accepts(&self, found: &Identity) -> bool {
        let kind = |id: &Identity| (id.vendor, id.product, id.revision);
        kind(self) == kind(found) && (self.serial == 0 || self.serial == found.serial)
    }
}

impl core::fmt::Display for Identity {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(
            f,
            "vendor {:#010x} product {:#010x} revision {:#010x} serial {}",
            self.vendor, self.product, self.revision, self.serial
        )
    }
}

/// One SubDevice as it was configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubDeviceLayout {
    /// Name from the cell description.
    pub name: String,
    /// Identity read from the SubDevice.
    pub identity: Identity,
    /// Bytes of inputs (TxPDO).
    pub inputs_len: usize,
    /// Bytes of outputs (RxPDO).
    pub outputs_len: usize,
    /// Whether it has a CoE mailbox.
    pub has_coe: bool,
}

/// What `bring_up` found and configured, in the order of the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// The SubDevices by position.
    pub subdevices: Vec<SubDeviceLayout>,
    /// WKC of a complete exchange in OP: per SubDevice +1 if it has inputs, +2 if it has outputs.
    pub expected_wkc: u16,
}

impl Layout {
    /// A layout of `subdevices` with the WKC that a complete exchange of them has.
    pub fn new(subdevices: Vec<SubDeviceLayout>) -> Layout {
        let wkc = |s: &SubDeviceLayout| u16::from(s.inputs_len > 0) + 2 * u16::from(s.outputs_len > 0);
        let expected_wkc = subdevices.iter().map(wkc).sum();
        Layout { subdevices, expected_wkc }
    }
}

/// How one exchange went. Inputs of the image are new only after [`ExchangeStatus::Ok`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExchangeStatus {
    /// Every SubDevice took part and is in the wanted state; the inputs are this cycle's.
    Ok,
    /// Some SubDevice did not take part; the inputs keep their last good values.
    WkcMismatch {
        /// Counted by the SubDevices.
        got: u16,
        /// Expected from the layout.
        expected: u16,
    },
    /// No valid reply before the deadline, or the link could not send.
    Lost,
    /// A SubDevice left the wanted state, by its AL status (register 0x0130).
    AlState {
        /// Which SubDevice.
        position: u16,
        /// The state it is in; [`AlState::None`] if it did not answer.
        state: AlState,
        /// Its AL status code (register 0x0134), 0 while not yet read; text: [`al_status_text`].
        code: u16,
    },
}

/// One exchange of the process image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exchange {
    /// When the first frame was handed to the link.
    pub sent: TimeNs,
    /// From there to the end of the exchange (also of a lost one).
    pub round_trip: DurationNs,
    /// How it went.
    pub status: ExchangeStatus,
}

impl Exchange {
    /// Whether the inputs of the image are this cycle's.
    pub fn is_ok(&self) -> bool {
        self.status == ExchangeStatus::Ok
    }
}

/// Counted since the bus was made; never reset, so that a rate is a difference.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BusCounters {
    /// Calls of [`Bus::exchange`].
    pub cycles: u64,
    /// Frames of ours that came back after their exchange had ended; dropped.
    pub late_frames: u64,
    /// Frames that fit no frame of ours: foreign, truncated, altered, duplicated; dropped.
    pub stray_frames: u64,
    /// Exchanges without a valid reply before their deadline.
    pub lost: u64,
    /// Exchanges with a wrong working counter.
    pub wkc_errors: u64,
    /// Exchanges in which a SubDevice was not in the wanted state.
    pub al_errors: u64,
    /// Frames that the link refused to send.
    pub send_errors: u64,
    /// Receptions that the link ended with an error.
    pub receive_errors: u64,
    /// Emergencies dropped because their queue was full.
    pub emergencies_dropped: u64,
    /// Exchanges after which an SDO had to wait because too little of the cycle was left.
    pub mailbox_put_off: u64,
}

/// A fieldbus of one segment. One thread owns it; nothing here may be called from two.
///
/// Arming: [`bring_up`](Bus::bring_up) to SAFE-OP, then [`exchange`](Bus::exchange) to read the actual
/// values, fill the outputs with values that cause no motion, [`enter_op`](Bus::enter_op). Armed:
/// `exchange` once a cycle, which allocates nothing, takes no lock and logs nothing. After a fault of
/// abort class: `bring_up` again, any number of times.
pub trait Bus {
    /// Scans the segment, checks every SubDevice's identity against the expected one, writes the
    /// start-up SDOs and takes the segment to SAFE-OP (inputs valid, outputs off).
    ///
    /// Resets every SubDevice, so outputs go to their defined off state first. May allocate.
    fn bring_up(&mut self) -> Result<Layout, BusFault>;

    /// Takes the segment to OP while exchanging `image` every cycle; its outputs must be such that
    /// nothing moves. May allocate.
    fn enter_op(&mut self, image: &mut ProcessImage) -> Result<(), BusFault>;

    /// Sends the outputs of `image` and, if all is well, updates its inputs.
    ///
    /// `cycle` counts up by one a cycle from 1; a gap is cycles that were not run. `deadline` is absolute
    /// on the bus's clock: a reply after it is never used, not in this cycle nor in a later one.
    fn exchange(&mut self, cycle: u64, image: &mut ProcessImage, deadline: TimeNs) -> Exchange;

    /// What the last exchange has read of the segment's reference clock; `None` without distributed clocks, and when
    /// it brought no reading.
    fn reference(&self) -> Option<Reference> {
        None
    }

    /// What a segment in this process has taken of this thread's time for itself since it was asked last; zero on a
    /// wire.
    fn simulated(&mut self) -> DurationNs {
        DurationNs(0)
    }

    /// Takes the segment to INIT, best effort: outputs go to their defined off state. A bus that is
    /// already down stays down.
    fn shutdown(&mut self) -> Result<(), BusFault>;

    /// The counters so far.
    fn counters(&self) -> BusCounters;

    /// Queues one SDO; it is carried in the slack of the following exchanges, at most one mailbox frame
    /// each. `Err(Busy)` while another one is in work: poll, then ask again.
    fn request_sdo(&mut self, request: SdoRequest) -> Result<(), Busy>;

    /// The answer to the last SDO asked for, once.
    fn poll_sdo(&mut self) -> Option<SdoReply>;

    /// The oldest emergency message not yet fetched.
    fn poll_emergency(&mut self) -> Option<Emergency>;
}

/// A bus that was lent.
impl<B: Bus + ?Sized> Bus for &mut B {
    fn bring_up(&mut self) -> Result<Layout, BusFault> {
        (**self).bring_up()
    }
    fn enter_op(&mut self, image: &mut ProcessImage) -> Result<(), BusFault> {
        (**self).enter_op(image)
    }
    fn exchange(&mut self, cycle: u64, image: &mut ProcessImage, deadline: TimeNs) -> Exchange {
        (**self).exchange(cycle, image, deadline)
    }
    fn reference(&self) -> Option<Reference> {
        (**self).reference()
    }
    fn simulated(&mut self) -> DurationNs {
        (**self).simulated()
    }
    fn shutdown(&mut self) -> Result<(), BusFault> {
        (**self).shutdown()
    }
    fn counters(&self) -> BusCounters {
        (**self).counters()
    }
    fn request_sdo(&mut self, request: SdoRequest) -> Result<(), Busy> {
        (**self).request_sdo(request)
    }
    fn poll_sdo(&mut self) -> Option<SdoReply> {
        (**self).poll_sdo()
    }
    fn poll_emergency(&mut self) -> Option<Emergency> {
        (**self).poll_emergency()
    }
}
