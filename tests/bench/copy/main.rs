//! Measures filecopy against its peers, side by side on this machine: `just bench-copy`.
//!
//! ```text
//! tools  who takes part, and with which command line
//! arena  where: a fresh file system in memory that holds source and copies
//! rows   what: a source, its shape, and who comes
//! race   how: in turns, each copy to a new name; the first copy of each is compared with the source, not counted
//! report the tables, and the same as JSON
//! ```
//!
//! What makes the numbers comparable: every round runs all of them one after the other, starting with another one each
//! time, and a ratio is taken within its round. The source is in the page cache. What is still to be written from the
//! run before is written before the next starts. Memory is at hand, see [`arena::have_memory_at_hand`]. Nothing is
//! deleted between runs, because ext4 creates files slowly where many were just deleted; a full file system is made
//! anew.
//!
//! It stays small itself, see [`harness::Usage`]: sources are made and copies compared by child processes.

#![forbid(unsafe_code)]

mod arena;
mod check;
mod child;
mod race;
mod report;
mod rows;
mod tools;

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use common::units::ByteSize;
use harness::Machine;

use crate::rows::{Row, Sizes};
use crate::tools::{Contestants, Tool};

/// Measures filecopy against cp, rsync, xcp, fcp, cpz and the original's shape.
#[derive(Debug, Parser)]
struct Options {
    /// Rounds per row; by default 11 for big files and 5 for trees.
    #[arg(long)]
    rounds: Option<usize>,
    /// Rows to run, by name; all by default.
    #[arg(long, value_delimiter = ',')]
    rows: Vec<Row>,
    /// Who takes part besides cp; by default everyone who is installed.
    #[arg(long, value_delimiter = ',')]
    tools: Vec<Tool>,
    /// Small sources and few rounds: shows that it works, not how fast.
    #[arg(long)]
    quick: bool,
    /// Size of the one big file, as in 2GiB.
    #[arg(long, default_value = "256MiB")]
    big: ByteSize,
    /// Size of the file system that holds source and copies, where a row needs no bigger one.
    #[arg(long, default_value = "3GiB")]
    arena: ByteSize,
    /// The real tree to copy.
    #[arg(long, default_value = "/usr/share")]
    tree: PathBuf,
    /// After this many seconds a row starts no further round.
    #[arg(long, default_value_t = 240)]
    row_limit_secs: u64,
    /// Folder that holds bin/xcp, bin/fcp and bin/cpz.
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/peers"))]
    peers: PathBuf,
    /// Writes all measurements here as well.
    #[arg(long)]
    json: Option<PathBuf>,
    /// A child's task: compare folders with the first one.
    #[arg(long, hide = true, num_args = 2.., value_names = ["SOURCE", "COPY"])]
    compare: Vec<PathBuf>,
    /// A child's task: make the source of this row at that place.
    #[arg(long, hide = true, requires = "at")]
    make: Option<Row>,
    #[arg(long, hide = true)]
    at: Option<PathBuf>,
    /// A child's task: use this much memory once.
    #[arg(long, hide = true)]
    touch: Option<usize>,
}

#[expect(clippy::print_stdout, reason = "the tables are this program's answer")]
fn main() -> ExitCode {
    let options = Options::parse();
    let sizes = options.sizes();
    if let Some(source) = options.compare.first() {
        print!("{}", check::compare(source, &options.compare[1..]));
        return ExitCode::SUCCESS;
    }
    if let Some(len) = options.touch {
        arena::touch(len);
        return ExitCode::SUCCESS;
    }
    if let (Some(row), Some(place)) = (options.make, &options.at) {
        row.make_source(&sizes, place);
        return ExitCode::SUCCESS;
    }

    let contestants = Contestants::find(&options.tools, &options.peers);
    let machine = Machine::here();
    print!("{machine}{contestants}");
    let mut results = Vec::new();
    for row in options.chosen_rows() {
        let limits = race::Limits {
            rounds: options.rounds.unwrap_or_else(|| row.rounds(options.quick)),
            time: Duration::from_secs(options.row_limit_secs),
            arena: options.arena.bytes(),
        };
        if let Some(result) = race::run(row, &sizes, &contestants, &limits) {
            print!("{result}");
            results.push(result);
        }
    }
    let least_rss = report::least_rss();
    println!(
        "\nleast memory that could be seen: {} MiB",
        report::mib(least_rss)
    );
    if let Some(path) = &options.json {
        let json = report::json(&machine, least_rss, &contestants, &results);
        if let Err(error) = fs::write(path, json) {
            panic!("write {}: {error}", path.display());
        }
    }
    // A copy that differs in its bytes is no result to compare speeds of.
    if results.iter().any(report::RowResult::has_wrong_content) {
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

impl Options {
    fn chosen_rows(&self) -> Vec<Row> {
        if self.rows.is_empty() {
            Row::ALL.to_vec()
        } else {
            self.rows.clone()
        }
    }

    fn sizes(&self) -> Sizes {
        Sizes::new(self.big.bytes(), self.tree.clone(), self.quick)
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
