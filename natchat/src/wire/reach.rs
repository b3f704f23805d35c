//! Where somebody might be reached: candidates, and what their NAT does to ports.
//!
//! `mapping u8 (· last u16 · step i16) · count u8 · (kind u8 · addr) …`. At most [`REACH_LEN`] bytes, so that any frame
//! with a reach in it fits a datagram: what comes first is written, the rest left out. Addresses that nobody can be at
//! (port 0, multicast, broadcast, unspecified) are neither written nor read: a member could have others send there.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::wire::codec::{ADDR_LEN, Malformed, Reader, Writer};

/// The most candidates kept for one member; further ones are refused on the wire.
pub const CANDIDATES: usize = 64;

/// The longest form of a [`Reach`], in bytes: 38 candidates of IPv6, or all 64 of IPv4.
pub const REACH_LEN: usize = 768;

/// Where an address comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum CandidateKind {
    /// An address of one of the machine's own interfaces.
    Local = 0,
    /// The address that a server saw.
    Reflexive = 1,
    /// The address that the other side saw in a check.
    PeerReflexive = 2,
}

/// One address that a member may be reached at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Candidate {
    /// Where it comes from.
    pub kind: CandidateKind,
    /// The address.
    pub addr: SocketAddr,
}

/// What a member's NAT does to the port of a new destination (RFC 4787 §4.1), as far as observed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mapping {
    /// Not yet observed from two places.
    #[default]
    Unknown,
    /// The same port whatever the destination, or no NAT at all.
    Independent,
    /// Each new destination has the port of the last one plus a small step.
    Sequential {
        /// The port seen last.
        last: u16,
        /// What is added for each further destination; may be negative, never 0.
        step: i16,
    },
    /// Each new destination has a port that nothing tells.
    Random,
}

/// All that a member tells of where it may be reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// What its NAT does.
    pub mapping: Mapping,
    /// At most [`CANDIDATES`], without doubles.
    pub candidates: Vec<Candidate>,
}

impl CandidateKind {
    const ALL: [Self; 3] = [Self::Local, Self::Reflexive, Self::PeerReflexive];
}

impl Mapping {
    const UNKNOWN: u8 = 0;
    const INDEPENDENT: u8 = 1;
    const SEQUENTIAL: u8 = 2;
    const RANDOM: u8 = 3;

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(match reader.u8()? {
            Self::UNKNOWN => Self::Unknown,
            Self::INDEPENDENT => Self::Independent,
            Self::SEQUENTIAL => {
                let last = reader.u16()?;
                let step = i16::from_be_bytes(reader.array()?);
                if step == 0 {
                    return Err(Malformed);
                }
                Self::Sequential { last, step }
            }
            Self::RANDOM => Self::Random,
            _ => return Err(Malformed),
        })
    }

    fn write(self, writer: &mut Writer<'_>) {
        match self {
            Self::Unknown => writer.u8(Self::UNKNOWN),
            // Ports that do not move are told as what they are.
            Self::Independent | Self::Sequential { step: 0, .. } => writer.u8(Self::INDEPENDENT),
            Self::Sequential { last, step } => writer
                .u8(Self::SEQUENTIAL)
                .u16(last)
                .bytes(&step.to_be_bytes()),
            Self::Random => writer.u8(Self::RANDOM),
        };
    }
}

