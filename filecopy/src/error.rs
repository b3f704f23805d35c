//! The one error type. Messages are lower-case fragments that name the file and what was being done to
//! it; where GNU `cp` has words for a situation the words are the same, so that they can be searched for.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use common::quote::{always as q, plain};

/// Why an entry, or a whole job, was not copied. Each names the paths concerned.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The system refused an operation.
    #[error("{}", action.to(.path))]
    Io {
        /// What was being done.
        action: Doing,
        /// To what.
        path: PathBuf,
        /// The system's answer.
        #[source]
        cause: io::Error,
    },
    /// A new name for an existing file could not be made.
    #[error("cannot create hard link {} to {}", q(.to), q(.from))]
    Link {
        /// The existing name.
        from: PathBuf,
        /// The name to be.
        to: PathBuf,
        /// The system's answer.
        #[source]
        cause: io::Error,
    },
    /// A symbolic link could not be made in a copy's stead.
    #[error("cannot create symbolic link {} to {}", q(.to), q(.from))]
    SymbolicLink {
        /// What the link would lead to.
        from: PathBuf,
        /// The link's name.
        to: PathBuf,
        /// The system's answer.
        #[source]
        cause: io::Error,
    },
    /// Source and destination are one file, under whatever names.
    #[error("{} and {} are the same file", q(.from), q(.to))]
    SameFile {
        /// The source.
        from: PathBuf,
        /// The destination.
        to: PathBuf,
    },
    /// The destination lies inside the source.
    #[error("cannot copy a directory, {}, into itself, {}", q(.from), q(.to))]
    IntoItself {
        /// The source.
        from: PathBuf,
        /// The destination.
        to: PathBuf,
    },
    /// A folder stands where a file is to be written.
    #[error("cannot overwrite directory {} with non-directory", q(.to))]
    OverFolder {
        /// The folder.
        to: PathBuf,
    },
    /// Something else stands where a folder is to be made.
    #[error("cannot overwrite non-directory {} with directory {}", q(.to), q(.from))]
    OverFile {
        /// The source folder.
        from: PathBuf,
        /// What stands there.
        to: PathBuf,
    },
    /// The destination was made by this very run: two sources want one name, perhaps because the
    /// destination's file system does not tell capital letters from small ones.
    #[error("will not overwrite just-created {} with {}", q(.to), q(.from))]
    JustCreated {
        /// The source.
        from: PathBuf,
        /// The name both want.
        to: PathBuf,
    },
    /// The destination is a link that this very run made: writing through it would change a file that was not named.
    #[error("will not copy {} through just-created symlink {}", q(.from), q(.to))]
    ThroughNewLink {
        /// The source.
        from: PathBuf,
        /// The link.
        to: PathBuf,
    },
    /// The old content would be kept under the source's own name.
    #[error("backing up {} might destroy source;  {} not copied", q(.to), q(.from))]
    SourceIsBackup {
        /// The source.
        from: PathBuf,
        /// The destination.
        to: PathBuf,
    },
    /// A link to a source named relative to the current folder leads elsewhere from another folder.
    #[error("{}: can make relative symbolic links only in current directory", plain(.to))]
    RelativeLink {
        /// The link's name.
        to: PathBuf,
    },
    /// A folder, where folders were not asked for.
    #[error("-r not specified; omitting directory {}", q(.path))]
    Omitted {
        /// The folder.
        path: PathBuf,
    },
    /// The destination exists, and that was to be an error.
    #[error("not replacing {}", q(.to))]
    Kept {
        /// The destination.
        to: PathBuf,
    },
    /// The destination is a symbolic link to nothing.
    #[error("not writing through dangling symlink {}", q(.to))]
    Dangling {
        /// The link.
        to: PathBuf,
    },
    /// The destination is a descriptor of a file that somebody has open.
    #[error("{} leads to a file that is open already; name the file itself", q(.to))]
    OpenFile {
        /// The link to it.
        to: PathBuf,
    },
    /// Another job of this run writes that destination.
    #[error("{} is being written by job {job}", q(.to))]
    Busy {
        /// The destination.
        to: PathBuf,
        /// The other job's number.
        job: u32,
    },
    /// The destination is this run's log.
    #[error("{} is the log of this run; choose another with --log, or --no-log", q(.to))]
    IsLog {
        /// The destination.
        to: PathBuf,
    },
    /// The source was cut short, or written to, while it was read.
    #[error("{} changed while it was copied ({change}); nothing was replaced", q(.path))]
    Changed {
        /// The source.
        path: PathBuf,
        /// How.
        change: Change,
    },
    /// The source grew while it was read; the copy has all of it up to its latest end.
    #[error("{} grew from {before} to {after} bytes while it was copied; all of them were copied", q(.path))]
    Grew {
        /// The source.
        path: PathBuf,
        /// Its size at first, bytes.
        before: u64,
        /// Its size at the end, bytes.
        after: u64,
    },
    /// What was read back is not what was written.
    #[error("verification of {} failed: bytes {start} to {end} read back differently", q(.path))]
    Verify {
        /// The copy.
        path: PathBuf,
        /// First byte of the range that differs.
        start: u64,
        /// Byte after the range.
        end: u64,
    },
    /// A followed link leads back to a folder that is being copied.
    #[error("cannot copy cyclic symbolic link {}", q(.path))]
    Cycle {
        /// The link.
        path: PathBuf,
    },
    /// Several sources, or a name ending in `/`, need a folder to go into.
    #[error("target {} is not a directory", q(.path))]
    NotAFolder {
        /// The destination named.
        path: PathBuf,
    },
    /// A source is named twice for one destination.
    #[error("source {} specified more than once", q(.path))]
    Twice {
        /// The source.
        path: PathBuf,
    },
    /// The job was asked to stop while this entry was being copied.
    #[error("copy of {} cancelled", q(.path))]
    Cancelled {
        /// The source.
        path: PathBuf,
    },
    /// A worker ended by a fault of this program.
    #[error("copying {} ended by an internal fault: {what}", q(.path))]
    Fault {
        /// The source.
        path: PathBuf,
        /// What the panic said.
        what: String,
    },
}

