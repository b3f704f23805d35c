//! What each box and line does to datagrams, seen from the nodes.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::access::{Access, Home, behind};
use super::{
    Event, INTERNET, INTERNET_HOPS, Ipv6Policy, Line, Loss, Lost, NatKind, NatOptions, NodeId,
    Passes, World,
};

const PORT: u16 = 10_081;

/// A world with a home and two strangers.
struct Scene {
    world: World,
    home: Home,
    far: NodeId,
    other: NodeId,
}

fn scene(options: NatOptions) -> Scene {
    let mut world = World::new(7);
    let home = behind(&mut world, &[options]);
    let (far, other) = (world.node(INTERNET), world.node(INTERNET));
    Scene {
        world,
        home,
        far,
        other,
    }
}

impl Scene {
    /// Sends from the home to a stranger's port, and returns the source it sees.
    fn out(&mut self, to: NodeId, port: u16) -> SocketAddr {
        let to = self.world.address(to, port);
        let node = self.home.node;
        self.world.send(node, PORT, to, None, b"out");
        arrival(&mut self.world).expect("what goes out arrives").1
    }

    /// Whether a packet from a stranger's port to `to` gets in.
    fn gets_in(&mut self, from: NodeId, port: u16, to: SocketAddr) -> bool {
        self.world.send(from, port, to, None, b"in");
        arrival(&mut self.world).is_some_and(|(node, _)| node == self.home.node)
    }
}

/// Who gets the next datagram, and from where. Looks one second ahead.
fn arrival(world: &mut World) -> Option<(NodeId, SocketAddr)> {
    let until = world.now() + Duration::from_secs(1);
    let event = world.next_until(until)?;
    let Event::Datagram { node, from, .. } = event else {
        panic!("only datagrams here, not {event:?}");
    };
    Some((node, from))
}

fn pass(world: &mut World, time: Duration) {
    let until = world.now() + time;
    assert_eq!(world.next_until(until), None);
}

#[test]
fn each_kind_maps_and_filters_as_its_name_says() {
    // Same port towards another port and address; who gets in: the same, another port of it, another address.
    let rows = [
        (NatKind::FullCone, true, [true, true, true]),
        (NatKind::AddressRestricted, true, [true, true, false]),
        (NatKind::PortRestricted, true, [true, false, false]),
        (NatKind::SymmetricRandom, false, [true, false, false]),
        (NatKind::SymmetricSequential, false, [true, false, false]),
    ];
    for (kind, is_one_port, gets_in) in rows {
        let mut scene = scene(NatOptions::new(kind));
        let (far, other) = (scene.far, scene.other);
        let seen = scene.out(far, 1);
        assert_eq!(
            seen.ip(),
            IpAddr::from(scene.world.wan(scene.home.gateways[0])),
            "{kind:?}"
        );
        assert_ne!(
            seen.port(),
            PORT,
            "{kind:?}: ports are not kept unless asked for"
        );
        let got_in =
            [(far, 1), (far, 2), (other, 1)].map(|(from, port)| scene.gets_in(from, port, seen));
        assert_eq!(got_in, gets_in, "{kind:?}");
        assert_eq!(scene.out(far, 1), seen, "{kind:?}: a flow keeps its port");
        let others = [scene.out(far, 2), scene.out(other, 1)];
        assert_eq!(
            others.iter().all(|each| *each == seen),
            is_one_port,
            "{kind:?}"
        );
        if kind == NatKind::SymmetricSequential {
            assert_eq!(
                others.map(|each| each.port()),
                [seen.port() + 1, seen.port() + 2]
            );
        }
    }
}

#[test]
fn two_hosts_with_the_same_port_are_told_apart() {
    for keeps_port in [false, true] {
        let mut scene = scene(NatOptions {
            keeps_port,
            ..NatOptions::new(NatKind::PortRestricted)
        });
        let (far, first) = (scene.far, scene.home.node);
        let seen = scene.out(far, 1);
        let lan = scene.world.lan(scene.home.gateways[0]);
        scene.home.node = scene.world.node(lan);
        assert_ne!(scene.out(far, 1), seen, "keeps_port {keeps_port}");
        scene.home.node = first;
        assert!(scene.gets_in(far, 1, seen), "keeps_port {keeps_port}");
        assert_eq!(seen.port() == PORT, keeps_port);
    }
}

