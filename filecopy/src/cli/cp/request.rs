//! From a command line to what is to be done. Pure; nothing is looked up on disk.

use std::ffi::OsString;
use std::path::PathBuf;

use common::quote;
use filecopy::config::{Dangling, Folders, Options};
use filecopy::engine::Target;

use super::backup::Habits;
use super::flags::{Flag, Item, split};
use super::switches::Switches;
use super::usage::Usage;

/// What a command line asks for.
#[derive(Debug)]
pub(super) enum Asked {
    /// To copy.
    Copy(Box<Request>),
    /// To show the help text.
    Help,
    /// To show the version.
    Version,
}

/// A copy as `cp` was asked for it.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) sources: Vec<PathBuf>,
    pub(super) destination: PathBuf,
    pub(super) target: Target,
    pub(super) options: Options,
    /// What becomes of folders among the sources.
    pub(super) folders: Folders,
    /// Whether a source keeps its whole name below the destination (`--parents`).
    pub(super) names: Names,
    /// Things asked for that are not done, to be told before copying.
    pub(super) warnings: Vec<&'static str>,
}

/// How much of a source's name its copy has in a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Names {
    /// The last part.
    Last,
    /// All of it (`--parents`).
    Whole,
}

/// What the environment may say.
#[derive(Debug)]
pub(super) struct Environment {
    pub(super) habits: Habits,
    /// What `POSIXLY_CORRECT` asks for.
    pub(super) dangling: Dangling,
}

/// Reads the arguments after the program's name.
pub(super) fn read(
    args: impl IntoIterator<Item = OsString>,
    environment: &Environment,
) -> Result<Asked, Usage> {
    let mut switches = Switches::default();
    let mut operands = Vec::new();
    for item in split(args)? {
        match item {
            Item::Option(Flag::Help, _) => return Ok(Asked::Help),
            Item::Option(Flag::Version, _) => return Ok(Asked::Version),
            Item::Option(flag, value) => switches.take(flag, value)?,
            Item::Operand(operand) => operands.push(operand),
        }
    }
    let options = switches.options(&environment.habits, environment.dangling)?;
    switches.check()?;
    let (sources, destination, target) = tell_apart(operands, &switches)?;
    Ok(Asked::Copy(Box::new(Request {
        sources,
        destination,
        target,
        options,
        folders: switches.folders(),
        names: if switches.parents {
            Names::Whole
        } else {
            Names::Last
        },
        warnings: switches.warnings,
    })))
}

/// Which operands are sources, and what the destination is.
fn tell_apart(
    mut operands: Vec<OsString>,
    switches: &Switches,
) -> Result<(Vec<PathBuf>, PathBuf, Target), Usage> {
    let needed = if switches.target_directory.is_some() {
        1
    } else {
        2
    };
    match operands.as_slice() {
        [] => return Err(Usage::of("missing file operand")),
        [one] if needed == 2 => {
            return Err(Usage::of(format!(
                "missing destination file operand after {}",
                quote::always(one)
            )));
        }
        [_, _, extra, ..] if switches.no_target_directory => {
            return Err(Usage::of(format!("extra operand {}", quote::always(extra))));
        }
        _ => {}
    }
    let (destination, target) = match &switches.target_directory {
        Some(folder) => (folder.clone(), Target::Folder),
        None if switches.no_target_directory => (operands.pop().unwrap_or_default(), Target::Name),
        None => (operands.pop().unwrap_or_default(), Target::Infer),
    };
    let sources = operands.into_iter().map(|source| {
        if switches.strip_slashes {
            stripped(source)
        } else {
            source.into()
        }
    });
    Ok((sources.collect(), destination.into(), target))
}

/// The name without its last slashes; the root keeps its one.
#[cfg(unix)]
fn stripped(source: OsString) -> PathBuf {
    use std::os::unix::ffi::OsStringExt as _;

    let mut bytes = source.into_vec();
    while bytes.len() > 1 && bytes.ends_with(b"/") {
        bytes.pop();
    }
    OsString::from_vec(bytes).into()
}

/// The name without its last slashes, where a system has another separator as well.
#[cfg(not(unix))]
fn stripped(source: OsString) -> PathBuf {
    source.into_string().map_or_else(PathBuf::from, |text| {
        text.trim_end_matches(['/', '\\']).into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operands_are_told_apart() {
        let rows = [
            ("two", "a b", "[\"a\"] \"b\" Infer"),
            ("several", "a b c", "[\"a\", \"b\"] \"c\" Infer"),
            ("-t", "-t d a b", "[\"a\", \"b\"] \"d\" Folder"),
            ("-T", "-T a b", "[\"a\"] \"b\" Name"),
            (
                "slashes stripped",
                "--strip-trailing-slashes a// / b/",
                "[\"a\", \"/\"] \"b/\" Infer",
            ),
            ("slashes kept", "a// b/", "[\"a//\"] \"b/\" Infer"),
        ];
        for (name, line, expected) in rows {
            let Request {
                sources,
                destination,
                target,
                ..
            } = request(line);
            assert_eq!(
                format!("{sources:?} {destination:?} {target:?}"),
                expected,
                "{name}"
            );
        }
    }

    #[test]
    fn what_cannot_be_obeyed_is_said() {
        let rows = [
            ("nothing", "", "missing file operand"),
            (
                "one operand",
                "a",
                "missing destination file operand after 'a'",
            ),
            ("one operand with -t", "-t d", "missing file operand"),
            ("too many with -T", "-T a b c", "extra operand 'c'"),
            (
                "-t and -T",
                "-t d -T a",
                "cannot combine --target-directory (-t) and --no-target-directory (-T)",
            ),
            (
                "-t twice",
                "-t d -t e a",
                "multiple target directories specified",
            ),
            (
                "both links",
                "-sl a b",
                "cannot make both hard and symbolic links",
            ),
            (
                "-b and -n",
                "-bn a b",
                "options --backup and --no-clobber are mutually exclusive",
            ),
            (
                "reflink and holes",
                "--reflink --sparse=never a b",
                "--reflink can be used only with --sparse=auto",
            ),
            (
                "--parents and -T",
                "--parents -T a b",
                "with --parents, the destination must be a directory",
            ),
        ];
        for (name, line, expected) in rows {
            let asked = read(line.split_whitespace().map(OsString::from), &environment());
            let said = asked.map(|_| ()).unwrap_err().to_string();
            assert_eq!(said.lines().next(), Some(expected), "{name}");
        }
    }

    fn request(line: &str) -> Request {
        match read(line.split_whitespace().map(OsString::from), &environment()) {
            Ok(Asked::Copy(request)) => *request,
            other => panic!("{line}: {other:?}"),
        }
    }

    fn environment() -> Environment {
        Environment {
            habits: Habits::default(),
            dangling: Dangling::Refuse,
        }
    }
}
