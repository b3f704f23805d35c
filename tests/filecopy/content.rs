//! Bytes arrive: around every size at which the copier changes its way, past 2 GiB, and from files that say they are empty.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use harness::{Command, Mount, Random, Sandbox};

use crate::copying::{copies, filecopy, in_memory};

const MIB: usize = 1 << 20;

/// The chunk; what is staged without a name; what one call moves, with few workers; a range; what is split among workers.
const BOUNDARIES: [usize; 5] = [10_240, 64 * 10_240, MIB, 10 * MIB, 32 * MIB];

#[track_caller]
fn assert_same_bytes(one: &Path, other: &Path, what: &str) {
    let size = |path: &Path| fs::metadata(path).map(|meta| meta.len()).ok();
    assert_eq!(
        size(one),
        size(other),
        "{what}: size of {}",
        other.display()
    );
    let open = |path: &Path| File::open(path).expect("the file is there");
    let (mut left, mut right) = (open(one), open(other));
    let (mut here, mut there) = (vec![0; MIB], vec![0; MIB]);
    let mut position = 0;
    loop {
        let len = left.read(&mut here).expect("it can be read");
        right
            .read_exact(&mut there[..len])
            .expect("it is as long as the other");
        assert!(
            here[..len] == there[..len],
            "{what}: {} differs after byte {position}",
            other.display()
        );
        position += len;
        if len == 0 {
            return;
        }
    }
}

#[test]
fn every_size_around_a_boundary_arrives_whole() {
    let sandbox = in_memory();
    let sizes = BOUNDARIES
        .iter()
        .flat_map(|size| [size - 1, *size, size + 1]);
    let bytes = Random::new(1).bytes(32 * MIB + 1);
    for size in sizes.chain([0, 1]) {
        // From the end, so that a copy of the wrong piece of the same file shows.
        sandbox.file(format!("src/{size}"), &bytes[bytes.len() - size..]);
    }
    for jobs in ["1", "4"] {
        for chunk in ["1", "1000", "10KB", "64KiB"] {
            let what = format!("--jobs {jobs} --chunk-size {chunk}");
            let dst = format!("dst {jobs} {chunk}");
            copies(
                &sandbox,
                &["--jobs", jobs, "--chunk-size", chunk, "src", &dst],
            );
            for name in sandbox.list("src") {
                assert_same_bytes(
                    &sandbox.join("src").join(&name),
                    &sandbox.join(&dst).join(&name),
                    &what,
                );
            }
            fs::remove_dir_all(sandbox.join(&dst)).unwrap();
        }
    }
}

#[test]
fn a_big_file_by_itself_is_shared_among_workers_and_arrives_whole() {
    let sandbox = in_memory();
    let size = 3 * 32 * MIB + 12_345;
    sandbox
        .file("src", Random::new(2).bytes(size))
        .file("existing", "old");
    for (jobs, dst) in [
        ("1", "one"),
        ("2", "two"),
        ("7", "seven"),
        ("4", "existing"),
    ] {
        copies(&sandbox, &["--jobs", jobs, "src", dst]);
        assert_same_bytes(&sandbox.join("src"), &sandbox.join(dst), jobs);
    }
}

/// Where calls of the kernel end (2 GiB - 4 KiB), where a signed 32-bit number does, and the edges of a file beyond both.
const MARKS: [u64; 7] = [
    0,
    (2 << 30) - 4_096 - 1,
    (2 << 30) - 4_096,
    (2 << 30) - 1,
    2 << 30,
    (2 << 30) + 70_000,
    PAST_2_GIB - 1,
];

const PAST_2_GIB: u64 = (2 << 30) + (1 << 20) + 5;

#[test]
fn a_file_of_more_than_2_gib_without_holes_arrives_whole() {
    let Some(memory) = Mount::tmpfs(3 << 30) else {
        return;
    };
    let sandbox = Sandbox::within(memory.path());
    let marks: Vec<(u64, &[u8])> = MARKS.iter().map(|mark| (*mark, &b"!"[..])).collect();
    sandbox.sparse("src", PAST_2_GIB, &marks);
    for args in [
        &["--sparse", "never", "--jobs", "1"][..],
        &["--sparse", "never", "--jobs", "4"],
    ] {
        copies(&sandbox, &[args, &["src", "dst"]].concat());
        let copy = sandbox.join("dst");
        let meta = fs::metadata(&copy).unwrap();
        assert_eq!(meta.len(), PAST_2_GIB, "{args:?}");
        assert!(
            meta.blocks() * 512 >= PAST_2_GIB,
            "{args:?}: it should have no holes"
        );
        assert_same_bytes(&sandbox.join("src"), &copy, &format!("{args:?}"));
        fs::remove_file(copy).unwrap();
    }
}

