//! Sources that change while they are copied: noticed, said in one line, never half and half.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use harness::{Running, SOON, Sandbox, wait_until};

use crate::held::{
    SOME, assert_holds, filecopy, leftovers, log, paused, side_by_side, slow, start_and_meet,
    wait_written,
};

pub(crate) const LEN: usize = 2 << 20;
pub(crate) const OLD: &[u8] = b"the old content";

/// At this rate a file of [`LEN`] bytes takes a second.
const RATE: &str = "2MB";

/// What happens to the source while it is copied, and what is said: nothing means that the copy is whole.
struct Change {
    name: &'static str,
    change: fn(&Sandbox),
    said: Option<&'static str>,
}

const HARMFUL: [Change; 5] = [
    Change {
        name: "cut to half",
        change: |sandbox| source(sandbox).set_len(LEN as u64 / 2).expect("cut it"),
        said: Some("shrank from 2097152 to 1048576 bytes"),
    },
    Change {
        name: "cut to nothing",
        change: |sandbox| source(sandbox).set_len(0).expect("cut it"),
        said: Some("shrank from 2097152 to 0 bytes"),
    },
    Change {
        name: "rewritten in place, part of it",
        change: |sandbox| {
            source(sandbox)
                .write_all_at(&[9; 5_000], LEN as u64 / 2)
                .expect("write to it")
        },
        said: Some("was written to"),
    },
    Change {
        name: "written over by a shell",
        change: |sandbox| fs::write(sandbox.join("source"), vec![9; LEN]).expect("write it"),
        said: Some("was written to"),
    },
    Change {
        name: "written where it was copied already",
        change: |sandbox| {
            source(sandbox)
                .write_all_at(&[9; 100], 0)
                .expect("write to it")
        },
        said: Some("was written to"),
    },
];

const HARMLESS: [Change; 2] = [
    Change {
        name: "deleted",
        change: |sandbox| fs::remove_file(sandbox.join("source")).expect("remove it"),
        said: None,
    },
    Change {
        name: "replaced by another file",
        change: |sandbox| {
            sandbox.file("other", "other");
            fs::rename(sandbox.join("other"), sandbox.join("source")).expect("replace it");
        },
        said: None,
    },
];

fn source(sandbox: &Sandbox) -> File {
    OpenOptions::new()
        .write(true)
        .open(sandbox.join("source"))
        .expect("open the source")
}

#[test]
fn a_source_that_changes_is_noticed_and_the_destination_stays() {
    for old in [None, Some(OLD)] {
        side_by_side(&HARMFUL, |Change { name, change, said }| {
            let (sandbox, mut running) = met(LEN, old, &[]);
            paused(&mut running, || change(&sandbox));
            let output = running.wait(SOON);
            println!("{name}: {output}");
            let said = said.expect("a reason");
            let line =
                format!("'source' changed while it was copied ({said}); nothing was replaced");
            output
                .exits_with(1)
                .stderr_is(format!("filecopy: {line}\n"));
            let lines = [
                "Start copying source to copy",
                &format!("copy failed: {line}"),
            ];
            assert_eq!(log(&sandbox), lines);
            assert_holds(&sandbox, "copy", old);
            assert_eq!(leftovers(&sandbox, "."), [""; 0]);
        });
    }
}

#[test]
fn a_source_that_loses_its_name_is_copied_whole() {
    let rows = HARMLESS
        .iter()
        .flat_map(|row| [(row, None), (row, Some(OLD))]);
    side_by_side(
        &rows.collect::<Vec<_>>(),
        |(Change { name, change, said }, old)| {
            assert_eq!(*said, None);
            let (sandbox, mut running) = met(LEN, *old, &[]);
            paused(&mut running, || change(&sandbox));
            println!("{name}");
            running.wait(SOON).succeeds();
            assert_holds(&sandbox, "copy", Some(&[1; LEN]));
        },
    );
}

#[test]
fn a_small_source_that_changes_is_noticed() {
    const SMALL: usize = 500_000;
    for old in [None, Some(OLD)] {
        let (sandbox, mut running) = met(SMALL, old, &["--bwlimit", "500KB"]);
        paused(&mut running, || {
            source(&sandbox).set_len(1_000).expect("cut it")
        });
        let line = "filecopy: 'source' changed while it was copied (shrank from 500000 to 1000 bytes); nothing was replaced\n";
        running.wait(SOON).exits_with(1).stderr_is(line);
        assert_holds(&sandbox, "copy", old);
    }
}

