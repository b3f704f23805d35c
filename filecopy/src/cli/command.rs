//! What the options mean: raw arguments → the library's values, with the checks that clap cannot make.

use std::io::stderr;
use std::path::PathBuf;

use common::clock::Clock;
use common::log::Logger;
use common::style::Style;
use filecopy::config::{
    Detail, Existing, Extraneous, Filter, Follow, Mode, Mounts, Options, Resume, Sync, Verify,
};
use filecopy::engine::Target;
use filecopy::front::session::{Consent, Form, LogChoice, Request, Session, Volume};

use super::args::Args;
use super::{Command, Person, UsageError, values};

impl Args {
    /// Raw options → what is to be done.
    pub(super) fn command(self, clock: Clock, person: Person) -> Result<Command, UsageError> {
        let request = self.request()?;
        if request.is_none() {
            self.check_without_names()?;
        }
        let asks = self.delete && !self.yes && !self.dry_run;
        if asks && (person == Person::Absent || request.is_none()) {
            return Err(UsageError::NobodyToAsk);
        }
        let session = self.session(clock)?;
        Ok(match request {
            Some(request) => Command::Copy(session, request),
            None => Command::Ask(session),
        })
    }

    /// What is named, if anything is.
    fn request(&self) -> Result<Option<Request>, UsageError> {
        let mut sources: Vec<PathBuf> = self.operands.iter().map(PathBuf::from).collect();
        if let Some(folder) = &self.target_directory {
            if sources.is_empty() {
                return Err(UsageError::NoSource);
            }
            return Ok(Some(Request {
                sources,
                destination: folder.into(),
                target: Target::Folder,
            }));
        }
        let Some(destination) = sources.pop() else {
            return Ok(None);
        };
        if sources.is_empty() {
            return Err(UsageError::NoDestination(destination.into()));
        }
        let target = if self.no_target_directory {
            Target::Name
        } else {
            Target::Infer
        };
        Ok(Some(Request {
            sources,
            destination,
            target,
        }))
    }

    /// At the prompt there is no answer on stdout, and no one destination.
    fn check_without_names(&self) -> Result<(), UsageError> {
        let options = [
            (self.json, "--json"),
            (self.no_target_directory, "--no-target-directory"),
        ];
        let given = options.into_iter().find(|(given, _)| *given);
        given.map_or(Ok(()), |(_, name)| Err(UsageError::NeedsNames(name)))
    }

    fn session(self, clock: Clock) -> Result<Session, UsageError> {
        let volume = match (self.quiet, self.verbose) {
            (true, _) => Volume::Quiet,
            (_, true) => Volume::Verbose,
            (false, false) => Volume::Normal,
        };
        let log = match (&self.log, self.no_log) {
            (Some(path), _) => LogChoice::File(path.into()),
            (None, true) => LogChoice::None,
            (None, false) => LogChoice::Default,
        };
        Ok(Session {
            program: "filecopy",
            log,
            volume,
            form: if self.json { Form::Json } else { Form::Text },
            consent: if self.yes {
                Consent::Given
            } else {
                Consent::Ask
            },
            clock,
            logger: Logger::new(self.common.log_level, self.common.log_format, clock),
            style: Style::new(self.common.color, &stderr()),
            options: self.options(volume)?,
        })
    }

