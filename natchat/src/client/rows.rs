//! The rows of `@show_list`: who is there, where, and by what way lines go.

use crate::client::company::Company;
use crate::client::event::{Place, Row, Way};
use crate::client::home::Home;
use crate::client::peer::Peer;
use crate::client::roster::place;
use crate::name::MemberId;
use crate::wire::from_server::{Entry, EntryClient};

/// All rows, in the order of IDs.
pub(crate) fn rows(mine: &MemberId, home: &Home, company: &Company) -> Vec<Row> {
    let entries = home.roster().iter();
    entries
        .map(|entry| row(mine, home, company, entry))
        .collect()
}

fn row(mine: &MemberId, home: &Home, company: &Company, entry: &Entry) -> Row {
    let peer = company.get(&entry.id);
    let (way, route) = match (&entry.client, peer) {
        _ if entry.id == *mine => (Way::Ourselves, None),
        (EntryClient::Older { .. }, _) => (Way::Older, None),
        (EntryClient::Current { .. }, Some(peer)) => peer.way(),
        (EntryClient::Current { .. }, None) => (Way::Unused, None),
    };
    let at = route.map(|route| Place::Addr(route.addr));
    Row {
        id: entry.id.clone(),
        at: at.unwrap_or_else(|| place(entry, home.nat_ip())),
        way,
        round_trip: peer.and_then(Peer::round_trip),
    }
}
