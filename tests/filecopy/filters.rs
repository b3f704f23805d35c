//! `--exclude`, `--include` and `--gitignore`: what is left out, and what is not.

use std::path::PathBuf;

use harness::{Sandbox, tree};

use crate::copying::{copies, filecopy};

/// Every path below the copy, in order.
fn copied(sandbox: &Sandbox, args: &[&str]) -> Vec<String> {
    copies(sandbox, &[args, &["src", "dst"]].concat());
    let copy = tree::snapshot(&sandbox.join("dst"));
    std::fs::remove_dir_all(sandbox.join("dst")).expect("a copy can be removed");
    let paths = copy.entries.keys().filter(|path| *path != &PathBuf::new());
    paths.map(|path| path.display().to_string()).collect()
}

#[test]
fn patterns_leave_out_what_they_match_the_last_one_deciding() {
    let sandbox = Sandbox::new();
    for name in [
        "a.o",
        "a.c",
        "build",
        "keep.o",
        "sub/a.o",
        "sub/build/x",
        "sub/b.c",
        "tmp/x",
        "sub/tmp",
        "!odd",
        "#odd",
        "sp ace ",
    ] {
        sandbox.file(format!("src/{name}"), "x");
    }
    let all = [
        "!odd",
        "#odd",
        "a.c",
        "a.o",
        "build",
        "keep.o",
        "sp ace ",
        "sub",
        "sub/a.o",
        "sub/b.c",
        "sub/build",
        "sub/build/x",
        "sub/tmp",
        "tmp",
        "tmp/x",
    ];
    let rows: [(&[&str], &[&str]); 13] = [
        (&[], &[]),
        (&["--exclude", "*.o"], &["a.o", "keep.o", "sub/a.o"]),
        (&["--exclude", "/*.o"], &["a.o", "keep.o"]),
        (
            &["--exclude", "*.o", "--include", "keep.o"],
            &["a.o", "sub/a.o"],
        ),
        (
            &["--include", "keep.o", "--exclude", "*.o"],
            &["a.o", "keep.o", "sub/a.o"],
        ),
        (
            &["--exclude", "build"],
            &["build", "sub/build", "sub/build/x"],
        ),
        (&["--exclude", "/build"], &["build"]),
        (&["--exclude", "build/"], &["sub/build", "sub/build/x"]),
        (&["--exclude", "tmp/"], &["tmp", "tmp/x"]),
        (
            &["--exclude", "sub/**"],
            &["sub/a.o", "sub/b.c", "sub/build", "sub/build/x", "sub/tmp"],
        ),
        (
            &["--exclude", "sub", "--include", "sub/b.c"],
            &[
                "sub",
                "sub/a.o",
                "sub/b.c",
                "sub/build",
                "sub/build/x",
                "sub/tmp",
            ],
        ),
        (
            &["--exclude", "!odd", "--exclude", "#odd"],
            &["!odd", "#odd"],
        ),
        (
            &["--exclude", "*", "--include", "*.c"],
            &[
                "!odd",
                "#odd",
                "a.o",
                "build",
                "keep.o",
                "sp ace ",
                "sub",
                "sub/a.o",
                "sub/b.c",
                "sub/build",
                "sub/build/x",
                "sub/tmp",
                "tmp",
                "tmp/x",
            ],
        ),
    ];
    for (args, left_out) in rows {
        let expected: Vec<_> = all.iter().filter(|path| !left_out.contains(path)).collect();
        assert_eq!(
            copied(&sandbox, args).iter().collect::<Vec<_>>(),
            expected,
            "{args:?}"
        );
        assert_eq!(
            copied(&sandbox, &[args, &["--jobs", "4"]].concat()).len(),
            expected.len(),
            "{args:?}"
        );
    }
}

#[test]
fn names_that_are_no_text_are_matched_too() {
    use std::os::unix::ffi::OsStrExt;
    let sandbox = Sandbox::new();
    let name = std::ffi::OsStr::from_bytes(b"odd\xff.o");
    sandbox
        .file(PathBuf::from("src").join(name), "x")
        .file("src/a", "x");
    assert_eq!(copied(&sandbox, &["--exclude", "*.o"]), ["a"]);
}

#[test]
fn a_source_named_by_the_user_is_never_left_out() {
    let sandbox = Sandbox::new();
    sandbox.file("src/src/file", "x").file("alone.o", "x");
    assert_eq!(copied(&sandbox, &["--exclude", "src"]), [""; 0]);
    copies(&sandbox, &["--exclude", "*.o", "alone.o", "copy"]);
    assert_eq!(sandbox.read("copy"), b"x");
}

#[test]
fn gitignore_files_are_obeyed_where_they_lie_and_only_when_asked_for() {
    let sandbox = Sandbox::new();
    sandbox.file("src/.gitignore", "*.o\n/top\n!keep.o\n# comment\n\n");
    sandbox
        .file("src/sub/.gitignore", "*.c\n!a.o\n/here/\n")
        .file("src/sub/deep/.gitignore", "!*.c");
    for name in [
        "a.o",
        "keep.o",
        "top",
        "sub/top",
        "sub/a.o",
        "sub/b.o",
        "sub/a.c",
        "a.c",
        "sub/here/x",
        "here/x",
        "sub/deep/a.c",
        "sub/deep/here/x",
    ] {
        sandbox.file(format!("src/{name}"), "x");
    }
    assert_eq!(
        copied(&sandbox, &["--gitignore"]),
        [
            ".gitignore",
            "a.c",
            "here",
            "here/x",
            "keep.o",
            "sub",
            "sub/.gitignore",
            "sub/a.o",
            "sub/deep",
            "sub/deep/.gitignore",
            "sub/deep/a.c",
            "sub/deep/here",
            "sub/deep/here/x",
            "sub/top",
        ]
    );
    assert_eq!(copied(&sandbox, &[]).len(), 20);
    let both = copied(
        &sandbox,
        &["--gitignore", "--include", "b.o", "--exclude", "here"],
    );
    assert!(
        both.contains(&"sub/b.o".to_owned()),
        "what the user names outweighs the files: {both:?}"
    );
    assert!(!both.contains(&"here".to_owned()));
}

#[test]
fn what_is_no_pattern_is_a_wrong_command_line() {
    let sandbox = Sandbox::new();
    sandbox.file("src/a", "x");
    for option in ["--exclude", "--include"] {
        for pattern in ["", "[", "a[b", "{a", "/"] {
            filecopy(&sandbox, &[option, pattern, "src", "dst"])
                .run()
                .exits_with(2)
                .stderr_has(&format!("filecopy: '{pattern}' is not a pattern: "));
            assert!(!sandbox.has("dst"), "{option} {pattern:?}");
        }
    }
}

#[test]
fn excluded_entries_are_not_even_looked_at() {
    let sandbox = Sandbox::new();
    sandbox.file("src/a", "x").file("src/closed/secret", "x");
    crate::copying::hand_over(&sandbox);
    sandbox.mode("src/closed", 0o000);
    let run = |args: &[&str]| filecopy(&sandbox, args).unprivileged().run();
    run(&["src", "dst"]).exits_with(1);
    run(&["--exclude", "closed", "src", "other"])
        .succeeds()
        .lacks("closed");
    assert!(!sandbox.has("other/closed"));
}