    fn options(self, volume: Volume) -> Result<Options, UsageError> {
        let mode = pick(self.dry_run, Mode::DryRun, Mode::Copy);
        // A dry run that shows nothing would be of no use.
        let shows_entries =
            volume == Volume::Verbose || (mode == Mode::DryRun && volume == Volume::Normal);
        let defaults = Options::default();
        Ok(Options {
            jobs: self.jobs.unwrap_or(defaults.jobs),
            chunk_len: self.chunk_size,
            follow: pick(self.follow, Follow::Always, Follow::Never),
            preserve: values::kept(&self.no_preserve),
            existing: match (self.update, self.no_clobber) {
                (true, _) => Existing::IfNewer,
                (_, true) => Existing::Keep,
                (false, false) => Existing::Overwrite,
            },
            backup: self.backup.unwrap_or(defaults.backup),
            reflink: self.reflink.into(),
            sparse: self.sparse.into(),
            verify: pick(self.verify, Verify::ReadBack, Verify::No),
            resume: pick(self.resume, Resume::Yes, Resume::No),
            sync: pick(self.fsync, Sync::Yes, Sync::No),
            filter: Filter {
                patterns: self.patterns.matcher()?,
                gitignore: self.gitignore,
            },
            mounts: pick(self.one_file_system, Mounts::Skip, Mounts::Enter),
            extraneous: pick(self.delete, Extraneous::Remove, Extraneous::Keep),
            mode,
            rate_limit: self.bwlimit,
            retries: self.retries,
            detail: pick(shows_entries, Detail::Entries, Detail::Job),
            ..defaults
        })
    }
}

