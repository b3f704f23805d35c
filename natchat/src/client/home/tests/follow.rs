//! Following presence over a network that loses, doubles and keeps back.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use proptest::collection::vec;
use proptest::prelude::*;

use crate::client::home::follow::{Ask, Follow, Happening};
use crate::name::MemberId;
use crate::wire::from_server::{Change, Departure, Entry, EntryClient, Presence, Span};

/// A server's list and log, as plain as can be: whatever it pushes or is asked for goes through [`Net`].
#[derive(Default)]
struct Server {
    members: BTreeMap<u64, Entry>,
    log: Vec<Change>,
    last_member: u64,
}

/// How long the server's log is: short, so that gaps beyond it happen.
const LOG_LEN: usize = 5;
const PAGE_LEN: usize = 2;

impl Server {
    fn join(&mut self, id: u8) {
        let id: MemberId = format!("m{id}").parse().unwrap();
        let former = self.members.values().find(|entry| entry.id == id);
        if let Some(member) = former.map(|entry| entry.member) {
            self.go(member, Departure::Left);
        }
        self.last_member += 1;
        let entry = Entry {
            member: self.last_member,
            id,
            reflexive: None,
            client: EntryClient::Older {
                local: "a".to_owned(),
            },
        };
        self.members.insert(entry.member, entry.clone());
        self.log.push(Change::Here(Box::new(entry)));
    }

    fn go(&mut self, member: u64, how: Departure) {
        if self.members.remove(&member).is_some() {
            self.log.push(Change::Gone { member, how });
        }
    }

    fn latest(&self) -> u64 {
        self.log.len() as u64
    }

    fn changes(&self, have: u64) -> Presence {
        let from = usize::try_from(have).unwrap();
        Presence {
            span: Span::Changes {
                first: have + 1,
                last: self.latest(),
            },
            entries: self.log[from..].to_vec(),
        }
    }

    fn page(&self, cursor: Option<u64>) -> Presence {
        let from = cursor.unwrap_or(0);
        let mut rest = self.members.range(from..).map(|(_, entry)| entry);
        let entries: Vec<&Entry> = rest.by_ref().take(PAGE_LEN).collect();
        Presence {
            span: Span::Page {
                as_of: self.latest(),
                cursor,
                next: rest.next().map(|entry| entry.member),
            },
            entries: entries
                .into_iter()
                .map(|entry| Change::Here(Box::new(entry.clone())))
                .collect(),
        }
    }

    fn answer(&self, ask: Ask) -> Option<Presence> {
        let missing = self.latest().checked_sub(ask.have)?;
        match ask.cursor {
            None if missing == 0 && ask.have > 0 => None,
            None if ask.have > 0 && missing <= LOG_LEN as u64 => Some(self.changes(ask.have)),
            cursor => Some(self.page(cursor)),
        }
    }

    fn ids(&self) -> BTreeMap<MemberId, u64> {
        let entries = self.members.values();
        entries
            .map(|entry| (entry.id.clone(), entry.member))
            .collect()
    }
}

fn ids(follow: &Follow) -> BTreeMap<MemberId, u64> {
    let entries = follow.roster().iter();
    entries
        .map(|entry| (entry.id.clone(), entry.member))
        .collect()
}

/// What happens next, by chance.
#[derive(Clone, Debug)]
enum Turn {
    Join(u8),
    Go(prop::sample::Index, bool),
    /// A push of the last so many changes.
    Push(u8),
    /// A push or an answer of any earlier time arrives, or arrives again.
    Arrive(prop::sample::Index),
    /// The client asks what is due; the answer is under way.
    Ask,
    Alive,
    Rejoin,
}

fn turns() -> impl Strategy<Value = Turn> {
    prop_oneof![
        3 => (0..6_u8).prop_map(Turn::Join),
        2 => (any::<prop::sample::Index>(), any::<bool>()).prop_map(|(who, said)| Turn::Go(who, said)),
        3 => (1..4_u8).prop_map(Turn::Push),
        6 => any::<prop::sample::Index>().prop_map(Turn::Arrive),
        4 => Just(Turn::Ask),
        1 => Just(Turn::Alive),
        1 => Just(Turn::Rejoin),
    ]
}

struct World {
    server: Server,
    follow: Follow,
    now: Instant,
    under_way: Vec<Presence>,
    /// What the user was told.
    told: BTreeMap<MemberId, u64>,
}

impl World {
    #[expect(clippy::disallowed_methods, reason = "a beginning of virtual time")]
    fn new() -> Self {
        let now = Instant::now();
        let mut follow = Follow::default();
        follow.start(now, 0);
        Self {
            server: Server::default(),
            follow,
            now,
            under_way: Vec::new(),
            told: BTreeMap::new(),
        }
    }

