//! Message devices: those that are asked and answer later, outside the cycle: cobots, cameras, code
//! scanners, label printers. All of it is sans-I/O: bytes and time are arguments, so the same driver runs behind a TCP
//! socket (`run`) and directly against its twin's codec (`simulate`).
//!
//! Terms: a *request* has an id and is ended by exactly one *answer*; a *deadline* is when `poll` must be
//! called next for something to happen; a *scene* is what a twin device sees of the plant.
//!
//! Contract, held by [`conformance`] for every driver with its twin:
//! - one request is under way at a time; another is refused ([`DeviceError::Busy`], or for a cobot a
//!   `Rejected(Busy)` answer) and changes nothing;
//! - every accepted request is answered exactly once: by the device, or with `TimedOut` at its deadline,
//!   or with `Disconnected` when the connection ends;
//! - an answer that comes later, or for another request, is dropped and counted, never taken for the
//!   current one;
//! - bytes that are no message end the request with `Garbage` or `TooLong`; the next line is read afresh.

pub mod conformance;
mod line;

use cellwright_model::label::PrinterTrouble;
use cellwright_model::robot::{RobotReport, RobotRequest, RobotState};
use cellwright_model::{Dimension, RequestId, TimeNs};

pub use line::{Line, LineAnswers, LineBuffer, LineExchange};

/// Bytes of one line of a text protocol, its end included: longer than any GS1 element string
/// (ISO/IEC 16022 carries at most 2,335 characters) and any inspection answer.
pub const LINE_BYTES_MAX: usize = 4096;

/// Why a message device did not answer as asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeviceError {
    /// A request is under way; nothing was sent.
    Busy,
    /// There is no connection, or it ended before the answer.
    Disconnected,
    /// No answer until the deadline. What the device does meanwhile is not known.
    TimedOut,
    /// The request itself cannot be sent: what is wrong with it.
    BadRequest(String),
    /// The device answered with an error of its own: its code and words.
    Refused { code: String, reason: String },
    /// An answer that is none in this protocol: what was wrong.
    Garbage(String),
    /// A scanner has read a code, and what it says is no right element string: what is wrong with it.
    BadCode(String),
    /// A line of more than [`LINE_BYTES_MAX`] bytes.
    TooLong,
}

impl core::fmt::Display for DeviceError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            DeviceError::Busy => f.write_str("a request is under way"),
            DeviceError::Disconnected => f.write_str("not connected"),
            DeviceError::TimedOut => f.write_str("no answer in time"),
            DeviceError::BadRequest(what) => write!(f, "request refused: {what}"),
            DeviceError::Refused { code, reason } => write!(f, "the device refused: {code}: {reason}"),
            DeviceError::Garbage(what) => write!(f, "unreadable answer: {what}"),
            DeviceError::BadCode(what) => write!(f, "unreadable code: {what}"),
            DeviceError::TooLong => write!(f, "answer of more than {LINE_BYTES_MAX} bytes"),
        }
    }
}

impl std::error::Error for DeviceError {}

impl DeviceError {
    /// The word written into records and causes.
    pub fn as_str(&self) -> &'static str {
        match self {
            DeviceError::Busy => "busy",
            DeviceError::Disconnected => "disconnected",
            DeviceError::TimedOut => "timed-out",
            DeviceError::BadRequest(_) => "bad-request",
            DeviceError::Refused { .. } => "refused",
            DeviceError::Garbage(_) => "garbage",
            DeviceError::BadCode(_) => "bad-code",
            DeviceError::TooLong => "too-long",
        }
    }
}

/// Ends one request.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer<R> {
    pub id: RequestId,
    pub result: Result<R, DeviceError>,
}

/// What a driver counted since it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MessageCounters {
    /// Requests handed to the device.
    pub requests: u64,
    /// Lines that were no answer of the protocol.
    pub garbage: u64,
    /// Lines dropped for their length.
    pub too_long: u64,
    /// Answers to no request under way: late, doubled or foreign.
    pub stray: u64,
    pub timed_out: u64,
    pub disconnected: u64,
}

/// Driver of a device at the other end of a byte stream.
///
/// Its owner moves the bytes: after every call it empties [`transmit`](MessageDriver::transmit) into the
/// connection, hands what arrives to [`receive`](MessageDriver::receive), and then calls
/// [`poll`](MessageDriver::poll) until it is `None`, at the latest at [`deadline`](MessageDriver::deadline).
pub trait MessageDriver {
    type Request;
    type Reply;

