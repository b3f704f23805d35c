//! The options seen so far, and what they come to: which of two wins, and what excludes what. Pure.
//!
//! Where `cp` differs from filecopy, [`Switches::options`] says so: folders need `-R`, links are followed unless told
//! otherwise, files are written in place, and nothing is kept that was not asked for.

use std::ffi::OsString;
use std::num::NonZeroUsize;

use filecopy::config::{
    Backup, Content, CpRules, Dangling, Detail, Existing, Folders, Follow, Mounts, Options,
    Reflink, Replace, Rules, Sparse, Special,
};

use super::backup::{self, Habits};
use super::flags::Flag;
use super::kept::{Kept, USUAL};
use super::usage::Usage;
use super::words::choose;

/// The options seen so far.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "switches of a command line, independent of one another"
)]
pub(super) struct Switches {
    attributes_only: bool,
    copy_contents: bool,
    force: bool,
    hard_link: bool,
    one_file_system: bool,
    pub(super) parents: bool,
    recursive: bool,
    remove_destination: bool,
    pub(super) strip_slashes: bool,
    symbolic_link: bool,
    verbose: bool,
    pub(super) no_target_directory: bool,
    /// `--backup`, and its value.
    backup: Option<Option<OsString>>,
    suffix: Option<OsString>,
    pub(super) target_directory: Option<OsString>,
    /// None: decided by what else is asked for.
    follow: Option<Follow>,
    /// None: decided by `update`.
    clobber: Option<Clobber>,
    update: Existing,
    kept: Kept,
    reflink: Reflink,
    sparse: Sparse,
    /// Things asked for that are not done.
    pub(super) warnings: Vec<&'static str>,
}

/// The later of `-i` and `-n`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Clobber {
    Ask,
    Never,
}

impl Default for Switches {
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
            kept: Kept::NOTHING,
            reflink: Reflink::Auto,
            sparse: Sparse::Auto,
            warnings: Vec::new(),
        }
    }
}

