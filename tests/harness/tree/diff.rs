//! Says in words how two trees differ, aspect by aspect.

use std::fmt::Debug;
use std::path::Path;

use crate::tree::snapshot::{Entry, Kind, Tree};

/// One thing in which a copy can be true to its source. Kind and presence are always compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aspect {
    /// Size and bytes of files.
    Content,
    /// Permission bits, except of links (Linux ignores those).
    Mode,
    /// User and group.
    Owner,
    /// Modification time of everything but folders.
    FileTimes,
    /// Modification time of folders.
    FolderTimes,
    /// Which names are of one file.
    HardLinks,
    /// What links read.
    Targets,
    /// Device numbers.
    Devices,
    /// Extended attributes and access control lists.
    Xattrs,
    /// Where the holes of files are. Only comparable within one kind of file system.
    Holes,
}

/// A set of aspects to compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aspects(u16);

impl Aspects {
    /// All of them.
    pub const ALL: Self = Self(u16::MAX);
    /// Presence and kind only.
    pub const NONE: Self = Self(0);

    /// These and no others.
    pub fn only(aspects: &[Aspect]) -> Self {
        aspects
            .iter()
            .fold(Self::NONE, |set, aspect| Self(set.0 | bit(*aspect)))
    }

    /// This set but for `aspects`.
    #[must_use]
    pub fn without(self, aspects: &[Aspect]) -> Self {
        Self(self.0 & !Self::only(aspects).0)
    }

    /// Whether the set has it.
    pub fn has(self, aspect: Aspect) -> bool {
        self.0 & bit(aspect) != 0
    }
}

fn bit(aspect: Aspect) -> u16 {
    1 << aspect as u16
}

/// Every difference between `a` and `b`, one line each, in order of path; empty when `b` is a true copy of `a`.
pub fn diff(a: &Tree, b: &Tree, aspects: Aspects) -> Vec<String> {
    let mut lines = Vec::new();
    let added = b
        .entries
        .keys()
        .filter(|path| !a.entries.contains_key(*path));
    let mut paths: Vec<&Path> = a.entries.keys().chain(added).map(AsRef::as_ref).collect();
    paths.sort();
    for path in paths {
        let mut differ = Differences {
            path,
            lines: &mut lines,
        };
        match (a.entries.get(path), b.entries.get(path)) {
            (Some(a), Some(b)) => differ.between(a, b, aspects),
            (Some(a), None) => differ.say(&format!("missing ({:?})", a.kind)),
            (None, Some(b)) => differ.say(&format!("added ({:?})", b.kind)),
            (None, None) => unreachable!("every path is from one of the trees"),
        }
    }
    lines
}

struct Differences<'a> {
    path: &'a Path,
    lines: &'a mut Vec<String>,
}

