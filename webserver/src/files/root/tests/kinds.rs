//! What is there but is no plain file: folders, FIFOs, what may not be read, what changes.

use std::fs::{self, File};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat};
use rustix::io::Errno;

use super::fixture::{self, Answer, Fixture, ask, folder_names};
use super::links::lay_links;
use super::{check, file};
use crate::files::root::{Kind, Links, Root};

#[test]
fn what_is_neither_file_nor_folder_is_refused() {
    let fixture = Fixture::new();
    let path = PathBuf::from(fixture.root_path());
    let _listener = UnixListener::bind(path.join("socket")).unwrap();
    make_fifo(&path.join("fifo"));
    fixture.link("to-fifo", "fifo");
    fixture.link("to-null", "/dev/null");
    check(
        &fixture,
        Links::Within,
        &[
            ("socket", "/socket", Answer::Refused),
            ("FIFO", "/fifo", Answer::Refused),
            ("FIFO with a slash", "/fifo/", Answer::Missing),
            ("link to a FIFO", "/to-fifo", Answer::Refused),
        ],
    );
    check(
        &fixture,
        Links::Anywhere,
        &[
            ("link to a FIFO", "/to-fifo", Answer::Refused),
            ("link to a device", "/to-null", Answer::Refused),
        ],
    );
}

/// Whoever waits to write to a FIFO would be woken by a reader that opens it, and get SIGPIPE when it leaves.
#[test]
fn nobody_who_waits_at_a_fifo_is_woken() {
    let fixture = Fixture::new();
    let path = PathBuf::from(fixture.root_path()).join("fifo");
    make_fifo(&path);
    let reads = rustix::fs::open(&path, OFlags::RDONLY | OFlags::NONBLOCK, Mode::empty()).unwrap();
    let writes = rustix::fs::open(&path, OFlags::WRONLY | OFlags::NONBLOCK, Mode::empty()).unwrap();
    drop(reads);
    for (way, root) in fixture.roots(Links::Within) {
        assert_eq!(ask(&root, b"/fifo"), Answer::Refused, "{way}");
        // Hang-up is told from the first time on that somebody who could read has left.
        let opened = rustix::fs::open(&path, OFlags::WRONLY | OFlags::NONBLOCK, Mode::empty());
        assert_eq!(opened.err(), Some(Errno::NXIO), "{way}: nobody reads");
    }
    drop(writes);
}

#[test]
fn without_permission() {
    let fixture = Fixture::new();
    let path = PathBuf::from(fixture.root_path());
    for name in [
        "open.txt",
        "shut.txt",
        "shut/a.txt",
        "blind/a.txt",
        "listed/a.txt",
    ] {
        fixture.file(name, name);
    }
    fixture.link("over", "shut/../open.txt");
    let set_mode = |name: &str, mode| {
        fs::set_permissions(path.join(name), fs::Permissions::from_mode(mode)).unwrap();
    };
    let shut = [
        ("shut.txt", 0),
        ("shut", 0),
        ("blind", 0o111),
        ("listed", 0o444),
    ];
    set_mode("", 0o755);
    for (name, mode) in shut {
        set_mode(name, mode);
    }
    let roots = fixture.roots(Links::Within);
    fixture::as_nobody(|| {
        for (way, root) in &roots {
            for (name, asked, expected) in [
                ("may be read", "/open.txt", file("open.txt")),
                ("may not be read", "/shut.txt", Answer::Refused),
                ("folder", "/shut", Answer::Folder),
                (
                    "in a folder that may not be entered",
                    "/shut/a.txt",
                    Answer::Refused,
                ),
                ("nothing in such a folder", "/shut/none", Answer::Refused),
                (
                    "in a folder that may not be listed",
                    "/blind/a.txt",
                    file("blind/a.txt"),
                ),
                (
                    "in a folder that may only be listed",
                    "/listed/a.txt",
                    Answer::Refused,
                ),
            ] {
                assert_eq!(
                    fixture::ask_only(root, asked.as_bytes()),
                    expected,
                    "{way}: {name}"
                );
            }
            assert_eq!(root.read_folder(b"/shut/").unwrap(), None, "{way}");
            assert_eq!(root.read_folder(b"/blind/").unwrap(), None, "{way}");
            assert_eq!(root.read_folder(b"/listed/").unwrap(), None, "{way}");
        }
    });
    for (name, _) in shut {
        set_mode(name, 0o755);
    }
}

