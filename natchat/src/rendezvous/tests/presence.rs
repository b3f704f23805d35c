//! Presence as a client follows it: batches, repeats, gaps, pages, with and without loss.

use std::collections::BTreeMap;

use super::*;
use crate::crypto::entropy::Entropy;
use crate::rendezvous::journal::Record;
use crate::wire::from_server::{Change, Departure, Presence, Span};

/// What a client makes of presence: who is there, and up to which change it knows that.
#[derive(Default)]
struct Follower {
    there: BTreeMap<u64, String>,
    seen: u64,
    /// The list as it comes, page by page: the change it began with, and where the next page is.
    listing: Option<(u64, Option<u64>)>,
}

impl Follower {
    /// Takes a frame in. Whether it was of use.
    fn take(&mut self, presence: &Presence) -> bool {
        match presence.span {
            Span::Changes { first, last } => {
                if first > self.seen + 1 || last <= self.seen {
                    return false;
                }
                let skipped = usize::try_from(self.seen + 1 - first).unwrap();
                presence.entries[skipped..]
                    .iter()
                    .for_each(|change| self.apply(change));
                self.seen = last;
            }
            Span::Page {
                as_of,
                cursor,
                next,
            } => {
                let begun = match self.listing {
                    None if cursor.is_none() => as_of,
                    Some((begun, expected)) if expected == cursor => begun,
                    _ => return false,
                };
                if cursor.is_none() {
                    self.there.clear();
                }
                presence
                    .entries
                    .iter()
                    .for_each(|change| self.apply(change));
                self.listing = next.is_some().then_some((begun, next));
                if next.is_none() {
                    self.seen = begun;
                }
            }
        }
        true
    }

    fn apply(&mut self, change: &Change) {
        match change {
            Change::Here(entry) => {
                self.there.retain(|_, id| id != entry.id.as_str());
                self.there.insert(entry.member, entry.id.to_string());
            }
            Change::Gone { member, .. } => _ = self.there.remove(member),
        }
    }

    fn ids(&self) -> Vec<&str> {
        let mut ids: Vec<&str> = self.there.values().map(String::as_str).collect();
        ids.sort_unstable();
        ids
    }
}

/// Presence frames among answers.
fn presence(frames: &[FromServer]) -> impl Iterator<Item = &Presence> {
    frames.iter().filter_map(|frame| match frame {
        FromServer::Presence(presence) => Some(presence),
        _ => None,
    })
}

/// Asks until everything is known.
fn catch_up(scene: &mut Scene, client: &mut Client, follower: &mut Follower) {
    for _ in 0..10_000 {
        let cursor = follower.listing.and_then(|(_, next)| next);
        let sync = client.sync(follower.seen, cursor);
        let answers = scene.say(client, &sync);
        if matches!(answers[..], [FromServer::Alive { presence, .. }] if presence == follower.seen)
        {
            return;
        }
        let taken = presence(&answers).filter(|presence| follower.take(presence));
        assert!(taken.count() > 0, "no progress: {answers:?}");
    }
    panic!("it never ends");
}

fn names(n: usize) -> Vec<&'static str> {
    let names = (0..n).map(|n| &*format!("m{n}").leak());
    names.collect()
}

#[test]
fn the_list_and_then_what_changes() {
    let mut scene = Scene::new();
    let mut ann = Client::new(1, "ann", "203.0.113.5:1");
    scene.join(&mut ann).unwrap();
    let mut follower = Follower::default();
    catch_up(&mut scene, &mut ann, &mut follower);
    assert_eq!(follower.ids(), ["ann"]);
    scene.pass(millis(60));
    scene.take();

    let mut bob = Client::new(2, "bob", "203.0.113.5:2");
    let mut eve = Client::new(3, "eve", "203.0.113.5:3");
    let mut kim = Client::new(4, "kim", "203.0.113.5:4");
    for client in [&mut bob, &mut eve, &mut kim] {
        scene.join(client).unwrap();
    }
    let told = ann.read(&scene.take());
    let told: Vec<_> = presence(&told).collect();
    let [first] = told[..] else {
        panic!("the first one at once: {told:?}");
    };
    let Span::Changes { first: 1.., last } = first.span else {
        panic!("{first:?}");
    };
    follower.seen = last - 1;
    assert!(follower.take(first));
    assert_eq!(follower.ids(), ["ann", "bob"]);
    scene.pass(millis(49));
    assert_eq!(ann.read(&scene.take()), [], "not yet");
    scene.pass(millis(2));
    let told = ann.read(&scene.take());
    let told: Vec<_> = presence(&told).collect();
    let [rest] = told[..] else {
        panic!("one push for both others: {told:?}");
    };
    assert!(follower.take(rest));
    assert_eq!(follower.ids(), ["ann", "bob", "eve", "kim"]);

    let (member, counter) = bob.count();
    scene.say(&bob, &ToServer::Leave { member, counter });
    scene.pass(millis(51));
    let told = ann.read(&scene.take());
    let gone = presence(&told).next().unwrap();
    let how = Departure::Left;
    assert_eq!(gone.entries, [Change::Gone { member, how }]);
    assert!(follower.take(gone));
    assert_eq!(follower.ids(), ["ann", "eve", "kim"]);
}

