//! Measures natchat against its goals and its peers, side by side on this machine: `just bench-nat`.
//!
//! ```text
//! rows      what is measured, and which function does it
//!   matrix    all pairs of NATs                        ── ice: the same by aioice and coturn
//!   start     from the program's start to an echo      ── ice
//!   hard      port-restricted × symmetric, many times
//!   reboot    a NAT forgets everything
//!   absent    UDP is blocked; the server is killed
//!   with_older  all pairs with older clients           ── the tests' older client
//!   load/     keep-alives a second                     ── older_server.py, coturn
//!   amplify   bytes that strangers draw
//!   files     a gigabyte, direct and relayed           ── nc
//!   packages  the dependency tree
//! pair      two who talk, and by what way              ── the tests' people
//! figure    numbers with their unit, and what was set out to be reached
//! report    a table for each row                       ── json
//! summary   one table for all, in Markdown
//! ```
//!
//! Networks are those of [`harness::lab`]: they take no time unless a row says so, and the numbers show the programs'
//! own timers. Peers run in the same run, in turns where times are compared; a number in quotation marks was measured
//! earlier, in a laboratory of the same kind, by a program that is not run here.
//!
//! What users see is what is measured: lines typed and lines printed by the built programs, including the few
//! milliseconds that a program takes to start.

#![forbid(unsafe_code)]

mod absent;
mod amplify;
#[cfg_attr(not(test), expect(dead_code, reason = "its own bench asks for more"))]
#[path = "../web/family.rs"]
mod family;
mod figure;
mod files;
mod hard;
mod ice;
mod json;
mod load;
mod matrix;
#[expect(dead_code, reason = "the tests ask for more")]
#[path = "../../natchat/older.rs"]
mod older;
mod packages;
mod pair;
#[expect(dead_code, reason = "the tests ask for more")]
#[path = "../../natchat/people.rs"]
mod people;
#[path = "../../natchat/matrix/places.rs"]
mod places;
mod reboot;
mod report;
mod rows;
mod start;
mod summary;
mod with_older;

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use harness::{Machine, needs_root};

use crate::rows::{ROWS, Row};

/// Measures natchat against its goals, older programs, aioice with coturn, and plain TCP.
#[derive(Debug, Parser)]
struct Options {
    /// Rows to run, by name; all by default.
    #[arg(long, value_delimiter = ',', value_parser = Row::named)]
    rows: Vec<Row>,
    /// How often what is measured several times is measured; each row has its own default.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    rounds: Option<u16>,
    /// Few rounds, few members and small files: shows that it works, not how well.
    #[arg(long)]
    quick: bool,
    /// Members that keep alive.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1_000..=1_000_000))]
    members: Option<u32>,
    /// Folder that holds wormhole/bin/wormhole.
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/peers"))]
    peers: PathBuf,
    /// Writes all measurements here as well.
    #[arg(long)]
    json: Option<PathBuf>,
}

#[expect(clippy::print_stdout, reason = "the tables are this program's answer")]
fn main() -> ExitCode {
    let options = Options::parse();
    let Some(()) = needs_root("bench-nat") else {
        return ExitCode::FAILURE;
    };
    let machine = Machine::here();
    print!("{machine}");
    let mut results = Vec::new();
    for row in options.chosen_rows() {
        let result = row.run(&options);
        print!("{result}");
        results.push(result);
    }
    print!("{}", summary::summary(&results));
    if let Some(path) = &options.json {
        let json = json::json(&machine, &results);
        if let Err(error) = fs::write(path, json) {
            panic!("write {}: {error}", path.display());
        }
    }
    // What did not work at all is no result.
    if results.iter().any(|result| result.fault.is_some()) {
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

    /// How often to measure, where `usual` times are enough.
    fn rounds(&self, usual: u16) -> u16 {
        let usual = if self.quick { usual.div_ceil(4) } else { usual };
        self.rounds.unwrap_or(usual)
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
