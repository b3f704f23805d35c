//! Where a copy lands: by the rules of `cp`, whatever slashes and dots the names carry.

use std::path::{Path, PathBuf};

use harness::Sandbox;

use crate::copying::{copies, filecopy, refuses};

/// Every path below a folder, folders with a slash.
fn paths(sandbox: &Sandbox) -> Vec<String> {
    let mut found = Vec::new();
    let mut waiting = vec![PathBuf::new()];
    while let Some(folder) = waiting.pop() {
        for name in sandbox.list(Path::new("./").join(&folder)) {
            let path = folder.join(name);
            let shown = path.display().to_string();
            if sandbox.join(&path).is_dir() && !sandbox.join(&path).is_symlink() {
                found.push(shown + "/");
                waiting.push(path);
            } else {
                found.push(shown);
            }
        }
    }
    found.sort();
    found
}

/// A file, a tree, an empty folder and a link to it.
fn start() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox
        .file("file", "file")
        .file("src/in", "in")
        .dir("old")
        .symlink("old", "link")
        .file("src/sub/deep", "deep");
    sandbox
}

/// Runs in the sandbox and compares what is new there with `expected`.
#[track_caller]
fn check(name: &str, args: &[&str], expected: &[&str]) {
    let sandbox = start();
    let before = paths(&sandbox);
    copies(&sandbox, args);
    let added: Vec<String> = paths(&sandbox)
        .into_iter()
        .filter(|path| !before.contains(path))
        .collect();
    assert_eq!(added, expected, "{name}: {args:?}");
}

#[test]
fn a_file_lands_under_the_new_name_or_in_the_folder() {
    check("new name", &["file", "new"], &["new"]);
    check("new name, dots", &["./file", "./old/../new"], &["new"]);
    check("into a folder", &["file", "old"], &["old/file"]);
    check(
        "into a folder with a slash",
        &["file", "old/"],
        &["old/file"],
    );
    check(
        "into a folder with slashes and dots",
        &["file", ".//old//./"],
        &["old/file"],
    );
    check("into a link to a folder", &["file", "link"], &["old/file"]);
    check(
        "into a link with a slash",
        &["file", "link/"],
        &["old/file"],
    );
    check(
        "under a new name in a folder",
        &["file", "old/new"],
        &["old/new"],
    );
    check("from a folder into this one", &["src/in", "."], &["in"]);
    check(
        "from a folder into this one, by way of another",
        &["src/in", "old/.."],
        &["in"],
    );
    check(
        "with slashes in the middle",
        &["src//sub/../in", "new"],
        &["new"],
    );
    check("into a named folder", &["-t", "old", "file"], &["old/file"]);
    check(
        "several into a named folder",
        &["--target-directory=old", "file", "src/in"],
        &["old/file", "old/in"],
    );
}

#[test]
fn a_folder_becomes_the_new_name_or_goes_into_the_folder() {
    let inside = |name: &str| ["", "in", "sub/", "sub/deep"].map(|path| format!("{name}/{path}"));
    let check = |name: &str, args: &[&str], to: &str| {
        check(name, args, &inside(to).each_ref().map(String::as_str));
    };
    check("new name", &["src", "new"], "new");
    check("new name, slash at the source", &["src/", "new"], "new");
    check("new name, slashes at both", &["src//", "new/"], "new");
    check("new name, dot at the source", &["src/.", "new"], "new");
    check("into a folder", &["src", "old"], "old/src");
    check("into a folder with a slash", &["src", "old/"], "old/src");
    check(
        "slash at the source, into a folder",
        &["src/", "old"],
        "old/src",
    );
    check(
        "slashes at both, into a folder",
        &["src/", "old/"],
        "old/src",
    );
    check("into a link to a folder", &["src", "link"], "old/src");
    check("new name in a folder", &["src", "old/new"], "old/new");
    check(
        "flags of cp change nothing",
        &["-r", "-a", "src", "new"],
        "new",
    );
    check(
        "the name it has, in a folder",
        &["src", "old/src"],
        "old/src",
    );
    check("the name and no other", &["-T", "src", "new"], "new");
}

#[test]
fn a_folder_given_as_its_content_goes_into_the_folder_without_its_name() {
    for (args, to) in [
        (&["src/.", "old"][..], "old"),
        (&["src/.", "old/"], "old"),
        (&["src/sub/..", "old"], "old"),
        (&["-T", "src", "old"], "old"),
        (&["-T", "src/", "old/"], "old"),
        (&["-T", "src", "link/"], "old"),
    ] {
        let expected = ["in", "sub/", "sub/deep"].map(|path| format!("{to}/{path}"));
        check("content", args, &expected.each_ref().map(String::as_str));
    }
}

#[test]
fn this_folder_and_the_one_around_it_can_be_sources() {
    let sandbox = Sandbox::new();
    sandbox
        .file("a/b/file", "x")
        .file("a/other", "y")
        .dir("into");
    let from = |folder: &str, args: &[&str]| {
        filecopy(&sandbox, args)
            .cwd(sandbox.join(folder))
            .run()
            .succeeds();
    };
    from("a/b", &[".", "../../new"]);
    assert_eq!(sandbox.read("new/file"), b"x");
    from("a/b", &["..", "../../parent"]);
    assert_eq!(sandbox.read("parent/b/file"), b"x");
    from("a/b", &[".", "../../into"]);
    assert_eq!(sandbox.read("into/file"), b"x");
    from("a/b", &["./", "../../slash"]);
    assert_eq!(sandbox.read("slash/file"), b"x");
}

