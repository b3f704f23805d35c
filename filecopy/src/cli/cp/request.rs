//! From options in the order given to what is to be done: which of two wins, what excludes what, and what the
//! environment adds. Pure; nothing is looked up on disk.
//!
//! Where `cp` differs from filecopy, [`Request::options`] says so: folders need `-R`, links are followed unless told
//! otherwise, files are replaced in place, and nothing is kept that was not asked for.

use std::ffi::{OsStr, OsString};
use std::num::NonZeroUsize;
use std::path::PathBuf;

use common::quote;
use filecopy::config::{
    AttributeErrors, Backup, Content, CpRules, Dangling, Detail, Existing, Folders, Follow, Mounts,
    NewMode, Options, Preserve, Reflink, Replace, Rules, Sparse, Special,
};
use filecopy::engine::Target;

use super::flags::{Flag, Item, list, split};
use super::usage::Usage;
use super::words::choose;

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
#[derive(Debug, Default)]
pub(super) struct Environment {
    /// `VERSION_CONTROL`.
    pub(super) version_control: Option<OsString>,
    /// `SIMPLE_BACKUP_SUFFIX`.
    pub(super) backup_suffix: Option<OsString>,
    /// Whether `POSIXLY_CORRECT` is there.
    pub(super) posixly_correct: bool,
}

/// Reads the arguments after the program's name.
pub(super) fn read(
    args: impl IntoIterator<Item = OsString>,
    environment: &Environment,
) -> Result<Asked, Usage> {
    let mut flags = Flags::default();
    let mut operands = Vec::new();
    for item in split(args)? {
        match item {
            Item::Option(Flag::Help, _) => return Ok(Asked::Help),
            Item::Option(Flag::Version, _) => return Ok(Asked::Version),
            Item::Option(flag, value) => flags.take(flag, value)?,
            Item::Operand(operand) => operands.push(operand),
        }
    }
    let backup = flags.backup(environment)?;
    flags.check()?;
    let (sources, destination, target) = flags.operands(operands)?;
    Ok(Asked::Copy(Box::new(Request {
        sources,
        destination,
        target,
        folders: flags.folders(),
        names: if flags.parents {
            Names::Whole
        } else {
            Names::Last
        },
        warnings: std::mem::take(&mut flags.warnings),
        options: flags.options(backup, environment),
    })))
}

/// The options seen so far; a later one overrides an earlier one here.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "switches of a command line, independent of one another"
)]
struct Flags {
    attributes_only: bool,
    copy_contents: bool,
    force: bool,
    hard_link: bool,
    one_file_system: bool,
    parents: bool,
    recursive: bool,
    remove_destination: bool,
    strip_slashes: bool,
    symbolic_link: bool,
    verbose: bool,
    no_target_directory: bool,
    /// `--backup`, and its value.
    backup: Option<Option<OsString>>,
    suffix: Option<OsString>,
    target_directory: Option<OsString>,
    /// None: decided by what else is asked for.
    follow: Option<Follow>,
    /// None: decided by `update`.
    clobber: Option<Clobber>,
    update: Existing,
    preserve: Preserve,
    new_mode: NewMode,
    attributes: AttributeErrors,
    reflink: Reflink,
    sparse: Sparse,
    warnings: Vec<&'static str>,
}

/// The later of `-i` and `-n`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Clobber {
    Ask,
    Never,
}

impl Default for Flags {
    fn default() -> Self {
        Self {
            attributes_only: false,
            copy_contents: false,
            force: false,
            hard_link: false,
            one_file_system: false,
            parents: false,
            recursive: false,
            remove_destination: false,
            strip_slashes: false,
            symbolic_link: false,
            verbose: false,
            no_target_directory: false,
            backup: None,
            suffix: None,
            target_directory: None,
            follow: None,
            clobber: None,
            update: Existing::Overwrite,
            preserve: Preserve::NONE,
            new_mode: NewMode::Masked,
            attributes: AttributeErrors::Silent,
            reflink: Reflink::Auto,
            sparse: Sparse::Auto,
            warnings: Vec::new(),
        }
    }
}

