//! The values that are addresses: text → checked addresses. No name is looked up; `localhost` alone is known.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ipnet::IpNet;

/// What one `--bind` names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bind(Vec<IpAddr>);

/// Why an address is refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum AddressError {
    #[error("give an address such as 127.0.0.1, ::1 or localhost")]
    Bind,
    #[error("give the address alone, and the port with --port")]
    BindWithPort,
    #[error("an address with an interface (%) cannot be used; leave --bind out to listen on all")]
    BindWithZone,
    #[error("give an address and a port, such as 127.0.0.1:9090, or a port alone")]
    Admin,
    #[error("give an address or a network, such as 10.0.0.0/8 or 127.0.0.1")]
    Network,
}

/// `[::1]` is understood as well as `::1`; `localhost` is both.
pub(super) fn bind(text: &str) -> Result<Bind, AddressError> {
    if text == LOCALHOST {
        return Ok(Bind(vec![
            Ipv6Addr::LOCALHOST.into(),
            Ipv4Addr::LOCALHOST.into(),
        ]));
    }
    let bare = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    match bare.unwrap_or(text).parse() {
        Ok(addr) => Ok(Bind(vec![addr])),
        Err(_) if text.parse::<SocketAddr>().is_ok() => Err(AddressError::BindWithPort),
        Err(_) if text.contains('%') => Err(AddressError::BindWithZone),
        Err(_) if local_with_port(text).is_some() => Err(AddressError::BindWithPort),
        Err(_) => Err(AddressError::Bind),
    }
}

/// Each address once, in the order given.
pub(super) fn addrs(binds: &[Bind]) -> Vec<IpAddr> {
    let mut addrs = Vec::new();
    for addr in binds.iter().flat_map(|Bind(addrs)| addrs) {
        if !addrs.contains(addr) {
            addrs.push(*addr);
        }
    }
    addrs
}

/// A port alone, or one of `localhost`, is of this machine only.
pub(super) fn admin(text: &str) -> Result<SocketAddr, AddressError> {
    let local = |port: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let port_alone = || text.strip_prefix(':').unwrap_or(text).parse().ok();
    text.parse()
        .ok()
        .or_else(|| local_with_port(text).or_else(port_alone).map(local))
        .ok_or(AddressError::Admin)
}

/// A network, or one address. Bits beyond the prefix count for nothing.
pub(super) fn network(text: &str) -> Result<IpNet, AddressError> {
    let network = text.parse::<IpNet>();
    let network = network.or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    network
        .map(|network| network.trunc())
        .map_err(|_| AddressError::Network)
}

const LOCALHOST: &str = "localhost";

fn local_with_port(text: &str) -> Option<u16> {
    text.strip_prefix(LOCALHOST)?
        .strip_prefix(':')?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_to_listen_on() {
        type Row<'a> = (&'a str, &'a str, Result<&'a [&'a str], AddressError>);
        let rows: [Row<'_>; 12] = [
            ("IPv4", "127.0.0.1", Ok(&["127.0.0.1"])),
            ("IPv6", "::1", Ok(&["::1"])),
            ("in brackets", "[::1]", Ok(&["::1"])),
            ("every address", "0.0.0.0", Ok(&["0.0.0.0"])),
            ("this machine", "localhost", Ok(&["::1", "127.0.0.1"])),
            (
                "with a port",
                "127.0.0.1:80",
                Err(AddressError::BindWithPort),
            ),
            (
                "IPv6 with a port",
                "[::1]:80",
                Err(AddressError::BindWithPort),
            ),
            (
                "localhost with a port",
                "localhost:80",
                Err(AddressError::BindWithPort),
            ),
            (
                "with an interface",
                "fe80::1%eth0",
                Err(AddressError::BindWithZone),
            ),
            ("a name", "example.org", Err(AddressError::Bind)),
            ("half in brackets", "[::1", Err(AddressError::Bind)),
            ("nothing", "", Err(AddressError::Bind)),
        ];
        for (name, text, expected) in rows {
            let shown = bind(text).map(|bind| {
                let addrs = addrs(&[bind]);
                addrs.iter().map(IpAddr::to_string).collect::<Vec<_>>()
            });
            let expected = expected.map(|addrs| addrs.iter().map(|&a| a.to_owned()).collect());
            assert_eq!(shown, expected, "{name}");
        }
    }

    #[test]
    fn an_address_given_twice_is_one() {
        let binds = ["::1", "localhost", "127.0.0.1"].map(|text| bind(text).unwrap());
        assert_eq!(addrs(&binds).len(), 2);
    }

    #[test]
    fn addresses_of_the_admin() {
        let rows = [
            ("whole", "10.0.0.1:9090", Some("10.0.0.1:9090")),
            ("IPv6", "[::1]:9090", Some("[::1]:9090")),
            ("a port", "9090", Some("127.0.0.1:9090")),
            ("a port after a colon", ":9090", Some("127.0.0.1:9090")),
            ("localhost", "localhost:9090", Some("127.0.0.1:9090")),
            ("no port", "127.0.0.1", None),
            ("too high a port", "70000", None),
            ("a name", "example.org:80", None),
            ("nothing", "", None),
        ];
        for (name, text, expected) in rows {
            let shown = admin(text).ok().map(|addr| addr.to_string());
            assert_eq!(shown.as_deref(), expected, "{name}");
        }
    }

    #[test]
    fn networks() {
        let rows = [
            ("a network", "10.0.0.0/8", Some("10.0.0.0/8")),
            ("bits beyond it", "10.1.2.3/8", Some("10.0.0.0/8")),
            ("one address", "10.1.2.3", Some("10.1.2.3/32")),
            ("IPv6", "fd00::/8", Some("fd00::/8")),
            ("one of IPv6", "::1", Some("::1/128")),
            ("too long a prefix", "10.0.0.0/33", None),
            ("a name", "proxy", None),
            ("nothing", "", None),
        ];
        for (name, text, expected) in rows {
            let shown = network(text).ok().map(|network| network.to_string());
            assert_eq!(shown.as_deref(), expected, "{name}");
        }
    }
}
