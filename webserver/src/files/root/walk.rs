//! Follows a path beneath a folder one component at a time, in user space.
//!
//! Used where [`super::kernel`] is not to be had, and for absolute links that lead back into the root, which the
//! kernel refuses to follow. Both give the same answer to the same path.
//!
//! No step can leave the root whatever is renamed meanwhile: every step opens a single name in a folder that is held
//! open, and never follows a link by itself. A link is read and its text walked in the same way. `..` is never asked
//! of the system: the walk goes back to the root and down again by the names it came by.

use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, Mode, OFlags, Stat, fstat, openat, readlinkat, statat};
use rustix::io::Errno;

/// The most links on one path, as Linux has it.
const LINKS_MAX: usize = 40;

/// The most names opened for one path. A path has at most 2,048 components; only links full of `..` need more.
const STEPS_MAX: usize = 16 * 1024;

/// Where a walk begins and what it may not leave.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ground<'r> {
    /// The root.
    pub(super) root: BorrowedFd<'r>,
    /// Absolute paths that mean the root, for links that name it so.
    pub(super) names: &'r [Vec<u8>],
}

impl Ground<'_> {
    /// Looks at what `path` leads to.
    pub(super) fn look(self, path: &[u8]) -> Result<Stat, Errno> {
        match self.follow(path)? {
            End::Folder(folder) => fstat(folder),
            End::Entry { folder, name } => statat(folder, name, AtFlags::SYMLINK_NOFOLLOW),
        }
    }

    /// Opens what `path` leads to.
    pub(super) fn open(self, path: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
        match self.follow(path)? {
            End::Folder(folder) => openat(folder, c".", flags, Mode::empty()),
            End::Entry { folder, name } => {
                openat(folder, name, flags | OFlags::NOFOLLOW, Mode::empty())
            }
        }
    }

    fn follow(self, path: &[u8]) -> Result<End, Errno> {
        let mut walk = Walk {
            ground: self,
            here: step(self.root, b".")?,
            names: Vec::new(),
            rest: path.to_vec(),
            at: 0,
            links: 0,
            steps: 0,
        };
        while let Some(component) = walk.next_component() {
            match component.name.as_slice() {
                b"" | b"." => {}
                b".." => walk.up()?,
                _ => {
                    if !walk.down(&component)? {
                        return Ok(End::Entry {
                            folder: walk.here,
                            name: component.name,
                        });
                    }
                }
            }
        }
        Ok(End::Folder(walk.here))
    }
}

/// Where a path leads.
enum End {
    /// To this folder.
    Folder(OwnedFd),
    /// To this name, which is neither a folder nor a link, in this folder.
    Entry { folder: OwnedFd, name: Vec<u8> },
}

/// One component of a path.
struct Component {
    name: Vec<u8>,
    /// Whether no slash follows: it need not be a folder.
    is_last: bool,
}

struct Walk<'r> {
    ground: Ground<'r>,
    /// The folder reached.
    here: OwnedFd,
    /// The names that lead from the root to it; none of them a link or `..`.
    names: Vec<Vec<u8>>,
    /// What is still to be walked, from `at` on.
    rest: Vec<u8>,
    at: usize,
    links: usize,
    steps: usize,
}

