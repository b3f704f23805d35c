//! What it means that source and destination are one file, for copies that write into an existing file as `cp` does.
//!
//! Writing into a file empties it first, so a copy onto itself destroys it. Whether two names are "the same file"
//! depends on what will be done with them: a link that is replaced harms nobody, one that is written through harms
//! what it leads to. The answers are GNU cp's, whose tests list them name by name; a copy that replaces files
//! atomically needs none of this ([`crate::engine::plan::judge`] refuses one file under any name). Pure: the facts are
//! gathered by the caller.

use crate::config::{Backup, Content, Follow, Options, Replace};
use crate::engine::sys::{FileId, Kind, Stat};

/// A name, the link it may be, and the file it leads to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Side {
    /// What was looked at when the copy was decided on: the entry or what it leads to.
    pub(crate) seen: FileId,
    /// The entry itself.
    pub(crate) entry: Stat,
    /// What it leads to; none when it leads nowhere.
    pub(crate) target: Option<FileId>,
}

/// How the two sides of a copy are related.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sameness {
    /// Nothing is lost by copying.
    Harmless,
    /// The destination is what it should become: there is nothing to do.
    Done,
    /// Copying would destroy the source.
    Same,
}

/// Whether more than the two files' identities has to be looked at. Spares ordinary copies two more calls.
pub(crate) fn is_suspicious(source: &Stat, existing: &Stat) -> bool {
    source.id == existing.id || source.kind == Kind::Symlink || existing.kind == Kind::Symlink
}

/// Relates the two sides. `is_one_entry` tells whether both are the same name in the same folder.
pub(crate) fn relate(
    source: &Side,
    existing: &Side,
    is_one_entry: bool,
    options: &Options,
) -> Sameness {
    let is_seen_alike = source.seen == existing.seen;
    let links_hard = options.content == Content::HardLink;
    if is_seen_alike && links_hard {
        return Sameness::Done;
    }
    let keeps_old = options.backup != Backup::None;
    let both_links = source.is_link() && existing.is_link();
    let removes_old = options.replace == Replace::Remove;
    if options.follow == Follow::Never {
        if both_links {
            return match (is_one_entry, keeps_old, is_seen_alike) {
                (true, ..) => Sameness::Same,
                (false, false, true) => Sameness::Done,
                _ => Sameness::Harmless,
            };
        }
    } else if !is_seen_alike || (both_links && removes_old) {
        return Sameness::Harmless;
    }
    let is_one_file = source.entry.id == existing.entry.id;
    if keeps_old {
        // A link that is followed would lead to nothing once the file it leads to has been moved aside.
        let would_dangle =
            options.follow != Follow::Never && source.is_link() && !existing.is_link();
        return harmless_if(if is_one_file {
            !is_one_entry
        } else {
            !would_dangle
        });
    }
    if removes_old && (existing.is_link() || (is_one_file && !is_one_entry)) {
        return Sameness::Harmless;
    }
    if options.content == Content::SymbolicLink && existing.is_link() {
        // Making the link fails on its own where one is.
        return Sameness::Harmless;
    }
    if !source.is_link() && !existing.is_link() {
        return harmless_if(!is_one_file);
    }
    if options.follow != Follow::Never {
        return Sameness::Same;
    }
    // One is a link that was not followed: they meet only if it leads to the other.
    match (source.target, existing.target) {
        (Some(one), Some(other)) if one == other && links_hard && !existing.is_link() => {
            Sameness::Done
        }
        (Some(one), Some(other)) if one == other && !links_hard => Sameness::Same,
        _ => Sameness::Harmless,
    }
}

impl Side {
    fn is_link(&self) -> bool {
        self.entry.kind == Kind::Symlink
    }
}