impl Flags {
    fn take(&mut self, flag: Flag, value: Option<OsString>) -> Result<(), Usage> {
        match flag {
            Flag::Archive => self.archive(),
            Flag::AttributesOnly => self.attributes_only = true,
            Flag::Backup => self.backup = Some(value),
            Flag::CopyContents => self.copy_contents = true,
            Flag::LinksAsLinks => (self.preserve.links, self.follow) = (true, Some(Follow::Never)),
            Flag::Debug | Flag::Verbose => self.verbose = true,
            Flag::Force => self.force = true,
            Flag::Interactive => self.clobber = Some(Clobber::Ask),
            Flag::FollowSources => self.follow = Some(Follow::Sources),
            Flag::HardLink => self.hard_link = true,
            Flag::FollowAll => self.follow = Some(Follow::Always),
            Flag::NoClobber => self.clobber = Some(Clobber::Never),
            Flag::FollowNone => self.follow = Some(Follow::Never),
            Flag::Preserve => self.preserve(
                &value.unwrap_or_else(|| PRESERVED.into()),
                "--preserve",
                true,
            )?,
            Flag::NoPreserve => {
                self.preserve(&value.unwrap_or_default(), "--no-preserve", false)?
            }
            Flag::Parents => self.parents = true,
            Flag::Recursive => self.recursive = true,
            Flag::Reflink => {
                self.reflink = value.map_or(Ok(Reflink::Always), |word| {
                    choose(&word, "--reflink", REFLINK)
                })?
            }
            Flag::RemoveDestination => self.remove_destination = true,
            Flag::Sparse => self.sparse = choose(&value.unwrap_or_default(), "--sparse", SPARSE)?,
            Flag::StripTrailingSlashes => self.strip_slashes = true,
            Flag::SymbolicLink => self.symbolic_link = true,
            Flag::Suffix => {
                (self.suffix, self.backup) = (value, Some(self.backup.take().flatten()))
            }
            Flag::TargetDirectory if self.target_directory.is_some() => {
                return Err(Usage::plain("multiple target directories specified"));
            }
            Flag::TargetDirectory => self.target_directory = value,
            Flag::NoTargetDirectory => self.no_target_directory = true,
            Flag::Update => {
                self.update = value.map_or(Ok(Existing::IfNewer), |word| {
                    choose(&word, "--update", UPDATE)
                })?
            }
            Flag::OneFileSystem => self.one_file_system = true,
            Flag::Context if value.is_some() => self.warnings.push(NO_CONTEXT),
            Flag::Context | Flag::Help | Flag::Version => {}
        }
        Ok(())
    }

    fn archive(&mut self) {
        (self.recursive, self.follow) = (true, Some(Follow::Never));
        if self.attributes != AttributeErrors::Fatal {
            self.attributes = AttributeErrors::Silent;
        }
        self.preserve = Preserve::ALL;
    }

    /// Each word of `--preserve` or `--no-preserve` in turn.
    fn preserve(&mut self, words: &OsStr, what: &str, keep: bool) -> Result<(), Usage> {
        for word in list(words) {
            let attribute = choose(word, what, ATTRIBUTES)?;
            let is = |one| attribute == one || attribute == Attribute::All;
            if attribute == Attribute::Context && keep {
                return Err(Usage::plain(CONTEXT_NEEDS_SELINUX));
            }
            if is(Attribute::Mode) {
                self.preserve.mode = keep;
                // Not even what a new file has of its source without being asked.
                self.new_mode = if keep {
                    NewMode::Masked
                } else {
                    NewMode::Plain
                };
            }
            if is(Attribute::Timestamps) {
                self.preserve.times = keep;
            }
            if is(Attribute::Ownership) {
                self.preserve.owner = keep;
            }
            if is(Attribute::Links) {
                self.preserve.links = keep;
            }
            if is(Attribute::Xattr) {
                self.attributes = match (attribute, self.attributes) {
                    _ if !keep => AttributeErrors::Silent,
                    (Attribute::Xattr, _) | (_, AttributeErrors::Fatal) => AttributeErrors::Fatal,
                    _ if self.preserve.xattr => self.attributes,
                    _ => AttributeErrors::Told,
                };
                self.preserve.xattr = keep;
            }
        }
        Ok(())
    }