impl Differences<'_> {
    fn between(&mut self, a: &Entry, b: &Entry, aspects: Aspects) {
        self.compare("trouble", &a.trouble, &b.trouble);
        if a.kind != b.kind {
            return self.compare("kind", &a.kind, &b.kind);
        }
        let is_folder = a.kind == Kind::Folder;
        if aspects.has(Aspect::Content) {
            self.compare("size", &a.size, &b.size);
            if a.size == b.size && a.content != b.content {
                self.say("same size, other content");
            }
        }
        if aspects.has(Aspect::Mode) && a.kind != Kind::Symlink {
            self.compare(
                "mode",
                &format_args!("{:04o}", a.mode),
                &format_args!("{:04o}", b.mode),
            );
        }
        if aspects.has(Aspect::Owner) {
            self.compare("owner", &(a.uid, a.gid), &(b.uid, b.gid));
        }
        let times = if is_folder {
            Aspect::FolderTimes
        } else {
            Aspect::FileTimes
        };
        if aspects.has(times) {
            self.compare("mtime", &a.mtime, &b.mtime);
        }
        if aspects.has(Aspect::HardLinks) {
            self.compare("hard link to", &a.linked_to, &b.linked_to);
        }
        if aspects.has(Aspect::Targets) {
            self.compare("target", &a.target, &b.target);
        }
        if aspects.has(Aspect::Devices) {
            self.compare("device", &a.device, &b.device);
        }
        if aspects.has(Aspect::Holes) {
            self.compare("data at", &a.data, &b.data);
        }
        if aspects.has(Aspect::Xattrs) {
            self.between_xattrs(a, b);
        }
    }

    fn between_xattrs(&mut self, a: &Entry, b: &Entry) {
        let mut names: Vec<_> = a.xattrs.keys().chain(b.xattrs.keys()).collect();
        names.sort();
        names.dedup();
        for name in names {
            let value = |entry: &Entry| {
                entry
                    .xattrs
                    .get(name)
                    .map(|value| value.escape_ascii().to_string())
            };
            self.compare(
                &format!("xattr {}", name.escape_ascii()),
                &value(a),
                &value(b),
            );
        }
    }

    fn compare(&mut self, what: &str, a: &impl Debug, b: &impl Debug) {
        // Compared as printed: a difference that cannot be seen in the line would be of no use.
        let (a, b) = (format!("{a:?}"), format!("{b:?}"));
        if a != b {
            self.say(&format!("{what} {a} became {b}"));
        }
    }

    fn say(&mut self, what: &str) {
        let path = if self.path == Path::new("") {
            Path::new(".")
        } else {
            self.path
        };
        let shown = path.as_os_str().as_encoded_bytes().escape_ascii();
        self.lines.push(format!("{shown}: {what}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::needs::is_root;
    use crate::sandbox::Sandbox;
    use crate::tree::snapshot;

    /// A tree with one of everything that the rows change.
    fn original() -> Sandbox {
        let sandbox = Sandbox::new();
        sandbox
            .file("a/file", "content")
            .xattr("a/file", "user.colour", "red")
            .sparse("a/sparse", 1 << 20, &[(0, b"x")])
            .symlink("file", "a/link")
            .file("one", "x")
            .hard_link("one", "two")
            .fifo("fifo");
        if is_root() {
            sandbox.char_device("null", 1, 3);
        }
        for name in ["a/file", "a/sparse", "a/link", "one", "fifo", "a", "."] {
            sandbox.times(name, 1_000_000_000, 5);
        }
        sandbox
    }

    #[test]
    fn each_kind_of_difference_is_noticed_alone() {
        type Change = fn(&Sandbox) -> &Sandbox;
        let rows: [(&str, Aspects, Change, &[&str]); 13] = [
            ("nothing", Aspects::ALL, |s| s, &[]),
            (
                "content",
                Aspects::only(&[Aspect::Content]),
                |s| s.file("a/file", "CONTENT"),
                &["a/file: same size, other content"],
            ),
            (
                "size",
                Aspects::only(&[Aspect::Content]),
                |s| s.file("a/file", "cont"),
                &["a/file: size 7 became 4"],
            ),
            (
                "mode",
                Aspects::ALL,
                |s| s.mode("a", 0o2755),
                &["a: mode 0755 became 2755"],
            ),
            (
                "file time",
                Aspects::ALL,
                |s| s.times("a/file", 1_000_000_000, 6),
                &["a/file: mtime (1000000000, 5) became (1000000000, 6)"],
            ),
            (
                "link time",
                Aspects::ALL,
                |s| s.times("a/link", 7, 0),
                &["a/link: mtime (1000000000, 5) became (7, 0)"],
            ),
            (
                "folder time",
                Aspects::ALL,
                |s| s.times(".", -1, 6),
                &[".: mtime (1000000000, 5) became (-1, 6)"],
            ),
            (
                "xattr",
                Aspects::ALL,
                |s| s.xattr("a/file", "user.colour", "blue"),
                &["a/file: xattr user.colour Some(\"red\") became Some(\"blue\")"],
            ),
            (
                "acl",
                Aspects::only(&[Aspect::Xattrs]),
                |s| s.acl("one", 5, 4),
                &[
                    "one: xattr system.posix_acl_access None became Some(\"\\\\x02",
                    "two: xattr system.posix_acl_access None became Some(\"\\\\x02",
                ],
            ),
            (
                "holes",
                Aspects::only(&[Aspect::Content, Aspect::Holes]),
                |s| {
                    let mut content = vec![0; 1 << 20];
                    content[0] = b'x';
                    s.file("a/sparse", content)
                },
                &["a/sparse: data at [(0, 4096)] became [(0, 1048576)]"],
            ),
            (
                "hard link",
                Aspects::only(&[Aspect::HardLinks]),
                |s| {
                    std::fs::remove_file(s.join("two")).expect("it is there");
                    s.file("two", "x")
                },
                &[
                    "one: hard link to Some(\"one\") became None",
                    "two: hard link to Some(\"one\") became None",
                ],
            ),
            (
                "target",
                Aspects::only(&[Aspect::Targets]),
                |s| {
                    std::fs::remove_file(s.join("a/link")).expect("it is there");
                    s.symlink("elsewhere", "a/link")
                },
                &["a/link: target Some(\"file\") became Some(\"elsewhere\")"],
            ),
            (
                "kind, missing, added",
                Aspects::NONE,
                |s| {
                    std::fs::remove_file(s.join("fifo")).expect("it is there");
                    std::fs::rename(s.join("two"), s.join("new\nline")).expect("it is there");
                    s.file("fifo", "")
                },
                &[
                    "fifo: kind Fifo became File",
                    "new\\nline: added (File)",
                    "two: missing (File)",
                ],
            ),
        ];
        for (name, aspects, change, expected) in rows {
            let sandbox = original();
            let before = snapshot(sandbox.path());
            change(&sandbox);
            let after = snapshot(sandbox.path());
            let found = diff(&before, &after, aspects);
            let is_as_expected = found.len() == expected.len()
                && found
                    .iter()
                    .zip(expected)
                    .all(|(found, start)| found.starts_with(start));
            assert!(is_as_expected, "{name}: {found:#?}");
        }
    }

    #[test]
    fn owners_and_devices_are_noticed() {
        let Some(()) = crate::needs::needs_root("owners and devices") else {
            return;
        };
        let sandbox = original();
        let before = snapshot(sandbox.path());
        sandbox.owner("a/link", 1, 2);
        std::fs::remove_file(sandbox.join("null")).expect("it is there");
        sandbox.char_device("null", 1, 5);
        let after = snapshot(sandbox.path());
        let aspects = Aspects::only(&[Aspect::Owner, Aspect::Devices]);
        assert_eq!(
            diff(&before, &after, aspects),
            [
                "a/link: owner (0, 0) became (1, 2)",
                "null: device Some((1, 3)) became Some((1, 5))"
            ]
        );
    }

    #[test]
    fn an_aspect_that_is_left_out_is_not_compared() {
        let sandbox = original();
        let before = snapshot(sandbox.path());
        sandbox.mode("a", 0o700);
        let after = snapshot(sandbox.path());
        assert_eq!(
            diff(&before, &after, Aspects::ALL.without(&[Aspect::Mode])),
            [""; 0]
        );
    }
}
