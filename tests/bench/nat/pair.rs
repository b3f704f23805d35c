//! Two who talk: homes for them, and by what way their lines go.

use std::net::SocketAddr;
use std::time::Duration;

use harness::lab::{Host, Lab, Nat, Site, home};
use harness::{Stopwatch, wait_until};

use crate::people::{Person, Place, User};

/// For what should have happened long before.
pub(crate) const LONG: Duration = Duration::from_secs(15);

/// A network of such homes.
///
/// # Panics
/// If none can be built here.
pub(crate) fn lab(sites: impl IntoIterator<Item = Site>) -> Lab {
    Lab::build("bench-nat", sites).expect("root can build networks")
}

/// A home called `left` or `right` with the host `alice` or `bob` in it.
pub(crate) fn left(nat: Nat) -> Site {
    home("left", nat).host("alice")
}

/// See [`left`].
pub(crate) fn right(nat: Nat) -> Site {
    home("right", nat).host("bob")
}

/// Starts somebody's client without the few milliseconds that `ip netns exec` takes.
pub(crate) fn start_on(host: Host<'_>, id: &str, server: SocketAddr) -> User<'static> {
    begin_on(host, Person::new(Place::Here, id), server)
}

/// The same for somebody whose folders are there already.
pub(crate) fn begin_on(
    host: Host<'_>,
    person: Person<'static>,
    server: SocketAddr,
) -> User<'static> {
    host.enter(|| person.start(server))
}

/// Both have joined and know of each other.
pub(crate) fn meet(one: &User<'_>, other: &User<'_>) {
    for (user, peer) in [(one, other), (other, one)] {
        user.meets(user.id());
        user.meets(peer.id());
    }
}

/// One line there, seen within [`LONG`]; how long it took since `watch` began.
pub(crate) fn hear(from: &mut User<'_>, to: &User<'_>, text: &str, watch: Stopwatch) -> Duration {
    from.chats(to.id(), text);
    to.sees_within(LONG, &format!("From {} [{text}]", from.id()));
    watch.elapsed()
}

/// When lines to a peer began to go directly, looking each `step`, if they did before `limit`.
pub(crate) fn time_to_direct(
    user: &mut User<'_>,
    peer: &str,
    watch: Stopwatch,
    (step, limit): (Duration, Duration),
) -> Option<Duration> {
    while watch.elapsed() < limit {
        if user.way_to(peer) == "direct" {
            return Some(watch.elapsed());
        }
        rest(step);
    }
    None
}

/// Waits until lines to a peer go directly.
///
/// # Panics
/// If they never do.
pub(crate) fn wait_for_direct(user: &mut User<'_>, peer: &str) {
    let looks = (Duration::from_millis(20), LONG);
    let direct = time_to_direct(user, peer, Stopwatch::start(), looks);
    assert!(direct.is_some(), "{} and {peer} stay relayed", user.id());
}

/// Lets others work for a while.
pub(crate) fn rest(time: Duration) {
    let watch = Stopwatch::start();
    wait_until("the next moment", time + LONG, || watch.elapsed() >= time);
}
