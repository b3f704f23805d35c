//! What changes while programs run: mappings that end, routers that restart, hosts that move; and the early packet.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use harness::lab::{Lab, Nat, Site, Unsolicited, home, public};
use harness::{SOON, Stopwatch, wait_until};

use crate::sockets::{Endpoints, Socket};

#[test]
fn a_mapping_ends_without_traffic() {
    const TIMEOUT: Duration = Duration::from_secs(2);
    let kinds = [Nat::FullCone, Nat::PortRestricted];
    let sites = kinds.map(|nat| {
        home(&format!("{nat:?}Home"), nat)
            .host(&format!("{nat:?}"))
            .udp_timeout(TIMEOUT)
    });
    let Some(lab) = Lab::build("short mappings", sites) else {
        return;
    };
    let endpoints = Endpoints::of(&lab);
    let sockets = kinds.map(|nat| Socket::on(lab.host(&format!("{nat:?}"))));
    let mapped = sockets.each_ref().map(|socket| endpoints.mapped(socket));
    let wait = |time: Duration| {
        let watch = Stopwatch::start();
        wait_until("time to pass", SOON, || watch.elapsed() > time);
    };
    wait(TIMEOUT / 2);
    for (socket, mapped) in sockets.iter().zip(mapped) {
        endpoints.main.send("alive", mapped);
        socket.expect("alive");
        // What comes from inside keeps it for another while.
        socket.send("keep", endpoints.main_addr());
        endpoints.main.expect("keep");
    }
    wait(TIMEOUT * 2);
    for (socket, mapped) in sockets.iter().zip(mapped) {
        endpoints.main.send("dead", mapped);
        let now = endpoints.mapped(socket);
        endpoints.main.send("last", now);
        socket.expect("last");
    }
}

#[test]
fn a_restarted_router_knows_nobody() {
    let sites = Nat::ALL.map(|nat| home(&format!("{nat:?}Home"), nat).host(&format!("{nat:?}")));
    let Some(lab) = Lab::build("restarted routers", sites) else {
        return;
    };
    let endpoints = Endpoints::of(&lab);
    for nat in Nat::ALL {
        let router = lab.router(&format!("{nat:?}Home"));
        let socket = Socket::on(lab.host(&format!("{nat:?}")));
        let mut before = endpoints.mapped(&socket);
        for has_new_address in [false, true, false] {
            if has_new_address {
                router.reboot_with_new_address();
            } else {
                router.reboot();
            }
            endpoints.main.send("old", before);
            let after = endpoints.mapped(&socket);
            assert_ne!(before.port(), after.port(), "{nat:?}");
            assert_eq!(before.ip() != after.ip(), has_new_address, "{nat:?}");
            assert_eq!(after.ip(), IpAddr::from(router.public_addr()), "{nat:?}");
            endpoints.main.send("old", before);
            endpoints.main.send("new", after);
            socket.expect("new");
            before = after;
        }
    }
}

#[test]
fn a_restarted_router_forgets_the_flows_of_ipv6() {
    let site = home("left", Nat::PortRestricted).host("alice").ipv6();
    let Some(lab) = Lab::build("restarted routers", [site]) else {
        return;
    };
    let on = |name: &str| {
        let addr = lab.host(name).addr6().expect("a host with IPv6");
        Socket::at(lab.host(name), (addr, 0).into())
    };
    let (alice, server) = (on("alice"), on("server"));
    let to_server = (lab.server().addr6().expect("IPv6"), server.port());
    alice.send("hello", to_server);
    let back = server.expect("hello");
    server.send("known", back);
    alice.expect("known");
    lab.router("left").reboot();
    server.send("unknown", back);
    alice.send("hello", to_server);
    server.expect("hello");
    server.send("known", back);
    alice.expect("known");
}