#[test]
fn a_big_source_that_is_cut_under_several_workers_is_noticed() {
    const LONG: usize = 40 << 20;
    let (sandbox, mut running) = met(LONG, Some(OLD), &["--jobs", "4", "--bwlimit", "40MB"]);
    paused(&mut running, || {
        source(&sandbox)
            .set_len(LONG as u64 / 2 + 77)
            .expect("cut it")
    });
    let line = "filecopy: 'source' changed while it was copied (shrank from 41943040 to 20971597 bytes); nothing was replaced\n";
    running.wait(SOON).exits_with(1).stderr_is(line);
    assert_holds(&sandbox, "copy", Some(OLD));
}

#[test]
fn a_sparse_source_that_is_cut_is_noticed() {
    let sandbox = Sandbox::new();
    let data = vec![1; 300_000];
    sandbox.sparse(
        "source",
        64 << 20,
        &[(0, &data), (32 << 20, &data), (63 << 20, &data)],
    );
    let mut running = slow(&sandbox, "900KB").args(["source", "copy"]).start();
    wait_written(&mut running, SOME);
    paused(&mut running, || {
        source(&sandbox).set_len(40 << 20).expect("cut it")
    });
    running
        .wait(SOON)
        .exits_with(1)
        .stderr_has("shrank from 67108864 to 41943040 bytes");
    assert!(!sandbox.has("copy"));
}

#[test]
fn a_source_that_grows_is_followed_to_its_end_and_said() {
    let rows = [
        (LEN, None),
        (LEN, Some(OLD)),
        (400_000, None),
        (400_000, Some(OLD)),
    ];
    side_by_side(&rows, |&(len, old)| {
        let (sandbox, mut running) = met(len, old, &[]);
        let more = vec![2; 300_000];
        paused(&mut running, || append(&sandbox, &more));
        let output = running.wait(SOON);
        let all = len + more.len();
        let line = format!(
            "'source' grew from {len} to {all} bytes while it was copied; all of them were copied"
        );
        output.succeeds().stderr_has(&format!("filecopy: {line}\n"));
        assert_eq!(sandbox.read("copy").len(), all);
        assert_holds(&sandbox, "copy", Some(&sandbox.read("source")));
        assert_eq!(
            log(&sandbox),
            ["Start copying source to copy", "copy is copied completely"]
        );
    });
}

#[test]
fn a_source_that_never_stops_growing_is_given_up() {
    let (sandbox, mut running) = met(LEN, Some(OLD), &["--bwlimit", "4MB"]);
    wait_until("the end of a copy that runs after its source", SOON, || {
        append(&sandbox, &[3; 4_000]);
        !running.is_running()
    });
    let line =
        "filecopy: 'source' changed while it was copied (keeps growing); nothing was replaced\n";
    running.wait(SOON).exits_with(1).stderr_is(line);
    assert_holds(&sandbox, "copy", Some(OLD));
}

#[test]
fn a_retry_copies_the_source_as_it_is_then() {
    let (sandbox, mut running) = met(LEN, Some(OLD), &["--retries", "1"]);
    paused(&mut running, || {
        source(&sandbox).set_len(700_000).expect("cut it")
    });
    running
        .wait(SOON)
        .succeeds()
        .stderr_has("shrank from 2097152 to 700000 bytes");
    assert_holds(&sandbox, "copy", Some(&sandbox.read("source")));
    assert_eq!(
        log(&sandbox).last().map(String::as_str),
        Some("copy is copied completely")
    );
}

#[test]
fn files_that_vanish_from_a_tree_are_named_and_the_rest_is_whole() {
    let (sandbox, mut running) = met_tree();
    let gone = unreached(&sandbox, &mut running, |path| {
        fs::remove_file(path).expect("remove")
    });
    let output = running.wait(SOON);
    output.exits_with(1);
    for name in &gone {
        output.stderr_has(&format!(
            "filecopy: cannot open 'tree/{}' for reading: no such file or directory\n",
            name.display()
        ));
        assert!(!sandbox.join("copy").join(name).exists());
    }
    assert_rest_is_whole(&sandbox, &gone);
    let last = format!("copy failed: {} entries could not be copied", gone.len());
    assert_eq!(log(&sandbox).last(), Some(&last));
}

#[test]
fn files_that_become_fifos_or_links_are_named_and_never_waited_for() {
    let (sandbox, mut running) = met_tree();
    let kinds: [fn(&Sandbox, &Path); 3] = [
        |sandbox, path| {
            sandbox.fifo(path);
        },
        |sandbox, path| {
            sandbox.dir(path);
        },
        |sandbox, path| {
            sandbox.symlink("/etc/passwd", path);
        },
    ];
    let mut kinds = kinds.iter().cycle();
    let gone = unreached(&sandbox, &mut running, |path| {
        fs::remove_file(path).expect("remove");
        kinds.next().expect("an endless cycle")(&sandbox, path);
    });
    let output = running.wait(SOON);
    output.exits_with(1);
    for name in &gone {
        let changed =
            "changed while it was copied (became another kind of file); nothing was replaced";
        output.stderr_has(&format!("filecopy: 'tree/{}' {changed}\n", name.display()));
        assert!(
            !sandbox.join("copy").join(name).exists(),
            "{}",
            name.display()
        );
    }
    assert_rest_is_whole(&sandbox, &gone);
}

