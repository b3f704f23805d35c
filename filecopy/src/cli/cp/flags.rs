//! The options that `cp` knows, as one table, and GNU's rules for finding them on a command line.
//!
//! Options and operands may be mixed; `--` ends the options; short ones may be bundled (`-dR`), the last of a bundle
//! may hold its value (`-Sbak`); a long one may be shortened as long as it stays unambiguous (`--rem`) and takes its
//! value after `=` or, where it must have one, as the next argument. Where a value may be left out, a short spelling
//! never has one (`-b`, `--backup=t`). What the options mean, and which one wins, is not
//! decided here: the caller gets them in the order given.

use std::ffi::{OsStr, OsString};

use clap_lex::{OsStrExt as _, RawArgs, ShortFlags};

use super::usage::Usage;

/// One option of the command line, whichever of its spellings was used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flag {
    Archive,
    AttributesOnly,
    Backup,
    CopyContents,
    LinksAsLinks,
    Debug,
    Force,
    Interactive,
    FollowSources,
    HardLink,
    FollowAll,
    NoClobber,
    FollowNone,
    Preserve,
    NoPreserve,
    Parents,
    Recursive,
    Reflink,
    RemoveDestination,
    Sparse,
    StripTrailingSlashes,
    SymbolicLink,
    Suffix,
    TargetDirectory,
    NoTargetDirectory,
    Update,
    Verbose,
    OneFileSystem,
    Context,
    Help,
    Version,
}

/// Whether an option has a value, and how the help text calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value {
    None,
    Optional(&'static str),
    Required(&'static str),
}

/// One row of the table: an option, its spellings and its line of help.
pub(super) struct Spec {
    pub(super) flag: Flag,
    pub(super) short: &'static [char],
    pub(super) long: Option<&'static str>,
    pub(super) value: Value,
    pub(super) help: &'static str,
}

/// What one or more arguments turned out to be.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Item {
    Option(Flag, Option<OsString>),
    Operand(OsString),
}

/// In the order of the help text.
#[rustfmt::skip]
pub(super) const SPECS: &[Spec] = {
    use Value::{None as NoValue, Optional, Required};
    &[
        Spec { flag: Flag::Archive, short: &['a'], long: Some("archive"), value: NoValue, help: "keep everything: -dR --preserve=all" },
        Spec { flag: Flag::AttributesOnly, short: &[], long: Some("attributes-only"), value: NoValue, help: "copy attributes, leave contents alone" },
        Spec { flag: Flag::Backup, short: &['b'], long: Some("backup"), value: Optional("CONTROL"), help: "keep what is replaced under another name" },
        Spec { flag: Flag::CopyContents, short: &[], long: Some("copy-contents"), value: NoValue, help: "with -R, read fifos and devices instead of making them" },
        Spec { flag: Flag::LinksAsLinks, short: &['d'], long: None, value: NoValue, help: "--no-dereference --preserve=links" },
        Spec { flag: Flag::Debug, short: &[], long: Some("debug"), value: NoValue, help: "the same as -v" },
        Spec { flag: Flag::Force, short: &['f'], long: Some("force"), value: NoValue, help: "remove a destination that cannot be opened, and try again" },
        Spec { flag: Flag::Interactive, short: &['i'], long: Some("interactive"), value: NoValue, help: "ask before replacing; undoes an earlier -n" },
        Spec { flag: Flag::FollowSources, short: &['H'], long: None, value: NoValue, help: "follow links named as SOURCE" },
        Spec { flag: Flag::HardLink, short: &['l'], long: Some("link"), value: NoValue, help: "make hard links instead of copies" },
        Spec { flag: Flag::FollowAll, short: &['L'], long: Some("dereference"), value: NoValue, help: "follow every symbolic link" },
        Spec { flag: Flag::NoClobber, short: &['n'], long: Some("no-clobber"), value: NoValue, help: "leave existing files alone; undoes an earlier -i" },
        Spec { flag: Flag::FollowNone, short: &['P'], long: Some("no-dereference"), value: NoValue, help: "follow no symbolic link" },
        Spec { flag: Flag::Preserve, short: &['p'], long: Some("preserve"), value: Optional("LIST"), help: "keep mode, ownership, timestamps (the value left out), links, xattr, all" },
        Spec { flag: Flag::NoPreserve, short: &[], long: Some("no-preserve"), value: Required("LIST"), help: "do not keep these" },
        Spec { flag: Flag::Parents, short: &[], long: Some("parents"), value: NoValue, help: "make the folders of SOURCE's name below DIRECTORY" },
        Spec { flag: Flag::Recursive, short: &['R', 'r'], long: Some("recursive"), value: NoValue, help: "copy folders and what is in them" },
        Spec { flag: Flag::Reflink, short: &[], long: Some("reflink"), value: Optional("WHEN"), help: "share blocks with SOURCE: always (the value left out), auto, never" },
        Spec { flag: Flag::RemoveDestination, short: &[], long: Some("remove-destination"), value: NoValue, help: "remove each existing destination file first" },
        Spec { flag: Flag::Sparse, short: &[], long: Some("sparse"), value: Required("WHEN"), help: "make holes: auto (those of SOURCE), always (zeros too), never" },
        Spec { flag: Flag::StripTrailingSlashes, short: &[], long: Some("strip-trailing-slashes"), value: NoValue, help: "take the slashes off the end of each SOURCE" },
        Spec { flag: Flag::SymbolicLink, short: &['s'], long: Some("symbolic-link"), value: NoValue, help: "make symbolic links instead of copies" },
        Spec { flag: Flag::Suffix, short: &['S'], long: Some("suffix"), value: Required("SUFFIX"), help: "end of the names of backups, instead of ~" },
        Spec { flag: Flag::TargetDirectory, short: &['t'], long: Some("target-directory"), value: Required("DIRECTORY"), help: "copy every SOURCE into DIRECTORY" },
        Spec { flag: Flag::NoTargetDirectory, short: &['T'], long: Some("no-target-directory"), value: NoValue, help: "take DEST for the copy's own name, folder or not" },
        Spec { flag: Flag::Update, short: &['u'], long: Some("update"), value: Optional("WHICH"), help: "replace all, none, none-fail, older (the value left out)" },
        Spec { flag: Flag::Verbose, short: &['v'], long: Some("verbose"), value: NoValue, help: "tell each file" },
        Spec { flag: Flag::OneFileSystem, short: &['x'], long: Some("one-file-system"), value: NoValue, help: "stay on the file system of SOURCE" },
        Spec { flag: Flag::Context, short: &['Z'], long: Some("context"), value: Optional("CONTEXT"), help: "accepted; SELinux contexts are not set" },
        Spec { flag: Flag::Help, short: &[], long: Some("help"), value: NoValue, help: "show this text" },
        Spec { flag: Flag::Version, short: &[], long: Some("version"), value: NoValue, help: "show the version" },
    ]
};

