//! What others can bring about: nothing but answers, and few of those.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use proptest::prelude::*;

use super::duo::{A, B, Duo, Home, candidate};
use super::nat::Kind;
use crate::path::paths::{Best, Event, MAIN_SOCKET, Route};
use crate::wire::check::{Check, CheckKind};
use crate::wire::reach::{CandidateKind, Mapping, Reach};

/// The most that one side ever keeps: pairs, checks that wait, datagrams and wishes not yet polled.
const HELD: usize = 4_096 + 24 + 1_024 + 300;

fn route(addr: &str) -> Route {
    let addr = addr.parse().unwrap();
    Route {
        socket: MAIN_SOCKET,
        addr,
    }
}

fn public() -> Duo {
    let mut duo = Duo::new(4, [Home::Public, Home::Public]);
    duo.start(A);
    assert!(duo.run(1_000, Duo::is_direct));
    duo
}

fn request(txid: u8) -> Check {
    Check {
        sender: 1,
        txid: [txid; 12],
        kind: CheckKind::Request,
    }
}

fn best(duo: &Duo, me: usize) -> Option<Best> {
    duo.sides[me].paths.best()
}

/// What a side sends now, read back.
fn sent(duo: &mut Duo, me: usize) -> Vec<(Route, Check)> {
    let mut sent = Vec::new();
    while let Some(transmit) = duo.sides[me].paths.poll_transmit() {
        let body = crate::crypto::mac::body(&transmit.bytes).expect("a tag");
        sent.push((transmit.route, Check::decode(body).expect("a check")));
    }
    sent
}

#[test]
fn what_is_not_authentic_does_nothing() {
    let mut duo = public();
    let good = duo.forge(B, &request(1));
    let mut bent = good.clone();
    bent[15] ^= 1;
    let mine = duo.forge(A, &request(1));
    for (name, bytes) in [
        ("bent", bent),
        ("sent back to its sender", mine),
        ("cut", good[..20].to_vec()),
    ] {
        let check = request(1);
        let now = duo.now;
        let taken = duo.sides[A]
            .paths
            .handle_check(now, route("192.0.2.9:1"), &check, &bytes);
        assert!(!taken, "{name}");
        assert_eq!(sent(&mut duo, A), [], "{name}");
    }
    assert!(
        duo.hand(A, route("192.0.2.9:1"), &good),
        "the untouched one is"
    );
}

#[test]
fn a_replayed_request_brings_one_answer_and_one_check_and_moves_nothing() {
    let mut duo = public();
    let before = best(&duo, A);
    let replay = duo.forge(B, &request(7));
    let thief = route("192.0.2.66:666");
    for turn in 0..5 {
        assert!(duo.hand(A, thief, &replay));
        let kinds: Vec<_> = sent(&mut duo, A)
            .into_iter()
            .map(|(to, check)| (to, check.kind))
            .collect();
        assert_eq!(
            kinds,
            [
                (thief, CheckKind::Response(thief.addr)),
                (thief, CheckKind::Request)
            ],
            "{turn}"
        );
    }
    duo.run(9_000, |_| false);
    assert_eq!(best(&duo, A), before);
    assert_eq!(duo.sides[A].bests.len(), 1);
}

#[test]
fn a_response_counts_only_if_it_was_asked_for_there() {
    let mut duo = Duo::new(4, [Home::Public, Home::Public]);
    let (mine, theirs) = (duo.sides[A].reach.clone(), duo.sides[B].reach.clone());
    let now = duo.now;
    duo.sides[A].paths.start(now, &mine, &theirs);
    let (to, check) = sent(&mut duo, A).remove(0);
    let response = |txid| Check {
        sender: 1,
        txid,
        kind: CheckKind::Response(to.addr),
    };
    let other = Route {
        addr: SocketAddr::new(to.addr.ip(), 9),
        ..to
    };
    let elsewhere = Route { socket: 5, ..to };
    let cases = [
        ("from another port", other, check.txid, false),
        ("at another socket", elsewhere, check.txid, false),
        ("never asked for", to, [9; 12], false),
        ("as asked for", to, check.txid, true),
    ];
    for (name, from, txid, counts) in cases {
        let bytes = duo.forge(B, &response(txid));
        assert!(duo.hand(A, from, &bytes), "{name}");
        assert_eq!(best(&duo, A).is_some(), counts, "{name}");
    }
}