    /// Combinations that make no sense.
    fn check(&self) -> Result<(), Usage> {
        let wrong = if self.hard_link && self.symbolic_link {
            "cannot make both hard and symbolic links"
        } else if self.backup.is_some() && self.clobber == Some(Clobber::Never) {
            "options --backup and --no-clobber are mutually exclusive"
        } else if self.reflink == Reflink::Always && self.sparse != Sparse::Auto {
            "--reflink can be used only with --sparse=auto"
        } else if self.target_directory.is_some() && self.no_target_directory {
            return Err(Usage::plain(
                "cannot combine --target-directory (-t) and --no-target-directory (-T)",
            ));
        } else if self.parents && self.no_target_directory {
            "with --parents, the destination must be a directory"
        } else {
            return Ok(());
        };
        Err(Usage::of(wrong))
    }

    /// The kind of backup: the option's value, else the environment's, else simple unless there are numbered ones.
    fn backup(&self, environment: &Environment) -> Result<Backup, Usage> {
        let Some(control) = &self.backup else {
            return Ok(Backup::None);
        };
        let method = match (control, &environment.version_control) {
            (Some(word), _) if !word.is_empty() => choose(word, "backup type", CONTROL)?,
            (None, Some(word)) if !word.is_empty() => choose(word, "$VERSION_CONTROL", CONTROL)?,
            _ => Method::Existing,
        };
        // A suffix that would lead into another folder is not one.
        let suffix = self.suffix.as_ref().or(environment.backup_suffix.as_ref());
        let suffix =
            suffix.filter(|text| !text.is_empty() && !text.as_encoded_bytes().contains(&b'/'));
        let suffix = suffix.cloned().unwrap_or_else(|| "~".into());
        Ok(match method {
            Method::None => Backup::None,
            Method::Simple => Backup::Simple(suffix),
            Method::Existing => Backup::Existing(suffix),
            Method::Numbered => Backup::Numbered,
        })
    }

    /// Which operands are sources, and what the destination is.
    fn operands(
        &self,
        mut operands: Vec<OsString>,
    ) -> Result<(Vec<PathBuf>, PathBuf, Target), Usage> {
        let needed = if self.target_directory.is_some() {
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
            [_, _, extra, ..] if self.no_target_directory => {
                return Err(Usage::of(format!("extra operand {}", quote::always(extra))));
            }
            _ => {}
        }
        let (destination, target) = match &self.target_directory {
            Some(folder) => (folder.clone(), Target::Folder),
            None if self.no_target_directory => (operands.pop().unwrap_or_default(), Target::Name),
            None => (operands.pop().unwrap_or_default(), Target::Infer),
        };
        let sources = operands.into_iter().map(|source| {
            if self.strip_slashes {
                stripped(source)
            } else {
                source.into()
            }
        });
        Ok((sources.collect(), destination.into(), target))
    }

    fn folders(&self) -> Folders {
        if self.recursive {
            Folders::Copy
        } else {
            Folders::Omit
        }
    }

