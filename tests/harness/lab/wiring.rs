//! The interfaces, addresses and routes of one node, as lines for `ip -batch`, and the switches of its kernel.
//!
//! Links that are routed have single addresses on both ends and a next hop that is simply there: nobody has
//! neighbours on the internet. The next hop of IPv6 is always `fe80::1`, and who hangs on a routed link is `fe80::2`.

use std::fmt::Write;

use super::gate::EPHEMERAL_PORTS;
use super::plan::{INTERNET, Inside, Node, Uplink};

/// The way up, in every node.
pub(super) const UPLINK: &str = "eth0";

/// The bridge of a LAN: a name that `lan*` matches, as it does the ends of routed links.
const BRIDGE: &str = "lan";

/// Packets that a link may hold: a slow one hands them to a thread, which may have to wait for its turn.
const QUEUE_LEN: u32 = 5_000;

/// Off where there is none: `1` to disable it on all interfaces that are there, and on those to come.
pub(super) const IPV6_SWITCHES: [&str; 2] = [
    "ipv6/conf/all/disable_ipv6",
    "ipv6/conf/default/disable_ipv6",
];

/// What the upper end of a node's link is called, in the node above.
pub(super) fn upper_end(parent: Inside, node: usize) -> String {
    match parent {
        Inside::Routed(_) => format!("lan{node}"),
        Inside::Lan(_) | Inside::Nothing => format!("port{node}"),
    }
}

/// The interface that a LAN is behind.
pub(super) fn bridge(inside: Inside) -> Option<String> {
    matches!(inside, Inside::Lan(_)).then(|| BRIDGE.to_owned())
}

/// All interfaces that `index` has a link to somebody by.
pub(super) fn links(nodes: &[Node], index: usize) -> Vec<String> {
    let inside = nodes[index].inside;
    let below = children(nodes, index).map(|(below, _)| upper_end(inside, below));
    let mut links: Vec<_> = below.collect();
    // A bridge without a port has no carrier.
    if !links.is_empty() {
        links.extend(bridge(inside));
    }
    if nodes[index].uplink.is_some() {
        links.push(UPLINK.to_owned());
    }
    links
}

/// Switches below `/proc/sys/net`, for a node without any interface yet.
pub(super) fn switches(node: &Node) -> Vec<(&'static str, String)> {
    let on = |is_on: bool| String::from(if is_on { "1" } else { "0" });
    let routes = !matches!(node.inside, Inside::Nothing);
    let has_ipv6 = node.uplink.as_ref().is_none_or(|link| link.ipv6.is_some());
    let (first, last) = EPHEMERAL_PORTS;
    let mut switches = vec![
        ("ipv4/ip_forward", on(routes)),
        ("ipv4/ip_local_port_range", format!("{first} {last}")),
        // A return path is no business of a router that does not know all of the network.
        ("ipv4/conf/all/rp_filter", on(false)),
        ("ipv4/conf/default/rp_filter", on(false)),
        (IPV6_SWITCHES[0], on(!has_ipv6)),
        (IPV6_SWITCHES[1], on(!has_ipv6)),
        // Usable at once: nobody else is there to have the same address.
        ("ipv6/conf/default/accept_dad", on(false)),
        ("ipv6/conf/default/accept_ra", on(false)),
        ("ipv6/conf/all/forwarding", on(routes && has_ipv6)),
    ];
    if matches!(node.inside, Inside::Lan(_)) {
        // What stays on the LAN is not the router's to judge.
        switches.push(("bridge/bridge-nf-call-iptables", on(false)));
        switches.push(("bridge/bridge-nf-call-ip6tables", on(false)));
    }
    if let Some(timeout) = node.gate.as_ref().and_then(|gate| gate.udp_timeout()) {
        let secs = timeout.as_secs().to_string();
        switches.push(("netfilter/nf_conntrack_udp_timeout", secs.clone()));
        switches.push(("netfilter/nf_conntrack_udp_timeout_stream", secs));
    }
    switches
}

/// Everything of `index` but its NAT, its links being there already.
pub(super) fn lines(nodes: &[Node], index: usize) -> String {
    let node = &nodes[index];
    let mut lines = String::from("link set lo up\n");
    match node.inside {
        Inside::Nothing => {}
        Inside::Routed(router) => {
            lines += &format!("addr add {router}/32 dev lo\n");
            for (below, child) in children(nodes, index) {
                lines += &routed_end(below, child);
            }
        }
        Inside::Lan(lan) => {
            // An address of its own, because a bridge otherwise changes it with its ports. No learning of multicast
            // groups: what is sent to all arrives from the first packet on.
            lines += &format!(
                "link add {BRIDGE} address 02:00:00:00:00:01 type bridge mcast_snooping 0\n\
                 addr add {}/24 dev {BRIDGE}\n",
                lan.router()
            );
            if let Some(net) = lan.net6 {
                lines += &format!(
                    "addr add fe80::1/64 dev {BRIDGE} nodad\naddr add {net}/64 dev {BRIDGE} nodad\n"
                );
            }
            lines += &format!("link set {BRIDGE} up\n");
            for (below, _) in children(nodes, index) {
                lines += &port(below);
            }
        }
    }
    if let Some(uplink) = &node.uplink {
        lines += &uplink_lines(uplink);
    }
    if index == INTERNET {
        // An address that nobody has is answered by nobody.
        lines += "route add blackhole default\nroute add blackhole ::/0\n";
    }
    lines
}

/// Plugs the upper end of a host's link into the LAN.
pub(super) fn port(node: usize) -> String {
    format!("link set port{node} master {BRIDGE} up\n")
}

/// The node's own end of its link; also right when some or all of it is there already.
pub(super) fn uplink_lines(uplink: &Uplink) -> String {
    let mut lines = format!("link set {UPLINK} up txqueuelen {QUEUE_LEN}\n");
    let len = uplink.prefix_len;
    for addr in &uplink.addrs {
        lines += &format!("addr replace {addr}/{len} dev {UPLINK}\n");
    }
    let router = uplink.router;
    lines += &format!("route replace default via {router} dev {UPLINK} onlink\n");
    if let Some(ipv6) = &uplink.ipv6 {
        let len = ipv6.prefix_len;
        if ipv6.routed.is_some() {
            lines += &format!("addr replace fe80::2/64 dev {UPLINK} nodad\n");
        }
        for addr in &ipv6.addrs {
            lines += &format!("addr replace {addr}/{len} dev {UPLINK} nodad\n");
        }
        lines += &format!("route replace ::/0 via fe80::1 dev {UPLINK}\n");
    }
    lines
}

/// The way down to one customer.
fn routed_end(below: usize, child: &Uplink) -> String {
    let mut lines = format!("link set lan{below} up txqueuelen {QUEUE_LEN}\n");
    for addr in &child.addrs {
        lines += &format!("route add {addr}/32 dev lan{below}\n");
    }
    if let Some(net) = child.ipv6.as_ref().and_then(|ipv6| ipv6.routed) {
        write!(
            lines,
            "addr add fe80::1/64 dev lan{below} nodad\nroute add {net}/48 via fe80::2 dev lan{below}\n"
        )
        .expect("writing to a string");
    }
    lines
}

fn children(nodes: &[Node], parent: usize) -> impl Iterator<Item = (usize, &Uplink)> {
    let links = nodes.iter().map(|node| node.uplink.as_ref()).enumerate();
    links.filter_map(move |(index, uplink)| {
        let uplink = uplink.filter(|uplink| uplink.parent == parent)?;
        Some((index, uplink))
    })
}
