//! Who reaches whom: hairpins, double NAT, overlapping networks, virtual machines, IPv6.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use harness::lab::{Host, Lab, Nat, Site, cgn, home, public};

use crate::sockets::{Endpoints, Filtering, Mapping, Socket};

/// Both write to each other's mapped address, twice; whether that came through, each way.
fn reach(endpoints: &Endpoints, a: Host<'_>, b: Host<'_>) -> (bool, bool) {
    let (a, b) = (Socket::on(a), Socket::on(b));
    let (to_a, to_b) = (endpoints.mapped(&a), endpoints.mapped(&b));
    for _ in 0..2 {
        a.send("peer", to_b);
        b.send("peer", to_a);
    }
    let heard = [(&a, to_a), (&b, to_b)].map(|(socket, mapped)| {
        endpoints.main.send("last", mapped);
        socket.until("last").iter().any(|text| text == "peer")
    });
    heard.into()
}

#[test]
fn a_hairpin_works_where_it_is_on() {
    let twins = |name: &str, nat, has_hairpin| {
        let home = home(&format!("home{name}"), nat)
            .host(&format!("a{name}"))
            .host(&format!("b{name}"));
        if has_hairpin { home.hairpin() } else { home }
    };
    let cases: Vec<_> = Nat::ALL
        .into_iter()
        .flat_map(|nat| [(nat, false), (nat, true)])
        .map(|(nat, is_on)| (format!("{nat:?}{is_on}"), nat, is_on))
        .collect();
    let sites: Vec<_> = cases
        .iter()
        .map(|(name, nat, is_on)| twins(name, *nat, *is_on))
        .collect();
    let Some(lab) = Lab::build("hairpins", sites) else {
        return;
    };
    let endpoints = Endpoints::of(&lab);
    for (name, nat, is_on) in &cases {
        let (a, b) = (lab.host(&format!("a{name}")), lab.host(&format!("b{name}")));
        // A symmetric mapping admits only whom it was made for.
        let is_open = *is_on && !matches!(nat, Nat::Symmetric | Nat::SymmetricSequential);
        assert_eq!(reach(&endpoints, a, b), (is_open, is_open), "{name}");
    }
}

#[test]
fn a_turned_packet_comes_from_the_outside() {
    let site = home("left", Nat::FullCone)
        .host("alice")
        .host("bob")
        .hairpin();
    let Some(lab) = Lab::build("hairpins", [site]) else {
        return;
    };
    let endpoints = Endpoints::of(&lab);
    let (alice, bob) = (Socket::on(lab.host("alice")), Socket::on(lab.host("bob")));
    let (to_alice, to_bob) = (endpoints.mapped(&alice), endpoints.mapped(&bob));
    alice.send("hello", to_bob);
    assert_eq!(bob.expect("hello"), to_alice);
}

#[test]
fn two_hosts_with_the_same_inner_port_have_outer_ports_of_their_own() {
    let site = home("left", Nat::PortRestricted).host("alice").host("bob");
    let Some(lab) = Lab::build("double NAT", [site]) else {
        return;
    };
    let endpoints = Endpoints::of(&lab);
    let mapped = ["alice", "bob"].map(|name| {
        let host = lab.host(name);
        let socket = Socket::at(host, SocketAddr::from(([0; 4], 10_081)));
        let seen = endpoints.all_mapped(&socket);
        let mapping = Mapping::of(host.addr().into(), 10_081, seen);
        assert_eq!(mapping, Mapping::Independent, "{name}");
        seen[0]
    });
    assert_ne!(mapped[0], mapped[1]);
}

