//! Keeps the old content of a destination under another name before it is replaced.

use std::ffi::{OsStr, OsString};
use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;

use crate::config::Backup;
use crate::engine::place::Pair;
use crate::engine::run::Run;
use crate::engine::sys::{Dir, Links, ListBuffer};

use super::made::temporary_name;

/// Renames the finished entry `from` to `name`. What has that name is replaced; where backups are wanted it stays
/// under another.
pub(super) fn rename_over(
    run: &Run<'_>,
    pair: &Arc<Pair>,
    from: &OsStr,
    name: &OsStr,
) -> io::Result<()> {
    let folder = pair.destination()?;
    let moved_to = keep_old(run, pair, folder, name)?;
    let renamed = folder.rename(from, name);
    if let (Err(_), Some(kept)) = (&renamed, moved_to) {
        // It has no other name now. If it cannot be given back, the failure to replace it is being told all the same.
        drop(folder.rename(&kept, name));
    }
    renamed
}

/// Gives the entry `name` its backup name. The entry keeps its own name as well where the file system has hard links,
/// so that there is no moment without it; otherwise the backup name is returned, as the only one it has. Nothing
/// happens when there is no such entry or no backup is wanted.
fn keep_old(
    run: &Run<'_>,
    pair: &Arc<Pair>,
    folder: &Dir,
    name: &OsStr,
) -> io::Result<Option<OsString>> {
    if run.options.backup == Backup::None || folder.stat(name, Links::Keep).is_err() {
        return Ok(None);
    }
    let kept = backup_name(&run.options.backup, folder, name)?;
    let temporary = temporary_name();
    let in_flight = &run.shared.in_flight;
    let link = || folder.link(name, Links::Keep, folder, &temporary);
    let Ok(((), ticket)) = in_flight.enter(pair, &temporary, link) else {
        folder.rename(name, &kept)?;
        return Ok(Some(kept));
    };
    let renamed = folder.rename(&temporary, &kept);
    // Where the backup is a name of the same file already, renaming does nothing and leaves both.
    drop(folder.remove(&temporary));
    in_flight.leave(ticket);
    renamed.map(|()| None)
}

/// Gives the entry `name` its backup name, and tells it; the name is free then.
pub(super) fn move_aside(run: &Run<'_>, folder: &Dir, name: &OsStr) -> io::Result<OsString> {
    let kept = backup_name(&run.options.backup, folder, name)?;
    folder.rename(name, &kept)?;
    Ok(kept)
}

/// The name a backup of `name` gets.
pub(crate) fn backup_name(backup: &Backup, folder: &Dir, name: &OsStr) -> io::Result<OsString> {
    let mut kept = name.to_owned();
    let highest = match backup {
        Backup::None | Backup::Simple(_) => 0,
        Backup::Numbered | Backup::Existing(_) => highest_number(folder, name)?,
    };
    match backup {
        Backup::Existing(suffix) if highest == 0 => kept.push(suffix),
        Backup::Simple(suffix) => kept.push(suffix),
        Backup::None | Backup::Numbered | Backup::Existing(_) => {
            kept.push(format!(".~{}~", highest + 1))
        }
    }
    Ok(kept)
}

/// Whether a name is one that backups get. What it is a backup of may be long gone.
pub(crate) fn is_backup(backup: &Backup, name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    match backup {
        Backup::None => false,
        Backup::Simple(suffix) => name.ends_with(suffix.as_encoded_bytes()),
        Backup::Numbered => name.ends_with(b"~"),
        Backup::Existing(suffix) => {
            name.ends_with(b"~") || name.ends_with(suffix.as_encoded_bytes())
        }
    }
}

/// The highest N of `name.~N~` in the folder, 0 where there is none.
fn highest_number(folder: &Dir, name: &OsStr) -> io::Result<u64> {
    let mut highest = 0;
    let listing = folder.child(OsStr::new("."), Links::Keep)?;
    listing.list(&mut ListBuffer::new(), |entry, _| {
        let number = (entry
            .as_encoded_bytes()
            .strip_prefix(name.as_encoded_bytes()))
        .and_then(|rest| rest.strip_prefix(b".~"))
        .and_then(|rest| rest.strip_suffix(b"~"))
        .and_then(|digits| str::from_utf8(digits).ok()?.parse::<u64>().ok());
        highest = highest.max(number.unwrap_or(0));
        ControlFlow::Continue(())
    })?;
    Ok(highest)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::config::Options;
    use crate::engine::run::for_test;

    #[test]
    fn old_content_is_kept_and_nothing_else_is_left() {
        let simple = || Backup::Simple("~".into());
        type Files = &'static [(&'static str, &'static str)];
        let cases: [(&str, Backup, Files, Files); 5] = [
            (
                "none wanted",
                Backup::None,
                &[("b", "old")],
                &[("b", "new")],
            ),
            ("nothing there", simple(), &[], &[("b", "new")]),
            (
                "the old one",
                simple(),
                &[("b", "old")],
                &[("b", "new"), ("b~", "old")],
            ),
            (
                "an older backup",
                simple(),
                &[("b", "old"), ("b~", "older")],
                &[("b", "new"), ("b~", "old")],
            ),
            (
                "numbered",
                Backup::Numbered,
                &[("b", "old"), ("b.~7~", "older")],
                &[("b", "new"), ("b.~7~", "older"), ("b.~8~", "old")],
            ),
        ];
        for (name, backup, before, after) in cases {
            let folder = tempfile::tempdir().unwrap();
            for (file, text) in before {
                fs::write(folder.path().join(file), text).unwrap();
            }
            replace(folder.path(), backup);
            let after: Vec<_> = after
                .iter()
                .map(|(name, text)| (name.to_string(), text.to_string()))
                .collect();
            assert_eq!(held(folder.path()), after, "{name}");
        }
    }

    #[test]
    fn a_backup_that_is_the_same_file_already_leaves_no_third_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name| folder.path().join(name);
        fs::write(path("b"), "old").unwrap();
        fs::hard_link(path("b"), path("b~")).unwrap();
        replace(folder.path(), Backup::Simple("~".into()));
        let expected = [("b", "new"), ("b~", "old")];
        assert_eq!(
            held(folder.path()),
            expected.map(|(name, text)| (name.into(), text.into()))
        );
    }

    #[test]
    fn what_cannot_be_replaced_keeps_its_name() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("b"), "old").unwrap();
        let replaced = rename_in(folder.path(), Backup::Simple("~".into()), "no such file");
        assert!(replaced.is_err());
        assert!(held(folder.path()).contains(&("b".into(), "old".into())));
    }

    /// Puts a new file in the place of `b`.
    fn replace(folder: &Path, backup: Backup) {
        fs::write(folder.join("staged"), "new").unwrap();
        rename_in(folder, backup, "staged").expect("replaced");
    }

    fn rename_in(folder: &Path, backup: Backup, from: &str) -> io::Result<()> {
        let options = Options {
            backup,
            ..Options::default()
        };
        let open = || Dir::open(folder).expect("a folder");
        for_test(&options, |run| {
            let pair = Arc::new(run.pair(open(), Some(open()), (0, 0)));
            rename_over(run, &pair, OsStr::new(from), OsStr::new("b"))
        })
    }

    /// What is in a folder, by name.
    fn held(folder: &Path) -> Vec<(String, String)> {
        let entries = fs::read_dir(folder).expect("a folder").flatten();
        let mut held: Vec<_> = entries
            .map(|entry| {
                let name = entry.file_name().into_string().expect("text");
                (name, fs::read_to_string(entry.path()).expect("text"))
            })
            .collect();
        held.sort();
        held
    }
}
