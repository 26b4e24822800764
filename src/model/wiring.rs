//! How the SubDevices of a segment are joined.
//!
//! *Port 0* of a SubDevice leads towards the MainDevice. A frame that comes in there is processed, leaves by port 3,
//! comes back, leaves by port 1, then by port 2, and goes back (ETG.1000.4, order of the ports). The *order of the
//! wire* is that in which frames are processed.

use serde::{Deserialize, Serialize};

/// Ports of a SubDevice.
pub const PORTS: usize = 4;
/// Ports by which a frame leaves a SubDevice, in order.
pub const LEAVES_BY: [u8; PORTS - 1] = [3, 1, 2];

/// Where the cable from a SubDevice's port 0 ends: at a port, 1 to 3, of another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upstream {
    /// Place of that other one in the segment.
    pub position: usize,
    pub port: u8,
}

/// One after the other, each at port 1 of the one before.
pub fn line(count: usize) -> Vec<Option<Upstream>> {
    (0..count).map(|i| i.checked_sub(1).map(|position| Upstream { position, port: 1 })).collect()
}

/// Places in the order of the wire, from the first one on, which hangs on the MainDevice. What is joined to nothing
/// that is reached from there is missing.
pub fn wire_order(upstreams: &[Option<Upstream>]) -> Vec<usize> {
    let mut order = Vec::with_capacity(upstreams.len());
    let mut next: Vec<usize> = (0..upstreams.len().min(1)).collect();
    while let Some(at) = next.pop() {
        order.push(at);
        for port in LEAVES_BY.iter().rev() {
            let here = Some(Upstream { position: at, port: *port });
            next.extend((1..upstreams.len()).filter(|i| upstreams[*i] == here && !order.contains(i)));
        }
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(joined: &[(usize, u8)]) -> Vec<Option<Upstream>> {
        let joined = joined.iter().map(|&(position, port)| Some(Upstream { position, port }));
        core::iter::once(None).chain(joined).collect()
    }

    #[test]
    fn ports_3_1_2_and_each_branch_to_its_end() {
        assert_eq!(wire_order(&line(4)), [0, 1, 2, 3]);
        assert_eq!(wire_order(&tree(&[(0, 1), (0, 2), (0, 3), (3, 1)])), [0, 3, 4, 1, 2]);
        assert_eq!(wire_order(&[]), [0; 0]);
    }

    #[test]
    fn what_hangs_on_itself_is_missing() {
        assert_eq!(wire_order(&tree(&[(0, 1), (3, 1), (2, 1)])), [0, 1]);
        assert_eq!(wire_order(&tree(&[(1, 1)])), [0]);
    }
}
