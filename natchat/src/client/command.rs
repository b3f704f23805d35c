//! What can be typed, and what it means; pure.
//!
//! | line | means |
//! |---|---|
//! | `@show_list` | who is there |
//! | `@chat ID TEXT` | a line to one |
//! | `@all TEXT` | a line to everybody |
//! | `@send ID FILE` | offers a file; its name may have spaces |
//! | `@accept ID [NAME]`, `@refuse ID [NAME]` | the offer of that ID, or the one of that name |
//! | `@verify ID` | the safety number |
//! | `@trust ID`, `@trust server` | takes a changed key for right |
//! | `@help`, `@exit` | |
//!
//! An empty line means nothing. Whether somebody of that ID is there is not known here.

use crate::name::{IdError, MemberId};

/// What a line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command<'a> {
    /// `@show_list`
    ShowList,
    /// `@chat ID TEXT`: the text as it was typed, at least one character that is no space.
    Chat(MemberId, &'a str),
    /// `@all TEXT`: the text as in Chat.
    All(&'a str),
    /// `@send ID FILE`
    Send(MemberId, &'a str),
    /// `@accept ID [NAME]`
    Accept(MemberId, Option<&'a str>),
    /// `@refuse ID [NAME]`
    Refuse(MemberId, Option<&'a str>),
    /// `@verify ID`
    Verify(MemberId),
    /// `@trust ID`
    Trust(MemberId),
    /// `@trust server`
    TrustServer,
    /// `@help`
    Help,
    /// `@exit`
    Exit,
    /// An empty line.
    Nothing,
}

/// What is missing in a line, in words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Usage {
    /// Not a command.
    #[error("a line goes to somebody: @chat ID TEXT, or @all TEXT (@help lists everything)")]
    NoCommand,
    /// No such command.
    #[error("no command {0}: @help lists them")]
    Unknown(String),
    /// A command without all that belongs to it, or with more.
    #[error("usage: {0}")]
    Form(&'static str),
    /// What stands where an ID belongs is none.
    #[error("usage: {form}: {source}")]
    Id {
        /// The whole form.
        form: &'static str,
        /// What is wrong with it.
        source: IdError,
    },
}

/// The longest unknown command shown again, in characters.
const SHOWN_CHARS: usize = 30;

/// Reads a line without its end.
///
/// # Errors
/// If it is no command, or not all of one.
pub(crate) fn parse(line: &str) -> Result<Command<'_>, Usage> {
    if line.trim().is_empty() {
        return Ok(Command::Nothing);
    }
    let (word, rest) = split_word(line.trim_start());
    let Some(form) = FORMS.iter().find(|(name, _)| *name == word) else {
        return Err(if word.starts_with('@') {
            Usage::Unknown(word.chars().take(SHOWN_CHARS).collect())
        } else {
            Usage::NoCommand
        });
    };
    let (name, form) = *form;
    read(name, Rest { form, rest })
}

/// Each command with its form.
const FORMS: [(&str, &str); 10] = [
    ("@show_list", "@show_list"),
    ("@chat", "@chat ID TEXT"),
    ("@all", "@all TEXT"),
    ("@send", "@send ID FILE"),
    ("@accept", "@accept ID [NAME]"),
    ("@refuse", "@refuse ID [NAME]"),
    ("@verify", "@verify ID"),
    ("@trust", "@trust ID (or @trust server)"),
    ("@help", "@help"),
    ("@exit", "@exit"),
];

fn read<'a>(name: &str, mut rest: Rest<'a>) -> Result<Command<'a>, Usage> {
    Ok(match name {
        "@show_list" => rest.alone(Command::ShowList)?,
        "@chat" => Command::Chat(rest.id()?, rest.text()?),
        "@all" => Command::All(rest.text()?),
        "@send" => Command::Send(rest.id()?, rest.text()?.trim()),
        "@accept" => Command::Accept(rest.id()?, rest.name()),
        "@refuse" => Command::Refuse(rest.id()?, rest.name()),
        "@verify" => {
            let id = rest.id()?;
            rest.alone(Command::Verify(id))?
        }
        "@trust" if rest.takes("server") => rest.alone(Command::TrustServer)?,
        "@trust" => {
            let id = rest.id()?;
            rest.alone(Command::Trust(id))?
        }
        "@help" => rest.alone(Command::Help)?,
        _ => rest.alone(Command::Exit)?,
    })
}

/// What stands behind a command.
struct Rest<'a> {
    form: &'static str,
    rest: &'a str,
}

impl<'a> Rest<'a> {
    fn id(&mut self) -> Result<MemberId, Usage> {
        let (word, rest) = split_word(self.rest.trim_start());
        if word.is_empty() {
            return Err(Usage::Form(self.form));
        }
        self.rest = rest;
        word.parse().map_err(|source| Usage::Id {
            form: self.form,
            source,
        })
    }