/// The server sees alice's mapping; dave writes to it before she writes to dave. Does he see the same mapping then?
fn keeps_its_port(nat: Nat, unsolicited: Unsolicited) -> Option<bool> {
    let site: Site = home("left", nat).host("alice").unsolicited(unsolicited);
    let lab = Lab::build("early packets", [site, public("dave")])?;
    let endpoints = Endpoints::of(&lab);
    let (alice, dave) = (Socket::on(lab.host("alice")), Socket::on(lab.host("dave")));
    let mapped = endpoints.mapped(&alice);
    dave.try_send("early", mapped)
        .expect("nothing came back yet");
    alice.send("late", (lab.host("dave").addr(), dave.port()));
    let (text, from) = dave.next();
    assert_eq!(text, "late");
    Some(from == mapped)
}

#[test]
fn an_early_packet_costs_the_port_if_it_is_answered() {
    let rows = [
        (Nat::PortRestricted, Unsolicited::Drop, true),
        (Nat::PortRestricted, Unsolicited::Answer, false),
        (Nat::AddressRestricted, Unsolicited::Drop, true),
        (Nat::AddressRestricted, Unsolicited::Answer, false),
    ];
    for (nat, unsolicited, keeps) in rows {
        let Some(kept) = keeps_its_port(nat, unsolicited) else {
            return;
        };
        assert_eq!(kept, keeps, "{nat:?} {unsolicited:?}");
    }
}

#[test]
fn an_answer_to_the_unsolicited_is_heard() {
    let sites = [
        home("left", Nat::PortRestricted).unsolicited(Unsolicited::Answer),
        public("dave"),
    ];
    let Some(lab) = Lab::build("early packets", sites) else {
        return;
    };
    let dave = Socket::on(lab.host("dave"));
    let router = SocketAddr::from((lab.router("left").public_addr(), 40_000));
    assert_eq!(
        dave.refused_by(router).kind(),
        std::io::ErrorKind::ConnectionRefused
    );
}

#[test]
fn a_host_moves_to_another_home() {
    let sites = [
        home("left", Nat::PortRestricted).host("alice"),
        home("right", Nat::FullCone).host("bob").ipv6(),
    ];
    let Some(lab) = Lab::build("roaming", sites) else {
        return;
    };
    let endpoints = Endpoints::of(&lab);
    let alice = lab.host("alice");
    let socket = Socket::on(alice);
    let before = (alice.addr(), endpoints.mapped(&socket));
    alice.move_to("right");
    let there = (alice.addr(), endpoints.mapped(&socket));
    assert_eq!(
        there.1.ip(),
        IpAddr::from(lab.router("right").public_addr())
    );
    assert_ne!(there.0, before.0);
    // Neighbours now, and with IPv6 as everybody there.
    let bob = Socket::on(lab.host("bob"));
    bob.send("welcome", (there.0, socket.port()));
    socket.expect("welcome");
    let addr = alice.addr6().expect("IPv6, as it is a home with it");
    let at_server = lab.server().addr6().expect("the server has IPv6");
    let (v6, server) = (
        Socket::at(alice, (addr, 0).into()),
        Socket::at(lab.server(), (at_server, 0).into()),
    );
    v6.send("hello", (at_server, server.port()));
    server.expect("hello");
    // What is sent to the old home does not follow.
    endpoints.main.send("old", before.1);
    endpoints.main.send("new", there.1);
    socket.expect("new");

    alice.move_to("left");
    assert_eq!(endpoints.mapped(&socket).ip(), before.1.ip());
    assert_eq!(alice.addr6(), None);
}

#[test]
fn what_belongs_to_a_host_moves_with_it() {
    let sites = [
        home("left", Nat::PortRestricted).host_with_vms("desk", ["vm"]),
        home("right", Nat::PortRestricted),
    ];
    let Some(lab) = Lab::build("roaming", sites) else {
        return;
    };
    let endpoints = Endpoints::of(&lab);
    let (desk, vm) = (lab.host("desk"), Socket::on(lab.host("vm")));
    let seen_from = |router: &str| {
        let seen = endpoints.mapped(&vm);
        assert_eq!(seen.ip(), IpAddr::from(lab.router(router).public_addr()));
    };
    seen_from("left");
    desk.cut();
    desk.move_to("right");
    vm.send("lost", endpoints.main_addr());
    desk.mend();
    seen_from("right");
}
