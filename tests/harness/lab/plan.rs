//! A described network as numbered nodes: who hangs on whom, and under which address.
//!
//! Nothing is run here. Addresses come from ranges that are nobody's: 198.18.0.0/15 (RFC 2544) for access links, a /24
//! each so that limits per /24 do not see all customers as one; 192.0.2.0/24 and 203.0.113.0/24 (RFC 5737) for the
//! server; 2001:db8::/32 (RFC 3849) for IPv6.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use super::gate::Gate;
use super::site::{Nat, Options, Place, Resident, Site};

/// The node that everything hangs on.
pub(super) const INTERNET: usize = 0;

/// The node of the server host.
pub(super) const SERVER: usize = 1;

/// The address under which the internet is everybody's next hop.
const BACKBONE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 254);

/// Where the inner address range of every cgn begins (RFC 6598). Two of them may overlap, as in life.
const CGN_NET: [u8; 4] = [100, 64, 0, 0];

/// The first host number on a LAN; the router is 1.
const FIRST_HOST: u8 = 10;

/// The first number of the last byte of access link addresses.
const FIRST_PUBLIC: u8 = 10;

/// Sites and hosts together: their numbers are bytes of addresses.
const NODES_MAX: usize = 200;

/// One namespace.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) name: String,
    /// `None` for the internet.
    pub(super) uplink: Option<Uplink>,
    pub(super) inside: Inside,
    /// NAT and firewall between `inside` and the uplink.
    pub(super) gate: Option<Gate>,
}

impl Node {
    /// Makes its router, if it is one, forget everything with the next rules.
    pub(super) fn reboot_gate(&mut self) {
        if let Some(gate) = &mut self.gate {
            gate.reboot();
        }
    }
}

/// The way up of a node, its `eth0`.
#[derive(Clone, Debug)]
pub(super) struct Uplink {
    pub(super) parent: usize,
    pub(super) addrs: Vec<Ipv4Addr>,
    pub(super) prefix_len: u8,
    pub(super) router: Ipv4Addr,
    pub(super) ipv6: Option<Uplink6>,
    pub(super) loss_percent: u8,
    pub(super) is_cut: bool,
    pub(super) delay: Option<Duration>,
}

impl Uplink {
    /// Gives an access link the next address of its range, and returns the one before.
    #[track_caller]
    pub(super) fn renumber(&mut self) -> Ipv4Addr {
        let old = self.addrs[0];
        let [a, b, c, d] = old.octets();
        assert!(
            self.prefix_len == 32 && d < u8::MAX,
            "{old} has no next one"
        );
        self.addrs[0] = Ipv4Addr::new(a, b, c, d + 1);
        old
    }
}

/// The same for IPv6.
#[derive(Clone, Debug)]
pub(super) struct Uplink6 {
    pub(super) addrs: Vec<Ipv6Addr>,
    pub(super) prefix_len: u8,
    /// What the parent sends this way, a /48 that may hold a LAN.
    pub(super) routed: Option<Ipv6Addr>,
}

/// What a node offers to those below it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Inside {
    /// Nothing hangs here.
    Nothing,
    /// A link for each, all routed through this address: nobody sees a neighbour.
    Routed(Ipv4Addr),
    /// One bridge for all, a /24, and the same for IPv6.
    Lan(Lan),
}

/// The network of a bridge.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lan {
    pub(super) net: [u8; 3],
    pub(super) net6: Option<Ipv6Addr>,
    /// The number of the next host to come.
    next_host: u8,
}

impl Lan {
    pub(super) fn router(&self) -> Ipv4Addr {
        let [a, b, c] = self.net;
        Ipv4Addr::new(a, b, c, 1)
    }

    /// An uplink for one more host, below `parent`.
    pub(super) fn next_uplink(&mut self, parent: usize) -> Uplink {
        let [a, b, c] = self.net;
        let number = self.next_host;
        self.next_host += 1;
        Uplink {
            parent,
            addrs: vec![Ipv4Addr::new(a, b, c, number)],
            prefix_len: 24,
            router: self.router(),
            ipv6: self.net6.map(|net| Uplink6 {
                addrs: vec![with_host(net, u16::from(number))],
                prefix_len: 64,
                routed: None,
            }),
            loss_percent: 0,
            is_cut: false,
            delay: None,
        }
    }
}

