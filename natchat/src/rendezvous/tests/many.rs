//! A great many members: what they take, and that nothing long is done at once.

use super::*;
use crate::rendezvous::journal;
use crate::rendezvous::member::{Member, Profile, Standing};
use crate::rendezvous::place::{Packed, Place};

/// Members of a public service: an ID of ten characters, an address, two or three candidates.
fn crowd(limits: ServerLimits, count: u32) -> Rendezvous {
    let now = Clock::start().now();
    let mut server = server(limits, now);
    let mut record = Vec::new();
    for n in 0..count {
        let candidate = |kind, n: u32| Candidate {
            kind,
            addr: SocketAddr::from((std::net::Ipv4Addr::from_bits(n), 10_081)),
        };
        let reach = Reach {
            mapping: Mapping::Independent,
            candidates: vec![
                candidate(CandidateKind::Local, 0xC0A8_0002),
                candidate(CandidateKind::Local, 0x0A00_0000 | n),
            ],
        };
        let id = format!("member{n:07}").parse().unwrap();
        let member = Member {
            number: (u64::from(n) + 1) << 24 | u64::from(n),
            standing: Standing::Restored,
            place: Packed::new(Place::udp(
                0,
                SocketAddr::from((std::net::Ipv4Addr::from_bits(n), 5)),
            )),
            key: *blake3::hash(&n.to_be_bytes()).as_bytes(),
            incarnation: 1,
            nonce: n,
            profile: Profile::current(&id, &reach),
            ..Member::empty()
        };
        record.clear();
        journal::write_member(&member, &mut record);
        assert!(server.restore(&record));
    }
    assert_eq!(server.members(), count);
    server
}

#[test]
fn a_member_takes_at_most_256_bytes() {
    let count = 200_000;
    let limits = ServerLimits {
        members: count,
        ..ServerLimits::default()
    };
    let server = crowd(limits, count);
    let allocated = server.footprint() / usize::try_from(count).unwrap();
    println!("{allocated} bytes a member are allocated");
    assert!(allocated <= 256, "{allocated}");
}

#[test]
fn all_are_greeted_but_not_at_once() {
    let count = 60_000;
    let mut server = crowd(ServerLimits::default(), count);
    let start = Clock::start().now();
    server.greet(start);
    let mut greeted_by = Vec::new();
    let (mut greeted, mut now) = (0, start);
    let end = start + secs(4);
    while now < end {
        loop {
            match server.poll_output() {
                Output::Wait(at) => {
                    now = at.unwrap_or(end).max(now + millis(1));
                    break;
                }
                Output::Send { .. } => greeted += 1,
                _ => {}
            }
        }
        greeted_by.push((now - start, greeted));
        server.handle_timeout(now);
    }
    for (at, greeted) in &greeted_by {
        let most = 50 * (at.as_millis() + 20);
        assert!(*greeted <= most, "{greeted} after {at:?}");
    }
    let first_round = greeted_by
        .iter()
        .find(|(_, greeted)| *greeted >= u128::from(count));
    assert!(
        first_round.is_some_and(|(at, _)| *at < millis(1_500)),
        "{first_round:?}"
    );
    assert_eq!(
        greeted,
        2 * u128::from(count),
        "nobody came, so each is greeted twice"
    );
}

#[test]
fn all_fall_silent_at_once_and_go_one_by_one() {
    let count = 20_000;
    let mut server = crowd(ServerLimits::default(), count);
    let mut now = Clock::start().now();
    server.greet(now);
    let (mut offline, mut recorded, mut wakes) = (0, 0, 0);
    let end = now + secs(40);
    while now < end {
        loop {
            match server.poll_output() {
                Output::Wait(at) => {
                    now = at.map_or(end, |at| at.max(now + millis(1)));
                    break;
                }
                Output::Show(event) => {
                    assert!(event.to_string().ends_with(" is offline"));
                    offline += 1;
                }
                Output::Journal(_) => recorded += 1,
                _ => {}
            }
        }
        wakes += 1;
        assert!(wakes < 5_000, "it wakes for nothing");
        server.handle_timeout(now);
    }
    assert_eq!(offline, count);
    assert_eq!(
        recorded,
        2 * count + 1,
        "each departure and whose the ID stays, and the start"
    );
    assert_eq!(server.members(), 0);
    assert_eq!(server.counts().dropped, 0);
}
