//! The machine itself: what it is told and asked from outside. What comes from the server is in [`super::incoming`],
//! what is due in [`super::due`], what goes there in [`super::outgoing`].

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use crate::client::event::{Event, Undelivered};
use crate::client::home::alive::KeepAlive;
use crate::client::home::carrier::Carrier;
use crate::client::home::follow::Follow;
use crate::client::home::greeting::Greeting;
use crate::client::home::letters::{Letters, Ticket};
use crate::client::home::link::Link;
use crate::client::home::observe::Observer;
use crate::client::home::output::Output;
use crate::client::home::own::{Changed, Own};
use crate::client::home::recent::Recent;
use crate::client::home::troubles::Troubles;
use crate::client::io::TcpEvent;
use crate::client::roster::Roster;
use crate::config::ClientConfig;
use crate::crypto::entropy::Entropy;
use crate::crypto::identity::{Identity, PublicKey};
use crate::crypto::mac::MacKey;
use crate::name::MemberId;
use crate::wire::reach::Reach;
use crate::wire::relay::{UP_OVERHEAD, Up};

/// A Leave is said again after this, and after twice as long each time.
pub(crate) const LEAVE_AGAIN: Duration = Duration::from_millis(100);
/// A Leave that is not answered is over after this.
const LEAVE: Duration = Duration::from_secs(1);
/// A Find is asked again after this, and after twice as long each time.
const FIND_AGAIN: Duration = Duration::from_millis(300);
/// So many times; then nobody is there.
const FINDS: u8 = 4;
/// The most members looked for at a time, and how many of them because somebody has written in their name: anybody can do that,
/// and the user's own are to find room.
const FINDING: usize = 64;
const FINDING_STRANGERS: usize = 16;
/// What counters begin with: an incarnation, shifted, so that they rise from run to run.
const COUNTERS: u32 = 20;
/// An incarnation above this (the year 2248) is no time: a server could drive us to the end of all numbers.
pub(crate) const INCARNATION_MOST: u64 = 1 << 43;

/// The server, as seen from here.
#[derive(Debug)]
pub(crate) struct Home {
    pub(crate) id: MemberId,
    /// As it was given, for the user.
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) identity: Identity,
    pub(crate) entropy: Entropy,
    pub(crate) pinned: Option<PublicKey>,
    /// The other key that the server has come with.
    pub(crate) offered: Option<PublicKey>,
    pub(crate) keys: Option<Keys>,
    pub(crate) incarnation: u64,
    /// Of every Register of this run.
    pub(crate) nonce: u64,
    pub(crate) counter: u64,
    pub(crate) carrier: Carrier,
    pub(crate) greeting: Option<Greeting>,
    pub(crate) session: Option<Session>,
    pub(crate) own: Own,
    pub(crate) follow: Follow,
    pub(crate) finding: BTreeMap<MemberId, Finding>,
    pub(crate) letters: Letters,
    pub(crate) held: VecDeque<(u64, String)>,
    pub(crate) troubles: Troubles,
    pub(crate) next_again: Instant,
    pub(crate) next_unknown: Instant,
    pub(crate) leaving: Option<Leaving>,
    pub(crate) has_joined: bool,
    pub(crate) is_shown: bool,
    pub(crate) has_ended: bool,
}

/// What tags are made and known with.
#[derive(Debug)]
pub(crate) struct Keys {
    pub(crate) server: PublicKey,
    pub(crate) there: MacKey,
    pub(crate) back: MacKey,
}

/// A membership.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) member: u64,
    pub(crate) link: Link,
    pub(crate) alive: KeepAlive,
    pub(crate) probe_ports: Vec<u16>,
    pub(crate) observer: Option<Observer>,
    /// Rounds of questions about the NAT that may still be begun without any news.
    pub(crate) observations: u8,
    pub(crate) older: Recent,
}

#[derive(Debug)]
pub(crate) struct Finding {
    pub(crate) due: Instant,
    pub(crate) gap: Duration,
    pub(crate) left: u8,
}

#[derive(Debug)]
pub(crate) struct Leaving {
    pub(crate) due: Instant,
    pub(crate) gap: Duration,
    pub(crate) until: Instant,
}

