//! Ports that stand for members, and what older clients have been told of them.
//!
//! An older client sends to the address that it was told for a member, and knows no other way. So each member that it
//! may talk to gets a port of this server: whatever NAT there is, it can send there, and the server sends to it from
//! the address that it registered with. Ports are opened when the first older client comes and closed when the last
//! one goes. A port is never given to another member: it is closed, and the next one is the system's choice; a line
//! for somebody who left must not reach somebody else.
//!
//! At most as many older clients as there may be ports, each with one; other members have at most [`OTHERS`] of them,
//! so that older clients, who can do without nothing else, always find some; those of one neighbourhood leave most of
//! them to others ([`NEIGHBOURS`]). Members without a port are not told to older clients. If a port cannot be opened,
//! an older member is told by its own address, as the older server did.
//!
//! Nobody can show in the older format that it receives where it seems to be, however often something comes from there.
//! So an older client is never told more than [`CREDIT`] bytes for each that came in its name, and that paced; the rest
//! waits for its next keep-alive. Its registration is enough for a room of three; a long list takes some minutes.
//!
//! Only those are looked at who may have something to be told: a keep-alive costs the same however many there are.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::name::MemberId;
use crate::rendezvous::limits::{Bucket, Rate, neighbourhood};
use crate::rendezvous::member::NOBODY;
use crate::rendezvous::outbox::{Outbox, Port};
use crate::wire::older::{OlderNotice, encode_notice};

/// Bytes to an older client for each from it: no more than a forger may draw.
const CREDIT: usize = 3;
/// The most that is owed to one, in bytes.
const CREDIT_MOST: usize = 4_096;

/// Notices a second for one older client: few enough that its small receive buffer never runs over.
const PACE: u64 = 200;
/// And at once.
const PACE_BURST: u64 = 16;
/// How often those who are owed something are looked at.
const LOOK: Duration = Duration::from_millis(20);

/// Notices of departures that wait for one client.
const DEPARTURES: usize = 1_024;

/// Which part of all ports members with current clients may have: three of four.
const OTHERS: (u16, u16) = (3, 4);

/// Which part of them older clients of one neighbourhood may have: one of so many. Anybody can make them up.
const NEIGHBOURS: u16 = 4;

/// The ports and the older clients.
#[derive(Debug)]
pub(crate) struct OlderPorts {
    most: u16,
    slots: Vec<Slot>,
    of_member: BTreeMap<u64, u16>,
    /// By member's number.
    clients: BTreeMap<u64, Client>,
    /// Those that may have something to be told.
    due: BTreeSet<u64>,
    look_at: Option<Duration>,
    rate: Rate,
    scratch: Vec<u8>,
}

/// A place for a port.
#[derive(Debug)]
struct Slot {
    /// Whom it stands for; [`NOBODY`]: free.
    member: u64,
    id: MemberId,
    port: Bound,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bound {
    Opening,
    Open(u16),
    Failed,
}

/// An older client.
#[derive(Debug)]
struct Client {
    main: u8,
    addr: SocketAddr,
    /// What it is told about itself.
    own: SocketAddr,
    credit: usize,
    bucket: Bucket,
    /// All slots before this one are known to it, or nothing can be told of them.
    next: usize,
    /// Which slots it has been told of: a bit for each.
    told: Vec<u64>,
    departures: VecDeque<(OlderNotice, MemberId, SocketAddr)>,
}

/// Somebody who gets a port.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    pub(crate) member: u64,
    pub(crate) id: MemberId,
}

/// How an older client is reached.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reached {
    /// From which of the server's addresses.
    pub(crate) main: u8,
    /// Where.
    pub(crate) addr: SocketAddr,
}

impl OlderPorts {
    pub(crate) fn new(most: u16) -> Self {
        Self {
            most,
            slots: Vec::new(),
            of_member: BTreeMap::new(),
            clients: BTreeMap::new(),
            due: BTreeSet::new(),
            look_at: None,
            rate: Rate::new(PACE, Duration::from_secs(1), PACE_BURST),
            scratch: Vec::new(),
        }
    }

    /// Whether there is any older client.
    pub(crate) fn is_used(&self) -> bool {
        !self.clients.is_empty()
    }

    /// Whether there is no port for another member.
    fn is_full(&self) -> bool {
        self.of_member.len() >= usize::from(self.most)
    }

    /// Whether there is a port for another older client at this address.
    pub(crate) fn has_room_at(&self, ip: IpAddr) -> bool {
        let whose = neighbourhood(ip);
        let neighbours = self.clients.values();
        let neighbours = neighbours.filter(|client| neighbourhood(client.addr.ip()) == whose);
        !self.is_full() && neighbours.count() < usize::from(self.most.div_ceil(NEIGHBOURS))
    }

