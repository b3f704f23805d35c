//! Turns an error into a panic that says what was being done.
//!
//! Not an error type: a test has no caller that could act on one. The panic is reported at the line in the test.

use std::fmt::Display;

/// Adds "or the test ends here" to a result.
pub(crate) trait Must<T> {
    /// The value, or a panic reading `doing: error`.
    #[track_caller]
    fn must(self, doing: impl Display) -> T;
}

impl<T, E: Display> Must<T> for Result<T, E> {
    #[track_caller]
    fn must(self, doing: impl Display) -> T {
        match self {
            Ok(value) => value,
            Err(error) => panic!("{doing}: {error}"),
        }
    }
}