    /// Begins a request. Errors: `Busy`, `Disconnected`, `BadRequest`; then nothing is under way by it
    /// and no answer follows.
    fn request(&mut self, now: TimeNs, id: RequestId, request: &Self::Request) -> Result<(), DeviceError>;
    /// The next answer, if there is one at `now`; also notices deadlines.
    fn poll(&mut self, now: TimeNs) -> Option<Answer<Self::Reply>>;
    /// A new connection is there; nothing of an earlier one is remembered.
    fn on_connect(&mut self, now: TimeNs);
    /// The connection ended; the request under way is answered with `Disconnected`.
    fn on_disconnect(&mut self, now: TimeNs);
    /// Bytes from the device, cut anywhere.
    fn receive(&mut self, now: TimeNs, bytes: &[u8]);
    /// Appends the bytes to be sent; bounded by one request.
    fn transmit(&mut self, out: &mut Vec<u8>);
    /// When `poll` has something to do without new bytes.
    fn deadline(&self) -> Option<TimeNs>;
    fn counters(&self) -> MessageCounters;
}

/// The other end: a twin device that reads requests and writes answers about what it sees.
///
/// One instance serves one connection at a time; its owner calls [`on_connect`](MessageTwin::on_connect)
/// for each new one.
pub trait MessageTwin {
    /// What the device sees of the plant.
    type Scene: ?Sized + 'static;

    /// A new connection; what was under way on an earlier one is forgotten.
    fn on_connect(&mut self);
    /// Bytes of requests, cut anywhere. The scene is looked at when a request is complete.
    fn receive(&mut self, now: TimeNs, bytes: &[u8], scene: &Self::Scene);
    /// Appends the bytes of all answers that are due at `now`.
    fn transmit(&mut self, now: TimeNs, out: &mut Vec<u8>);
    /// When the next answer is due.
    fn deadline(&self) -> Option<TimeNs>;
}

/// Driver of a cobot.
///
/// The cobot is moved by its own controller. Its driver answers every request handed to
/// [`command`](RobotDriver::command) exactly once through [`poll`](RobotDriver::poll), refusals and
/// time-outs included; `Done` and `Stopped` mean that the joints are at rest.
pub trait RobotDriver {
    /// Hands over a request. `Stop` is taken at any time, every other one only when none is under way.
    fn command(&mut self, now: TimeNs, request: RobotRequest);
    /// The next answer or state, if there is one at `now`; also notices deadlines.
    fn poll(&mut self, now: TimeNs) -> Option<RobotReport>;
    /// Last known state with its stamp; the caller judges its age.
    fn state(&self) -> RobotState;
    /// When `poll` has something to do without anything arriving.
    fn deadline(&self) -> Option<TimeNs>;
}

/// Asks a camera to take and judge a picture with one job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InspectRequest {
    /// Name of the job, as in the cell file: `cannula-tip`.
    pub job: String,
    pub version: u32,
}

/// What a camera measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Inspection {
    /// Every measure that the cell file declares for the job, in its order.
    pub values: Vec<InspectedValue>,
}

/// One value of an inspection.
#[derive(Debug, Clone, PartialEq)]
pub struct InspectedValue {
    pub name: String,
    /// In the canonical unit of the dimension (mm for a length).
    pub value: f64,
    pub dimension: Dimension,
}

/// Asks a scanner to read the code in front of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ScanRequest;

/// A code that was read and checked (GS1 General Specifications, section 3).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ScannedCode {
    /// The element string as read, FNC1 as U+001D.
    pub element_string: String,
    /// AI (01): global trade item number, 14 digits, check digit right. The device identifier of a UDI.
    pub gtin: Option<String>,
    /// AI (10): batch or lot.
    pub lot: Option<String>,
    /// AI (17): expiry as `YYYY-MM-DD`.
    pub expiry: Option<String>,
    /// AI (21): serial number.
    pub serial: Option<String>,
}

/// Asks a printer for one label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrintRequest {
    /// What stands in the symbol, FNC1 as U+001D.
    pub element_string: String,
    /// What stands beside it for people, line by line.
    pub lines: Vec<String>,
}

/// How a print ended, by the printer's own word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrintEnd {
    Printed,
    /// It was not ready, and nothing of the label was sent to it.
    NotPrinted(PrinterTrouble),
    /// It stopped while the label was in it: what waited there is thrown away, and whether the label came out is not
    /// known.
    Broken(PrinterTrouble),
}

/// Driver of a camera.
pub type CameraDriver = dyn MessageDriver<Request = InspectRequest, Reply = Inspection> + Send;
/// Driver of a code scanner.
pub type ScannerDriver = dyn MessageDriver<Request = ScanRequest, Reply = ScannedCode> + Send;
/// Driver of a label printer.
pub type PrinterDriver = dyn MessageDriver<Request = PrintRequest, Reply = PrintEnd> + Send;