    /// Whether another member with a current client may have a port.
    pub(crate) fn has_room_for_others(&self) -> bool {
        let others = self.of_member.len() - self.clients.len();
        let most = usize::from(self.most) * usize::from(OTHERS.0) / usize::from(OTHERS.1);
        others < most && !self.is_full()
    }

    /// A member is to have a port.
    pub(crate) fn assign(&mut self, named: Named, outbox: &mut Outbox) {
        if self.is_full() || self.of_member.contains_key(&named.member) {
            return;
        }
        let slot = Slot {
            member: named.member,
            id: named.id,
            port: Bound::Opening,
        };
        let free = self.slots.iter().position(|slot| slot.member == NOBODY);
        let index = free.unwrap_or(self.slots.len());
        match free {
            Some(free) => self.slots[free] = slot,
            None => self.slots.push(slot),
        }
        if let Some(client) = self.clients.get_mut(&named.member) {
            // Of itself it is told at once, of the others when their ports are bound.
            client.next = client.next.min(index);
            self.look(named.member);
        }
        let index = u16::try_from(index).expect("no more than may be");
        self.of_member.insert(named.member, index);
        outbox.open_older(index);
    }

    /// A member has another number.
    pub(crate) fn renumber(&mut self, before: u64, now: u64) {
        if let Some(slot) = self.of_member.remove(&before) {
            self.of_member.insert(now, slot);
            self.slots[usize::from(slot)].member = now;
        }
    }

    /// An older client is there, or there anew, and is told everything from the beginning.
    pub(crate) fn join(&mut self, member: u64, reached: Reached, own: SocketAddr, len: usize) {
        let client = Client {
            main: reached.main,
            addr: reached.addr,
            own,
            credit: CREDIT * len,
            bucket: Bucket::default(),
            next: 0,
            told: Vec::new(),
            departures: VecDeque::new(),
        };
        self.clients.insert(member, client);
        self.look(member);
    }

    /// Whether this is an older client that came since the start of the server.
    pub(crate) fn knows(&self, member: u64) -> bool {
        self.clients.contains_key(&member)
    }

    /// An older client says that it is still there.
    pub(crate) fn hear(&mut self, member: u64, reached: Reached, own: SocketAddr, len: usize) {
        let Some(client) = self.clients.get_mut(&member) else {
            return;
        };
        if client.addr != reached.addr {
            client.credit = 0;
        }
        if client.main != reached.main {
            client.next = 0;
        }
        (client.main, client.addr, client.own) = (reached.main, reached.addr, own);
        self.earn(member, len);
    }

    /// So many bytes came in the name of an older client.
    pub(crate) fn earn(&mut self, member: u64, len: usize) {
        if let Some(client) = self.clients.get_mut(&member) {
            client.credit = CREDIT_MOST.min(client.credit + CREDIT * len);
            self.look(member);
        }
    }

    /// A port is bound, or could not be.
    pub(crate) fn bound(&mut self, index: u16, port: Option<u16>) {
        let index = usize::from(index);
        let Some(slot) = self.slots.get_mut(index) else {
            return;
        };
        slot.port = port.map_or(Bound::Failed, Bound::Open);
        for client in self.clients.values_mut() {
            client.next = client.next.min(index);
        }
        self.due.extend(self.clients.keys());
        self.look_at = Some(Duration::ZERO);
    }

    fn look(&mut self, member: u64) {
        self.due.insert(member);
        self.look_at = Some(Duration::ZERO);
    }

    /// Whom a port stands for.
    pub(crate) fn member_at(&self, slot: u16) -> Option<u64> {
        let member = self.slots.get(usize::from(slot))?.member;
        (member != NOBODY).then_some(member)
    }

    /// Somebody went: those who were told of it are told so, itself too if it is an older client that said good-bye.
    pub(crate) fn depart(
        &mut self,
        named: &Named,
        notice: OlderNotice,
        hosts: &BTreeMap<u8, SocketAddr>,
        outbox: &mut Outbox,
    ) {
        let gone = self.clients.remove(&named.member);
        if let (Some(gone), OlderNotice::Unregister) = (&gone, notice) {
            self.scratch.clear();
            encode_notice(notice, &named.id, gone.own, &mut self.scratch);
            if self.scratch.len() <= gone.credit {
                outbox.datagram(Port::Main(gone.main), gone.addr, &self.scratch);
            }
        }
        let Some(index) = self.of_member.remove(&named.member) else {
            return;
        };
        let slot = &mut self.slots[usize::from(index)];
        slot.member = NOBODY;
        let port = slot.port;
        for (&member, client) in &mut self.clients {
            if !client.untell(index) || client.departures.len() == DEPARTURES {
                continue;
            }
            let global = gone.as_ref().map(|gone| gone.addr);
            if let Some(addr) = told_addr(port, client.main, hosts, global) {
                client
                    .departures
                    .push_back((notice, named.id.clone(), addr));
                self.due.insert(member);
                self.look_at = Some(Duration::ZERO);
            }
        }
        outbox.close_older(index);
        if gone.is_some() && self.clients.is_empty() {
            self.close_all(outbox);
        }
    }