#[test]
fn a_mapping_lives_as_long_as_its_timeout_says() {
    for inbound_refreshes in [false, true] {
        let timeout = Duration::from_secs(30);
        let mut scene = scene(NatOptions {
            timeout,
            inbound_refreshes,
            ..NatOptions::new(NatKind::FullCone)
        });
        let far = scene.far;
        let seen = scene.out(far, 1);
        pass(&mut scene.world, Duration::from_secs(20));
        assert!(scene.gets_in(far, 1, seen), "still there");
        pass(&mut scene.world, Duration::from_secs(20));
        assert_eq!(scene.gets_in(far, 1, seen), inbound_refreshes);
        pass(&mut scene.world, timeout);
        assert!(
            !scene.gets_in(far, 1, seen),
            "nothing for longer than the timeout"
        );
        assert_ne!(scene.out(far, 1), seen, "a new port");
    }
}

#[test]
fn a_reboot_forgets_everything() {
    let mut scene = scene(NatOptions::new(NatKind::FullCone));
    let (far, gateway) = (scene.far, scene.home.gateways[0]);
    let seen = scene.out(far, 1);
    scene.world.reboot(gateway);
    assert!(!scene.gets_in(far, 1, seen));
    let again = scene.out(far, 1);
    assert_eq!(again.ip(), seen.ip());
    assert_ne!(again.port(), seen.port());
    scene.world.reboot_with_new_address(gateway);
    assert!(!scene.gets_in(far, 1, again), "the old address is nobody's");
    assert_eq!(scene.world.lost(Lost::NoRoute), 1);
    assert_ne!(scene.out(far, 1).ip(), seen.ip());
}

#[test]
fn an_early_packet_costs_the_port_only_where_the_box_answers() {
    for is_trap in [false, true] {
        let options = NatOptions::new(NatKind::PortRestricted);
        let mut scene = scene(if is_trap {
            options.with_trap()
        } else {
            options
        });
        let (far, other) = (scene.far, scene.other);
        let seen = scene.out(far, 1);
        assert!(!scene.gets_in(other, 1, seen), "early");
        let after = scene.out(other, 1);
        assert_eq!(after == seen, !is_trap);
        assert!(
            scene.gets_in(other, 1, after),
            "the new port works for that remote"
        );
        assert_eq!(scene.out(far, 1), seen, "and only for it");
        if is_trap {
            pass(&mut scene.world, Duration::from_mins(3));
            assert_eq!(scene.out(other, 1).port(), PORT, "the tuple is free again");
        }
    }
}

#[test]
fn a_short_lived_packet_opens_its_own_box_and_dies_before_the_others() {
    let mut world = World::new(1);
    let trap = NatOptions::new(NatKind::PortRestricted).with_trap();
    let (near, far) = (behind(&mut world, &[trap]), behind(&mut world, &[trap]));
    // Both boxes keep ports, so each side knows the other's address.
    let [near_wan, far_wan] =
        [&near, &far].map(|home| SocketAddr::from((world.wan(home.gateways[0]), PORT)));
    world.send(near.node, PORT, far_wan, Some(1 + INTERNET_HOPS), b"opens");
    assert_eq!(arrival(&mut world), None);
    assert_eq!((world.lost(Lost::Ttl), world.lost(Lost::Filtered)), (1, 0));
    world.send(far.node, PORT, near_wan, None, b"gets in");
    assert_eq!(arrival(&mut world), Some((near.node, far_wan)));
    world.send(
        near.node,
        PORT,
        near_wan,
        Some(1),
        b"not even through the own box",
    );
    assert_eq!(arrival(&mut world), None);
    assert_eq!(world.lost(Lost::Ttl), 2);
}

#[test]
fn hairpin_is_what_lets_neighbours_use_outside_addresses() {
    for hairpin in [false, true] {
        let carrier = NatOptions {
            hairpin,
            ..NatOptions::new(NatKind::FullCone).with_lan([100, 64, 0])
        };
        for options in [carrier, carrier.with_lan([192, 168, 0])] {
            let mut scene = scene(options);
            let far = scene.far;
            let seen = scene.out(far, 1);
            let lan = scene.world.lan(scene.home.gateways[0]);
            let neighbour = scene.world.node(lan);
            assert_eq!(scene.gets_in(neighbour, 1, seen), hairpin);
            let inside = scene.world.address(scene.home.node, PORT);
            assert!(
                scene.gets_in(neighbour, 1, inside),
                "the own address works in any case"
            );
        }
    }
}

#[test]
fn equal_private_addresses_in_two_homes_never_meet() {
    let mut world = World::new(1);
    let options = NatOptions::new(NatKind::FullCone).with_lan([192, 168, 0]);
    let homes = [
        behind(&mut world, &[options]),
        behind(&mut world, &[options]),
    ];
    let [first, second] = [0, 1].map(|home: usize| world.address(homes[home].node, PORT));
    assert_eq!(first, second);
    let nobody = SocketAddr::from((Ipv4Addr::new(192, 168, 0, 77), PORT));
    world.send(homes[0].node, PORT, nobody, None, b"lost");
    assert_eq!(arrival(&mut world), None);
    assert_eq!(world.lost(Lost::NoRoute), 1);
}