    fn take(&mut self, turn: Turn) {
        match turn {
            Turn::Join(id) => self.server.join(id),
            Turn::Go(who, said) if !self.server.members.is_empty() => {
                let members: Vec<u64> = self.server.members.keys().copied().collect();
                let how = if said {
                    Departure::Left
                } else {
                    Departure::Silent
                };
                self.server.go(*who.get(&members), how);
            }
            Turn::Push(count) => {
                let have = self.server.latest().saturating_sub(count.into());
                if have < self.server.latest() {
                    self.under_way.push(self.server.changes(have));
                }
            }
            Turn::Arrive(which) if !self.under_way.is_empty() => {
                let presence = which.get(&self.under_way).clone();
                self.follow.apply(self.now, presence);
            }
            Turn::Go(..) | Turn::Arrive(_) => {}
            Turn::Ask => {
                self.now += Duration::from_secs(1);
                let ask = self.follow.poll_ask(self.now);
                let answer = ask.and_then(|ask| self.server.answer(ask));
                self.under_way.extend(answer);
            }
            Turn::Alive => self.follow.told(self.now, self.server.latest()),
            Turn::Rejoin => self.follow.start(self.now, self.server.latest()),
        }
        self.listen();
    }

    /// What is told must follow from what was told before.
    fn listen(&mut self) {
        while let Some(happening) = self.follow.poll_happening() {
            match happening {
                Happening::Here { entry, before } => {
                    let former = self.told.insert(entry.id.clone(), entry.member);
                    assert_eq!(former, before.map(|before| before.member));
                }
                Happening::Gone { entry, .. } => {
                    assert_eq!(self.told.remove(&entry.id), Some(entry.member));
                }
                Happening::Known => {}
            }
        }
        assert_eq!(self.told, ids(&self.follow));
    }

    /// From now on nothing is lost.
    fn settle(&mut self) {
        self.follow.told(self.now, self.server.latest());
        for _ in 0..100 {
            self.now += Duration::from_secs(10);
            let Some(ask) = self.follow.poll_ask(self.now) else {
                break;
            };
            if let Some(answer) = self.server.answer(ask) {
                self.follow.apply(self.now, answer);
            }
        }
        self.listen();
    }
}

proptest! {
    #[test]
    fn whatever_is_lost_or_late_it_ends_as_the_servers_list(turns in vec(turns(), 0..80)) {
        let mut world = World::new();
        for turn in turns {
            world.take(turn);
        }
        world.settle();
        prop_assert_eq!(ids(&world.follow), world.server.ids());
        prop_assert_eq!(world.follow.next_timeout(), None);
    }
}

#[test]
fn a_list_is_told_by_id_and_once() {
    let mut world = World::new();
    for id in [3, 1, 2] {
        world.server.join(id);
    }
    world.follow.start(world.now, world.server.latest());
    let mut told = Vec::new();
    for _ in 0..2 {
        let ask = world.follow.poll_ask(world.now).unwrap();
        let page = world.server.answer(ask).unwrap();
        world.follow.apply(world.now, page.clone());
        world.follow.apply(world.now, page);
        while let Some(happening) = world.follow.poll_happening() {
            told.push(match happening {
                Happening::Here { entry, .. } => entry.id.to_string(),
                Happening::Gone { .. } => "gone".to_owned(),
                Happening::Known => "known".to_owned(),
            });
        }
    }
    assert_eq!(told, ["m1", "m2", "m3", "known"]);
    assert_eq!(
        (world.follow.seen(), world.follow.next_timeout()),
        (3, None)
    );
}

#[test]
fn suspicion_asks_three_times_and_a_gap_for_ever() {
    let mut world = World::new();
    world.server.join(1);
    world.settle();
    world.follow.sync(world.now);
    let asks = |world: &mut World, most: usize| {
        let mut asks = 0;
        while asks < most && world.follow.next_timeout().is_some() {
            world.now += Duration::from_secs(10);
            asks += usize::from(world.follow.poll_ask(world.now).is_some());
        }
        asks
    };
    assert_eq!(asks(&mut world, 100), 3);
    world.follow.told(world.now, 9);
    assert_eq!(asks(&mut world, 100), 100);
}

#[test]
fn a_list_whose_cursors_do_not_rise_ends() {
    let mut world = World::new();
    for (cursor, next) in [(None, Some(5)), (Some(5), Some(5))] {
        let span = Span::Page {
            as_of: 7,
            cursor,
            next,
        };
        let entries = Vec::new();
        world.follow.apply(world.now, Presence { span, entries });
    }
    assert_eq!(world.follow.seen(), 7);
}
