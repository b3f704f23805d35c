//! Measures webserver against its peers, side by side on this machine: `just bench-web`.
//!
//! ```text
//! servers  who takes part, and with which configuration     ── conf/
//! site     the folder that everyone serves
//! rows     what: who asks for what, over how many connections, and the goal
//! scene    all that together, and a server started          ── family: what its processes use
//! check    whether its replies are right                    ── client
//! load     one load by wrk, measured                        ── wrk.lua, noise
//! race     how: in turns, round after round                 ── calls: system calls, if asked
//! idle     the row of idle connections
//! report   a table for each row                             ── json
//! summary  one table for all, in Markdown
//! ```
//!
//! What makes the numbers comparable: every round runs all of them one after the other, in an order that is turned
//! around each time, and a ratio is taken within its round. The figure to trust is the server's processor time for a
//! request, as the kernel counts it: replies a second depend on what else the machine does, and on the load generator,
//! which runs beside the servers. Everyone is started anew for each row, answers right before it is measured, and has
//! had one load that does not count. A reply of another status or length than the one that was checked ends a server's
//! part in the row.
//!
//! Only the loopback is measured: real network cards and TLS shift the ratios.

#![forbid(unsafe_code)]

mod calls;
mod check;
mod client;
mod family;
mod idle;
mod json;
mod load;
mod noise;
mod race;
mod report;
mod rows;
mod scene;
mod servers;
mod site;
mod summary;

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use harness::Machine;

use crate::race::Limits;
use crate::report::{RowResult, Standings};
use crate::rows::{Ask, ROWS, Row};
use crate::scene::Scene;
use crate::servers::{Contestants, Server};

/// Measures webserver against nginx, h2o, lighttpd and static-web-server.
#[derive(Debug, Parser)]
struct Options {
    /// Rounds per row; by default 9, and 3 with idle connections.
    #[arg(long)]
    rounds: Option<usize>,
    /// Rows to run, by name; all by default.
    #[arg(long, value_delimiter = ',', value_parser = Row::named)]
    rows: Vec<Row>,
    /// Who takes part besides nginx; by default everyone who is installed.
    #[arg(long, value_delimiter = ',')]
    tools: Vec<Server>,
    /// Two rounds, one with idle connections: shows that it works, not how fast.
    #[arg(long)]
    quick: bool,
    /// How long one load lasts.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=60))]
    seconds: u64,
    /// After this many seconds a row starts no further round.
    #[arg(long, default_value_t = 240)]
    row_limit_secs: u64,
    /// Counts system calls too, in a load of their own that does not count otherwise.
    #[arg(long)]
    strace: bool,
    /// Folder that holds bin/static-web-server.
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/peers"))]
    peers: PathBuf,
    /// Writes all measurements here as well.
    #[arg(long)]
    json: Option<PathBuf>,
}

#[expect(clippy::print_stdout, reason = "the tables are this program's answer")]
fn main() -> ExitCode {
    let options = Options::parse();
    let contestants = Contestants::find(&options.tools, &options.peers);
    let Some(scene) = contestants.and_then(|found| Scene::new(found, options.seconds)) else {
        return ExitCode::FAILURE;
    };
    let machine = Machine::here();
    print!("{machine}{}", scene.contestants);
    let mut results = Vec::new();
    for row in options.chosen_rows() {
        let result = options.run(row, &scene);
        print!("{result}");
        results.push(result);
    }
    print!("{}", summary::summary(&results, &scene.contestants));
    if let Some(path) = &options.json {
        let json = json::json(&machine, &scene.contestants, &results);
        if let Err(error) = fs::write(path, json) {
            panic!("write {}: {error}", path.display());
        }
    }
    // Wrong replies are no result to compare speeds of.
    if results.iter().any(|result| !result.faults().is_empty()) {
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

impl Options {
    fn chosen_rows(&self) -> Vec<Row> {
        if self.rows.is_empty() {
            ROWS.to_vec()
        } else {
            self.rows.clone()
        }
    }

    fn run(&self, row: Row, scene: &Scene) -> RowResult {
        let is_idle = row.ask == Ask::StayIdle;
        let rounds = match (self.quick, is_idle) {
            (true, true) => 1,
            (true, false) => 2,
            (false, true) => 3,
            (false, false) => 9,
        };
        let limits = Limits {
            rounds: self.rounds.unwrap_or(rounds),
            time: Duration::from_secs(self.row_limit_secs),
            counts_calls: self.strace,
        };
        let standings = if is_idle {
            Standings::Idle(idle::run(&row, scene, &limits))
        } else {
            Standings::Load(race::run(&row, scene, &limits))
        };
        RowResult { row, standings }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Options::command().debug_assert();
    }
}