fn pick<T>(given: bool, then: T, otherwise: T) -> T {
    if given { then } else { otherwise }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use clap::Parser;
    use filecopy::config::Backup;

    use super::*;

    fn command(arguments: &[&str], person: Person) -> Result<Command, UsageError> {
        let arguments = std::iter::once("filecopy").chain(arguments.iter().copied());
        let args = Args::try_parse_from(arguments).expect("clap takes it");
        args.command(Clock::start(), person)
    }

    fn copy(arguments: &[&str]) -> (Session, Request) {
        match command(arguments, Person::Present) {
            Ok(Command::Copy(session, request)) => (session, request),
            Ok(_) => panic!("{arguments:?}: no copy"),
            Err(error) => panic!("{arguments:?}: {error}"),
        }
    }

    #[test]
    fn names() {
        let check = |arguments: &[&str], sources: &[&str], destination: &str, target: Target| {
            let (_, request) = copy(arguments);
            let sources: Vec<PathBuf> = sources.iter().map(PathBuf::from).collect();
            assert_eq!(request.sources, sources, "{arguments:?}");
            assert_eq!(
                request.destination,
                PathBuf::from(destination),
                "{arguments:?}"
            );
            assert_eq!(request.target, target, "{arguments:?}");
        };
        check(&["a", "b"], &["a"], "b", Target::Infer);
        check(&["a", "b", "c"], &["a", "b"], "c", Target::Infer);
        check(&["-T", "a", "b"], &["a"], "b", Target::Name);
        check(&["-t", "d", "a", "b"], &["a", "b"], "d", Target::Folder);
        check(&["--", "-a", "-b"], &["-a"], "-b", Target::Infer);
        check(&["a", "-v", "b"], &["a"], "b", Target::Infer);
        check(&["", "b"], &[""], "b", Target::Infer);
        assert!(
            matches!(command(&[], Person::Absent), Ok(Command::Ask(_))),
            "nothing named"
        );
    }

    #[cfg(unix)]
    #[test]
    fn names_are_bytes() {
        use std::os::unix::ffi::OsStringExt;
        let name = OsString::from_vec(b"a\xff\n".to_vec());
        let args = Args::try_parse_from(["filecopy".into(), name.clone(), "b".into()]).unwrap();
        assert_eq!(args.operands, [name, "b".into()]);
    }

    #[test]
    fn options() {
        let defaults = copy(&["a", "b"]);
        assert_eq!(defaults.0.options.preserve, filecopy::config::Preserve::ALL);
        assert_eq!(
            defaults.0.options.chunk_len.get(),
            filecopy::config::CHUNK_LEN
        );
        assert_eq!(defaults.0.log, LogChoice::Default);
        assert_eq!(
            (defaults.0.volume, defaults.0.form),
            (Volume::Normal, Form::Text)
        );

        type Row<'a> = (&'a [&'a str], fn(&Session) -> bool);
        let rows: [Row<'_>; 16] = [
            (&["-u"], |session| {
                session.options.existing == Existing::IfNewer
            }),
            (&["-n"], |session| {
                session.options.existing == Existing::Keep
            }),
            (&["-b"], |session| {
                session.options.backup == Backup::Simple("~".into())
            }),
            (&["--backup=.old"], |session| {
                session.options.backup == Backup::Simple(".old".into())
            }),
            (&["-x"], |session| session.options.mounts == Mounts::Skip),
            (&["-L"], |session| session.options.follow == Follow::Always),
            (&["--reflink=never"], |session| {
                session.options.reflink == filecopy::config::Reflink::Never
            }),
            (&["--sparse", "always"], |session| {
                session.options.sparse == filecopy::config::Sparse::Always
            }),
            (&["--verify", "--resume", "--fsync"], |session| {
                session.options.sync == Sync::Yes
            }),
            (&["--retries", "3"], |session| session.options.retries == 3),
            (&["-v"], |session| session.options.detail == Detail::Entries),
            (&["--dry-run"], |session| {
                session.options.detail == Detail::Entries
            }),
            (&["--dry-run", "-q"], |session| {
                session.options.detail == Detail::Job
            }),
            (&["--delete", "-y"], |session| {
                session.consent == Consent::Given
            }),
            (&["--log", "x"], |session| {
                session.log == LogChoice::File("x".into())
            }),
            (&["-rRap", "-r", "--no-log"], |session| {
                session.log == LogChoice::None
            }),
        ];
        for (arguments, holds) in rows {
            let (session, request) = copy(&[arguments, &["a", "b"]].concat());
            assert!(holds(&session), "{arguments:?}");
            assert_eq!(request.sources, [PathBuf::from("a")], "{arguments:?}");
        }
    }

    #[test]
    fn wrong_command_lines() {
        let check = |arguments: &[&str], expected: UsageError| {
            let error = command(arguments, Person::Absent).err();
            assert_eq!(error, Some(expected), "{arguments:?}");
        };
        check(&["a"], UsageError::NoDestination("a".into()));
        check(&["-t", "d"], UsageError::NoSource);
        check(&["--delete", "a", "b"], UsageError::NobodyToAsk);
        check(&["--json"], UsageError::NeedsNames("--json"));
        check(&["-T"], UsageError::NeedsNames("--no-target-directory"));
        assert!(
            command(&["--delete", "a", "b"], Person::Present).is_ok(),
            "someone can be asked"
        );
        assert!(
            command(&["--delete", "--dry-run", "a", "b"], Person::Absent).is_ok(),
            "nothing is removed"
        );
        assert!(
            command(&["--delete"], Person::Present).is_err(),
            "not at the prompt"
        );
        assert!(
            command(&["--delete", "--yes"], Person::Absent).is_ok(),
            "consent was given"
        );

        for arguments in [
            &["-u", "-n"][..],
            &["-n", "--backup"],
            &["-q", "-v"],
            &["--json", "-q"],
            &["--log=x", "--no-log"],
            &["--yes"],
            &["-T", "-t", "d"],
            &["--jobs", "0"],
            &["--chunk-size", "0"],
            &["--reflink=perhaps"],
        ] {
            let whole = [&["filecopy"], arguments, &["a", "b"]].concat();
            assert!(Args::try_parse_from(whole).is_err(), "{arguments:?}");
        }
    }

    #[test]
    fn repeated_options_add_up_or_the_last_counts() {
        let (session, _) = copy(&[
            "--exclude",
            "a",
            "--exclude",
            "b",
            "--retries=1",
            "--retries=2",
            "x",
            "y",
        ]);
        let patterns = session.options.filter.patterns.expect("two were given");
        assert!(
            patterns.matched("a", false).is_ignore() && patterns.matched("b", false).is_ignore()
        );
        assert_eq!(session.options.retries, 2);
        let (session, _) = copy(&["--no-preserve=mode", "--no-preserve=times", "x", "y"]);
        assert!(!session.options.preserve.times, "the second list");
    }
}
