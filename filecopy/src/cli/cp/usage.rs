//! What is wrong with a command line. A leaf.

use std::fmt;

use common::quote::visible;

/// A command line that `cp` cannot obey. The words are GNU's, so that they can be searched for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Usage {
    message: String,
    /// Whether `--help` would tell more.
    pub(super) hint: bool,
}

impl Usage {
    /// A mistake that the help text explains. What was typed is part of the message, so it must not act on the
    /// terminal.
    pub(super) fn of(message: impl AsRef<str>) -> Self {
        let lines = message.as_ref().split('\n').map(visible);
        Self {
            message: lines.collect::<Vec<_>>().join("\n"),
            hint: true,
        }
    }

    /// A mistake that needs no explanation.
    pub(super) fn plain(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: false,
        }
    }
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
