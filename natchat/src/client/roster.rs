//! Who is there, as the server tells it: a table with two ways in.
//!
//! It owns no number of presence changes and asks nothing: that is [`super::home`]'s. Bounded: a server could tell of
//! anybody.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use crate::client::event::Place;
use crate::name::MemberId;
use crate::wire::from_server::{Entry, EntryClient};
use crate::wire::reach::CandidateKind;

/// The most members kept: four times as many as a server pushes presence to. Others are asked for one by one.
pub(crate) const ROSTER_LEN: usize = 16_384;

/// The most of those besides.
const FOUND_LEN: usize = 1_024;

/// Everybody who is there; in the order of IDs.
#[derive(Debug, Default)]
pub(crate) struct Roster {
    entries: BTreeMap<MemberId, Entry>,
    by_member: BTreeMap<u64, MemberId>,
}

impl Roster {
    /// A member.
    pub(crate) fn get(&self, id: &MemberId) -> Option<&Entry> {
        self.entries.get(id)
    }

    /// The member of this number.
    pub(crate) fn by_member(&self, member: u64) -> Option<&Entry> {
        self.entries.get(self.by_member.get(&member)?)
    }

    /// All, in the order of IDs.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    /// Takes a member in, in place of who had its ID or its number. False if there is no room.
    pub(crate) fn put(&mut self, entry: Entry) -> bool {
        self.put_within(ROSTER_LEN, entry)
    }

    /// The same for a member that was asked for by name: there is some room more.
    pub(crate) fn put_found(&mut self, entry: Entry) -> bool {
        self.put_within(ROSTER_LEN + FOUND_LEN, entry)
    }

    fn put_within(&mut self, most: usize, entry: Entry) -> bool {
        if self.entries.len() >= most && !self.entries.contains_key(&entry.id) {
            return false;
        }
        self.remove(entry.member);
        self.remove_id(&entry.id);
        self.by_member.insert(entry.member, entry.id.clone());
        self.entries.insert(entry.id.clone(), entry);
        true
    }

    /// Takes the member of this number out.
    pub(crate) fn remove(&mut self, member: u64) -> Option<Entry> {
        let id = self.by_member.get(&member)?.clone();
        self.remove_id(&id)
    }

    fn remove_id(&mut self, id: &MemberId) -> Option<Entry> {
        let entry = self.entries.remove(id)?;
        self.by_member.remove(&entry.member);
        Some(entry)
    }
}

/// Where a member is, for the user: its own address if it and we are behind the same NAT, else the one that the server
/// sees. `my_nat`: the public address of the NAT that we are behind, if we are behind one.
///
/// Only for show: what is sent by is found by checks.
pub(crate) fn place(entry: &Entry, my_nat: Option<IpAddr>) -> Place {
    let Some(reflexive) = entry.reflexive else {
        return Place::Tcp;
    };
    let locals = locals(entry);
    let is_behind_ours =
        my_nat == Some(reflexive.ip()) && locals.iter().all(|local| local.ip() != reflexive.ip());
    let local = locals.first().filter(|_| is_behind_ours);
    Place::Addr(*local.unwrap_or(&reflexive))
}

