//! Files of transfers: does what [`crate::client::files`] asks for, one request after the other.
//!
//! It runs on a thread of its own, so that a slow disk or a hash over a gigabyte holds up nothing else. Only regular files
//! are read; a part file is never opened through a symbolic link and is one receiver's at a time; no file is ever
//! overwritten. Names come checked, and are checked again. Parts of files whose rest has not come for 30 days are removed.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use common::exit::io_message;
use common::quote;
use rustix::fs::{CWD, FlockOperation, OFlags, RenameFlags, flock, fstatvfs, renameat_with};
use rustix::io::Errno;

use crate::client::files::{CHUNK_LEN, FileReply, FileRequest, Hash, Job};

/// Bytes hashed at once when they are read only for that.
const HASH_LEN: usize = 1 << 20;

/// The last of `name (1)`, `name (2)`, … that is tried.
const NAMES: u32 = 9_999;

/// How long a part of a file waits for the rest of it.
const PART_AGE: Duration = Duration::from_secs(30 * 24 * 3600);

/// Entries of the downloads folder that are looked at for such parts.
const ENTRIES: usize = 100_000;

/// The open files.
#[derive(Debug)]
pub(super) struct Disk {
    downloads: PathBuf,
    jobs: BTreeMap<Job, Open>,
}

#[derive(Debug)]
struct Open {
    file: File,
    path: PathBuf,
    /// Over the first `hashed` bytes.
    hasher: blake3::Hasher,
    hashed: u64,
    /// Length and time of change when it was opened for sending.
    facts: Option<Facts>,
}

/// What changes when a file is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Facts {
    len: u64,
    modified: (i64, i64),
}

impl Disk {
    /// For received files, this folder, which is made when the first one comes.
    pub(super) const fn new(downloads: PathBuf) -> Self {
        Self {
            downloads,
            jobs: BTreeMap::new(),
        }
    }

