//! How SubDevices are joined, and the way of a frame past them (ETG.1000.4, order of the ports).
//!
//! *Port 0* of a SubDevice leads towards the MainDevice. A frame that comes in there is processed, leaves by port 3,
//! then by port 1, then by port 2, each time to come back by the same port, and goes back out of port 0. A port
//! without a link is closed: the frame turns round inside the ESC. The *order of the wire* is that in which frames
//! are processed; positions and auto-increment addresses follow it.
//!
//! ```text
//!   MainDevice ══0 A 1══0 B            order of the wire: A, C, B, or with C at port 2: A, B, C
//!                 3
//!                 ╚════0 C
//! ```

pub(super) use cellwright_model::wiring::PORTS;
use cellwright_model::wiring::{LEAVES_BY, Upstream};

/// When a frame comes to each port, in hops after it left the MainDevice; `None`: it never does.
pub(super) type Arrivals = [Option<u32>; PORTS];

/// What is joined to a SubDevice.
#[derive(Debug, Clone)]
struct Joint {
    /// `None`: the MainDevice.
    upstream: Option<Upstream>,
    /// Positions of the SubDevices at ports 1 to 3.
    downstream: [Option<usize>; PORTS],
    /// The cable at port 0 is whole.
    whole: bool,
    links: [bool; PORTS],
    arrivals: Arrivals,
    reached: bool,
}

/// See the module text.
pub(super) struct Topology {
    joints: Vec<Joint>,
    /// Positions that frames reach, in the order of the wire.
    way: Vec<usize>,
}

/// What is wrong with a wiring; positions are those of the list that was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WiringError {
    /// The first SubDevice hangs on another one, or a later one on none that stands before it.
    NoUpstream { position: usize },
    /// Downstream ports are 1, 2 and 3.
    NoSuchPort { position: usize, port: u8 },
    /// Two cables at one port.
    PortTaken { position: usize, port: u8, by: usize },
    /// Frames come to this position later or earlier than the list says.
    NotInOrder { position: usize },
}

impl core::fmt::Display for WiringError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            WiringError::NoUpstream { position } => {
                write!(f, "SubDevice {position} hangs on no SubDevice before it")
            }
            WiringError::NoSuchPort { position, port } => {
                write!(
                    f,
                    "SubDevice {position} hangs on port {port}, a SubDevice has ports 1 to 3 for others"
                )
            }
            WiringError::PortTaken { position, port, by } => {
                write!(f, "SubDevice {position} hangs on port {port}, where {by} is")
            }
            WiringError::NotInOrder { position } => {
                write!(f, "frames do not come to SubDevice {position} as the list has it (ports 3, 1, 2)")
            }
        }
    }
}

impl Topology {
    /// Joins SubDevices as `upstreams` say, one entry a SubDevice in the order of the wire; the first one hangs on
    /// the MainDevice. All cables are whole.
    pub(super) fn new(upstreams: &[Option<Upstream>]) -> Result<Topology, WiringError> {
        let mut joints: Vec<Joint> = Vec::with_capacity(upstreams.len());
        for (position, &upstream) in upstreams.iter().enumerate() {
            match upstream {
                Some(Upstream { position: parent, port }) => {
                    if !(1..PORTS as u8).contains(&port) {
                        return Err(WiringError::NoSuchPort { position, port });
                    }
                    let joint = joints.get_mut(parent).ok_or(WiringError::NoUpstream { position })?;
                    if let Some(by) = joint.downstream[usize::from(port)].replace(position) {
                        return Err(WiringError::PortTaken { position, port, by });
                    }
                }
                None if position > 0 => return Err(WiringError::NoUpstream { position }),
                None => {}
            }
            joints.push(Joint {
                upstream,
                downstream: [None; PORTS],
                whole: true,
                links: [false; PORTS],
                arrivals: [None; PORTS],
                reached: false,
            });
        }
        let way = Vec::with_capacity(joints.len());
        let mut topology = Topology { joints, way };
        topology.rewire(|_| true);
        match topology.joints.windows(2).position(|w| w[0].arrivals[0] >= w[1].arrivals[0]) {
            Some(before) => Err(WiringError::NotInOrder { position: before + 1 }),
            None => Ok(topology),
        }
    }

