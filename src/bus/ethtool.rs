//! What a network card does to frames before a program sees them, as `ethtool` shows it (linux/ethtool.h).
//!
//! Read only. A card or driver that does not know a question says so; that is no error.

use std::io;
use std::mem::size_of;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

const SIOCETHTOOL: libc::c_ulong = 0x8946;
const ETHTOOL_GCOALESCE: u32 = 0x0e;
const ETHTOOL_GGSO: u32 = 0x23;
const ETHTOOL_GFLAGS: u32 = 0x25;
const ETHTOOL_GGRO: u32 = 0x2b;
const ETHTOOL_GEEE: u32 = 0x44;
/// `ETH_FLAG_LRO` of `ETHTOOL_GFLAGS`.
const FLAG_LRO: u32 = 1 << 15;

/// `struct ethtool_value`.
#[repr(C)]
struct Value {
    cmd: u32,
    data: u32,
}

/// `struct ethtool_coalesce`: 23 numbers, of which the first ones are looked at.
#[repr(C)]
struct CoalesceAnswer {
    cmd: u32,
    rx_usecs: u32,
    rx_frames: u32,
    irq: [u32; 2],
    tx_usecs: u32,
    tx_frames: u32,
    more: [u32; 3],
    adaptive_rx: u32,
    adaptive_tx: u32,
    rest: [u32; 11],
}

/// `struct ethtool_eee`.
#[repr(C)]
struct EeeAnswer {
    cmd: u32,
    supported: u32,
    advertised: u32,
    lp_advertised: u32,
    eee_active: u32,
    eee_enabled: u32,
    tx_lpi_enabled: u32,
    tx_lpi_timer: u32,
    reserved: [u32; 2],
}

/// When the card raises an interrupt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coalescing {
    /// µs that a received frame may wait for others.
    pub rx_usecs: u32,
    /// The same for frames sent.
    pub tx_usecs: u32,
    /// The driver changes the times by load.
    pub adaptive: bool,
}

/// What is known of an interface; `None` where its driver does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Card {
    pub coalescing: Option<Coalescing>,
    /// Received frames are put together (GRO).
    pub gro: Option<bool>,
    /// Large receive offload, in the card.
    pub lro: Option<bool>,
    /// Frames are split late (GSO); harmless for single short frames.
    pub gso: Option<bool>,
    /// The link sleeps between frames (IEEE 802.3az).
    pub eee: Option<bool>,
}

/// Asks the driver of `interface`. Needs no privilege.
///
/// Errors: no such interface, or no socket.
pub fn card(interface: &str) -> io::Result<Card> {
    // SAFETY: no memory is passed.
    let fd = unsafe { libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: `fd` was just opened and belongs to nobody else.
    let socket = unsafe { OwnedFd::from_raw_fd(fd) };
    let value = |cmd| answered(ask(&socket, interface, Value { cmd, data: 0 }));
    let coalescing = answered(ask(&socket, interface, empty_coalesce()))?;
    let eee = answered(ask(&socket, interface, empty_eee()))?;
    Ok(Card {
        coalescing: coalescing.map(|c| Coalescing {
            rx_usecs: c.rx_usecs,
            tx_usecs: c.tx_usecs,
            adaptive: c.adaptive_rx != 0 || c.adaptive_tx != 0,
        }),
        gro: value(ETHTOOL_GGRO)?.map(|v| v.data != 0),
        lro: value(ETHTOOL_GFLAGS)?.map(|v| v.data & FLAG_LRO != 0),
        gso: value(ETHTOOL_GGSO)?.map(|v| v.data != 0),
        eee: eee.map(|e| e.eee_enabled != 0),
    })
}

fn empty_coalesce() -> CoalesceAnswer {
    CoalesceAnswer {
        cmd: ETHTOOL_GCOALESCE,
        rx_usecs: 0,
        rx_frames: 0,
        irq: [0; 2],
        tx_usecs: 0,
        tx_frames: 0,
        more: [0; 3],
        adaptive_rx: 0,
        adaptive_tx: 0,
        rest: [0; 11],
    }
}

fn empty_eee() -> EeeAnswer {
    EeeAnswer {
        cmd: ETHTOOL_GEEE,
        supported: 0,
        advertised: 0,
        lp_advertised: 0,
        eee_active: 0,
        eee_enabled: 0,
        tx_lpi_enabled: 0,
        tx_lpi_timer: 0,
        reserved: [0; 2],
    }
}

/// A driver that does not know the question is `None`; an interface that is not there is an error.
fn answered<T>(asked: io::Result<T>) -> io::Result<Option<T>> {
    match asked {
        Ok(answer) => Ok(Some(answer)),
        Err(e) if e.raw_os_error() == Some(libc::ENODEV) => Err(e),
        Err(_) => Ok(None),
    }
}

/// `question` is one of the structures above, with its command in the first word.
fn ask<T>(socket: &OwnedFd, interface: &str, mut question: T) -> io::Result<T> {
    const { assert!(size_of::<CoalesceAnswer>() == 23 * 4 && size_of::<EeeAnswer>() == 10 * 4) };
    // SAFETY: all-zero bytes are a valid ifreq.
    let mut request: libc::ifreq = unsafe { core::mem::zeroed() };
    let name = interface.as_bytes();
    if name.is_empty() || name.len() >= request.ifr_name.len() {
        return Err(io::Error::from_raw_os_error(libc::ENODEV));
    }
    for (to, &from) in request.ifr_name.iter_mut().zip(name) {
        *to = from as libc::c_char;
    }
    request.ifr_ifru.ifru_data = (&raw mut question).cast();
    // SAFETY: `request` names an interface and points to a structure of the size that its command word
    // tells the kernel, which lives through the call.
    let rc = unsafe { libc::ioctl(socket.as_raw_fd(), SIOCETHTOOL as _, &mut request) };
    if rc < 0 { Err(io::Error::last_os_error()) } else { Ok(question) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interface_that_is_not_there_is_an_error_and_loopback_answers_what_it_knows() {
        for name in ["", "no-such-if0", "a-name-longer-than-the-kernel-takes"] {
            assert_eq!(card(name).expect_err(name).raw_os_error(), Some(libc::ENODEV), "{name}");
        }
        let card = card("lo").expect("every Linux has it");
        assert!(card.gro.is_some() && card.eee.is_none(), "{card:?}");
    }
}
