//! The blocks of a pcapng file (draft-ietf-opsawg-pcapng): one section, one Ethernet interface.

use std::io::{self, Write};

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE_DESCRIPTION: u32 = 1;
const INTERFACE_STATISTICS: u32 = 5;
const ENHANCED_PACKET: u32 = 6;
const BYTE_ORDER_MAGIC: u32 = 0x1a2b_3c4d;
const LINKTYPE_ETHERNET: u16 = 1;

const OPT_END: u16 = 0;
const IF_NAME: u16 = 2;
const IF_TSRESOL: u16 = 9;
const SHB_USERAPPL: u16 = 4;
const EPB_FLAGS: u16 = 2;
const ISB_IFRECV: u16 = 4;
const ISB_IFDROP: u16 = 5;
/// `if_tsresol`: ten to the minus nine seconds.
const NANOSECONDS: u8 = 9;

/// The way of a frame, as `epb_flags` bits 0 and 1 say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Inbound = 1,
    Outbound = 2,
}

/// Puts one block together; its length stands before and behind its body.
struct Block(Vec<u8>);

impl Block {
    fn new(block_type: u32) -> Block {
        let mut bytes = block_type.to_le_bytes().to_vec();
        bytes.extend([0; 4]);
        Block(bytes)
    }

    fn bytes(mut self, bytes: &[u8]) -> Block {
        self.0.extend(bytes);
        self.0.resize(self.0.len().next_multiple_of(4), 0);
        self
    }

    fn option(mut self, code: u16, value: &[u8]) -> Block {
        self.0.extend(code.to_le_bytes());
        self.0.extend((value.len() as u16).to_le_bytes());
        self.bytes(value)
    }

    fn write(self, out: &mut impl Write) -> io::Result<()> {
        let mut bytes = self.option(OPT_END, &[]).0;
        let len = (bytes.len() as u32 + 4).to_le_bytes();
        bytes[4..8].copy_from_slice(&len);
        bytes.extend(len);
        out.write_all(&bytes)
    }
}

/// Section and interface. `interface`: its name in the file.
pub(crate) fn write_head(out: &mut impl Write, interface: &str, snap_len: u32) -> io::Result<()> {
    Block::new(SECTION_HEADER)
        .bytes(&BYTE_ORDER_MAGIC.to_le_bytes())
        .bytes(&[1, 0, 0, 0])
        .bytes(&u64::MAX.to_le_bytes())
        .option(SHB_USERAPPL, concat!("cellwright ", env!("CARGO_PKG_VERSION")).as_bytes())
        .write(out)?;
    let [lo, hi] = LINKTYPE_ETHERNET.to_le_bytes();
    Block::new(INTERFACE_DESCRIPTION)
        .bytes(&[lo, hi, 0, 0])
        .bytes(&snap_len.to_le_bytes())
        .option(IF_NAME, interface.as_bytes())
        .option(IF_TSRESOL, &[NANOSECONDS])
        .write(out)
}

/// One frame at `unix_ns`.
pub(crate) fn write_frame(
    out: &mut impl Write,
    unix_ns: u64,
    direction: Direction,
    frame: &[u8],
) -> io::Result<()> {
    let len = (frame.len() as u32).to_le_bytes();
    Block::new(ENHANCED_PACKET)
        .bytes(&0u32.to_le_bytes())
        .bytes(&timestamp(unix_ns))
        .bytes(&len)
        .bytes(&len)
        .bytes(frame)
        .option(EPB_FLAGS, &(direction as u32).to_le_bytes())
        .write(out)
}

/// At the end: frames written and frames that found the ring full.
pub(crate) fn write_statistics(
    out: &mut impl Write,
    unix_ns: u64,
    frames: u64,
    dropped: u64,
) -> io::Result<()> {
    Block::new(INTERFACE_STATISTICS)
        .bytes(&0u32.to_le_bytes())
        .bytes(&timestamp(unix_ns))
        .option(ISB_IFRECV, &(frames + dropped).to_le_bytes())
        .option(ISB_IFDROP, &dropped.to_le_bytes())
        .write(out)
}

/// Upper half first, each half in the byte order of the section.
fn timestamp(unix_ns: u64) -> [u8; 8] {
    let mut bytes = [0; 8];
    bytes[..4].copy_from_slice(&((unix_ns >> 32) as u32).to_le_bytes());
    bytes[4..].copy_from_slice(&(unix_ns as u32).to_le_bytes());
    bytes
}
