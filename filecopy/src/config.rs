//! What a copy is asked to do, as plain validated values. A leaf: nothing of ours is imported here, and
//! the command lines (`cli`, `cli::cp`) are the only places that build an [`Options`] from text.

use std::ffi::OsString;
use std::num::{NonZeroU64, NonZeroUsize};

use ignore::gitignore::Gitignore;

/// The unit in which a copy is counted, shown, throttled, verified and resumed: 10,240 bytes, as the
/// older program moved 10 KB at a time. It is not one system call; see `copy::chunked`.
pub const CHUNK_LEN: usize = 10_240;

/// The largest `--chunk-size`: one chunk has to fit in a worker's buffer (bytes).
pub const MAX_CHUNK_LEN: usize = 16 << 20;

/// Workers used when `--jobs` is not given, however many processors there are: creating files in one
/// file system stops scaling early, and every worker owns a buffer.
pub const MAX_DEFAULT_JOBS: usize = 8;

/// Everything that decides how entries are copied, apart from their names.
#[derive(Clone, Debug)]
pub struct Options {
    /// Workers over folders and over the ranges of one big file.
    pub jobs: NonZeroUsize,
    /// Unit of accounting, bytes; 1 to [`MAX_CHUNK_LEN`].
    pub chunk_len: NonZeroUsize,
    /// Which symbolic links are replaced by what they point to.
    pub follow: Follow,
    /// What of a source's metadata the copy keeps.
    pub preserve: Preserve,
    /// What happens where the destination exists already.
    pub existing: Existing,
    /// How an existing file receives its new content.
    pub replace: Replace,
    /// Whether the old content of a replaced file is kept under another name.
    pub backup: Backup,
    /// What becomes of the bytes of a regular file.
    pub content: Content,
    /// How fifos and devices are copied.
    pub special: Special,
    /// Whether blocks may be shared with the source.
    pub reflink: Reflink,
    /// Whether holes are kept, made or filled.
    pub sparse: Sparse,
    /// Whether the copy is read back and compared.
    pub verify: Verify,
    /// Whether an interrupted copy leaves what it has, and takes it up again.
    pub resume: Resume,
    /// Whether data is forced to the disk before the copy is called complete.
    pub sync: Sync,
    /// Which entries below a source are copied.
    pub filter: Filter,
    /// Whether folders on other file systems are entered.
    pub mounts: Mounts,
    /// What happens to entries of the destination that the source does not have.
    pub extraneous: Extraneous,
    /// Whether anything is written at all.
    pub mode: Mode,
    /// Upper bound of the transfer rate of the whole run, bytes per second.
    pub rate_limit: Option<NonZeroU64>,
    /// How often a file whose copy failed for a passing reason is tried again.
    pub retries: u32,
    /// Whether every entry is reported, or only the job as a whole.
    pub detail: Detail,
    /// Whose rules hold where filecopy's and `cp`'s differ.
    pub rules: Rules,
}

impl Options {
    /// What only `cp` asks for; none where filecopy's own rules hold.
    pub(crate) const fn cp(&self) -> Option<&CpRules> {
        match &self.rules {
            Rules::Filecopy => None,
            Rules::Cp(rules) => Some(rules),
        }
    }
}

impl Default for Options {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Self {
            jobs: NonZeroUsize::new(cores.min(MAX_DEFAULT_JOBS)).unwrap_or(NonZeroUsize::MIN),
            chunk_len: NonZeroUsize::new(CHUNK_LEN).unwrap_or(NonZeroUsize::MIN),
            follow: Follow::Never,
            preserve: Preserve::ALL,
            existing: Existing::Overwrite,
            replace: Replace::Atomically,
            backup: Backup::None,
            content: Content::Copy,
            special: Special::Recreate,
            reflink: Reflink::Auto,
            sparse: Sparse::Auto,
            verify: Verify::No,
            resume: Resume::No,
            sync: Sync::No,
            filter: Filter::default(),
            mounts: Mounts::Enter,
            extraneous: Extraneous::Keep,
            mode: Mode::Copy,
            rate_limit: None,
            retries: 0,
            detail: Detail::Job,
            rules: Rules::Filecopy,
        }
    }
}

/// Which symbolic links are followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Follow {
    /// A link is copied as a link.
    Never,
    /// Links named as sources are followed, links inside trees are copied (`cp -H`).
    Sources,
    /// Every link is followed.
    Always,
}

/// What of a source's metadata the copy keeps. Each field is one word of `--no-preserve`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "a set of independent attributes, each on or off"
)]
pub struct Preserve {
    /// Permission bits, set-user-ID and the like included.
    pub mode: bool,
    /// User and group, as far as the caller may give files away.
    pub owner: bool,
    /// Access and modification time, to the nanosecond.
    pub times: bool,
    /// Names that are one file in the source are one file in the copy.
    pub links: bool,
    /// Extended attributes, access control lists among them.
    pub xattr: bool,
}

impl Preserve {
    /// Everything.
    pub const ALL: Self = Self {
        mode: true,
        owner: true,
        times: true,
        links: true,
        xattr: true,
    };
    /// Nothing but content.
    pub const NONE: Self = Self {
        mode: false,
        owner: false,
        times: false,
        links: false,
        xattr: false,
    };
}

