//! The bytes of an EtherCAT frame: the sequence mark that we write into it, and the skeleton by which a
//! reply is recognised (ETG.1000.4, clauses 5.3 and 5.4).
//!
//! ethercrab matches a reply by the first datagram's 8-bit index alone, so a backlog delivered after a
//! stall could pass for the current frame. The lower four bytes of the source address carry a 32-bit
//! sequence instead: SubDevices pass them on unchanged, and set only bit 0x02 of the first byte.

/// Longest Ethernet frame without its check sequence.
pub(crate) const FRAME_BYTES_MAX: usize = 1514;
/// Room to receive into: a frame, a VLAN tag or a check sequence that a driver left on.
pub(crate) const RECEIVE_BYTES: usize = 1536;
/// Ethernet frames are padded to this many bytes on a wire.
const FRAME_BYTES_MIN: usize = 60;

const ETHERNET_HEADER: usize = 14;
const ETHERCAT_HEADER: usize = 2;
const DATAGRAM_HEADER: usize = 10;
const WKC: usize = 2;
const ETHERTYPE: [u8; 2] = [0x88, 0xa4];
/// First two bytes of the source address, as ethercrab sends them and as the first SubDevice returns them.
const SOURCE_RETURNED: [u8; 2] = [0x12, 0x10];
/// Length and "more datagrams follow" of a datagram's flag word; the reserved bits are not looked at.
const LENGTH_AND_MORE: u16 = 0x87ff;
const MORE: u16 = 0x8000;
const LENGTH: u16 = 0x07ff;
/// Set by a SubDevice with a closed port 0 when a frame has come round once: such a frame is not a reply.
const CIRCULATING: u16 = 0x4000;

/// Bytes of a frame that are not datagrams.
pub(crate) const FRAME_OVERHEAD: usize = ETHERNET_HEADER + ETHERCAT_HEADER;
/// Bytes of a datagram that are not data.
pub(crate) const DATAGRAM_OVERHEAD: usize = DATAGRAM_HEADER + WKC;

/// Writes `sequence` into bytes 2 to 5 of the source address.
pub(crate) fn mark(frame: &mut [u8], sequence: u32) {
    if let Some(place) = frame.get_mut(8..12) {
        place.copy_from_slice(&sequence.to_be_bytes());
    }
}

/// The sequence of a frame that has the form of a returned frame of ours; `None` for any other.
pub(crate) fn returned_sequence(frame: &[u8]) -> Option<u32> {
    let header = frame.get(..ETHERNET_HEADER)?;
    if header[6..8] != SOURCE_RETURNED || header[12..14] != ETHERTYPE {
        return None;
    }
    Some(u32::from_be_bytes([header[8], header[9], header[10], header[11]]))
}

/// The index of the first datagram of a frame that we send.
pub(crate) fn first_index(frame: &[u8]) -> Option<u8> {
    frame.get(FRAME_OVERHEAD + 1).copied()
}

/// How the address of a datagram comes back.
fn address_hops(command: u8) -> bool {
    // APRD, APWR, APRW, BRD, BWR, BRW, ARMW: every SubDevice adds one to ADP (ETG.1000.4, 5.4.1.2).
    matches!(command, 1..=3 | 7..=9 | 13)
}

/// Whether `got` can be the reply to `sent`: same length (or padded to the Ethernet minimum), same
/// headers, and datagram by datagram the same command, index, address, length and order.
pub(crate) fn reply_fits(sent: &[u8], got: &[u8]) -> bool {
    if got.len() != sent.len() && !(sent.len() < FRAME_BYTES_MIN && got.len() == FRAME_BYTES_MIN) {
        return false;
    }
    let Some((sent_head, mut sent_rest)) = sent.split_at_checked(FRAME_OVERHEAD) else { return false };
    let Some((got_head, mut got_rest)) = got.split_at_checked(FRAME_OVERHEAD) else { return false };
    // Destination, type and EtherCAT header; the source address was looked at before.
    if sent_head[..6] != got_head[..6] || sent_head[12..] != got_head[12..] {
        return false;
    }
    loop {
        let Some(len) = datagram_fits(sent_rest, got_rest) else { return false };
        let more = u16::from_le_bytes([sent_rest[6], sent_rest[7]]) & MORE != 0;
        if !more {
            return true;
        }
        // `datagram_fits` has checked that both are at least this long.
        sent_rest = &sent_rest[len..];
        got_rest = &got_rest[len..];
    }
}