/// All nodes of a lab; [`INTERNET`] and [`SERVER`] are always there.
#[track_caller]
pub(super) fn plan(sites: impl IntoIterator<Item = Site>) -> Vec<Node> {
    let mut nodes = vec![internet(), server()];
    for site in sites {
        add_site(&mut nodes, INTERNET, site);
    }
    check_names(&nodes);
    nodes
}

#[track_caller]
fn check_names(nodes: &[Node]) {
    assert!(nodes.len() <= NODES_MAX, "{} nodes", nodes.len());
    let mut names = BTreeSet::new();
    for node in nodes {
        let name = &node.name;
        // They become file names and parts of them.
        let is_plain = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
        assert!(is_plain, "{name:?} is not of letters and digits");
        assert!(names.insert(name), "two nodes are called {name}");
    }
}

fn internet() -> Node {
    Node {
        name: "internet".to_owned(),
        uplink: None,
        inside: Inside::Routed(BACKBONE),
        gate: None,
    }
}

fn server() -> Node {
    let net = site_net6(SERVER);
    Node {
        name: "server".to_owned(),
        uplink: Some(Uplink {
            parent: INTERNET,
            // Far apart, as a client would want the two addresses of a server to be.
            addrs: vec![Ipv4Addr::new(192, 0, 2, 10), Ipv4Addr::new(203, 0, 113, 10)],
            prefix_len: 32,
            router: BACKBONE,
            ipv6: Some(Uplink6 {
                addrs: vec![with_host(net, 1), with_host(net, 2)],
                prefix_len: 128,
                routed: Some(net),
            }),
            loss_percent: 0,
            is_cut: false,
            delay: None,
        }),
        inside: Inside::Nothing,
        gate: None,
    }
}

#[track_caller]
fn add_site(nodes: &mut Vec<Node>, parent: usize, site: Site) {
    let index = nodes.len();
    let Site {
        name,
        place,
        options,
    } = site;
    let uplink = access_link(nodes, parent, &options);
    let mut node = Node {
        name,
        uplink: Some(uplink),
        inside: Inside::Nothing,
        gate: None,
    };
    match place {
        Place::Public(machines) => {
            assert!(
                !options.speak_of_a_router(),
                "{}: a public host has no router in front",
                node.name
            );
            nodes.push(node);
            add_machines(nodes, index, &machines);
        }
        Place::Home(nat, residents) => {
            let net6 = options.has_ipv6.then(|| with_subnet(site_net6(index), 1));
            let net = options.lan.unwrap_or_else(|| [192, 168, byte(index)]);
            node.inside = Inside::Lan(Lan {
                net,
                net6,
                next_host: FIRST_HOST,
            });
            node.gate = Some(Gate::new(nat, index, lan_prefix(net), options));
            nodes.push(node);
            for resident in residents {
                add_resident(nodes, index, resident);
            }
        }
        Place::Cgn(nat, sites) => {
            assert!(!options.has_ipv6, "{}: no IPv6 beneath a cgn", node.name);
            let [a, b, c, d] = CGN_NET;
            node.inside = Inside::Routed(Ipv4Addr::new(a, b, c, d + 1));
            let prefix = (Ipv4Addr::from(CGN_NET), 10);
            node.gate = Some(Gate::new(nat, index, prefix, options));
            nodes.push(node);
            for site in sites {
                add_site(nodes, index, site);
            }
        }
    }
}

/// The uplink of the node that comes next, below a node that routes.
#[track_caller]
fn access_link(nodes: &[Node], parent: usize, options: &Options) -> Uplink {
    let index = nodes.len();
    let Inside::Routed(router) = nodes[parent].inside else {
        panic!("an access link hangs on the internet or on a cgn");
    };
    let is_outermost = parent == INTERNET;
    assert!(is_outermost || !options.has_ipv6, "no IPv6 beneath a cgn");
    Uplink {
        parent,
        addrs: vec![access_addr(is_outermost, index, FIRST_PUBLIC)],
        prefix_len: 32,
        router,
        ipv6: options.has_ipv6.then(|| Uplink6 {
            addrs: vec![with_host(site_net6(index), 1)],
            prefix_len: 128,
            routed: Some(site_net6(index)),
        }),
        loss_percent: options.loss_percent,
        is_cut: false,
        delay: options.delay,
    }
}

