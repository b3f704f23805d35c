//! A second implementation agrees: random trees copied by `cp -a` and by filecopy are the same to the last attribute.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use harness::tree::{self, Aspect, Aspects, Spec};
use harness::{Command, NOBODY, Random, Sandbox, is_root, needs_root, needs_tool};

use crate::copying::{filecopy, in_memory};

/// Who copies.
#[derive(Clone, Copy, Debug)]
enum Who {
    Us,
    Nobody,
}

/// GNU's cp, whose `-a` is the measure.
fn cp() -> Option<PathBuf> {
    let cp = needs_tool("comparisons with cp -a", "cp", "coreutils")?;
    let version = Command::new(&cp).arg("--version").run();
    if version.stdout_text().contains("GNU coreutils") {
        return Some(cp);
    }
    harness::leave_out(
        "comparisons with cp -a",
        "cp is not GNU's",
        "install the package coreutils",
    );
    None
}

/// Runs both copiers from `src` to a destination each.
fn run_both(sandbox: &Sandbox, cp: &Path, who: Who, jobs: &str) {
    let theirs = Command::new(cp)
        .args(["-a", "-T", "src", "theirs"])
        .cwd(sandbox.path());
    let ours = filecopy(sandbox, &["--jobs", jobs, "-T", "src", "ours"]);
    for command in [theirs, ours] {
        let command = match who {
            Who::Us => command,
            Who::Nobody => command.unprivileged(),
        };
        command.run().succeeds();
    }
}

/// Runs both copiers and tells in what their copies differ.
fn differences(sandbox: &Sandbox, cp: &Path, who: Who, jobs: &str) -> Vec<String> {
    run_both(sandbox, cp, who, jobs);
    let (theirs, ours) = (
        tree::snapshot(&sandbox.join("theirs")),
        tree::snapshot(&sandbox.join("ours")),
    );
    tree::diff(&theirs, &ours, Aspects::ALL)
}

#[test]
fn random_trees_are_copied_as_cp_copies_them() {
    let Some(cp) = cp() else { return };
    for seed in 0..12 {
        let sandbox = Sandbox::new();
        tree::grow(seed, &Spec::default(), &sandbox.join("src"));
        let jobs = if seed % 2 == 0 { "1" } else { "4" };
        let differ = differences(&sandbox, &cp, Who::Us, jobs);
        assert!(differ.is_empty(), "seed {seed}:\n{}", differ.join("\n"));
    }
}

#[test]
fn random_trees_in_memory_are_copied_as_cp_copies_them() {
    let Some(cp) = cp() else { return };
    for seed in 100..106 {
        let sandbox = in_memory();
        let spec = Spec {
            entries: 300,
            depth: 9,
            longest: 50_000,
            ..Spec::default()
        };
        tree::grow(seed, &spec, &sandbox.join("src"));
        let differ = differences(&sandbox, &cp, Who::Us, "4");
        assert!(differ.is_empty(), "seed {seed}:\n{}", differ.join("\n"));
    }
}

#[test]
fn random_trees_are_copied_as_cp_copies_them_without_roots_rights() {
    let Some(cp) = cp() else { return };
    for seed in 200..210 {
        let sandbox = Sandbox::new();
        tree::grow(seed, &Spec::default(), &sandbox.join("src"));
        give_away(&sandbox);
        let jobs = if seed % 2 == 0 { "1" } else { "4" };
        let differ = differences(&sandbox, &cp, Who::Nobody, jobs);
        assert!(differ.is_empty(), "seed {seed}:\n{}", differ.join("\n"));
    }
}

/// Hands everything to the user without rights, devices and all, without changing what is compared: a new owner clears setuid
/// bits, so that the modes grown are set once more.
fn give_away(sandbox: &Sandbox) {
    if !is_root() {
        return;
    }
    let grown = tree::snapshot(&sandbox.join("src"));
    sandbox.owner_of_all(".", NOBODY, NOBODY);
    for (path, entry) in &grown.entries {
        let name = PathBuf::from("src").join(path);
        match entry.kind {
            tree::Kind::Symlink => {}
            tree::Kind::CharDevice | tree::Kind::BlockDevice => {
                std::fs::remove_file(sandbox.join(name)).expect("it is a plain entry")
            }
            tree::Kind::File | tree::Kind::Folder | tree::Kind::Fifo | tree::Kind::Socket => {
                // What the owner may not read would be a failure of both.
                sandbox.mode(name, entry.mode | 0o400);
            }
        }
    }
    // Removing the devices touched their folders.
    for (path, entry) in grown
        .entries
        .iter()
        .filter(|(_, entry)| entry.kind == tree::Kind::Folder)
    {
        sandbox.times(
            PathBuf::from("src").join(path),
            entry.mtime.0,
            entry.mtime.1,
        );
    }
}

#[test]
fn one_random_tree_is_merged_into_another_as_cp_merges_them() {
    // Without root's rights cp cannot merge into folders that may not be written.
    let Some(()) = needs_root("merging as cp does") else {
        return;
    };
    let Some(cp) = cp() else { return };
    for seed in 300..310 {
        let sandbox = Sandbox::new();
        tree::grow(seed, &Spec::default(), &sandbox.join("src"));
        // Trees of one seed begin alike: half of the entries are there already, with other attributes and contents.
        let spec = Spec {
            entries: 40,
            ..Spec::default()
        };
        for name in ["theirs", "ours"] {
            tree::grow(seed, &spec, &sandbox.join(name));
            change(&sandbox, name);
            let more = sandbox.join(name).join("more");
            tree::grow(seed + 1, &spec, &more);
        }
        run_both(&sandbox, &cp, Who::Us, "4");
        // In a folder that passes its group on, cp leaves the bit for that on folders whose source does not have it: of
        // modes the source is the judge.
        let mut expected = tree::snapshot(&sandbox.join("theirs"));
        for (path, entry) in tree::snapshot(&sandbox.join("src")).entries {
            let copy = expected.entries.get_mut(&path);
            copy.expect("cp copied everything").mode = entry.mode;
        }
        let ours = tree::snapshot(&sandbox.join("ours"));
        let differ = tree::diff(&expected, &ours, Aspects::ALL);
        assert!(differ.is_empty(), "seed {seed}:\n{}", differ.join("\n"));
    }
}

