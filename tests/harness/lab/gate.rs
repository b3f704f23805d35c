//! One router's NAT and firewall, written as the rules that `nft` loads in one transaction.
//!
//! How Linux is made to behave like each kind (RFC 4787):
//! - Cones need one outer port per inner endpoint. Source NAT into a range that the inner ports are not in gives just
//!   that: the first flow draws a port, and later flows of the same endpoint take it over as long as one lives. A full
//!   cone also keeps the pair in `mapped`, because a flow that began outside is not a flow it could take over.
//! - What a cone lets in is more than conntrack would: a first packet from outside is sent inwards by `inside`, which
//!   every outgoing packet teaches who stands behind its outer port. The address-restricted kind asks `contacted`
//!   first.
//! - A symmetric NAT draws a port for every flow; the sequential one takes it from a numbered list.
//! - A hairpin first turns every packet inwards and then judges it as the filter would: by whom the other turned to.
//!
//! A reboot is a new conntrack zone and empty sets: every flow is a stranger afterwards, though nothing was removed.
//! The port ranges change places with it, so that no mapping can come back by chance.

use std::fmt::Write;
use std::net::Ipv4Addr;
use std::time::Duration;

use super::site::{Nat, Options, Unsolicited};

/// The ports that hosts take when they do not care, below every range that mappings are drawn from.
pub(super) const EPHEMERAL_PORTS: (u16, u16) = (10_240, 29_999);

/// Where cones draw their ports from, after an even and an odd number of reboots.
const CONE_PORTS: [(u16, u16); 2] = [(30_000, 47_999), (48_000, 65_535)];

/// Where symmetric ones draw theirs from: all there are, as the odds of guessing one are what tests measure.
const RANDOM_PORTS: (u16, u16) = (1_024, 65_535);

/// How many ports the sequential kind walks through before it begins again.
const SEQUENCE_LEN: u16 = 4_096;

/// Where the sequence begins after each reboot, in turn: none overlaps the next.
const SEQUENCE_STARTS: [u16; 4] = [20_000, 40_000, 30_000, 50_000];

/// How long the sets remember an endpoint, unless the site says otherwise: the kernel's limit for a UDP flow that
/// has been answered.
const MAPPING_TIMEOUT: Duration = Duration::from_secs(120);

/// More than any test opens; full sets would make a NAT forgetful.
const SET_LEN: u32 = 65_536;

/// The router between the `lan…` interfaces and `eth0`.
#[derive(Clone, Debug)]
pub(super) struct Gate {
    nat: Nat,
    /// Sets sequences of different routers apart.
    index: usize,
    inside: (Ipv4Addr, u8),
    options: Options,
    is_host: bool,
    boots: u16,
}

impl Gate {
    pub(super) fn new(nat: Nat, index: usize, inside: (Ipv4Addr, u8), options: Options) -> Self {
        Self {
            nat,
            index,
            inside,
            options,
            is_host: false,
            boots: 0,
        }
    }

    /// Programs run on the router itself: what comes for them is not unsolicited.
    pub(super) fn of_a_host(self) -> Self {
        Self {
            is_host: true,
            ..self
        }
    }

    pub(super) fn reboot(&mut self) {
        self.boots += 1;
    }

    pub(super) fn udp_timeout(&self) -> Option<Duration> {
        self.options.udp_timeout
    }

    /// Everything, replacing what was loaded before in the same transaction; `outer` is the address on `eth0`.
    pub(super) fn rules(&self, outer: Ipv4Addr) -> String {
        let mut chains = self.sets();
        chains += &self.zones();
        chains += &chain(
            "inwards",
            "nat hook prerouting priority dstnat",
            &self.inwards(outer),
        );
        chains += &chain(
            "outwards",
            "nat hook postrouting priority srcnat",
            &self.outwards(outer),
        );
        // Once the new source is written into the packet, and for every packet, unlike chains of type nat.
        chains += &chain(
            "learn",
            "filter hook postrouting priority srcnat + 10",
            &self.learn(),
        );
        chains += &chain(
            "turned",
            "filter hook prerouting priority mangle",
            &self.remember_turned(outer),
        );
        chains += &chain(
            "forward",
            "filter hook forward priority filter; policy drop",
            &self.forward(),
        );
        chains += &chain("input", "filter hook input priority filter", &self.input());
        format!("table inet gate\ndelete table inet gate\ntable inet gate {{\n{chains}}}\n")
    }

