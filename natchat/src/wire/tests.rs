//! What holds for every kind of frame: it comes back as it was, nothing cut or lengthened is taken, nothing panics, and
//! no answer is longer than its question.

use proptest::array::{uniform12, uniform16, uniform32};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::call::{Call, CallKind};
use super::check::{Check, CheckKind};
use super::from_server::{
    CHANGE_LEN, Change, Departure, Ending, Entry, EntryClient, FromServer, PRESENCE_HEAD_LEN,
    PROBE_PORTS, Presence, Refusal, Span,
};
use super::handshake::Handshake;
use super::reach::Reach;
use super::reach::tests::{addrs, reaches};
use super::relay::{Down, Up};
use super::to_server::{ALIVE_LEN, HELLO_LEN, OBSERVE_LEN, REGISTER_MIN, Register, ToServer};
use super::transport::Transport;
use super::{DATAGRAM_LEN, Language, older, stun};
use crate::crypto::mac::TAG_LEN;
use crate::name::{ID_CHARS, MemberId};

fn ids() -> impl Strategy<Value = MemberId> {
    "[A-Za-z0-9가-힣.-]{1,32}".prop_filter_map("a role", |id| id.parse().ok())
}

fn to_server() -> impl Strategy<Value = ToServer> {
    let of_member = || any::<(u64, u64)>();
    prop_oneof![
        any::<u64>().prop_map(|nonce| ToServer::Hello { nonce }),
        any::<u64>().prop_map(|nonce| ToServer::Observe { nonce }),
        registers().prop_map(|register| ToServer::Register(Box::new(register))),
        (
            of_member(),
            any::<u64>(),
            option::of(uniform16(any::<u8>()))
        )
            .prop_map(|((member, counter), seen, cookie)| ToServer::Alive {
                member,
                counter,
                seen,
                cookie,
            }),
        (of_member(), reaches()).prop_map(|((member, counter), reach)| ToServer::Reach {
            member,
            counter,
            reach,
        }),
        of_member().prop_map(|(member, counter)| ToServer::Leave { member, counter }),
        (of_member(), any::<(u64, Option<u64>)>()).prop_map(
            |((member, counter), (have, cursor))| {
                ToServer::Sync {
                    member,
                    counter,
                    have,
                    cursor,
                }
            }
        ),
        (of_member(), ids()).prop_map(|((member, counter), id)| ToServer::Find {
            member,
            counter,
            id,
        }),
        (of_member(), any::<u64>(), "\\PC{0,60}").prop_map(|((member, counter), to, text)| {
            ToServer::Older {
                member,
                counter,
                to,
                text,
            }
        }),
    ]
}

fn registers() -> impl Strategy<Value = Register> {
    let proofs = (
        any::<u64>(),
        uniform16(any::<u8>()),
        uniform32(any::<u8>()),
        any::<u64>(),
    );
    (proofs, ids(), any::<bool>(), reaches()).prop_map(
        |((nonce, cookie, key, incarnation), id, presence, reach)| Register {
            nonce,
            cookie,
            key,
            incarnation,
            id,
            presence,
            reach,
        },
    )
}

fn from_server() -> impl Strategy<Value = FromServer> {
    let bytes16 = || uniform16(any::<u8>());
    prop_oneof![
        (any::<u64>(), bytes16(), uniform32(any::<u8>()))
            .prop_map(|(nonce, cookie, key)| FromServer::Challenge { nonce, cookie, key }),
        (
            any::<[u64; 4]>(),
            addrs(),
            vec(any::<u16>(), 0..=PROBE_PORTS)
        )
            .prop_map(
                |([nonce, member, incarnation, presence], reflexive, probe_ports)| {
                    FromServer::Registered {
                        nonce,
                        member,
                        incarnation,
                        reflexive,
                        presence,
                        probe_ports,
                    }
                }
            ),
        (any::<u64>(), refusals())
            .prop_map(|(nonce, reason)| FromServer::Refused { nonce, reason }),
        (any::<u64>(), any::<u64>(), addrs()).prop_map(|(counter, presence, reflexive)| {
            FromServer::Alive {
                counter,
                presence,
                reflexive,
            }
        }),
        (any::<u64>(), bytes16())
            .prop_map(|(counter, cookie)| FromServer::Moved { counter, cookie }),
        any::<u64>().prop_map(|counter| FromServer::Unknown { counter }),
        Just(FromServer::Again),
        presences().prop_map(FromServer::Presence),
        (ids(), option::of(entries())).prop_map(|(id, entry)| FromServer::Found {
            id,
            entry: entry.map(Box::new),
        }),
        (any::<u64>(), addrs()).prop_map(|(nonce, addr)| FromServer::Observed { nonce, addr }),
        (any::<[u64; 3]>(), ".{0,60}").prop_map(|([to, serial, from], text)| FromServer::Older {
            to,
            serial,
            from,
            text
        }),
        (any::<u64>(), endings()).prop_map(|(member, reason)| FromServer::Ended { member, reason }),
    ]
}