    fn options(&self, backup: Backup, environment: &Environment) -> Options {
        let default = Options::default();
        // What is told or asked in an order has to happen in it.
        let one_by_one = self.verbose || self.clobber == Some(Clobber::Ask);
        Options {
            jobs: if one_by_one {
                NonZeroUsize::MIN
            } else {
                default.jobs
            },
            follow: self.follow.unwrap_or(if self.recursive && !self.hard_link {
                Follow::Never
            } else {
                Follow::Always
            }),
            preserve: self.preserve,
            existing: match self.clobber {
                Some(Clobber::Never) => Existing::Keep,
                Some(Clobber::Ask) => Existing::Ask,
                None => self.update,
            },
            replace: if self.remove_destination {
                Replace::Remove
            } else if self.force {
                Replace::InPlaceForced
            } else {
                Replace::InPlace
            },
            backup,
            content: if self.hard_link {
                Content::HardLink
            } else if self.symbolic_link {
                Content::SymbolicLink
            } else if self.attributes_only {
                Content::AttributesOnly
            } else {
                Content::Copy
            },
            special: if self.recursive && !self.copy_contents {
                Special::Recreate
            } else {
                Special::Contents
            },
            reflink: self.reflink,
            sparse: self.sparse,
            mounts: if self.one_file_system {
                Mounts::Skip
            } else {
                Mounts::Enter
            },
            detail: if self.verbose {
                Detail::Entries
            } else {
                Detail::Job
            },
            rules: Rules::Cp(CpRules {
                folders: self.folders(),
                new_mode: self.new_mode,
                dangling: if environment.posixly_correct {
                    Dangling::Create
                } else {
                    Dangling::Refuse
                },
                attributes: self.attributes,
            }),
            ..default
        }
    }
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

/// What `-p` and a bare `--preserve` keep.
const PRESERVED: &str = "mode,ownership,timestamps";

const CONTEXT_NEEDS_SELINUX: &str =
    "cannot preserve security context without an SELinux-enabled kernel";
const NO_CONTEXT: &str = "warning: ignoring --context; it requires an SELinux-enabled kernel";

/// A word of `--preserve`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Attribute {
    Mode,
    Timestamps,
    Ownership,
    Links,
    Context,
    Xattr,
    All,
}

const ATTRIBUTES: &[(&str, Attribute)] = &[
    ("mode", Attribute::Mode),
    ("timestamps", Attribute::Timestamps),
    ("ownership", Attribute::Ownership),
    ("links", Attribute::Links),
    ("context", Attribute::Context),
    ("xattr", Attribute::Xattr),
    ("all", Attribute::All),
];

/// A word of `--backup`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    None,
    Simple,
    Existing,
    Numbered,
}

const CONTROL: &[(&str, Method)] = &[
    ("none", Method::None),
    ("off", Method::None),
    ("simple", Method::Simple),
    ("never", Method::Simple),
    ("existing", Method::Existing),
    ("nil", Method::Existing),
    ("numbered", Method::Numbered),
    ("t", Method::Numbered),
];

const REFLINK: &[(&str, Reflink)] = &[
    ("auto", Reflink::Auto),
    ("always", Reflink::Always),
    ("never", Reflink::Never),
];

const SPARSE: &[(&str, Sparse)] = &[
    ("never", Sparse::Never),
    ("auto", Sparse::Auto),
    ("always", Sparse::Always),
];

