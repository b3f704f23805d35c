//! What is wrong with a command line, in one line: clap's complaint and its tip, without the usage.

use std::ffi::OsString;

use clap::Parser;
use common::quote;

use super::args::Args;

/// The line, which begins in lower case and names no program; `None` if clap takes the arguments, or answers `--help`
/// and the like.
pub(super) fn of(arguments: &[OsString]) -> Option<String> {
    let wrong = |arguments: &[OsString]| Args::try_parse_from(arguments).err();
    let error = wrong(arguments).filter(clap::Error::use_stderr)?;
    // clap repeats a wrong argument as it is: lines in it would read as further parts of the complaint.
    let visible: Vec<OsString> = arguments
        .iter()
        .map(|argument| {
            quote::visible(&argument.to_string_lossy())
                .into_owned()
                .into()
        })
        .collect();
    Some(line(&wrong(&visible).unwrap_or(error)))
}

fn line(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    let told: Vec<String> = text
        .split("\n\n")
        .filter(|part| !part.starts_with("Usage:") && !part.starts_with("For more information"))
        .map(|part| part.split_whitespace().collect::<Vec<_>>().join(" "))
        .filter(|part| !part.is_empty())
        .collect();
    told.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_complaint_is_one_line() {
        let rows: [(&str, &[&str], &str); 8] = [
            (
                "a wrong value",
                &["--port", "99999"],
                "invalid value '99999' for '--port <N>': give a number from 0 to 65535",
            ),
            (
                "a wrong word",
                &["--log", "loud"],
                "invalid value 'loud' for '--log <FORMAT>' [possible values: common, combined, json, off]",
            ),
            (
                "a misspelt option",
                &["--prot", "1"],
                "unexpected argument '--prot' found; tip: a similar argument exists: '--port'",
            ),
            (
                "a missing partner",
                &["--tls-cert", "c"],
                "the following required arguments were not provided: --tls-key <FILE>",
            ),
            (
                "two that exclude each other",
                &["--unix", "s", "--port", "1"],
                "the argument '--unix <PATH>' cannot be used with '--port <N>'",
            ),
            (
                "a missing value",
                &["--port"],
                "a value is required for '--port <N>' but none was supplied",
            ),
            (
                "lines in an argument",
                &["--x\n\nUsage: y"],
                r"unexpected argument '--x\n\nUsage: y' found; tip: to pass '--x\n\nUsage: y' as a value, use '-- --x\n\nUsage: y'",
            ),
            (
                "lines in a value",
                &["--header", "A=b\nc"],
                "invalid value 'A=b c' for '--header <NAME=VALUE>': a value must not have control characters",
            ),
        ];
        for (name, arguments, expected) in rows {
            let whole: Vec<OsString> = ["webserver"]
                .iter()
                .chain(arguments)
                .map(OsString::from)
                .collect();
            assert_eq!(of(&whole).as_deref(), Some(expected), "{name}");
        }
    }

    #[test]
    fn what_is_not_wrong_is_left_to_clap() {
        for argument in ["--help", "-h", "--version", "--man-page", "--list"] {
            assert_eq!(
                of(&["webserver".into(), argument.into()]),
                None,
                "{argument}"
            );
        }
    }
}
