//! The pair that others call hopeless, port-restricted × symmetric with random ports, again and again: each time two new
//! clients behind two routers that have just been rebooted. Either side begins every other time.

use std::fs;
use std::time::Duration;

use harness::Stopwatch;
use harness::lab::{Lab, Nat, Router};

use crate::Options;
use crate::figure::{Figure, Line, Outcome, Unit, as_f64};
use crate::pair::{self, left, meet, right, start_on, time_to_direct};
use crate::people::Server;

/// Lines are to go directly within this.
const GOAL: Duration = Duration::from_secs(2);

/// Between two looks at the list, and how long is waited at all.
const LOOKS: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(4));

pub(crate) fn run(options: &Options) -> Outcome {
    let lab = pair::lab([left(Nat::PortRestricted), right(Nat::Symmetric)]);
    let server = Server::on(lab.server());
    let rounds = options.rounds(40);
    let attempts: Vec<Attempt> = (0..rounds)
        .map(|round| attempt(&lab, &server, round))
        .collect();

    let times: Vec<Duration> = attempts
        .iter()
        .filter_map(|attempt| attempt.direct)
        .collect();
    let in_time = times.iter().filter(|time| **time <= GOAL).count();
    let share = as_f64(in_time) * 100.0 / f64::from(rounds);
    let mut outcome = Outcome::default();
    outcome.add(
        Line::new(
            "port-restricted × symmetric: direct within 2 s",
            Figure::one(Unit::Percent, share),
        )
        .at_least(95.0)
        .quoting("iroh 1.4", "0 of 7")
        .quoting("aioice + coturn", "0"),
    );
    outcome.add(Line::new(
        "from @chat until it is direct",
        Figure::times(&times),
    ));
    let packets = attempts.iter().map(|attempt| as_f64(attempt.packets));
    outcome.add(Line::new(
        "packets that left the easy side's home until then",
        Figure::new(Unit::Count, packets),
    ));
    outcome.note(format!(
        "{in_time} of {rounds} within 2 s, {} at all",
        times.len()
    ));
    outcome
}

struct Attempt {
    direct: Option<Duration>,
    packets: usize,
}

fn attempt(lab: &Lab, server: &Server<'_>, round: u16) -> Attempt {
    lab.router("left").reboot();
    lab.router("right").reboot();
    let start = |host, id: &str| start_on(lab.host(host), &format!("{id}{round}"), server.addr());
    let (mut one, mut other) = (start("alice", "alice"), start("bob", "bob"));
    meet(&one, &other);
    if round % 2 == 1 {
        std::mem::swap(&mut one, &mut other);
    }
    let before = packets_out(lab.router("left"));
    let watch = Stopwatch::start();
    one.chats(other.id(), "hi");
    let direct = time_to_direct(&mut one, other.id(), watch, LOOKS);
    Attempt {
        direct,
        packets: packets_out(lab.router("left")).saturating_sub(before),
    }
}

/// Packets that a router has sent by its way up.
fn packets_out(router: Router<'_>) -> usize {
    let table = router.enter(|| fs::read_to_string("/proc/thread-self/net/dev"));
    let table = table.unwrap_or_default();
    let line = table
        .lines()
        .find_map(|line| line.trim_start().strip_prefix("eth0:"));
    // Eight columns of what came in, then bytes and packets of what went out (proc_pid_net(5)).
    let packets = line.and_then(|line| line.split_whitespace().nth(9));
    packets
        .and_then(|packets| packets.parse().ok())
        .unwrap_or_default()
}
