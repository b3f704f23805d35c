//! The values that are addresses, numbers and folders: text → checked values. No name is looked up; `localhost` alone is
//! known.

use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use common::units::{ByteSize, SizeError};
use natchat::config::DEFAULT_PORT;

/// What one `--bind` or `--tcp` names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bind(pub(super) Vec<SocketAddr>);

/// Where a server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Host {
    /// Its name, in lower case, or its address.
    pub(super) host: String,
    /// Its port.
    pub(super) port: u16,
}

/// Why a value is refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ValueError {
    #[error("give an address and a port, such as 0.0.0.0:10080 or [::1]:10080, or one of them")]
    Bind,
    #[error("an address with an interface (%) cannot be used")]
    Zone,
    #[error(
        "give a name or an address, and a port if it is not {DEFAULT_PORT}: example.org, 192.0.2.1:7000, [2001:db8::1]:7000"
    )]
    Host,
    #[error("leave out what begins with '{0}': give the name alone, or with its port")]
    Url(String),
    #[error("give a number from 0 to 65535")]
    Port,
    #[error("give a port from 1 to 65535 behind the colon")]
    ServerPort,
    #[error("give a number from 1 to {MEMBERS}")]
    Members,
    #[error("give a number from 0 to {PORTS}")]
    Ports,
    #[error("give a size of at least 1 KiB")]
    Rate,
    #[error(transparent)]
    Size(#[from] SizeError),
}

/// The most members: what a server has numbers and memory for.
const MEMBERS: u32 = 16_000_000;

/// The most ports that stand for members: half of those that a system has to give.
const PORTS: u16 = 30_000;

/// The least relay rate: a line of text a second.
const LEAST_RATE: u64 = 1 << 10;

/// The longest name (RFC 1035 §2.3.4).
const NAME_LEN: usize = 253;

const LOCALHOST: &str = "localhost";

/// An address and a port, one of them alone, or the same of `localhost`, which is both its addresses.
pub(super) fn bind(text: &str) -> Result<Bind, ValueError> {
    addresses(text, DEFAULT_PORT)
}

/// The same, without a port 443.
pub(super) fn tcp(text: &str) -> Result<Bind, ValueError> {
    addresses(text, 443)
}

fn addresses(text: &str, default_port: u16) -> Result<Bind, ValueError> {
    if text.contains('%') {
        return Err(ValueError::Zone);
    }
    if let Some(rest) = text.strip_prefix(LOCALHOST) {
        let port = match rest.strip_prefix(':') {
            None if rest.is_empty() => default_port,
            given => given.and_then(number).ok_or(ValueError::Bind)?,
        };
        let both: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
        return Ok(Bind(both.map(|ip| SocketAddr::new(ip, port)).to_vec()));
    }
    let port_alone = || number(text.strip_prefix(':').unwrap_or(text));
    let found = text.parse().ok().or_else(|| {
        let bare = text
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'));
        let ip = bare.unwrap_or(text).parse::<IpAddr>().ok();
        ip.map(|ip| SocketAddr::new(ip, default_port))
    });
    let everywhere = |port| SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), port);
    let addr = found
        .or_else(|| port_alone().map(everywhere))
        .ok_or(ValueError::Bind)?;
    Ok(Bind(vec![addr]))
}

/// `HOST`, `HOST:PORT`, `[IPv6]:PORT`, or an IPv6 address alone.
pub(super) fn host(text: &str) -> Result<Host, ValueError> {
    if let Some((scheme, _)) = text.split_once("://") {
        return Err(ValueError::Url(format!("{scheme}://")));
    }
    let bare = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(text);
    if let Ok(ip) = bare.parse::<Ipv6Addr>() {
        return Ok(Host {
            host: ip.to_string(),
            port: DEFAULT_PORT,
        });
    }
    let (name, port) = match text.rsplit_once(':') {
        None => (text, DEFAULT_PORT),
        Some((name, port)) => (
            name,
            number(port)
                .filter(|port| *port != 0)
                .ok_or(ValueError::ServerPort)?,
        ),
    };
    if let Some(six) = name
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
    {
        let ip: Ipv6Addr = six.parse().map_err(|_| ValueError::Host)?;
        return Ok(Host {
            host: ip.to_string(),
            port,
        });
    }
    let is_name = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_');
    if name.is_empty()
        || name.len() > NAME_LEN
        || name.starts_with('-')
        || !name.chars().all(is_name)
    {
        return Err(ValueError::Host);
    }
    Ok(Host {
        host: name.to_lowercase(),
        port,
    })
}

pub(super) fn port(text: &str) -> Result<u16, ValueError> {
    number(text).ok_or(ValueError::Port)
}

pub(super) fn members(text: &str) -> Result<u32, ValueError> {
    number(text)
        .filter(|members| (1..=MEMBERS).contains(members))
        .ok_or(ValueError::Members)
}

pub(super) fn ports(text: &str) -> Result<u16, ValueError> {
    number(text)
        .filter(|ports| *ports <= PORTS)
        .ok_or(ValueError::Ports)
}

pub(super) fn rate(text: &str) -> Result<u64, ValueError> {
    let rate = text.parse::<ByteSize>()?.bytes();
    if rate < LEAST_RATE {
        Err(ValueError::Rate)
    } else {
        Ok(rate)
    }
}

/// Digits alone: a sign is a slip.
fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())?
}

