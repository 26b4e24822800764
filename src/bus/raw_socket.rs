//! A link over one network interface: an AF_PACKET socket for EtherCAT's EtherType 0x88A4.

use std::ffi::CString;
use std::io;
use std::mem::size_of;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use cellwright_model::DurationNs;
use cellwright_rt::bus::BusFault;
use cellwright_rt::clock::{Clock, MonotonicClock};

use crate::link::Link;

const ETHERTYPE_ETHERCAT: u16 = 0x88a4;
/// `PACKET_IGNORE_OUTGOING`, Linux 4.20 and later: our own frames are not received.
const PACKET_IGNORE_OUTGOING: libc::c_int = 23;
/// Foreign frames that are passed over at once, so that a flood of them holds nobody beyond his deadline.
const SKIPPED_MAX: usize = 64;
/// An EtherCAT frame with a full datagram needs the whole standard payload.
const MTU_MIN: libc::c_int = 1500;

/// How to wait for a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// Sleep in `ppoll`: for one or two cores, and wherever a SubDevice emulator shares the machine.
    Sleep,
    /// Ask again and again: a few microseconds less on a core of its own.
    Spin,
}

/// Frames over a network interface. Needs CAP_NET_RAW.
#[derive(Debug)]
pub struct RawSocketLink {
    socket: OwnedFd,
    wait: Wait,
    clock: MonotonicClock,
}

impl RawSocketLink {
    /// Opens `interface`. It must be up and have an MTU of 1500 or more; its address does not matter, and
    /// promiscuous mode is not needed, for EtherCAT frames are broadcasts.
    ///
    /// # Errors
    /// [`BusFault::NoLink`] with what the system said.
    pub fn open(interface: &str, wait: Wait) -> Result<RawSocketLink, BusFault> {
        open(interface, wait).map_err(|error| BusFault::NoLink {
            link: interface.to_owned(),
            cause: match error.kind() {
                io::ErrorKind::PermissionDenied => "no permission for raw sockets (CAP_NET_RAW)".to_owned(),
                _ => error.to_string(),
            },
        })
    }

    /// One frame if there is one, without waiting.
    fn take(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        for _ in 0..SKIPPED_MAX {
            // SAFETY: all-zero bytes are a valid sockaddr_ll.
            let mut from: libc::sockaddr_ll = unsafe { core::mem::zeroed() };
            let mut from_len = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
            // SAFETY: `buffer` and `from` are valid for writes of the lengths given with them.
            let n = unsafe {
                libc::recvfrom(
                    self.socket.as_raw_fd(),
                    buffer.as_mut_ptr().cast(),
                    buffer.len(),
                    libc::MSG_DONTWAIT,
                    (&raw mut from).cast(),
                    &mut from_len,
                )
            };
            if n >= 0 {
                // Our own, and what is not for us: EtherCAT frames are broadcasts. The kernel takes a VLAN tag off and
                // marks a frame that had one of somebody else's network as meant for another host.
                if matches!(from.sll_pkttype, libc::PACKET_OUTGOING | libc::PACKET_OTHERHOST) {
                    continue;
                }
                return Ok(Some(n as usize));
            }
            let error = io::Error::last_os_error();
            match error.kind() {
                io::ErrorKind::WouldBlock => return Ok(None),
                io::ErrorKind::Interrupted => {}
                _ => return Err(error),
            }
        }
        Ok(None)
    }

    /// Sleeps until a frame is there or `wait` is over.
    fn sleep(&self, wait: DurationNs) -> io::Result<()> {
        let timeout = libc::timespec {
            tv_sec: (wait.0 / 1_000_000_000) as libc::time_t,
            tv_nsec: (wait.0 % 1_000_000_000) as libc::c_long,
        };
        let mut ready = libc::pollfd { fd: self.socket.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: one pollfd and a timespec that live through the call; no signal mask is given.
        let rc = unsafe { libc::ppoll(&mut ready, 1, &timeout, core::ptr::null()) };
        if rc < 0 {
            let error = io::Error::last_os_error();
            if error.kind() != io::ErrorKind::Interrupted {
                return Err(error);
            }
        }
        Ok(())
    }
}

impl Link for RawSocketLink {
    fn send(&mut self, frame: &[u8]) -> io::Result<()> {
        // SAFETY: `frame` is valid for reads of its length.
        let n = unsafe {
            libc::send(self.socket.as_raw_fd(), frame.as_ptr().cast(), frame.len(), libc::MSG_DONTWAIT)
        };
        match usize::try_from(n) {
            Ok(sent) if sent == frame.len() => Ok(()),
            Ok(_) => Err(io::ErrorKind::WriteZero.into()),
            Err(_) => Err(io::Error::last_os_error()),
        }
    }