/// An address of the range that a node's access link has for itself.
fn access_addr(is_outermost: bool, index: usize, number: u8) -> Ipv4Addr {
    if is_outermost {
        Ipv4Addr::new(198, 18, byte(index), number)
    } else {
        let [a, b, ..] = CGN_NET;
        Ipv4Addr::new(a, b, byte(index), number)
    }
}

#[track_caller]
fn add_resident(nodes: &mut Vec<Node>, parent: usize, resident: Resident) {
    let index = nodes.len();
    add_lan_host(nodes, parent, resident.name);
    add_machines(nodes, index, &resident.machines);
}

#[track_caller]
fn add_lan_host(nodes: &mut Vec<Node>, parent: usize, name: String) {
    let Inside::Lan(lan) = &mut nodes[parent].inside else {
        panic!("{name} needs a LAN to be on");
    };
    let uplink = lan.next_uplink(parent);
    nodes.push(Node {
        name,
        uplink: Some(uplink),
        inside: Inside::Nothing,
        gate: None,
    });
}

/// Makes a host the router of its virtual machines, as hypervisors do with their inner networks.
#[track_caller]
fn add_machines(nodes: &mut Vec<Node>, host: usize, machines: &[String]) {
    if machines.is_empty() {
        return;
    }
    let net = [10, 0, byte(host)];
    nodes[host].inside = Inside::Lan(Lan {
        net,
        net6: None,
        next_host: FIRST_HOST,
    });
    let gate = Gate::new(
        Nat::PortRestricted,
        host,
        lan_prefix(net),
        Options::default(),
    );
    nodes[host].gate = Some(gate.of_a_host());
    for machine in machines {
        add_lan_host(nodes, host, machine.clone());
    }
}

fn lan_prefix([a, b, c]: [u8; 3]) -> (Ipv4Addr, u8) {
    (Ipv4Addr::new(a, b, c, 0), 24)
}

/// 2001:db8:N::/48, N being the number of the node.
fn site_net6(index: usize) -> Ipv6Addr {
    Ipv6Addr::new(0x2001, 0xdb8, u16::from(byte(index)), 0, 0, 0, 0, 0)
}

fn with_subnet(net: Ipv6Addr, subnet: u16) -> Ipv6Addr {
    let mut segments = net.segments();
    segments[3] = subnet;
    Ipv6Addr::from(segments)
}

pub(super) fn with_host(net: Ipv6Addr, host: u16) -> Ipv6Addr {
    let mut segments = net.segments();
    segments[7] = host;
    Ipv6Addr::from(segments)
}

fn byte(index: usize) -> u8 {
    u8::try_from(index).expect("a lab has fewer nodes than a byte has values")
}

#[cfg(test)]
mod tests {
    use super::super::site::{cgn, home, public};
    use super::*;

    fn addr(nodes: &[Node], name: &str) -> String {
        let node = nodes.iter().find(|node| node.name == name).unwrap();
        node.uplink.as_ref().unwrap().addrs[0].to_string()
    }

    #[test]
    fn everybody_has_an_address_of_the_right_network() {
        let nodes = plan([
            public("pc").vms(["vm"]),
            home("left", Nat::FullCone).host("alice").host("bob"),
            cgn("isp", Nat::Symmetric)
                .site(home("north", Nat::FullCone).lan([192, 168, 0]).host("eve")),
        ]);
        let rows = [
            ("server", "192.0.2.10"),
            ("pc", "198.18.2.10"),
            ("vm", "10.0.2.10"),
            ("left", "198.18.4.10"),
            ("alice", "192.168.4.10"),
            ("bob", "192.168.4.11"),
            ("isp", "198.18.7.10"),
            ("north", "100.64.8.10"),
            ("eve", "192.168.0.10"),
        ];
        for (name, expected) in rows {
            assert_eq!(addr(&nodes, name), expected, "{name}");
        }
    }

    #[test]
    #[should_panic(expected = "two nodes are called alice")]
    fn a_name_means_one_node() {
        plan([public("alice"), home("left", Nat::FullCone).host("alice")]);
    }
}