impl Reach {
    /// Reads one that is all of `bytes`.
    ///
    /// # Errors
    /// If it is none, or names an address twice or one where nobody can be.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        let reach = Self::read(&mut reader)?;
        reader.end()?;
        Ok(reach)
    }

    /// Appends it to `out`, as far as it fits [`REACH_LEN`].
    pub fn encode(&self, out: &mut Vec<u8>) {
        self.write(&mut Writer::new(out));
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let mapping = Mapping::read(reader)?;
        let count = usize::from(reader.u8()?);
        if count > CANDIDATES {
            return Err(Malformed);
        }
        let mut candidates = Vec::with_capacity(count);
        let mut len = HEAD_LEN;
        for _ in 0..count {
            let kind = usize::from(reader.u8()?);
            let kind = *CandidateKind::ALL.get(kind).ok_or(Malformed)?;
            let addr = reader.addr()?;
            let candidate = Candidate { kind, addr };
            len += candidate_len(&candidate);
            if len > REACH_LEN || !can_be_at(addr) || candidates.contains(&candidate) {
                return Err(Malformed);
            }
            candidates.push(candidate);
        }
        Ok(Self {
            mapping,
            candidates,
        })
    }

    pub(crate) fn write(&self, writer: &mut Writer<'_>) {
        let mut told: [Option<Candidate>; CANDIDATES] = [None; CANDIDATES];
        let mut count: u8 = 0;
        let mut len = HEAD_LEN;
        for candidate in self.candidates.iter().map(canonical) {
            let so_far = &told[..usize::from(count)];
            if !can_be_at(candidate.addr) || so_far.contains(&Some(candidate)) {
                continue;
            }
            len += candidate_len(&candidate);
            if len > REACH_LEN || so_far.len() == CANDIDATES {
                break;
            }
            told[usize::from(count)] = Some(candidate);
            count += 1;
        }
        self.mapping.write(writer);
        writer.u8(count);
        for candidate in told.iter().flatten() {
            writer.u8(candidate.kind as u8).addr(candidate.addr);
        }
    }
}

/// The longest mapping, and the count.
const HEAD_LEN: usize = 1 + 2 + 2 + 1;

fn candidate_len(candidate: &Candidate) -> usize {
    match candidate.addr {
        SocketAddr::V4(_) => 1 + ADDR_LEN - 12,
        SocketAddr::V6(_) => 1 + ADDR_LEN,
    }
}

/// As it is written.
fn canonical(candidate: &Candidate) -> Candidate {
    Candidate {
        kind: candidate.kind,
        addr: SocketAddr::new(candidate.addr.ip().to_canonical(), candidate.addr.port()),
    }
}

fn can_be_at(addr: SocketAddr) -> bool {
    let ip = addr.ip();
    addr.port() != 0
        && !ip.is_unspecified()
        && !ip.is_multicast()
        && ip != IpAddr::V4(Ipv4Addr::BROADCAST)
}

#[cfg(test)]
pub(crate) mod tests {
    use std::net::Ipv6Addr;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// Any address that somebody can be at.
    pub(crate) fn addrs() -> impl Strategy<Value = SocketAddr> {
        any::<(IpAddr, u16)>()
            .prop_map(|(ip, port)| SocketAddr::new(ip.to_canonical(), port))
            .prop_filter("nobody can be there", |&addr| can_be_at(addr))
    }

    pub(crate) fn mappings() -> impl Strategy<Value = Mapping> {
        let steps = any::<i16>().prop_filter("a step", |&step| step != 0);
        prop_oneof![
            Just(Mapping::Unknown),
            Just(Mapping::Independent),
            (any::<u16>(), steps).prop_map(|(last, step)| Mapping::Sequential { last, step }),
            Just(Mapping::Random),
        ]
    }

    /// Any that is written whole.
    pub(crate) fn reaches() -> impl Strategy<Value = Reach> {
        let kinds = proptest::sample::select(&CandidateKind::ALL);
        let candidates = (kinds, addrs()).prop_map(|(kind, addr)| Candidate { kind, addr });
        (mappings(), vec(candidates, 0..38)).prop_map(|(mapping, mut candidates)| {
            candidates.sort();
            candidates.dedup();
            Reach {
                mapping,
                candidates,
            }
        })
    }

    fn encoded(reach: &Reach) -> Vec<u8> {
        let mut out = Vec::new();
        reach.encode(&mut out);
        out
    }