#[test]
fn behind_two_routers_the_outer_one_is_seen() {
    let inner = home("north", Nat::PortRestricted).host("eve");
    let Some(lab) = Lab::build("double NAT", [cgn("isp", Nat::PortRestricted).site(inner)]) else {
        return;
    };
    let endpoints = Endpoints::of(&lab);
    let eve = lab.host("eve");
    let socket = Socket::on(eve);
    let seen = endpoints.all_mapped(&socket);
    assert_eq!(seen[0].ip(), IpAddr::from(lab.router("isp").public_addr()));
    assert_eq!(
        Mapping::of(eve.addr().into(), socket.port(), seen),
        Mapping::Independent
    );
    assert_eq!(endpoints.admitted(&Socket::on(eve)), Filtering::ByEndpoint);
}

#[test]
fn homes_of_one_cgn_meet_where_it_turns_packets_around() {
    let isp = |name: &str| -> Site {
        let inner = |side: &str| {
            home(&format!("{side}{name}"), Nat::PortRestricted).host(&format!("{side}{name}host"))
        };
        cgn(name, Nat::PortRestricted)
            .site(inner("north"))
            .site(inner("south"))
    };
    let Some(lab) = Lab::build("double NAT", [isp("with").hairpin(), isp("without")]) else {
        return;
    };
    let endpoints = Endpoints::of(&lab);
    for (name, is_open) in [("with", true), ("without", false)] {
        let north = lab.host(&format!("north{name}host"));
        let south = lab.host(&format!("south{name}host"));
        assert_eq!(
            reach(&endpoints, north, south),
            (is_open, is_open),
            "{name}"
        );
        // Not by the addresses between homes and provider either: each is alone on its line.
        let north_router = lab.router(&format!("north{name}"));
        let socket = Socket::on(south);
        let north_socket = Socket::on(north);
        let mapped = endpoints.mapped(&north_socket);
        socket.send("neighbour", (north_router.public_addr(), mapped.port()));
        endpoints.main.send("last", mapped);
        assert_eq!(north_socket.until("last"), Vec::<String>::new(), "{name}");
    }
}

#[test]
fn two_homes_may_number_their_networks_alike() {
    let at_zero = |name: &str, host: &str| {
        home(name, Nat::PortRestricted)
            .host(host)
            .lan([192, 168, 0])
    };
    let sites = [
        at_zero("left", "alice"),
        at_zero("right", "bob").host("carol"),
    ];
    let Some(lab) = Lab::build("homes numbered alike", sites) else {
        return;
    };
    let endpoints = Endpoints::of(&lab);
    let (alice, bob) = (lab.host("alice"), lab.host("bob"));
    assert_eq!(alice.addr(), bob.addr());
    assert_eq!(reach(&endpoints, alice, bob), (true, true));

    // Carol's address means nobody in alice's home.
    let (from_alice, carol) = (Socket::on(alice), Socket::on(lab.host("carol")));
    let mapped = endpoints.mapped(&carol);
    from_alice.send("is it you?", (lab.host("carol").addr(), carol.port()));
    endpoints.main.send("last", mapped);
    assert_eq!(carol.until("last"), Vec::<String>::new());
}

#[test]
fn virtual_machines_are_behind_their_host() {
    let site = home("left", Nat::FullCone)
        .host_with_vms("desk", ["vm1", "vm2"])
        .host("laptop");
    let Some(lab) = Lab::build("virtual machines", [site, public("pc").vms(["vm3"])]) else {
        return;
    };
    let endpoints = Endpoints::of(&lab);
    let (desk, laptop) = (lab.host("desk"), lab.host("laptop"));
    let [vm1, vm2] = ["vm1", "vm2"].map(|name| lab.host(name));
    let seen = endpoints.mapped(&Socket::on(vm1));
    assert_eq!(seen.ip(), IpAddr::from(lab.router("left").public_addr()));
    let seen = endpoints.mapped(&Socket::on(lab.host("vm3")));
    assert_eq!(seen.ip(), IpAddr::from(lab.host("pc").addr()));

    let (on_desk, on_laptop) = (Socket::on(desk), Socket::on(laptop));
    let (on_vm1, on_vm2) = (Socket::on(vm1), Socket::on(vm2));
    on_vm1.send("up", (desk.addr(), on_desk.port()));
    on_desk.expect("up");
    on_vm1.send("out", (laptop.addr(), on_laptop.port()));
    assert_eq!(on_laptop.expect("out").ip(), IpAddr::from(desk.addr()));
    on_vm2.send("across", (vm1.addr(), on_vm1.port()));
    assert_eq!(on_vm1.expect("across").ip(), IpAddr::from(vm2.addr()));
    // A neighbour of the host knows no way in.
    on_laptop.send("in", (vm1.addr(), on_vm1.port()));
    on_vm2.send("last", (vm1.addr(), on_vm1.port()));
    on_vm1.expect("last");
}