const UPDATE: &[(&str, Existing)] = &[
    ("all", Existing::Overwrite),
    ("none", Existing::Keep),
    ("none-fail", Existing::Refuse),
    ("older", Existing::IfNewer),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_later_option_wins() {
        let rows = [
            ("-i after -n asks", "-ni a b", Existing::Ask),
            ("-n after -i keeps", "-in a b", Existing::Keep),
            ("-f changes neither", "-nf a b", Existing::Keep),
            ("-n beats -u", "-un a b", Existing::Keep),
            ("-u", "-u a b", Existing::IfNewer),
            ("--update=none", "--update=none a b", Existing::Keep),
            (
                "--update=none-fail",
                "--update=none-f a b",
                Existing::Refuse,
            ),
            (
                "--update=all after -u",
                "-u --update=all a b",
                Existing::Overwrite,
            ),
        ];
        for (name, line, expected) in rows {
            assert_eq!(request(line).options.existing, expected, "{name}");
        }
    }

    #[test]
    fn links_are_followed_as_cp_does() {
        let rows = [
            ("plain", "a b", Follow::Always),
            ("recursive", "-R a b", Follow::Never),
            ("recursive hard links", "-Rl a b", Follow::Always),
            ("archive of hard links", "-al a b", Follow::Never),
            ("-H", "-RH a b", Follow::Sources),
            ("-L after -d", "-dL a b", Follow::Always),
            ("-d after -L", "-Ld a b", Follow::Never),
        ];
        for (name, line, expected) in rows {
            assert_eq!(request(line).options.follow, expected, "{name}");
        }
    }

    #[test]
    fn attributes_are_kept_as_listed() {
        let rows = [
            ("nothing", "a b", ""),
            ("-p", "-p a b", "mode owner times"),
            ("-d", "-d a b", "links"),
            ("-a", "-a a b", "mode owner times links Silent"),
            (
                "--preserve=all",
                "--preserve=all a b",
                "mode owner times links Told",
            ),
            ("a list", "--preserve=links,xattr a b", "links Fatal"),
            ("shortened words", "--preserve=own a b", "owner"),
            (
                "-a without mode",
                "-a --no-preserve=mode a b",
                "plain owner times links Silent",
            ),
            (
                "without mode, then all",
                "--no-preserve=mode --preserve=all a b",
                "mode owner times links Told",
            ),
            ("without links", "-dR --no-preserve=links a b", ""),
            (
                "xattr asked for before -a",
                "--preserve=xattr -a a b",
                "mode owner times links Fatal",
            ),
            (
                "xattr asked for after -a",
                "-a --preserve=xattr a b",
                "mode owner times links Fatal",
            ),
        ];
        for (name, line, expected) in rows {
            let request = request(line);
            let kept = request.options.preserve;
            let Rules::Cp(rules) = request.options.rules else {
                panic!("{name}: not cp's rules")
            };
            let attributes = format!("{:?}", rules.attributes);
            let words = [
                (kept.mode, "mode"),
                (!kept.mode && rules.new_mode == NewMode::Plain, "plain"),
                (kept.owner, "owner"),
                (kept.times, "times"),
                (kept.links, "links"),
                (kept.xattr, attributes.as_str()),
            ];
            let shown: Vec<&str> = words
                .iter()
                .filter(|(is_on, _)| *is_on)
                .map(|(_, word)| *word)
                .collect();
            assert_eq!(shown.join(" "), expected, "{name}");
        }
    }

    #[test]
    fn backups_are_named_by_option_and_environment() {
        let simple = |suffix: &str| Backup::Simple(suffix.into());
        let existing = |suffix: &str| Backup::Existing(suffix.into());
        let rows = [
            ("none asked for", "a b", [None, Some("x")], Backup::None),
            ("-b", "-b a b", [None, None], existing("~")),
            (
                "--backup with a word",
                "--backup=simple a b",
                [Some("t"), None],
                simple("~"),
            ),
            ("shortened", "--b=num a b", [None, None], Backup::Numbered),
            (
                "from the environment",
                "-b a b",
                [Some("simple"), Some(".old")],
                simple(".old"),
            ),
            ("-S is enough", "-S .b a b", [None, None], existing(".b")),
            (
                "-S keeps the control",
                "--backup=simple -S .b a b",
                [None, None],
                simple(".b"),
            ),
            (
                "-b after --backup=t",
                "--backup=t -b a b",
                [None, None],
                existing("~"),
            ),
            (
                "a suffix that is a path",
                "-b -S /x a b",
                [None, None],
                existing("~"),
            ),
            ("turned off", "--backup=off a b", [None, None], Backup::None),
        ];
        for (name, line, [control, suffix], expected) in rows {
            let environment = Environment {
                version_control: control.map(OsString::from),
                backup_suffix: suffix.map(OsString::from),
                posixly_correct: false,
            };
            let asked = read(line.split_whitespace().map(OsString::from), &environment);
            let Ok(Asked::Copy(request)) = asked else {
                panic!("{name}: {asked:?}")
            };
            assert_eq!(request.options.backup, expected, "{name}");
        }
    }

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
            (
                "unknown attribute",
                "--preserve=modes a b",
                "invalid argument 'modes' for '--preserve'",
            ),
            ("context", "--preserve=context a b", CONTEXT_NEEDS_SELINUX),
        ];
        for (name, line, expected) in rows {
            let asked = read(
                line.split_whitespace().map(OsString::from),
                &Environment::default(),
            );
            let said = asked.map(|_| ()).unwrap_err().to_string();
            assert_eq!(said.lines().next(), Some(expected), "{name}");
        }
    }

    fn request(line: &str) -> Request {
        match read(
            line.split_whitespace().map(OsString::from),
            &Environment::default(),
        ) {
            Ok(Asked::Copy(request)) => *request,
            other => panic!("{line}: {other:?}"),
        }
    }
}
