//! Connections through lines and boxes: ordered whatever is lost, reset when forgotten, given up when silent.

use std::net::SocketAddr;
use std::time::Duration;

use super::access::Access;
use super::{ConnId, Event, INTERNET, Line, NatKind, NodeId, TcpEvent, World};
use crate::Random;

const PORT: u16 = 443;
const PATIENCE: Duration = Duration::from_mins(5);

/// A home that has connected to a server.
struct Scene {
    world: World,
    home: super::access::Home,
    server: NodeId,
    near: ConnId,
    far: ConnId,
}

fn connected(access: Access, line: &Line) -> Scene {
    let mut world = World::new(5);
    let (home, server) = (access.build(&mut world), world.node(INTERNET));
    world.set_line(home.node, line);
    world.listen(server, PORT);
    let to = world.address(server, PORT);
    let near = world.connect(home.node, to);
    let mut ends = (false, None);
    while !ends.0 || ends.1.is_none() {
        match next(&mut world) {
            (conn, TcpEvent::Connected) if conn == near => ends.0 = true,
            (conn, TcpEvent::Accepted { port: PORT, .. }) => ends.1 = Some(conn),
            other => panic!("the two ends open, and nothing else happens: {other:?}"),
        }
    }
    let far = ends.1.expect("the loop ended");
    Scene {
        world,
        home,
        server,
        near,
        far,
    }
}

fn next(world: &mut World) -> (ConnId, TcpEvent) {
    let until = world.now() + PATIENCE;
    match world.next_until(until) {
        Some(Event::Tcp { conn, event, .. }) => (conn, event),
        other => panic!("a connection's event comes next, not {other:?}"),
    }
}

impl Scene {
    /// Sends `bytes` from one end as fast as it takes them, then finishes; what the other end got.
    fn transfer(&mut self, from: ConnId, to: ConnId, bytes: &[u8]) -> Vec<u8> {
        let mut sent = self.world.tcp_send(from, bytes);
        let mut got = Vec::new();
        if sent == bytes.len() {
            self.world.tcp_finish(from);
        }
        loop {
            match next(&mut self.world) {
                (conn, TcpEvent::Room) if conn == from => {
                    sent += self.world.tcp_send(from, &bytes[sent..]);
                    if sent == bytes.len() {
                        self.world.tcp_finish(from);
                    }
                }
                (conn, TcpEvent::Data(data)) if conn == to => got.extend(data),
                (conn, TcpEvent::Ended) if conn == to => return got,
                other => panic!("data, room and the end are all there is: {other:?}"),
            }
        }
    }
}

#[test]
fn bytes_arrive_whole_and_in_order_over_the_worst_line() {
    let lines = [
        Line::default(),
        Line::delayed(20).losing(0.1).shuffling(0.2),
        Line::delayed(20).losing(0.3),
    ];
    for line in lines {
        let mut scene = connected(Access::Nat(NatKind::SymmetricRandom), &line);
        let (near, far) = (scene.near, scene.far);
        let bytes = Random::new(1).bytes(1_000_000);
        assert!(scene.transfer(near, far, &bytes) == bytes, "out, {line:?}");
        assert!(scene.transfer(far, near, &bytes) == bytes, "back, {line:?}");
    }
}

#[test]
fn udp_blocked_lets_connections_through() {
    let mut scene = connected(Access::UdpBlocked, &Line::delayed(5));
    let (near, far) = (scene.near, scene.far);
    assert_eq!(scene.transfer(near, far, b"hello"), b"hello");
}

#[test]
fn nobody_listening_is_a_reset_and_nobody_there_a_timeout() {
    let mut world = World::new(1);
    let (near, far) = (world.node(INTERNET), world.node(INTERNET));
    let closed = world.address(far, PORT);
    let conn = world.connect(near, closed);
    assert_eq!(next(&mut world), (conn, TcpEvent::Reset));
    let conn = world.connect(near, SocketAddr::from(([20, 9, 9, 9], PORT)));
    assert_eq!(next(&mut world), (conn, TcpEvent::TimedOut));
}

#[test]
fn a_rebooted_box_ends_a_connection() {
    let mut scene = connected(Access::Nat(NatKind::PortRestricted), &Line::delayed(5));
    scene.world.reboot(scene.home.gateways[0]);
    scene
        .world
        .tcp_send(scene.near, b"from a port that the server does not know");
    assert_eq!(next(&mut scene.world), (scene.near, TcpEvent::Reset));
    scene
        .world
        .tcp_send(scene.far, b"to a port that the box does not know");
    assert_eq!(next(&mut scene.world), (scene.far, TcpEvent::TimedOut));
}

#[test]
fn a_cut_line_stalls_and_a_healed_one_goes_on() {
    let mut scene = connected(Access::Public, &Line::delayed(5));
    scene.world.cut(scene.home.node);
    scene.world.tcp_send(scene.near, b"late");
    let until = scene.world.now() + Duration::from_secs(10);
    assert_eq!(scene.world.next_until(until), None);
    scene.world.heal(scene.home.node);
    assert_eq!(
        next(&mut scene.world),
        (scene.far, TcpEvent::Data(b"late".to_vec()))
    );
}

#[test]
fn a_crashed_program_resets_its_connections_and_listens_no_more() {
    let mut scene = connected(Access::Public, &Line::delayed(5));
    scene.world.crash(scene.server);
    assert_eq!(next(&mut scene.world), (scene.near, TcpEvent::Reset));
    let to = scene.world.address(scene.server, PORT);
    let again = scene.world.connect(scene.home.node, to);
    assert_eq!(next(&mut scene.world), (again, TcpEvent::Reset));
}
