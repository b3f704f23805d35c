//! A hundred members who come, go, vanish and come again over bad lines: in the end everybody's list is the server's.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use harness::Random;
use harness::sim::{INTERNET, Line, Lost, NodeId, World};
use natchat::client::event::{Event as Shown, Place};

use super::town::Town;
use super::user::User;

const MEMBERS: usize = 100;

/// Of packets, on each line and direction.
const LOSS: f64 = 0.2;

/// How long they come and go.
const MOVES: usize = 300;
const STEP: Duration = Duration::from_millis(100);

/// Who is silent so long is gone, and some more for the last lost news.
const REST: u64 = 60;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Here,
    Away,
}

#[test]
fn a_hundred_come_and_go() {
    let mut random = Random::new(20);
    let mut town = Town::of(World::new(20));
    let nodes: Vec<NodeId> = (0..MEMBERS).map(|_| town.world().node(INTERNET)).collect();
    let mut states = Vec::new();
    for (number, node) in nodes.iter().enumerate() {
        town.world()
            .set_line(*node, &Line::delayed(10).losing(LOSS).shuffling(0.02));
        town.start(*node, &format!("member{number}"));
        states.push(State::Here);
        town.millis(20);
    }
    for _ in 0..MOVES {
        let who = random.below(MEMBERS);
        let node = nodes[who];
        states[who] = turn(&mut town, &mut random, node, states[who]);
        town.run(STEP);
    }
    town.seconds(REST);
    assert!(town.world().lost(Lost::Chance) > 10_000);

    let here: Vec<NodeId> = nodes
        .iter()
        .zip(&states)
        .filter(|(_, state)| **state == State::Here)
        .map(|(node, _)| *node)
        .collect();
    assert_eq!(usize::try_from(town.host().members()).unwrap(), here.len());
    let ids: Vec<String> = here
        .iter()
        .map(|node| town.user(*node).id().to_owned())
        .collect();
    let mut places: BTreeMap<String, Place> = BTreeMap::new();
    for node in &here {
        let own = town.user(*node).id().to_owned();
        let rows = town.with(*node, User::list);
        let mut listed: Vec<&str> = rows.iter().map(|row| row.id.as_str()).collect();
        let mut expected: Vec<&str> = ids.iter().map(String::as_str).collect();
        listed.sort_unstable();
        expected.sort_unstable();
        assert_eq!(listed, expected, "{own}'s list");
        for row in rows.iter().filter(|row| row.id.as_str() != own) {
            let place = places
                .entry(row.id.to_string())
                .or_insert_with(|| row.at.clone());
            assert_eq!(*place, row.at, "{} as {own} sees it", row.id);
        }
        assert_eq!(present(&town, *node), expected, "what {own} was shown");
    }
}

/// Comes, leaves, or is killed.
fn turn(town: &mut Town, random: &mut Random, node: NodeId, state: State) -> State {
    match state {
        State::Away => {
            town.restart(node, Duration::ZERO);
            State::Here
        }
        State::Here if random.one_in(2) => {
            town.types(node, "@exit");
            State::Away
        }
        State::Here if random.one_in(3) => {
            town.restart(node, Duration::ZERO);
            State::Here
        }
        State::Here => {
            town.world().crash(node);
            town.with(node, |user, _, _| user.is_killed());
            State::Away
        }
    }
}

/// Who is there by what the user was told in this run.
fn present(town: &Town, node: NodeId) -> Vec<&str> {
    let user = town.user(node);
    let mut present = BTreeSet::new();
    for line in user.shown.iter().filter(|line| line.run == user.runs()) {
        if let Shown::Here { id, .. } = &line.event {
            present.insert(id.as_str());
        } else if let Shown::Left(id) | Shown::Silent(id) = &line.event {
            present.remove(id.as_str());
        }
    }
    present.into_iter().collect()
}