fn endings() -> impl Strategy<Value = Ending> {
    prop_oneof![
        Just(Ending::Elsewhere),
        Just(Ending::Left),
        Just(Ending::Closing)
    ]
}

fn refusals() -> impl Strategy<Value = Refusal> {
    prop_oneof![
        Just(Refusal::Taken),
        Just(Refusal::Cookie),
        any::<u64>().prop_map(Refusal::Behind),
        Just(Refusal::Full),
        Just(Refusal::Busy),
    ]
}

fn presences() -> impl Strategy<Value = Presence> {
    let here = || entries().prop_map(|entry| Change::Here(Box::new(entry)));
    let how = prop_oneof![Just(Departure::Left), Just(Departure::Silent)];
    let gone = (any::<u64>(), how).prop_map(|(member, how)| Change::Gone { member, how });
    let changes = vec(prop_oneof![here(), gone], 0..4);
    prop_oneof![
        (any::<(u64, u64)>(), changes).prop_map(|((a, b), entries)| Presence {
            span: Span::Changes {
                first: a.min(b),
                last: a.max(b),
            },
            entries,
        }),
        (any::<(u64, Option<u64>, Option<u64>)>(), vec(here(), 0..4)).prop_map(
            |((as_of, cursor, next), entries)| Presence {
                span: Span::Page {
                    as_of,
                    cursor,
                    next,
                },
                entries,
            }
        ),
    ]
}

fn entries() -> impl Strategy<Value = Entry> {
    let current =
        (uniform32(any::<u8>()), any::<u64>(), reaches()).prop_map(|(key, incarnation, reach)| {
            EntryClient::Current {
                key,
                incarnation,
                reach,
            }
        });
    let older = "[!-~]{1,64}".prop_map(|local| EntryClient::Older { local });
    (
        any::<u64>(),
        ids(),
        option::of(addrs()),
        prop_oneof![current, older],
    )
        .prop_map(|(member, id, reflexive, client)| Entry {
            member,
            id,
            reflexive,
            client,
        })
}

fn checks() -> impl Strategy<Value = Check> {
    let kinds = prop_oneof![
        Just(CheckKind::Request),
        addrs().prop_map(CheckKind::Response)
    ];
    (any::<u64>(), uniform12(any::<u8>()), kinds).prop_map(|(sender, txid, kind)| Check {
        sender,
        txid,
        kind,
    })
}

fn calls() -> impl Strategy<Value = Call> {
    let kinds = prop_oneof![
        Just(CallKind::Ask),
        Just(CallKind::Answer),
        Just(CallKind::Birthday),
        Just(CallKind::Distrust)
    ];
    (any::<(u64, u64)>(), kinds, reaches()).prop_map(|((sender, serial), kind, reach)| Call {
        sender,
        serial,
        kind,
        reach,
    })
}