impl Home {
    /// Nothing known yet but its name.
    pub(crate) fn new(
        config: &ClientConfig,
        identity: Identity,
        pinned: Option<PublicKey>,
        incarnation: u64,
        mut entropy: Entropy,
        now: Instant,
    ) -> Self {
        // Everybody knows our incarnation: somewhere behind it, so that nobody knows our counters.
        let first = entropy.below(1 << (COUNTERS - 1));
        let mut carrier = Carrier::new();
        carrier.push(Output::Resolve);
        Self {
            id: config.id.clone(),
            host: config.host.clone(),
            port: config.port,
            identity,
            pinned,
            offered: None,
            keys: None,
            incarnation: incarnation.min(INCARNATION_MOST),
            nonce: entropy.next_u64(),
            counter: (incarnation.min(INCARNATION_MOST) << COUNTERS) + first,
            carrier,
            greeting: Some(Greeting::new(now, entropy.next_u64(), false)),
            entropy,
            session: None,
            own: Own::default(),
            follow: Follow::default(),
            finding: BTreeMap::new(),
            letters: Letters::default(),
            held: VecDeque::new(),
            troubles: Troubles::default(),
            next_again: now,
            next_unknown: now,
            leaving: None,
            has_joined: false,
            is_shown: false,
            has_ended: false,
        }
    }

    /// As in [`crate::client::io::Input`].
    pub(crate) fn server_addrs(&mut self, now: Instant, addrs: Vec<SocketAddr>) {
        if addrs.is_empty() {
            return;
        }
        self.troubles.resolved();
        if self.carrier.set_addrs(addrs)
            && let Some(greeting) = &mut self.greeting
        {
            greeting.new_addrs(now);
        }
        self.run(now);
    }

    /// As in [`crate::client::io::Input`].
    pub(crate) fn server_unresolved(&mut self, now: Instant, reason: String) {
        if self.carrier.addrs().is_empty() {
            let host = self.host.clone();
            let event = self.troubles.unresolved(Event::NoSuchHost { host, reason });
            self.show(event);
        }
        self.run(now);
    }

    /// As in [`crate::client::io::Input`].
    pub(crate) fn local_port(&mut self, now: Instant, port: u16) {
        let changed = self.own.set_port(port);
        self.own_changed(changed);
        self.run(now);
    }

    /// As in [`crate::client::io::Input`].
    pub(crate) fn interfaces(&mut self, now: Instant, addrs: Vec<IpAddr>) {
        let changed = self.own.set_interfaces(&addrs);
        if changed == Changed::Moved
            && let Some(session) = &mut self.session
        {
            session.alive.doubt(now);
        }
        self.own_changed(changed);
        self.run(now);
    }

    /// A 0xF9 frame at the main socket, whoever it is from.
    pub(crate) fn handle_datagram(&mut self, now: Instant, from: SocketAddr, bytes: &[u8]) {
        let from = SocketAddr::new(from.ip().to_canonical(), from.port());
        self.handle_frame(now, Link::Udp(from), bytes);
        self.run(now);
    }

    /// As in [`crate::client::io::Input`]; a Frame that is 0xFB does not come here.
    pub(crate) fn handle_tcp(&mut self, now: Instant, event: TcpEvent<'_>) {
        match event {
            TcpEvent::Connected(_) => {
                let mut greeting = self.greeting.iter();
                let wants_hello = greeting.any(Greeting::wants_hello_by_tcp);
                if self.carrier.connected() && wants_hello {
                    let hello = self.hello();
                    self.carrier.send(Link::Tcp, hello);
                }
            }
            TcpEvent::Frame(bytes) if self.carrier.is_open() => {
                self.handle_frame(now, Link::Tcp, bytes);
            }
            TcpEvent::Frame(_) => {}
            TcpEvent::Closed => self.tcp_closed(now),
        }
        self.run(now);
    }

    /// Whether a relayed frame (0xFB) from here is the server's: from an address of its own.
    pub(crate) fn is_server(&self, from: SocketAddr) -> bool {
        let from = SocketAddr::new(from.ip().to_canonical(), from.port());
        let is_in_use = |session: &Session| session.link == Link::Udp(from);
        self.session.as_ref().is_some_and(is_in_use) || self.carrier.addrs().contains(&from)
    }

    /// Sends a peer frame through the server; false if we are not joined.
    pub(crate) fn relay(&mut self, _now: Instant, to: u64, frame: &[u8]) -> bool {
        let (Some(session), Some(keys)) = (&self.session, &self.keys) else {
            return false;
        };
        let member = session.member;
        let mut bytes = Vec::with_capacity(frame.len() + UP_OVERHEAD);
        Up { member, to, frame }.encode(&mut bytes);
        keys.there.seal(&mut bytes);
        self.carrier.send(session.link, bytes);
        true
    }

