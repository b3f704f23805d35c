//! The words that describe a network: public hosts, homes, and providers that share one address among homes.
//!
//! Only data: what a word means is decided in [`super::plan`] (addresses) and [`super::gate`] (packets).

use std::time::Duration;

/// How a router maps inner endpoints to outer ports, and whom it lets in (RFC 4787 §4 and §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nat {
    /// One outer port per inner endpoint; anybody may use it.
    FullCone,
    /// One outer port per inner endpoint; open to addresses that were sent to, from any of their ports.
    AddressRestricted,
    /// One outer port per inner endpoint; open to the exact endpoints that were sent to.
    PortRestricted,
    /// A random outer port per destination endpoint, open to that endpoint only.
    Symmetric,
    /// As [`Nat::Symmetric`], but every new outer port is the one before plus 1.
    SymmetricSequential,
}

impl Nat {
    /// All of them, from the most open to the most closed.
    pub const ALL: [Self; 5] = [
        Self::FullCone,
        Self::AddressRestricted,
        Self::PortRestricted,
        Self::Symmetric,
        Self::SymmetricSequential,
    ];
}

/// What a router does with a packet from outside that nobody asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsolicited {
    /// Silence.
    Drop,
    /// ICMP "port unreachable". The router then remembers the packet, and the port it came to is taken for its sender:
    /// a mapping towards that sender gets another port than the one everybody was told.
    Answer,
}

/// One customer of the internet, with whoever lives there.
#[derive(Clone, Debug)]
pub struct Site {
    pub(super) name: String,
    pub(super) place: Place,
    pub(super) options: Options,
}

/// What stands at the site's end of its access link.
#[derive(Clone, Debug)]
pub(super) enum Place {
    /// One host without a router in front, and its virtual machines.
    Public(Vec<String>),
    /// A router with hosts on its LAN.
    Home(Nat, Vec<Resident>),
    /// A provider's router with whole homes behind it.
    Cgn(Nat, Vec<Site>),
}

/// A host of a home, with its virtual machines.
#[derive(Clone, Debug)]
pub(super) struct Resident {
    pub(super) name: String,
    pub(super) machines: Vec<String>,
}

/// What may be said about any site.
#[derive(Clone, Debug)]
pub(super) struct Options {
    pub(super) has_hairpin: bool,
    pub(super) has_ipv6: bool,
    pub(super) blocks_udp: bool,
    pub(super) tcp_only: Vec<u16>,
    pub(super) udp_timeout: Option<Duration>,
    pub(super) unsolicited: Unsolicited,
    pub(super) lan: Option<[u8; 3]>,
    pub(super) loss_percent: u8,
    pub(super) delay: Option<Duration>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            has_hairpin: false,
            has_ipv6: false,
            blocks_udp: false,
            tcp_only: Vec::new(),
            udp_timeout: None,
            unsolicited: Unsolicited::Drop,
            lan: None,
            loss_percent: 0,
            delay: None,
        }
    }
}

impl Options {
    /// Whether one was set that has no meaning without a router.
    pub(super) fn speak_of_a_router(&self) -> bool {
        self.has_hairpin
            || self.blocks_udp
            || !self.tcp_only.is_empty()
            || self.udp_timeout.is_some()
            || self.unsolicited == Unsolicited::Answer
            || self.lan.is_some()
    }
}

/// A host with a public address of its own.
pub fn public(name: &str) -> Site {
    Site::new(name, Place::Public(Vec::new()))
}

/// A router of this kind, for [`Site::host`] to live behind.
pub fn home(name: &str, nat: Nat) -> Site {
    Site::new(name, Place::Home(nat, Vec::new()))
}

/// A provider's router of this kind (carrier-grade NAT), for homes to be behind, see [`Site::site`].
pub fn cgn(name: &str, nat: Nat) -> Site {
    Site::new(name, Place::Cgn(nat, Vec::new()))
}

impl Site {
    fn new(name: &str, place: Place) -> Self {
        Self {
            name: name.to_owned(),
            place,
            options: Options::default(),
        }
    }

    /// Adds a host to a home.
    #[track_caller]
    pub fn host(self, name: &str) -> Self {
        self.host_with_vms(name, [])
    }

    /// Adds a host to a home, which itself hides virtual machines behind a port-restricted NAT of its own.
    #[track_caller]
    pub fn host_with_vms<'a>(
        mut self,
        name: &str,
        machines: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let Place::Home(_, residents) = &mut self.place else {
            panic!("{}: only a home has hosts", self.name);
        };
        residents.push(Resident {
            name: name.to_owned(),
            machines: machines.into_iter().map(str::to_owned).collect(),
        });
        self
    }

    /// Adds virtual machines to a public host, behind a port-restricted NAT.
    #[track_caller]
    pub fn vms<'a>(mut self, names: impl IntoIterator<Item = &'a str>) -> Self {
        let Place::Public(machines) = &mut self.place else {
            panic!("{}: say which of its hosts has them", self.name);
        };
        machines.extend(names.into_iter().map(str::to_owned));
        self
    }

    /// Puts a home behind a provider's router.
    #[track_caller]
    pub fn site(mut self, site: Self) -> Self {
        let Place::Cgn(_, sites) = &mut self.place else {
            panic!("{}: only a cgn has sites", self.name);
        };
        sites.push(site);
        self
    }

    /// The router turns around what is sent to its own outer ports from inside.
    pub fn hairpin(mut self) -> Self {
        self.options.has_hairpin = true;
        self
    }

    /// Adds IPv6: a network of the home's own behind a stateful firewall, without NAT. Not beneath a cgn.
    pub fn ipv6(mut self) -> Self {
        self.options.has_ipv6 = true;
        self
    }

    /// No UDP passes, and no word about it.
    pub fn blocks_udp(mut self) -> Self {
        self.options.blocks_udp = true;
        self
    }

    /// TCP passes to these ports only.
    pub fn tcp_only(mut self, ports: impl IntoIterator<Item = u16>) -> Self {
        self.options.tcp_only.extend(ports);
        self
    }

    /// How long a UDP mapping lives without traffic, in whole seconds.
    #[track_caller]
    pub fn udp_timeout(mut self, timeout: Duration) -> Self {
        assert!(
            timeout.as_secs() > 0 && timeout.subsec_nanos() == 0,
            "{timeout:?} is not whole seconds"
        );
        self.options.udp_timeout = Some(timeout);
        self
    }

    /// What happens to packets that nobody asked for; they are dropped unless told otherwise.
    pub fn unsolicited(mut self, unsolicited: Unsolicited) -> Self {
        self.options.unsolicited = unsolicited;
        self
    }

    /// Numbers the home's LAN from this /24.
    pub fn lan(mut self, network: [u8; 3]) -> Self {
        self.options.lan = Some(network);
        self
    }

    /// Loses so many of a hundred packets on the access link, each way.
    pub fn loss(mut self, percent: u8) -> Self {
        self.options.loss_percent = percent;
        self
    }

    /// How long the access link takes one way.
    pub fn delay(mut self, one_way: Duration) -> Self {
        self.options.delay = Some(one_way);
        self
    }
}
