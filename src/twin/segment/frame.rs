//! Frames and datagrams (ETG.1000.4, clause 5).
//!
//! ```text
//!  0      6      12   14   16          26                     16+…
//!  ├ dst ─┼ src ─┼type┼len─┼ datagram header (10) ┼ data ┼ WKC ┼ next datagram …
//! ```

/// Ethernet header and EtherCAT header come first.
pub(super) const FIRST_DATAGRAM: usize = 16;
const ETHERTYPE: [u8; 2] = [0x88, 0xA4];
const DATAGRAM_HEADER: usize = 10;
const WKC: usize = 2;
/// Most data of one datagram: the length field has eleven bits.
pub(super) const MAX_DATA: usize = 2048;

/// What is wrong with a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Malformed {
    /// Shorter than its headers and one empty datagram.
    TooShort,
    /// EtherType is not 0x88A4.
    NotEtherCat,
    /// The protocol type of the EtherCAT header is not 1 (EtherCAT commands).
    NotCommands,
    /// The EtherCAT header announces more bytes than the frame has.
    LengthBeyondFrame,
    /// A datagram does not fit the announced length.
    DatagramTruncated,
}

/// Commands of a datagram (ETG.1000.4, table of service commands).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Command {
    Nop,
    Aprd,
    Apwr,
    Aprw,
    Fprd,
    Fpwr,
    Fprw,
    Brd,
    Bwr,
    Brw,
    Lrd,
    Lwr,
    Lrw,
    Armw,
    Frmw,
}

impl Command {
    /// SubDevices let a command that they do not know pass untouched, which is what NOP does.
    fn from_wire(code: u8) -> Command {
        use Command::*;
        const BY_CODE: [Command; 15] =
            [Nop, Aprd, Apwr, Aprw, Fprd, Fpwr, Fprw, Brd, Bwr, Brw, Lrd, Lwr, Lrw, Armw, Frmw];
        BY_CODE.get(usize::from(code)).copied().unwrap_or(Nop)
    }

    fn is_read_write(self) -> bool {
        matches!(self, Command::Aprw | Command::Fprw | Command::Brw | Command::Lrw)
    }
}

/// One datagram while it passes.
pub(super) struct Datagram<'f> {
    header: &'f mut [u8],
    pub(super) data: &'f mut [u8],
    trailer: &'f mut [u8],
    pub(super) command: Command,
    pub(super) adp: u16,
    pub(super) ado: u16,
    pub(super) irq: u16,
    pub(super) wkc: u16,
}

impl Datagram<'_> {
    /// Raises the working counter: +1 read, +1 write; in a read-write command the write counts 2.
    pub(super) fn count(&mut self, read: bool, written: bool) {
        let write = if self.command.is_read_write() { 2 } else { 1 };
        let add = u16::from(read) + write * u16::from(written);
        self.wkc = self.wkc.wrapping_add(add);
    }

    /// Writes address, event request and working counter back into the frame.
    pub(super) fn finish(self) {
        if !matches!(self.command, Command::Lrd | Command::Lwr | Command::Lrw) {
            self.header[2..4].copy_from_slice(&self.adp.to_le_bytes());
        }
        self.header[8..10].copy_from_slice(&self.irq.to_le_bytes());
        self.trailer.copy_from_slice(&self.wkc.to_le_bytes());
    }
}

fn word(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

/// Length of the data that a datagram header announces, and whether another datagram follows.
fn extent(header: &[u8]) -> (usize, bool) {
    let length = word(header, 6);
    (usize::from(length & 0x07FF), length & 0x8000 != 0)
}

/// Checks the skeleton of a frame, so that processing changes nothing of one that is malformed.
pub(super) fn check(frame: &[u8]) -> Result<(), Malformed> {
    if frame.len() < FIRST_DATAGRAM + DATAGRAM_HEADER + WKC {
        return Err(Malformed::TooShort);
    }
    if frame[12..14] != ETHERTYPE {
        return Err(Malformed::NotEtherCat);
    }
    let header = word(frame, 14);
    if header >> 12 != 1 {
        return Err(Malformed::NotCommands);
    }
    let mut left = usize::from(header & 0x07FF);
    if left > frame.len() - FIRST_DATAGRAM {
        return Err(Malformed::LengthBeyondFrame);
    }
    let mut at = FIRST_DATAGRAM;
    loop {
        if left < DATAGRAM_HEADER + WKC {
            return Err(Malformed::DatagramTruncated);
        }
        let (data, more) = extent(&frame[at..]);
        let size = DATAGRAM_HEADER + data + WKC;
        if left < size {
            return Err(Malformed::DatagramTruncated);
        }
        if !more {
            return Ok(());
        }
        (left, at) = (left - size, at + size);
    }
}

/// Splits the first datagram off `bytes`; what follows is empty after the last one.
pub(super) fn next(bytes: &mut [u8]) -> Option<(Datagram<'_>, &mut [u8])> {
    if bytes.len() < DATAGRAM_HEADER + WKC {
        return None;
    }
    let (length, more) = extent(bytes);
    let (header, rest) = bytes.split_at_mut(DATAGRAM_HEADER);
    if rest.len() < length + WKC {
        return None;
    }
    let (data, rest) = rest.split_at_mut(length);
    let (trailer, rest) = rest.split_at_mut(WKC);
    let datagram = Datagram {
        command: Command::from_wire(header[0]),
        adp: word(header, 2),
        ado: word(header, 4),
        irq: word(header, 8),
        wkc: word(trailer, 0),
        header,
        data,
        trailer,
    };
    Some((datagram, if more { rest } else { &mut [] }))
}
