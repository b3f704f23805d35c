//! A server with one client, as plain as can be: it believes every cookie that it gave out and knows nothing of time.

use std::net::SocketAddr;

use crate::client::home::link::Link;
use crate::crypto::entropy::Entropy;
use crate::crypto::identity::{Identity, PublicKey};
use crate::crypto::mac::{MacKey, Purpose};
use crate::name::MemberId;
use crate::wire::from_server::{
    Change, Departure, Ending, Entry, EntryClient, FromServer, Presence, Refusal, Span,
};
use crate::wire::to_server::{Cookie, Register, ToServer};

/// The two ports that answer Observe besides the main one.
pub(super) const PROBES: [u16; 2] = [10_081, 10_082];

pub(super) struct Server {
    identity: Identity,
    pub(super) member: Option<Member>,
    last_member: u64,
    /// Everybody else.
    pub(super) others: Vec<Entry>,
    pub(super) log: Vec<Change>,
    /// The number before that of the log's first change: another one in each life.
    base: u64,
    /// What the next Registers are refused with.
    pub(super) refusals: Vec<Refusal>,
    pub(super) registers: usize,
    /// What the client said last in an Alive.
    pub(super) seen: u64,
    pub(super) heard_older: Vec<String>,
    /// The counters of these.
    handed: Vec<u64>,
}

pub(super) struct Member {
    pub(super) number: u64,
    pub(super) link: Link,
    pub(super) register: Register,
    keys: (MacKey, MacKey),
    counter: u64,
    serial: u64,
}

/// What it says, and by what way.
pub(super) type Said = Vec<(Link, Vec<u8>)>;

impl Server {
    pub(super) fn new(seed: u8) -> Self {
        Self {
            identity: Identity::generate(&mut Entropy::new([seed; 32])),
            member: None,
            last_member: 100 * u64::from(seed),
            others: Vec::new(),
            log: Vec::new(),
            base: 1 << 40,
            refusals: Vec::new(),
            registers: 0,
            seen: 0,
            heard_older: Vec::new(),
            handed: Vec::new(),
        }
    }

    pub(super) fn key(&self) -> PublicKey {
        self.identity.public()
    }

    /// As if started again, with the same key and nothing else.
    pub(super) fn restart(&mut self) {
        self.member = None;
        self.log.clear();
        self.base += 1 << 40;
    }

    /// As if its member were out of a journal.
    pub(super) fn forget_where(&mut self) {
        let member = self.member.as_mut().expect("somebody to forget");
        member.link = Link::Udp(([0; 4], 0).into());
    }

    pub(super) fn latest(&self) -> u64 {
        self.base + self.log.len() as u64
    }

    pub(super) fn handle(&mut self, by: Link, bytes: &[u8]) -> Said {
        let body = if ToServer::is_tagged(bytes) {
            crate::crypto::mac::body(bytes).unwrap()
        } else {
            bytes
        };
        let frame = ToServer::decode(body).expect("what a client says is well-formed");
        match frame {
            ToServer::Hello { nonce } => {
                let (cookie, key) = (cookie(by), self.key().0);
                vec![(by, encoded(&FromServer::Challenge { nonce, cookie, key }))]
            }
            ToServer::Observe { .. } => panic!("the world answers these"),
            ToServer::Register(register) => self.register(by, *register, bytes),
            frame @ (ToServer::Alive { .. }
            | ToServer::Reach { .. }
            | ToServer::Leave { .. }
            | ToServer::Sync { .. }
            | ToServer::Find { .. }
            | ToServer::Older { .. }) => self.of_member(by, &frame, bytes),
        }
    }