/// What happens to a destination file that exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// It is replaced.
    Overwrite,
    /// It is left alone (`--no-clobber`).
    Keep,
    /// It is replaced when the source was modified later (`--update`).
    IfNewer,
    /// Whoever was handed to [`crate::engine::Engine::ask`] decides (`cp --interactive`).
    Ask,
    /// The same, when the source was modified later (`cp --interactive --update`).
    AskIfNewer,
    /// It is left alone, and that is an error (`cp --update=none-fail`).
    Refuse,
}

/// How an existing file gets new content. All but the first belong to [`Rules::Cp`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replace {
    /// A new file beside it takes its name when it is whole: the old file or the new one, never a piece.
    Atomically,
    /// The file is emptied and written, as `cp` does: its inode, owner and other names stay.
    InPlace,
    /// As `InPlace`, but a file that cannot be opened is removed and made anew (`cp --force`).
    InPlaceForced,
    /// The file is removed first (`cp --remove-destination`).
    Remove,
}

/// Whether and how the old content of a replaced file is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Backup {
    /// It is not.
    None,
    /// Under the name with this suffix; an older backup of that name is replaced.
    Simple(OsString),
    /// Under the name with `.~N~`, N one more than the highest there is.
    Numbered,
    /// Numbered where numbered backups exist, else simple with this suffix.
    Existing(OsString),
}

/// What becomes of the bytes of a regular file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// They are copied.
    Copy,
    /// Only the metadata is copied (`cp --attributes-only`).
    AttributesOnly,
    /// The copy is another name of the source (`cp --link`).
    HardLink,
    /// The copy is a symbolic link to the source (`cp --symbolic-link`).
    SymbolicLink,
}

/// How fifos and devices are copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Special {
    /// As what they are.
    Recreate,
    /// What can be read from them becomes a regular file (`cp` without `-R`, `--copy-contents`).
    Contents,
}

/// Whether blocks may be shared with the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reflink {
    /// Where the file system can.
    Auto,
    /// Or the copy fails.
    Always,
    /// Never.
    Never,
}

/// Whether holes are kept, made or filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sparse {
    /// Holes of the source are kept.
    Auto,
    /// Blocks of zeros become holes as well.
    Always,
    /// Holes are filled.
    Never,
}

/// Whether the copy is read back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verify {
    /// It is not.
    No,
    /// It is forced to the disk, read back and compared by BLAKE3.
    ReadBack,
}

/// Whether an interrupted copy can be taken up again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resume {
    /// A copy that cannot be finished leaves nothing.
    No,
    /// What was copied stays beside the destination with a map of its ranges, and is taken up again.
    Yes,
}

/// Whether data is forced to the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sync {
    /// When the system likes.
    No,
    /// Before a copy is called complete.
    Yes,
}

/// Whether folders on other file systems are entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mounts {
    /// They are.
    Enter,
    /// They are made, but left empty (`--one-file-system`).
    Skip,
}

/// What happens to entries of a destination tree that the source does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extraneous {
    /// They stay.
    Keep,
    /// They are removed (`--delete`), except those that the filter excludes.
    Remove,
}

/// Whether anything is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Entries are copied.
    Copy,
    /// What would be copied is reported (`--dry-run`).
    DryRun,
}

/// How much a job reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// Its start, failures and end.
    Job,
    /// Each entry as well.
    Entries,
}

/// Which entries below a source are copied. The default takes all.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// `--exclude` and `--include` in the order given, in the language of gitignore files; the last
    /// pattern that matches decides.
    pub patterns: Option<Gitignore>,
    /// Whether `.gitignore` files found in the tree are obeyed.
    pub gitignore: bool,
}

/// Whose rules hold where filecopy's and `cp`'s differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rules {
    /// filecopy's: whole or not at all.
    Filecopy,
    /// GNU cp's, for `filecopy cp`: an existing file is emptied and written, through a link too.
    Cp(CpRules),
}

/// What `cp` can be asked for and filecopy cannot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CpRules {
    /// What becomes of folders named as sources.
    pub folders: Folders,
    /// The mode of new files, when modes are not kept.
    pub new_mode: NewMode,
    /// What happens at a destination that is a link to nothing.
    pub dangling: Dangling,
    /// How failures to keep extended attributes are taken.
    pub attributes: AttributeErrors,
}

/// What becomes of folders named as sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Folders {
    /// They are copied with what is in them (`-R`).
    Copy,
    /// They are left out, and that is an error.
    Omit,
}

/// The mode of new files, when modes are not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewMode {
    /// Their sources', as far as the umask lets it.
    Masked,
    /// What any new file gets (`--no-preserve=mode`).
    Plain,
}

/// What happens at a destination that is a link to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dangling {
    /// An error.
    Refuse,
    /// What it leads to is made (`POSIXLY_CORRECT`).
    Create,
}

/// How failures to keep extended attributes are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttributeErrors {
    /// They are not told (`--archive`).
    Silent,
    /// They are told, except that a file system has no attributes (`--preserve=all`).
    Told,
    /// They make the copy fail (`--preserve=xattr`).
    Fatal,
}
