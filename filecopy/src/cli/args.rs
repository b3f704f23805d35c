//! The options as clap reads them, and as `--help` tells them. What they mean is decided in `command.rs`.

use std::ffi::OsString;
use std::num::{NonZeroU64, NonZeroUsize};

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Parser, ValueHint};
use common::cli::CommonArgs;
use filecopy::config::Backup;

use super::patterns::Patterns;
use super::values::{self, Unkept, When};

/// Copies files and folders: fast, whole or not at all
#[derive(Debug, Parser)]
#[command(
    name = "filecopy",
    version,
    args_override_self = true,
    override_usage = "filecopy [OPTIONS] SRC... DST\n       filecopy [OPTIONS]",
    after_help = MORE,
    after_long_help = LONG,
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
    pub(super) operands: Vec<OsString>,

    /// Copy every SRC into this folder
    #[arg(short, long, value_name = "DIR", value_parser = OsStringValueParser::new(), help_heading = "Names")]
    pub(super) target_directory: Option<OsString>,

    /// Take DST for the copy's name even if it is a folder
    #[arg(
        short = 'T',
        long,
        conflicts_with = "target_directory",
        help_heading = "Names"
    )]
    pub(super) no_target_directory: bool,

    #[command(flatten)]
    pub(super) patterns: Patterns,

    /// Leave out what the .gitignore files of the tree name
    #[arg(long, help_heading = WHAT)]
    pub(super) gitignore: bool,

    /// Do not enter folders of other file systems
    #[arg(short = 'x', long, help_heading = WHAT)]
    pub(super) one_file_system: bool,

    /// Copy what symbolic links lead to, not the links
    #[arg(short = 'L', long, visible_alias = "dereference", help_heading = WHAT)]
    pub(super) follow: bool,

    /// Leave these as they are in a new file: mode, owner, times, links, xattr, or all
    #[arg(long, value_name = "LIST", value_parser = values::unkept, help_heading = WHAT)]
    pub(super) no_preserve: Vec<Unkept>,

    /// Replace a file only when SRC was modified later
    #[arg(short, long, conflicts_with = "no_clobber", help_heading = EXISTING)]
    pub(super) update: bool,

    /// Leave every file that exists alone
    #[arg(short, long, conflicts_with = "backup", help_heading = EXISTING)]
    pub(super) no_clobber: bool,

    /// Keep what is replaced as NAME~, with another SUFFIX, or as NAME.~1~ with 'numbered'
    #[arg(
        short, long, value_name = "SUFFIX", num_args = 0..=1, require_equals = true,
        default_missing_value = values::BACKUP_SUFFIX,
        value_parser = OsStringValueParser::new().try_map(values::backup),
        help_heading = EXISTING,
    )]
    pub(super) backup: Option<Backup>,

    /// Remove from the copy what SRC does not have; asks before. With -T, DST itself becomes like SRC
    #[arg(long, help_heading = EXISTING)]
    pub(super) delete: bool,

    /// Do not ask before --delete removes anything
    #[arg(short, long, requires = "delete", help_heading = EXISTING)]
    pub(super) yes: bool,

    /// Show what would be done, and do nothing
    #[arg(long, help_heading = EXISTING)]
    pub(super) dry_run: bool,

    /// Read every copy back from the disk and compare it (BLAKE3)
    ///
    /// The summary then says 'verified', unless something failed
    #[arg(long, help_heading = SAFETY)]
    pub(super) verify: bool,

    /// Keep what an interrupted copy has, and take it up again
    ///
    /// What is there already counts only if its checksum is right. Give the same command again to go on; see Files
    #[arg(long, help_heading = SAFETY)]
    pub(super) resume: bool,

    /// Force each copy to the disk before it is called complete
    #[arg(long, help_heading = SAFETY)]
    pub(super) fsync: bool,

    /// Try again this often when a file fails for a passing reason
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = SAFETY)]
    pub(super) retries: u32,

    /// Workers [default: one for each processor, at most 8]
    #[arg(short, long, value_name = "N", value_parser = values::jobs, help_heading = SPEED)]
    pub(super) jobs: Option<NonZeroUsize>,

    /// Unit in which a copy is counted, throttled and resumed
    ///
    /// 10KB is 10,240 bytes
    #[arg(long, value_name = "SIZE", default_value = "10KB", value_parser = values::chunk_len, help_heading = SPEED)]
    pub(super) chunk_size: NonZeroUsize,

    /// Copy at most this much a second, such as 10MB
    #[arg(long, value_name = "RATE", value_parser = values::rate, help_heading = SPEED)]
    pub(super) bwlimit: Option<NonZeroU64>,

    /// Share the blocks of SRC instead of writing new ones: auto, always (or fail), never
    #[arg(
        long, value_name = "WHEN", value_enum, default_value_t = When::Auto, help_heading = SPEED,
        hide_possible_values = true
    )]
    pub(super) reflink: When,

    /// Keep holes: auto, always (make holes of zeros as well), never (fill them)
    #[arg(
        long, value_name = "WHEN", value_enum, default_value_t = When::Auto, help_heading = SPEED,
        hide_possible_values = true,
    )]
    pub(super) sparse: When,

    /// Write starts and ends to this file instead of log.txt
    #[arg(long, value_name = "FILE", value_parser = OsStringValueParser::new(), conflicts_with = "no_log", help_heading = REPORT)]
    pub(super) log: Option<OsString>,

    /// Write no log
    #[arg(long, help_heading = REPORT)]
    pub(super) no_log: bool,

    /// Tell what happens on stdout, one JSON object a line
    ///
    /// What the objects hold is told below
    #[arg(long, conflicts_with = "quiet", help_heading = REPORT)]
    pub(super) json: bool,

    /// Say nothing but failures
    #[arg(short, long, conflicts_with = "verbose", help_heading = REPORT)]
    pub(super) quiet: bool,

    /// Show each file, and write it to the log
    #[arg(short, long, help_heading = REPORT)]
    pub(super) verbose: bool,

    /// Accepted, as are -a -R -p -P -d: it is the default
    ///
    /// Folders are always copied whole, with everything that belongs to them
    #[arg(
        short = 'r', long = "recursive", short_aliases = ['a', 'R', 'p', 'P', 'd'],
        aliases = ["archive", "no-dereference"], help_heading = WHAT, display_order = 1000
    )]
    pub(super) _as_cp: bool,

    #[command(flatten)]
    pub(super) common: CommonArgs,
}