/// Where the environment says that a user's own things are.
#[derive(Clone, Debug)]
pub(super) struct Home {
    data: Option<PathBuf>,
}

impl Home {
    /// By the XDG Base Directory Specification: what is no absolute path is as good as not set.
    pub(super) fn of(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let folder = |name| {
            variable(name)
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
        };
        let data = folder("XDG_DATA_HOME")
            .or_else(|| folder("HOME").map(|home| home.join(".local/share")));
        Self {
            data: data.map(|data| data.join("natchat")),
        }
    }

    /// The folder for keys and the like.
    pub(super) fn data(&self) -> Option<PathBuf> {
        self.data.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_to_listen_at() {
        let rows: [(&str, &str, &[&str]); 14] = [
            ("whole", "192.0.2.1:7", &["192.0.2.1:7"]),
            ("whole, IPv6", "[2001:db8::1]:7", &["[2001:db8::1]:7"]),
            ("an address", "192.0.2.1", &["192.0.2.1:10080"]),
            ("one of IPv6", "::1", &["[::1]:10080"]),
            ("in brackets", "[::1]", &["[::1]:10080"]),
            ("a port", "7", &["[::]:7"]),
            ("a port after a colon", ":7", &["[::]:7"]),
            ("of the system's choice", "127.0.0.1:0", &["127.0.0.1:0"]),
            (
                "this machine",
                "localhost",
                &["127.0.0.1:10080", "[::1]:10080"],
            ),
            (
                "this machine with a port",
                "localhost:7",
                &["127.0.0.1:7", "[::1]:7"],
            ),
            ("a name", "example.org:7", &[]),
            ("too high a port", "70000", &[]),
            ("a sign", "localhost:+7", &[]),
            ("nothing", "", &[]),
        ];
        for (name, text, expected) in rows {
            let found = bind(text).map(|Bind(addrs)| addrs).unwrap_or_default();
            let shown: Vec<String> = found.iter().map(ToString::to_string).collect();
            assert_eq!(shown, expected, "{name}");
        }
        assert_eq!(bind("fe80::1%eth0"), Err(ValueError::Zone));
        assert_eq!(
            tcp("192.0.2.1"),
            Ok(Bind(vec!["192.0.2.1:443".parse().unwrap()]))
        );
    }

    #[test]
    fn servers() {
        let rows = [
            ("a name", "example.org", Ok(("example.org", 10_080))),
            ("in capitals", "Example.ORG:7", Ok(("example.org", 7))),
            ("Korean", "서버.한국:7", Ok(("서버.한국", 7))),
            ("an address", "192.0.2.1", Ok(("192.0.2.1", 10_080))),
            ("with a port", "192.0.2.1:7", Ok(("192.0.2.1", 7))),
            ("IPv6", "2001:DB8::1", Ok(("2001:db8::1", 10_080))),
            ("in brackets", "[2001:db8::1]", Ok(("2001:db8::1", 10_080))),
            ("IPv6 with a port", "[::1]:7", Ok(("::1", 7))),
            (
                "a URL",
                "https://example.org",
                Err(ValueError::Url("https://".to_owned())),
            ),
            ("a path", "example.org/x", Err(ValueError::Host)),
            ("a space", "a b", Err(ValueError::Host)),
            ("an option", "-x", Err(ValueError::Host)),
            ("nothing before a port", ":7", Err(ValueError::Host)),
            ("nothing", "", Err(ValueError::Host)),
            ("port 0", "a:0", Err(ValueError::ServerPort)),
            ("no port", "a:", Err(ValueError::ServerPort)),
            ("half in brackets", "[::1:7", Err(ValueError::Host)),
        ];
        for (name, text, expected) in rows {
            let expected = expected.map(|(host, port)| Host {
                host: host.to_owned(),
                port,
            });
            assert_eq!(host(text), expected, "{name}");
        }
    }

    #[test]
    fn numbers() {
        assert_eq!((port("0"), port("65535")), (Ok(0), Ok(65_535)));
        assert_eq!(
            (port("65536"), port("+1"), port("")),
            (
                Err(ValueError::Port),
                Err(ValueError::Port),
                Err(ValueError::Port)
            )
        );
        assert_eq!(
            (members("1"), members("0")),
            (Ok(1), Err(ValueError::Members))
        );
        assert_eq!(
            (ports("0"), ports("30001")),
            (Ok(0), Err(ValueError::Ports))
        );
        assert_eq!(
            (rate("1K"), rate("1023B")),
            (Ok(1024), Err(ValueError::Rate))
        );
    }

    #[test]
    fn folders() {
        let home = |data: Option<&str>, home: Option<&str>| {
            let found = Home::of(|name| match name {
                "XDG_DATA_HOME" => data.map(Into::into),
                _ => home.map(Into::into),
            });
            found.data().map(|path| path.to_string_lossy().into_owned())
        };
        let rows = [
            ("as specified", Some("/d"), Some("/h"), Some("/d/natchat")),
            ("not set", None, Some("/h"), Some("/h/.local/share/natchat")),
            (
                "not absolute",
                Some("d"),
                Some("/h"),
                Some("/h/.local/share/natchat"),
            ),
            ("no home", None, None, None),
            ("a home that is none", None, Some(""), None),
        ];
        for (name, data, at_home, expected) in rows {
            assert_eq!(home(data, at_home).as_deref(), expected, "{name}");
        }
    }
}
