//! `--bwlimit` and `--retries`: slower on request, and not more often than helps.

use std::time::Duration;

use harness::{Random, Sandbox};

use crate::copying::{assert_alike, copies, filecopy};

/// What a pause saves up and no more: a tenth of a second's worth.
const BURST: Duration = Duration::from_millis(100);

#[test]
fn a_rate_limit_is_kept_whatever_the_shape_of_the_source() {
    type Grow = fn(&Sandbox);
    // Each has a megabyte, half a second's worth.
    let rows: [(&str, Grow, &[&str]); 5] = [
        (
            "one file",
            |s| _ = s.file("src/a", Random::new(1).bytes(1 << 20)),
            &[],
        ),
        (
            "one file, big chunks",
            |s| _ = s.file("src/a", Random::new(1).bytes(1 << 20)),
            &["--chunk-size", "1MiB"],
        ),
        (
            "one file, small chunks",
            |s| _ = s.file("src/a", Random::new(1).bytes(1 << 20)),
            &["--chunk-size", "100"],
        ),
        (
            "many files",
            |s| (0..100).for_each(|n| _ = s.file(format!("src/{}/{n}", n % 7), vec![1; 10_486])),
            &["--jobs", "4"],
        ),
        (
            "data among holes",
            |s| _ = s.sparse("src/a", 1 << 30, &[(5 << 20, &[1; 1 << 20])]),
            &[],
        ),
    ];
    for (name, grow, args) in rows {
        let sandbox = Sandbox::new();
        grow(&sandbox);
        let limited = ["--reflink", "never", "--bwlimit", "2MB", "src", "dst"];
        let output = copies(&sandbox, &[args, &limited].concat());
        let least = Duration::from_millis(500) - BURST;
        assert!(
            output.elapsed >= least,
            "{name}: {:?} is too fast",
            output.elapsed
        );
        if name != "data among holes" {
            assert_alike(&sandbox, "src", "dst", harness::tree::Aspects::ALL);
        }
    }
}

#[test]
fn workers_share_one_rate() {
    let sandbox = Sandbox::new();
    sandbox
        .file("src/a", vec![1; 33 << 20])
        .file("src/b", vec![2; 33 << 20]);
    let output = copies(
        &sandbox,
        &[
            "--jobs",
            "4",
            "--reflink",
            "never",
            "--bwlimit",
            "132MB",
            "src",
            "dst",
        ],
    );
    assert!(
        output.elapsed >= Duration::from_millis(500) - BURST,
        "{:?} is too fast",
        output.elapsed
    );
    assert_alike(&sandbox, "src", "dst", harness::tree::Aspects::ALL);
}

#[test]
fn holes_and_what_is_skipped_cost_nothing_of_the_rate() {
    let sandbox = Sandbox::new();
    sandbox
        .sparse("src/holes", 100 << 20, &[])
        .file("src/there", vec![1; 10 << 20])
        .file("dst/there", "newer");
    let output = copies(
        &sandbox,
        &["--bwlimit", "100KB", "--no-clobber", "-T", "src", "dst"],
    );
    assert!(
        output.elapsed < Duration::from_secs(20),
        "{:?}",
        output.elapsed
    );
}

#[test]
fn failures_that_cannot_pass_are_not_tried_again() {
    let sandbox = Sandbox::new();
    sandbox
        .file("src/a/in", "x")
        .file("dst/a", "x")
        .file("src/b", "x")
        .file("dst/b/in", "x")
        .file("src/c", "c");
    let output = filecopy(
        &sandbox,
        &["--retries", "1000000", "--quiet", "-T", "src", "dst"],
    )
    .run();
    output.exits_with(1);
    assert_eq!(output.stderr_text().lines().count(), 2, "{output}");
    assert_eq!(sandbox.read("dst/c"), b"c");
}
