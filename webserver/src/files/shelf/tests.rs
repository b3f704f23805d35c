use std::fs::{self, File, FileTimes};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::*;
use crate::config::SiteConfig;
use crate::files::entry::Content;

#[test]
fn paths_lead_to_what_is_there() {
    let place = place(&["a.txt", "sub/index.html", "bare/x", "odd/index.html/x"]);
    let mut shelf = shelf(place.path(), SiteConfig::default());
    let rows: [(&str, &[u8], &str); 9] = [
        ("a file", b"/a.txt", "file"),
        ("a file is no folder", b"/a.txt/", "missing"),
        ("the index file of a folder", b"/sub/", "file"),
        ("a folder without its slash", b"/sub", "unslashed"),
        ("a folder without an index file", b"/bare/", "folder"),
        ("an index that is a folder", b"/odd/", "folder"),
        ("the root", b"/", "folder"),
        ("nothing", b"/none", "missing"),
        ("hidden", b"/.git", "missing"),
    ];
    // Twice: found on disk, then remembered.
    for round in 0..2 {
        for (name, path, expected) in rows {
            assert_eq!(
                kind(&mut shelf, path, at(0)),
                expected,
                "{name}, round {round}"
            );
        }
    }
    assert!(shelf.lookups().remembered >= 9);
}

#[test]
fn what_is_remembered_is_looked_at_again_in_time() {
    let place = place(&["a.txt"]);
    let file = place.path().join("a.txt");
    let mut shelf = shelf(place.path(), SiteConfig::default());
    assert_eq!(content(&mut shelf, b"/a.txt", at(0)), b"a.txt");
    assert_eq!(kind(&mut shelf, b"/new", at(0)), "missing");
    fs::write(&file, "changed").unwrap();
    fs::write(place.path().join("new"), "new").unwrap();
    assert_eq!(
        content(&mut shelf, b"/a.txt", at(999)),
        b"a.txt",
        "within a second"
    );
    assert_eq!(
        kind(&mut shelf, b"/new", at(999)),
        "missing",
        "within a second"
    );
    assert_eq!(content(&mut shelf, b"/a.txt", at(1000)), b"changed");
    assert_eq!(content(&mut shelf, b"/new", at(1000)), b"new");
    fs::remove_file(&file).unwrap();
    assert_eq!(kind(&mut shelf, b"/a.txt", at(2000)), "missing");
}

#[test]
fn changes_show_at_once_if_so_wished() {
    let place = place(&["a.txt"]);
    let config = SiteConfig {
        fresh: Duration::ZERO,
        ..SiteConfig::default()
    };
    let mut shelf = shelf(place.path(), config);
    for round in 0..50 {
        let text = format!("round {round}");
        fs::write(place.path().join("a.txt"), &text).unwrap();
        assert_eq!(content(&mut shelf, b"/a.txt", at(0)), text.as_bytes());
    }
}

/// Two changes within one tick of the file system's clock may leave the same facts. What was read in between must not be
/// taken for true later.
#[test]
fn what_has_just_changed_is_read_again() {
    let place = place(&["a.txt"]);
    let mut shelf = shelf(place.path(), SiteConfig::default());
    let mut read = |ms| {
        let settled = at(ms);
        let now = Moment {
            wall_nanos: settled.wall_nanos - SETTLED_NANOS,
            ..settled
        };
        let Resource::File(entry) = shelf.find(b"/a.txt", now).unwrap() else {
            panic!("it is there");
        };
        entry
    };
    let (first, second) = (read(0), read(1000));
    assert!(!Rc::ptr_eq(&first, &second));
}

#[test]
fn compressed_forms_come_and_go_with_their_files() {
    let place = place(&["a.txt", "a.txt.gz"]);
    age(place.path());
    let mut shelf = shelf(place.path(), SiteConfig::default());
    assert_eq!(codings(&mut shelf, at(0)), [Coding::Gzip]);
    assert_eq!(
        codings(&mut shelf, at(1000)),
        [Coding::Gzip],
        "looked at again"
    );
    fs::write(place.path().join("a.txt.br"), "br").unwrap();
    assert_eq!(
        codings(&mut shelf, at(2000)),
        [Coding::Brotli, Coding::Gzip]
    );
    fs::remove_file(place.path().join("a.txt.br")).unwrap();
    fs::remove_file(place.path().join("a.txt.gz")).unwrap();
    assert_eq!(codings(&mut shelf, at(3000)), []);
    // Now the folder is known and nothing lies beside the file.
    assert_eq!(codings(&mut shelf, at(4000)), []);
    fs::write(place.path().join("a.txt.zst"), "zst").unwrap();
    assert_eq!(codings(&mut shelf, at(5000)), [Coding::Zstd]);
}