#[test]
fn ipv6_has_a_firewall_and_no_translation() {
    let sites = [
        home("left", Nat::PortRestricted).host("alice").ipv6(),
        home("right", Nat::PortRestricted).host("bob").ipv6(),
        public("dave").ipv6(),
        home("old", Nat::PortRestricted).host("carol"),
    ];
    let Some(lab) = Lab::build("IPv6", sites) else {
        return;
    };
    assert_eq!(lab.host("carol").addr6(), None);
    let on = |name: &str| {
        let addr = lab.host(name).addr6().expect("a host with IPv6");
        let socket = Socket::at(lab.host(name), (addr, 0).into());
        let at = SocketAddr::from((addr, socket.port()));
        (socket, at)
    };
    let ((alice, at_alice), (bob, at_bob)) = (on("alice"), on("bob"));
    let ((dave, at_dave), (server, at_server)) = (on("dave"), on("server"));
    alice.send("hello", at_server);
    assert_eq!(server.expect("hello"), at_alice);

    // Dave was not written to; the server was.
    dave.send("unasked", at_alice);
    server.send("last", at_alice);
    alice.expect("last");
    alice.send("hello", at_dave);
    dave.expect("hello");

    alice.send("first", at_bob);
    bob.send("second", at_alice);
    assert_eq!(alice.expect("second"), at_bob);
    alice.send("third", at_bob);
    assert_eq!(bob.expect("third"), at_alice);
}

#[test]
fn udp_can_be_blocked_and_tcp_bounded() {
    let sites = [
        home("strict", Nat::PortRestricted)
            .host("alice")
            .blocks_udp()
            .tcp_only([80, 443]),
        home("mild", Nat::PortRestricted).host("bob").blocks_udp(),
        home("narrow", Nat::PortRestricted)
            .host("carol")
            .tcp_only([443]),
    ];
    let Some(lab) = Lab::build("UDP blocked", sites) else {
        return;
    };
    let server = lab.server();
    let rows = [
        ("alice", false, vec![80, 443]),
        ("bob", false, vec![80, 443, 10_080]),
        ("carol", true, vec![443]),
    ];
    let ports = [80, 443, 10_080];
    let listeners = ports.map(|port| {
        let bind = || std::net::TcpListener::bind((server.addr(), port)).expect("listen");
        server.enter(bind)
    });
    for (name, has_udp, open) in rows {
        let host = lab.host(name);
        let (socket, udp_server) = (Socket::on(host), Socket::on(server));
        socket.send("datagram", (server.addr(), udp_server.port()));
        let beside = Socket::on(server);
        beside.send("last", (server.addr(), udp_server.port()));
        let arrived = udp_server.until("last");
        assert_eq!(arrived.len(), usize::from(has_udp), "{name}: UDP");
        for port in ports {
            let limit = if open.contains(&port) {
                harness::SOON
            } else {
                Duration::from_millis(150)
            };
            let to = (server.addr(), port).into();
            let is_open = host
                .enter(|| std::net::TcpStream::connect_timeout(&to, limit))
                .is_ok();
            assert_eq!(is_open, open.contains(&port), "{name}: TCP to {port}");
        }
    }
    drop(listeners);
}
