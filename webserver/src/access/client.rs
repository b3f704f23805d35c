//! Who a client is behind proxies. Pure.
//!
//! Every proxy appends the address that it was spoken to from, so the list of addresses is believed from its right end,
//! as far as proxies of ours go: the first address that is none of theirs is the client's. What stands to the left of
//! that is what a client claims, and anyone may claim anything.
//!
//! `X-Forwarded-For` is what proxies write; `Forwarded` (RFC 7239) is read only without it. A proxy that writes the one
//! should take the other out of what it forwards: only it can know.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use ipnet::IpNet;

/// The proxies whose word is taken.
#[derive(Clone, Debug)]
pub struct Proxies(Box<[IpNet]>);

impl Proxies {
    /// Those of these networks, and of a Unix socket whoever connects if there is any network.
    #[must_use]
    pub fn new(networks: &[IpNet]) -> Self {
        Self(networks.into())
    }

    /// The address of the client whose request came from `peer`, which is `None` over a Unix socket. The two lists are
    /// the lines of the fields, in their order.
    #[must_use]
    pub fn client<'a>(
        &self,
        peer: Option<IpAddr>,
        x_forwarded_for: impl Iterator<Item = &'a [u8]>,
        forwarded: impl Iterator<Item = &'a [u8]>,
    ) -> Option<IpAddr> {
        let peer = peer.map(|peer| peer.to_canonical());
        if !self.trust_peer(peer) {
            return peer;
        }
        let mut x_forwarded_for = x_forwarded_for.peekable();
        let client = if x_forwarded_for.peek().is_some() {
            self.last_foreign(
                x_forwarded_for
                    .flat_map(|line| elements(line, Quotes::Bytes))
                    .map(node),
            )
        } else {
            self.last_foreign(
                forwarded
                    .flat_map(|line| elements(line, Quotes::of(line)))
                    .map(for_node),
            )
        };
        client.or(peer)
    }

    fn trust_peer(&self, peer: Option<IpAddr>) -> bool {
        peer.map_or(!self.0.is_empty(), |peer| self.trusts(peer))
    }

    fn trusts(&self, addr: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&addr))
    }

    /// The last address that is none of a proxy's; without such a one the first that proxies alone have handed on.
    fn last_foreign(&self, nodes: impl Iterator<Item = Option<IpAddr>>) -> Option<IpAddr> {
        let mut client = None;
        for node in nodes {
            client = match node {
                // A name, or nonsense: nothing to its left can be believed.
                None => None,
                Some(addr) if self.trusts(addr) => client.or(Some(addr)),
                Some(addr) => Some(addr),
            };
        }
        client
    }
}

/// What double quotes mean in a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Quotes {
    /// What is between two of them is not split.
    Pairs,
    /// They are bytes like others.
    Bytes,
}

impl Quotes {
    /// Pairs, unless one stays open: else a client that opens one could hide what a proxy appends.
    fn of(line: &[u8]) -> Self {
        let mut quoted = Quoted::default();
        line.iter().for_each(|&byte| quoted.pass(byte));
        if quoted.is_open {
            Self::Bytes
        } else {
            Self::Pairs
        }
    }
}

/// Where a walk along a line is, seen from its quotes (RFC 9110 §5.6.4).
#[derive(Default)]
struct Quoted {
    is_open: bool,
    is_escaped: bool,
}

impl Quoted {
    fn pass(&mut self, byte: u8) {
        match byte {
            _ if self.is_escaped => self.is_escaped = false,
            b'\\' => self.is_escaped = self.is_open,
            b'"' => self.is_open = !self.is_open,
            _ => {}
        }
    }
}

/// The elements of a list (RFC 9110 §5.6.1), empty ones left out.
fn elements(line: &[u8], quotes: Quotes) -> impl Iterator<Item = &[u8]> {
    split(line, b',', quotes).filter(|element| !element.is_empty())
}

fn split(text: &[u8], at: u8, quotes: Quotes) -> impl Iterator<Item = &[u8]> {
    let mut quoted = Quoted::default();
    let parts = text.split(move |&byte| {
        if quotes == Quotes::Pairs {
            quoted.pass(byte);
        }
        byte == at && !quoted.is_open
    });
    parts.map(<[u8]>::trim_ascii)
}

/// The node of the `for` parameter of one element of `Forwarded` (RFC 7239 §4).
fn for_node(element: &[u8]) -> Option<IpAddr> {
    let value = split(element, b';', Quotes::of(element)).find_map(|pair| {
        let (name, value) = pair.split_at_checked(4)?;
        name.eq_ignore_ascii_case(b"for=").then_some(value)
    })?;
    let quoted = value
        .strip_prefix(b"\"")
        .and_then(|rest| rest.strip_suffix(b"\""));
    node(quoted.unwrap_or(value))
}