    fn close_all(&mut self, outbox: &mut Outbox) {
        for index in std::mem::take(&mut self.of_member).into_values() {
            self.slots[usize::from(index)].member = NOBODY;
            outbox.close_older(index);
        }
    }

    /// Tells those who are owed something as much as they may be told now.
    pub(crate) fn serve(
        &mut self,
        hosts: &BTreeMap<u8, SocketAddr>,
        now: Duration,
        outbox: &mut Outbox,
    ) {
        self.look_at = None;
        for member in std::mem::take(&mut self.due) {
            if self.tell(member, hosts, now, outbox) {
                self.due.insert(member);
                self.look_at = Some(now + LOOK);
            }
        }
    }

    /// Tells one of them; whether it is to be told more soon.
    fn tell(
        &mut self,
        member: u64,
        hosts: &BTreeMap<u8, SocketAddr>,
        now: Duration,
        outbox: &mut Outbox,
    ) -> bool {
        loop {
            let owed = self.owed(member, hosts);
            let Some(client) = self.clients.get_mut(&member) else {
                return false;
            };
            let Some(owed) = owed else {
                client.next = self.slots.len();
                return false;
            };
            self.scratch.clear();
            encode_notice(owed.notice, &owed.id, owed.addr, &mut self.scratch);
            let Some(rest) = client.credit.checked_sub(self.scratch.len()) else {
                return false;
            };
            if !client.bucket.take(self.rate, now) {
                return true;
            }
            client.credit = rest;
            client.told(&owed);
            outbox.datagram(Port::Main(client.main), client.addr, &self.scratch);
        }
    }

    /// What an older client is to be told next: first who went, so that a new one of the same ID is not taken for gone.
    fn owed(&self, me: u64, hosts: &BTreeMap<u8, SocketAddr>) -> Option<Owed> {
        let client = self.clients.get(&me)?;
        if let Some((notice, id, addr)) = client.departures.front() {
            return Some(Owed {
                notice: *notice,
                id: id.clone(),
                addr: *addr,
                slot: None,
            });
        }
        let mut slots = self.slots.iter().zip(0u16..).skip(client.next);
        slots.find_map(|(slot, index)| {
            if slot.member == NOBODY || client.knows(index) {
                return None;
            }
            let addr = if slot.member == me {
                Some(client.own)
            } else {
                let global = self.clients.get(&slot.member).map(|other| other.addr);
                told_addr(slot.port, client.main, hosts, global)
            };
            Some(Owed {
                notice: OlderNotice::Register,
                id: slot.id.clone(),
                addr: addr?,
                slot: Some(index),
            })
        })
    }

    /// When [`Self::serve`] is to be called next.
    pub(crate) fn next(&self) -> Option<Duration> {
        self.look_at
    }
}

/// Something that an older client is to be told.
#[derive(Debug)]
struct Owed {
    notice: OlderNotice,
    id: MemberId,
    addr: SocketAddr,
    /// Of which slot; `None` with a departure.
    slot: Option<u16>,
}

impl Client {
    fn told(&mut self, owed: &Owed) {
        match owed.slot {
            None => _ = self.departures.pop_front(),
            Some(slot) => {
                self.next = usize::from(slot) + 1;
                let (word, bit) = place_of(slot);
                let len = self.told.len().max(word + 1);
                self.told.resize(len, 0);
                self.told[word] |= bit;
            }
        }
    }

    fn knows(&self, slot: u16) -> bool {
        let (word, bit) = place_of(slot);
        self.told.get(word).is_some_and(|bits| bits & bit != 0)
    }

    /// Whether it knew.
    fn untell(&mut self, slot: u16) -> bool {
        let (word, bit) = place_of(slot);
        let knew = self.knows(slot);
        if let Some(bits) = self.told.get_mut(word) {
            *bits &= !bit;
        }
        knew
    }
}

fn place_of(slot: u16) -> (usize, u64) {
    (usize::from(slot) / 64, 1 << (slot % 64))
}

/// What a client that talks to the server's address `main` is told for a port; `None`: nothing yet, or nothing at all.
fn told_addr(
    port: Bound,
    main: u8,
    hosts: &BTreeMap<u8, SocketAddr>,
    global: Option<SocketAddr>,
) -> Option<SocketAddr> {
    let host = hosts.get(&main).map(|host| host.ip().to_canonical());
    match (port, host) {
        (Bound::Opening, _) => None,
        (Bound::Open(port), Some(host)) if !host.is_unspecified() => {
            Some(SocketAddr::new(host, port))
        }
        (Bound::Open(_) | Bound::Failed, _) => global,
    }
}