/// Its own addresses, those of IPv4 first: who reads them knows those better.
fn locals(entry: &Entry) -> Vec<SocketAddr> {
    let mut locals: Vec<SocketAddr> = match &entry.client {
        EntryClient::Current { reach, .. } => reach
            .candidates
            .iter()
            .filter(|candidate| candidate.kind == CandidateKind::Local)
            .map(|candidate| candidate.addr)
            .collect(),
        EntryClient::Older { local } => local.parse().into_iter().collect(),
    };
    locals.sort_by_key(SocketAddr::is_ipv6);
    locals
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::reach::{Candidate, Reach};

    fn entry(member: u64, id: &str, key: u8, locals: &[&str], reflexive: Option<&str>) -> Entry {
        let candidate = |addr: &&str| Candidate {
            kind: CandidateKind::Local,
            addr: addr.parse().unwrap(),
        };
        Entry {
            member,
            id: id.parse().unwrap(),
            reflexive: reflexive.map(|addr| addr.parse().unwrap()),
            client: EntryClient::Current {
                key: [key; 32],
                incarnation: 1,
                reach: Reach {
                    candidates: locals.iter().map(candidate).collect(),
                    ..Reach::default()
                },
            },
        }
    }

    fn plain(member: u64, id: &str, key: u8) -> Entry {
        entry(member, id, key, &[], None)
    }

    #[test]
    fn two_ways_in() {
        let mut roster = Roster::default();
        for entry in [plain(3, "c", 1), plain(1, "a", 1), plain(2, "b", 2)] {
            assert!(roster.put(entry));
        }
        let ids: Vec<&str> = roster.iter().map(|entry| entry.id.as_str()).collect();
        assert_eq!(ids, ["a", "b", "c"]);
        assert_eq!(roster.by_member(2), Some(&plain(2, "b", 2)));

        // The same ID, anew and with another key: what was before is found in no way.
        let a = "a".parse().unwrap();
        assert!(roster.put(plain(4, "a", 3)));
        assert_eq!(
            (roster.by_member(1), roster.get(&a)),
            (None, Some(&plain(4, "a", 3)))
        );
        // The same number with another ID.
        assert!(roster.put(plain(4, "d", 3)));
        assert_eq!((roster.get(&a), roster.iter().count()), (None, 3));

        assert_eq!(roster.remove(4), Some(plain(4, "d", 3)));
        assert_eq!(roster.remove(4), None);
        assert_eq!(roster.iter().count(), 2);
    }

    #[test]
    fn a_full_roster_takes_only_who_is_in_it() {
        let mut roster = Roster::default();
        for member in 0..ROSTER_LEN as u64 {
            assert!(roster.put(plain(member, &format!("m{member}"), 1)));
        }
        assert!(!roster.put(plain(1 << 20, "other", 1)));
        assert!(roster.put(plain(1 << 20, "m5", 1)));
        assert_eq!(roster.iter().count(), ROSTER_LEN);
        for member in 0..FOUND_LEN as u64 {
            assert!(roster.put_found(plain(member + (1 << 21), &format!("f{member}"), 1)));
        }
        assert!(!roster.put_found(plain(1 << 22, "other", 1)));
    }

    #[test]
    fn places() {
        let home = "203.0.113.1";
        type Seen = Option<&'static str>;
        let rows: &[(&str, &[&str], Seen, Seen, &str)] = &[
            (
                "one NAT",
                &["192.168.0.5:7"],
                Some("203.0.113.1:9"),
                Some(home),
                "192.168.0.5:7",
            ),
            (
                "two NATs",
                &["192.168.0.5:7"],
                Some("203.0.113.2:9"),
                Some(home),
                "203.0.113.2:9",
            ),
            (
                "we without",
                &["192.168.0.5:7"],
                Some("203.0.113.1:9"),
                None,
                "203.0.113.1:9",
            ),
            (
                "it is the NAT",
                &["10.0.0.1:7", "203.0.113.1:7"],
                Some("203.0.113.1:9"),
                Some(home),
                "203.0.113.1:9",
            ),
            (
                "IPv4 first",
                &["[fd00::1]:7", "10.0.0.1:7"],
                Some("203.0.113.1:9"),
                Some(home),
                "10.0.0.1:7",
            ),
            (
                "nothing told",
                &[],
                Some("203.0.113.1:9"),
                Some(home),
                "203.0.113.1:9",
            ),
            ("TCP", &["192.168.0.5:7"], None, Some(home), "tcp"),
        ];
        for (name, locals, reflexive, my_nat, expected) in rows {
            let my_nat = my_nat.map(|ip| ip.parse().unwrap());
            let shown = match place(&entry(1, "a", 1, locals, *reflexive), my_nat) {
                Place::Addr(addr) => addr.to_string(),
                Place::Tcp => "tcp".to_owned(),
            };
            assert_eq!(shown, *expected, "{name}");
        }
        let older = |local: &str| Entry {
            client: EntryClient::Older {
                local: local.to_owned(),
            },
            ..entry(1, "a", 1, &[], Some("203.0.113.1:9"))
        };
        let my_nat = Some(home.parse().unwrap());
        let at = |addr: &str| Place::Addr(addr.parse().unwrap());
        assert_eq!(
            place(&older("192.168.0.7:10081"), my_nat),
            at("192.168.0.7:10081")
        );
        assert_eq!(place(&older("anything"), my_nat), at("203.0.113.1:9"));
    }
}
