//! A folder to serve, one beside it that must never be, and a way to ask.

use std::ffi::OsStr;
use std::fs;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::thread;

use rustix::process::{Uid, geteuid};
use tempfile::TempDir;

use crate::files::root::{Found, Kind, Links, Root, Way};

/// The content of every file outside the root.
pub(super) const OUTSIDE: &str = "OUTSIDE";

/// `root/`, and beside it `outside/marker.txt`.
pub(super) struct Fixture {
    temp: TempDir,
}

/// What was found, and read if it is a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    File(String),
    Folder,
    Missing,
    Refused,
}

impl Fixture {
    pub(super) fn new() -> Self {
        let temp = TempDir::new().unwrap();
        let fixture = Self { temp };
        fs::create_dir(fixture.beside("root")).unwrap();
        fs::create_dir(fixture.beside("outside")).unwrap();
        fs::write(fixture.beside("outside/marker.txt"), OUTSIDE).unwrap();
        fixture
    }

    pub(super) fn beside(&self, name: &str) -> PathBuf {
        self.temp.path().canonicalize().unwrap().join(name)
    }

    pub(super) fn root_path(&self) -> String {
        self.beside("root").into_os_string().into_string().unwrap()
    }

    pub(super) fn outside(&self) -> String {
        self.beside("outside")
            .into_os_string()
            .into_string()
            .unwrap()
    }

    pub(super) fn file(&self, path: &str, content: &str) {
        self.file_of_bytes(path.as_bytes(), content);
    }

    pub(super) fn file_of_bytes(&self, path: &[u8], content: &str) {
        let path = self.beside("root").join(OsStr::from_bytes(path));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub(super) fn folder(&self, path: &str) {
        fs::create_dir_all(self.beside("root").join(path)).unwrap();
    }

    pub(super) fn link(&self, path: &str, target: &str) {
        symlink(target, self.beside("root").join(path)).unwrap();
    }

    /// The root, as it is followed by the kernel and by the walk.
    pub(super) fn roots(&self, links: Links) -> [(&'static str, Root); 2] {
        Self::both_ways(&self.beside("root"), links)
    }

    pub(super) fn both_ways(path: &Path, links: Links) -> [(&'static str, Root); 2] {
        let kernel = Root::open(path, links).unwrap();
        let mut walk = Root::open(path, links).unwrap();
        // A system that is too old has nothing to compare with, and a comparison with itself would prove nothing.
        #[cfg(target_os = "linux")]
        assert_eq!(kernel.way, Way::Kernel, "this system has no openat2");
        walk.way = Way::Walk;
        [("kernel", kernel), ("walk", walk)]
    }
}

/// What a path leads to; looking at it must tell the same.
pub(super) fn ask(root: &Root, path: &[u8]) -> Answer {
    let found = root.find(path).unwrap();
    let expected = match &found {
        Found::File(open) => Some((Kind::File, open.facts)),
        Found::Folder(facts) => Some((Kind::Folder, *facts)),
        Found::Missing | Found::Refused => None,
    };
    assert_eq!(root.facts(path).unwrap(), expected, "{path:?}");
    read(found)
}

/// What a path leads to, where things change or are hidden between one question and the next.
pub(super) fn ask_only(root: &Root, path: &[u8]) -> Answer {
    read(root.find(path).unwrap())
}

fn read(found: Found) -> Answer {
    match found {
        Found::File(mut open) => {
            let mut content = String::new();
            open.file.read_to_string(&mut content).unwrap();
            Answer::File(content)
        }
        Found::Folder(_) => Answer::Folder,
        Found::Missing => Answer::Missing,
        Found::Refused => Answer::Refused,
    }
}

/// The names in a folder in order, with their sizes; folders end in a slash.
pub(super) fn folder_names(root: &Root, path: &str) -> Vec<String> {
    let folder = root.read_folder(path.as_bytes()).unwrap().unwrap();
    let mut names: Vec<String> = folder
        .entries
        .iter()
        .map(|entry| {
            let name = String::from_utf8_lossy(&entry.name);
            match entry.kind {
                Kind::File => format!("{name} {}", entry.len),
                Kind::Folder => format!("{name}/"),
            }
        })
        .collect();
    names.sort();
    names
}

/// Runs on a thread that has no right to what others shut, whoever runs the tests.
pub(super) fn as_nobody(run: impl FnOnce() + Send) {
    thread::scope(|scope| {
        let thread = scope.spawn(|| {
            if geteuid().is_root() {
                let nobody = Uid::from_raw(65_534);
                rustix::thread::set_thread_res_uid(nobody, nobody, nobody).unwrap();
            }
            run();
        });
        thread.join().unwrap();
    });
}