    /// Cuts or heals the cable at a port; false if nothing changes, or there is no cable.
    pub(super) fn set_link(&mut self, position: usize, port: u8, whole: bool) -> bool {
        let other = |j: &Joint| j.downstream.get(usize::from(port)).copied().flatten();
        let end = if port == 0 { Some(position) } else { self.joints.get(position).and_then(other) };
        let joint = end.and_then(|end| self.joints.get_mut(end));
        joint.is_some_and(|joint| core::mem::replace(&mut joint.whole, whole) != whole)
    }

    /// Finds links, reach and arrivals anew; `powered` by position.
    pub(super) fn rewire(&mut self, powered: impl Fn(usize) -> bool) {
        self.way.clear();
        for i in 0..self.joints.len() {
            let joint = &self.joints[i];
            let (up, reached) = match joint.upstream {
                Some(u) => (powered(u.position), self.joints[u.position].reached),
                None => (true, true),
            };
            let mut links = joint
                .downstream
                .map(|d| d.is_some_and(|d| powered(d) && self.joints.get(d).is_some_and(|d| d.whole)));
            links[0] = joint.whole && up;
            let joint = &mut self.joints[i];
            joint.links = links;
            joint.reached = links[0] && powered(i) && reached;
            if joint.reached {
                self.way.push(i);
            }
        }
        self.find_arrivals();
    }

    /// A hop takes a frame from one SubDevice to the next, or back.
    fn find_arrivals(&mut self) {
        // SubDevices that a frame passes beyond a port 0, from the last one towards the first.
        let mut behind = [0u32; super::MAX_SUBDEVICES];
        for i in (0..self.joints.len()).rev() {
            if self.joints[i].reached {
                behind[i] += 1;
                if let Some(u) = self.joints[i].upstream {
                    behind[u.position] += behind[i];
                }
            }
        }
        for i in 0..self.joints.len() {
            let entered = match self.joints[i].upstream {
                // Behind every port by which the frame left before.
                Some(u) => {
                    let parent = &self.joints[u.position];
                    let earlier = LEAVES_BY.iter().take_while(|port| **port != u.port);
                    let passed: u32 = earlier
                        .filter_map(|port| parent.downstream[usize::from(*port)])
                        .map(|d| 2 * behind[d])
                        .sum();
                    parent.arrivals[0].unwrap_or(0) + passed + 1
                }
                None => 1,
            };
            let joint = &mut self.joints[i];
            joint.arrivals = [Some(entered), None, None, None];
            let mut at = entered;
            for port in LEAVES_BY.map(usize::from) {
                if let Some(d) = joint.downstream[port].filter(|_| joint.links[port]) {
                    at += 2 * behind[d];
                    joint.arrivals[port] = Some(at);
                }
            }
        }
    }

    /// Positions that frames reach, in the order of the wire.
    pub(super) fn way(&self) -> &[usize] {
        &self.way
    }

    /// How many SubDevices a frame passes before it comes to `position`; `None`: it never does.
    pub(super) fn before(&self, position: usize) -> Option<usize> {
        self.way.iter().position(|p| *p == position)
    }

    /// Links of a SubDevice's ports.
    pub(super) fn links(&self, position: usize) -> [bool; PORTS] {
        self.joints[position].links
    }

    /// When a frame comes to the ports of a SubDevice.
    pub(super) fn arrivals(&self, position: usize) -> Arrivals {
        self.joints[position].arrivals
    }

    /// Ports of a SubDevice that exist: 0 and 1 always, others if something is joined there.
    pub(super) fn ports(&self, position: usize) -> [bool; PORTS] {
        let d = &self.joints[position].downstream;
        [true, true, d[2].is_some(), d[3].is_some()]
    }
}
