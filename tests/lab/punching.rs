//! What two peers can reach by sending to each other at the same time: the odds that any program here has.
//!
//! The table is the one that RFC 4787's definitions give; a lab that disagrees is easier or harder than the world.

use std::net::SocketAddr;

use harness::Random;
use harness::lab::{Host, Lab, Nat, Site, cgn, home, public};

use crate::sockets::{Endpoints, Socket};

/// Every place that a peer may be at: name, and the kind of its innermost router, none if public.
const PLACES: [(&str, Place); 7] = [
    ("public", Place::Public),
    ("full", Place::Home(Nat::FullCone)),
    ("addr", Place::Home(Nat::AddressRestricted)),
    ("port", Place::Home(Nat::PortRestricted)),
    ("sym", Place::Home(Nat::Symmetric)),
    ("cgnport", Place::Cgn(Nat::PortRestricted)),
    ("cgnsym", Place::Cgn(Nat::Symmetric)),
];

#[derive(Clone, Copy, Debug)]
enum Place {
    Public,
    Home(Nat),
    /// Behind a router of this kind, which is behind a port-restricted one.
    Cgn(Nat),
}

impl Place {
    fn site(self, host: &str) -> Site {
        match self {
            Self::Public => public(host),
            Self::Home(nat) => home(&format!("home{host}"), nat).host(host),
            Self::Cgn(nat) => {
                let home = home(&format!("home{host}"), nat).host(host);
                cgn(&format!("isp{host}"), Nat::PortRestricted).site(home)
            }
        }
    }

    /// Whether each destination sees another port of it.
    fn is_symmetric(self) -> bool {
        matches!(self, Self::Home(Nat::Symmetric) | Self::Cgn(Nat::Symmetric))
    }

    /// Whether an unexpected port of a known address is kept out.
    fn minds_ports(self) -> bool {
        match self {
            Self::Public => false,
            Self::Home(nat) => !matches!(nat, Nat::FullCone | Nat::AddressRestricted),
            Self::Cgn(_) => true,
        }
    }
}

/// Whether both hear each other after a few rounds of writing to where the other was last seen.
fn meet(endpoints: &Endpoints, a: Host<'_>, b: Host<'_>) -> bool {
    const ROUNDS: usize = 4;
    let (a, b) = (Socket::on(a), Socket::on(b));
    let (at_a, at_b) = (endpoints.mapped(&a), endpoints.mapped(&b));
    let mut ends = [(&a, at_a, at_b), (&b, at_b, at_a)];
    let mut heard = [false; 2];
    for _ in 0..ROUNDS {
        for (socket, _, peer) in &ends {
            socket.send("punch", *peer);
        }
        for ((socket, own, peer), heard) in ends.iter_mut().zip(&mut heard) {
            endpoints.main.send("last", *own);
            let sources = socket.sources_until("last");
            *heard = !sources.is_empty();
            if let Some(source) = sources.last() {
                *peer = *source;
            }
        }
    }
    heard == [true; 2]
}

#[test]
fn who_meets_whom_is_what_the_kinds_imply() {
    let names = |side: &str| PLACES.map(|(name, place)| (format!("{name}{side}"), place));
    let (left, right) = (names("A"), names("B"));
    let sites = left
        .iter()
        .chain(&right)
        .map(|(name, place)| place.site(name));
    let Some(lab) = Lab::build("punching", sites) else {
        return;
    };
    let endpoints = Endpoints::of(&lab);
    let mut open = 0;
    for (a, place_a) in &left {
        for (b, place_b) in &right {
            let is_hopeless = place_a.is_symmetric() && place_b.minds_ports()
                || place_b.is_symmetric() && place_a.minds_ports();
            let met = meet(&endpoints, lab.host(a), lab.host(b));
            assert_eq!(met, !is_hopeless, "{a} and {b}");
            open += usize::from(met);
        }
    }
    assert_eq!(open, 37);
}

#[test]
fn the_next_port_of_a_sequential_router_can_be_told() {
    let sites = [
        home("left", Nat::SymmetricSequential).host("alice"),
        home("right", Nat::PortRestricted).host("bob"),
    ];
    let Some(lab) = Lab::build("punching", sites) else {
        return;
    };
    let endpoints = Endpoints::of(&lab);
    let (alice, bob) = (Socket::on(lab.host("alice")), Socket::on(lab.host("bob")));
    let (last, at_bob) = (endpoints.mapped(&alice), endpoints.mapped(&bob));
    alice.send("opens a port", at_bob);
    bob.send("foretold", SocketAddr::new(last.ip(), last.port() + 1));
    assert_eq!(alice.expect("foretold"), at_bob);
}

#[test]
fn many_ports_of_a_random_router_are_soon_guessed() {
    /// Ports that one side opens.
    const OPEN: usize = 256;
    /// Guesses at most: all miss once in six million runs, (1 - 256/64512)^3930.
    const GUESSES: usize = 3_930;
    /// Guesses until somebody looks.
    const BATCH: usize = 50;
    let sites = [
        home("left", Nat::Symmetric).host("alice"),
        home("right", Nat::PortRestricted).host("bob"),
    ];
    let Some(lab) = Lab::build("punching", sites) else {
        return;
    };
    let endpoints = Endpoints::of(&lab);
    let bob = Socket::on(lab.host("bob"));
    let at_bob = endpoints.mapped(&bob);
    let alices: Vec<_> = (0..OPEN).map(|_| Socket::on(lab.host("alice"))).collect();
    for alice in &alices {
        alice.send("opens a port", at_bob);
    }
    let router = lab.router("left").public_addr();
    let mut random = Random::new(1);
    let is_found = (0..GUESSES / BATCH).any(|_| {
        for _ in 0..BATCH {
            let port = u16::try_from(1_024 + random.below(64_512)).expect("a port");
            bob.send("guess", (router, port));
        }
        // One that got through is answered on the same way, by whoever got it.
        alices.iter().any(|alice| alice.has_come())
    });
    assert!(is_found);
}
