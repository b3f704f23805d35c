//! How a program ends: one line on stderr and an exit code.
//!
//! Errors are chains of lower-case fragments (`copy 'a' to 'b': open 'a': permission denied`),
//! each telling its own part, and [`report`] joins them. [`now`] is the one place that may skip destructors.

use std::error::Error;
use std::io;
use std::process::{ExitCode, Termination};

use crate::{console, quote, streams};

/// The exit codes that all the programs share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitStatus {
    /// 0: everything asked for was done.
    Success,
    /// 1: the work, or a part of it, failed; what failed has been named on stderr.
    Failed,
    /// 2: the command line was wrong and nothing was begun.
    Usage,
    /// 130: stopped by Ctrl-C or SIGTERM, and everything put in order.
    Interrupted,
}

impl ExitStatus {
    const fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Interrupted => 130,
        }
    }
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> Self {
        Self::from(status.code())
    }
}

impl Termination for ExitStatus {
    fn report(self) -> ExitCode {
        self.into()
    }
}

/// Prints one line on stderr: the program, then the whole chain of causes.
pub fn report(program: &str, error: &(dyn Error + 'static)) {
    streams::notice(&format!("{program}: {}", describe(error)));
}

/// The chain of causes in one line, harmless to show: `open 'a': permission denied`.
#[must_use]
pub fn describe(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    let fragments: Vec<String> = causes
        .map(|cause| {
            cause
                .downcast_ref()
                .map_or_else(|| cause.to_string(), io_message)
        })
        .collect();
    quote::visible(&fragments.join(": ")).into_owned()
}

/// What an I/O error says, in our form: `no space left on device`, without `(os error 28)`.
#[must_use]
pub fn io_message(error: &io::Error) -> String {
    let mut message = error.to_string();
    if let Some(code) = error.raw_os_error()
        && let Some(stem) = message.strip_suffix(&format!(" (os error {code})"))
    {
        message.truncate(stem.len());
    }
    lower_first(message)
}

/// Ends the program at once: for the second Ctrl-C, when the orderly way takes the user too long.
///
/// The terminal is put back as it was found; no destructor runs, so temporary files stay and log lines that wait in
/// memory are lost.
#[expect(
    clippy::disallowed_methods,
    reason = "the one sanctioned way to leave without unwinding"
)]
pub fn now(status: ExitStatus) -> ! {
    console::restore_terminal();
    std::process::exit(i32::from(status.code()))
}

/// Lower-cases a sentence's capital, but not an abbreviation's (`RPC struct is bad`).
fn lower_first(message: String) -> String {
    let mut chars = message.chars();
    match (chars.next(), chars.next()) {
        (Some(first), Some(second))
            if first.is_ascii_uppercase() && !second.is_ascii_uppercase() =>
        {
            format!("{}{}", first.to_ascii_lowercase(), &message[1..])
        }
        _ => message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    enum Failure {
        #[error("copy {} to {}", quote::always("a"), quote::always("b"))]
        Copy(#[source] Box<Self>),
        #[error("open {}", quote::always("a"))]
        Open(#[source] io::Error),
    }

    #[test]
    fn the_whole_chain_is_told() {
        let denied = io::Error::from_raw_os_error(13);
        let error = Failure::Copy(Box::new(Failure::Open(denied)));
        assert_eq!(
            describe(&error),
            "copy 'a' to 'b': open 'a': permission denied"
        );
    }

    #[test]
    fn io_errors_speak_in_lower_case() {
        let rows = [
            (
                "from the system",
                io::Error::from_raw_os_error(28),
                "no space left on device",
            ),
            (
                "of a kind",
                io::Error::from(io::ErrorKind::UnexpectedEof),
                "unexpected end of file",
            ),
            (
                "our own words",
                io::Error::other("Short read"),
                "short read",
            ),
            (
                "an abbreviation",
                io::Error::other("RPC failed"),
                "RPC failed",
            ),
            ("empty", io::Error::other(""), ""),
        ];
        for (name, error, expected) in rows {
            assert_eq!(io_message(&error), expected, "{name}");
        }
    }

    #[test]
    fn messages_cannot_act_on_the_terminal() {
        assert_eq!(describe(&io::Error::other("bad\n\x1b[2J")), r"bad\n\x1b[2J");
    }
}