    fn reach(addrs: &[&str]) -> Reach {
        let addr = |addr: &&str| addr.parse().unwrap();
        let candidate = |addr| Candidate {
            kind: CandidateKind::Local,
            addr,
        };
        Reach {
            mapping: Mapping::Random,
            candidates: addrs.iter().map(addr).map(candidate).collect(),
        }
    }

    #[test]
    fn only_where_somebody_can_be_is_written() {
        let rows: &[(&str, &[&str], &[&str])] = &[
            ("nothing", &[], &[]),
            ("a port", &["10.0.0.1:0", "10.0.0.1:1"], &["10.0.0.1:1"]),
            (
                "doubles",
                &["10.0.0.1:1", "[::1]:1", "10.0.0.1:1"],
                &["10.0.0.1:1", "[::1]:1"],
            ),
            (
                "the same in other clothes",
                &["10.0.0.1:1", "[::ffff:10.0.0.1]:1"],
                &["10.0.0.1:1"],
            ),
            (
                "everybody",
                &["255.255.255.255:1", "224.0.0.1:1", "[ff02::1]:1"],
                &[],
            ),
            (
                "anybody",
                &["0.0.0.0:1", "[::]:1", "[::ffff:0.0.0.0]:1"],
                &[],
            ),
        ];
        for (name, told, written) in rows {
            let bytes = encoded(&reach(told));
            assert_eq!(Reach::decode(&bytes), Ok(reach(written)), "{name}");
        }
    }

    #[test]
    fn what_does_not_fit_is_left_out() {
        let many = |ip: fn(u8) -> IpAddr| {
            let addrs = (0..200).map(|last| SocketAddr::new(ip(last), 1));
            let kind = CandidateKind::Local;
            Reach {
                mapping: Mapping::Sequential { last: 1, step: -1 },
                candidates: addrs.map(|addr| Candidate { kind, addr }).collect(),
            }
        };
        let v4 = many(|last| Ipv4Addr::new(10, 0, 0, last).into());
        let v6 = many(|last| Ipv6Addr::new(1, 0, 0, 0, 0, 0, 0, last.into()).into());
        for (reach, expected) in [(v4, CANDIDATES), (v6, 38)] {
            let bytes = encoded(&reach);
            assert!(bytes.len() <= REACH_LEN);
            let read = Reach::decode(&bytes).unwrap();
            assert_eq!(read.candidates, reach.candidates[..expected]);
        }
    }

    #[test]
    fn what_is_refused() {
        let rows: &[(&str, &[u8])] = &[
            ("a mapping that is none", &[4, 0]),
            ("a step of nothing", &[2, 0, 1, 0, 0, 0]),
            ("a kind that is none", &[0, 1, 3, 4, 10, 0, 0, 1, 0, 1]),
            ("no port", &[0, 1, 0, 4, 10, 0, 0, 1, 0, 0]),
            ("anybody", &[0, 1, 0, 4, 0, 0, 0, 0, 0, 1]),
            ("everybody", &[0, 1, 0, 4, 255, 255, 255, 255, 0, 1]),
            (
                "doubles",
                &[0, 2, 0, 4, 10, 0, 0, 1, 0, 1, 0, 4, 10, 0, 0, 1, 0, 1],
            ),
            ("fewer than said", &[0, 2, 0, 4, 10, 0, 0, 1, 0, 1]),
            ("more than said", &[0, 0, 0]),
        ];
        for (name, bytes) in rows {
            assert_eq!(Reach::decode(bytes), Err(Malformed), "{name}");
        }
        let mut too_many = vec![0, 65];
        for last in 0..65 {
            too_many.extend([0, 4, 10, 0, 0, 1, 0, 1 + last]);
        }
        assert_eq!(Reach::decode(&too_many), Err(Malformed));
    }

    proptest! {
        #[test]
        fn comes_back(reach in reaches()) {
            prop_assert_eq!(Reach::decode(&encoded(&reach)), Ok(reach));
        }
    }
}