#[test]
fn several_sources_go_into_the_folder() {
    let all = [
        "old/file",
        "old/src/",
        "old/src/in",
        "old/src/sub/",
        "old/src/sub/deep",
        "old/sub/",
        "old/sub/deep",
    ];
    check(
        "with and without slashes",
        &["file", "src/", "src/sub", "old"],
        &all,
    );
    let sandbox = start();
    refuses(
        &sandbox,
        &["file", "src", "new"],
        "target 'new' is not a directory",
    );
    refuses(
        &sandbox,
        &["file", "src", "file"],
        "target 'file' is not a directory",
    );
    refuses(
        &sandbox,
        &["-t", "new", "file"],
        "target 'new' is not a directory",
    );
    assert_eq!(paths(&sandbox), paths(&start()));
}

#[test]
fn a_file_cannot_become_a_folder_that_is_not_there() {
    let sandbox = start();
    refuses(&sandbox, &["file", "new/"], "'new/' is not a directory");
    refuses(&sandbox, &["file", "new/name"], "'new/name'");
    refuses(&sandbox, &["file/", "new"], "not a directory");
    refuses(&sandbox, &["file", "file/"], "'file/'");
    refuses(&sandbox, &["file", "file/name"], "not a directory");
    assert_eq!(paths(&sandbox), paths(&start()));
}

#[test]
fn a_missing_source_is_told_and_the_others_are_copied() {
    let sandbox = start();
    refuses(
        &sandbox,
        &["file", "missing", "src", "old"],
        "cannot stat 'missing': ",
    );
    assert_eq!(sandbox.read("old/file"), b"file");
    assert_eq!(sandbox.read("old/src/in"), b"in");
    refuses(&sandbox, &["missing", "new"], "cannot stat 'missing': ");
    refuses(&sandbox, &["", "new"], "''");
    refuses(&sandbox, &["file", ""], "''");
    assert!(!sandbox.has("new"));
}

#[test]
fn two_sources_of_one_name_do_not_overwrite_each_other() {
    let sandbox = Sandbox::new();
    sandbox
        .file("a/name", "a")
        .file("b/name", "b")
        .file("big a/name", vec![1; 2 << 20])
        .file("big b/name", vec![2; 2 << 20]);
    sandbox.dir("dst").dir("big").dir("mixed");
    refuses(
        &sandbox,
        &["a/name", "b/name", "dst"],
        "will not overwrite just-created 'dst/name' with 'b/name'",
    );
    assert_eq!(sandbox.read("dst/name"), b"a");
    refuses(
        &sandbox,
        &["big a/name", "big b/name", "big"],
        "will not overwrite just-created",
    );
    assert_eq!(sandbox.read("big/name")[0], 1);
    refuses(
        &sandbox,
        &["a/name", "big b/name", "mixed"],
        "will not overwrite just-created",
    );
    assert_eq!(sandbox.read("mixed/name"), b"a");
    // What was there before the run may be replaced, once.
    refuses(
        &sandbox,
        &["b/name", "a/name", "dst"],
        "will not overwrite just-created",
    );
    assert_eq!(sandbox.read("dst/name"), b"b");
}

#[test]
fn folders_of_one_name_become_one_and_their_files_do_not_overwrite_each_other() {
    let sandbox = Sandbox::new();
    sandbox
        .file("a/d/one", "a")
        .file("a/d/same", "a")
        .file("b/d/two", "b")
        .file("b/d/same", "b")
        .file("b/d/e/same", "b");
    sandbox.file("a/d/e/same", "a").dir("dst");
    let output = filecopy(&sandbox, &["--quiet", "a/d", "b/d", "dst"]).run();
    output
        .exits_with(1)
        .stderr_has("just-created 'dst/d/same'")
        .stderr_has("just-created 'dst/d/e/same'");
    assert_eq!(output.stderr_text().lines().count(), 2, "{output}");
    for (name, content) in [("one", "a"), ("two", "b"), ("same", "a"), ("e/same", "a")] {
        assert_eq!(
            sandbox.read_text(format!("dst/d/{name}")),
            content,
            "{name}"
        );
    }
}

#[test]
fn one_source_named_twice_is_copied_once_and_told() {
    let sandbox = start();
    refuses(
        &sandbox,
        &["file", "file", "old"],
        "source 'file' specified more than once",
    );
    assert_eq!(sandbox.read("old/file"), b"file");
}

#[test]
fn wrong_command_lines_exit_with_2_and_touch_nothing() {
    let rows: [&[&str]; 12] = [
        &["file"],
        &["-t", "old"],
        &["-T", "-t", "old", "file"],
        &["--no-such-option", "file", "new"],
        &["--jobs", "many", "file", "new"],
        &["--chunk-size", "0", "file", "new"],
        &["--bwlimit", "0", "file", "new"],
        &["--reflink", "sometimes", "file", "new"],
        &["--delete", "src", "new"],
        &["--update", "--no-clobber", "file", "new"],
        &["--no-clobber", "--backup", "file", "new"],
        &["--exclude", "a{b", "src", "new"],
    ];
    for args in rows {
        let sandbox = start();
        let output = filecopy(&sandbox, args).run();
        output.exits_with(2).stdout_is("").lacks("panicked");
        assert!(!output.stderr.is_empty(), "{output}");
        assert_eq!(paths(&sandbox), paths(&start()), "{args:?}");
    }
}