    fn register(&mut self, by: Link, register: Register, bytes: &[u8]) -> Said {
        self.registers += 1;
        let nonce = register.nonce;
        let refused = |reason| vec![(by, encoded(&FromServer::Refused { nonce, reason }))];
        if !self.refusals.is_empty() {
            return refused(self.refusals.remove(0));
        }
        if register.cookie != cookie(by) {
            return refused(Refusal::Cookie);
        }
        let theirs = PublicKey(register.key);
        let keys = MacKey::pair(
            &self.identity,
            &theirs,
            Purpose::FromServer,
            Purpose::ToServer,
        );
        let keys = keys.unwrap();
        assert!(keys.1.open(bytes).is_some(), "a Register's tag is right");
        let same = self.member.as_ref().filter(|member| {
            (member.register.nonce, member.register.incarnation) == (nonce, register.incarnation)
        });
        let number = same.map(|member| member.number).unwrap_or_else(|| {
            self.last_member += 1;
            self.last_member
        });
        let counter = same.map_or(0, |member| member.counter);
        let incarnation = register.incarnation;
        self.member = Some(Member {
            number,
            link: by,
            register,
            keys,
            counter,
            serial: 0,
        });
        self.log_ourselves();
        self.say(&FromServer::Registered {
            nonce,
            member: number,
            incarnation,
            reflexive: addr(by),
            presence: self.latest(),
            probe_ports: PROBES.to_vec(),
        })
    }

    fn of_member(&mut self, by: Link, frame: &ToServer, bytes: &[u8]) -> Said {
        let (number, counter) = numbers(frame);
        let Some(member) = self
            .member
            .as_mut()
            .filter(|member| member.number == number)
        else {
            return vec![(by, encoded(&FromServer::Unknown { counter }))];
        };
        assert!(member.keys.1.open(bytes).is_some(), "a tag is right");
        if counter <= member.counter {
            let is_same = matches!(frame, ToServer::Older { .. }) && self.handed.contains(&counter);
            return if is_same {
                self.alive(counter, by)
            } else {
                Vec::new()
            };
        }
        member.counter = counter;
        let is_moved = member.link != by;
        if member.link == Link::Udp(([0; 4], 0).into()) && !matches!(frame, ToServer::Alive { .. })
        {
            let cookie = cookie(by);
            return vec![(by, encoded(&FromServer::Moved { counter, cookie }))];
        }
        match frame {
            ToServer::Alive { cookie: given, .. } if is_moved && *given != Some(cookie(by)) => {
                let cookie = cookie(by);
                vec![(by, encoded(&FromServer::Moved { counter, cookie }))]
            }
            ToServer::Alive { seen, .. } => {
                self.seen = *seen;
                if is_moved {
                    member.link = by;
                    self.log_ourselves();
                }
                self.alive(counter, by)
            }
            ToServer::Reach { reach, .. } => {
                member.register.reach = reach.clone();
                self.log_ourselves();
                self.push(1)
            }
            ToServer::Leave { .. } => self.end(Ending::Left),
            ToServer::Sync { have: 0, .. } => {
                let entries = self.everybody().map(|entry| Change::Here(Box::new(entry)));
                let entries = entries.collect();
                let as_of = self.latest();
                let (cursor, next) = (None, None);
                let span = Span::Page {
                    as_of,
                    cursor,
                    next,
                };
                self.say(&FromServer::Presence(Presence { span, entries }))
            }
            ToServer::Sync { have, .. } => {
                let missing = self.latest() - have;
                self.push(usize::try_from(missing).unwrap())
            }
            ToServer::Find { id, .. } => {
                let entry = self.everybody().find(|entry| entry.id == *id).map(Box::new);
                self.say(&FromServer::Found {
                    id: id.clone(),
                    entry,
                })
            }
            ToServer::Older { text, .. } => {
                self.heard_older.push(text.clone());
                self.handed.push(counter);
                self.alive(counter, by)
            }
            ToServer::Hello { .. } | ToServer::Register(_) | ToServer::Observe { .. } => {
                unreachable!("taken before")
            }
        }
    }

    fn alive(&self, counter: u64, by: Link) -> Said {
        self.say(&FromServer::Alive {
            counter,
            presence: self.latest(),
            reflexive: addr(by),
        })
    }

