//! What becomes of a path: kept, changed, doubted, lost, let go.

use std::time::Duration;

use super::duo::{A, B, Duo, Home};
use super::nat::{Kind, Net, Place};
use crate::path::paths::{Class, MAIN_SOCKET, Route};
use crate::wire::call::CallKind;

const PORT: Home = Home::Nat(Kind::Port);

/// Two who have found each other, `delay` one way apart, at the time of one second.
fn direct(homes: [Home; 2], delay: u64) -> Duo {
    let mut duo = Duo::new(9, homes);
    duo.delay = Duration::from_millis(delay);
    duo.relay_delay = duo.delay;
    duo.start(A);
    assert!(duo.run(1_000, Duo::is_direct));
    duo.run(1_000, |_| false);
    duo
}

fn nat_of(duo: &Duo, me: usize) -> Place {
    duo.net.nats(duo.sides[me].host)[0]
}

fn cut(duo: &mut Duo) {
    for me in [A, B] {
        let nat = nat_of(duo, me);
        duo.net.nat_mut(nat).refuses = true;
    }
}

fn heal(duo: &mut Duo) {
    for me in [A, B] {
        let nat = nat_of(duo, me);
        duo.net.nat_mut(nat).refuses = false;
    }
}

fn best(duo: &Duo, me: usize) -> Option<Route> {
    duo.sides[me].paths.best().map(|best| best.route)
}

#[test]
fn a_path_in_use_is_kept_open() {
    let mut duo = direct([PORT, PORT], 20);
    duo.run(12_000, |_| false);
    let before = duo.sides[A].checks_sent;
    for second in 12..72 {
        duo.run(second * 1_000, |_| false);
        duo.sides[A].paths.used(duo.now);
        duo.sides[B].paths.used(duo.now);
    }
    let sent = duo.sides[A].checks_sent - before;
    assert!(
        (6..=10).contains(&sent),
        "4 of ours and 4 answers in a minute, not {sent}"
    );
    assert!(duo.is_direct());
    assert_eq!(
        duo.sides.each_ref().map(|side| side.bests.len()),
        [1, 1],
        "nothing changed"
    );
}

#[test]
fn a_path_that_is_talked_by_needs_no_checks() {
    let mut duo = direct([PORT, PORT], 0);
    duo.run(12_000, |_| false);
    let before = duo.sides[A].checks_sent;
    for second in 12..72 {
        duo.run(second * 1_000, |_| false);
        assert!(duo.talk(A) && duo.talk(B));
    }
    assert_eq!(duo.sides[A].checks_sent, before);
}

#[test]
fn silence_ends_consent() {
    let mut duo = direct([PORT, PORT], 20);
    cut(&mut duo);
    assert!(duo.run(30_000, |duo| best(duo, A).is_none()
        && best(duo, B).is_none()));
    // 15 s of silence, 10 s without an answer.
    assert!(
        (24..=27).contains(&duo.elapsed().as_secs()),
        "{:?}",
        duo.elapsed()
    );
    assert!(
        duo.sides[A].calls.contains(&CallKind::Ask),
        "and the search begins"
    );
    heal(&mut duo);
    assert!(
        duo.run(60_000, Duo::is_direct),
        "and again until it is found"
    );
}

#[test]
fn suspicion_ends_it_fast_and_falsely_not_at_all() {
    for is_cut in [true, false] {
        let mut duo = direct([PORT, PORT], 20);
        duo.run(2_500, |_| false);
        if is_cut {
            cut(&mut duo);
        }
        duo.sides[A].paths.suspect(duo.now);
        duo.run(2_520, |_| false);
        assert_eq!(
            duo.sides[A].calls,
            [CallKind::Ask],
            "the peer is told, once"
        );
        for ms in (2_550..4_000).step_by(50) {
            duo.run(ms, |_| false);
            duo.sides[A].paths.suspect(duo.now);
        }
        assert_eq!(best(&duo, A).is_none(), is_cut);
        assert!(duo.sides[A].calls.len() <= 3, "{:?}", duo.sides[A].calls);
        assert!(
            duo.sides[A].checks_sent < 200,
            "{}",
            duo.sides[A].checks_sent
        );
    }
}

#[test]
fn a_way_that_the_peer_moved_to_is_challenged_and_taken() {
    let mut duo = direct([PORT, Home::Public], 20);
    let old = best(&duo, B);
    duo.net.reboot(nat_of(&duo, A));
    duo.run(3_000, |_| false);
    assert_eq!(best(&duo, B), old, "nothing has been heard");
    assert!(duo.talk(A), "the public one is reached from anywhere");
    assert_eq!(best(&duo, B), old, "not before the challenge is answered");
    // The new way answers after 40 ms; the old one yields when it is late.
    assert!(
        duo.run(3_200, |duo| best(duo, B) != old),
        "{:?}",
        duo.elapsed()
    );
    assert!(duo.talk(B));
}

