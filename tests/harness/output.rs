//! What a program left behind when it ended, and assertions that show all of it when they fail.

use std::borrow::Cow;
use std::fmt::{self, Display, Formatter};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

/// A finished program: how it ended and what it wrote.
#[derive(Clone, Debug)]
pub struct Output {
    /// The command line, for messages.
    pub command: String,
    /// How it ended.
    pub status: ExitStatus,
    /// All it wrote to standard output.
    pub stdout: Vec<u8>,
    /// All it wrote to standard error.
    pub stderr: Vec<u8>,
    /// From start to end.
    pub elapsed: Duration,
}

impl Output {
    /// The exit code, or `None` when a signal ended it.
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// The signal that ended it.
    pub fn signal(&self) -> Option<i32> {
        self.status.signal()
    }

    /// Standard output as text; what is not UTF-8 shows as replacement characters.
    pub fn stdout_text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.stdout)
    }

    /// Standard error as text; what is not UTF-8 shows as replacement characters.
    pub fn stderr_text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.stderr)
    }

    /// Asserts exit code 0.
    #[track_caller]
    pub fn succeeds(&self) -> &Self {
        self.exits_with(0)
    }

    /// Asserts the exit code.
    #[track_caller]
    pub fn exits_with(&self, code: i32) -> &Self {
        assert_eq!(self.code(), Some(code), "exit code\n{self}");
        self
    }

    /// Asserts what standard output is, to the byte.
    #[track_caller]
    pub fn stdout_is(&self, expected: impl AsRef<[u8]>) -> &Self {
        let expected = expected.as_ref();
        assert!(
            self.stdout == expected,
            "stdout should be {:?}\n{self}",
            String::from_utf8_lossy(expected)
        );
        self
    }

    /// Asserts what standard error is, to the byte.
    #[track_caller]
    pub fn stderr_is(&self, expected: impl AsRef<[u8]>) -> &Self {
        let expected = expected.as_ref();
        assert!(
            self.stderr == expected,
            "stderr should be {:?}\n{self}",
            String::from_utf8_lossy(expected)
        );
        self
    }

    /// Asserts that standard output has `part` in it.
    #[track_caller]
    pub fn stdout_has(&self, part: &str) -> &Self {
        assert!(
            self.stdout_text().contains(part),
            "stdout should have {part:?}\n{self}"
        );
        self
    }

    /// Asserts that standard error has `part` in it.
    #[track_caller]
    pub fn stderr_has(&self, part: &str) -> &Self {
        assert!(
            self.stderr_text().contains(part),
            "stderr should have {part:?}\n{self}"
        );
        self
    }

    /// Asserts that `part` is in neither output.
    #[track_caller]
    pub fn lacks(&self, part: &str) -> &Self {
        let is_there = self.stdout_text().contains(part) || self.stderr_text().contains(part);
        assert!(!is_there, "there should be no {part:?}\n{self}");
        self
    }

    /// Asserts that nothing was written to either output.
    #[track_caller]
    pub fn is_silent(&self) -> &Self {
        self.stdout_is("").stderr_is("")
    }

    /// Asserts what every error of ours keeps: one line on standard error, and no panic's.
    #[track_caller]
    pub fn stderr_is_one_line(&self) -> &Self {
        let text = self.stderr_text();
        assert_eq!(text.lines().count(), 1, "stderr should be one line\n{self}");
        self.lacks("panicked at")
    }
}

impl Display for Output {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "  command: {}", self.command)?;
        writeln!(f, "  ended:   {} after {:.2?}", self.status, self.elapsed)?;
        for (name, text) in [
            ("stdout", self.stdout_text()),
            ("stderr", self.stderr_text()),
        ] {
            writeln!(f, "  {name} ({} bytes):", text.len())?;
            for line in text.lines() {
                writeln!(f, "    {}", line.escape_debug())?;
            }
        }
        Ok(())
    }
}