    /// Takes the next word if it is this one.
    fn takes(&mut self, expected: &str) -> bool {
        let (word, rest) = split_word(self.rest.trim_start());
        let is_it = word == expected;
        if is_it {
            self.rest = rest;
        }
        is_it
    }

    /// All of it, further spaces included: they may be meant.
    fn text(&self) -> Result<&'a str, Usage> {
        if self.rest.trim().is_empty() {
            return Err(Usage::Form(self.form));
        }
        Ok(self.rest)
    }

    /// All of it without the spaces around, if there is anything.
    fn name(&self) -> Option<&'a str> {
        let name = self.rest.trim();
        (!name.is_empty()).then_some(name)
    }

    /// `command`, if nothing is left.
    fn alone(&self, command: Command<'a>) -> Result<Command<'a>, Usage> {
        if self.rest.trim().is_empty() {
            return Ok(command);
        }
        Err(Usage::Form(self.form))
    }
}

/// The first word, and what stands behind the one space that ends it.
fn split_word(text: &str) -> (&str, &str) {
    text.split_once(char::is_whitespace).unwrap_or((text, ""))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn id(text: &str) -> MemberId {
        text.parse().unwrap()
    }

    #[test]
    fn commands() {
        let rows: &[(&str, Command<'_>)] = &[
            ("", Command::Nothing),
            (" \t ", Command::Nothing),
            ("@show_list", Command::ShowList),
            ("  @show_list  ", Command::ShowList),
            ("@chat bob hi", Command::Chat(id("bob"), "hi")),
            (
                "@chat 김철수 안녕 하세요",
                Command::Chat(id("김철수"), "안녕 하세요"),
            ),
            (
                "@chat bob  two spaces ",
                Command::Chat(id("bob"), " two spaces "),
            ),
            ("@chat  bob\thi", Command::Chat(id("bob"), "hi")),
            ("@chat bob @exit", Command::Chat(id("bob"), "@exit")),
            ("@all hi all", Command::All("hi all")),
            (
                "@send bob  a file.txt ",
                Command::Send(id("bob"), "a file.txt"),
            ),
            ("@accept bob", Command::Accept(id("bob"), None)),
            (
                "@accept bob a file.txt",
                Command::Accept(id("bob"), Some("a file.txt")),
            ),
            ("@refuse bob x", Command::Refuse(id("bob"), Some("x"))),
            ("@verify bob", Command::Verify(id("bob"))),
            ("@trust bob", Command::Trust(id("bob"))),
            ("@trust server", Command::TrustServer),
            ("@help", Command::Help),
            ("@exit", Command::Exit),
        ];
        for (line, expected) in rows {
            assert_eq!(parse(line).as_ref(), Ok(expected), "{line:?}");
        }
    }

    #[test]
    fn usage() {
        let rows: &[(&str, &str)] = &[
            (
                "hello",
                "a line goes to somebody: @chat ID TEXT, or @all TEXT (@help lists everything)",
            ),
            ("@foo bar", "no command @foo: @help lists them"),
            ("@", "no command @: @help lists them"),
            ("@Chat bob hi", "no command @Chat: @help lists them"),
            ("@chat", "usage: @chat ID TEXT"),
            ("@chat bob", "usage: @chat ID TEXT"),
            ("@chat bob  ", "usage: @chat ID TEXT"),
            (
                "@chat b_b hi",
                "usage: @chat ID TEXT: '_' cannot be in an ID: letters, digits, Korean syllables, '.' and '-' can",
            ),
            (
                "@chat server hi",
                "usage: @chat ID TEXT: 'server' and 'client' cannot be IDs",
            ),
            ("@all", "usage: @all TEXT"),
            ("@all   ", "usage: @all TEXT"),
            ("@send bob", "usage: @send ID FILE"),
            ("@accept", "usage: @accept ID [NAME]"),
            ("@verify", "usage: @verify ID"),
            ("@verify bob eve", "usage: @verify ID"),
            ("@trust", "usage: @trust ID (or @trust server)"),
            ("@trust server now", "usage: @trust ID (or @trust server)"),
            ("@exit now", "usage: @exit"),
            ("@help me", "usage: @help"),
            ("@show_list all", "usage: @show_list"),
        ];
        for (line, expected) in rows {
            let usage = parse(line).expect_err(line);
            assert_eq!(usage.to_string(), *expected, "{line:?}");
        }
        let long = parse(&format!("@{}", "a".repeat(1 << 20))).expect_err("no command");
        assert!(long.to_string().len() < 100);
    }

    proptest! {
        #[test]
        fn nothing_panics(line: String, words in "@(chat|send|all|trust|accept)?[ a-b_가\t]{0,9}") {
            let _ = (parse(&line), parse(&words));
        }
    }
}
