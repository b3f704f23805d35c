//! Who we are, and what peers must know of it.

use std::cell::Cell;

use crate::client::company::Around;
use crate::client::home::Home;
use crate::client::peer::Us;
use crate::crypto::identity::Identity;
use crate::name::MemberId;

/// Who we are.
#[derive(Debug)]
pub(crate) struct Me {
    pub(crate) id: MemberId,
    pub(crate) identity: Identity,
    /// Counts handshakes, calls and connections.
    pub(crate) count: Cell<u64>,
}

/// Ourselves and the roster as they are now.
pub(crate) fn around<'a>(me: &'a Me, home: &'a Home) -> Around<'a> {
    Around {
        us: Us {
            identity: &me.identity,
            id: &me.id,
            incarnation: home.incarnation(),
            reach: home.reach(),
            count: &me.count,
        },
        roster: home.roster(),
    }
}