#[test]
fn ipv6_goes_through_untranslated_and_the_firewall_knows_flows() {
    let rows = [(Ipv6Policy::Open, true), (Ipv6Policy::Firewalled, false)];
    for (policy, lets_strangers_in) in rows {
        let mut world = World::new(1);
        let outer = NatOptions::new(NatKind::PortRestricted).with_ipv6(Ipv6Policy::Open);
        let home = behind(&mut world, &[outer.with_ipv6(policy), outer]);
        let far = world.node(INTERNET);
        let [inside, outside] =
            [home.node, far].map(|node| SocketAddr::new(world.add_ipv6(node), PORT));
        world.send(far, PORT, inside, None, b"stranger");
        assert_eq!(
            arrival(&mut world),
            lets_strangers_in.then_some((home.node, outside)),
            "{policy:?}"
        );
        world.send(home.node, PORT, outside, None, b"out");
        assert_eq!(arrival(&mut world), Some((far, inside)));
        world.send(far, PORT, inside, None, b"answer");
        assert_eq!(arrival(&mut world), Some((home.node, outside)));
    }
    let mut world = World::new(1);
    let home = Access::Nat(NatKind::FullCone).build(&mut world);
    let [from, to] =
        [home.node, world.node(INTERNET)].map(|node| SocketAddr::new(world.add_ipv6(node), PORT));
    world.send_from(home.node, from, to, None, b"no IPv6 in this box");
    assert_eq!((arrival(&mut world), world.lost(Lost::NoRoute)), (None, 1));
}

#[test]
fn who_moves_is_reached_at_the_new_address_only() {
    let mut world = World::new(1);
    let (far, rover) = (world.node(INTERNET), world.node(INTERNET));
    let before = world.address(rover, PORT);
    let gateway = world.nat(INTERNET, NatOptions::new(NatKind::FullCone));
    let lan = world.lan(gateway);
    world.move_node(rover, lan);
    world.send(far, PORT, before, None, b"to the old place");
    assert_eq!((arrival(&mut world), world.lost(Lost::NoRoute)), (None, 1));
    let to = world.address(far, PORT);
    world.send(rover, PORT, to, None, b"from the new one");
    assert_eq!(
        arrival(&mut world).map(|(_, from)| from.ip()),
        Some(world.wan(gateway).into())
    );
}

#[test]
fn broadcasts_stay_in_the_lan() {
    let mut scene = scene(NatOptions::new(NatKind::FullCone));
    let lan = scene.world.lan(scene.home.gateways[0]);
    let neighbours = [scene.world.node(lan), scene.world.node(lan)];
    let all = SocketAddr::from((Ipv4Addr::BROADCAST, PORT));
    scene.world.send(scene.home.node, PORT, all, None, b"hello");
    let heard = [(); 3].map(|()| arrival(&mut scene.world).map(|(node, _)| node));
    assert_eq!(heard, [Some(neighbours[0]), Some(neighbours[1]), None]);
}

/// Sends numbered datagrams a millisecond apart over a line, and returns the numbers in order of arrival.
fn numbers_over(seed: u64, line: &Line, count: u32) -> (Vec<u32>, World) {
    let mut world = World::new(seed);
    let (near, far) = (world.node(INTERNET), world.node(INTERNET));
    world.change_up_line(near, |up| *up = line.clone());
    let to = world.address(far, PORT);
    let mut arrived = Vec::new();
    let mut take = |world: &mut World, until| {
        while let Some(event) = world.next_until(until) {
            let Event::Datagram { bytes, .. } = event else {
                panic!("only datagrams here");
            };
            arrived.push(u32::from_be_bytes(
                bytes.try_into().expect("four bytes were sent"),
            ));
        }
    };
    for number in 0..count {
        world.send(near, PORT, to, None, &number.to_be_bytes());
        let until = world.now() + Duration::from_millis(1);
        take(&mut world, until);
    }
    let until = world.now() + Duration::from_mins(1);
    take(&mut world, until);
    (arrived, world)
}

#[test]
fn a_perfect_line_with_jitter_keeps_the_order() {
    let line = Line {
        jitter: Duration::from_millis(40),
        ..Line::delayed(20)
    };
    let (arrived, _) = numbers_over(1, &line, 1000);
    assert!(arrived.iter().copied().eq(0..1000));
}