#[test]
fn told_again_until_confirmed() {
    let mut scene = Scene::new();
    let mut ann = Client::new(1, "ann", "203.0.113.5:1");
    scene.join(&mut ann).unwrap();
    scene.pass(secs(2));
    let mut bob = Client::new(2, "bob", "203.0.113.5:2");
    let rows = [
        ("never confirmed", None, 3),
        ("confirmed at once", Some(100), 1),
        ("after the first repeat", Some(400), 2),
    ];
    for (name, confirmed_at, expected) in rows {
        scene.take();
        bob.incarnation += 1;
        bob.nonce += 1;
        scene.join(&mut bob).unwrap();
        let mut pushes = 0;
        for tenth in 0..20 {
            scene.pass(millis(100));
            let told = ann.read(&scene.take());
            pushes += presence(&told).count();
            if confirmed_at == Some((tenth + 1) * 100) {
                let answers = scene.alive(&mut ann);
                let [FromServer::Alive { presence: last, .. }] = answers[..] else {
                    panic!("{answers:?}");
                };
                let confirms = ann.alive(last, None);
                scene.say(&ann, &confirms);
            }
        }
        assert_eq!(pushes, expected, "{name}");
        let answers = scene.alive(&mut ann);
        let [FromServer::Alive { presence: last, .. }] = answers[..] else {
            panic!("{answers:?}");
        };
        let confirms = ann.alive(last, None);
        scene.say(&ann, &confirms);
    }
}

#[test]
fn what_happens_at_once_is_one_change() {
    let mut scene = Scene::new();
    let mut ann = Client::new(1, "ann", "203.0.113.5:1");
    scene.join(&mut ann).unwrap();
    scene.pass(secs(2));
    scene.take();
    let mut bob = Client::new(2, "bob", "203.0.113.5:2");
    scene.join(&mut bob).unwrap();
    scene.take();
    for port in 1..=4 {
        bob.reach.candidates[0].addr.set_port(port);
        let (member, counter) = bob.count();
        let reach = bob.reach.clone();
        scene.say(
            &bob,
            &ToServer::Reach {
                member,
                counter,
                reach,
            },
        );
    }
    scene.pass(millis(60));
    let told = ann.read(&scene.take());
    let changes: Vec<_> = presence(&told)
        .flat_map(|presence| &presence.entries)
        .collect();
    let [Change::Here(entry)] = changes[..] else {
        panic!("{changes:?}");
    };
    assert!(
        format!("{entry:?}").contains("192.168.0.2:4 "),
        "the last of it: {entry:?}"
    );
}

#[test]
fn a_long_list_comes_in_pages_that_fit() {
    let mut scene = Scene::new();
    let ids = names(200);
    for (n, id) in (0u8..).zip(&ids) {
        let mut member = Client::new(n % 100, id, &format!("203.0.{n}.5:1"));
        member.presence = false;
        scene.join(&mut member).unwrap();
    }
    let mut ann = Client::new(110, "ann", "203.0.113.5:1");
    scene.join(&mut ann).unwrap();
    scene.pass(millis(60));
    let mut follower = Follower::default();
    catch_up(&mut scene, &mut ann, &mut follower);
    let mut expected = ids.clone();
    expected.push("ann");
    expected.sort_unstable();
    assert_eq!(follower.ids(), expected);
    for out in scene.take() {
        if let Out::Datagram { bytes, .. } = out {
            assert!(bytes.len() <= crate::wire::DATAGRAM_LEN);
        }
    }
}