fn harmless_if(is_harmless: bool) -> Sameness {
    if is_harmless {
        Sameness::Harmless
    } else {
        Sameness::Same
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::sys::{Owner, Time};

    /// A file, two links to it, another name of the file, and another name of the second link.
    const FILE: (u64, Kind) = (1, Kind::File);
    const LINK: (u64, Kind) = (2, Kind::Symlink);
    const OTHER_LINK: (u64, Kind) = (3, Kind::Symlink);

    #[test]
    fn what_harms_the_source_is_refused() {
        use Sameness::{Done, Harmless, Same};
        let rows = [
            ("file onto link", FILE, LINK, "", Same),
            ("file onto link, -d", FILE, LINK, "d", Same),
            ("file onto link, removed first", FILE, LINK, "r", Harmless),
            ("file onto link, backup", FILE, LINK, "b", Harmless),
            ("file onto link, -l", FILE, LINK, "l", Harmless),
            ("file onto link, -dl", FILE, LINK, "dl", Harmless),
            ("file onto link, -s", FILE, LINK, "s", Harmless),
            ("link onto file", LINK, FILE, "", Same),
            ("link onto file, -d", LINK, FILE, "d", Same),
            ("link onto file, removed first", LINK, FILE, "r", Same),
            ("link onto file, backup", LINK, FILE, "b", Same),
            ("link onto file, -d and backup", LINK, FILE, "db", Harmless),
            ("link onto file, -l", LINK, FILE, "l", Done),
            ("link onto file, -dl", LINK, FILE, "dl", Done),
            ("link onto file, -s", LINK, FILE, "s", Same),
            ("link onto link", LINK, OTHER_LINK, "", Same),
            ("link onto link, -d", LINK, OTHER_LINK, "d", Harmless),
            (
                "link onto link, removed first",
                LINK,
                OTHER_LINK,
                "r",
                Harmless,
            ),
            ("link onto link, backup", LINK, OTHER_LINK, "b", Harmless),
            ("link onto link, -s", LINK, OTHER_LINK, "s", Harmless),
            ("link onto another name of it", LINK, LINK, "", Same),
            ("link onto another name of it, -d", LINK, LINK, "d", Done),
            (
                "link onto another name of it, -d and backup",
                LINK,
                LINK,
                "db",
                Harmless,
            ),
            ("link onto another name of it, -dl", LINK, LINK, "dl", Done),
            ("file onto another name of it", FILE, FILE, "", Same),
            (
                "file onto another name of it, removed first",
                FILE,
                FILE,
                "r",
                Harmless,
            ),
            (
                "file onto another name of it, backup",
                FILE,
                FILE,
                "b",
                Harmless,
            ),
            ("file onto another name of it, -l", FILE, FILE, "l", Done),
            ("file onto another name of it, -s", FILE, FILE, "s", Same),
            ("file onto itself", FILE, FILE, "1", Same),
            ("file onto itself, removed first", FILE, FILE, "1r", Same),
            ("file onto itself, backup", FILE, FILE, "1b", Same),
            ("file onto itself, -l", FILE, FILE, "1l", Done),
            ("link onto itself, -d", LINK, LINK, "1d", Same),
            ("link onto itself, -d and backup", LINK, LINK, "1db", Same),
        ];
        for (name, source, existing, how, expected) in rows {
            let options = options(how);
            // What the callers look at: entries where links are kept or replaced, else what they lead to.
            let keeps = options.follow == Follow::Never;
            let replaces = how.contains(['b', 'l', 's', 'r']);
            let source_side = side(source, keeps);
            let existing_side = side(existing, replaces || (keeps && source.1 == Kind::Symlink));
            let related = relate(&source_side, &existing_side, how.contains('1'), &options);
            assert_eq!(related, expected, "{name}");
        }
    }

    fn options(how: &str) -> Options {
        let has = |letter| how.contains(letter);
        Options {
            follow: if has('d') {
                Follow::Never
            } else {
                Follow::Always
            },
            replace: if has('r') {
                Replace::Remove
            } else {
                Replace::InPlace
            },
            backup: if has('b') {
                Backup::Numbered
            } else {
                Backup::None
            },
            content: match (has('l'), has('s')) {
                (true, _) => Content::HardLink,
                (_, true) => Content::SymbolicLink,
                _ => Content::Copy,
            },
            ..Options::default()
        }
    }

    /// Every name leads to the one file.
    fn side((ino, kind): (u64, Kind), is_kept: bool) -> Side {
        let file = FileId {
            dev: 1,
            ino: FILE.0,
        };
        let id = FileId { dev: 1, ino };
        let zero = Time { secs: 0, nanos: 0 };
        let entry = Stat {
            kind,
            id,
            mode: 0o644,
            owner: Owner { user: 0, group: 0 },
            names: 1,
            size: 0,
            allocated: 0,
            device: 0,
            accessed: zero,
            modified: zero,
            changed: zero,
        };
        Side {
            seen: if is_kept { id } else { file },
            entry,
            target: Some(file),
        }
    }
}