impl Walk<'_> {
    fn next_component(&mut self) -> Option<Component> {
        let rest = self.rest.get(self.at..).filter(|rest| !rest.is_empty())?;
        let slash = memchr::memchr(b'/', rest);
        let name = rest[..slash.unwrap_or(rest.len())].to_vec();
        self.at += name.len() + 1;
        Some(Component {
            name,
            is_last: slash.is_none(),
        })
    }

    /// Goes into the folder of this name, or reads the link and goes on with its text. False: it is neither.
    fn down(&mut self, component: &Component) -> Result<bool, Errno> {
        let name = &component.name;
        match self.step(name) {
            Ok(folder) => {
                self.here = folder;
                self.names.push(name.clone());
                Ok(true)
            }
            // Systems do not agree on what a folder that turns out to be a link is called.
            Err(Errno::NOTDIR | Errno::LOOP | Errno::MLINK) => {
                match readlinkat(&self.here, name.as_slice(), Vec::new()) {
                    Ok(target) => self
                        .follow_link(target.as_bytes(), component)
                        .map(|()| true),
                    Err(Errno::INVAL) if component.is_last => Ok(false),
                    Err(Errno::INVAL) => Err(Errno::NOTDIR),
                    Err(error) => Err(error),
                }
            }
            Err(error) => Err(error),
        }
    }

    /// Puts the text of a link in front of what is still to be walked.
    fn follow_link(&mut self, target: &[u8], link: &Component) -> Result<(), Errno> {
        self.links += 1;
        if self.links > LINKS_MAX {
            return Err(Errno::LOOP);
        }
        let mut rest = if target.starts_with(b"/") {
            let inside = self
                .ground
                .names
                .iter()
                .find_map(|root| below(target, root))
                .ok_or(Errno::XDEV)?;
            self.names.clear();
            self.here = self.step_from_root()?;
            inside.to_vec()
        } else {
            target.to_vec()
        };
        if !link.is_last {
            rest.push(b'/');
            rest.extend_from_slice(self.rest.get(self.at..).unwrap_or_default());
        }
        self.rest = rest;
        self.at = 0;
        Ok(())
    }

    /// Goes to the folder that this one was found in, by the names that led there.
    fn up(&mut self) -> Result<(), Errno> {
        self.names.pop().ok_or(Errno::XDEV)?;
        let names = std::mem::take(&mut self.names);
        self.here = self.step_from_root()?;
        for name in &names {
            self.here = self.step(name)?;
        }
        self.names = names;
        Ok(())
    }

    fn step_from_root(&mut self) -> Result<OwnedFd, Errno> {
        self.count_step()?;
        step(self.ground.root, b".")
    }

    fn step(&mut self, name: &[u8]) -> Result<OwnedFd, Errno> {
        self.count_step()?;
        step(&self.here, name)
    }

    fn count_step(&mut self) -> Result<(), Errno> {
        self.steps += 1;
        if self.steps > STEPS_MAX {
            return Err(Errno::LOOP);
        }
        Ok(())
    }
}

/// Opens a folder in a folder, to go on from; never through a link.
fn step(folder: impl std::os::fd::AsFd, name: &[u8]) -> Result<OwnedFd, Errno> {
    // Where a folder cannot be opened without the right to list it, that right is asked for.
    #[cfg(target_os = "linux")]
    const ONLY_TO_GO_ON: OFlags = OFlags::PATH;
    #[cfg(not(target_os = "linux"))]
    const ONLY_TO_GO_ON: OFlags = OFlags::RDONLY;
    let flags = ONLY_TO_GO_ON | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(folder, name, flags, Mode::empty())
}

/// What is left of an absolute path when the root's own path is taken off its front; `None` if it does not lie there.
fn below<'t>(target: &'t [u8], root: &[u8]) -> Option<&'t [u8]> {
    let mut rest = target;
    for wanted in root
        .split(|&byte| byte == b'/')
        .filter(|name| !name.is_empty())
    {
        rest = rest_after(rest, wanted)?;
    }
    Some(rest)
}

/// Takes one component off the front of a path, with the slashes and `.` components before it, if it is `wanted`.
fn rest_after<'t>(mut path: &'t [u8], wanted: &[u8]) -> Option<&'t [u8]> {
    while !path.is_empty() {
        let end = memchr::memchr(b'/', path).unwrap_or(path.len());
        let (name, rest) = path.split_at(end);
        if name == wanted {
            return Some(rest);
        }
        if !matches!(name, b"" | b".") {
            return None;
        }
        path = rest.get(1..).unwrap_or_default();
    }
    None
}
