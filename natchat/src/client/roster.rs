//! Who is there, as the server tells it. It owns no number of presence changes and asks nothing: that is [`super::home`]'s.

use std::net::IpAddr;

use crate::client::event::Place;
use crate::name::MemberId;
use crate::wire::from_server::Entry;

/// Everybody who is there; in the order of IDs.
#[derive(Debug, Default)]
pub(crate) struct Roster {}

impl Roster {
    /// A member.
    pub(crate) fn get(&self, id: &MemberId) -> Option<&Entry> {
        let _ = id;
        unimplemented!()
    }
    /// The member of this number.
    pub(crate) fn by_member(&self, member: u64) -> Option<&Entry> {
        let _ = member;
        unimplemented!()
    }
    /// All, in the order of IDs.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Entry> {
        std::iter::empty()
    }
}

/// Where a member is, for the user: its own address if it is behind the same NAT, else the one that the server sees.
pub(crate) fn place(entry: &Entry, my_reflexive: Option<IpAddr>) -> Place {
    let _ = (entry, my_reflexive);
    unimplemented!()
}