impl Error {
    /// Wraps a system error with what was being done to which path.
    pub(crate) fn io(action: Doing, path: impl Into<PathBuf>, cause: io::Error) -> Self {
        Self::Io {
            action,
            path: path.into(),
            cause,
        }
    }
}

/// What was being done when the system refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    /// Looking at an entry.
    Stat,
    /// Looking at a folder that a source's name leads through.
    Parent,
    /// Opening a source.
    OpenSource,
    /// Opening a folder.
    OpenFolder,
    /// Listing a folder.
    ReadFolder,
    /// Reading a source.
    Read,
    /// Writing a copy.
    Write,
    /// Creating a copy, or the temporary file that becomes it.
    Create,
    /// Making a folder.
    CreateFolder,
    /// Making a symbolic link.
    CreateLink,
    /// Making a fifo.
    CreateFifo,
    /// Making a device or socket.
    CreateSpecial,
    /// Reading a symbolic link.
    ReadLink,
    /// Giving a finished copy its name.
    Rename,
    /// Keeping the old content under another name.
    BackUp,
    /// Giving old content that was kept its name back.
    PutBack,
    /// Removing an entry.
    Remove,
    /// Setting times.
    Times,
    /// Setting the owner.
    Owner,
    /// Setting the mode.
    Mode,
    /// Setting extended attributes.
    Attributes,
    /// Sharing blocks, when that was demanded.
    Clone,
    /// Forcing data to the disk.
    Sync,
    /// Reading a `.gitignore` file.
    Filter,
}

impl Doing {
    /// What was being done to which path, in words.
    fn to(self, path: &Path) -> String {
        if self == Self::OpenSource {
            return format!("cannot open {} for reading", q(path));
        }
        format!("{self} {}", q(path))
    }
}

impl fmt::Display for Doing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stat => "cannot stat",
            Self::Parent => "failed to get attributes of",
            Self::OpenSource => "cannot open",
            Self::OpenFolder => "cannot access",
            Self::ReadFolder => "error reading directory",
            Self::Read => "error reading",
            Self::Write => "error writing",
            Self::Create => "cannot create regular file",
            Self::CreateFolder => "cannot create directory",
            Self::CreateLink => "cannot create symbolic link",
            Self::CreateFifo => "cannot create fifo",
            Self::CreateSpecial => "cannot create special file",
            Self::ReadLink => "cannot read symbolic link",
            Self::Rename => "cannot rename into place",
            Self::BackUp => "cannot backup",
            Self::PutBack => "cannot un-backup",
            Self::Remove => "cannot remove",
            Self::Times => "preserving times for",
            Self::Owner => "failed to preserve ownership for",
            Self::Mode => "preserving permissions for",
            Self::Attributes => "setting attributes for",
            Self::Clone => "failed to clone to",
            Self::Sync => "error syncing",
            Self::Filter => "cannot read patterns from",
        })
    }
}

/// How a source changed under the copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It became shorter.
    Shrank {
        /// Its size at first, bytes.
        before: u64,
        /// Its size at the end, bytes.
        after: u64,
    },
    /// It was written to.
    Written,
    /// It never stopped growing.
    KeepsGrowing,
    /// Its name now leads to another kind of file.
    Kind,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shrank { before, after } => write!(f, "shrank from {before} to {after} bytes"),
            Self::Written => f.write_str("was written to"),
            Self::KeepsGrowing => f.write_str("keeps growing"),
            Self::Kind => f.write_str("became another kind of file"),
        }
    }
}
