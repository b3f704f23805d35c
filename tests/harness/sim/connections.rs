//! All connection ends of a world: which one a segment belongs to, who listens, who gets a reset.
//!
//! Pure like the ends themselves; the world turns their segments into packets and their deadlines into events.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use super::fabric::NodeId;
use super::tcp::{End, Segment};

/// One end of a connection. The two ends have different ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConnId(u64);

/// Where calling ports start, as IANA suggests.
const FIRST_CALLING_PORT: u16 = 49_152;

/// What names an end on its node: its own address and the other's.
type Tuple = (NodeId, SocketAddr, SocketAddr);

/// The ends of all nodes.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    ends: BTreeMap<ConnId, (NodeId, End)>,
    tuples: BTreeMap<Tuple, ConnId>,
    listeners: BTreeSet<(NodeId, u16)>,
    calling_ports: BTreeMap<NodeId, u16>,
    next: u64,
}

impl Connections {
    pub(crate) fn listen(&mut self, node: NodeId, port: u16) {
        self.listeners.insert((node, port));
    }

    pub(crate) fn call(
        &mut self,
        now: Instant,
        node: NodeId,
        from: IpAddr,
        to: SocketAddr,
    ) -> ConnId {
        let port = self.calling_ports.entry(node).or_insert(FIRST_CALLING_PORT);
        let local = SocketAddr::new(from, *port);
        *port = port.checked_add(1).unwrap_or(FIRST_CALLING_PORT);
        self.insert(node, End::call(now, local, to))
    }

    /// Gives the segment to its end, or answers it with a reset. The end that changed, if any.
    pub(crate) fn handle(
        &mut self,
        now: Instant,
        node: NodeId,
        (local, remote): (SocketAddr, SocketAddr),
        segment: Segment,
    ) -> Result<Option<ConnId>, Segment> {
        if let Some(id) = self.tuples.get(&(node, local, remote)).copied() {
            let (_, end) = self.ends.get_mut(&id).expect("tuples name ends that exist");
            end.handle(now, segment);
            return Ok(Some(id));
        }
        match segment {
            Segment::Syn if self.listeners.contains(&(node, local.port())) => {
                Ok(Some(self.insert(node, End::answer(now, local, remote))))
            }
            Segment::Rst => Ok(None),
            Segment::Syn | Segment::SynAck | Segment::Part { .. } | Segment::Ack { .. } => {
                Err(Segment::Rst)
            }
        }
    }

    pub(crate) fn end_mut(&mut self, id: ConnId) -> Option<(NodeId, &mut End)> {
        self.ends.get_mut(&id).map(|(node, end)| (*node, end))
    }

    /// Forgets the end when it is done.
    pub(crate) fn forget_if_done(&mut self, id: ConnId) {
        if self.ends.get(&id).is_some_and(|(_, end)| end.is_done()) {
            let (node, end) = self.ends.remove(&id).expect("it was just found");
            self.tuples.remove(&(node, end.local(), end.remote()));
        }
    }

    /// The node's program ended: nobody listens there any more. Its open ends, to be aborted.
    pub(crate) fn leave(&mut self, node: NodeId) -> Vec<ConnId> {
        self.listeners.retain(|(listener, _)| *listener != node);
        self.ends
            .iter()
            .filter(|(_, (owner, _))| *owner == node)
            .map(|(id, _)| *id)
            .collect()
    }

    fn insert(&mut self, node: NodeId, end: End) -> ConnId {
        let id = ConnId(self.next);
        self.next += 1;
        self.tuples.insert((node, end.local(), end.remote()), id);
        self.ends.insert(id, (node, end));
        id
    }
}