#[test]
fn loss_duplication_and_reordering_come_as_often_as_asked() {
    let (arrived, world) = numbers_over(2, &Line::delayed(5).losing(0.1), 10_000);
    let lost = 10_000 - arrived.len();
    assert!((900..1100).contains(&lost), "{lost} of 10,000 lost at 10 %");
    assert_eq!(
        world.lost(Lost::Chance),
        u64::try_from(lost).expect("small")
    );

    let (arrived, _) = numbers_over(3, &Line::delayed(5).shuffling(0.1), 10_000);
    let more = arrived.len() - 10_000;
    assert!(
        (900..1100).contains(&more),
        "{more} of 10,000 twice at 10 %"
    );
    let passed = arrived.windows(2).filter(|pair| pair[1] < pair[0]).count();
    assert!(
        (900..2200).contains(&passed),
        "{passed} of 10,000 passed by later ones"
    );
}

#[test]
fn bursts_lose_runs() {
    let loss = Loss::Bursts {
        enter: 0.01,
        leave: 0.1,
        inside: 1.0,
    };
    let line = Line {
        loss,
        ..Line::default()
    };
    let (arrived, _) = numbers_over(4, &line, 20_000);
    let runs = arrived
        .windows(2)
        .filter(|pair| pair[1] > pair[0] + 1)
        .count();
    let lost = 20_000 - arrived.len();
    // A burst begins after 100 packets on average, and is ten long.
    assert!((1200..2500).contains(&lost), "{lost} lost");
    assert!(
        (6..15).contains(&(lost / runs)),
        "{lost} lost in {runs} runs"
    );
}

#[test]
fn a_narrow_line_delays_and_then_drops() {
    // Each packet is 32 bytes with its headers: 1 ms of this line.
    let line = Line {
        bandwidth: Some(32_000),
        queue: 320,
        ..Line::default()
    };
    let mut world = World::new(1);
    let (near, far) = (world.node(INTERNET), world.node(INTERNET));
    world.set_line(near, &line);
    let to = world.address(far, PORT);
    for _ in 0..100 {
        world.send(near, PORT, to, None, b"four");
    }
    let mut count = 0;
    let start = world.now();
    while world.next().is_some() {
        count += 1;
        assert_eq!(world.now() - start, Duration::from_millis(count));
    }
    assert_eq!((count, world.lost(Lost::Queue)), (11, 89));
}

#[test]
fn lines_refuse_what_they_do_not_pass() {
    let mut world = World::new(1);
    let (near, far) = (world.node(INTERNET), world.node(INTERNET));
    let to = world.address(far, PORT);
    for (len, arrives) in [(1472, true), (1473, false)] {
        world.send(near, PORT, to, None, &vec![0; len]);
        assert_eq!(
            arrival(&mut world).is_some(),
            arrives,
            "{len} bytes in an MTU of 1500"
        );
    }
    for passes in [Passes::TcpOnly, Passes::TcpTo(vec![PORT]), Passes::Nothing] {
        world.change_line(near, |line| line.passes = passes.clone());
        world.send(near, PORT, to, None, b"blocked");
        assert_eq!(arrival(&mut world), None, "{passes:?}");
        world.heal(near);
        world.send(near, PORT, to, None, b"healed");
        assert_eq!(
            arrival(&mut world).map(|(node, _)| node),
            Some(far),
            "{passes:?}"
        );
    }
    assert_eq!(
        (world.lost(Lost::TooLong), world.lost(Lost::Blocked)),
        (1, 3)
    );
}

#[test]
fn a_timer_can_be_moved_and_taken_back() {
    let mut world = World::new(1);
    let node = world.node(INTERNET);
    let at = |secs| world.now() + Duration::from_secs(secs);
    let times = [1, 2, 3, 4].map(at);
    world.set_timer(node, 1, Some(times[0]));
    world.set_timer(node, 2, Some(times[1]));
    world.set_timer(node, 1, Some(times[2]));
    world.set_timer(node, 3, Some(times[3]));
    world.set_timer(node, 3, None);
    let rings: Vec<_> =
        std::iter::from_fn(|| world.next().map(|event| (event, world.now()))).collect();
    assert_eq!(
        rings,
        [
            (Event::Timer { node, id: 2 }, times[1]),
            (Event::Timer { node, id: 1 }, times[2])
        ]
    );
}

#[test]
fn the_same_seed_gives_the_same_run_and_another_one_does_not() {
    let line = Line {
        jitter: Duration::from_millis(10),
        ..Line::delayed(5).losing(0.2).shuffling(0.2)
    };
    let run = |seed| {
        let (arrived, world) = numbers_over(seed, &line, 500);
        (arrived, world.trace(), world.elapsed())
    };
    assert_eq!(run(11), run(11));
    assert_ne!(run(11), run(12));
}
