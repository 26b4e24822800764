//! The bytes of mailbox messages: CoE expedited SDOs, normal uploads that fit one mailbox, aborts,
//! emergencies, mailbox errors (ETG.1000.4, clause 5.6; ETG.1000.6, clause 5.6).

use cellwright_rt::bus::{Emergency, SdoData, SdoFault, SdoOp, SdoRequest};

/// Bytes of the mailbox header.
const HEADER: usize = 6;
/// Bytes of an SDO message behind the mailbox header: CoE header, command, index, sub-index, four data.
const SDO: usize = 10;
/// Smallest mailbox that carries an expedited SDO.
pub(crate) const MAILBOX_BYTES_MIN: usize = HEADER + SDO;
/// Largest mailbox used: what one datagram in one frame carries, rounded down.
pub(crate) const MAILBOX_BYTES_MAX: usize = 1480;

const TYPE_ERROR: u8 = 0;
const TYPE_COE: u8 = 3;

const SERVICE_EMERGENCY: u16 = 1;
const SERVICE_SDO_REQUEST: u16 = 2;
const SERVICE_SDO_RESPONSE: u16 = 3;

const COMMAND_DOWNLOAD_RESPONSE: u8 = 3;
const COMMAND_UPLOAD_RESPONSE: u8 = 2;
const COMMAND_ABORT: u8 = 4;
const EXPEDITED: u8 = 0x02;
const SIZE_GIVEN: u8 = 0x01;

/// A message out of a SubDevice's mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Message {
    /// The answer to an SDO of this index and sub-index.
    Sdo {
        index: u16,
        sub: u8,
        result: Result<SdoAnswer, SdoFault>,
    },
    Emergency(Emergency),
    /// The mailbox layer refused the last message, with its error detail.
    Error(u16),
    /// Something that nobody here asked for.
    Other,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SdoAnswer {
    Uploaded(SdoData),
    Downloaded,
}

/// Writes the request into `out`, which is as long as the mailbox, and zeroes the rest. `counter`: 1 to 7.
/// `Err` if the request cannot be expressed.
pub(crate) fn encode(request: &SdoRequest, counter: u8, out: &mut [u8]) -> Result<(), SdoFault> {
    out.fill(0);
    let message = out.get_mut(..MAILBOX_BYTES_MIN).ok_or(SdoFault::NoMailbox)?;
    message[0..2].copy_from_slice(&(SDO as u16).to_le_bytes());
    message[5] = TYPE_COE | (counter & 7) << 4;
    message[6..8].copy_from_slice(&(SERVICE_SDO_REQUEST << 12).to_le_bytes());
    message[9..11].copy_from_slice(&request.index.to_le_bytes());
    message[11] = request.sub;
    match &request.op {
        SdoOp::Upload => message[8] = 0x40,
        SdoOp::Download(data) => {
            let bytes = data.as_bytes();
            if !(1..=4).contains(&bytes.len()) {
                return Err(SdoFault::Length);
            }
            message[8] = 0x20 | (4 - bytes.len() as u8) << 2 | EXPEDITED | SIZE_GIVEN;
            message[12..12 + bytes.len()].copy_from_slice(bytes);
        }
    }
    Ok(())
}

/// Reads one message of the SubDevice at `position`.
pub(crate) fn decode(position: u16, mailbox: &[u8]) -> Message {
    let Some((header, rest)) = mailbox.split_at_checked(HEADER) else { return Message::Other };
    let len = usize::from(u16::from_le_bytes([header[0], header[1]]));
    let Some(body) = rest.get(..len) else { return Message::Other };
    match (header[5] & 0x0f, body) {
        (TYPE_ERROR, &[_, _, lo, hi, ..]) => Message::Error(u16::from_le_bytes([lo, hi])),
        (TYPE_COE, &[lo, hi, ref coe @ ..]) => match u16::from_le_bytes([lo, hi]) >> 12 {
            SERVICE_EMERGENCY => decode_emergency(position, coe),
            SERVICE_SDO_REQUEST | SERVICE_SDO_RESPONSE => decode_sdo(coe),
            _ => Message::Other,
        },
        _ => Message::Other,
    }
}

fn decode_emergency(position: u16, coe: &[u8]) -> Message {
    match *coe {
        [lo, hi, register, a, b, c, d, e, ..] => Message::Emergency(Emergency {
            position,
            code: u16::from_le_bytes([lo, hi]),
            register,
            data: [a, b, c, d, e],
        }),
        _ => Message::Other,
    }
}

fn decode_sdo(coe: &[u8]) -> Message {
    let &[command, index_lo, index_hi, sub, ref data @ ..] = coe else { return Message::Other };
    let Some((four, more)) = data.split_first_chunk::<4>() else { return Message::Other };
    let result = match command >> 5 {
        COMMAND_ABORT => Err(SdoFault::Abort(u32::from_le_bytes(*four))),
        COMMAND_DOWNLOAD_RESPONSE => Ok(SdoAnswer::Downloaded),
        COMMAND_UPLOAD_RESPONSE => uploaded(command, four, more),
        _ => Err(SdoFault::Malformed),
    };
    Message::Sdo { index: u16::from_le_bytes([index_lo, index_hi]), sub, result }
}