/// Changes every other file of a tree, and the times and modes of all.
fn change(sandbox: &Sandbox, name: &str) {
    let tree = tree::snapshot(&sandbox.join(name));
    for (index, (path, entry)) in tree.entries.iter().enumerate() {
        let path = PathBuf::from(name).join(path);
        if entry.kind == tree::Kind::File && entry.linked_to.is_none() && index % 2 == 0 {
            sandbox.file(&path, "changed").mode(&path, 0o640);
        }
        sandbox.times(&path, 1_234_567, 89);
    }
}

#[test]
fn a_second_copy_onto_the_first_changes_nothing() {
    let ways: [&[&str]; 6] = [
        &[],
        &["--update"],
        &["--resume"],
        &["--no-clobber"],
        &["--delete", "--yes"],
        &["--verify"],
    ];
    for seed in 400..403 {
        let sandbox = in_memory();
        tree::grow(seed, &Spec::default(), &sandbox.join("src"));
        let before = tree::snapshot(&sandbox.join("src"));
        for way in ways {
            let dst = format!("dst{}", way.concat());
            for target in [&["src"][..], &["-T", "src"]] {
                let args = [way, target, &[&dst]].concat();
                filecopy(&sandbox, &args).run().succeeds();
            }
            let after = tree::snapshot(&sandbox.join(&dst));
            let differ = tree::diff(&before, &after, Aspects::ALL);
            assert!(
                differ.is_empty(),
                "seed {seed}, {way:?}:\n{}",
                differ.join("\n")
            );
        }
    }
}

#[test]
fn no_mix_of_options_that_should_not_matter_does() {
    let choices: [&[&str]; 12] = [
        &["--jobs", "1"],
        &["--jobs", "7"],
        &["--chunk-size", "1"],
        &["--chunk-size", "777"],
        &["--chunk-size", "16MiB"],
        &["--reflink", "never"],
        &["--resume"],
        &["--verify"],
        &["--fsync"],
        &["--bwlimit", "10GB"],
        &["--retries", "3"],
        &["--verbose"],
    ];
    for seed in 600..616 {
        let sandbox = in_memory();
        tree::grow(seed, &Spec::default(), &sandbox.join("src"));
        let mut random = Random::new(seed);
        let mut args = Vec::new();
        for choice in choices {
            if random.one_in(3) {
                args.extend_from_slice(choice);
            }
        }
        for round in ["new", "existing"] {
            let all = [&args[..], &["-T", "src", "dst"]].concat();
            filecopy(&sandbox, &all).run().succeeds();
            let (before, after) = (
                tree::snapshot(&sandbox.join("src")),
                tree::snapshot(&sandbox.join("dst")),
            );
            let differ = tree::diff(&before, &after, Aspects::ALL.without(&[Aspect::Holes]));
            assert!(
                differ.is_empty(),
                "seed {seed}, {args:?}, {round}:\n{}",
                differ.join("\n")
            );
        }
    }
}

#[test]
fn plain_trees_arrive_on_file_systems_that_keep_little() {
    for kind in [harness::FsKind::Ext2, harness::FsKind::Vfat] {
        let Some(fs) = harness::LoopFs::new(kind, 64 << 20) else {
            continue;
        };
        for seed in 500..503 {
            let sandbox = Sandbox::new();
            tree::grow(seed, &Spec::plain(60), &sandbox.join("src"));
            let dst = fs.path().join(seed.to_string());
            filecopy(&sandbox, &["src"]).arg(&dst).run().succeeds();
            let (before, after) = (tree::snapshot(&sandbox.join("src")), tree::snapshot(&dst));
            let kept = Aspects::only(&[Aspect::Content, Aspect::HardLinks, Aspect::Targets]);
            assert_eq!(
                tree::diff(&before, &after, kept),
                [""; 0],
                "{kind}, seed {seed}"
            );
        }
    }
}

#[test]
fn a_real_tree_is_copied_as_cp_copies_it() {
    let Some(cp) = cp() else { return };
    // There on every machine that builds this: some thousand files of all sizes, links among them.
    let source = ["/usr/share/doc", "/usr/include", "/etc"]
        .map(PathBuf::from)
        .into_iter()
        .find(|path| path.is_dir());
    let Some(source) = source else { return };
    let sandbox = in_memory();
    let theirs = Command::new(&cp)
        .arg("-a")
        .arg(&source)
        .arg("theirs")
        .cwd(sandbox.path())
        .run();
    let ours = filecopy(&sandbox, &[])
        .args([source.as_os_str(), OsStr::new("ours")])
        .run();
    assert_eq!(theirs.code(), ours.code(), "{theirs}\n{ours}");
    let (theirs, ours) = (
        tree::snapshot(&sandbox.join("theirs")),
        tree::snapshot(&sandbox.join("ours")),
    );
    assert_eq!(tree::diff(&theirs, &ours, Aspects::ALL), [""; 0]);
}