/// An address, with or without a port: `10.0.0.7`, `10.0.0.7:80`, `::1`, `[::1]`, `[::1]:80`.
fn node(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?;
    let bare = || text.parse().ok();
    let with_port = || text.parse::<SocketAddr>().ok().map(|addr| addr.ip());
    let in_brackets = || {
        let inner = text.strip_prefix('[')?.strip_suffix(']')?;
        inner.parse::<Ipv6Addr>().ok().map(IpAddr::V6)
    };
    let addr: IpAddr = bare().or_else(with_port).or_else(in_brackets)?;
    Some(addr.to_canonical())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const OURS: [&str; 3] = ["10.0.0.0/8", "127.0.0.1/32", "fd00::/8"];

    #[test]
    fn the_last_address_that_is_no_proxys_counts() {
        let rows: [(&str, &str, &[&str], &str); 24] = [
            ("nobody says anything", "10.0.0.1", &[], "10.0.0.1"),
            ("one proxy", "10.0.0.1", &["1.2.3.4"], "1.2.3.4"),
            ("two proxies", "10.0.0.1", &["1.2.3.4, 10.0.0.2"], "1.2.3.4"),
            ("two lines", "10.0.0.1", &["1.2.3.4", "10.0.0.2"], "1.2.3.4"),
            ("a claim", "10.0.0.1", &["9.9.9.9, 1.2.3.4"], "1.2.3.4"),
            (
                "a claim on a line of its own",
                "10.0.0.1",
                &["9.9.9.9", "1.2.3.4"],
                "1.2.3.4",
            ),
            (
                "a claim to be a proxy",
                "10.0.0.1",
                &["10.0.0.3, 1.2.3.4, 10.0.0.2"],
                "1.2.3.4",
            ),
            (
                "proxies alone",
                "10.0.0.1",
                &["10.0.0.3, 10.0.0.2"],
                "10.0.0.3",
            ),
            ("a stranger's word", "1.1.1.1", &["1.2.3.4"], "1.1.1.1"),
            ("a port", "10.0.0.1", &["1.2.3.4:5678"], "1.2.3.4"),
            ("IPv6", "fd00::1", &["2001:db8::7"], "2001:db8::7"),
            ("in brackets", "fd00::1", &["[2001:db8::7]"], "2001:db8::7"),
            (
                "in brackets, with a port",
                "fd00::1",
                &["[2001:db8::7]:80"],
                "2001:db8::7",
            ),
            (
                "IPv4 in IPv6",
                "::ffff:10.0.0.1",
                &["::ffff:1.2.3.4"],
                "1.2.3.4",
            ),
            (
                "a proxy as IPv4 in IPv6",
                "10.0.0.1",
                &["1.2.3.4, ::ffff:10.0.0.2"],
                "1.2.3.4",
            ),
            (
                "empty elements",
                "10.0.0.1",
                &[" , 1.2.3.4 ,, ", ""],
                "1.2.3.4",
            ),
            (
                "no white space",
                "10.0.0.1",
                &["9.9.9.9,1.2.3.4,10.0.0.2"],
                "1.2.3.4",
            ),
            ("a tab", "10.0.0.1", &["9.9.9.9,\t1.2.3.4\t"], "1.2.3.4"),
            ("a name", "10.0.0.1", &["unknown"], "10.0.0.1"),
            (
                "nonsense before a proxy",
                "10.0.0.1",
                &["1.2.3.4, x, 10.0.0.2"],
                "10.0.0.2",
            ),
            (
                "nonsense before a client",
                "10.0.0.1",
                &["x, 1.2.3.4"],
                "1.2.3.4",
            ),
            (
                "nonsense at the end",
                "10.0.0.1",
                &["1.2.3.4, x"],
                "10.0.0.1",
            ),
            (
                "an address of a link",
                "10.0.0.1",
                &["fe80::1%eth0"],
                "10.0.0.1",
            ),
            ("empty", "10.0.0.1", &[""], "10.0.0.1"),
        ];
        for (name, peer, lines, expected) in rows {
            let peer = peer.parse().ok();
            assert_eq!(
                client(peer, lines, &["for=5.5.5.5"][..0]),
                expected.parse().ok(),
                "{name}"
            );
        }
    }

    #[test]
    fn forwarded_is_read() {
        let rows: [(&str, &[&str], &str); 16] = [
            ("an address", &["for=1.2.3.4"], "1.2.3.4"),
            ("capitals", &["For=1.2.3.4"], "1.2.3.4"),
            (
                "other parameters",
                &["proto=https; for=1.2.3.4 ;by=10.0.0.1"],
                "1.2.3.4",
            ),
            ("quoted", &["for=\"1.2.3.4:80\""], "1.2.3.4"),
            ("IPv6", &["for=\"[2001:db8::7]:4711\""], "2001:db8::7"),
            (
                "several",
                &["for=9.9.9.9, for=1.2.3.4;by=x, for=10.0.0.2"],
                "1.2.3.4",
            ),
            ("several lines", &["for=9.9.9.9", "for=1.2.3.4"], "1.2.3.4"),
            (
                "a comma between quotes",
                &["for=1.2.3.4;x=\"a, for=9.9.9.9\""],
                "1.2.3.4",
            ),
            (
                "a semicolon between quotes",
                &["x=\"a;for=9.9.9.9\";for=1.2.3.4"],
                "1.2.3.4",
            ),
            (
                "an escaped quote",
                &["x=\"\\\";for=9.9.9.9\";for=1.2.3.4"],
                "1.2.3.4",
            ),
            ("a hidden client", &["for=9.9.9.9, for=_hidden"], "10.0.0.1"),
            (
                "an unknown client",
                &["for=unknown, for=10.0.0.2"],
                "10.0.0.2",
            ),
            ("no client", &["for=9.9.9.9, proto=http"], "10.0.0.1"),
            (
                "a quote that stays open",
                &["for=9.9.9.9;x=\"a, for=1.2.3.4"],
                "1.2.3.4",
            ),
            ("another parameter's end", &["xfor=9.9.9.9"], "10.0.0.1"),
            ("nothing", &[""], "10.0.0.1"),
        ];
        for (name, lines, expected) in rows {
            let peer = "10.0.0.1".parse().ok();
            assert_eq!(client(peer, &[], lines), expected.parse().ok(), "{name}");
        }
    }

    #[test]
    fn what_proxies_write_comes_before_what_clients_may() {
        let peer = "10.0.0.1".parse().ok();
        assert_eq!(
            client(peer, &["1.2.3.4"], &["for=9.9.9.9"]),
            "1.2.3.4".parse().ok()
        );
        assert_eq!(
            client(peer, &[""], &["for=9.9.9.9"]),
            peer,
            "an empty line is a word too"
        );
    }

    #[test]
    fn who_connects_to_a_unix_socket_is_a_proxy_if_there_are_any() {
        assert_eq!(client(None, &["1.2.3.4"], &[]), "1.2.3.4".parse().ok());
        assert_eq!(client(None, &["x"], &[]), None);
        let nobody = Proxies::new(&[]);
        let lines = || ["1.2.3.4".as_bytes()].into_iter();
        assert_eq!(nobody.client(None, lines(), [].into_iter()), None);
        let peer = "127.0.0.1".parse().ok();
        assert_eq!(nobody.client(peer, lines(), [].into_iter()), peer);
    }

    proptest! {
        #[test]
        fn no_claim_changes_what_a_proxy_saw(claim in "([ -~]|[\",;=\\\\]){0,40}") {
            let peer = "10.0.0.1".parse().ok();
            // What a proxy appends to a line, and what it adds as a line.
            let appended = format!("{claim}, 1.2.3.4");
            for lines in [&[&*appended][..], &[&*claim, "1.2.3.4"]] {
                prop_assert_eq!(client(peer, lines, &[]), "1.2.3.4".parse().ok());
            }
            for node in ["1.2.3.4", "\"1.2.3.4:80\""] {
                let (added, appended) = (format!("for={node};by=_x"), format!("{claim}, for={node}"));
                for lines in [&[&*appended][..], &[&*claim, &*added]] {
                    prop_assert_eq!(client(peer, &[], lines), "1.2.3.4".parse().ok(), "{:?}", lines);
                }
            }
        }

        #[test]
        fn no_bytes_panic(line in proptest::collection::vec(any::<u8>(), 0..60)) {
            let proxies = proxies();
            let peer = "10.0.0.1".parse().ok();
            let _ = proxies.client(peer, [&*line].into_iter(), [].into_iter());
            let _ = proxies.client(peer, [].into_iter(), [&*line].into_iter());
        }
    }

    fn proxies() -> Proxies {
        Proxies::new(&OURS.map(|network| network.parse().unwrap()))
    }

    fn client(
        peer: Option<IpAddr>,
        x_forwarded_for: &[&str],
        forwarded: &[&str],
    ) -> Option<IpAddr> {
        let lines = |lines: &[&str]| {
            lines
                .iter()
                .map(|line| line.as_bytes().to_vec())
                .collect::<Vec<_>>()
        };
        let (ours, standard) = (lines(x_forwarded_for), lines(forwarded));
        proxies().client(
            peer,
            ours.iter().map(Vec::as_slice),
            standard.iter().map(Vec::as_slice),
        )
    }
}