/// Splits the arguments after the program's name into options and operands, in order.
pub(super) fn split(args: impl IntoIterator<Item = OsString>) -> Result<Vec<Item>, Usage> {
    let args = RawArgs::new(args);
    let mut cursor = args.cursor();
    let mut items = Vec::new();
    while let Some(arg) = args.next(&mut cursor) {
        if arg.is_escape() {
            items.extend(
                args.remaining(&mut cursor)
                    .map(|operand| Item::Operand(operand.to_owned())),
            );
        } else if let Some((name, value)) = arg.to_long() {
            let name = name
                .map_err(|raw| Usage::of(format!("unrecognized option '--{}'", raw.display())))?;
            let spec = long(name)?;
            let value = value.map(OsStr::to_owned);
            items.push(Item::Option(
                spec.flag,
                long_value(spec, value, || next(&args, &mut cursor))?,
            ));
        } else if let Some(mut bundle) = arg.to_short() {
            while let Some(letter) = bundle.next_flag() {
                items.push(short(letter, &mut bundle, || next(&args, &mut cursor))?);
            }
        } else {
            items.push(Item::Operand(arg.to_value_os().to_owned()));
        }
    }
    Ok(items)
}

fn next(args: &RawArgs, cursor: &mut clap_lex::ArgCursor) -> Option<OsString> {
    args.next_os(cursor).map(OsStr::to_owned)
}

/// The option with this name, or the only one whose name begins so.
fn long(name: &str) -> Result<&'static Spec, Usage> {
    let named = || {
        SPECS
            .iter()
            .filter_map(|spec| spec.long.map(|long| (spec, long)))
    };
    if let Some((spec, _)) = named().find(|(_, long)| *long == name) {
        return Ok(spec);
    }
    let matches: Vec<_> = named().filter(|(_, long)| long.starts_with(name)).collect();
    match matches.as_slice() {
        [] => Err(Usage::of(format!("unrecognized option '--{name}'"))),
        [(spec, _)] => Ok(spec),
        several => {
            let names: String = several
                .iter()
                .map(|(_, long)| format!(" '--{long}'"))
                .collect();
            Err(Usage::of(format!(
                "option '--{name}' is ambiguous; possibilities:{names}"
            )))
        }
    }
}

fn long_value(
    spec: &Spec,
    attached: Option<OsString>,
    next: impl FnOnce() -> Option<OsString>,
) -> Result<Option<OsString>, Usage> {
    let name = spec.long.unwrap_or_default();
    match (spec.value, attached) {
        (Value::None, Some(_)) => Err(Usage::of(format!(
            "option '--{name}' doesn't allow an argument"
        ))),
        (Value::Required(_), None) => match next() {
            None => Err(Usage::of(format!("option '--{name}' requires an argument"))),
            some => Ok(some),
        },
        (_, attached) => Ok(attached),
    }
}

