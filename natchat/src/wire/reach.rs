//! Where somebody might be reached: candidates, and what their NAT does to ports.

use std::net::SocketAddr;

/// The most candidates kept for one member; further ones are refused on the wire.
pub const CANDIDATES: usize = 64;

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
