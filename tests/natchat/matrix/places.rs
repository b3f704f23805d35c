//! Where the two ends of a pair live.

use harness::lab::{Nat, Site, cgn, home, public};

/// How somebody is connected to the internet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Public,
    FullCone,
    AddressRestricted,
    PortRestricted,
    Symmetric,
    /// A port-restricted home behind a port-restricted provider.
    Carrier,
    UdpBlocked,
}

impl Kind {
    pub(crate) const ALL: [Self; 7] = [
        Self::Public,
        Self::FullCone,
        Self::AddressRestricted,
        Self::PortRestricted,
        Self::Symmetric,
        Self::Carrier,
        Self::UdpBlocked,
    ];

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::FullCone => "full",
            Self::AddressRestricted => "address",
            Self::PortRestricted => "port",
            Self::Symmetric => "symmetric",
            Self::Carrier => "carrier",
            Self::UdpBlocked => "udpblocked",
        }
    }

    /// The name of the host of this kind on one side.
    pub(crate) fn host(self, side: &str) -> String {
        format!("{}{side}", self.word())
    }

    /// What the host lives in.
    pub(crate) fn site(self, side: &str) -> Site {
        let host = self.host(side);
        let name = format!("{host}home");
        let at_home = |nat| home(&name, nat).host(&host);
        match self {
            Self::Public => public(&host),
            Self::FullCone => at_home(Nat::FullCone),
            Self::AddressRestricted => at_home(Nat::AddressRestricted),
            Self::PortRestricted => at_home(Nat::PortRestricted),
            Self::Symmetric => at_home(Nat::Symmetric),
            Self::Carrier => {
                cgn(&format!("{host}isp"), Nat::PortRestricted).site(at_home(Nat::PortRestricted))
            }
            Self::UdpBlocked => at_home(Nat::PortRestricted).blocks_udp(),
        }
    }

    /// Whether packets can find a way between two of these, birthday probing included.
    pub(crate) fn is_reachable_from(self, other: Self) -> bool {
        let both_symmetric = self == Self::Symmetric && other == Self::Symmetric;
        self != Self::UdpBlocked && other != Self::UdpBlocked && !both_symmetric
    }
}

/// Two who talk.
#[derive(Clone, Debug)]
pub(crate) struct Pair {
    pub(crate) name: String,
    pub(crate) left: String,
    pub(crate) right: String,
    /// Whether packets can find a way between them at all.
    pub(crate) is_reachable: bool,
}

impl Pair {
    pub(crate) fn of(left: Kind, right: Kind) -> Self {
        Self {
            name: format!("{} × {}", left.word(), right.word()),
            left: left.host("a"),
            right: right.host("b"),
            is_reachable: left.is_reachable_from(right),
        }
    }
}

/// Both sides of every kind. Of `a` to `b` every pair can be had.
pub(crate) fn sites(kinds: &[Kind]) -> Vec<Site> {
    let both = kinds.iter().map(|kind| [kind.site("a"), kind.site("b")]);
    both.flatten().collect()
}

/// Pairs that share a LAN, a private network's numbers, a provider or a machine, with the sites they live in.
pub(crate) fn special() -> Vec<(Pair, Vec<Site>)> {
    let port = Nat::PortRestricted;
    let twins = |nat, word: &str| {
        let twin = |side: &str| {
            home(&format!("{word}twin{side}home"), nat)
                .lan([192, 168, 0])
                .host(&format!("{word}twin{side}"))
        };
        vec![twin("a"), twin("b")]
    };
    let provider = |word: &str| {
        let customer =
            |side: &str| home(&format!("{word}{side}home"), port).host(&format!("{word}{side}"));
        cgn(&format!("{word}isp"), port)
            .site(customer("a"))
            .site(customer("b"))
    };
    let lan = home("lanhome", port).host("lana").host("lanb");
    let desk = home("deskhome", port)
        .host_with_vms("desk", ["vma"])
        .host("vmb");
    let machines = home("machinehome", port).host_with_vms("machine", ["machinea", "machineb"]);
    let pair = |name: &str, word: &str, is_reachable| Pair {
        name: name.to_owned(),
        left: format!("{word}a"),
        right: format!("{word}b"),
        is_reachable,
    };
    vec![
        (pair("one LAN", "lan", true), vec![lan]),
        (
            pair("equal LANs, port", "porttwin", true),
            twins(port, "port"),
        ),
        (
            pair("equal LANs, full", "fulltwin", true),
            twins(Nat::FullCone, "full"),
        ),
        (
            pair("one provider, hairpin", "hairpin", true),
            vec![provider("hairpin").hairpin()],
        ),
        (
            pair("one provider", "provider", false),
            vec![provider("provider")],
        ),
        (pair("machine on a host × its LAN", "vm", true), vec![desk]),
        (
            pair("two machines on a host", "machine", true),
            vec![machines],
        ),
    ]
}
