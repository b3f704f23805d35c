//! Sockets that were opened before the program started, as systemd hands them over: `LISTEN_FDS` says how many, from
//! descriptor 3 on, and `LISTEN_PID` to whom. The sockets themselves are taken by the server.

use std::env;
use std::ffi::OsStr;
use std::num::NonZeroUsize;
use std::process;

use super::UsageError;

/// The most sockets that are taken.
pub(super) const MAX_SOCKETS: usize = 64;

/// How many sockets were handed to this process.
pub(super) fn sockets() -> Result<Option<NonZeroUsize>, UsageError> {
    let (count, receiver) = (env::var_os("LISTEN_FDS"), env::var_os("LISTEN_PID"));
    handed_over(count.as_deref(), receiver.as_deref(), process::id())
}

/// What the two variables say to the process `own`. Those meant for another process, such as the shell script that
/// started this one, are not ours.
fn handed_over(
    count: Option<&OsStr>,
    receiver: Option<&OsStr>,
    own: u32,
) -> Result<Option<NonZeroUsize>, UsageError> {
    let receiver = receiver.and_then(|text| text.to_str()?.parse::<u32>().ok());
    let Some(count) = count.filter(|_| receiver == Some(own)) else {
        return Ok(None);
    };
    let number: Option<usize> = count.to_str().and_then(|text| text.parse().ok());
    match number {
        Some(number) if number <= MAX_SOCKETS => Ok(NonZeroUsize::new(number)),
        _ => Err(UsageError::SocketCount(
            count.to_string_lossy().into_owned(),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_are_taken_only_from_who_means_us() {
        let wrong = |text: &str| Err(UsageError::SocketCount(text.into()));
        let rows = [
            ("nothing", None, None, Ok(0)),
            ("ours", Some("2"), Some("100"), Ok(2)),
            ("someone else's", Some("2"), Some("101"), Ok(0)),
            ("nobody's", Some("2"), None, Ok(0)),
            ("of no number", Some("2"), Some("x"), Ok(0)),
            ("none", Some("0"), Some("100"), Ok(0)),
            ("no count", None, Some("100"), Ok(0)),
            ("the most", Some("64"), Some("100"), Ok(64)),
            ("too many", Some("65"), Some("100"), wrong("65")),
            ("not a number", Some("two"), Some("100"), wrong("two")),
            ("negative", Some("-1"), Some("100"), wrong("-1")),
            ("not a number for another", Some("x"), Some("101"), Ok(0)),
        ];
        for (name, count, receiver, expected) in rows {
            let answer = handed_over(count.map(OsStr::new), receiver.map(OsStr::new), 100);
            let number = answer.map(|count| count.map_or(0, NonZeroUsize::get));
            assert_eq!(number, expected, "{name}");
        }
    }
}
