//! Older clients with older clients and with current ones, through relay ports of the server: every message arrives,
//! from the first on, whatever NATs are between them.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::thread;

use harness::lab::Lab;

use super::places::{Kind, Pair, sites, special};
use super::table::show;
use crate::older::{OFTEN, Older};
use crate::people::{Server, User, join};

/// Those whom an older client can be: it speaks UDP only.
const KINDS: [Kind; 6] = [
    Kind::Public,
    Kind::FullCone,
    Kind::AddressRestricted,
    Kind::PortRestricted,
    Kind::Symmetric,
    Kind::Carrier,
];

/// One end of a pair: two clients in each host, one of each age.
struct Host<'lab> {
    older: Older,
    current: User<'lab>,
}

type Hosts<'lab> = BTreeMap<String, Mutex<Host<'lab>>>;

/// Who talks to whom.
#[derive(Clone, Copy, Debug)]
enum Ages {
    OlderOlder,
    OlderCurrent,
    CurrentOlder,
}

#[test]
fn every_message_of_every_pair_with_older_clients_arrives() {
    let mut homes = sites(&KINDS);
    let mut rounds: Vec<Vec<Pair>> = (0..KINDS.len()).map(round).collect();
    for (pair, its_sites) in special() {
        homes.extend(its_sites);
        rounds[0].push(pair);
    }
    let Some(lab) = Lab::build("all pairs of NATs with older clients", homes) else {
        return;
    };
    let server = Server::on(lab.server());
    let hosts = join_all(&lab, &server, rounds.iter().flatten());
    let mut rows = Vec::new();
    for round in &rounds {
        run(round, &hosts);
        rows.extend(
            round
                .iter()
                .map(|pair| vec![pair.name.clone(), "12 of 12".to_owned()]),
        );
    }
    for host in hosts.values() {
        host.lock()
            .expect("no test thread has failed")
            .older
            .is_well();
    }
    show(&["pair with older clients", "messages"], &rows);
    assert_eq!(rows.len(), 43);
}

/// Ordered pairs of kinds, such that nobody is in two pairs of a round.
fn round(distance: usize) -> Vec<Pair> {
    let pairs = KINDS.iter().zip(KINDS.iter().cycle().skip(distance));
    pairs.map(|(&left, &right)| Pair::of(left, right)).collect()
}

fn join_all<'lab, 'p>(
    lab: &'lab Lab,
    server: &Server<'_>,
    pairs: impl Iterator<Item = &'p Pair>,
) -> Hosts<'lab> {
    let mut hosts = Hosts::new();
    for name in pairs.flat_map(|pair| [&pair.left, &pair.right]) {
        hosts.entry(name.clone()).or_insert_with(|| {
            let place = lab.host(name);
            let older = Older::on(place, &older_id(name), server.addr()).keeping_alive(OFTEN);
            let current = join(place, name, server.addr());
            Mutex::new(Host { older, current })
        });
    }
    for host in hosts.values() {
        let host = host.lock().expect("no test thread has failed");
        for name in hosts.keys() {
            host.older.meets(name);
            host.older.meets(&older_id(name));
            host.current.meets(&older_id(name));
        }
    }
    hosts
}

fn older_id(name: &str) -> String {
    format!("{name}-older")
}

fn run(round: &[Pair], hosts: &Hosts<'_>) {
    thread::scope(|scope| {
        for pair in round {
            scope.spawn(|| {
                let lock = |name: &String| hosts[name].lock().expect("no test thread has failed");
                let (mut left, mut right) = (lock(&pair.left), lock(&pair.right));
                for ages in [Ages::OlderOlder, Ages::OlderCurrent, Ages::CurrentOlder] {
                    for turn in ["first", "second"] {
                        let text = |way| format!("{way} {turn} of {} {ages:?}", pair.name);
                        say(ages, &mut left, &mut right, &text("there"));
                        say(ages.turned(), &mut right, &mut left, &text("back"));
                    }
                }
            });
        }
    });
}

impl Ages {
    fn turned(self) -> Self {
        match self {
            Self::OlderOlder => Self::OlderOlder,
            Self::OlderCurrent => Self::CurrentOlder,
            Self::CurrentOlder => Self::OlderCurrent,
        }
    }
}

/// One line from one to the other, seen by both as far as older clients can.
fn say(ages: Ages, from: &mut Host<'_>, to: &mut Host<'_>, text: &str) {
    let (from_older, to_older) = (older_id(from.current.id()), older_id(to.current.id()));
    match ages {
        Ages::OlderOlder => {
            from.older.chat(&to_older, text);
            to.older.hears(&format!("From {from_older} [{text}]"));
        }
        Ages::OlderCurrent => {
            from.older.chat(to.current.id(), text);
            to.current.sees(&format!("From {from_older} [{text}]"));
        }
        Ages::CurrentOlder => {
            from.current.chats(&to_older, text);
            to.older
                .hears(&format!("From {} [{text}]", from.current.id()));
            from.current.sees(&format!(
                "Handed on to {to_older} [{text}]: an older client, which does not confirm"
            ));
        }
    }
}