    fn sets(&self) -> String {
        let rows = [
            ("map", "inside", "inet_service : ipv4_addr . inet_service"),
            ("map", "mapped", "ipv4_addr . inet_service : inet_service"),
            ("set", "contacted", "inet_service . ipv4_addr"),
            ("set", "turned_from", "ipv4_addr . inet_service"),
            (
                "set",
                "turned_to",
                "ipv4_addr . inet_service . ipv4_addr . inet_service",
            ),
        ];
        rows.map(|(kind, name, of)| {
            format!("{kind} {name} {{ type {of}; flags dynamic,timeout; size {SET_LEN}; }}\n")
        })
        .concat()
    }

    fn zones(&self) -> String {
        let zone = [format!("ct zone set {}", self.boots + 1)];
        chain("zone_in", "filter hook prerouting priority raw", &zone)
            + &chain("zone_out", "filter hook output priority raw", &zone)
    }

    fn inwards(&self, outer: Ipv4Addr) -> Vec<String> {
        let from_outside = format!("iifname \"eth0\" ip daddr {outer} meta l4proto udp");
        let turn = "dnat ip to udp dport map @inside";
        let mut rules = Vec::new();
        match self.nat {
            Nat::FullCone => rules.push(format!("{from_outside} {turn}")),
            Nat::AddressRestricted => rules.push(format!(
                "{from_outside} udp dport . ip saddr @contacted {turn}"
            )),
            // Conntrack alone lets in what these do.
            Nat::PortRestricted | Nat::Symmetric | Nat::SymmetricSequential => {}
        }
        if self.has_hairpin() {
            rules.push(format!(
                "iifname \"lan*\" ip daddr {outer} meta l4proto udp {turn}"
            ));
        }
        rules
    }

    fn outwards(&self, outer: Ipv4Addr) -> Vec<String> {
        let away = format!("oifname \"eth0\" ip saddr {}", self.inside());
        let turned = "iifname \"lan*\" oifname \"lan*\" ct status dnat";
        let mut rules = Vec::new();
        for (flows, is_used) in [(away.as_str(), true), (turned, self.has_hairpin())] {
            if is_used {
                let udp = format!("{flows} meta l4proto udp snat ip to {outer}");
                rules.extend(self.sources(&udp));
            }
        }
        let others = match self.nat {
            Nat::FullCone | Nat::AddressRestricted | Nat::PortRestricted => "",
            Nat::Symmetric | Nat::SymmetricSequential => " random",
        };
        rules.push(format!("{away} masquerade{others}"));
        rules
    }

    /// Where the outer port comes from.
    fn sources(&self, udp: &str) -> Vec<String> {
        let (first, last) = CONE_PORTS[usize::from(self.boots % 2)];
        let one_port = format!("{udp}:{first}-{last}");
        match self.nat {
            Nat::FullCone => vec![
                format!("{udp} : ip saddr . udp sport map @mapped"),
                one_port,
            ],
            Nat::AddressRestricted | Nat::PortRestricted => vec![one_port],
            Nat::Symmetric => {
                let (first, last) = RANDOM_PORTS;
                vec![format!("{udp}:{first}-{last} fully-random")]
            }
            Nat::SymmetricSequential => {
                vec![format!(
                    "{udp} : numgen inc mod {SEQUENCE_LEN} map {{ {} }}",
                    self.sequence()
                )]
            }
        }
    }

    fn sequence(&self) -> String {
        let turn = usize::from(self.boots) % SEQUENCE_STARTS.len();
        // A different start for every router, so that no test comes to rely on one.
        let shift = u16::try_from(self.index % 97).expect("less than 97") * 41;
        let start = SEQUENCE_STARTS[turn] + shift;
        let mut elements = String::new();
        for step in 0..SEQUENCE_LEN {
            write!(elements, "{step} : {}, ", start + step).expect("writing to a string");
        }
        elements
    }