/// No name comes or goes when a form that was older than its file, or empty, is written anew.
#[test]
fn a_compressed_form_that_becomes_of_use_is_found() {
    let place = place(&["a.txt"]);
    let form = place.path().join("a.txt.gz");
    fs::write(&form, "").unwrap();
    let mut shelf = shelf(place.path(), SiteConfig::default());
    for second in 0..4 {
        assert_eq!(codings(&mut shelf, at(second * 1000)), [], "it is empty");
    }
    fs::write(&form, "gz").unwrap();
    assert_eq!(codings(&mut shelf, at(4000)), [Coding::Gzip]);
}

/// What was found in a folder that is moved out of the root, with a link to it in its place, is no longer inside.
#[test]
fn a_folder_that_is_moved_out_takes_its_files_along() {
    let place = place(&["root/sub/a.txt"]);
    age(&place.path().join("root"));
    age(&place.path().join("root/sub"));
    let mut shelf = shelf(&place.path().join("root"), SiteConfig::default());
    for second in 0..4 {
        assert_eq!(
            content(&mut shelf, b"/sub/a.txt", at(second * 1000)),
            b"root/sub/a.txt"
        );
    }
    let sub = place.path().join("root/sub");
    fs::rename(&sub, place.path().join("outside")).unwrap();
    std::os::unix::fs::symlink("../outside", &sub).unwrap();
    assert_eq!(kind(&mut shelf, b"/sub/a.txt", at(4000)), "refused");
}

#[test]
fn a_page_that_was_waited_for_is_given_out_however_short_it_is_fresh() {
    let place = place(&["a.txt"]);
    let config = SiteConfig {
        fresh: Duration::ZERO,
        ..SiteConfig::default()
    };
    let mut shelf = shelf(place.path(), config);
    shelf.keep_page(b"key", (*b"page").into(), 7, at(100));
    let waited_for = |number| Moment {
        waited_for: number,
        ..at(100)
    };
    assert!(
        shelf.page(b"key", waited_for(None)).is_none(),
        "asked for anew"
    );
    assert!(
        shelf.page(b"key", waited_for(Some(8))).is_none(),
        "made before it was asked for"
    );
    for job in [6, 7] {
        assert!(shelf.page(b"key", waited_for(Some(job))).is_some(), "{job}");
    }
}

fn place(files: &[&str]) -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    for name in files {
        let path = place.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, name).unwrap();
    }
    place
}

/// Makes the files of a folder old enough to be trusted: their time of change is that of the last touch, so time is
/// made to pass for the shelf instead.
fn age(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let times =
                FileTimes::new().set_modified(UNIX_EPOCH + Duration::from_secs(1_000_000_000));
            File::options()
                .write(true)
                .open(path)
                .unwrap()
                .set_times(times)
                .unwrap();
        }
    }
}

fn shelf(root: &Path, config: SiteConfig) -> Shelf {
    Shelf::new(Arc::new(Site::open(root, &config).unwrap()), 1 << 20)
}

const SETTLED_NANOS: i128 = 10_000_000_000;

/// A moment, ten seconds after now for the clock of the file system, so that what was just written counts as settled
/// unless a test is about that.
fn at(ms: u64) -> Moment {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Moment {
        ms,
        wall_nanos: i128::try_from(now.as_nanos()).unwrap() + SETTLED_NANOS,
        waited_for: None,
        answers_now: false,
    }
}

fn kind(shelf: &mut Shelf, path: &[u8], now: Moment) -> &'static str {
    match shelf.find(path, now).unwrap() {
        Resource::File(_) => "file",
        Resource::Unslashed => "unslashed",
        Resource::Folder => "folder",
        Resource::Missing => "missing",
        Resource::Refused => "refused",
    }
}

fn content(shelf: &mut Shelf, path: &[u8], now: Moment) -> Vec<u8> {
    let Resource::File(entry) = shelf.find(path, now).unwrap() else {
        panic!("{} is no file", String::from_utf8_lossy(path));
    };
    let Content::Memory(bytes) = &entry.plain.content else {
        panic!("{} is not in memory", String::from_utf8_lossy(path));
    };
    bytes.to_vec()
}

fn codings(shelf: &mut Shelf, now: Moment) -> Vec<Coding> {
    let Resource::File(entry) = shelf.find(b"/a.txt", now).unwrap() else {
        panic!("it is there");
    };
    [Coding::Zstd, Coding::Brotli, Coding::Gzip]
        .into_iter()
        .filter(|coding| entry.form(*coding).is_some())
        .collect()
}