/// What every decoder makes of a datagram, written again: nothing where it is refused.
fn rewritten(datagram: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    match Language::of(datagram)? {
        Language::Stun => {
            let request = stun::decode(datagram).ok()?;
            let mut answer = Vec::new();
            stun::encode_answer(&request, ([192, 0, 2, 1], 1).into(), &mut answer);
            return None; // a request has many forms
        }
        Language::Older => {
            let (from, text) = older::decode_chat(datagram).ok()?;
            let _ = older::decode_event(datagram);
            older::encode_chat(&from, text, &mut out);
            return None; // what older clients cannot read is replaced
        }
        Language::ToServer => ToServer::decode(datagram).ok()?.encode(&mut out),
        Language::FromServer => FromServer::decode(datagram).ok()?.encode(&mut out),
        Language::RelayUp => Up::decode(datagram).ok()?.encode(&mut out),
        Language::RelayDown => Down::decode(datagram).ok()?.encode(&mut out),
        Language::Check => Check::decode(datagram).ok()?.encode(&mut out),
        Language::Handshake => Handshake::decode(datagram).ok()?.encode(&mut out),
        Language::Transport => {
            let frame = Transport::decode(datagram).ok()?;
            Transport::encode_header(frame.receiver, frame.counter, &mut out);
            out.extend_from_slice(frame.sealed);
        }
        Language::Call => Call::decode(datagram).ok()?.encode(&mut out),
    }
    Some(out)
}

/// That it comes back, and that nothing shorter or longer is taken.
fn check_exact(frame: &[u8]) {
    assert_eq!(rewritten(frame).as_deref(), Some(frame));
    for len in 0..frame.len() {
        assert_eq!(rewritten(&frame[..len]), None, "cut at {len}");
    }
    for more in [0, 1, 255] {
        let longer = [frame, &[more]].concat();
        assert_eq!(rewritten(&longer), None, "and {more}");
    }
}

