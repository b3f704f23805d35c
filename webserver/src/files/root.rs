//! A folder that is served, and the only way to what is in it.
//!
//! Rule: with [`Links::Within`], nothing outside the folder is ever opened or looked at, however a path is spelt,
//! wherever links point, and whatever is renamed or replaced meanwhile. Hidden names (a component that begins with a
//! dot) do not exist here, but for `/.well-known` (RFC 8615).
//!
//! ```text
//! path ─ hidden? ─ look (opens nothing for reading) ─┬─ folder ────────────► Found::Folder
//!        openat2 beneath the root                    ├─ regular ─ open ────► Found::File
//!        └─ absolute link, or no openat2: walk       └─ FIFO, device, … ───► Found::Refused
//! ```
//!
//! Not here: index files, redirects, compressed files beside others, remembering what was found.

mod facts;
mod folder;
mod held;
#[cfg(target_os = "linux")]
mod kernel;
mod walk;

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, absolute};

use rustix::fs::{CWD, Mode, OFlags, Stat, fstat, openat};
use rustix::io::Errno;

pub use facts::{Facts, Kind};
pub use folder::{FOLDER_ENTRIES_MAX, Folder, FolderEntry};
pub use held::HeldFolder;
use walk::Ground;

/// Whether symbolic links may lead out of the root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Links {
    /// Followed while they stay inside; refused otherwise.
    Within,
    /// Followed wherever they lead.
    Anywhere,
}

/// A folder that is served. Threads may share one.
#[derive(Debug)]
pub struct Root {
    folder: OwnedFd,
    /// Absolute paths that mean this folder: as it was given, and with every link in that resolved.
    names: Vec<Vec<u8>>,
    links: Links,
    way: Way,
}

/// How paths are followed beneath the root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// By the kernel.
    #[cfg(target_os = "linux")]
    Kernel,
    /// One component at a time.
    Walk,
}

/// What a path leads to.
#[derive(Debug)]
pub enum Found {
    /// A regular file, open for reading.
    File(OpenFile),
    /// A folder.
    Folder(Facts),
    /// Nothing, or a hidden name, or a file where the path ends in a slash.
    Missing,
    /// Something that may not be served: outside the root, without permission, or neither file nor folder.
    Refused,
}

/// A regular file, open for reading.
#[derive(Debug)]
pub struct OpenFile {
    /// The file.
    pub file: File,
    /// What was known of it when it was opened.
    pub facts: Facts,
}

impl Root {
    /// Opens the folder at `path` to serve from.
    ///
    /// # Errors
    /// `path` does not lead to a folder (`ErrorKind::NotADirectory` for a file), or it cannot be listed by us.
    pub fn open(path: &Path, links: Links) -> io::Result<Self> {
        let given = absolute(path)?;
        let canonical = given.canonicalize()?;
        // The right to list it is asked for once, here, so that a folder that cannot be served is known at the start.
        openat(CWD, &canonical, OFlags::RDONLY | FOLDER, Mode::empty())?;
        let folder = openat(CWD, &canonical, LOOK | FOLDER, Mode::empty())?;
        let way = Way::of(&folder);
        let mut names = vec![canonical.as_os_str().as_bytes().to_vec()];
        if given != canonical {
            names.push(given.as_os_str().as_bytes().to_vec());
        }
        Ok(Self {
            folder,
            names,
            links,
            way,
        })
    }

    /// Finds what `path` leads to, and opens it if it is a regular file.
    ///
    /// `path` is decoded and normalised: it begins with `/` and has no empty or dot components and no NUL.
    ///
    /// # Errors
    /// What is no answer about the path: out of descriptors, out of memory, a failing disk.
    pub fn find(&self, path: &[u8]) -> io::Result<Found> {
        let Some(asked) = Asked::of(path) else {
            return Ok(Found::Missing);
        };
        match self.find_visible(asked) {
            Ok(found) => Ok(found),
            Err(error) => match Absence::of(error) {
                Some(Absence::Missing) => Ok(Found::Missing),
                Some(Absence::Refused) => Ok(Found::Refused),
                None => Err(error.into()),
            },
        }
    }

