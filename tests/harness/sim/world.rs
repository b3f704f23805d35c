//! The world a test talks to: it builds the network, sends, and is told one event after the other.
//!
//! A world owns the clock and the queue. What happens to packets is the fabric's; what happens to streams is the
//! connections'; what nodes do is the caller's. When a test panics, the seed and the last packets are printed.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::thread;
use std::time::{Duration, Instant};

use common::clock::Clock;

use super::allot::Allot;
use super::connections::{ConnId, Connections};
use super::event::{Event, Traffic};
use super::fabric::{Fabric, Fate, GatewayId, Ipv6, NetId, NodeId, Place, Stop, source_for};
use super::firewall::Firewall;
use super::line::{Line, Passes};
use super::nat::{Ipv6Policy, NatOptions};
use super::packet::{Body, Lost, Packet, USUAL_TTL};
use super::queue::{Key, Queue};
use super::tcp::Segment;
use super::trace::Trace;
use crate::Random;

/// What packets that no address fits would come from.
const NO_ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
/// Packets and timers under way at once. More means that something feeds itself.
const MAX_PENDING: usize = 2_000_000;

#[derive(Debug)]
enum Pending {
    Packet(Stop, Packet),
    Timer(NodeId, u64),
    Stream(ConnId),
}

/// A network and its time.
#[derive(Debug)]
pub struct World {
    seed: u64,
    started: Instant,
    now: Instant,
    fabric: Fabric,
    queue: Queue<Pending>,
    ready: VecDeque<Event>,
    timers: BTreeMap<(NodeId, u64), Key>,
    connections: Connections,
    stream_timers: BTreeMap<ConnId, Key>,
    trace: Trace,
    allot: Allot,
}

impl World {
    /// An empty Internet. Everything that is left to chance follows from `seed`.
    pub fn new(seed: u64) -> Self {
        let started = Clock::start().now();
        Self {
            seed,
            started,
            now: started,
            fabric: Fabric::new(Random::new(seed)),
            queue: Queue::default(),
            ready: VecDeque::new(),
            timers: BTreeMap::new(),
            connections: Connections::default(),
            stream_timers: BTreeMap::new(),
            trace: Trace::default(),
            allot: Allot::default(),
        }
    }

    /// The time that machines are told.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// The time since the world began.
    pub fn elapsed(&self) -> Duration {
        self.now - self.started
    }
}

/// Building the network.
impl World {
    /// A machine with one IPv4 address in `net`.
    pub fn node(&mut self, net: NetId) -> NodeId {
        let node = self.node_without_address(net);
        self.add_ipv4(node);
        node
    }

    /// A machine in `net` that has no address yet.
    pub fn node_without_address(&mut self, net: NetId) -> NodeId {
        let node = self.fabric.add_node();
        self.fabric.plug(node, net);
        node
    }

    /// A router between `net` and a new LAN.
    ///
    /// # Panics
    /// When `net` is full.
    pub fn nat(&mut self, net: NetId, options: NatOptions) -> GatewayId {
        let wan = self.allot.ipv4(net);
        let ipv6 = match options.ipv6 {
            Ipv6Policy::Absent => Ipv6::Absent,
            Ipv6Policy::Open => Ipv6::Open,
            Ipv6Policy::Firewalled => Ipv6::Firewalled(Firewall::default()),
        };
        let gateway = self.fabric.add_gateway(net, options, wan, ipv6);
        self.allot.add_lan(self.fabric.lan(gateway), options.lan);
        gateway
    }

    /// The net inside a router.
    pub fn lan(&self, gateway: GatewayId) -> NetId {
        self.fabric.lan(gateway)
    }

    /// One more address for a node. IPv6 addresses are routed from the Internet where the routers between allow it.
    ///
    /// # Panics
    /// When somebody in its net has it already.
    pub fn add_address(&mut self, node: NodeId, address: IpAddr) {
        self.fabric.give_address(node, address);
    }