proptest! {
    #[test]
    fn to_server_comes_back_and_is_exact(frame in to_server()) {
        let mut bytes = Vec::new();
        frame.encode(&mut bytes);
        prop_assert_eq!(ToServer::decode(&bytes), Ok(frame));
        check_exact(&bytes);
    }

    #[test]
    fn from_server_comes_back_and_is_exact(frame in from_server()) {
        let mut bytes = Vec::new();
        frame.encode(&mut bytes);
        prop_assert_eq!(FromServer::decode(&bytes), Ok(frame));
        check_exact(&bytes);
    }

    #[test]
    fn presence_is_the_same_from_changes_written_before(presence in presences()) {
        let mut changes = Vec::new();
        for change in &presence.entries {
            let before = changes.len();
            change.encode(&mut changes);
            prop_assert!(changes.len() - before <= CHANGE_LEN);
        }
        let mut from_parts = Vec::new();
        let count = u16::try_from(presence.entries.len()).unwrap();
        Presence::encode_written(&presence.span, count, &changes, &mut from_parts);
        prop_assert!(from_parts.len() - changes.len() <= PRESENCE_HEAD_LEN);
        let mut bytes = Vec::new();
        FromServer::Presence(presence).encode(&mut bytes);
        prop_assert_eq!(bytes, from_parts);
    }

    #[test]
    fn checks_and_calls_come_back_and_are_exact(check in checks(), call in calls()) {
        let mut bytes = Vec::new();
        check.encode(&mut bytes);
        prop_assert_eq!(Check::decode(&bytes), Ok(check));
        check_exact(&bytes);
        bytes.clear();
        call.encode(&mut bytes);
        prop_assert_eq!(Call::decode(&bytes), Ok(call));
        check_exact(&bytes);
    }

    #[test]
    fn what_carries_the_rest_of_a_datagram_comes_back(
        [member, to] in any::<[u64; 2]>(),
        [sender, receiver] in any::<[u32; 2]>(),
        rest in vec(any::<u8>(), 1..40),
        peer in 0xFC_u8..=0xFF,
    ) {
        let frame = &*[&[peer], &*rest].concat();
        let noise = &*rest;
        let mut out = Vec::new();
        let up = Up { member, to, frame };
        up.encode(&mut out);
        prop_assert_eq!(Up::decode(&out), Ok(up));
        let down = Down { from: member, frame };
        out.clear();
        down.encode(&mut out);
        prop_assert_eq!(Down::decode(&out), Ok(down));
        for message in [
            Handshake::Initiation { sender, noise },
            Handshake::Answer { sender, receiver, noise },
        ] {
            out.clear();
            message.encode(&mut out);
            prop_assert_eq!(Handshake::decode(&out), Ok(message));
        }
        out.clear();
        Transport::encode_header(receiver, member, &mut out);
        out.extend_from_slice(&rest);
        let transport = Transport { receiver, counter: member, sealed: &rest };
        prop_assert_eq!(Transport::decode(&out), Ok(transport));
    }

    #[test]
    fn whatever_is_taken_has_one_form(first in any::<u8>(), kind in 0..16_u8, rest in vec(any::<u8>(), 0..200)) {
        let first = if first < 0xF0 { first } else { first | 0xF8 };
        let datagram = [&[first, kind], &*rest].concat();
        if let Some(again) = rewritten(&datagram) {
            prop_assert_eq!(again, datagram);
        }
    }

    #[test]
    fn a_frame_with_a_byte_changed_has_one_form(frame in from_server(), at: prop::sample::Index, byte: u8) {
        let mut datagram = Vec::new();
        frame.encode(&mut datagram);
        *at.get_mut(&mut datagram) = byte;
        if let Some(again) = rewritten(&datagram) {
            prop_assert_eq!(again, datagram);
        }
    }

    #[test]
    fn no_answer_is_longer_than_its_question(frame in from_server()) {
        let mut answer = Vec::new();
        frame.encode(&mut answer);
        if FromServer::is_tagged(&answer) {
            answer.extend([0; TAG_LEN]);
        }
        let questions: &[usize] = match frame {
            FromServer::Challenge { .. } => &[HELLO_LEN, REGISTER_MIN],
            FromServer::Refused { .. } => &[HELLO_LEN, REGISTER_MIN],
            FromServer::Registered { .. } => &[REGISTER_MIN],
            FromServer::Alive { .. } | FromServer::Moved { .. } => &[ALIVE_LEN],
            FromServer::Unknown { .. } => &[ALIVE_LEN, SHORTEST_OF_MEMBER],
            FromServer::Observed { .. } => &[OBSERVE_LEN],
            FromServer::Ended { .. } => &[SHORTEST_OF_MEMBER],
            // To members only, at addresses that are proven.
            FromServer::Again
            | FromServer::Presence(_)
            | FromServer::Found { .. }
            | FromServer::Older { .. } => &[],
        };
        for question in questions {
            prop_assert!(answer.len() <= *question, "{} to {question}", answer.len());
        }
    }

    #[test]
    fn questions_are_as_long_as_promised(frame in to_server()) {
        let mut question = Vec::new();
        frame.encode(&mut question);
        if ToServer::is_tagged(&question) {
            question.extend([0; TAG_LEN]);
        }
        match frame {
            ToServer::Hello { .. } => prop_assert_eq!(question.len(), HELLO_LEN),
            ToServer::Register(_) => prop_assert!(question.len() >= REGISTER_MIN),
            ToServer::Alive { .. } => prop_assert_eq!(question.len(), ALIVE_LEN),
            ToServer::Observe { .. } => prop_assert_eq!(question.len(), OBSERVE_LEN),
            ToServer::Reach { .. }
            | ToServer::Leave { .. }
            | ToServer::Sync { .. }
            | ToServer::Find { .. }
            | ToServer::Older { .. } => prop_assert!(question.len() >= SHORTEST_OF_MEMBER),
        }
        prop_assert!(question.len() <= DATAGRAM_LEN);
    }
}

/// A Leave with its tag.
const SHORTEST_OF_MEMBER: usize = 2 + 8 + 8 + TAG_LEN;