#[test]
fn a_flood_of_requests_from_everywhere_stays_small() {
    for source in ["strangers", "ports of the peer"] {
        let mut duo = public();
        let before = best(&duo, A);
        let replay = duo.forge(B, &request(7));
        let [.., peer] = [A, B].map(|me| duo.net.ip(duo.sides[me].host));
        let mut answers = 0;
        for n in 0..100_000_u32 {
            let addr = match source {
                "strangers" => SocketAddr::from((Ipv4Addr::from(0x0B00_0000 + n), 1_000)),
                _ => SocketAddr::from((peer, u16::try_from(n % 64_000 + 1_000).unwrap())),
            };
            let flood = Route {
                socket: MAIN_SOCKET,
                addr,
            };
            duo.hand(A, flood, &replay);
            assert!(duo.sides[A].paths.held() <= HELD);
            answers += sent(&mut duo, A).len();
            if n % 100 == 0 {
                duo.now += Duration::from_millis(1);
            }
        }
        // 32 at once and 100 a second, each with an answer and a few checks.
        assert!(answers < 2_000, "{source}: {answers}");
        assert_eq!(best(&duo, A), before, "{source}");
    }
}

#[test]
fn a_thousand_calls_a_second_do_not_make_us_shoot() {
    let mut duo = public();
    duo.sides[A].paths.forget(duo.now);
    let mine = duo.sides[A].reach.clone();
    let mut checks = 0;
    for n in 0..1_000_u32 {
        let theirs = Reach {
            mapping: Mapping::Independent,
            candidates: (0..64)
                .map(|m| SocketAddr::from((Ipv4Addr::from(0x0B00_0000 + n * 64 + m), 1_000)))
                .map(|addr| candidate(CandidateKind::Reflexive, addr))
                .collect(),
        };
        duo.now += Duration::from_millis(1);
        let now = duo.now;
        duo.sides[A].paths.start(now, &mine, &theirs);
        duo.sides[A]
            .paths
            .birthday_asked(now, mine.mapping, &theirs);
        checks += sent(&mut duo, A).len();
    }
    assert!(checks < 800, "{checks}");
}

/// One of the things that can happen to a side.
#[derive(Clone, Debug)]
enum Call {
    Start(Reach, Reach),
    BirthdayAsked(Mapping, Reach),
    Opened(Vec<u16>),
    Request(Route),
    Answer { from: Option<Route> },
    Heard(Route),
    Suspect,
    Forget,
    Used,
    Timeout,
    Wait(u64),
}

fn addrs() -> impl Strategy<Value = SocketAddr> {
    let ips = prop_oneof![
        4 => (0..6_u8).prop_map(|n| IpAddr::from([192, 168, 0, n])),
        4 => (0..6_u8).prop_map(|n| IpAddr::from([203, 0, 113, n])),
        1 => any::<u32>().prop_map(|ip| IpAddr::V4(ip.into())),
        1 => any::<u128>().prop_map(|ip| IpAddr::V6(ip.into())),
        1 => (0..3_u8).prop_map(|n| IpAddr::V6(Ipv4Addr::new(203, 0, 113, n).to_ipv6_mapped())),
        1 => Just(IpAddr::V6(Ipv6Addr::LOCALHOST)),
    ];
    (ips, prop_oneof![0..4_u16, any::<u16>()]).prop_map(SocketAddr::from)
}

fn mappings() -> impl Strategy<Value = Mapping> {
    prop_oneof![
        Just(Mapping::Unknown),
        Just(Mapping::Independent),
        (any::<u16>(), any::<i16>()).prop_map(|(last, step)| Mapping::Sequential { last, step }),
        Just(Mapping::Random),
    ]
}

