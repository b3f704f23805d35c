//! A folder that is kept at hand, so that to look at a file in it costs one call and no way down from the root.
//!
//! Rule: what is seen through it was beneath the root when the folder was last found there, by [`Root::hold`]. Whoever
//! keeps one asks for a new one after a while: the folder may have been moved since, even out of the root.

use std::os::fd::OwnedFd;

use rustix::fs::{AtFlags, fstat, statat};

use super::{Asked, FOLDER, LOOK, Root};
use crate::files::root::{Facts, Kind};

/// A folder beneath a root.
#[derive(Debug)]
pub struct HeldFolder {
    folder: OwnedFd,
    facts: Facts,
}

impl Root {
    /// Finds the folder at a path, which ends in a slash or not. `None` if there is none, or it cannot be had.
    #[must_use]
    pub fn hold(&self, path: &[u8]) -> Option<HeldFolder> {
        let asked = Asked::of(path)?;
        let folder = self.open_as(asked.relative, LOOK | FOLDER).ok()?;
        let facts = Facts::of(&fstat(&folder).ok()?);
        Some(HeldFolder { folder, facts })
    }
}

impl HeldFolder {
    /// The folder itself when it was found. They change whenever a name comes or goes in it.
    #[must_use]
    pub const fn facts(&self) -> Facts {
        self.facts
    }

    /// The regular file of this name as it is now. `None` if there is none: a link to one is none.
    #[must_use]
    pub fn file(&self, name: &[u8]) -> Option<Facts> {
        let stat = statat(&self.folder, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
        (Kind::of(&stat) == Some(Kind::File)).then(|| Facts::of(&stat))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::files::root::Links;

    #[test]
    fn it_sees_what_is_there_now_and_follows_nothing() {
        let place = tempfile::tempdir().unwrap();
        let inside = place.path().join("root/sub");
        fs::create_dir_all(&inside).unwrap();
        fs::write(inside.join("a"), "1").unwrap();
        fs::write(place.path().join("outside"), "x").unwrap();
        symlink("a", inside.join("link")).unwrap();
        let root = Root::open(&place.path().join("root"), Links::Within).unwrap();
        let held = root.hold(b"/sub/").unwrap();
        let facts = root.facts(b"/sub/a").unwrap().unwrap().1;
        assert_eq!(held.file(b"a"), Some(facts));
        for name in [&b"link"[..], b"none", b".", b""] {
            assert_eq!(held.file(name), None, "{name:?}");
        }
        fs::write(inside.join("a"), "12").unwrap();
        assert_ne!(held.file(b"a"), Some(facts));
        for path in [&b"/sub/a"[..], b"/none", b"/.git"] {
            assert!(root.hold(path).is_none(), "{path:?}");
        }
    }

    #[test]
    fn a_folder_that_is_a_way_out_is_not_found() {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir_all(place.path().join("root")).unwrap();
        symlink(place.path(), place.path().join("root/out")).unwrap();
        let root = Root::open(&place.path().join("root"), Links::Within).unwrap();
        assert!(root.hold(b"/out/").is_none());
        assert!(root.hold(b"/").is_some());
    }
}
