//! Which addresses of the peer are worth a check, and in what order.
//!
//! Pure decision over what both sides told. Nothing is left out because it looks far: a private address is checked like
//! any other, and whoever answers there must have the peer's key.

use std::cmp::Reverse;
use std::net::{IpAddr, SocketAddr};

use crate::path::ports::following;
use crate::path::route::{Class, canonical};
use crate::path::schedule::Shot;
use crate::wire::reach::{CandidateKind, Mapping, Reach};

/// The most addresses of a peer that are checked at a time.
pub(crate) const TARGETS: usize = 16;

/// How many ports are predicted where they follow one another: the destinations that the peer may have turned to
/// since its last port was seen.
const PREDICTED: u16 = 8;

/// An address to be checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) addr: SocketAddr,
    pub(crate) class: Class,
    /// What goes there first.
    pub(crate) first: Shot,
}

/// At most [`TARGETS`], without doubles, in the order they are to be sent to: predicted ports ahead of all (each new
/// destination moves on the ports of a NAT that counts them, and the other side predicts ours, too), then what else
/// has a NAT before it, then the rest. Where there are too many, the classes take turns.
pub(crate) fn plan(mine: &Reach, theirs: &Reach) -> Vec<Target> {
    let is_for_us = |target: &Target| is_worthwhile(mine, theirs, target.addr);
    let mut targets: Vec<Target> = predicted(theirs).filter(is_for_us).collect();
    let [lan, v6, v4] = [Class::Lan, Class::V6, Class::V4].map(|class| {
        let mut told: Vec<Target> = told(theirs)
            .filter(|target| target.class == class)
            .collect();
        told.retain(is_for_us);
        if class == Class::Lan {
            told.sort_by_key(|target| Reverse(nearness(mine, target.addr.ip())));
        }
        told
    });
    let longest = lan.len().max(v6.len()).max(v4.len());
    for target in (0..longest).flat_map(|turn| [&lan, &v6, &v4].map(|class| class.get(turn))) {
        let Some(target) = target else { continue };
        let is_known = targets.iter().any(|known| known.addr == target.addr);
        if !is_known && targets.len() < TARGETS {
            targets.push(*target);
        }
    }
    targets.sort_by_key(|target| target.first != Shot::Opener);
    targets
}

/// The public IPv4 addresses that servers saw the member at.
pub(crate) fn reflexive(reach: &Reach) -> impl Iterator<Item = SocketAddr> {
    let seen = reach.candidates.iter();
    seen.filter(|candidate| candidate.kind == CandidateKind::Reflexive)
        .map(|candidate| canonical(candidate.addr))
        .filter(|addr| addr.is_ipv4() && Class::of(addr.ip()) == Class::V4 && is_sensible(*addr))
}

fn predicted(theirs: &Reach) -> impl Iterator<Item = Target> {
    let counted = match theirs.mapping {
        Mapping::Sequential { last, step } => {
            reflexive(theirs).next().map(|seen| (seen, last, step))
        }
        Mapping::Unknown | Mapping::Independent | Mapping::Random => None,
    };
    counted.into_iter().flat_map(|(seen, last, step)| {
        (1..=PREDICTED).map(move |times| Target {
            addr: SocketAddr::new(seen.ip(), following(last, step, times)),
            class: Class::V4,
            first: Shot::Opener,
        })
    })
}

fn told(theirs: &Reach) -> impl Iterator<Item = Target> {
    theirs.candidates.iter().map(|candidate| {
        let addr = canonical(candidate.addr);
        let class = Class::of(addr.ip());
        // Who is seen at an address of its own has no NAT before it, and no port that an early packet could take.
        let has_nat = class == Class::V4 && !has_local(theirs, |local| local == addr);
        let first = if has_nat { Shot::Opener } else { Shot::Check };
        Target { addr, class, first }
    })
}

fn has_local(reach: &Reach, is_it: impl Fn(SocketAddr) -> bool) -> bool {
    let mut candidates = reach.candidates.iter();
    candidates
        .any(|candidate| candidate.kind == CandidateKind::Local && is_it(canonical(candidate.addr)))
}

