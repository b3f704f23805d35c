//! What one run of the program is asked to do, apart from how entries are copied: plain values, built by the command line.

use std::path::PathBuf;

use common::clock::Clock;
use common::log::Logger;
use common::style::Style;

use crate::config::Options;
use crate::engine::Target;

/// The surroundings of a run, for one copy as for many.
#[derive(Debug)]
pub struct Session {
    /// The name that messages begin with.
    pub program: &'static str,
    /// How entries are copied.
    pub options: Options,
    /// Where starts and ends are written down.
    pub log: LogChoice,
    /// How much is said.
    pub volume: Volume,
    /// In what form the answer on stdout is.
    pub form: Form,
    /// Whether entries may be removed without asking.
    pub consent: Consent,
    /// Counts from the start of the program.
    pub clock: Clock,
    /// For diagnostics.
    pub logger: Logger,
    /// Colours on stderr.
    pub style: Style,
}

impl Session {
    /// A message that something is wrong, as it is shown.
    #[must_use]
    pub fn complaint(&self, message: &str) -> String {
        format!(
            "{} {message}",
            self.style.red(format_args!("{}:", self.program))
        )
    }
}

/// What a run copies when the command line names it.
#[derive(Clone, Debug)]
pub struct Request {
    /// What is copied.
    pub sources: Vec<PathBuf>,
    /// Where to.
    pub destination: PathBuf,
    /// How the destination is to be understood.
    pub target: Target,
}

/// Where starts and ends are written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogChoice {
    /// In [`DEFAULT_LOG`], or, where that cannot be written, nowhere after a warning.
    Default,
    /// In this file, or nothing is copied.
    File(PathBuf),
    /// Nowhere.
    None,
}

/// The log's name, in the current folder, as it always was.
pub const DEFAULT_LOG: &str = "log.txt";

/// How much is said. Failures are told at every volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Volume {
    /// Failures only.
    Quiet,
    /// Progress on a terminal and a summary as well.
    Normal,
    /// Each entry as well.
    Verbose,
}

/// The form of the answer on stdout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// For people.
    Text,
    /// Events, one JSON object a line.
    Json,
}

/// Whether entries may be removed (`--delete`) without asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consent {
    /// The person at the terminal is asked.
    Ask,
    /// `--yes` was given.
    Given,
}
