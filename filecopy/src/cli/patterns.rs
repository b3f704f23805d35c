//! `--exclude` and `--include`, kept in the order in which they were given: the last pattern that matches decides.

use clap::{Arg, ArgAction, ArgMatches, Command, Error, FromArgMatches};
use ignore::gitignore::{Gitignore, GitignoreBuilder};

use super::UsageError;

/// The patterns as given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Patterns(Vec<Pattern>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Pattern {
    glob: String,
    effect: Effect,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    Exclude,
    Include,
}

const EXCLUDE: &str = "exclude";
const INCLUDE: &str = "include";

impl Patterns {
    /// The patterns as one matcher over paths below a source; `None` without any.
    pub(super) fn matcher(&self) -> Result<Option<Gitignore>, UsageError> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let mut builder = strict_builder();
        for pattern in &self.0 {
            // Alone first: an error of all together would not say whose it is.
            pattern.compile(&mut strict_builder())?;
            let added = builder.add_line(None, &pattern.line());
            added.map_err(|error| pattern.error(&error))?;
        }
        let last = self.0.last();
        builder
            .build()
            .map(Some)
            .map_err(|error| last.map_or(UsageError::NoSource, |last| last.error(&error)))
    }
}

/// A `.gitignore` passes over what is no pattern; who types one is told.
fn strict_builder() -> GitignoreBuilder {
    let mut builder = GitignoreBuilder::new("");
    builder.allow_unclosed_class(false);
    builder
}

impl Pattern {
    /// The pattern as a line of a gitignore file, where `!` and `#` at the start would mean something else.
    fn line(&self) -> String {
        let escape = if self.glob.starts_with(['!', '#']) {
            "\\"
        } else {
            ""
        };
        let negate = if self.effect == Effect::Include {
            "!"
        } else {
            ""
        };
        format!("{negate}{escape}{}", self.glob)
    }

    fn compile(&self, builder: &mut GitignoreBuilder) -> Result<(), UsageError> {
        let compiled = builder
            .add_line(None, &self.line())
            .and_then(|builder| builder.build());
        let matcher = compiled.map_err(|error| self.error(&error))?;
        if matcher.is_empty() || self.glob.trim_matches(['/', ' ', '\t']).is_empty() {
            return Err(self.refused("it names nothing"));
        }
        Ok(())
    }

    fn error(&self, error: &ignore::Error) -> UsageError {
        if let ignore::Error::Glob { err, .. } = error {
            return self.refused(err);
        }
        self.refused(&error.to_string())
    }

    fn refused(&self, reason: &str) -> UsageError {
        UsageError::Pattern {
            pattern: self.glob.clone(),
            reason: reason.to_owned(),
        }
    }
}

impl clap::Args for Patterns {
    fn augment_args(command: Command) -> Command {
        let pattern = |name: &'static str| {
            Arg::new(name)
                .long(name)
                .value_name("GLOB")
                .action(ArgAction::Append)
        };
        command
            .next_help_heading("What is copied")
            .arg(pattern(EXCLUDE).help("Leave out what matches, as in a .gitignore; may be given several times").long_help(
                "Leave out what matches GLOB. Patterns are those of .gitignore files: '*.o' at any depth, '/build' at the top \
                 of the source only, 'tmp/' folders only. May be given several times",
            ))
            .arg(pattern(INCLUDE).help("Copy what matches although an earlier --exclude leaves it out").long_help(
                "Copy what matches GLOB although an earlier --exclude leaves it out: the last pattern that matches decides. \
                 A folder that is left out is not looked into",
            ))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Patterns {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let mut placed: Vec<(usize, Pattern)> = Vec::new();
        for (name, effect) in [(EXCLUDE, Effect::Exclude), (INCLUDE, Effect::Include)] {
            let globs = matches.get_many::<String>(name).into_iter().flatten();
            let places = matches.indices_of(name).into_iter().flatten();
            placed.extend(places.zip(globs).map(|(place, glob)| {
                (
                    place,
                    Pattern {
                        glob: glob.clone(),
                        effect,
                    },
                )
            }));
        }
        placed.sort_by_key(|(place, _)| *place);
        Ok(Self(
            placed.into_iter().map(|(_, pattern)| pattern).collect(),
        ))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use clap::Args as _;

    use super::*;

    fn patterns(arguments: &[&str]) -> Patterns {
        let command = Patterns::augment_args(Command::new("test").no_binary_name(true));
        Patterns::from_arg_matches(&command.try_get_matches_from(arguments).unwrap()).unwrap()
    }

    #[test]
    fn the_last_that_matches_decides() {
        let check = |name: &str, arguments: &[&str], path: &str, left_out: bool| {
            let matcher = patterns(arguments).matcher().unwrap().unwrap();
            assert_eq!(
                matcher.matched(Path::new(path), false).is_ignore(),
                left_out,
                "{name}: {path}"
            );
        };
        let objects = ["--exclude", "*.o"];
        check("anywhere", &objects, "a/b/c.o", true);
        check("not everything", &objects, "a/b/c.c", false);
        let exclude_first = ["--exclude", "*.o", "--include", "keep.o"];
        check("included again", &exclude_first, "keep.o", false);
        check("others still out", &exclude_first, "a.o", true);
        let include_first = ["--include", "keep.o", "--exclude", "*.o"];
        check("order counts", &include_first, "keep.o", true);
        check(
            "at the top only",
            &["--exclude", "/build"],
            "a/build",
            false,
        );
        check("at the top", &["--exclude", "/build"], "build", true);
        check("a bang is a letter", &["--exclude", "!x"], "!x", true);
        check("a hash is a letter", &["--exclude", "#x"], "#x", true);
        check(
            "a bang included",
            &["--exclude", "*x", "--include", "!x"],
            "!x",
            false,
        );
    }

    #[test]
    fn none_and_wrong_ones() {
        assert!(patterns(&[]).matcher().unwrap().is_none());
        for wrong in ["a{b", "[", "a[b", "[z-a]", "\\", "", "/", "//", "  "] {
            for option in ["--exclude", "--include"] {
                let refused = patterns(&["--exclude", "*.o", option, wrong]).matcher();
                assert!(
                    matches!(refused, Err(UsageError::Pattern { ref pattern, .. }) if pattern == wrong),
                    "{option} {wrong:?}: {refused:?}"
                );
            }
        }
        for right in ["*", "/a", "a/", "[ab]", r"\[", "!", "#", "**", "**/a", "."] {
            let taken = patterns(&["--exclude", right]).matcher();
            assert!(taken.is_ok(), "{right:?}: {taken:?}");
        }
    }
}
