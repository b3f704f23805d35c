//! Whatever comes from whomever: nobody goes, nobody moves, nobody is told more than was sent in its name.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;

/// Something hostile.
#[derive(Clone, Debug)]
struct Attack {
    what: What,
    from: From,
    port: Port,
}

#[derive(Clone, Debug)]
enum What {
    Bytes(Vec<u8>),
    /// A frame that begins as one of ours, about a member or not.
    Frame {
        head: (u8, u8),
        member: usize,
        rest: Vec<u8>,
    },
    /// What was overheard, with a bit flipped and the end cut off.
    Altered {
        which: usize,
        bit: usize,
        cut: usize,
    },
    /// What was overheard.
    Replayed(usize),
    Text(String),
}

#[derive(Clone, Debug)]
enum From {
    Stranger(SocketAddr),
    /// In the name of a member.
    Member(usize),
}

fn attacks() -> impl Strategy<Value = Attack> {
    let heads = (0xF7u8..=0xFF, 0u8..12);
    let what = prop_oneof![
        vec(any::<u8>(), 0..200).prop_map(What::Bytes),
        (heads, 0usize..8, vec(any::<u8>(), 0..200)).prop_map(|(head, member, rest)| What::Frame {
            head,
            member,
            rest
        }),
        (0usize..9, any::<usize>(), 0usize..4).prop_map(|(which, bit, cut)| What::Altered {
            which,
            bit,
            cut
        }),
        (0usize..9).prop_map(What::Replayed),
        "(client|server|ann|old)_(register|Keep Alive|unregister|hi)_(ann|old|new)_(1:1|\u{1b}|_)?"
            .prop_map(What::Text),
    ];
    let strangers = select(vec![
        "192.0.2.66:6666",
        "[2001:db8::66]:6666",
        "[::ffff:192.0.2.67]:1",
        "192.0.2.68:0",
    ]);
    let from = prop_oneof![
        3 => strangers.prop_map(|at| From::Stranger(addr(at))),
        1 => (0usize..3).prop_map(From::Member),
    ];
    let port = select(vec![
        Port::Main(0),
        Port::Main(0),
        Port::Main(9),
        Port::Probe(0),
        Port::Older(0),
        Port::Older(9),
    ]);
    (what, from, port).prop_map(|(what, from, port)| Attack { what, from, port })
}

/// Two members, one of them by TCP, and an older one; and what an eavesdropper has heard of them.
struct Target {
    scene: Scene,
    ann: Client,
    bob: Client,
    overheard: Vec<Vec<u8>>,
}

const OLD: &str = "203.0.113.8:50001";

fn target() -> Target {
    let mut scene = Scene::new();
    let mut ann = Client::new(1, "ann", "203.0.113.5:1");
    let mut bob = Client::new(2, "bob", "203.0.113.6:1");
    scene.join(&mut ann).unwrap();
    scene.input(Input::TcpOpened {
        conn: 1,
        from: addr("203.0.113.6:1"),
    });
    bob.at = At::Tcp(1);
    scene.join(&mut bob).unwrap();
    scene.text(OLD, "client_register_old_192.168.0.2:10081");
    scene.text(OLD, "client_Keep Alive_old_192.168.0.2:10081");
    let cookie = scene.cookie(ann.at);
    let (member, counter) = ann.count();
    let reach = ann.reach.clone();
    let heard = [
        ann.alive(0, None),
        ann.sync(0, None),
        ToServer::Reach {
            member,
            counter,
            reach,
        },
        ToServer::Hello { nonce: 1 },
    ];
    let mut overheard: Vec<Vec<u8>> = heard.iter().map(|frame| ann.seal(frame)).collect();
    overheard.push(ann.register(cookie));
    for bytes in &overheard {
        scene.send(ann.at, bytes);
    }
    // These never arrived: only altered are they of no worth.
    let (member, counter) = ann.count();
    overheard.push(ann.seal(&ToServer::Leave { member, counter }));
    overheard.push(ann.seal(&ann.clone_alive()));
    overheard.push(ann.relay(bob.member, &[0xFC, 1, 2, 3]));
    overheard.push(b"client_register_old_192.168.0.2:10081".to_vec());
    scene.pass(secs(2));
    scene.take();
    Target {
        scene,
        ann,
        bob,
        overheard,
    }
}

/// Of what was overheard, these have arrived.
const ARRIVED: usize = 5;

impl Client {
    fn clone_alive(&self) -> ToServer {
        ToServer::Alive {
            member: self.member,
            counter: self.counter + 1,
            seen: 0,
            cookie: None,
        }
    }
}

impl Target {
    fn bytes(&self, what: &What) -> Vec<u8> {
        match what {
            What::Bytes(bytes) => bytes.clone(),
            What::Frame { head, member, rest } => {
                let member = match member {
                    0 => self.ann.member,
                    1 => self.bob.member,
                    n => u64::try_from(*n).unwrap() << 24,
                };
                let mut bytes = vec![head.0, head.1];
                bytes.extend(member.to_be_bytes());
                bytes.extend(rest);
                bytes
            }
            What::Altered { which, bit, cut } => {
                let mut bytes = self.overheard[*which].clone();
                let bit = bit % (bytes.len() * 8);
                bytes[bit / 8] ^= 1 << (bit % 8);
                bytes.truncate(bytes.len() - cut);
                bytes
            }
            What::Replayed(which) => self.overheard[which % ARRIVED].clone(),
            What::Text(text) => text.clone().into_bytes(),
        }
    }

