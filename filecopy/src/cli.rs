//! The command line: arguments → the library's [`Session`] and [`Request`]. Belongs to the binary; the library
//! never sees clap.

mod args;
mod command;
pub(crate) mod cp;
mod patterns;
mod values;

use std::ffi::OsString;
use std::io::{IsTerminal, stderr, stdin};
use std::process::ExitCode;

use common::clock::Clock;
use common::exit::ExitStatus;
use common::streams;
use filecopy::front::session::{Request, Session};

use args::Args;

/// What the program is to do.
pub(crate) enum Command {
    /// Copy what is named, and end.
    Copy(Session, Request),
    /// Ask for names.
    Ask(Session),
    /// Be `cp`, with the arguments after its name.
    Cp(Vec<OsString>),
}

/// Reads a command line, the program's name first.
///
/// # Errors
/// The exit code to end with: of `--help` and the like, or of a wrong command line, both told already.
pub(crate) fn parse(arguments: Vec<OsString>, clock: Clock) -> Result<Command, ExitCode> {
    if let Some(arguments) = cp::arguments(&arguments) {
        return Ok(Command::Cp(arguments.to_vec()));
    }
    let args: Args = common::cli::parse_advised(arguments, advice)?;
    let person = if stdin().is_terminal() && stderr().is_terminal() {
        Person::Present
    } else {
        Person::Absent
    };
    args.command(clock, person).map_err(|error| {
        streams::notice(&format!("filecopy: {error}"));
        streams::notice("Try 'filecopy --help' for more information.");
        ExitStatus::Usage.into()
    })
}

/// What is said about an option that is cp's alone.
fn advice(option: &str) -> Option<String> {
    let name = option.split_once('=').map_or(option, |(name, _)| name);
    OF_CP
        .contains(&name)
        .then(|| format!("{name} is an option of 'filecopy cp', which takes all those of GNU cp"))
}

const OF_CP: [&str; 19] = [
    "-f",
    "--force",
    "-i",
    "--interactive",
    "-H",
    "-l",
    "--link",
    "-s",
    "--symbolic-link",
    "-S",
    "--suffix",
    "-Z",
    "--context",
    "--attributes-only",
    "--copy-contents",
    "--parents",
    "--preserve",
    "--remove-destination",
    "--strip-trailing-slashes",
];

/// Whether there is someone to be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Person {
    Present,
    Absent,
}

/// What clap cannot tell is wrong with a command line.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
enum UsageError {
    /// One name alone.
    #[error("missing destination after {}", common::quote::always(.0))]
    NoDestination(OsString),
    /// `--target-directory` without a source.
    #[error("missing source: --target-directory names the destination only")]
    NoSource,
    /// `--delete` where no one can be asked.
    #[error(
        "--delete removes files of the destination; say --yes, or run it on a terminal to be asked"
    )]
    NobodyToAsk,
    /// An option that needs names.
    #[error("{0} needs SRC and DST")]
    NeedsNames(&'static str),
    /// A pattern that cannot be read.
    #[error("{} is not a pattern: {reason}", common::quote::always(pattern))]
    Pattern {
        /// As it was given.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
}
