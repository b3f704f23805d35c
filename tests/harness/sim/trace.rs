//! What happened in a world: a digest of all of it, counts, and the last lines to show when a test fails.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::SocketAddr;
use std::time::Duration;

use super::event::Traffic;
use super::fabric::NodeId;
use super::packet::{Body, Lost, Packet};

/// Lines shown when a test fails: about one screen.
const LINES_KEPT: usize = 40;

/// One thing that happened.
#[derive(Clone, Copy, Debug)]
struct Happened {
    at: Duration,
    what: What,
    from: SocketAddr,
    to: SocketAddr,
    len: usize,
}

/// What happened to a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum What {
    Sent,
    Arrived,
    Lost(Lost),
}

/// The record of a run.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    digest: DefaultHasher,
    lost: BTreeMap<Lost, u64>,
    last: VecDeque<Happened>,
    traffic: BTreeMap<NodeId, Traffic>,
}

impl Trace {
    pub(crate) fn note_sent(&mut self, at: Duration, node: NodeId, packet: &Packet) {
        let traffic = self.traffic.entry(node).or_default();
        traffic.packets += 1;
        traffic.bytes += u64::try_from(packet.wire_len()).expect("a usize fits in 64 bits");
        if let Body::Udp(bytes) = &packet.body {
            bytes.hash(&mut self.digest);
        }
        self.note(at, What::Sent, packet);
    }

    pub(crate) fn note_arrived(&mut self, at: Duration, packet: &Packet) {
        self.note(at, What::Arrived, packet);
    }

    fn note(&mut self, at: Duration, what: What, packet: &Packet) {
        (at, what, packet.from, packet.to, packet.ttl).hash(&mut self.digest);
        self.keep(Happened {
            at,
            what,
            from: packet.from,
            to: packet.to,
            len: packet.wire_len(),
        });
    }

    /// Packets are gone by the time their loss is known; counts and the digest still see it.
    pub(crate) fn note_lost(
        &mut self,
        at: Duration,
        why: Lost,
        (from, to, len): (SocketAddr, SocketAddr, usize),
    ) {
        (at, why, from, to, len).hash(&mut self.digest);
        *self.lost.entry(why).or_default() += 1;
        self.keep(Happened {
            at,
            what: What::Lost(why),
            from,
            to,
            len,
        });
    }

    pub(crate) fn digest(&self) -> u64 {
        self.digest.finish()
    }

    pub(crate) fn lost(&self, why: Lost) -> u64 {
        self.lost.get(&why).copied().unwrap_or(0)
    }

    pub(crate) fn traffic(&self, node: NodeId) -> Traffic {
        self.traffic.get(&node).copied().unwrap_or_default()
    }

    fn keep(&mut self, happened: Happened) {
        if self.last.len() == LINES_KEPT {
            self.last.pop_front();
        }
        self.last.push_back(happened);
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Happened {
            at,
            what,
            from,
            to,
            len,
        } in &self.last
        {
            writeln!(
                f,
                "{:>12.6} {from} > {to} {len} B {what:?}",
                at.as_secs_f64()
            )?;
        }
        Ok(())
    }
}
