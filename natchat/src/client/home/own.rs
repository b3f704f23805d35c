//! Where we ourselves may be reached, and whether the server knows.
//!
//! The server does not answer a Reach: it is said again until it comes back as our own entry, or some times.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use crate::wire::reach::{Candidate, CandidateKind, Mapping, Reach};

/// A Reach that has not come back is said again after these.
const AGAIN: [Duration; 3] = [
    Duration::from_millis(300),
    Duration::from_millis(700),
    Duration::from_secs(2),
];
/// So many times more it is said all over again, each time the server is heard.
const ROUNDS: u8 = 6;
/// The most interface addresses told: those of machines with many containers are of no use to anybody.
const LOCALS: usize = 16;

/// Our own reach.
#[derive(Debug, Default)]
pub(crate) struct Own {
    port: u16,
    ips: Vec<IpAddr>,
    reflexive: Option<SocketAddr>,
    mapping: Mapping,
    /// What calls bring.
    reach: Reach,
    /// What the server was told last.
    told: Option<Reach>,
    again: Option<(Instant, usize)>,
    /// How many times more it may be said all over again, when the server is heard and has not brought it back.
    rounds: u8,
}

/// What a change has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Changed {
    /// Nothing.
    No,
    /// More or less is known.
    Known,
    /// We are elsewhere: what was open is not any more.
    Moved,
}

impl Own {
    pub(crate) fn set_port(&mut self, port: u16) -> Changed {
        self.port = port;
        self.rebuilt(false)
    }

    pub(crate) fn set_interfaces(&mut self, addrs: &[IpAddr]) -> Changed {
        let mut ips: Vec<IpAddr> = addrs.iter().map(IpAddr::to_canonical).collect();
        ips.retain(is_told);
        // Those of IPv4 first: if there are too many, they are what most others can use.
        ips.sort();
        ips.dedup();
        ips.truncate(LOCALS);
        if ips == self.ips {
            return Changed::No;
        }
        let had_some = !self.ips.is_empty();
        self.ips = ips;
        self.rebuilt(had_some)
    }

    /// The address that the server sees, or that there is none.
    pub(crate) fn set_reflexive(&mut self, reflexive: Option<SocketAddr>) -> Changed {
        if reflexive == self.reflexive {
            return Changed::No;
        }
        let had_one = self.reflexive.is_some();
        self.reflexive = reflexive;
        self.mapping = Mapping::Unknown;
        self.rebuilt(had_one)
    }

    pub(crate) fn set_mapping(&mut self, mapping: Mapping) -> Changed {
        self.mapping = mapping;
        self.rebuilt(false)
    }

    fn rebuilt(&mut self, has_moved: bool) -> Changed {
        let reach = Reach {
            mapping: self.mapping,
            candidates: self.locals().chain(self.seen()).collect(),
        };
        if reach == self.reach {
            return Changed::No;
        }
        self.reach = reach;
        if has_moved {
            Changed::Moved
        } else {
            Changed::Known
        }
    }

    fn locals(&self) -> impl Iterator<Item = Candidate> {
        let ips = self.ips.iter().filter(|_| self.port != 0);
        ips.map(|ip| Candidate {
            kind: CandidateKind::Local,
            addr: SocketAddr::new(*ip, self.port),
        })
    }

    fn seen(&self) -> impl Iterator<Item = Candidate> {
        self.reflexive.into_iter().map(|addr| Candidate {
            kind: CandidateKind::Reflexive,
            addr,
        })
    }

    pub(crate) fn reflexive(&self) -> Option<SocketAddr> {
        self.reflexive
    }

    /// Everything, reflexive address included.
    pub(crate) fn reach(&self) -> &Reach {
        &self.reach
    }

    /// Whether an address is one of this machine's.
    pub(crate) fn is_ours(&self, ip: IpAddr) -> bool {
        self.ips.contains(&ip)
    }

    /// What the server is told: it sees the reflexive address itself.
    pub(crate) fn for_server(&self) -> Reach {
        Reach {
            mapping: self.mapping,
            candidates: self.locals().collect(),
        }
    }

    /// The server was told with the Register.
    pub(crate) fn registered(&mut self, told: Reach) {
        self.told = Some(told);
        self.again = None;
        self.rounds = 0;
    }