#[test]
fn folders_that_vanish_from_a_tree_are_named() {
    let sandbox = Sandbox::new();
    sandbox
        .file("tree/a/slow", vec![1; 400_000])
        .file("tree/b/slow", vec![1; 400_000]);
    let mut running = slow(&sandbox, "400KB")
        .args(["--jobs", "1", "tree", "copy"])
        .start();
    wait_written(&mut running, SOME);
    // Both are made at once; the one that is not entered yet is empty.
    let waits = paused(&mut running, || {
        let waits = if sandbox.has("copy/a/slow") { "b" } else { "a" };
        fs::remove_dir_all(sandbox.join("tree").join(waits)).expect("remove the folder");
        waits
    });
    let output = running.wait(SOON);
    output.exits_with(1).stderr_has(&format!(
        "filecopy: cannot access 'tree/{waits}': no such file or directory\n"
    ));
    assert_eq!(sandbox.list(sandbox.join("copy").join(waits)).len(), 0);
}

#[test]
fn a_source_that_grows_under_several_workers_or_while_verified_is_followed_too() {
    const LONG: usize = 36 << 20;
    let rows: [&[&str]; 3] = [&["--jobs", "4"], &["--verify"], &["--resume"]];
    side_by_side(&rows, |options| {
        let limit = ["--bwlimit", "60MB"];
        let (sandbox, mut running) = met(LONG, Some(OLD), &[*options, &limit].concat());
        paused(&mut running, || append(&sandbox, &[2; 77_777]));
        running.wait(SOON).succeeds().stderr_has(" grew from ");
        assert_holds(&sandbox, "copy", Some(&sandbox.read("source")));
        assert_eq!(leftovers(&sandbox, "."), [""; 0]);
    });
}

/// A copy of a source of `len` bytes, in its middle.
#[track_caller]
pub(crate) fn met(len: usize, old: Option<&[u8]>, options: &[&str]) -> (Sandbox, Running) {
    let sandbox = Sandbox::new();
    sandbox.file("source", vec![1; len]);
    // A time long gone, so that any write of today is another one.
    sandbox.times("source", 1_000_000_000, 0);
    if let Some(old) = old {
        sandbox.file("copy", old);
    }
    let command = filecopy(&sandbox).args(["--reflink", "never"]);
    let command = if options.contains(&"--bwlimit") {
        command
    } else {
        command.args(["--bwlimit", RATE])
    };
    let running = start_and_meet(command.args(options).args(["source", "copy"]));
    (sandbox, running)
}

/// A copy of a tree of files, with one worker, at its first file.
#[track_caller]
fn met_tree() -> (Sandbox, Running) {
    let sandbox = Sandbox::new();
    for number in 0..9 {
        sandbox.file(format!("tree/{number}"), vec![number; 100_000]);
    }
    let command = slow(&sandbox, "400KB").args(["--jobs", "1", "tree", "copy"]);
    let running = start_and_meet(command);
    (sandbox, running)
}

/// Does something to every file of the tree that the copy has not come to, and tells which.
#[track_caller]
fn unreached(
    sandbox: &Sandbox,
    running: &mut Running,
    mut change: impl FnMut(&Path),
) -> Vec<PathBuf> {
    paused(running, || {
        let reached = sandbox.list("copy");
        let waiting: Vec<_> = sandbox
            .list("tree")
            .into_iter()
            .filter(|name| !reached.contains(name))
            .collect();
        assert!(waiting.len() >= 4, "in its middle: {reached:?}");
        for name in &waiting {
            change(&sandbox.join("tree").join(name));
        }
        waiting
    })
}

#[track_caller]
fn assert_rest_is_whole(sandbox: &Sandbox, but: &[PathBuf]) {
    let copied = sandbox.list("copy");
    assert_eq!(copied.len() + but.len(), 9);
    for name in copied {
        let copy = sandbox.read(sandbox.join("copy").join(&name));
        assert!(
            copy == sandbox.read(sandbox.join("tree").join(&name)),
            "{}",
            name.display()
        );
    }
}

fn append(sandbox: &Sandbox, bytes: &[u8]) {
    let mut source = OpenOptions::new()
        .append(true)
        .open(sandbox.join("source"))
        .expect("open the source");
    source.write_all(bytes).expect("append");
}