    fn address(&self, from: &From) -> SocketAddr {
        match from {
            From::Stranger(at) => *at,
            From::Member(0) => addr("203.0.113.5:1"),
            From::Member(1) => addr("203.0.113.6:1"),
            // Its IP address is all that an older client is known by; see below.
            From::Member(_) => addr("203.0.113.9:50001"),
        }
    }
}

/// Whether this tells of changes.
fn is_presence(frame: &[u8]) -> bool {
    matches!(frame, [0xF9, 8, ..])
}

/// Whether a member is one still.
fn is_heard(scene: &mut Scene, client: &mut Client) -> bool {
    let answers = scene.alive(client);
    answers
        .iter()
        .any(|answer| matches!(answer, FromServer::Alive { .. }))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn hostile_datagrams(attacks in vec(attacks(), 1..60)) {
        let mut target = target();
        let shown = target.scene.shown.len();
        for attack in attacks {
            let bytes = target.bytes(&attack.what);
            let from = target.address(&attack.from);
            let out = target.scene.datagram(attack.port, from, &bytes);
            let mut drawn = 0;
            for out in &out {
                match out {
                    // All are told of a newcomer of the older format, who also gets its port.
                    Out::Datagram { to, bytes, .. } if is_presence(bytes) => {
                        prop_assert_eq!(*to, addr("203.0.113.5:1"));
                    }
                    Out::Frame { conn: 1, bytes } if is_presence(bytes) => {}
                    Out::OpenOlder(_) => {}
                    Out::Datagram { to, bytes, .. } => {
                        prop_assert_eq!(*to, super::super::place::canonical(from), "to a third");
                        drawn += bytes.len();
                    }
                    other => prop_assert!(false, "{:?} draws {:?}", attack, other),
                }
            }
            let is_text = bytes.first().is_some_and(|&first| first < 0xF8);
            let bound = if is_text { 3 } else { 1 };
            prop_assert!(drawn <= bound * bytes.len(), "{:?} draws {} bytes", attack, drawn);
        }
        let shown = target.scene.shown.split_off(shown);
        let hurt = shown.iter().find(|line| ["ann ", "bob ", "old "].iter().any(|id| line.starts_with(id)));
        prop_assert_eq!(hurt, None);
        let Target { mut scene, mut ann, mut bob, .. } = target;
        ann.counter += 10;
        prop_assert!(is_heard(&mut scene, &mut ann));
        prop_assert!(is_heard(&mut scene, &mut bob));
        let out = scene.send(bob.at, &bob.relay(ann.member, &[0xFC, 1]));
        prop_assert!(!sent_to(&out, "203.0.113.5:1").is_empty(), "she is where she was");
        let out = scene.datagram(Port::Older(1), addr(OLD), b"old_hi");
        prop_assert!(!ann.read(&out).is_empty(), "the port is hers still");
    }

    #[test]
    fn hostile_frames_by_tcp(frames in vec(attacks(), 1..40)) {
        let mut target = target();
        target.scene.input(Input::TcpOpened { conn: 66, from: addr("192.0.2.66:1") });
        let members = target.scene.server.members();
        for attack in frames {
            // A Register that was made for another address is answered Refused, an authentic frame is taken from
            // anywhere: neither is hostile.
            if matches!(attack.what, What::Replayed(_)) {
                continue;
            }
            let bytes = target.bytes(&attack.what);
            for out in target.scene.input(Input::TcpFrame { conn: 66, bytes: &bytes }) {
                let Out::Frame { conn, bytes: answer } = out else {
                    return Err(TestCaseError::fail(format!("{attack:?} draws {out:?}")));
                };
                prop_assert_eq!(conn, 66);
                prop_assert!(answer.len() <= bytes.len());
            }
        }
        prop_assert_eq!(target.scene.server.members(), members);
        let mut ann = target.ann;
        ann.counter += 10;
        prop_assert!(is_heard(&mut target.scene, &mut ann));
    }
}

#[test]
fn a_flood_in_other_names_costs_the_members_nothing() {
    let mut target = target();
    let mut chance = Entropy::new([4; 32]);
    let mut bytes = 0;
    for n in 0..20_000u32 {
        let mut junk: [u8; 80] = chance.bytes();
        junk[0] = 0xF8 + u8::try_from(n % 8).unwrap();
        junk[1] = u8::try_from(n % 11).unwrap();
        let from = SocketAddr::from((std::net::Ipv4Addr::from_bits(0x0A00_0000 | n), 5));
        for out in target.scene.datagram(Port::Main(0), from, &junk) {
            let Out::Datagram {
                to, bytes: answer, ..
            } = out
            else {
                panic!("{out:?}");
            };
            assert_eq!(to, from);
            bytes += answer.len();
        }
    }
    assert!(bytes <= 20_000 * 80, "{bytes}");
    assert_eq!(target.scene.server.members(), 3);
    assert!(matches!(
        target.scene.alive(&mut target.bob)[..],
        [FromServer::Alive { .. }]
    ));
}

#[test]
fn outputs_that_nobody_fetches_are_bounded() {
    let mut target = target();
    let alive = target.overheard[3].clone();
    for n in 0..45_000u32 {
        let from = SocketAddr::from((std::net::Ipv4Addr::from_bits(0x0A00_0000 | n), 5));
        let input = Input::Datagram {
            port: Port::Main(0),
            from,
            bytes: &alive,
        };
        target.scene.server.handle(target.scene.now, input);
    }
    assert!(target.scene.server.counts().dropped > 0);
    target.scene.drain();
    assert!(target.scene.take().len() < 45_000);
    assert!(matches!(
        target.scene.alive(&mut target.bob)[..],
        [FromServer::Alive { .. }]
    ));
}