    /// What the server is to be told now.
    pub(crate) fn poll(&mut self, now: Instant) -> Option<Reach> {
        let reach = self.for_server();
        if self.told.as_ref() != Some(&reach) {
            self.told = Some(reach.clone());
            self.again = Some((now + AGAIN[0], 0));
            self.rounds = ROUNDS;
            return Some(reach);
        }
        let (_, tries) = self.again.filter(|(due, _)| *due <= now)?;
        self.again = AGAIN.get(tries + 1).map(|gap| (now + *gap, tries + 1));
        Some(reach)
    }

    /// It came back.
    pub(crate) fn confirmed(&mut self, reach: &Reach) {
        if self.told.as_ref() == Some(reach) {
            self.again = None;
            self.rounds = 0;
        }
    }

    /// The server is heard: if it has not brought our reach back, it may not have it.
    pub(crate) fn heard(&mut self, now: Instant) {
        if self.again.is_none() && self.rounds > 0 {
            self.rounds -= 1;
            self.again = Some((now, 0));
        }
    }

    /// When [`Self::poll`] has something again.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        self.again.map(|(due, _)| due)
    }
}

/// Whether others can be told of an address: not of one that means something else on each machine.
fn is_told(ip: &IpAddr) -> bool {
    let is_link_local = match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    };
    !(ip.is_unspecified() || ip.is_loopback() || ip.is_multicast() || is_link_local)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn shown(reach: &Reach) -> Vec<String> {
        let candidates = reach.candidates.iter();
        candidates
            .map(|candidate| candidate.addr.to_string())
            .collect()
    }

    #[test]
    fn what_is_told() {
        let mut own = Own::default();
        assert_eq!(own.set_port(7), Changed::No);
        let all = [
            "::1",
            "fe80::1",
            "2001:db8::1",
            "127.0.0.1",
            "169.254.1.1",
            "::ffff:10.0.0.1",
            "10.0.0.1",
        ];
        let all: Vec<IpAddr> = all.iter().map(|text| ip(text)).collect();
        assert_eq!(own.set_interfaces(&all), Changed::Known);
        assert_eq!(own.set_interfaces(&all), Changed::No);
        assert_eq!(own.set_reflexive(Some(([9; 4], 9).into())), Changed::Known);
        assert_eq!(own.set_mapping(Mapping::Random), Changed::Known);
        assert_eq!(shown(&own.for_server()), ["10.0.0.1:7", "[2001:db8::1]:7"]);
        assert_eq!(
            shown(own.reach()),
            ["10.0.0.1:7", "[2001:db8::1]:7", "9.9.9.9:9"]
        );
        assert!(own.is_ours(ip("10.0.0.1")) && !own.is_ours(ip("9.9.9.9")));

        assert_eq!(own.set_reflexive(Some(([9; 4], 8).into())), Changed::Moved);
        assert_eq!(own.reach().mapping, Mapping::Unknown);
        assert_eq!(own.set_interfaces(&[ip("10.0.0.2")]), Changed::Moved);
        assert_eq!(own.set_reflexive(None), Changed::Moved);
        assert_eq!(shown(own.reach()), ["10.0.0.2:7"]);
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a beginning of virtual time")]
    fn it_is_said_until_it_comes_back() {
        let begin = Instant::now();
        let mut own = Own::default();
        own.set_port(7);
        own.registered(own.for_server());
        assert_eq!(own.poll(begin), None);

        own.set_interfaces(&[ip("10.0.0.1")]);
        let mut said = vec![begin];
        assert_eq!(own.poll(begin), Some(own.for_server()));
        while let Some(due) = own.next_timeout() {
            assert_eq!(own.poll(due - Duration::from_millis(1)), None);
            assert_eq!(own.poll(due), Some(own.for_server()));
            said.push(due);
        }
        let said: Vec<u128> = said.iter().map(|at| (*at - begin).as_millis()).collect();
        assert_eq!(said, [0, 300, 1_000, 3_000]);

        own.set_interfaces(&[ip("10.0.0.2")]);
        assert!(own.poll(begin).is_some());
        own.confirmed(&Reach::default());
        assert!(own.next_timeout().is_some());
        own.confirmed(&own.for_server());
        assert_eq!(own.next_timeout(), None);
        own.heard(begin);
        assert_eq!(own.next_timeout(), None);

        own.set_interfaces(&[ip("10.0.0.3")]);
        let mut said = 0;
        for _ in 0..100 {
            own.heard(begin);
            let mut now = begin;
            while own.poll(now).is_some() {
                said += 1;
                now = own.next_timeout().unwrap_or(now);
            }
        }
        assert_eq!(said, 4 + 6 * 3);
    }
}