fn reaches() -> impl Strategy<Value = Reach> {
    let kinds = prop_oneof![
        Just(CandidateKind::Local),
        Just(CandidateKind::Reflexive),
        Just(CandidateKind::PeerReflexive),
    ];
    let candidates = proptest::collection::vec((kinds, addrs()), 0..64);
    (mappings(), candidates).prop_map(|(mapping, candidates)| Reach {
        mapping,
        candidates: candidates
            .into_iter()
            .map(|(kind, addr)| candidate(kind, addr))
            .collect(),
    })
}

fn calls() -> impl Strategy<Value = Call> {
    let routes = || {
        (prop_oneof![Just(0_u16), 0..300_u16], addrs())
            .prop_map(|(socket, addr)| Route { socket, addr })
    };
    prop_oneof![
        2 => (reaches(), reaches()).prop_map(|(mine, theirs)| Call::Start(mine, theirs)),
        1 => (mappings(), reaches()).prop_map(|(mine, theirs)| Call::BirthdayAsked(mine, theirs)),
        1 => proptest::collection::vec(any::<u16>(), 0..300).prop_map(Call::Opened),
        6 => routes().prop_map(Call::Request),
        6 => proptest::option::weighted(0.2, routes()).prop_map(|from| Call::Answer { from }),
        3 => routes().prop_map(Call::Heard),
        1 => Just(Call::Suspect),
        1 => Just(Call::Forget),
        1 => Just(Call::Used),
        6 => Just(Call::Timeout),
        3 => (0..30_000_u64).prop_map(Call::Wait),
    ]
}

/// Calls a side, and returns the last check that it asked, to be answered by a later call.
fn make(duo: &mut Duo, call: Call, asked: Option<(Route, Check)>) {
    let now = duo.now;
    let paths = &mut duo.sides[A].paths;
    match call {
        Call::Start(mine, theirs) => paths.start(now, &mine, &theirs),
        Call::BirthdayAsked(mine, theirs) => paths.birthday_asked(now, mine, &theirs),
        Call::Opened(sockets) => paths.sockets_opened(now, &sockets),
        Call::Request(from) => {
            let bytes = duo.forge(B, &request(3));
            duo.hand(A, from, &bytes);
        }
        Call::Answer { from } => {
            let Some((to, check)) = asked else { return };
            let kind = CheckKind::Response(to.addr);
            let bytes = duo.forge(B, &Check { kind, ..check });
            duo.hand(A, from.unwrap_or(to), &bytes);
        }
        Call::Heard(from) => paths.heard(now, from),
        Call::Suspect => paths.suspect(now),
        Call::Forget => paths.forget(now),
        Call::Used => paths.used(now),
        Call::Timeout => {
            if let Some(at) = paths.next_timeout() {
                duo.now = at.max(now);
                paths.handle_timeout(duo.now);
                let next = paths.next_timeout();
                assert!(
                    next.is_none_or(|next| next > duo.now),
                    "a timer that does not end"
                );
            }
        }
        Call::Wait(ms) => duo.now += Duration::from_millis(ms),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_sequence_of_calls_panics_or_grows(calls in proptest::collection::vec(calls(), 1..80)) {
        let mut duo = Duo::new(1, [Home::Nat(Kind::Port), Home::Public]);
        let mut asked = None;
        let mut told = None;
        for call in calls {
            make(&mut duo, call, asked);
            prop_assert!(duo.sides[A].paths.held() <= HELD);
            let last = sent(&mut duo, A).into_iter().rfind(|(_, check)| check.kind == CheckKind::Request);
            asked = last.or(asked);
            let mut events = 0;
            while let Some(event) = duo.sides[A].paths.poll_event() {
                if let Event::Best(best) = event {
                    told = best.map(|best| best.route);
                }
                events += 1;
                prop_assert!(events < 10);
            }
            prop_assert_eq!(told, best(&duo, A).map(|best| best.route), "what is told holds");
        }
    }
}
