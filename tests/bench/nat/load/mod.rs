//! How many keep-alives a server bears: members that joined as clients do, all of them saying that they are still here,
//! as fast as it answers.
//!
//! ```text
//! members   identities, cookies, keys: they join           ── the library's own frames
//! questions many under way, each answer checked
//! peers     the older server and coturn, asked the same way
//! ```
//!
//! What counts is the server's processor time for an answer, as the kernel tells it, network stack included; how many
//! a second there were in this run depends on the machine's other processors, which ask. Members share sockets, some
//! hundred each, but no two keep-alives in a row come from the same one.

pub(crate) mod members;
mod peers;
pub(crate) mod questions;

use std::time::Duration;

use crate::Options;
use crate::family::Family;
use crate::figure::{Figure, Line, Outcome, Unit, as_f64};
use crate::people::Server;
use questions::{Answers, Asker};

/// Members, unless told otherwise.
const MEMBERS: u32 = 100_000;
const FEW_MEMBERS: u32 = 5_000;

/// How long one round asks.
pub(crate) const ROUND: Duration = Duration::from_secs(2);

pub(crate) fn run(options: &Options) -> Outcome {
    let usual = if options.quick { FEW_MEMBERS } else { MEMBERS };
    let count = options.members.unwrap_or(usual);
    let rounds = options.rounds(5);
    let mut server = Server::here();
    let family = Family::of(server.running().pid());
    let before = family.memory();
    let (mut askers, took) = members::join_all(server.addr(), count);
    let memory = family.memory().saturating_sub(before);
    let joined: usize = askers.iter().map(Asker::len).sum();
    let runs = measure(&mut askers, &family, rounds);

    let mut outcome = Outcome::default();
    let per_core = runs.iter().map(Run::per_core);
    let peers_rounds = rounds.min(3);
    outcome.add(
        Line::new(
            "keep-alives answered for a processor second of the server",
            Figure::new(Unit::PerSecond, per_core),
        )
        .at_least(300_000.0)
        .beside(
            "the older server, which answers none",
            peers::older(peers_rounds),
        )
        .beside("coturn, STUN Binding", peers::coturn(peers_rounds))
        .quoting(
            "the original ones, with their busy loops",
            "9,687 and 6,924/s",
        ),
    );
    let bytes = u64_as_f64(memory) / as_f64(joined);
    outcome.add(Line::new("memory for a member", Figure::one(Unit::Bytes, bytes)).at_most(256.0));
    let micros = runs.iter().map(|run| 1e6 / run.per_core());
    outcome.add(Line::new(
        "processor time for a keep-alive",
        Figure::new(Unit::Micros, micros),
    ));
    outcome.add(Line::new(
        "answers a second in this run",
        Figure::new(Unit::PerSecond, runs.iter().map(Run::per_second)),
    ));
    let lost: usize = runs.iter().map(|run| run.answers.lost).sum();
    outcome.add(Line::new(
        "keep-alives that were not answered",
        Figure::count(lost),
    ));
    outcome.note(format!(
        "{joined} members, joined in {:.1} s",
        took.as_secs_f64()
    ));
    outcome
}

/// One round.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    pub(crate) answers: Answers,
    /// The server's.
    pub(crate) cpu: Duration,
}

impl Run {
    pub(crate) fn per_core(&self) -> f64 {
        as_f64(self.answers.right) / self.cpu.as_secs_f64()
    }

    fn per_second(&self) -> f64 {
        as_f64(self.answers.right) / self.answers.wall.as_secs_f64()
    }
}

/// Asks in rounds; a first one does not count.
pub(crate) fn measure<Q: questions::Question>(
    askers: &mut [Asker<Q>],
    family: &Family,
    rounds: u16,
) -> Vec<Run> {
    let mut runs: Vec<Run> = (0..=rounds)
        .map(|_| {
            let before = family.counts().cpu;
            let answers = questions::ask(askers, ROUND);
            let cpu = family.counts().cpu - before;
            Run { answers, cpu }
        })
        .collect();
    runs.remove(0);
    runs
}

/// Memory sizes are far below 2⁵³.
fn u64_as_f64(number: u64) -> f64 {
    usize::try_from(number).map_or(f64::INFINITY, as_f64)
}
