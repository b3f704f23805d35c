//! The options as clap reads them, and what becomes of them.

use std::ffi::OsString;
use std::io::stderr;
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Parser, ValueHint};
use common::cli::CommonArgs;
use common::clock::Clock;
use common::log::{LogSink, Logger};
use common::style::Style;
use filecopy::config::{
    Backup, Detail, Existing, Extraneous, Filter, Follow, Mode, Mounts, Options, Resume, Sync,
    Verify,
};
use filecopy::engine::Target;
use filecopy::session::{Consent, Form, LogChoice, Request, Session, Volume};

use super::patterns::Patterns;
use super::values::{self, Unkept, When};
use super::{Command, Person, UsageError};

/// Copies files and folders: fast, whole or not at all
#[derive(Debug, Parser)]
#[command(
    name = "filecopy",
    version,
    args_override_self = true,
    override_usage = "filecopy [OPTIONS] SRC... DST\n       filecopy [OPTIONS]",
    after_help = EXAMPLES,
    after_long_help = EXAMPLES,
)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of its own; they become enums in `command`"
)]
pub(super) struct Args {
    /// What to copy, and last where to
    ///
    /// DST is the copy's name, or, when it is a folder (or there are several SRC), the folder that the copies go into.
    /// Without any name filecopy asks for names, and copies while you type; type 'help' there
    #[arg(value_name = "NAME", value_hint = ValueHint::AnyPath, value_parser = OsStringValueParser::new(), help_heading = "Names")]
    operands: Vec<OsString>,

    /// Copy every SRC into this folder
    #[arg(short, long, value_name = "DIR", value_parser = OsStringValueParser::new(), help_heading = "Names")]
    target_directory: Option<OsString>,

    /// Take DST for the copy's name even if it is a folder
    #[arg(
        short = 'T',
        long,
        conflicts_with = "target_directory",
        help_heading = "Names"
    )]
    no_target_directory: bool,

    #[command(flatten)]
    patterns: Patterns,

    /// Leave out what the .gitignore files of the tree name
    #[arg(long, help_heading = WHAT)]
    gitignore: bool,

    /// Do not enter folders of other file systems
    #[arg(short = 'x', long, help_heading = WHAT)]
    one_file_system: bool,

    /// Copy what symbolic links lead to, not the links
    #[arg(short = 'L', long, visible_alias = "dereference", help_heading = WHAT)]
    follow: bool,

    /// Leave these as they are in a new file: mode, owner, times, links, xattr, or all
    #[arg(long, value_name = "LIST", value_parser = values::unkept, help_heading = WHAT)]
    no_preserve: Vec<Unkept>,

    /// Replace a file only when SRC was modified later
    #[arg(short, long, conflicts_with = "no_clobber", help_heading = EXISTING)]
    update: bool,

    /// Leave every file that exists alone
    #[arg(short, long, conflicts_with = "backup", help_heading = EXISTING)]
    no_clobber: bool,

    /// Keep what is replaced as NAME~, with another SUFFIX, or as NAME.~1~ with 'numbered'
    #[arg(
        short, long, value_name = "SUFFIX", num_args = 0..=1, require_equals = true,
        default_missing_value = values::BACKUP_SUFFIX,
        value_parser = OsStringValueParser::new().try_map(values::backup),
        help_heading = EXISTING,
    )]
    backup: Option<Backup>,

    /// Remove from the copy what SRC does not have; asks before. With -T, DST itself becomes like SRC
    #[arg(long, help_heading = EXISTING)]
    delete: bool,

    /// Do not ask before --delete removes anything
    #[arg(short, long, requires = "delete", help_heading = EXISTING)]
    yes: bool,

    /// Show what would be done, and do nothing
    #[arg(long, help_heading = EXISTING)]
    dry_run: bool,

    /// Read every copy back from the disk and compare it (BLAKE3)
    #[arg(long, help_heading = SAFETY)]
    verify: bool,

    /// Keep what an interrupted copy has, and take it up again
    #[arg(long, help_heading = SAFETY)]
    resume: bool,

    /// Force each copy to the disk before it is called complete
    #[arg(long, help_heading = SAFETY)]
    fsync: bool,

    /// Try again this often when a file fails for a passing reason
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = SAFETY)]
    retries: u32,

    /// Workers [default: one for each processor, at most 8]
    #[arg(short, long, value_name = "N", value_parser = values::jobs, help_heading = SPEED)]
    jobs: Option<NonZeroUsize>,

    /// Unit in which a copy is counted, throttled and resumed
    #[arg(long, value_name = "SIZE", default_value = "10KB", value_parser = values::chunk_len, help_heading = SPEED)]
    chunk_size: NonZeroUsize,

    /// Copy at most this much a second, such as 10MB
    #[arg(long, value_name = "RATE", value_parser = values::rate, help_heading = SPEED)]
    bwlimit: Option<NonZeroU64>,

    /// Share the blocks of SRC instead of writing new ones: auto, always (or fail), never
    #[arg(
        long, value_name = "WHEN", value_enum, default_value_t = When::Auto, help_heading = SPEED,
        hide_possible_values = true
    )]
    reflink: When,

    /// Keep holes: auto, always (make holes of zeros as well), never (fill them)
    #[arg(
        long, value_name = "WHEN", value_enum, default_value_t = When::Auto, help_heading = SPEED,
        hide_possible_values = true,
    )]
    sparse: When,

    /// Write starts and ends to this file instead of log.txt
    #[arg(long, value_name = "FILE", value_parser = OsStringValueParser::new(), conflicts_with = "no_log", help_heading = REPORT)]
    log: Option<OsString>,

    /// Write no log
    #[arg(long, help_heading = REPORT)]
    no_log: bool,

    /// Tell what happens on stdout, one JSON object a line
    #[arg(long, conflicts_with = "quiet", help_heading = REPORT)]
    json: bool,

    /// Say nothing but failures
    #[arg(short, long, conflicts_with = "verbose", help_heading = REPORT)]
    quiet: bool,

    /// Show each file, and write it to the log
    #[arg(short, long, help_heading = REPORT)]
    verbose: bool,

    /// As in cp, and not needed: folders are always copied whole, with everything that belongs to them
    #[arg(
        short = 'r', long = "recursive", visible_short_aliases = ['R', 'a'], short_aliases = ['p', 'P', 'd'],
        aliases = ["archive", "no-dereference"], help_heading = WHAT, display_order = 1000
    )]
    _as_cp: bool,

    #[command(flatten)]
    common: CommonArgs,
}

const WHAT: &str = "What is copied";
const EXISTING: &str = "What is there already";
const SAFETY: &str = "Safety";
const SPEED: &str = "Speed";
const REPORT: &str = "Reports";

const EXAMPLES: &str = "\
Examples:
  filecopy film.mkv /media/usb/          copy a file into a folder
  filecopy photos photos-2026            copy a folder, whole or not at all
  filecopy -T --update --delete src mirror
                                         make mirror like src, asking before anything is removed
  filecopy --dry-run --exclude '*.o' src dst
                                         show what would be copied
  filecopy --resume --bwlimit 20MB big.img /mnt/nas/
                                         go on where an interrupted copy ended
  filecopy                               ask for names, copy while you type";

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
            logger: Logger::new(
                self.common.log_level,
                self.common.log_format,
                LogSink::Stderr,
                clock,
            ),
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

        let rows: [(&[&str], fn(&Session) -> bool); 16] = [
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