#[test]
fn the_longest_of_everything_fits_a_datagram() {
    let id: MemberId = "힣".repeat(ID_CHARS).parse().unwrap();
    let kind = super::reach::CandidateKind::Local;
    let candidates = (1..=64).map(|port| super::reach::Candidate {
        kind,
        addr: ([1; 8], port).into(),
    });
    let reach = Reach {
        mapping: super::reach::Mapping::Sequential { last: 1, step: 1 },
        candidates: candidates.collect(),
    };
    let entry = Entry {
        member: 1,
        id: id.clone(),
        reflexive: Some(([1; 8], 1).into()),
        client: EntryClient::Current {
            key: [1; 32],
            incarnation: 1,
            reach: reach.clone(),
        },
    };
    let span = Span::Page {
        as_of: 1,
        cursor: Some(1),
        next: Some(1),
    };
    let register = Register {
        nonce: 1,
        cookie: [1; 16],
        key: [1; 32],
        incarnation: 1,
        id: id.clone(),
        presence: true,
        reach: reach.clone(),
    };
    let call = Call {
        sender: 1,
        serial: 1,
        kind: CallKind::Ask,
        reach,
    };
    let mut call_bytes = Vec::new();
    call.encode(&mut call_bytes);
    let up = Up {
        member: 1,
        to: 1,
        frame: &call_bytes,
    };
    let entries = vec![Change::Here(Box::new(entry.clone()))];
    let presence = FromServer::Presence(Presence { span, entries });
    let found = FromServer::Found {
        id: id.clone(),
        entry: Some(Box::new(entry)),
    };
    let older = ToServer::Older {
        member: 1,
        counter: 1,
        to: 1,
        text: "a".repeat(2 * older::TEXT_LEN),
    };
    type Encode<'a> = &'a dyn Fn(&mut Vec<u8>);
    let rows: &[(&str, Encode<'_>)] = &[
        ("register", &|out| {
            ToServer::Register(Box::new(register.clone())).encode(out)
        }),
        ("presence", &|out| presence.encode(out)),
        ("found", &|out| found.encode(out)),
        ("a call by relay", &|out| {
            up.encode(out);
            out.extend([0; TAG_LEN]);
        }),
        ("a line for an older client", &|out| older.encode(out)),
        ("the same, as it goes there", &|out| {
            let text = "_".repeat(older::TEXT_LEN);
            older::encode_chat(&id, older::parts(&text).next().unwrap(), out);
        }),
    ];
    for (name, encode) in rows {
        let mut out = Vec::new();
        encode(&mut out);
        let len = out.len() + TAG_LEN;
        assert!((600..=DATAGRAM_LEN).contains(&len), "{name}: {len}");
    }
}

#[test]
fn an_alive_allocates_nothing() {
    let alive = ToServer::Alive {
        member: 1,
        counter: 2,
        seen: 3,
        cookie: Some([4; 16]),
    };
    let mut out = Vec::with_capacity(ALIVE_LEN);
    let place = out.as_ptr();
    for _ in 0..3 {
        out.clear();
        alive.encode(&mut out);
        assert_eq!((out.as_ptr(), out.capacity()), (place, ALIVE_LEN));
    }
    // A copy of every byte of it: there is nothing in it that points elsewhere.
    let ToServer::Alive {
        member,
        counter,
        seen,
        cookie,
    } = ToServer::decode(&out).unwrap()
    else {
        panic!("another kind");
    };
    assert_eq!((member, counter, seen, cookie), (1, 2, 3, Some([4; 16])));
}

#[test]
fn tags_are_where_the_tables_say() {
    let to_server: Vec<bool> = (0..=10)
        .map(|kind| ToServer::is_tagged(&[0xF8, kind, 0]))
        .collect();
    let from_server: Vec<bool> = (0..=13)
        .map(|kind| FromServer::is_tagged(&[0xF9, kind, 0]))
        .collect();
    let marks = |marks: &str| marks.bytes().map(|mark| mark == b'y').collect::<Vec<_>>();
    assert_eq!(to_server, marks("--yyyyyyy--"));
    assert_eq!(from_server, marks("--y-y---yy-yy-"));
    for none in [&[][..], &[0xF8], &[0xF9], &[0xF7, 2]] {
        assert!(!ToServer::is_tagged(none) && !FromServer::is_tagged(none));
    }
}

#[test]
fn languages() {
    let rows: &[(&[u8], Option<Language>)] = &[
        (&[], None),
        (&[0], Some(Language::Stun)),
        (&[3], Some(Language::Stun)),
        (&[4], None),
        (b"a", Some(Language::Older)),
        ("김".as_bytes(), Some(Language::Older)),
        (b"\x1b[2J", None),
        (&[0x80], None),
        (&[0xF5], None),
        (&[0xF7], None),
        (&[0xF8], Some(Language::ToServer)),
        (&[0xFF], Some(Language::Call)),
    ];
    for (datagram, expected) in rows {
        assert_eq!(Language::of(datagram), *expected, "{datagram:?}");
    }
}