#[test]
fn a_stretch_of_data_across_2_gib_among_holes_arrives_whole() {
    let sandbox = Sandbox::new();
    let bytes = Random::new(3).bytes(4 * MIB);
    let start = (2_u64 << 30) - 2 * MIB as u64 - 5;
    sandbox.sparse("src", 5 << 30, &[(start, &bytes), ((4 << 30) + 5, b"late")]);
    copies(&sandbox, &["src", "dst"]);
    let copy = File::open(sandbox.join("dst")).unwrap();
    let read = |position, len| {
        let mut bytes = vec![0; len];
        copy.read_exact_at(&mut bytes, position).unwrap();
        bytes
    };
    assert_eq!(copy.metadata().unwrap().len(), 5 << 30);
    assert!(read(start, bytes.len()) == bytes);
    assert_eq!(read((4 << 30) + 5, 4), b"late");
    assert!(
        copy.metadata().unwrap().blocks() * 512 < 8 << 20,
        "the holes should be kept"
    );
}

#[test]
fn files_of_the_kernel_that_say_they_are_empty_or_a_page_long_are_copied_by_content() {
    let rows = [
        "/proc/version",
        "/proc/filesystems",
        "/sys/devices/system/cpu/possible",
    ];
    let ways: [&[&str]; 6] = [
        &[],
        &["--verify"],
        &["--resume"],
        &["--sparse", "always"],
        &["--bwlimit", "10MB"],
        &["--chunk-size", "1", "--jobs", "4"],
    ];
    for source in rows {
        let expected = fs::read(source).unwrap();
        assert!(!expected.is_empty(), "{source}");
        for way in ways {
            let sandbox = Sandbox::new();
            sandbox.file("existing", vec![b'x'; 3 * MIB]);
            for dst in ["new", "existing"] {
                copies(&sandbox, &[way, &[source, dst]].concat());
                assert_eq!(
                    sandbox.read(dst),
                    expected,
                    "{source} with {way:?} to {dst}"
                );
            }
        }
    }
}

#[test]
fn a_folder_of_proc_is_copied_by_content() {
    let sandbox = Sandbox::new();
    // Its files belong to root and may be read by root alone; what may not be read is not this test's subject.
    filecopy(&sandbox, &["/proc/tty", "dst"]).run();
    for name in ["drivers", "ldiscs"] {
        let expected = fs::read(PathBuf::from("/proc/tty").join(name)).unwrap();
        assert!(!expected.is_empty());
        assert_eq!(sandbox.read(format!("dst/{name}")), expected, "{name}");
    }
}

#[test]
fn verify_finds_nothing_wrong_with_any_way_of_copying() {
    let sandbox = in_memory();
    sandbox
        .file("src/empty", "")
        .file("src/small", "x")
        .file("src/whole", Random::new(4).bytes(3 * MIB))
        .file("src/ranges", Random::new(5).bytes(33 * MIB))
        .sparse(
            "src/holes",
            40 << 20,
            &[(5 << 20, b"data"), (39 << 20, b"more")],
        )
        .file("src/zeros", vec![0; 3 * MIB]);
    for args in [
        &[][..],
        &["--sparse", "always"],
        &["--sparse", "never"],
        &["--reflink", "never", "--fsync"],
    ] {
        let dst = format!("dst{}", args.concat());
        copies(&sandbox, &[args, &["--verify", "src", &dst]].concat());
        for name in sandbox.list("src") {
            let copy = sandbox.join(&dst).join(&name);
            assert_same_bytes(
                &sandbox.join("src").join(&name),
                &copy,
                &format!("{args:?}"),
            );
        }
    }
}

#[test]
fn a_few_workers_more_than_processors_or_very_many_change_nothing() {
    let sandbox = Sandbox::new();
    for number in 0..40 {
        sandbox.file(format!("src/{}/{number}", number % 7), number.to_string());
    }
    for jobs in ["1", "3", "64", "200"] {
        let dst = format!("dst {jobs}");
        copies(&sandbox, &["--jobs", jobs, "src", &dst]);
        for number in 0..40 {
            let name = format!("{dst}/{}/{number}", number % 7);
            assert_eq!(sandbox.read_text(name), number.to_string(), "{jobs}");
        }
    }
    Command::built("filecopy")
        .args(["--jobs", "0", "a", "b"])
        .run()
        .exits_with(2);
}
