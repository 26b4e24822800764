//! EtherCAT through ethercrab, on one thread: the implementation of [`cellwright_rt::bus::Bus`].
//!
//! Terms: the *MainDevice* is this program; *SubDevices* are the devices on the wire, by *position* from
//! 0. A *frame* is one Ethernet frame of type 0x88A4 with one or more *datagrams* (PDUs), each with a
//! command, an 8-bit index, an address, data and a *working counter* (WKC) (ETG.1000.4, clause 5). A
//! *link* carries frames: in process to a twin segment, or over a raw socket. The *pump* polls
//! ethercrab's futures, sends what they ask for and admits only replies that belong to a frame in flight.
//!
//! [`with_bus`] makes a bus and lends it to a closure; it owns ethercrab's storage, so a bus leaves
//! nothing behind, and any number of them, on real and virtual clocks, live in one process. Once armed an
//! exchange allocates nothing and logs nothing; ethercrab's own lock is taken by one thread only and so
//! never waits.
//!
//! | file | subject |
//! | --- | --- |
//! | `link`, `raw_socket` | what carries frames |
//! | `ethtool` | what a network card does to frames: coalescing, offloads, EEE |
//! | `capture`, `pcapng` | a tap on any link, and the file it fills |
//! | `frame` | the bytes of a frame: sequence mark, datagram skeleton |
//! | `pump` | frames in flight, their admission, deadlines |
//! | `time` | the time below ethercrab |
//! | `stages` | how long the stages of arming took |
//! | `bring_up`, `group` | from power-on to OP; the cyclic exchange |
//! | `dc` | distributed clocks: SYNC0, agreement before OP |
//! | `owned` | a bus that owns its storage |
//! | `ask`, `survey`, `sii` | what stands on a segment, without a main device |
//! | `coe`, `mailbox` | SDOs and emergencies while armed |

pub mod ask;
mod bring_up;
pub mod capture;
mod coe;
mod dc;
pub mod ethtool;
mod frame;
mod group;
pub mod link;
mod mailbox;
mod owned;
mod pcapng;
mod pump;
pub mod raw_socket;
pub mod sii;
mod stages;
pub mod survey;
mod time;

pub use dc::DcConfig;
pub use group::{BusConfig, EthercrabBus, ExpectedSubDevice, StartUpSdo, with_bus};
pub use link::{InProcessLink, InProcessSegment, Link};
pub use owned::OwnedBus;
pub use raw_socket::{RawSocketLink, Wait};
pub use stages::StageTime;