#[test]
fn after_a_reboot_of_a_nat_it_is_direct_again_within_a_second() {
    for homes in [
        [PORT, PORT],
        [Home::Nat(Kind::Addr), PORT],
        [PORT, Home::Nat(Kind::Full)],
    ] {
        for me in [A, B] {
            let mut duo = direct(homes, 25);
            duo.run(5_000, |_| false);
            duo.net.reboot(nat_of(&duo, me));
            assert!(!(duo.talk(A) && duo.talk(B)), "{homes:?}: it is broken");
            // What the reliable layer does when its first timer is over.
            duo.run(5_200, |_| false);
            duo.sides[A].paths.suspect(duo.now);
            duo.sides[B].paths.suspect(duo.now);
            let is_mended = |duo: &mut Duo| duo.talk(A) && duo.talk(B);
            let mended = (5_200..6_000).step_by(10).find(|ms| {
                duo.run(*ms, |_| false);
                is_mended(&mut duo)
            });
            assert!(mended.is_some(), "{homes:?}, {me} rebooted");
        }
    }
}

#[test]
fn roaming_forgets_all_and_begins_anew() {
    let mut duo = direct([PORT, PORT], 20);
    duo.sides[A].paths.forget(duo.now);
    duo.drain();
    assert_eq!(best(&duo, A), None);
    assert_eq!(
        duo.sides[A].bests.last().map(|(_, best)| *best),
        Some(None),
        "and that is told"
    );
    assert_eq!(duo.sides[A].paths.next_timeout(), None);
    duo.net.reboot(nat_of(&duo, A));
    duo.observe(A);
    duo.start(A);
    assert!(duo.run(1_500, Duo::is_direct));
    duo.run(2_500, |_| false);
    assert!(duo.talk(A) && duo.talk(B), "the other side has moved, too");
}

#[test]
fn who_says_nothing_has_no_timer_and_no_path() {
    for homes in [
        [PORT, PORT],
        [Home::Nat(Kind::Symmetric); 2],
        [PORT, Home::Nat(Kind::Symmetric)],
    ] {
        let mut duo = Duo::new(2, homes);
        duo.start(A);
        // The last search is at 90 s, and wakes the other side for two minutes.
        duo.run(220_000, |_| false);
        for side in &mut duo.sides {
            assert_eq!(side.paths.best(), None);
            assert_eq!(side.paths.next_timeout(), None);
            assert_eq!(side.paths.held(), 0, "nothing is kept");
            assert_eq!(side.sockets.len(), 1, "nor open");
            assert!(matches!(side.bests.last(), None | Some((_, None))));
        }
    }
}

#[test]
fn who_says_something_again_finds_the_way_again() {
    let mut duo = direct([PORT, PORT], 20);
    duo.run(300_000, |_| false);
    assert_eq!(
        duo.sides.each_ref().map(|side| side.paths.best()),
        [None; 2]
    );
    duo.sides[A].calls.clear();
    duo.sides[A].paths.used(duo.now);
    assert!(duo.run(300_200, Duo::is_direct));
    assert_eq!(duo.sides[A].calls, [CallKind::Ask]);
}

#[test]
fn who_was_let_go_still_answers_but_does_not_begin() {
    let mut duo = direct([PORT, Home::Public], 0);
    for ms in (2_000..200_000).step_by(1_000) {
        duo.run(ms, |_| false);
        duo.sides[A].paths.used(duo.now);
    }
    assert!(best(&duo, A).is_some(), "it is answered");
    assert_eq!(best(&duo, B), None, "which is no use of its own");
    assert!(duo.talk(A));
    duo.run(201_000, |_| false);
    assert!(best(&duo, B).is_some(), "a packet is");
}

#[test]
fn a_nearer_way_is_taken_when_there_is_one() {
    // Two behind one NAT with hairpin, of whose private addresses nothing is known at first.
    let mut entropy = super::duo::entropy_of(1);
    let mut net = Net::default();
    let nat = net.nat(None, [203, 0, 113, 1], Kind::Port, entropy.split());
    net.nat_mut(nat).hairpin = true;
    let hosts = [1, 2].map(|n| net.host(Some(nat), [192, 168, 0, n]));
    let mut duo = Duo::on(net, hosts, entropy);
    let full = duo.sides.each_ref().map(|side| side.reach.clone());
    for side in &mut duo.sides {
        side.reach.candidates.remove(0);
    }
    duo.start(A);
    assert!(duo.run(1_000, Duo::is_direct));
    let class = |duo: &Duo| duo.sides[A].paths.best().map(|best| best.class);
    assert_eq!(class(&duo), Some(Class::V4));
    for (side, full) in duo.sides.iter_mut().zip(full) {
        side.reach = full;
    }
    duo.start(A);
    duo.run(2_000, |_| false);
    assert_eq!(class(&duo), Some(Class::Lan));
    assert_eq!(duo.sides[A].bests.len(), 2, "without a gap");
    assert_eq!(best(&duo, A).map(|route| route.socket), Some(MAIN_SOCKET));
}
