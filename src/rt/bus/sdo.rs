//! SDO requests and emergencies while armed (ETG.1000.6, 5.6.2 and 5.6.4): plain values of fixed size.

/// Most bytes that one SDO carries while armed: what fits a small mailbox without segments.
pub const SDO_BYTES_MAX: usize = 64;

/// The bytes of one object entry, little endian as on the wire.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SdoData {
    bytes: [u8; SDO_BYTES_MAX],
    len: u8,
}

impl SdoData {
    /// No bytes.
    pub const EMPTY: SdoData = SdoData { bytes: [0; SDO_BYTES_MAX], len: 0 };

    /// `None` if there are more than [`SDO_BYTES_MAX`] bytes.
    pub fn new(bytes: &[u8]) -> Option<SdoData> {
        let mut data = SdoData { bytes: [0; SDO_BYTES_MAX], len: u8::try_from(bytes.len()).ok()? };
        data.bytes.get_mut(..bytes.len())?.copy_from_slice(bytes);
        Some(data)
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// As an unsigned integer; `None` if longer than eight bytes.
    pub fn as_u64(&self) -> Option<u64> {
        let mut le = [0u8; 8];
        le.get_mut(..usize::from(self.len))?.copy_from_slice(self.as_bytes());
        Some(u64::from_le_bytes(le))
    }
}

impl core::fmt::Debug for SdoData {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{:02x?}", self.as_bytes())
    }
}

/// What to do with an object entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SdoOp {
    /// Read it.
    Upload,
    /// Write it; one to four bytes (expedited).
    Download(SdoData),
}

/// One access to a SubDevice's object dictionary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SdoRequest {
    /// SubDevice, from 0.
    pub position: u16,
    /// Object index.
    pub index: u16,
    /// Sub-index.
    pub sub: u8,
    /// Read or write.
    pub op: SdoOp,
}

/// Why an SDO failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SdoFault {
    /// The SubDevice refused, with its abort code (ETG.1000.6 table 41).
    Abort(u32),
    /// The SubDevice's mailbox refused, with its error detail (ETG.1000.4 table 30).
    Mailbox(u16),
    /// No answer within the bound.
    Timeout,
    /// The SubDevice has no CoE mailbox, or is not there.
    NoMailbox,
    /// The answer does not fit the request or is longer than [`SDO_BYTES_MAX`].
    Malformed,
    /// A download needs one to four bytes.
    Length,
    /// The bus went down.
    BusDown,
}

impl core::fmt::Display for SdoFault {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            SdoFault::Abort(code) => write!(f, "abort code {code:#010x}, {}", abort_text(*code)),
            SdoFault::Mailbox(detail) => write!(f, "mailbox error {detail:#06x}"),
            SdoFault::Timeout => f.write_str("no answer in time"),
            SdoFault::NoMailbox => f.write_str("no CoE mailbox"),
            SdoFault::Malformed => f.write_str("malformed answer"),
            SdoFault::Length => f.write_str("a download needs one to four bytes"),
            SdoFault::BusDown => f.write_str("the bus went down"),
        }
    }
}

/// The meaning of an SDO abort code (ETG.1000.6 table 41).
fn abort_text(code: u32) -> &'static str {
    match code {
        0x0503_0000 => "toggle bit not changed",
        0x0504_0000 => "SDO protocol timeout",
        0x0504_0001 => "command specifier not valid",
        0x0504_0005 => "out of memory",
        0x0601_0000 => "access not supported",
        0x0601_0001 => "entry is write-only",
        0x0601_0002 => "entry is read-only",
        0x0602_0000 => "object does not exist",
        0x0604_0041 => "object cannot be mapped",
        0x0604_0042 => "mapped objects exceed the PDO length",
        0x0604_0043 => "parameters incompatible",
        0x0606_0000 => "access failed because of a hardware error",
        0x0607_0010 => "length does not match",
        0x0607_0012 => "length too high",
        0x0607_0013 => "length too low",
        0x0609_0011 => "sub-index does not exist",
        0x0609_0030 => "value range exceeded",
        0x0609_0031 => "value too high",
        0x0609_0032 => "value too low",
        0x0800_0000 => "general error",
        0x0800_0020 => "data cannot be stored",
        0x0800_0021 => "data cannot be stored because of local control",
        0x0800_0022 => "data cannot be stored in the present state",
        _ => "unknown abort code",
    }
}

/// The answer to an [`SdoRequest`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SdoReply {
    /// What was asked.
    pub request: SdoRequest,
    /// The bytes read (none after a download), or why not.
    pub result: Result<SdoData, SdoFault>,
}

/// Another SDO is in work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Busy;

/// An emergency message of a SubDevice (ETG.1000.6, 5.6.4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Emergency {
    /// SubDevice, from 0.
    pub position: u16,
    /// Emergency error code (for drives: CiA 402, as in object 0x603F).
    pub code: u16,
    /// Error register, object 0x1001.
    pub register: u8,
    /// Manufacturer-specific bytes.
    pub data: [u8; 5],
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_keeps_its_length_and_reads_little_endian() {
        let data = SdoData::new(&[0x34, 0x12]).unwrap();
        assert_eq!(data.as_bytes(), [0x34, 0x12]);
        assert_eq!(data.as_u64(), Some(0x1234));
        assert_eq!(SdoData::new(&[0; 9]).unwrap().as_u64(), None);
        assert!(SdoData::new(&[0; SDO_BYTES_MAX + 1]).is_none());
    }
}
