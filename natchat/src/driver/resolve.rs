//! What a server's name means: asked on a thread of its own, since the system answers when it likes.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};

use common::exit::io_message;

use super::socket;

/// Addresses of one server, at most.
const ADDRESSES: usize = 16;

/// Where a server is: a name, or its address.
#[derive(Clone, Debug)]
pub(super) struct Host {
    name: String,
    port: u16,
}

impl Host {
    pub(super) fn new(name: &str, port: u16) -> Self {
        Self {
            name: name.to_owned(),
            port,
        }
    }

    /// As it is written down: `HOST:PORT`.
    pub(super) fn address(&self) -> String {
        let Self { name, port } = self;
        if name.contains(':') {
            format!("[{name}]:{port}")
        } else {
            format!("{name}:{port}")
        }
    }

    /// The address, if it was given as such: nobody has to be asked.
    pub(super) fn literal(&self) -> Option<SocketAddr> {
        let ip: IpAddr = self.name.parse().ok()?;
        Some(SocketAddr::new(ip.to_canonical(), self.port))
    }

    /// What the system says that it means.
    ///
    /// # Errors
    /// The system's reason, in words.
    pub(super) fn resolve(&self) -> Result<Vec<SocketAddr>, String> {
        let found = (self.name.as_str(), self.port)
            .to_socket_addrs()
            .map_err(|error| reason(&error))?;
        let mut addrs: Vec<SocketAddr> = Vec::new();
        for addr in found.map(socket::plain) {
            if addrs.len() < ADDRESSES && !addrs.contains(&addr) {
                addrs.push(addr);
            }
        }
        if addrs.is_empty() {
            return Err("it has no address".to_owned());
        }
        Ok(addrs)
    }
}

/// Without the words that every such failure begins with.
fn reason(error: &io::Error) -> String {
    let message = io_message(error);
    let told = message.strip_prefix("failed to lookup address information: ");
    let mut told = told.unwrap_or(&message).to_owned();
    if let Some(first) = told.get_mut(..1) {
        first.make_ascii_lowercase();
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_found() {
        let host = |name: &str| Host::new(name, 7);
        assert_eq!(
            host("127.0.0.1").literal(),
            Some("127.0.0.1:7".parse().unwrap())
        );
        assert_eq!(
            host("::ffff:192.0.2.1").literal(),
            Some("192.0.2.1:7".parse().unwrap())
        );
        assert_eq!(host("localhost").literal(), None);
        assert_eq!(
            [host("::1").address(), host("localhost").address()],
            ["[::1]:7", "localhost:7"]
        );
        let found = host("localhost").resolve().unwrap();
        assert!(
            found
                .iter()
                .all(|addr| addr.ip().is_loopback() && addr.port() == 7),
            "{found:?}"
        );
        let reason = host("no.such.host.invalid").resolve().unwrap_err();
        assert!(
            !reason.is_empty() && !reason.starts_with("failed"),
            "{reason}"
        );
    }
}