/// An expedited upload carries up to four bytes; a normal one their number, and the bytes behind it.
fn uploaded(command: u8, four: &[u8; 4], more: &[u8]) -> Result<SdoAnswer, SdoFault> {
    let bytes = if command & EXPEDITED != 0 {
        let unused = if command & SIZE_GIVEN != 0 { usize::from(command >> 2 & 3) } else { 0 };
        &four[..4 - unused]
    } else {
        // More bytes than this message holds would follow in segments, which are not carried while armed.
        more.get(..u32::from_le_bytes(*four) as usize).ok_or(SdoFault::Malformed)?
    };
    SdoData::new(bytes).map(SdoAnswer::Uploaded).ok_or(SdoFault::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn coe(service: u16, body: &[u8]) -> Vec<u8> {
        let mut m = ((body.len() + 2) as u16).to_le_bytes().to_vec();
        m.extend([0, 0, 0, TYPE_COE | 0x10]);
        m.extend((service << 12).to_le_bytes());
        m.extend(body);
        m.resize(64, 0);
        m
    }

    #[test]
    fn requests_have_the_bytes_of_the_standard() {
        let mut out = [0xff; 32];
        let upload = SdoRequest { position: 0, index: 0x1018, sub: 1, op: SdoOp::Upload };
        encode(&upload, 3, &mut out).unwrap();
        assert_eq!(out[..16], [10, 0, 0, 0, 0, 0x33, 0, 0x20, 0x40, 0x18, 0x10, 1, 0, 0, 0, 0]);
        assert!(out[16..].iter().all(|&b| b == 0), "the rest of the mailbox is zero");
        let op = SdoOp::Download(SdoData::new(&[8]).unwrap());
        encode(&SdoRequest { index: 0x6060, sub: 0, op, ..upload }, 1, &mut out).unwrap();
        assert_eq!(out[8..16], [0x2f, 0x60, 0x60, 0, 8, 0, 0, 0]);
        for len in [0, 5] {
            let op = SdoOp::Download(SdoData::new(&vec![0; len]).unwrap());
            assert_eq!(encode(&SdoRequest { op, ..upload }, 1, &mut out), Err(SdoFault::Length));
        }
        assert_eq!(encode(&upload, 1, &mut out[..15]), Err(SdoFault::NoMailbox));
    }

    #[test]
    fn answers_are_read() {
        let sdo = |result| Message::Sdo { index: 0x1018, sub: 1, result };
        let data = |b: &[u8]| Ok(SdoAnswer::Uploaded(SdoData::new(b).unwrap()));
        let two = coe(3, &[0x4b, 0x18, 0x10, 1, 0xaa, 0xbb, 0, 0]);
        assert_eq!(decode(0, &two), sdo(data(&[0xaa, 0xbb])));
        let normal = coe(3, &[0x41, 0x18, 0x10, 1, 5, 0, 0, 0, b'd', b'r', b'i', b'v', b'e']);
        assert_eq!(decode(0, &normal), sdo(data(b"drive")));
        let segmented = coe(3, &[0x41, 0x18, 0x10, 1, 60, 0, 0, 0, b'd']);
        assert_eq!(decode(0, &segmented), sdo(Err(SdoFault::Malformed)));
        assert_eq!(decode(0, &coe(3, &[0x60, 0x18, 0x10, 1, 0, 0, 0, 0])), sdo(Ok(SdoAnswer::Downloaded)));
        let abort = coe(2, &[0x80, 0x18, 0x10, 1, 0, 0, 2, 6]);
        assert_eq!(decode(0, &abort), sdo(Err(SdoFault::Abort(0x0602_0000))));
    }

    #[test]
    fn emergencies_and_mailbox_errors_are_told_apart() {
        let emergency = Emergency { position: 4, code: 0x8611, register: 0x21, data: [1, 2, 3, 4, 5] };
        assert_eq!(decode(4, &coe(1, &[0x11, 0x86, 0x21, 1, 2, 3, 4, 5])), Message::Emergency(emergency));
        let error = [4, 0, 0, 0, 0, 0x10, 1, 0, 2, 0];
        assert_eq!(decode(0, &error), Message::Error(2));
    }

    #[test]
    fn no_bytes_panic() {
        let full = coe(3, &[0x41, 0x18, 0x10, 1, 5, 0, 0, 0, 1, 2, 3, 4, 5]);
        for len in 0..full.len() {
            decode(0, &full[..len]);
            for at in 0..len {
                let mut bytes = full[..len].to_vec();
                bytes[at] ^= 0xff;
                decode(0, &bytes);
            }
        }
    }
}
