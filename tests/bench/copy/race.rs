//! Runs one row: everyone in turns, round after round, each to a new name.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use harness::{Command, RUN_LIMIT, Stopwatch, Usage};

use crate::arena::{self, Arena, Room};
use crate::check;
use crate::child::this_program;
use crate::report::{RowResult, Standing};
use crate::rows::{Row, Sizes};
use crate::tools::{Contestants, Shape, Tool};

/// What bounds a row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Rounds that count.
    pub(crate) rounds: usize,
    /// No further round starts after this.
    pub(crate) time: Duration,
    /// Size of the file system, where the row needs no bigger one.
    pub(crate) arena: u64,
}

/// One copy may take this long; a tool that hangs ends the benchmark with its command line.
const COPY_LIMIT: Duration = Duration::from_secs(180);

/// Measures `row`; `None` if it cannot be run here.
pub(crate) fn run(
    row: Row,
    sizes: &Sizes,
    contestants: &Contestants,
    limits: &Limits,
) -> Option<RowResult> {
    let (kind, len, options) = row.home(sizes, limits.arena);
    arena::have_memory_at_hand(len);
    let mut course = Course {
        row,
        sizes,
        contestants,
        arena: Arena::new(kind, len, options)?,
        source: PathBuf::new(),
        need: Room::default(),
        runs: 0,
    };
    let since = Stopwatch::start();
    course.lay();
    let mut standings = course.first_round();
    for round in 0..limits.rounds {
        if since.elapsed() > limits.time {
            break;
        }
        // Another one starts each time: whoever runs first finds the processors cooler and the disk emptier.
        let count = standings.len();
        for turn in 0..count {
            let standing = &mut standings[(round + turn) % count];
            let (usage, target) = course.copy(standing.tool);
            standing.runs.push(usage);
            if row.is_few_files() {
                // The next copy then finds the same memory: pages that a virtual machine must fetch from its host anew make a
                // copy up to ten times slower, for whoever happens to need them.
                remove(&target);
            }
        }
    }
    Some(RowResult {
        row,
        title: row.title(sizes),
        standings,
    })
}

fn remove(target: &Path) {
    let removed = if target.is_dir() {
        fs::remove_dir_all(target)
    } else {
        fs::remove_file(target)
    };
    removed.expect("a copy that a tool has made can be removed");
}

/// A row being run.
struct Course<'a> {
    row: Row,
    sizes: &'a Sizes,
    contestants: &'a Contestants,
    arena: Arena,
    source: PathBuf,
    /// The most that one copy has taken so far.
    need: Room,
    runs: usize,
}

impl Course<'_> {
    /// Makes the source in the empty arena.
    fn lay(&mut self) {
        let before = self.arena.room();
        self.source = self.arena.join("source");
        this_program()
            .args(self.sizes.as_args())
            .args(["--make", &self.row.id(), "--at"])
            .arg(&self.source)
            .deadline(RUN_LIMIT * 5)
            .run()
            .succeeds();
        self.arena.settle();
        let worst = Room {
            bytes: self.row.worst_copy(self.sizes),
            inodes: 0,
        };
        self.note_need(before, worst);
    }

    /// Lets everyone copy once, and compares the copies with the source. Warms everything up, and does not count.
    fn first_round(&mut self) -> Vec<Standing> {
        let shape = self.row.shape();
        let mut standings = Vec::new();
        for tool in self.row.tools() {
            let Some(command) = self.command(*tool, Path::new("TARGET")) else {
                continue;
            };
            let before = self.arena.room();
            let (_, target) = self.copy(*tool);
            self.arena.settle();
            let taken = before.bytes.saturating_sub(self.arena.room().bytes);
            let mut lost = check::lost(&self.source, &[target], self.row.kept());
            standings.push(Standing {
                tool: *tool,
                name: tool.name(shape),
                command: self.shown(&command.line()),
                lost: lost.pop().unwrap_or_default(),
                // Only told where sharing is possible: a copy that takes a tenth of its size has shared the rest.
                is_cloned: self
                    .row
                    .can_share()
                    .then(|| taken < self.row.worst_copy(self.sizes) / 10),
                runs: Vec::new(),
            });
        }
        standings
    }

    /// One copy by one tool, to a name that was never used before.
    fn copy(&mut self, tool: Tool) -> (Usage, PathBuf) {
        let room = self.arena.room();
        if room.bytes < self.need.bytes || room.inodes < self.need.inodes {
            self.arena.remake();
            self.lay();
        }
        self.runs += 1;
        let target = self.arena.join(&format!("copy-{}", self.runs));
        if self.row.shape() == Shape::Files {
            fs::create_dir(&target).expect("the arena is a folder of ours");
        }
        self.arena.settle();
        let before = self.arena.room();
        let command = self
            .command(tool, &target)
            .expect("only those who can are asked");
        let usage = command
            .cwd(self.arena.path())
            .deadline(COPY_LIMIT)
            .measure();
        self.note_need(before, Room::default());
        (usage, target)
    }

    fn command(&self, tool: Tool, target: &Path) -> Option<Command> {
        self.contestants
            .command(tool, self.row.shape(), &self.source, target)
    }

    /// Learns from what is gone since `before` how much the next copy may take, a tenth more.
    fn note_need(&mut self, before: Room, at_least: Room) {
        let after = self.arena.room();
        let grown = |before: u64, after: u64, at_least: u64, known: u64| {
            let taken = before.saturating_sub(after).max(at_least);
            known.max(taken + taken / 10)
        };
        self.need = Room {
            bytes: grown(before.bytes, after.bytes, at_least.bytes, self.need.bytes),
            inodes: grown(
                before.inodes,
                after.inodes,
                at_least.inodes,
                self.need.inodes,
            ),
        };
    }

    /// A command line without the places of this run.
    fn shown(&self, line: &str) -> String {
        let line = line.replace(&self.source.display().to_string(), "SOURCE");
        match line.split_once("import sys") {
            Some((start, _)) => format!("{start}original.py …"),
            None => line,
        }
    }
}