const WHAT: &str = "What is copied";
const EXISTING: &str = "What is there already";
const SAFETY: &str = "Safety";
const SPEED: &str = "Speed";
const REPORT: &str = "Reports";

const MORE: &str = "Examples, files, exit status: filecopy --help, or filecopy --man-page";

/// Headings stand alone at the margin: the manual page makes sections of them.
const LONG: &str = "\
Examples:
  filecopy film.mkv /media/usb/
      copy a file into a folder
  filecopy photos photos-2026
      copy a folder with all that is in it
  filecopy -T --update --delete src mirror
      make mirror like src, asking before anything is removed
  filecopy --dry-run --exclude '*.o' src dst
      show what would be copied
  filecopy --resume --bwlimit 20MB big.img /mnt/nas/
      go on where an interrupted copy ended
  filecopy
      ask for names, copy while you type
  filecopy cp -a src dst
      be cp, with GNU cp's own options (a file called cp is named ./cp)

How files are replaced:
  A new file is written beside the old one and takes its name when it is
  whole: there is the old file or the new one, never a piece of one. So the
  folder must be writable, other names (hard links) of the old file keep the
  old content, and what something is mounted on cannot be replaced.
  'filecopy cp' writes into the existing file instead, as cp does.

Sizes:
  K, KB and KiB are all 1,024 bytes, and so on for M, G and T: 10KB is
  10,240 bytes, 20MB is 20,971,520.

Files:
  log.txt
      In the current folder; each copy adds two lines, with the seconds since
      the program started:
        0.52<TAB>Start copying SRC to DEST
        3.07<TAB>DEST is copied completely
      or, as the second, DEST failed: REASON.
  .filecopy-....part, .filecopy-....map
      Beside the file to be, what an interrupted --resume has copied and the
      checksums of it. The same command goes on from there and removes them.

JSON:
  With --json each line is an object with 'event' and 'time' (seconds):
    started   job, source, destination
    entry     job, action, source, destination, size
              (with --verbose or --dry-run)
    progress  NUMBERS, total_bytes, total_files, percent, bytes_per_sec,
              remaining_secs (null until known; at most five lines a second)
    notice    job, message
    failed    job, message
    finished  job, outcome, source, destination, NUMBERS
    summary   outcome, NUMBERS
  NUMBERS are bytes, files, folders, cloned, kept, skipped, removed, failed;
  outcome is complete, failed or cancelled. 'dry_run' and 'verified' are true
  where they apply, else absent. A name that is not UTF-8 is given in
  hexadecimal as well, as source_bytes or destination_bytes.

Exit status:
  0    everything was copied
  1    something was not; each failure was told
  2    wrong command line; nothing was done
  130  interrupted (Ctrl-C, SIGTERM, SIGHUP); what was unfinished is removed,
       or kept for --resume";
