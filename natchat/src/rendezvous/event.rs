//! What the server tells whoever runs it, in the older server's words.

use std::fmt;
use std::net::SocketAddr;

use crate::name::MemberId;
use crate::rendezvous::place::Place;

/// Something that happened; its `Display` is the line that is printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A client said so: `ID EVENT local: L global: G`.
    Said {
        /// Who.
        id: MemberId,
        /// What.
        what: Said,
        /// Its own address, as it told it; `-` if it told none.
        local: String,
        /// Where it is seen.
        global: Global,
    },
    /// It is a member now: `ID local: L global: G`.
    Listed {
        /// Who.
        id: MemberId,
        /// As above.
        local: String,
        /// As above.
        global: Global,
    },
    /// It was not heard of for too long: `ID is offline`.
    Offline(MemberId),
}

/// What a client said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// It joins.
    Register,
    /// It is still here. Told of older clients only, and of no use but to who looks for a fault.
    KeepAlive,
    /// It goes.
    Unregister,
}

/// Where a client is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Global {
    /// At this address.
    Addr(SocketAddr),
    /// At the other end of a connection.
    Tcp,
}

impl Global {
    pub(crate) fn of(place: &Place) -> Self {
        place.addr().map_or(Self::Tcp, Self::Addr)
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Said {
                id,
                what,
                local,
                global,
            } => write!(f, "{id} {what} local: {local} global: {global}"),
            Self::Listed { id, local, global } => write!(f, "{id} local: {local} global: {global}"),
            Self::Offline(id) => write!(f, "{id} is offline"),
        }
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Register => "register",
            Self::KeepAlive => "Keep Alive",
            Self::Unregister => "unregister",
        })
    }
}

impl fmt::Display for Global {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Addr(addr) => addr.fmt(f),
            Self::Tcp => f.write_str("tcp"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wording() {
        let id: MemberId = "client1".parse().unwrap();
        let local = "192.168.0.2:10081".to_owned();
        let global = Global::Addr("203.0.113.5:40001".parse().unwrap());
        let said = |what| Event::Said {
            id: id.clone(),
            what,
            local: local.clone(),
            global,
        };
        let listed = Event::Listed {
            id: id.clone(),
            local: "-".to_owned(),
            global: Global::Tcp,
        };
        let rows = [
            (
                said(Said::Register),
                "client1 register local: 192.168.0.2:10081 global: 203.0.113.5:40001",
            ),
            (
                said(Said::KeepAlive),
                "client1 Keep Alive local: 192.168.0.2:10081 global: 203.0.113.5:40001",
            ),
            (
                said(Said::Unregister),
                "client1 unregister local: 192.168.0.2:10081 global: 203.0.113.5:40001",
            ),
            (listed, "client1 local: - global: tcp"),
            (Event::Offline(id.clone()), "client1 is offline"),
        ];
        for (event, expected) in rows {
            assert_eq!(event.to_string(), expected);
        }
    }
}
