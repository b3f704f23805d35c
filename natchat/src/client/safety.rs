//! Answers about keys: which one an ID is talked to with, and which one `@trust` takes.
//!
//! The rule: what the user compares is the key that lines are sealed for, and what the user takes for right is the key that was
//! shown, whatever the server says by then.

use crate::client::company::{Company, key_of};
use crate::client::event::Event;
use crate::client::home::Home;
use crate::client::me::Me;
use crate::client::peer::Peer;
use crate::crypto::identity::PublicKey;
use crate::crypto::safety::safety_number;
use crate::name::MemberId;

/// Answers `@verify`.
pub(crate) fn verify(me: &Me, home: &Home, company: &mut Company, id: &MemberId) -> Event {
    let entry = home.roster().get(id);
    let now = entry.map(key_of);
    let pinned = company.trust().known(id);
    let used = pinned.or_else(|| company.get(id).map(Peer::key)).copied();
    let Some(key) = used.or_else(|| now.flatten()) else {
        return nobody(id);
    };
    if let Some(now) = now {
        company.tell_changed(id, now.as_ref());
    }
    let number = |key: &PublicKey| safety_number(&me.identity.public(), key);
    let other = now.flatten().filter(|now| *now != key);
    Event::Safety {
        id: id.clone(),
        number: number(&key),
        other: other.map(|other| number(&other)),
    }
}

/// What `@trust` takes for right: the key that the user was told of, else the present one; in it `None` for an older client.
pub(crate) fn trusted(
    home: &Home,
    company: &Company,
    id: &MemberId,
) -> Result<Option<PublicKey>, Event> {
    let told = company.trust().told(id);
    let present = || home.roster().get(id).map(key_of);
    told.or_else(present).ok_or_else(|| nobody(id))
}

fn nobody(id: &MemberId) -> Event {
    Event::Usage(format!("nobody of the ID {id} with a key is here"))
}