    /// Pushes the last so many changes.
    pub(super) fn push(&mut self, count: usize) -> Said {
        if count == 0 {
            return Vec::new();
        }
        let last = self.log.len();
        let span = Span::Changes {
            first: self.latest() - count as u64 + 1,
            last: self.latest(),
        };
        let entries = self.log[last - count..].to_vec();
        self.say(&FromServer::Presence(Presence { span, entries }))
    }

    pub(super) fn join(&mut self, entry: Entry) {
        self.others.push(entry.clone());
        self.log.push(Change::Here(Box::new(entry)));
    }

    pub(super) fn go(&mut self, member: u64, how: Departure) {
        self.others.retain(|entry| entry.member != member);
        self.log.push(Change::Gone { member, how });
    }

    pub(super) fn older(&mut self, from: u64, text: &str) -> Said {
        let member = self.member.as_mut().expect("somebody to tell");
        member.serial += 1;
        let (to, serial, text) = (member.number, member.serial, text.to_owned());
        self.say(&FromServer::Older {
            to,
            serial,
            from,
            text,
        })
    }

    pub(super) fn end(&mut self, reason: Ending) -> Said {
        let member = self.member.as_ref().expect("somebody to end").number;
        let said = self.say(&FromServer::Ended { member, reason });
        self.member = None;
        said
    }

    fn log_ourselves(&mut self) {
        let ourselves = self.ourselves();
        self.log
            .extend(ourselves.map(|entry| Change::Here(Box::new(entry))));
    }

    fn ourselves(&self) -> Option<Entry> {
        let member = self.member.as_ref()?;
        Some(Entry {
            member: member.number,
            id: member.register.id.clone(),
            reflexive: (member.link != Link::Tcp).then(|| addr(member.link)),
            client: EntryClient::Current {
                key: member.register.key,
                incarnation: member.register.incarnation,
                reach: member.register.reach.clone(),
            },
        })
    }

    fn everybody(&self) -> impl Iterator<Item = Entry> {
        self.others.clone().into_iter().chain(self.ourselves())
    }

    /// Says something with a tag.
    fn say(&self, frame: &FromServer) -> Said {
        let member = self.member.as_ref().expect("somebody to tell");
        let mut bytes = encoded(frame);
        member.keys.0.seal(&mut bytes);
        vec![(member.link, bytes)]
    }
}

/// Somebody with an older client.
pub(super) fn other(member: u64, id: &str) -> Entry {
    Entry {
        member,
        id: id.parse::<MemberId>().unwrap(),
        reflexive: Some(([8; 4], 10_081).into()),
        client: EntryClient::Older {
            local: "192.168.0.9:10081".to_owned(),
        },
    }
}

pub(super) fn encoded(frame: &FromServer) -> Vec<u8> {
    let mut bytes = Vec::new();
    frame.encode(&mut bytes);
    bytes
}

fn cookie(by: Link) -> Cookie {
    let hash = blake3::hash(addr(by).to_string().as_bytes());
    *hash.as_bytes().first_chunk().unwrap()
}

fn addr(by: Link) -> SocketAddr {
    match by {
        Link::Udp(addr) => addr,
        Link::Tcp => ([7; 4], 7).into(),
    }
}

fn numbers(frame: &ToServer) -> (u64, u64) {
    match frame {
        ToServer::Alive {
            member, counter, ..
        }
        | ToServer::Reach {
            member, counter, ..
        }
        | ToServer::Leave { member, counter }
        | ToServer::Sync {
            member, counter, ..
        }
        | ToServer::Find {
            member, counter, ..
        }
        | ToServer::Older {
            member, counter, ..
        } => (*member, *counter),
        ToServer::Hello { .. } | ToServer::Register(_) | ToServer::Observe { .. } => {
            unreachable!("of nobody")
        }
    }
}