/// The length of the datagram at the start of both, if they are the same but for data, IRQ and WKC.
fn datagram_fits(sent: &[u8], got: &[u8]) -> Option<usize> {
    let (s, g) = (sent.get(..DATAGRAM_HEADER)?, got.get(..DATAGRAM_HEADER)?);
    let flags = |d: &[u8]| u16::from_le_bytes([d[6], d[7]]);
    let address_from = if address_hops(s[0]) { 4 } else { 2 };
    let same = s[..2] == g[..2]
        && s[address_from..6] == g[address_from..6]
        && flags(s) & LENGTH_AND_MORE == flags(g) & LENGTH_AND_MORE
        && flags(g) & CIRCULATING == 0;
    let len = DATAGRAM_HEADER + usize::from(flags(s) & LENGTH) + WKC;
    (same && sent.len() >= len && got.len() >= len).then_some(len)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A frame as ethercrab makes it, of (command, index, address, data length).
    pub(crate) fn frame(datagrams: &[(u8, u8, u32, usize)]) -> Vec<u8> {
        let mut payload = Vec::new();
        for (i, &(command, index, address, len)) in datagrams.iter().enumerate() {
            let more = if i + 1 < datagrams.len() { MORE } else { 0 };
            payload.extend([command, index]);
            payload.extend(address.to_le_bytes());
            payload.extend((len as u16 | more).to_le_bytes());
            payload.extend([0, 0]);
            payload.extend(vec![0; len + WKC]);
        }
        let mut frame = vec![0xff; 6];
        frame.extend([0x10; 6]);
        frame.extend(ETHERTYPE);
        frame.extend((payload.len() as u16 | 0x1000).to_le_bytes());
        frame.extend(payload);
        frame
    }

    fn returned(sent: &[u8]) -> Vec<u8> {
        let mut got = sent.to_vec();
        got[6] |= 0x02;
        got
    }

    #[test]
    fn the_sequence_survives_the_way() {
        let mut sent = frame(&[(12, 7, 0, 4)]);
        mark(&mut sent, 0xdead_beef);
        assert_eq!(returned_sequence(&sent), None, "a frame that no SubDevice has seen is not a reply");
        assert_eq!(returned_sequence(&returned(&sent)), Some(0xdead_beef));
        assert_eq!(returned_sequence(&[0x12; 13]), None);
    }

    #[test]
    fn a_reply_may_differ_in_data_wkc_irq_and_hops_only() {
        let sent = frame(&[(12, 7, 0x40, 4), (4, 8, 0x0130_1001, 2), (7, 9, 0x0130_0000, 2)]);
        let good = returned(&sent);
        assert!(reply_fits(&sent, &good));
        let change = |at: usize, to: u8| {
            let mut got = good.clone();
            got[at] ^= to;
            reply_fits(&sent, &got)
        };
        assert!(change(16 + 10, 0xff), "data");
        assert!(change(16 + 14, 0xff), "working counter");
        assert!(change(16 + 8, 0xff), "IRQ");
        assert!(change(16 + 16 + 14 + 2, 3), "hops of a broadcast");
        assert!(!change(16, 1), "command");
        assert!(!change(17, 1), "index");
        assert!(!change(18, 1), "logical address");
        assert!(!change(16 + 6, 1), "length");
        assert!(!change(16 + 7, 0x80), "more");
        assert!(!change(16 + 7, 0x40), "circulating");
        assert!(!change(16 + 16 + 3, 1), "station address");
        assert!(!change(16 + 16 + 14 + 4, 1), "register of a broadcast");
        assert!(!change(14, 1), "EtherCAT length");
        assert!(!change(0, 1), "destination");
    }

    #[test]
    fn truncated_and_overlong_replies_are_refused_and_padding_is_not() {
        let sent = frame(&[(4, 8, 0x0130_1001, 2)]);
        let good = returned(&sent);
        for len in 0..good.len() {
            assert!(!reply_fits(&sent, &good[..len]), "truncated to {len}");
        }
        let mut padded = good.clone();
        padded.resize(60, 0);
        assert!(reply_fits(&sent, &padded));
        padded.resize(61, 0);
        assert!(!reply_fits(&sent, &padded));
        assert!(!reply_fits(&[], &[]));
    }
}
