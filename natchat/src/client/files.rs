//! Work on disk that a file transfer needs, as questions and answers: the machine asks, the driver's worker does and
//! answers.
//!
//! ```text
//!   sending:    Open ─► Opened · (Hash ─► Hashed) · Read ─► Data … · Hash ─► Hashed · Close
//!   receiving:  Find ─► Found · Create ─► Created · (Hash ─► Hashed) · Write ─► Written … · Finish ─► Finished
//! ```
//!
//! Rules for who answers: requests of one job are answered in the order in which they came, each (but
//! [`FileRequest::Close`]) by exactly one reply, [`FileReply::Failed`] if it could not be done; a failed job is
//! closed by the machine. For each job one running BLAKE3 hash is kept over the bytes from the start of the file up
//! to a position: a `Read` or `Write` at that position carries it on, `Hash` to a length beyond it reads what lies
//! between, and to a length before it begins anew, as does `Create`. So a whole file is hashed while it passes, and
//! only what was there before is read for it. Nothing here touches a disk.

use std::path::PathBuf;

/// Bytes read or written in one request.
pub const CHUNK_LEN: usize = 256 << 10;

/// One open file of one transfer; never used twice in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Job(pub u64);

/// A BLAKE3 hash.
pub type Hash = [u8; 32];

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileRequest {
    /// Open a regular file for reading. Answered by [`FileReply::Opened`].
    Open {
        /// Which.
        job: Job,
        /// As it was typed, from the current folder on.
        path: PathBuf,
    },
    /// The hash of the first `len` bytes. Answered by [`FileReply::Hashed`].
    Hash {
        /// Which.
        job: Job,
        /// How many bytes.
        len: u64,
    },
    /// Read at most `len` bytes. Answered by [`FileReply::Data`].
    Read {
        /// Which.
        job: Job,
        /// From where on.
        offset: u64,
        /// At most [`CHUNK_LEN`].
        len: usize,
    },
    /// Look whether a part file is in the downloads folder. Answered by [`FileReply::Found`].
    Find {
        /// Which.
        job: Job,
        /// Its name: see [`FileRequest::Create`].
        part: String,
    },
    /// Open a part file in the downloads folder for reading and writing, and cut it to `keep` bytes; folder and file
    /// are made if they are missing. Never follows a symbolic link. May come again for a job, with another `keep`.
    /// Answered by [`FileReply::Created`].
    Create {
        /// Which.
        job: Job,
        /// Its name, safe: one component, nothing of the sender's that was not checked.
        part: String,
        /// How many bytes of it stay.
        keep: u64,
        /// How many bytes it is to have in the end: refused at once if the disk has no room for them. Its length
        /// stays what was written.
        len: u64,
    },
    /// Write. Answered by [`FileReply::Written`].
    Write {
        /// Which.
        job: Job,
        /// Where.
        offset: u64,
        /// What.
        bytes: Vec<u8>,
    },
    /// The file is whole: if the hash of its `len` bytes is `hash`, write it through to the disk and give it its name
    /// in the downloads folder, or the first of `name (1).ext`, `name (2).ext`, … that is free; nothing is
    /// overwritten. If not, remove it. Closes the job. Answered by [`FileReply::Finished`] or [`FileReply::Differs`].
    Finish {
        /// Which.
        job: Job,
        /// Its name, safe.
        name: String,
        /// Its length.
        len: u64,
        /// What its hash must be.
        hash: Hash,
        /// When it was changed last, in seconds since 1970: the received one is given this time.
        modified: u64,
    },
    /// Close the file; a part file stays. Not answered; unknown jobs are no error.
    Close {
        /// Which.
        job: Job,
    },
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileReply {
    /// The file is open.
    Opened {
        /// Which.
        job: Job,
        /// The last component of its path.
        name: String,
        /// Its length.
        len: u64,
        /// When it was changed last, in seconds since 1970.
        modified: u64,
    },
    /// A hash.
    Hashed {
        /// Which.
        job: Job,
        /// Of the first so many bytes.
        len: u64,
        /// The hash.
        hash: Hash,
        /// Whether length and time of change are still what they were when the file was opened for sending; true for
        /// a part file.
        unchanged: bool,
    },
    /// What was read.
    Data {
        /// Which.
        job: Job,
        /// From where on.
        offset: u64,
        /// As much as was asked for, or up to the end of the file.
        bytes: Vec<u8>,
    },
    /// A part file was looked for.
    Found {
        /// Which.
        job: Job,
        /// Its length; 0 if there is none.
        have: u64,
    },
    /// The part file is open.
    Created {
        /// Which.
        job: Job,
    },
    /// Bytes are written.
    Written {
        /// Which.
        job: Job,
        /// How many.
        len: usize,
    },
    /// The file is whole and has its name.
    Finished {
        /// Which.
        job: Job,
        /// Where it is.
        path: PathBuf,
    },
    /// The file is not what was sent, and was removed.
    Differs {
        /// Which.
        job: Job,
    },
    /// It could not be done.
    Failed {
        /// Which.
        job: Job,
        /// The system's reason, for people: `no space left on device`.
        reason: String,
    },
}

impl FileReply {
    /// Which job it is about.
    #[must_use]
    pub fn job(&self) -> Job {
        match self {
            Self::Opened { job, .. }
            | Self::Hashed { job, .. }
            | Self::Data { job, .. }
            | Self::Found { job, .. }
            | Self::Created { job }
            | Self::Written { job, .. }
            | Self::Finished { job, .. }
            | Self::Differs { job }
            | Self::Failed { job, .. } => *job,
        }
    }
}
