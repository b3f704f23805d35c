//! What is wrong with a command line, in one line: clap's complaint and its tip, without the usage.

use std::ffi::OsString;

use clap::Parser;
use common::quote;

use super::args::Args;

/// The line, which names no program; `None` if clap takes the arguments, or answers `--help` and the like.
pub(super) fn of(arguments: &[OsString]) -> Option<String> {
    let wrong = |arguments: &[OsString]| Args::try_parse_from(arguments).err();
    let error = wrong(arguments).filter(clap::Error::use_stderr)?;
    // clap repeats a wrong argument as it is: lines in it would read as further parts of the complaint.
    let visible = |argument: &OsString| {
        quote::visible(&argument.to_string_lossy())
            .into_owned()
            .into()
    };
    let visible: Vec<OsString> = arguments.iter().map(visible).collect();
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
                "no ID",
                &["client", "--server", "a"],
                "the following required arguments were not provided: --id <ID>",
            ),
            (
                "a wrong ID",
                &["client", "--id", "a_b", "--server", "a"],
                "invalid value 'a_b' for '--id <ID>': '_' cannot be in an ID: letters, digits, Korean syllables, '.' and '-' can",
            ),
            (
                "a role for an ID",
                &["client", "--id", "server", "--server", "a"],
                "invalid value 'server' for '--id <ID>': 'server' and 'client' cannot be IDs",
            ),
            (
                "a wrong server",
                &["client", "--id", "a", "--server", "a:b"],
                "invalid value 'a:b' for '--server <HOST[:PORT]>': give a port from 1 to 65535 behind the colon",
            ),
            (
                "a wrong address",
                &["server", "--bind", "nowhere"],
                "invalid value 'nowhere' for '--bind <ADDR:PORT>': \
                 give an address and a port, such as 0.0.0.0:10080 or [::1]:10080, or one of them",
            ),
            (
                "a misspelt role",
                &["sever"],
                "unrecognized subcommand 'sever'; tip: a similar subcommand exists: 'server'",
            ),
            (
                "an option of the other role",
                &["server", "--id", "a"],
                "unexpected argument '--id' found",
            ),
            (
                "lines in an argument",
                &["server", "--x\n\nUsage: y"],
                r"unexpected argument '--x\n\nUsage: y' found",
            ),
        ];
        for (name, arguments, expected) in rows {
            let whole: Vec<OsString> = ["natchat"]
                .iter()
                .chain(arguments)
                .map(OsString::from)
                .collect();
            assert_eq!(of(&whole).as_deref(), Some(expected), "{name}");
        }
    }

    #[test]
    fn what_is_not_wrong_is_left_to_clap() {
        for arguments in [
            &["--help"][..],
            &["-h"],
            &["--version"],
            &["--man-page"],
            &["--completions", "bash"],
            &["server", "--help"],
            &[],
        ] {
            let whole: Vec<OsString> = ["natchat"]
                .iter()
                .chain(arguments)
                .map(OsString::from)
                .collect();
            assert_eq!(of(&whole), None, "{arguments:?}");
        }
    }
}
