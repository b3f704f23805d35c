//! Access links: what they lose, how long they take, and what happens when they go.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use harness::lab::{Lab, Nat, home, public};
use harness::{SOON, Stopwatch, wait_until};

use crate::sockets::{Endpoints, Socket};

/// Datagrams sent to measure a loss: the deviation of the count is below 1.1 % of them.
const SAMPLE: usize = 2_000;

/// What a measured percentage may be off, some five deviations.
const TOLERANCE: f64 = 5.0;

/// Sent at once: well within a socket's receive buffer.
const BURST: usize = 100;

/// The percentage of datagrams from `socket` that the server does not see.
fn lost_percent(endpoints: &Endpoints, socket: &Socket, lab: &Lab) -> f64 {
    let beside = Socket::on(lab.server());
    let arrived: usize = (0..SAMPLE / BURST)
        .map(|_| {
            for _ in 0..BURST {
                socket.send("x", endpoints.main_addr());
            }
            beside.send("last", endpoints.main_addr());
            endpoints.main.until("last").len()
        })
        .sum();
    let lost = u32::try_from(SAMPLE - arrived).expect("a small number");
    let sample = u32::try_from(SAMPLE).expect("a small number");
    100.0 * f64::from(lost) / f64::from(sample)
}

#[test]
fn a_link_loses_what_it_is_told_to() {
    let site = home("left", Nat::PortRestricted).host("alice").loss(10);
    let Some(lab) = Lab::build("loss", [site]) else {
        return;
    };
    let endpoints = Endpoints::of(&lab);
    let alice = Socket::on(lab.host("alice"));
    let near = |percent: f64| {
        let lost = lost_percent(&endpoints, &alice, &lab);
        assert!(
            (lost - percent).abs() < TOLERANCE,
            "{lost} % for {percent} %"
        );
        lost
    };
    near(10.0);
    lab.router("left").set_loss(30);
    near(30.0);
    lab.router("left").set_loss(0);
    assert_eq!(near(0.0), 0.0);
    lab.host("alice").set_loss(30);
    near(30.0);
}

#[test]
fn the_way_back_loses_as_much() {
    let Some(lab) = Lab::build("loss", [public("dave").loss(30)]) else {
        return;
    };
    let dave = Socket::on(lab.host("dave"));
    let beside = Socket::on(lab.host("dave"));
    let server = Socket::on(lab.server());
    let to = (lab.host("dave").addr(), dave.port());
    let arrived: usize = (0..SAMPLE / BURST)
        .map(|_| {
            (0..BURST).for_each(|_| server.send("x", to));
            beside.send("last", to);
            dave.until("last").len()
        })
        .sum();
    let lost = SAMPLE - arrived;
    assert!((500..700).contains(&lost), "{lost} of {SAMPLE}");
}

#[test]
fn a_link_takes_its_time() {
    let one_way = |millis| Duration::from_millis(millis);
    let sites = [
        home("left", Nat::PortRestricted)
            .host("alice")
            .delay(one_way(40))
            .ipv6(),
        public("dave").delay(one_way(10)),
    ];
    let Some(lab) = Lab::build("delay", sites) else {
        return;
    };
    let server = Socket::on(lab.server());
    let to_server = (lab.server().addr(), server.port());
    let round_trip = |name: &str| {
        let socket = Socket::on(lab.host(name));
        let watch = Stopwatch::start();
        socket.send("ping", to_server);
        let back = server.expect("ping");
        server.send("pong", back);
        socket.expect("pong");
        watch.elapsed()
    };
    let near = |name, millis| {
        wait_until(&format!("{millis} ms to {name} and back"), SOON, || {
            let measured = round_trip(name);
            assert!(measured >= one_way(millis), "{name}: {measured:?} is early");
            // Late it may be while the machine is busy, but not for good.
            measured < one_way(millis + 8)
        });
    };
    near("alice", 80);
    near("dave", 20);
    lab.router("left").set_delay(one_way(5));
    near("alice", 10);
    lab.host("dave").set_delay(Duration::ZERO);
    near("dave", 0);
}

#[test]
fn tcp_passes_a_slow_link_whole() {
    /// Far more than what is on the way at once.
    const LEN: usize = 4 << 20;
    let site = home("left", Nat::Symmetric)
        .host("alice")
        .delay(Duration::from_millis(3));
    let Some(lab) = Lab::build("delay", [site]) else {
        return;
    };
    let server = lab.server();
    let listener = server
        .enter(|| TcpListener::bind((server.addr(), 0)))
        .expect("listen");
    let to = listener.local_addr().expect("a bound socket");
    let mut stream = lab
        .host("alice")
        .enter(|| TcpStream::connect(to))
        .expect("connect");
    let (mut peer, from) = listener.accept().expect("accept");
    assert_eq!(from.ip(), lab.router("left").public_addr());
    let sent = harness::Random::new(1).bytes(LEN);
    let received = std::thread::scope(|scope| {
        scope.spawn(|| {
            stream.write_all(&sent).expect("send");
            drop(stream);
        });
        let mut received = Vec::new();
        peer.read_to_end(&mut received).expect("receive");
        received
    });
    assert!(received == sent, "{} of {LEN} bytes", received.len());
}

#[test]
fn a_cut_link_is_silent_and_heals() {
    let site = home("left", Nat::PortRestricted).host("alice");
    let Some(lab) = Lab::build("cut links", [site, public("dave")]) else {
        return;
    };
    let endpoints = Endpoints::of(&lab);
    let (alice, dave) = (Socket::on(lab.host("alice")), Socket::on(lab.host("dave")));
    let mapped = endpoints.mapped(&alice);
    let to_dave = (lab.host("dave").addr(), dave.port());
    lab.server().cut();
    alice.send("lost", endpoints.main_addr());
    // Everybody else still talks.
    alice.send("hello", to_dave);
    assert_eq!(dave.expect("hello"), mapped);
    lab.server().mend();
    assert_eq!(endpoints.mapped(&alice), mapped);

    lab.router("left").cut();
    alice.send("lost", to_dave);
    lab.router("left").mend();
    alice.send("found", to_dave);
    dave.expect("found");
}

#[test]
fn an_interface_goes_down_and_comes_back() {
    let sites = [
        home("left", Nat::PortRestricted).host("alice").ipv6(),
        public("dave").ipv6(),
    ];
    let Some(lab) = Lab::build("interfaces down", sites) else {
        return;
    };
    let endpoints = Endpoints::of(&lab);
    for name in ["alice", "dave"] {
        let host = lab.host(name);
        let socket = Socket::on(host);
        let mapped = endpoints.mapped(&socket);
        host.down();
        let sent = socket.try_send("lost", endpoints.main_addr());
        assert!(sent.is_err(), "{name} has no network: {sent:?}");
        host.up();
        assert_eq!(endpoints.mapped(&socket), mapped, "{name}");
        let addr = host.addr6().expect("a host with IPv6");
        let socket = Socket::at(host, (addr, 0).into());
        let server = lab.server().addr6().expect("the server has IPv6");
        let at_server = Socket::at(lab.server(), (server, 0).into());
        socket.send("hello", (server, at_server.port()));
        at_server.expect("hello");
    }
}