    /// One more IPv4 address of its net for a node.
    ///
    /// # Panics
    /// When the net is full.
    pub fn add_ipv4(&mut self, node: NodeId) -> IpAddr {
        let address = self.allot.ipv4(self.fabric.net(node)).into();
        self.fabric.give_address(node, address);
        address
    }

    /// A global IPv6 address for a node.
    pub fn add_ipv6(&mut self, node: NodeId) -> IpAddr {
        let address = self.allot.ipv6().into();
        self.fabric.give_address(node, address);
        address
    }

    /// Takes the node to another net, where it gets a new IPv4 address, and a new IPv6 one if it had one. Its
    /// line moves with it.
    pub fn move_node(&mut self, node: NodeId, net: NetId) {
        let had_ipv6 = self.addresses(node).iter().any(IpAddr::is_ipv6);
        self.fabric.plug(node, net);
        self.add_ipv4(node);
        if had_ipv6 {
            self.add_ipv6(node);
        }
    }

    /// Every address of a node, the first given first.
    pub fn addresses(&self, node: NodeId) -> &[IpAddr] {
        self.fabric.addresses(node)
    }

    /// The node's first address with this port.
    ///
    /// # Panics
    /// When it has none.
    pub fn address(&self, node: NodeId, port: u16) -> SocketAddr {
        SocketAddr::new(self.addresses(node)[0], port)
    }

    /// The router's address in the net above it.
    pub fn wan(&self, gateway: GatewayId) -> Ipv4Addr {
        self.fabric.wan(gateway)
    }
}

/// Changing it while it runs.
impl World {
    /// Sets both directions of a node's or router's line.
    pub fn set_line(&mut self, place: impl Into<Place>, line: &Line) {
        self.change_line(place, |each| *each = line.clone());
    }

    /// Changes both directions of a line; what is under way already is not touched.
    pub fn change_line(&mut self, place: impl Into<Place>, mut change: impl FnMut(&mut Line)) {
        self.fabric
            .lines_mut(place.into())
            .into_iter()
            .for_each(&mut change);
    }

    /// Changes the direction away from the node or router.
    pub fn change_up_line(&mut self, place: impl Into<Place>, change: impl FnOnce(&mut Line)) {
        let [up, _] = self.fabric.lines_mut(place.into());
        change(up);
    }

    /// Changes the direction towards the node or router.
    pub fn change_down_line(&mut self, place: impl Into<Place>, change: impl FnOnce(&mut Line)) {
        let [_, down] = self.fabric.lines_mut(place.into());
        change(down);
    }

    /// Nothing passes the line any more.
    pub fn cut(&mut self, place: impl Into<Place>) {
        self.change_line(place, |line| line.passes = Passes::Nothing);
    }

    /// Everything passes the line again.
    pub fn heal(&mut self, place: impl Into<Place>) {
        self.change_line(place, |line| line.passes = Passes::All);
    }

    /// Only connections pass the line.
    pub fn block_udp(&mut self, place: impl Into<Place>) {
        self.change_line(place, |line| line.passes = Passes::TcpOnly);
    }

    /// The router forgets every mapping and flow, and keeps its address.
    pub fn reboot(&mut self, gateway: GatewayId) {
        let wan = self.wan(gateway);
        self.fabric.reboot(gateway, wan);
    }

    /// The router forgets every mapping and flow, and comes back with a new address.
    pub fn reboot_with_new_address(&mut self, gateway: GatewayId) {
        let wan = self.allot.ipv4(self.fabric.outer_net(gateway));
        self.fabric.reboot(gateway, wan);
    }

    /// Changes a router's behaviour; mappings it made stay.
    pub fn change_nat(&mut self, gateway: GatewayId, change: impl FnOnce(&mut NatOptions)) {
        change(self.fabric.nat_options_mut(gateway));
    }

    /// The node's program ended: its timers are gone, its listeners too, and its connections are reset.
    pub fn crash(&mut self, node: NodeId) {
        let timers: Vec<_> = self
            .timers
            .range((node, 0)..=(node, u64::MAX))
            .map(|(key, _)| *key)
            .collect();
        for (node, id) in timers {
            self.set_timer(node, id, None);
        }
        for conn in self.connections.leave(node) {
            self.tcp_abort(conn);
        }
        self.ready.retain(|event| event.node() != node);
    }
}