#[test]
fn facts_tell_every_change() {
    let fixture = Fixture::new();
    fixture.file("a.txt", "one");
    fixture.file("b.txt", "one");
    let path = PathBuf::from(fixture.root_path()).join("a.txt");
    for (way, root) in fixture.roots(Links::Within) {
        let facts = || root.facts(b"/a.txt").unwrap().unwrap();
        let mut before = facts();
        assert_eq!(before, facts(), "{way}: nothing changed");
        assert_eq!(before.0, Kind::File);
        let mut changed = |what: &str| {
            let after = facts();
            assert_ne!(before, after, "{way}: {what}");
            before = after;
        };
        fs::OpenOptions::new()
            .append(true)
            .open(&path)
            .unwrap()
            .write_all_at(b"x", 0)
            .unwrap();
        changed("grown");
        let modified = fs::metadata(&path).unwrap().modified().unwrap();
        File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_modified(modified)
            .unwrap();
        changed("time of change set back");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        changed("other permissions");
        fs::rename(path.with_file_name("b.txt"), &path).unwrap();
        changed("replaced");
        fixture.file("b.txt", "one");
        fs::remove_file(&path).unwrap();
        assert_eq!(root.facts(b"/a.txt").unwrap(), None, "{way}: removed");
        fs::create_dir(&path).unwrap();
        assert_eq!(facts().0, Kind::Folder, "{way}: a folder");
        fs::remove_dir(&path).unwrap();
        fixture.file("a.txt", "one");
    }
}

#[test]
fn folders_are_read() {
    let fixture = Fixture::new();
    lay_links(&fixture);
    fixture.file("listed/plain.txt", "12345");
    fixture.file("listed/.hidden", "");
    fixture.folder("listed/folder");
    fixture.file_of_bytes(b"listed/\xff\xfe", "");
    make_fifo(&PathBuf::from(fixture.root_path()).join("listed/fifo"));
    fixture.link("listed/in", "../index.txt");
    fixture.link("listed/in-dir", "../dir");
    fixture.link(
        "listed/in-abs",
        &format!("{}/dir/a.txt", fixture.root_path()),
    );
    fixture.link("listed/out", "../../outside/marker.txt");
    fixture.link("listed/dangling", "none");
    let plain = |root: &Root, path: &str, expected: &[&str]| {
        assert_eq!(folder_names(root, path), expected, "{path}");
    };
    let within = [
        "folder/",
        "in 5",
        "in-abs 1",
        "in-dir/",
        "plain.txt 5",
        "\u{fffd}\u{fffd} 0",
    ];
    for (_, root) in fixture.roots(Links::Within) {
        plain(&root, "/listed/", &within);
        plain(&root, "/listed", &within);
        plain(&root, "/to-dir", &["a.txt 1", "deep/"]);
        plain(&root, "/listed/folder/", &[]);
        for none in [
            "/index.txt",
            "/none",
            "/out-dir",
            "/.git",
            "/to-file",
            "/listed/fifo",
        ] {
            assert_eq!(root.read_folder(none.as_bytes()).unwrap(), None, "{none}");
        }
        assert!(
            root.read_folder(b"/")
                .unwrap()
                .is_some_and(|folder| !folder.truncated)
        );
    }
    for (_, root) in fixture.roots(Links::Anywhere) {
        let anywhere = [&within[..4], &["out 7"], &within[4..]].concat();
        plain(&root, "/listed/", &anywhere);
    }
}

fn make_fifo(path: &Path) {
    let mode = Mode::RUSR | Mode::WUSR;
    mknodat(CWD, path, FileType::Fifo, mode, 0).unwrap();
}
