//! Blocks: holes kept, made and filled; shared with the source where the file system can.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use harness::tree::{self, Aspects};
use harness::{Command, FsKind, LoopFs, Random, Sandbox, needs_tool};

use crate::copying::{assert_alike, copies, filecopy, tool};

const MIB: u64 = 1 << 20;

fn allocated(path: impl AsRef<Path>) -> u64 {
    let meta = fs::metadata(path).expect("the file is there");
    meta.blocks() * 512
}

/// What a file holds: bytes, each at its offset.
type Pieces<'a> = &'a [(u64, &'a [u8])];

/// Files with holes in every place.
fn with_holes(sandbox: &Sandbox) {
    let data = Random::new(6).bytes(1 << 20);
    let block = &data[..4_096];
    let rows: [(&str, u64, Pieces<'_>); 9] = [
        ("all hole", 10 * MIB, &[]),
        ("small hole", 100_000, &[]),
        ("at the start", 10 * MIB, &[(9 * MIB, &data)]),
        ("at the end", 10 * MIB + 5, &[(0, &data)]),
        (
            "in the middle",
            10 * MIB,
            &[(0, block), (10 * MIB - 4_096, block)],
        ),
        (
            "many",
            4 * MIB,
            &[
                (0, block),
                (8_192, block),
                (65_536, block),
                (MIB, &data),
                (3 * MIB, block),
            ],
        ),
        (
            "odd places",
            50 * MIB,
            &[
                (10_239, b"x"),
                (10 * MIB + 1, b"y"),
                (32 * MIB - 1, b"zz"),
                (48 * MIB + 77, &data),
            ],
        ),
        ("huge", 20 << 30, &[(15 << 30, block)]),
        ("no hole", 4_096, &[(0, block)]),
    ];
    for (name, len, pieces) in rows {
        sandbox.sparse(format!("src/{name}"), len, pieces);
    }
}

/// Small enough to read back whole.
fn without_huge(sandbox: &Sandbox) {
    with_holes(sandbox);
    fs::remove_file(sandbox.join("src/huge")).expect("it was just made");
}

#[test]
fn holes_are_kept_where_they_are() {
    let sandbox = Sandbox::new();
    without_huge(&sandbox);
    for args in [
        &[][..],
        &["--jobs", "1"],
        &["--jobs", "4"],
        &["--chunk-size", "1000"],
        &["--fsync"],
        &["--bwlimit", "1GB"],
    ] {
        let dst = format!("dst{}", args.concat());
        copies(&sandbox, &[args, &["src", &dst]].concat());
        assert_alike(&sandbox, "src", &dst, Aspects::ALL);
    }
    // In place of what was there without holes, and alone.
    sandbox.file("full", vec![1; 11 << 20]);
    copies(&sandbox, &["src/in the middle", "full"]);
    assert_alike(&sandbox, "src/in the middle", "full", Aspects::ALL);
}

#[test]
fn a_file_of_20_gib_with_one_block_of_data_is_copied_at_once() {
    let sandbox = Sandbox::new();
    with_holes(&sandbox);
    copies(&sandbox, &["src/huge", "dst"]);
    let (before, after) = (
        fs::metadata(sandbox.join("src/huge")).unwrap(),
        fs::metadata(sandbox.join("dst")).unwrap(),
    );
    assert_eq!(after.len(), before.len());
    assert!(
        after.blocks() <= before.blocks() + 16,
        "{} blocks became {}",
        before.blocks(),
        after.blocks()
    );
}

#[test]
fn holes_are_kept_with_resume_and_verify() {
    let sandbox = Sandbox::new();
    without_huge(&sandbox);
    for args in [&["--resume"][..], &["--verify"], &["--resume", "--verify"]] {
        let dst = format!("dst{}", args.concat());
        copies(&sandbox, &[args, &["src", &dst]].concat());
        assert_alike(
            &sandbox,
            "src",
            &dst,
            Aspects::ALL.without(&[tree::Aspect::Holes]),
        );
        for name in sandbox.list("src") {
            let (from, to) = (
                allocated(sandbox.join("src").join(&name)),
                allocated(sandbox.join(&dst).join(&name)),
            );
            assert!(
                to <= from + 64 * 1_024,
                "{args:?}: {} grew from {from} to {to} bytes of storage",
                name.display()
            );
        }
    }
}

#[test]
fn sparse_never_fills_holes() {
    let sandbox = Sandbox::new();
    sandbox
        .sparse("src/a", 3 * MIB, &[(MIB, b"x")])
        .sparse("src/b", 100_000, &[])
        .sparse("src/c", 40 * MIB + 1, &[(5, b"y")]);
    copies(&sandbox, &["--sparse", "never", "src", "dst"]);
    for name in ["a", "b", "c"] {
        let copy = sandbox.join("dst").join(name);
        assert!(
            allocated(&copy) >= fs::metadata(&copy).unwrap().len(),
            "{name}"
        );
    }
    assert_alike(
        &sandbox,
        "src",
        "dst",
        Aspects::ALL.without(&[tree::Aspect::Holes]),
    );
}

#[test]
fn sparse_always_makes_holes_of_zeros() {
    let sandbox = Sandbox::new();
    let mut mixed = vec![0; 5 << 20];
    mixed[1 << 20] = 1;
    *mixed.last_mut().unwrap() = 1;
    sandbox
        .file("src/zeros", vec![0; 40 << 20])
        .file("src/mixed", &mixed)
        .file("src/small", vec![0; 100_000]);
    sandbox
        .file("src/odd end", vec![0; (3 << 20) + 5])
        .file("src/data", Random::new(7).bytes(3 << 20))
        .file("src/tiny", "x");
    for jobs in ["1", "4"] {
        copies(
            &sandbox,
            &["--sparse", "always", "--jobs", jobs, "src", jobs],
        );
        assert_alike(
            &sandbox,
            "src",
            jobs,
            Aspects::ALL.without(&[tree::Aspect::Holes]),
        );
        for (name, most) in [
            ("zeros", 0),
            ("small", 0),
            ("odd end", 0),
            ("mixed", 65_536),
            ("data", 3 * MIB + 65_536),
        ] {
            let found = allocated(sandbox.join(jobs).join(name));
            assert!(
                found <= most,
                "--jobs {jobs}: {name} has {found} bytes of storage"
            );
        }
    }
    // Over a file that was full, too.
    sandbox.file("full", vec![1; 41 << 20]);
    copies(&sandbox, &["--sparse", "always", "src/zeros", "full"]);
    assert_eq!(allocated(sandbox.join("full")), 0);
}

/// Bytes of a file that it shares with another, by filefrag.
fn shared(path: &Path) -> u64 {
    let Some(filefrag) = needs_tool("shared extents", "filefrag", "e2fsprogs") else {
        return 0;
    };
    let output = tool(filefrag, &["-v".as_ref(), path.as_os_str()]);
    let text = output.stdout_text().into_owned();
    let lines = text.lines().filter(|line| line.contains("shared"));
    // ext: logical: physical: length: expected: flags
    lines
        .map(|line| {
            line.split(':')
                .nth(3)
                .and_then(|len| len.trim().parse::<u64>().ok())
                .unwrap_or(0)
        })
        .sum::<u64>()
        * 4_096
}

/// The file systems here that share blocks.
fn sharing() -> Vec<LoopFs> {
    let kinds = [(FsKind::Btrfs, 200 * MIB), (FsKind::Xfs, 400 * MIB)];
    kinds
        .into_iter()
        .filter_map(|(kind, len)| LoopFs::new(kind, len))
        .collect()
}

#[test]
fn blocks_are_shared_where_the_file_system_can_unless_told_not_to() {
    let Some(_) = needs_tool("shared extents", "filefrag", "e2fsprogs") else {
        return;
    };
    for fs in sharing() {
        let sandbox = Sandbox::within(fs.path());
        sandbox
            .file("src/big", Random::new(8).bytes(20 << 20))
            .file("src/small", Random::new(9).bytes(70_000))
            .file("src/empty", "");
        sandbox
            .file("replaced/big", "old")
            .xattr("src/big", "user.colour", "red")
            .mode("src/big", 0o640)
            .times("src/big", 5, 5);
        sandbox.sparse("src/holes", 20 * MIB, &[(10 * MIB, b"data")]);
        // Written out, so that the map of extents is what will stay.
        tool("sync", &["-f".as_ref(), fs.path().as_os_str()]);
        let output = copies(&sandbox, &["src", "dst"]);
        output.stderr_has("cloned");
        assert_alike(&sandbox, "src", "dst", Aspects::ALL);
        assert_eq!(shared(&sandbox.join("dst/big")), 20 * MIB, "{fs:?}");
        copies(&sandbox, &["--reflink", "always", "-T", "src", "replaced"]);
        assert_alike(&sandbox, "src", "replaced", Aspects::ALL);
        assert_eq!(shared(&sandbox.join("replaced/big")), 20 * MIB, "{fs:?}");
        copies(&sandbox, &["--reflink", "never", "--fsync", "src", "own"]);
        assert_eq!(shared(&sandbox.join("own/big")), 0, "{fs:?}");
        copies(&sandbox, &["--verify", "src", "verified"]);
        assert_alike(&sandbox, "src", "verified", Aspects::ALL);
    }
}

#[test]
fn what_is_asked_of_holes_outweighs_sharing_blocks() {
    for fs in sharing() {
        let sandbox = Sandbox::within(fs.path());
        sandbox
            .sparse("holes", 3 * MIB, &[(MIB, b"data")])
            .file("zeros", vec![0; 3 << 20]);
        tool("sync", &["-f".as_ref(), fs.path().as_os_str()]);
        copies(&sandbox, &["--sparse", "never", "--fsync", "holes", "full"]);
        assert!(allocated(sandbox.join("full")) >= 3 * MIB, "{fs:?}");
        copies(
            &sandbox,
            &["--sparse", "always", "--fsync", "zeros", "empty"],
        );
        assert_eq!(allocated(sandbox.join("empty")), 0, "{fs:?}");
        assert!(sandbox.read("empty") == sandbox.read("zeros"));
        copies(&sandbox, &["holes", "shared"]);
        assert_alike(&sandbox, "holes", "shared", Aspects::ALL);
    }
}

#[test]
fn reflink_always_fails_where_it_cannot_and_leaves_nothing() {
    // Two file systems never share blocks, whatever they are.
    let Some(memory) = harness::Mount::tmpfs(16 << 20) else {
        return;
    };
    let sandbox = Sandbox::within(memory.path());
    let other = Sandbox::new();
    sandbox
        .file("small", "x")
        .file("big", vec![1; 2 << 20])
        .file("empty", "");
    other.file("old", "old");
    for name in ["small", "big"] {
        for to in ["new", "old"] {
            let command =
                Command::built("filecopy").args(["--no-log", "--quiet", "--reflink", "always"]);
            let output = command.arg(sandbox.join(name)).arg(other.join(to)).run();
            output
                .exits_with(1)
                .stderr_is_one_line()
                .stderr_has("failed to clone");
        }
    }
    assert_eq!(other.read("old"), b"old");
    assert_eq!(other.list(".").len(), 1, "nothing is left");
    filecopy(&other, &["--reflink", "always"])
        .arg(sandbox.join("empty"))
        .arg("empty")
        .run()
        .succeeds();
}