    /// Sends a line to an older client, in parts if it is long. Ends with [`Output::HandedOn`], after 5 s without a
    /// confirmation at the latest.
    ///
    /// # Errors
    /// Why it was not taken.
    pub(crate) fn older(
        &mut self,
        now: Instant,
        to: u64,
        text: &str,
    ) -> Result<Ticket, Undelivered> {
        if self.session.is_none() {
            return Err(Undelivered::NotJoined);
        }
        let ticket = self.letters.write(now, to, text);
        self.run(now);
        ticket.ok_or(Undelivered::TooMuch)
    }

    /// Bytes under way to older clients.
    pub(crate) fn unsent(&self) -> u64 {
        self.letters.waiting() as u64
    }

    /// Looks for a member that the roster does not have: either it comes ([`Output::Here`]), or [`Output::Nobody`]
    /// within 5 s.
    pub(crate) fn find(&mut self, now: Instant, id: &MemberId) {
        self.find_at_most(now, id, FINDING);
    }

    /// The same, for a stranger that has written.
    pub(crate) fn find_stranger(&mut self, now: Instant, id: &MemberId) {
        self.find_at_most(now, id, FINDING_STRANGERS);
    }

    fn find_at_most(&mut self, now: Instant, id: &MemberId, most: usize) {
        let is_known = self.finding.contains_key(id);
        if self.session.is_none() || (!is_known && self.finding.len() >= most) {
            self.carrier.push(Output::Nobody(id.clone()));
            return;
        }
        self.finding.entry(id.clone()).or_insert(Finding {
            due: now,
            gap: FIND_AGAIN,
            left: FINDS,
        });
        self.run(now);
    }

    /// There is reason to doubt that the server knows where we are: it is told now.
    pub(crate) fn hurry(&mut self, now: Instant) {
        if let Some(session) = &mut self.session {
            session.alive.doubt(now);
        }
        self.run(now);
    }

    /// `@trust server`: takes the server's new key.
    pub(crate) fn trust_server(&mut self, now: Instant) {
        if let Some(key) = self.offered.take() {
            self.pinned = Some(key);
            self.troubles.key_trusted();
            self.carrier.push(Output::Pin(key));
            self.greet(now, false);
        }
        self.run(now);
    }

    /// Says Leave, again until it is answered, for a second; then [`Output::Ended`].
    pub(crate) fn leave(&mut self, now: Instant) {
        if self.session.is_none() {
            self.end(self.farewell());
            return;
        }
        self.leaving.get_or_insert(Leaving {
            due: now,
            gap: LEAVE_AGAIN,
            until: now + LEAVE,
        });
        self.run(now);
    }

    /// What to do next.
    pub(crate) fn poll_output(&mut self) -> Option<Output> {
        self.carrier.pop()
    }

    /// When [`Self::handle_timeout`] has something to do.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        if self.has_ended {
            return None;
        }
        let mut dues: Vec<Instant> = self.finding.values().map(|finding| finding.due).collect();
        dues.extend(self.greeting.as_ref().map(Greeting::next_timeout));
        dues.extend(self.letters.next_timeout());
        dues.extend(
            self.leaving
                .as_ref()
                .map(|leaving| leaving.due.min(leaving.until)),
        );
        if let Some(session) = &self.session {
            dues.push(session.alive.next_timeout());
            dues.extend(session.observer.as_ref().and_then(Observer::next_timeout));
            dues.extend(self.follow.next_timeout());
            dues.extend(self.own.next_timeout());
        }
        dues.into_iter().min()
    }

    /// Sends what is due, gives up what is overdue.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        self.run(now);
    }

    /// Who is there.
    pub(crate) fn roster(&self) -> &Roster {
        self.follow.roster()
    }

    /// Whether we are joined now.
    pub(crate) fn is_joined(&self) -> bool {
        self.session.is_some()
    }

    /// Our number, while we are joined.
    pub(crate) fn member(&self) -> Option<u64> {
        self.session.as_ref().map(|session| session.member)
    }

    /// Our incarnation as the others know it; it rises above what we were started with if the server knew a later one.
    pub(crate) fn incarnation(&self) -> u64 {
        self.incarnation
    }

    /// Where we may be reached, reflexive address included: what calls bring.
    pub(crate) fn reach(&self) -> &Reach {
        self.own.reach()
    }

    /// The public address of the NAT that we are behind, if we are behind one: for
    /// [`crate::client::roster::place`].
    pub(crate) fn nat_ip(&self) -> Option<IpAddr> {
        let ip = self.own.reflexive()?.ip();
        (!self.own.is_ours(ip)).then_some(ip)
    }
}
