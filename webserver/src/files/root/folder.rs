//! Reads the names in an open folder.
//!
//! Which path led to the folder, and where a link in it may lead, is the caller's concern.

use std::os::fd::OwnedFd;

use rustix::fs::{AtFlags, Dir, FileType, Stat, statat};
use rustix::io::Errno;

use super::facts::{Facts, Kind};

/// The most entries that are read of one folder. A page with more is of no use to anybody, and takes 20 MB.
pub const FOLDER_ENTRIES_MAX: usize = 100_000;

/// What is in a folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Folder {
    /// What can be served of it, in no particular order.
    pub entries: Vec<FolderEntry>,
    /// Whether there was more than [`FOLDER_ENTRIES_MAX`].
    pub truncated: bool,
}

/// One name in a folder, and what it leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FolderEntry {
    /// The name: any bytes but NUL and `/`.
    pub name: Vec<u8>,
    /// What it leads to.
    pub kind: Kind,
    /// Bytes of content; of no meaning for a folder.
    pub len: u64,
    /// When the content last changed: nanoseconds since 1970.
    pub modified_ns: i128,
}

/// Reads a folder. `behind` looks at what the link of this name in it leads to.
pub(super) fn read(open: OwnedFd, behind: impl Fn(&[u8]) -> Option<Stat>) -> Result<Folder, Errno> {
    // Where nothing may be looked at, names alone are no list.
    statat(&open, c".", AtFlags::empty())?;
    let mut folder = Folder::default();
    let mut names = Dir::new(open)?;
    while let Some(entry) = names.read() {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name.starts_with(b".") {
            continue;
        }
        // What was removed or forbidden since its name was read is left out.
        let stat = statat(names.fd()?, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW)
            .ok()
            .and_then(|stat| {
                if is_link(&stat) {
                    behind(name)
                } else {
                    Some(stat)
                }
            });
        let Some((stat, kind)) = stat.and_then(|stat| Some((stat, Kind::of(&stat)?))) else {
            continue;
        };
        if folder.entries.len() == FOLDER_ENTRIES_MAX {
            folder.truncated = true;
            break;
        }
        let facts = Facts::of(&stat);
        folder.entries.push(FolderEntry {
            name: name.to_vec(),
            kind,
            len: facts.len,
            modified_ns: facts.modified_ns,
        });
    }
    Ok(folder)
}

fn is_link(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::Symlink
}