fn short(
    letter: Result<char, &OsStr>,
    bundle: &mut ShortFlags<'_>,
    next: impl FnOnce() -> Option<OsString>,
) -> Result<Item, Usage> {
    let letter =
        letter.map_err(|raw| Usage::of(format!("invalid option -- '{}'", raw.display())))?;
    let Some(spec) = SPECS.iter().find(|spec| spec.short.contains(&letter)) else {
        return Err(Usage::of(format!("invalid option -- '{letter}'")));
    };
    let value = match spec.value {
        Value::None | Value::Optional(_) => None,
        Value::Required(_) => match bundle.next_value_os().map(OsStr::to_owned).or_else(next) {
            None => {
                return Err(Usage::of(format!(
                    "option requires an argument -- '{letter}'"
                )));
            }
            some => some,
        },
    };
    Ok(Item::Option(spec.flag, value))
}

/// The comma-separated parts of a value.
pub(super) fn list(value: &OsStr) -> impl Iterator<Item = &OsStr> {
    value.split(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_found_in_order() {
        let rows = [
            ("nothing", "", ""),
            ("operands", "a b", "a b"),
            ("option after operands", "a b -R", "a b Recursive"),
            ("bundle", "-dR a", "LinksAsLinks Recursive a"),
            ("bundle with attached value", "-aSx a", "Archive Suffix=x a"),
            ("bundle with value apart", "-aS x a", "Archive Suffix=x a"),
            ("value that looks like an option", "-S -a a", "Suffix=-a a"),
            ("long", "--archive a", "Archive a"),
            ("shortened", "--rem a", "RemoveDestination a"),
            ("optional value, short", "-bp a", "Backup Preserve a"),
            (
                "shorter name that is whole",
                "--no-preserve=mode --preserve a",
                "NoPreserve=mode Preserve a",
            ),
            (
                "optional value",
                "--backup=t --backup a",
                "Backup=t Backup a",
            ),
            (
                "optional value is never the next argument",
                "--backup t",
                "Backup t",
            ),
            ("required value apart", "--sparse never a", "Sparse=never a"),
            ("empty value", "--suffix= a", "Suffix= a"),
            ("after --", "-R -- -R --archive", "Recursive -R --archive"),
            ("a dash alone", "- -R", "- Recursive"),
        ];
        for (name, line, expected) in rows {
            assert_eq!(shown(line), Ok(expected.to_owned()), "{name}");
        }
    }

    #[test]
    fn wrong_options_are_refused_in_gnus_words() {
        let rows = [
            ("unknown letter", "-z", "invalid option -- 'z'"),
            ("unknown letter in a bundle", "-Rz", "invalid option -- 'z'"),
            ("unknown name", "--foo", "unrecognized option '--foo'"),
            (
                "ambiguous",
                "--no",
                "option '--no' is ambiguous; possibilities: '--no-clobber' '--no-dereference' '--no-preserve' '--no-target-directory'",
            ),
            (
                "value for none",
                "--link=3",
                "option '--link' doesn't allow an argument",
            ),
            (
                "no value",
                "--suffix",
                "option '--suffix' requires an argument",
            ),
            (
                "no value, short",
                "-t",
                "option requires an argument -- 't'",
            ),
        ];
        for (name, line, expected) in rows {
            assert_eq!(shown(line), Err(expected.to_owned()), "{name}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn values_and_operands_keep_their_bytes() {
        use std::os::unix::ffi::OsStringExt as _;

        let raw = |bytes: &[u8]| OsString::from_vec(bytes.to_vec());
        let items = split([
            raw(b"-S\xff"),
            raw(b"--target-directory=\xfe"),
            raw(b"\xfd"),
        ]);
        let expected = vec![
            Item::Option(Flag::Suffix, Some(raw(b"\xff"))),
            Item::Option(Flag::TargetDirectory, Some(raw(b"\xfe"))),
            Item::Operand(raw(b"\xfd")),
        ];
        assert_eq!(items.ok(), Some(expected));
    }

    #[test]
    fn no_spelling_is_given_twice() {
        let mut spellings: Vec<String> = SPECS
            .iter()
            .flat_map(|spec| {
                spec.short
                    .iter()
                    .map(char::to_string)
                    .chain(spec.long.map(str::to_owned))
            })
            .collect();
        let all = spellings.len();
        spellings.sort_unstable();
        spellings.dedup();
        assert_eq!(spellings.len(), all);
    }

    fn shown(line: &str) -> Result<String, String> {
        let items = split(line.split_whitespace().map(OsString::from))
            .map_err(|usage| usage.to_string())?;
        let shown = items.iter().map(|item| match item {
            Item::Option(flag, None) => format!("{flag:?}"),
            Item::Option(flag, Some(value)) => format!("{flag:?}={}", value.display()),
            Item::Operand(operand) => operand.display().to_string(),
        });
        Ok(shown.collect::<Vec<_>>().join(" "))
    }
}