    fn receive(&mut self, buffer: &mut [u8], wait: DurationNs) -> io::Result<Option<usize>> {
        if let Some(len) = self.take(buffer)? {
            return Ok(Some(len));
        }
        let end = self.clock.now() + wait;
        loop {
            let left = end.since(self.clock.now());
            if left == DurationNs(0) {
                return Ok(None);
            }
            match self.wait {
                Wait::Sleep => self.sleep(left)?,
                Wait::Spin => core::hint::spin_loop(),
            }
            if let Some(len) = self.take(buffer)? {
                return Ok(Some(len));
            }
        }
    }
}

fn open(interface: &str, wait: Wait) -> io::Result<RawSocketLink> {
    let protocol = ETHERTYPE_ETHERCAT.to_be();
    // SAFETY: no memory is passed.
    let fd = unsafe { libc::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_CLOEXEC, protocol.into()) };
    let fd = check(fd)?;
    // SAFETY: `fd` was just opened and belongs to nobody else.
    let socket = unsafe { OwnedFd::from_raw_fd(fd) };
    let index = usable_index(&socket, interface)?;
    let on: libc::c_int = 1;
    // Not on old kernels; there `take` drops our own frames by their packet type.
    // SAFETY: `on` is valid for reads of the length given.
    unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_PACKET,
            PACKET_IGNORE_OUTGOING,
            (&raw const on).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        )
    };
    // SAFETY: all-zero bytes are a valid sockaddr_ll.
    let mut address: libc::sockaddr_ll = unsafe { core::mem::zeroed() };
    address.sll_family = libc::AF_PACKET as libc::c_ushort;
    address.sll_protocol = protocol;
    address.sll_ifindex = index;
    let len = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
    // SAFETY: `address` is a valid sockaddr_ll of the length given.
    check(unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), len) })?;
    Ok(RawSocketLink { socket, wait, clock: MonotonicClock })
}

/// The index of an interface that exists, is up and carries full frames.
fn usable_index(socket: &OwnedFd, interface: &str) -> io::Result<libc::c_int> {
    let name = CString::new(interface)?;
    // SAFETY: `name` ends with a zero byte.
    let index = unsafe { libc::if_nametoindex(name.as_ptr()) };
    let index = libc::c_int::try_from(index).map_err(|_| io::ErrorKind::InvalidInput)?;
    if index == 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: all-zero bytes are a valid ifreq.
    let mut request: libc::ifreq = unsafe { core::mem::zeroed() };
    let name = name.as_bytes_with_nul();
    // `if_nametoindex` has refused names that are longer than this.
    for (to, &from) in request.ifr_name.iter_mut().zip(name) {
        *to = from as libc::c_char;
    }
    // SAFETY: `request` is an ifreq with a name, which these two requests read and fill.
    check(unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCGIFFLAGS as _, &mut request) })?;
    // SAFETY: SIOCGIFFLAGS has filled this member.
    let flags = unsafe { request.ifr_ifru.ifru_flags };
    if libc::c_int::from(flags) & libc::IFF_UP == 0 {
        return Err(io::Error::new(io::ErrorKind::NetworkDown, "the interface is down"));
    }
    // SAFETY: as above.
    check(unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCGIFMTU as _, &mut request) })?;
    // SAFETY: SIOCGIFMTU has filled this member.
    let mtu = unsafe { request.ifr_ifru.ifru_mtu };
    if mtu < MTU_MIN {
        return Err(io::Error::new(io::ErrorKind::Unsupported, format!("its MTU is {mtu}, below {MTU_MIN}")));
    }
    Ok(index)
}

fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interface_that_is_not_there_is_named() {
        let fault = RawSocketLink::open("no-such-if0", Wait::Sleep).unwrap_err();
        let BusFault::NoLink { link, cause } = &fault else { panic!("{fault}") };
        assert_eq!(link, "no-such-if0");
        assert!(!cause.is_empty());
        assert!(fault.to_string().contains("CAP_NET_RAW"), "{fault}");
    }
}