#[test]
fn what_was_missed_is_asked_for() {
    let mut scene = Scene::new();
    let mut ann = Client::new(1, "ann", "203.0.113.5:1");
    scene.join(&mut ann).unwrap();
    scene.pass(millis(60));
    let mut follower = Follower::default();
    catch_up(&mut scene, &mut ann, &mut follower);
    let mut bob = Client::new(2, "bob", "203.0.113.5:2");
    bob.reach.candidates[0].addr.set_port(65_535);
    scene.join(&mut bob).unwrap();
    scene.pass(millis(60));
    catch_up(&mut scene, &mut ann, &mut follower);
    // (changes, whether the log still has it)
    for (times, has) in [(1, true), (100, true), (4_096, true), (4_097, false)] {
        for time in 0..times {
            bob.reach.candidates[0].addr.set_port(time + 1);
            let (member, counter) = bob.count();
            let reach = bob.reach.clone();
            scene.say(
                &bob,
                &ToServer::Reach {
                    member,
                    counter,
                    reach,
                },
            );
            scene.pass(millis(1_010));
            if time % 20 == 0 {
                scene.alive(&mut ann);
            }
        }
        scene.take();
        let sync = ann.sync(follower.seen, None);
        let answers = scene.say(&ann, &sync);
        let is_page = presence(&answers).any(|presence| matches!(presence.span, Span::Page { .. }));
        assert_eq!(is_page, !has, "{times}");
        catch_up(&mut scene, &mut ann, &mut follower);
        assert_eq!(follower.ids(), ["ann", "bob"]);
    }
}

#[test]
fn a_sync_of_nonsense_is_answered_with_the_list() {
    let mut scene = Scene::new();
    let mut ann = Client::new(1, "ann", "203.0.113.5:1");
    scene.join(&mut ann).unwrap();
    scene.pass(millis(60));
    for (have, cursor) in [
        (u64::MAX, None),
        (5, None),
        (0, Some(u64::MAX)),
        (u64::MAX - 1, Some(1)),
    ] {
        let sync = ann.sync(have, cursor);
        let answers = scene.say(&ann, &sync);
        let pages = presence(&answers)
            .filter(|presence| matches!(presence.span, Span::Page { next: None, .. }));
        assert_eq!(pages.count(), 1, "{have} {cursor:?}: {answers:?}");
    }
}

#[test]
fn followers_agree_whatever_is_lost() {
    for seed in 0..8 {
        let mut chance = Entropy::new([seed; 32]);
        let mut scene = Scene::new();
        let ids = names(12);
        let mut others: Vec<Client> = (0u8..)
            .zip(&ids)
            .map(|(n, id)| Client::new(n, id, &format!("203.0.{n}.5:1")))
            .collect();
        let mut ann = Client::new(100, "ann", "203.0.113.5:1");
        scene.join(&mut ann).unwrap();
        let mut follower = Follower::default();
        let mut since_alive = 0;
        for _ in 0..400 {
            scene.pass(millis(25 + chance.below(100)));
            let other = usize::try_from(chance.below(12)).unwrap();
            let other = &mut others[other];
            if other.member == 0 {
                other.incarnation += 1;
                other.nonce += 1;
                scene.join(other).unwrap();
            } else {
                let (member, counter) = other.count();
                scene.say(other, &ToServer::Leave { member, counter });
                other.member = 0;
            }
            // A third of all that is pushed is lost, and so is a third of what is asked.
            let told = ann.read(&scene.take());
            for presence in presence(&told) {
                if chance.below(3) > 0 {
                    follower.take(presence);
                }
            }
            since_alive += 1;
            if since_alive == 10 {
                since_alive = 0;
                let alive = ann.alive(follower.seen, None);
                for answer in scene.say(&ann, &alive) {
                    if let FromServer::Alive { presence: last, .. } = answer {
                        let cursor = follower.listing.and_then(|(_, next)| next);
                        if last > follower.seen && chance.below(3) > 0 {
                            let sync = ann.sync(follower.seen, cursor);
                            let answers = scene.say(&ann, &sync);
                            presence(&answers).for_each(|presence| _ = follower.take(presence));
                        }
                    }
                }
            }
        }
        scene.pass(millis(60));
        catch_up(&mut scene, &mut ann, &mut follower);
        assert_eq!(follower.ids(), written_down(&scene), "seed {seed}");
    }
}