fn is_worthwhile(mine: &Reach, theirs: &Reach, addr: SocketAddr) -> bool {
    let mut own = mine
        .candidates
        .iter()
        .map(|candidate| canonical(candidate.addr));
    let has_family =
        mine.candidates.is_empty() || own.clone().any(|own| own.is_ipv4() == addr.is_ipv4());
    let is_own = own.any(|own| own == addr);
    let is_loopback = |addr: SocketAddr| addr.ip().is_loopback();
    let loops = has_local(mine, is_loopback) && has_local(theirs, is_loopback);
    is_sensible(addr) && has_family && !is_own && (loops || !is_loopback(addr))
}

/// Whether one machine can be there, and can be sent to without more than the address (RFC 4007 §6: link-local IPv6
/// needs a zone, which means nothing to another machine).
fn is_sensible(addr: SocketAddr) -> bool {
    let nowhere = match addr.ip() {
        IpAddr::V4(ip) => {
            let [first, ..] = ip.octets();
            first == 0 || first >= 240 || ip.is_multicast()
        }
        IpAddr::V6(ip) => ip.is_unspecified() || ip.is_multicast() || ip.is_unicast_link_local(),
    };
    addr.port() != 0 && !nowhere
}

/// How many leading bits an address shares with one of ours. It decides nothing but the order.
fn nearness(mine: &Reach, ip: IpAddr) -> u32 {
    let own = mine
        .candidates
        .iter()
        .map(|candidate| canonical(candidate.addr).ip());
    let shared = own.map(|own| match (own, ip) {
        (IpAddr::V4(own), IpAddr::V4(ip)) => (own.to_bits() ^ ip.to_bits()).leading_zeros(),
        (IpAddr::V6(own), IpAddr::V6(ip)) => (own.to_bits() ^ ip.to_bits()).leading_zeros(),
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => 0,
    });
    shared.max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::reach::Candidate;

    fn reach(mapping: Mapping, local: &[&str], reflexive: &[&str]) -> Reach {
        let of = |kind, addrs: &[&str]| -> Vec<Candidate> {
            let addrs = addrs.iter().map(|addr| addr.parse().unwrap());
            addrs.map(|addr| Candidate { kind, addr }).collect()
        };
        let mut candidates = of(CandidateKind::Local, local);
        candidates.extend(of(CandidateKind::Reflexive, reflexive));
        Reach {
            mapping,
            candidates,
        }
    }

    fn planned(mine: &Reach, theirs: &Reach) -> Vec<String> {
        let shown = |target: Target| match target.first {
            Shot::Opener => format!("opener {}", target.addr),
            Shot::Check => target.addr.to_string(),
        };
        plan(mine, theirs).into_iter().map(shown).collect()
    }

    #[test]
    fn what_makes_no_sense_is_left_out() {
        let mine = reach(
            Mapping::Independent,
            &["192.168.0.2:10", "[2001:db8::2]:10"],
            &["198.51.100.1:77"],
        );
        let cases: [(&str, &str, bool); 18] = [
            ("a neighbour", "192.168.0.3:10", true),
            ("oneself", "192.168.0.2:10", false),
            ("oneself from outside", "198.51.100.1:77", false),
            ("another on this machine", "192.168.0.2:11", true),
            ("another behind this NAT", "198.51.100.1:78", true),
            ("IPv6", "[2001:db8::3]:10", true),
            ("oneself in IPv6", "[2001:db8::2]:10", false),
            ("port 0", "192.168.0.3:0", false),
            ("unspecified", "0.0.0.0:10", false),
            ("unspecified, IPv6", "[::]:10", false),
            ("of this network", "0.1.2.3:10", false),
            ("multicast", "224.0.0.1:10", false),
            ("multicast, IPv6", "[ff02::1]:10", false),
            ("broadcast", "255.255.255.255:10", false),
            ("reserved", "250.0.0.1:10", false),
            ("loopback", "127.0.0.1:10", false),
            ("loopback, IPv6", "[::1]:10", false),
            ("link-local, IPv6", "[fe80::1]:10", false),
        ];
        for (name, addr, is_in) in cases {
            let theirs = reach(Mapping::Independent, &[addr], &[]);
            assert_eq!(!plan(&mine, &theirs).is_empty(), is_in, "{name}");
            let theirs = reach(Mapping::Independent, &[], &[addr]);
            assert_eq!(!plan(&mine, &theirs).is_empty(), is_in, "{name}, reflexive");
        }
    }

    #[test]
    fn loopback_is_for_those_who_both_have_it() {
        let looping = |port: u16| reach(Mapping::Unknown, &[&format!("127.0.0.1:{port}")], &[]);
        assert_eq!(planned(&looping(1), &looping(2)), ["127.0.0.1:2"]);
        let distant = reach(Mapping::Unknown, &["10.0.0.1:1"], &[]);
        assert_eq!(planned(&distant, &looping(2)), [""; 0]);
    }

    #[test]
    fn a_family_that_we_do_not_have_is_left_out() {
        let theirs = reach(Mapping::Unknown, &["[2001:db8::3]:1", "192.0.2.3:1"], &[]);
        let v4 = reach(Mapping::Unknown, &["10.0.0.1:1"], &[]);
        assert_eq!(planned(&v4, &theirs), ["192.0.2.3:1"]);
        let v6 = reach(Mapping::Unknown, &["[2001:db8::9]:1"], &[]);
        assert_eq!(planned(&v6, &theirs), ["[2001:db8::3]:1"]);
        assert_eq!(
            planned(&Reach::default(), &theirs).len(),
            2,
            "nothing known"
        );
    }

    #[test]
    fn an_opener_goes_where_a_nat_is() {
        let mine = reach(
            Mapping::Independent,
            &["10.0.0.1:1", "[2001:db8::9]:1"],
            &[],
        );
        let theirs = reach(
            Mapping::Independent,
            &["10.9.9.9:1", "10.0.0.2:1", "192.0.2.9:1", "[2001:db8::3]:1"],
            &["192.0.2.9:1", "198.51.100.9:5", "::ffff:198.51.100.9"].map(|addr| {
                if addr.starts_with("::") {
                    "[::ffff:198.51.100.9]:5"
                } else {
                    addr
                }
            }),
        );
        assert_eq!(
            planned(&mine, &theirs),
            [
                "opener 198.51.100.9:5",
                "10.0.0.2:1",
                "[2001:db8::3]:1",
                "192.0.2.9:1",
                "10.9.9.9:1"
            ],
        );
    }

    #[test]
    fn ports_are_predicted_ahead_of_all() {
        let mine = reach(Mapping::Independent, &["10.0.0.1:1"], &[]);
        let mapping = Mapping::Sequential {
            last: 5_000,
            step: -2,
        };
        let theirs = reach(
            mapping,
            &["10.0.0.2:1"],
            &["198.51.100.9:5002", "198.51.100.9:5000"],
        );
        let planned = planned(&mine, &theirs);
        let predicted: Vec<String> = (1..=8)
            .map(|n| format!("opener 198.51.100.9:{}", 5_000 - 2 * n))
            .collect();
        assert_eq!(planned[..8], predicted);
        assert_eq!(
            planned[8..],
            [
                "opener 198.51.100.9:5002",
                "opener 198.51.100.9:5000",
                "10.0.0.2:1"
            ]
        );
    }

    #[test]
    fn no_class_crowds_out_another() {
        let locals: Vec<String> = (1..60).map(|n| format!("10.{n}.0.1:9")).collect();
        let locals: Vec<&str> = locals.iter().map(String::as_str).collect();
        let mine = reach(Mapping::Independent, &["10.17.0.3:1"], &[]);
        let theirs = reach(Mapping::Independent, &locals, &["198.51.100.9:5"]);
        let planned = planned(&mine, &theirs);
        assert_eq!(planned.len(), TARGETS);
        assert_eq!(planned[0], "opener 198.51.100.9:5");
        assert!(
            planned.contains(&"10.17.0.1:9".to_owned()),
            "the nearest are in"
        );
    }
}