    /// Looks at what [`Root::find`] would find, without opening it; `None` if that is nothing that can be served.
    ///
    /// A file that is there but may not be read by us is still told of: equal [`Facts`] mean that whoever has it open
    /// need not open it again, and a change of permission changes them.
    ///
    /// # Errors
    /// As for [`Root::find`].
    pub fn facts(&self, path: &[u8]) -> io::Result<Option<(Kind, Facts)>> {
        let Some(asked) = Asked::of(path) else {
            return Ok(None);
        };
        match self.look(asked.relative) {
            Ok(stat) => Ok(asked.kind(&stat).map(|kind| (kind, Facts::of(&stat)))),
            Err(error) if Absence::of(error).is_some() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Reads the names in the folder that `path` leads to; `None` if it leads to no folder that may be listed.
    ///
    /// Left out: hidden names, links that lead nowhere or (with [`Links::Within`]) outside, and what is neither file
    /// nor folder. Behind a link, what it leads to is told. In no particular order.
    ///
    /// # Errors
    /// As for [`Root::find`].
    pub fn read_folder(&self, path: &[u8]) -> io::Result<Option<Folder>> {
        let Some(asked) = Asked::of(path) else {
            return Ok(None);
        };
        let read = self
            .open_as(asked.relative, OFlags::RDONLY | FOLDER)
            .and_then(|open| folder::read(open, |name| self.look_behind(asked.relative, name)));
        match read {
            Ok(folder) => Ok(Some(folder)),
            Err(error) if Absence::of(error).is_some() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn find_visible(&self, asked: Asked<'_>) -> Result<Found, Errno> {
        // Looked at before it is opened: to open a FIFO wakes whoever waits to write to it, and to open a device may
        // do anything at all.
        let stat = self.look(asked.relative)?;
        match asked.kind(&stat) {
            Some(Kind::Folder) => Ok(Found::Folder(Facts::of(&stat))),
            Some(Kind::File) => self.open_regular(asked.relative),
            None if asked.must_be_folder => Ok(Found::Missing),
            None => Ok(Found::Refused),
        }
    }

    /// Opens what was a regular file a moment ago.
    fn open_regular(&self, relative: &[u8]) -> Result<Found, Errno> {
        // Something else may have taken its place: NONBLOCK, so that a FIFO cannot hold us, and another look.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
        let open = self.open_as(relative, flags)?;
        let stat = fstat(&open)?;
        Ok(match Kind::of(&stat) {
            Some(Kind::File) => Found::File(OpenFile {
                file: open.into(),
                facts: Facts::of(&stat),
            }),
            Some(Kind::Folder) => Found::Folder(Facts::of(&stat)),
            None => Found::Refused,
        })
    }

    /// Looks at what a link in a folder leads to.
    fn look_behind(&self, folder: &[u8], name: &[u8]) -> Option<Stat> {
        let path = [folder, name].join(&b'/');
        self.look(path.strip_prefix(b"/").unwrap_or(&path)).ok()
    }

    /// Looks at what a path leads to. `relative` is empty for the root itself.
    fn look(&self, relative: &[u8]) -> Result<Stat, Errno> {
        match self.way {
            #[cfg(target_os = "linux")]
            Way::Kernel => fstat(self.open_as(relative, LOOK)?),
            Way::Walk if self.links == Links::Anywhere => {
                let path = or_dot(relative);
                rustix::fs::statat(&self.folder, path, rustix::fs::AtFlags::empty())
            }
            Way::Walk => self.ground().look(relative),
        }
    }

    fn open_as(&self, relative: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
        let flags = flags | OFlags::CLOEXEC;
        match (self.way, self.links) {
            #[cfg(target_os = "linux")]
            (Way::Kernel, links) => self.open_by_kernel(relative, flags, links),
            (Way::Walk, Links::Within) => self.ground().open(relative, flags),
            (Way::Walk, Links::Anywhere) => {
                openat(&self.folder, or_dot(relative), flags, Mode::empty())
            }
        }
    }

    #[cfg(target_os = "linux")]
    fn open_by_kernel(
        &self,
        relative: &[u8],
        flags: OFlags,
        links: Links,
    ) -> Result<OwnedFd, Errno> {
        let path = or_dot(relative);
        let root = self.folder.as_fd();
        match links {
            Links::Anywhere => kernel::open(root, path, flags, kernel::Stay::Anywhere),
            Links::Within => match kernel::open(root, path, flags, kernel::Stay::Beneath) {
                // An absolute link, which may lead back in. Or renames without pause, which a walk is not kept by.
                Err(Errno::XDEV | Errno::LOOP | Errno::AGAIN) => {
                    self.ground().open(relative, flags)
                }
                answer => answer,
            },
        }
    }

    fn ground(&self) -> Ground<'_> {
        Ground {
            root: self.folder.as_fd(),
            names: &self.names,
        }
    }
}

impl Way {
    #[cfg(target_os = "linux")]
    fn of(folder: &OwnedFd) -> Self {
        if kernel::is_available(folder.as_fd()) {
            Self::Kernel
        } else {
            Self::Walk
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn of(_folder: &OwnedFd) -> Self {
        Self::Walk
    }
}

/// A path that is not hidden, made relative to the root.
#[derive(Clone, Copy)]
struct Asked<'p> {
    /// Without slashes in front or behind; empty for the root itself.
    relative: &'p [u8],
    must_be_folder: bool,
}

impl<'p> Asked<'p> {
    /// `None` if there can be nothing at this path.
    fn of(path: &'p [u8]) -> Option<Self> {
        let path = path.strip_prefix(b"/").unwrap_or(path);
        let (relative, must_be_folder) = match path.strip_suffix(b"/") {
            Some(folder) => (folder, true),
            None => (path, path.is_empty()),
        };
        // Neither comes from a normalised path. Should one come all the same, an absolute path is not looked up, and a
        // NUL ends no name early.
        let is_malformed = relative.starts_with(b"/") || memchr::memchr(0, relative).is_some();
        (!is_malformed && !is_hidden(relative)).then_some(Self {
            relative,
            must_be_folder,
        })
    }

    /// The kind of what was found there, if it is what was asked for.
    fn kind(&self, stat: &Stat) -> Option<Kind> {
        Kind::of(stat).filter(|&kind| kind == Kind::Folder || !self.must_be_folder)
    }
}

/// Whether a component begins with a dot, but for the one that is public by its purpose (RFC 8615 §3).
///
/// `.` and `..` begin with a dot too: should one come this far, it ends here.
fn is_hidden(relative: &[u8]) -> bool {
    let rest = match relative.strip_prefix(b".well-known") {
        Some(rest) if rest.is_empty() || rest.starts_with(b"/") => rest,
        _ => relative,
    };
    rest.starts_with(b".") || memchr::memmem::find(rest, b"/.").is_some()
}

/// Why there is nothing to serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Absence {
    Missing,
    Refused,
}

impl Absence {
    /// What an error says about the path; `None` if it is about something else.
    fn of(error: Errno) -> Option<Self> {
        match error {
            // INVAL and ILSEQ: a name that this file system cannot hold.
            Errno::NOENT
            | Errno::NOTDIR
            | Errno::NAMETOOLONG
            | Errno::LOOP
            | Errno::INVAL
            | Errno::ILSEQ => Some(Self::Missing),
            // NXIO and NODEV: what is opened has become a socket, or a device that is not there.
            Errno::ACCESS | Errno::PERM | Errno::XDEV | Errno::NXIO | Errno::NODEV => {
                Some(Self::Refused)
            }
            _ => None,
        }
    }
}

fn or_dot(relative: &[u8]) -> &[u8] {
    if relative.is_empty() { b"." } else { relative }
}

/// Opens something only to look at it.
#[cfg(target_os = "linux")]
const LOOK: OFlags = OFlags::PATH;
#[cfg(not(target_os = "linux"))]
const LOOK: OFlags = OFlags::RDONLY;

/// Opens nothing but a folder.
const FOLDER: OFlags = OFlags::DIRECTORY.union(OFlags::CLOEXEC);

#[cfg(test)]
mod tests;