/// Who is there by what the server has written down.
fn written_down(scene: &Scene) -> Vec<String> {
    let mut there = BTreeMap::new();
    for record in &scene.journal {
        match Record::read(record).unwrap() {
            Record::Here(member, _) => {
                _ = there.insert(member.number, member.profile.id().to_string())
            }
            Record::Gone(number) => _ = there.remove(&number),
            Record::Epoch { .. } | Record::Owner(_) => {}
        }
    }
    let mut ids: Vec<String> = there.into_values().collect();
    ids.sort_unstable();
    ids
}

#[test]
fn one_member_cannot_keep_all_others_busy() {
    let mut scene = Scene::new();
    let mut ann = Client::new(1, "ann", "203.0.113.5:1");
    scene.join(&mut ann).unwrap();
    let mut bob = Client::new(2, "bob", "203.0.113.5:2");
    scene.join(&mut bob).unwrap();
    scene.pass(secs(2));
    scene.take();
    let (mut seen, mut pushes) = (0, 0);
    for port in 1..=2_000 {
        bob.reach.candidates[0].addr.set_port(port);
        let (member, counter) = bob.count();
        let reach = bob.reach.clone();
        let frame = ToServer::Reach {
            member,
            counter,
            reach,
        };
        scene.say(&bob, &frame);
        scene.pass(millis(1));
        for told in presence(&ann.read(&scene.take())) {
            let Span::Changes { last, .. } = told.span else {
                panic!("{told:?}");
            };
            (seen, pushes) = (seen.max(last), pushes + 1);
            let confirms = ann.alive(seen, None);
            scene.say(&ann, &confirms);
        }
    }
    assert!((6..=9).contains(&pushes), "{pushes} in 2 s");
}

#[test]
fn changes_are_told_further_apart_when_they_are_many() {
    use crate::rendezvous::presence::Fate::Here;
    use crate::rendezvous::presence::{PENDING, Presence};
    let mut presence = Presence::new(1);
    let change = [1; 120];
    // (told, changes that wait, pushed at once, until the next)
    let rows = [
        (1, 1, 1, millis(50)),
        (0, 500, 8, millis(50)),
        (4_095, 1, 4_096, millis(122)),
        (0, 500, 8 * 4_096, millis(983)),
        (0, PENDING + 1, 0, millis(50)),
    ];
    let mut now = Duration::ZERO;
    for (told, waiting, expected, pause) in rows {
        now += secs(10);
        (0..told).for_each(|member| _ = presence.tell(member));
        (0..waiting).for_each(|member| presence.note(member as u64, Here, now));
        let fates = presence.take_due(now).expect("at once");
        assert_eq!(fates.len(), waiting);
        fates.iter().for_each(|_| presence.publish(&change));
        presence.push(waiting, now);
        let mut pushed = 0;
        while presence.work(64, |_, _| pushed += 1) {}
        assert_eq!(pushed, expected, "{told} more are told {waiting}");
        presence.note(1, Here, now);
        assert!(
            presence.take_due(now + pause - millis(1)).is_none(),
            "{told} {waiting}"
        );
        assert!(
            presence.take_due(now + pause + millis(1)).is_some(),
            "{told} {waiting}"
        );
    }
}

#[test]
fn no_more_than_so_many_are_told() {
    let mut presence = crate::rendezvous::presence::Presence::new(1);
    let slots: Vec<u16> = (0..5_000).map(|member| presence.tell(member)).collect();
    let told = slots
        .iter()
        .filter(|&&slot| slot != crate::rendezvous::member::UNTOLD);
    assert_eq!(told.count(), crate::rendezvous::presence::TOLD);
    presence.forget(7);
    assert_eq!(
        presence.tell(9_999),
        7,
        "who comes when another one has gone"
    );
    presence.publish(b"x");
    presence.push(1, Duration::ZERO);
    let mut pushed = 0;
    while presence.work(64, |_, _| pushed += 1) {}
    assert_eq!(pushed, crate::rendezvous::presence::TOLD);
}
