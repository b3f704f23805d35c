//! The rows, and how one is run: whatever goes wrong in it ends that row alone.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use harness::Stopwatch;

use crate::figure::Outcome;
use crate::{
    Options, absent, amplify, files, hard, load, matrix, packages, reboot, start, with_older,
};

/// One comparison.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    /// As given to `--rows`.
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    measure: fn(&Options) -> Outcome,
}

/// All rows, in the order of the tables.
pub(crate) const ROWS: [Row; 11] = [
    row("matrix", "every pair of NATs", matrix::run),
    row("start", "from the program's start to an echo", start::run),
    row("hard", "port-restricted × symmetric", hard::run),
    row("reboot", "a NAT forgets everything", reboot::run),
    row("blocked", "UDP is blocked", absent::blocked),
    row(
        "killed",
        "the server is killed and started again",
        absent::killed,
    ),
    row("older", "every pair with older clients", with_older::run),
    row("load", "keep-alives", load::run),
    row(
        "amplify",
        "bytes that strangers draw from the server",
        amplify::run,
    ),
    row("files", "a large file", files::run),
    row("packages", "the dependency tree", packages::run),
];

const fn row(id: &'static str, title: &'static str, measure: fn(&Options) -> Outcome) -> Row {
    Row { id, title, measure }
}

/// What came of a row.
#[derive(Debug)]
pub(crate) struct RowResult {
    pub(crate) row: Row,
    pub(crate) outcome: Outcome,
    pub(crate) took: Duration,
    /// What ended it.
    pub(crate) fault: Option<String>,
}

impl Row {
    /// The row of this name.
    ///
    /// # Errors
    /// Says which names there are.
    pub(crate) fn named(id: &str) -> Result<Self, String> {
        let found = ROWS.iter().find(|row| row.id == id);
        found.copied().ok_or_else(|| {
            let ids: Vec<&str> = ROWS.iter().map(|row| row.id).collect();
            format!("the rows are {}", ids.join(", "))
        })
    }

    /// Measures it.
    pub(crate) fn run(self, options: &Options) -> RowResult {
        let watch = Stopwatch::start();
        let result = catch_unwind(AssertUnwindSafe(|| (self.measure)(options)));
        let (outcome, fault) = match result {
            Ok(outcome) => (outcome, None),
            Err(panic) => (Outcome::default(), Some(words(&*panic))),
        };
        RowResult {
            row: self,
            outcome,
            took: watch.elapsed(),
            fault,
        }
    }
}

/// What a panic says.
fn words(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("no reason given").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique() {
        for (at, row) in ROWS.iter().enumerate() {
            assert!(
                ROWS[..at].iter().all(|other| other.id != row.id),
                "{}",
                row.id
            );
        }
        assert!(Row::named("matrix").is_ok());
        assert!(Row::named("matrices").is_err());
    }
}
