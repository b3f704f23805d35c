//! What may be typed.

use crate::name::MemberId;

/// A command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command<'a> {
    /// `@show_list`
    ShowList,
    /// `@chat ID TEXT`
    Chat(MemberId, &'a str),
    /// `@all TEXT`
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

/// Reads a line.
///
/// # Errors
/// What to tell the user: how it should be written.
pub(crate) fn parse(line: &str) -> Result<Command<'_>, String> {
    let _ = line;
    unimplemented!()
}