/// Datagrams, timers and what became of them.
impl World {
    /// Sends a datagram from the node's address of the right family. A `ttl` of `None` is the usual one.
    pub fn send(
        &mut self,
        node: NodeId,
        from_port: u16,
        to: SocketAddr,
        ttl: Option<u8>,
        bytes: &[u8],
    ) {
        let source = source_for(self.addresses(node), to.ip());
        let from = SocketAddr::new(source.unwrap_or(NO_ADDRESS), from_port);
        match source {
            Some(_) => self.send_from(node, from, to, ttl, bytes),
            None => self
                .trace
                .note_lost(self.elapsed(), Lost::NoRoute, (from, to, bytes.len())),
        }
    }

    /// Sends a datagram with any source address at all, as a forger would.
    pub fn send_from(
        &mut self,
        node: NodeId,
        from: SocketAddr,
        to: SocketAddr,
        ttl: Option<u8>,
        bytes: &[u8],
    ) {
        let packet = Packet {
            from,
            to,
            ttl: ttl.unwrap_or(USUAL_TTL),
            body: Body::Udp(bytes.to_vec()),
        };
        self.launch(node, packet);
    }

    /// Sets, moves or (with `None`) takes back a node's timer. One in the past is due at once.
    pub fn set_timer(&mut self, node: NodeId, id: u64, at: Option<Instant>) {
        if let Some(key) = self.timers.remove(&(node, id)) {
            self.queue.cancel(key);
        }
        if let Some(at) = at {
            let key = self.queue.push(at.max(self.now), Pending::Timer(node, id));
            self.timers.insert((node, id), key);
        }
    }

    /// What the node has sent so far.
    pub fn traffic(&self, node: NodeId) -> Traffic {
        self.trace.traffic(node)
    }

    /// How many packets were lost for this reason.
    pub fn lost(&self, why: Lost) -> u64 {
        self.trace.lost(why)
    }

    /// A digest of everything that happened: equal for equal seeds and calls.
    pub fn trace(&self) -> u64 {
        self.trace.digest()
    }
}

/// Streams.
impl World {
    /// Accepts connections on a port of a node.
    pub fn listen(&mut self, node: NodeId, port: u16) {
        self.connections.listen(node, port);
    }

    /// Calls `to`. A [`TcpEvent`](super::TcpEvent) tells what came of it.
    pub fn connect(&mut self, node: NodeId, to: SocketAddr) -> ConnId {
        let from = source_for(self.addresses(node), to.ip()).unwrap_or(NO_ADDRESS);
        let conn = self.connections.call(self.now, node, from, to);
        self.serve(conn);
        conn
    }

    /// Sends bytes on a connection and says how many were taken; after fewer than all, `Room` follows.
    pub fn tcp_send(&mut self, conn: ConnId, bytes: &[u8]) -> usize {
        let now = self.now;
        let taken = self
            .connections
            .end_mut(conn)
            .map_or(0, |(_, end)| end.send(now, bytes));
        self.serve(conn);
        taken
    }

    /// Ends our direction after what was sent before.
    pub fn tcp_finish(&mut self, conn: ConnId) {
        let now = self.now;
        if let Some((_, end)) = self.connections.end_mut(conn) {
            end.finish(now);
        }
        self.serve(conn);
    }

    /// Ends both directions at once; the other side sees a reset.
    pub fn tcp_abort(&mut self, conn: ConnId) {
        if let Some((_, end)) = self.connections.end_mut(conn) {
            end.abort();
        }
        self.serve(conn);
    }
}

/// Time.
impl World {
    /// The next event, and its time is now; `None` when nothing will ever happen again.
    ///
    /// Not an iterator: the caller changes the world between two events.
    #[expect(clippy::should_implement_trait, reason = "see above")]
    pub fn next(&mut self) -> Option<Event> {
        self.advance(None)
    }