    /// Removes parts of files whose rest has not come for long.
    pub(super) fn sweep(&self, now: SystemTime) {
        // No folder, no parts.
        let Ok(entries) = fs::read_dir(&self.downloads) else {
            return;
        };
        for entry in entries.take(ENTRIES).flatten() {
            let is_old = entry.metadata().is_ok_and(|found| {
                let modified = found.modified().ok();
                let age = modified.and_then(|modified| now.duration_since(modified).ok());
                found.is_file() && age.is_some_and(|age| age > PART_AGE)
            });
            if is_old && entry.file_name().to_str().is_some_and(is_part) {
                // If it cannot be removed now, it is tried at the next start.
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    /// Does what is asked for. `None`: it is not answered.
    pub(super) fn handle(&mut self, request: FileRequest) -> Option<FileReply> {
        let job = job_of(&request);
        let done = match request {
            FileRequest::Open { job, path } => self.open(job, &path),
            FileRequest::Hash { job, len } => self.hash(job, len),
            FileRequest::Read { job, offset, len } => self.read(job, offset, len),
            FileRequest::Find { job, part } => self.find(job, &part),
            FileRequest::Create {
                job,
                part,
                keep,
                len,
            } => self.create(job, &part, keep, len),
            FileRequest::Write { job, offset, bytes } => self.write(job, offset, &bytes),
            FileRequest::Finish {
                job,
                name,
                len,
                hash,
                modified,
            } => self.finish(job, &name, len, &hash, modified),
            FileRequest::Close { job } => {
                self.jobs.remove(&job);
                return None;
            }
        };
        Some(done.unwrap_or_else(|error| FileReply::Failed {
            job,
            reason: io_message(&error),
        }))
    }

    fn open(&mut self, job: Job, typed: &Path) -> io::Result<FileReply> {
        let path = find_typed(typed);
        // Without waiting for whoever would write to a pipe.
        let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(flags_bits(flags))
            .open(&path)?;
        let found = file.metadata()?;
        if !found.is_file() {
            return Err(io::Error::other("not a regular file"));
        }
        let name = path
            .file_name()
            .ok_or_else(|| io::Error::other("it has no name"))?;
        let name = name.to_string_lossy().into_owned();
        let open = Open::new(file, path, Some(Facts::of(&found)));
        self.jobs.insert(job, open);
        Ok(FileReply::Opened {
            job,
            name,
            len: found.len(),
            modified: u64::try_from(found.mtime()).unwrap_or(0),
        })
    }

    fn hash(&mut self, job: Job, len: u64) -> io::Result<FileReply> {
        let open = self.get(job)?;
        let hash = open.hash(len)?;
        let unchanged = match open.facts {
            Some(facts) => facts == Facts::of(&open.file.metadata()?),
            None => true,
        };
        Ok(FileReply::Hashed {
            job,
            len,
            hash,
            unchanged,
        })
    }

    fn read(&mut self, job: Job, offset: u64, len: usize) -> io::Result<FileReply> {
        let open = self.get(job)?;
        let mut bytes = vec![0; len.min(CHUNK_LEN)];
        let len = open.fill(offset, &mut bytes)?;
        bytes.truncate(len);
        open.carry_on(offset, &bytes);
        Ok(FileReply::Data { job, offset, bytes })
    }

    fn find(&self, job: Job, part: &str) -> io::Result<FileReply> {
        let have = match fs::symlink_metadata(self.place(part)?) {
            Ok(found) if found.is_file() => found.len(),
            _ => 0,
        };
        Ok(FileReply::Found { job, have })
    }

    fn create(&mut self, job: Job, part: &str, keep: u64, len: u64) -> io::Result<FileReply> {
        let path = self.place(part)?;
        if self.jobs.get(&job).is_none_or(|open| open.path != path) {
            // The lock of the one before would keep this one out.
            self.jobs.remove(&job);
            fs::create_dir_all(&self.downloads)?;
            let file = open_part(&path)?;
            self.jobs.insert(job, Open::new(file, path, None));
        }
        let open = self.get(job)?;
        let have = open.file.metadata()?.len();
        if keep > have {
            return Err(io::Error::other(
                "the part that was received before has become shorter",
            ));
        }
        let room = fstatvfs(&open.file)?;
        if room.f_bavail.saturating_mul(room.f_frsize) < len.saturating_sub(have) {
            return Err(Errno::NOSPC.into());
        }
        open.file.set_len(keep)?;
        open.forget();
        Ok(FileReply::Created { job })
    }

    fn write(&mut self, job: Job, offset: u64, bytes: &[u8]) -> io::Result<FileReply> {
        let open = self.get(job)?;
        open.file.write_all_at(bytes, offset)?;
        if offset < open.hashed {
            open.forget();
        }
        open.carry_on(offset, bytes);
        Ok(FileReply::Written {
            job,
            len: bytes.len(),
        })
    }

    fn finish(
        &mut self,
        job: Job,
        name: &str,
        len: u64,
        hash: &Hash,
        modified: u64,
    ) -> io::Result<FileReply> {
        let place = self.place(name)?;
        let open = self.get(job)?;
        let is_right = open.file.metadata()?.len() == len && open.hash(len)? == *hash;
        if !is_right {
            fs::remove_file(&open.path)?;
            self.jobs.remove(&job);
            return Ok(FileReply::Differs { job });
        }
        let modified = UNIX_EPOCH.checked_add(Duration::from_secs(modified));
        if let Some(modified) = modified {
            // A time that this file system cannot keep is no reason to lose the file.
            let _ = open.file.set_modified(modified);
        }
        open.file.sync_all()?;
        let path = name_it(&open.path, &place)?;
        self.jobs.remove(&job);
        Ok(FileReply::Finished { job, path })
    }

    fn get(&mut self, job: Job) -> io::Result<&mut Open> {
        self.jobs
            .get_mut(&job)
            .ok_or_else(|| io::Error::other("the file is not open"))
    }

    /// Where a name is in the downloads folder.
    fn place(&self, name: &str) -> io::Result<PathBuf> {
        let mut parts = Path::new(name).components();
        match (parts.next(), parts.next()) {
            (Some(Component::Normal(only)), None) if only == name => Ok(self.downloads.join(name)),
            _ => Err(io::Error::other(format!(
                "{} is no name for a file",
                quote::always(name)
            ))),
        }
    }
}

impl Open {
    fn new(file: File, path: PathBuf, facts: Option<Facts>) -> Self {
        Self {
            file,
            path,
            hasher: blake3::Hasher::new(),
            hashed: 0,
            facts,
        }
    }

    /// Of the first `len` bytes.
    fn hash(&mut self, len: u64) -> io::Result<Hash> {
        if len < self.hashed {
            self.forget();
        }
        let mut buffer = vec![0; HASH_LEN];
        while self.hashed < len {
            let wanted =
                usize::try_from(len - self.hashed).map_or(HASH_LEN, |left| left.min(HASH_LEN));
            if self.fill(self.hashed, &mut buffer[..wanted])? < wanted {
                return Err(io::Error::other("the file has become shorter"));
            }
            self.hasher.update(&buffer[..wanted]);
            self.hashed += wanted as u64;
        }
        Ok(*self.hasher.finalize().as_bytes())
    }

    /// Hashes what passes, if it follows on what was hashed.
    fn carry_on(&mut self, offset: u64, bytes: &[u8]) {
        if offset == self.hashed {
            self.hasher.update(bytes);
            self.hashed += bytes.len() as u64;
        }
    }

    fn forget(&mut self) {
        self.hasher.reset();
        self.hashed = 0;
    }

    /// As many bytes as there are.
    fn fill(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut len = 0;
        while len < buffer.len() {
            match self
                .file
                .read_at(&mut buffer[len..], offset.saturating_add(len as u64))
            {
                Ok(0) => break,
                Ok(more) => len += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(len)
    }
}

impl Facts {
    fn of(found: &fs::Metadata) -> Self {
        Self {
            len: found.len(),
            modified: (found.mtime(), found.mtime_nsec()),
        }
    }
}

/// Whether this is a name that parts of files are given: `.NAME.HASH.part`.
fn is_part(name: &str) -> bool {
    let inner = name
        .strip_prefix('.')
        .and_then(|name| name.strip_suffix(".part"));
    let is_hash = |hash: &str| hash.len() == 8 && hash.bytes().all(|c| c.is_ascii_hexdigit());
    inner
        .and_then(|inner| inner.rsplit_once('.'))
        .is_some_and(|(name, hash)| !name.is_empty() && is_hash(hash))
}

/// Which job a request is about.
pub(super) const fn job_of(request: &FileRequest) -> Job {
    match request {
        FileRequest::Open { job, .. }
        | FileRequest::Hash { job, .. }
        | FileRequest::Read { job, .. }
        | FileRequest::Find { job, .. }
        | FileRequest::Create { job, .. }
        | FileRequest::Write { job, .. }
        | FileRequest::Finish { job, .. }
        | FileRequest::Close { job } => *job,
    }
}

/// What is typed here has seen no shell: `~/` is the home folder, unless there is one of that name.
pub(super) fn find_typed(typed: &Path) -> PathBuf {
    let home = std::env::var_os("HOME").filter(|home| !home.is_empty());
    match (typed.strip_prefix("~"), home) {
        (Ok(rest), Some(home)) if !typed.exists() => Path::new(&home).join(rest),
        _ => typed.to_owned(),
    }
}

fn open_part(path: &Path) -> io::Result<File> {
    let flags = flags_bits(OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY);
    let mut options = OpenOptions::new();
    options
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .custom_flags(flags);
    let file = options
        .open(path)
        .map_err(|error| match error.raw_os_error() {
            Some(code) if code == Errno::LOOP.raw_os_error() => {
                io::Error::other("a symbolic link is in its place")
            }
            _ => error,
        })?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("something else is in its place"));
    }
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Err(Errno::WOULDBLOCK) => Err(io::Error::other(
            "another client receives the same file here",
        )),
        // Some file systems have no locks.
        _ => Ok(file),
    }
}

#[expect(
    clippy::cast_possible_wrap,
    reason = "a set of bits, of which the sign is one that is not set"
)]
const fn flags_bits(flags: OFlags) -> i32 {
    flags.bits() as i32
}

/// Gives a file the first free one of a name and those made of it.
fn name_it(from: &Path, name: &Path) -> io::Result<PathBuf> {
    for number in 0..=NAMES {
        let to = numbered(name, number);
        match rename_to_free(from, &to) {
            Ok(()) => return Ok(to),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

fn rename_to_free(from: &Path, to: &Path) -> io::Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // Not every file system can; a second name can be had only if it is free.
        Err(Errno::INVAL | Errno::NOSYS) => {
            fs::hard_link(from, to)?;
            fs::remove_file(from)
        }
        renamed => Ok(renamed?),
    }
}

/// `name.ext`, `name (1).ext`, …
fn numbered(name: &Path, number: u32) -> PathBuf {
    let (Some(stem), true) = (name.file_stem(), number > 0) else {
        return name.to_owned();
    };
    let mut numbered = stem.to_owned();
    numbered.push(format!(" ({number})"));
    if let Some(extension) = name.extension() {
        numbered.push(".");
        numbered.push(extension);
    }
    name.with_file_name(numbered)
}

#[cfg(test)]
mod tests;