    fn learn(&self) -> Vec<String> {
        if !self.is_cone() {
            return Vec::new();
        }
        let timeout = self.set_timeout();
        let mut rules = Vec::new();
        // A flow that began outside leaves as replies; the inner endpoint is in the other tuple then.
        for direction in ["original", "reply"] {
            let flows = format!(
                "oifname \"eth0\" meta l4proto udp ct direction {direction} ct {direction} ip saddr {}",
                self.inside()
            );
            let inner = format!("ct {direction} ip saddr . ct {direction} proto-src");
            rules.push(format!(
                "{flows} update @inside {{ udp sport timeout {timeout} : {inner} }}"
            ));
            rules.push(format!(
                "{flows} update @contacted {{ udp sport . ip daddr timeout {timeout} }}"
            ));
            if self.nat == Nat::FullCone {
                rules.push(format!(
                    "{flows} update @mapped {{ {inner} timeout {timeout} : udp sport }}"
                ));
            }
        }
        rules
    }

    /// Who sent anything to the outer address from inside, before it is turned around.
    fn remember_turned(&self, outer: Ipv4Addr) -> Vec<String> {
        if !self.has_hairpin() {
            return Vec::new();
        }
        let timeout = self.set_timeout();
        vec![format!(
            "iifname \"lan*\" ip daddr {outer} meta l4proto udp \
             update @turned_from {{ ip saddr . udp sport timeout {timeout} }}"
        )]
    }

    fn forward(&self) -> Vec<String> {
        let mut rules = Vec::new();
        if self.options.blocks_udp {
            rules.push("meta l4proto udp drop".to_owned());
        }
        if !self.options.tcp_only.is_empty() {
            let ports: Vec<_> = self.options.tcp_only.iter().map(u16::to_string).collect();
            rules.push(format!(
                "iifname \"lan*\" meta l4proto tcp tcp dport != {{ {} }} drop",
                ports.join(", ")
            ));
        }
        rules.push("ct state established,related accept".to_owned());
        if self.has_hairpin() {
            rules.extend(self.forward_turned());
        }
        rules.push("iifname \"lan*\" oifname \"eth0\" accept".to_owned());
        rules.push("iifname \"eth0\" ct status dnat accept".to_owned());
        rules
    }

    fn forward_turned(&self) -> Vec<String> {
        let turned = "iifname \"lan*\" oifname \"lan*\" ct status dnat meta l4proto udp";
        let timeout = self.set_timeout();
        match self.nat {
            Nat::FullCone => vec![format!("{turned} accept")],
            Nat::AddressRestricted => {
                vec![format!("{turned} ip daddr . udp dport @turned_from accept")]
            }
            Nat::PortRestricted => vec![
                format!(
                    "{turned} update @turned_to {{ ip saddr . udp sport . ip daddr . udp dport timeout {timeout} }}"
                ),
                format!("{turned} ip daddr . udp dport . ip saddr . udp sport @turned_to accept"),
            ],
            Nat::Symmetric | Nat::SymmetricSequential => Vec::new(),
        }
    }

    fn input(&self) -> Vec<String> {
        if self.is_host || self.options.unsolicited == Unsolicited::Answer {
            return Vec::new();
        }
        vec!["iifname \"eth0\" meta nfproto ipv4 ct state new drop".to_owned()]
    }

    fn is_cone(&self) -> bool {
        match self.nat {
            Nat::FullCone | Nat::AddressRestricted | Nat::PortRestricted => true,
            Nat::Symmetric | Nat::SymmetricSequential => false,
        }
    }

    /// A symmetric mapping admits one endpoint, which never is the router itself: to it a hairpin makes no difference.
    fn has_hairpin(&self) -> bool {
        self.options.has_hairpin && self.is_cone()
    }

    fn inside(&self) -> String {
        let (net, len) = self.inside;
        format!("{net}/{len}")
    }

    fn set_timeout(&self) -> String {
        let timeout = self.options.udp_timeout.unwrap_or(MAPPING_TIMEOUT);
        format!("{}s", timeout.as_secs())
    }
}

fn chain(name: &str, hook: &str, rules: &[String]) -> String {
    let rules: String = rules.iter().map(|rule| format!("  {rule}\n")).collect();
    format!("chain {name} {{\n  type {hook};\n{rules}}}\n")
}