    /// The next event up to and including `until`; when there is none, it is `until` now.
    pub fn next_until(&mut self, until: Instant) -> Option<Event> {
        let event = self.advance(Some(until));
        if event.is_none() {
            self.now = self.now.max(until);
        }
        event
    }

    fn advance(&mut self, until: Option<Instant>) -> Option<Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            let (at, pending) = self.queue.pop(until)?;
            self.now = at;
            match pending {
                Pending::Packet(stop, packet) => self.step(stop, packet),
                Pending::Timer(node, id) => {
                    self.timers.remove(&(node, id));
                    self.ready.push_back(Event::Timer { node, id });
                }
                Pending::Stream(conn) => {
                    self.stream_timers.remove(&conn);
                    if let Some((_, end)) = self.connections.end_mut(conn) {
                        end.handle_timeout(at);
                    }
                    self.serve(conn);
                }
            }
        }
    }

    fn launch(&mut self, node: NodeId, packet: Packet) {
        self.trace.note_sent(self.now - self.started, node, &packet);
        let about = (packet.from, packet.to, packet.wire_len());
        for fate in self.fabric.leave(self.now, node, packet) {
            self.obey(fate, about);
        }
    }

    fn step(&mut self, stop: Stop, packet: Packet) {
        let about = (packet.from, packet.to, packet.wire_len());
        for fate in self.fabric.step(self.now, stop, packet) {
            self.obey(fate, about);
        }
    }

    fn obey(&mut self, fate: Fate, about: (SocketAddr, SocketAddr, usize)) {
        match fate {
            Fate::Travels(at, stop, packet) => {
                assert!(
                    self.queue.len() < MAX_PENDING,
                    "the network overflows: something feeds itself"
                );
                self.queue.push(at, Pending::Packet(stop, packet));
            }
            Fate::Lost(why) => self.trace.note_lost(self.elapsed(), why, about),
            Fate::Arrived(node, packet) => self.deliver(node, packet),
        }
    }

    fn deliver(&mut self, node: NodeId, packet: Packet) {
        self.trace.note_arrived(self.elapsed(), &packet);
        let Packet { from, to, body, .. } = packet;
        match body {
            Body::Udp(bytes) => self.ready.push_back(Event::Datagram {
                node,
                to,
                from,
                bytes,
            }),
            Body::Tcp(segment) => {
                match self.connections.handle(self.now, node, (to, from), segment) {
                    Ok(Some(conn)) => self.serve(conn),
                    Ok(None) => {}
                    Err(refusal) => self.launch_segment(node, to, from, refusal),
                }
            }
        }
    }

    /// Sends, tells and schedules what a connection's end has to.
    fn serve(&mut self, conn: ConnId) {
        let Some((node, end)) = self.connections.end_mut(conn) else {
            return;
        };
        let (local, remote, deadline) = (end.local(), end.remote(), end.deadline());
        let segments: Vec<_> = std::iter::from_fn(|| end.poll_segment()).collect();
        while let Some(event) = end.poll_event() {
            self.ready.push_back(Event::Tcp { node, conn, event });
        }
        self.connections.forget_if_done(conn);
        if let Some(key) = self.stream_timers.remove(&conn) {
            self.queue.cancel(key);
        }
        if let Some(at) = deadline {
            self.stream_timers
                .insert(conn, self.queue.push(at, Pending::Stream(conn)));
        }
        for segment in segments {
            self.launch_segment(node, local, remote, segment);
        }
    }

    fn launch_segment(&mut self, node: NodeId, from: SocketAddr, to: SocketAddr, segment: Segment) {
        let packet = Packet {
            from,
            to,
            ttl: USUAL_TTL,
            body: Body::Tcp(segment),
        };
        self.launch(node, packet);
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if thread::panicking() {
            let (seed, trace) = (self.seed, &self.trace);
            // Nothing is left to do with an error: the test is failing already.
            let _ = writeln!(
                io::stderr(),
                "simulated network with seed {seed}, its last packets:\n{trace}"
            );
        }
    }
}