impl Switches {
    /// Takes one option; a later one overrides an earlier one here.
    pub(super) fn take(&mut self, flag: Flag, value: Option<OsString>) -> Result<(), Usage> {
        match flag {
            Flag::Archive => {
                (self.recursive, self.follow) = (true, Some(Follow::Never));
                self.kept.keep_all();
            }
            Flag::AttributesOnly => self.attributes_only = true,
            Flag::Backup => self.backup = Some(value),
            Flag::CopyContents => self.copy_contents = true,
            Flag::LinksAsLinks => {
                (self.kept.preserve.links, self.follow) = (true, Some(Follow::Never))
            }
            Flag::Debug | Flag::Verbose => self.verbose = true,
            Flag::Force => self.force = true,
            Flag::Interactive => self.clobber = Some(Clobber::Ask),
            Flag::FollowSources => self.follow = Some(Follow::Sources),
            Flag::HardLink => self.hard_link = true,
            Flag::FollowAll => self.follow = Some(Follow::Always),
            Flag::NoClobber => self.clobber = Some(Clobber::Never),
            Flag::FollowNone => self.follow = Some(Follow::Never),
            Flag::Preserve => {
                let words = value.unwrap_or_else(|| USUAL.into());
                self.kept.take(&words, "--preserve", true)?;
            }
            Flag::NoPreserve => {
                let words = value.unwrap_or_default();
                self.kept.take(&words, "--no-preserve", false)?;
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

    /// Combinations that make no sense.
    pub(super) fn check(&self) -> Result<(), Usage> {
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

    /// What becomes of folders among the sources.
    pub(super) fn folders(&self) -> Folders {
        if self.recursive {
            Folders::Copy
        } else {
            Folders::Omit
        }
    }

    /// What the engine is told.
    pub(super) fn options(&self, habits: &Habits, dangling: Dangling) -> Result<Options, Usage> {
        let default = Options::default();
        // What is told or asked in an order has to happen in it.
        let one_by_one = self.verbose || self.clobber == Some(Clobber::Ask);
        Ok(Options {
            jobs: if one_by_one {
                NonZeroUsize::MIN
            } else {
                default.jobs
            },
            follow: self.follow(),
            preserve: self.kept.preserve,
            existing: self.existing(),
            replace: if self.remove_destination {
                Replace::Remove
            } else if self.force {
                Replace::InPlaceForced
            } else {
                Replace::InPlace
            },
            backup: match &self.backup {
                Some(control) => {
                    backup::choice(control.as_deref(), self.suffix.as_deref(), habits)?
                }
                None => Backup::None,
            },
            content: self.content(),
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
                new_mode: self.kept.new_mode,
                dangling,
                attributes: self.kept.attributes,
            }),
            ..default
        })
    }

    fn follow(&self) -> Follow {
        self.follow.unwrap_or(if self.recursive && !self.hard_link {
            Follow::Never
        } else {
            Follow::Always
        })
    }

    fn existing(&self) -> Existing {
        match (self.clobber, self.update) {
            (Some(Clobber::Never), _) => Existing::Keep,
            (Some(Clobber::Ask), Existing::IfNewer) => Existing::AskIfNewer,
            (Some(Clobber::Ask), _) => Existing::Ask,
            (None, update) => update,
        }
    }

    fn content(&self) -> Content {
        if self.hard_link {
            Content::HardLink
        } else if self.symbolic_link {
            Content::SymbolicLink
        } else if self.attributes_only {
            Content::AttributesOnly
        } else {
            Content::Copy
        }
    }
}

const NO_CONTEXT: &str = "warning: ignoring --context; it requires an SELinux-enabled kernel";

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
    use crate::cli::cp::flags::{Item, split};

    #[test]
    fn the_later_option_wins() {
        let rows = [
            ("-i after -n asks", "-ni", Existing::Ask),
            ("-n after -i keeps", "-in", Existing::Keep),
            ("-f changes neither", "-nf", Existing::Keep),
            ("-n beats -u", "-un", Existing::Keep),
            ("-u", "-u", Existing::IfNewer),
            ("-u and -i", "-ui", Existing::AskIfNewer),
            ("--update=none", "--update=none", Existing::Keep),
            ("--update=none-fail", "--update=none-f", Existing::Refuse),
            (
                "--update=all after -u",
                "-u --update=all",
                Existing::Overwrite,
            ),
        ];
        for (name, line, expected) in rows {
            assert_eq!(options(line).existing, expected, "{name}");
        }
    }

    #[test]
    fn links_are_followed_as_cp_does() {
        let rows = [
            ("plain", "", Follow::Always),
            ("recursive", "-R", Follow::Never),
            ("recursive hard links", "-Rl", Follow::Always),
            ("archive of hard links", "-al", Follow::Never),
            ("-H", "-RH", Follow::Sources),
            ("-L after -d", "-dL", Follow::Always),
            ("-d after -L", "-Ld", Follow::Never),
        ];
        for (name, line, expected) in rows {
            assert_eq!(options(line).follow, expected, "{name}");
        }
    }

    #[test]
    fn a_suffix_asks_for_backups() {
        let simple = |suffix: &str| Backup::Simple(suffix.into());
        let existing = |suffix: &str| Backup::Existing(suffix.into());
        let rows = [
            ("none asked for", "", Backup::None),
            ("-S is enough", "-S .b", existing(".b")),
            (
                "-S keeps the control",
                "--backup=simple -S .b",
                simple(".b"),
            ),
            ("-b after --backup=t", "--backup=t -b", existing("~")),
        ];
        for (name, line, expected) in rows {
            assert_eq!(options(line).backup, expected, "{name}");
        }
    }

    fn options(line: &str) -> Options {
        let mut switches = Switches::default();
        for item in split(line.split_whitespace().map(OsString::from)).unwrap() {
            match item {
                Item::Option(flag, value) => switches.take(flag, value).unwrap(),
                Item::Operand(operand) => panic!("{line}: operand {}", operand.display()),
            }
        }
        switches
            .options(&Habits::default(), Dangling::Refuse)
            .unwrap()
    }
}
