//! `filecopy cp`: what GNU's cp does, done by GNU's rules. GNU's own tests of it are run by `just gnu-cp`; here stand the
//! rules that a user would miss first, and a table of command lines after which both programs must have done the same.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use harness::tree::{self, Aspect, Aspects};
use harness::{Command, Output, SOON, Sandbox, Signal, keys, needs_tool};

/// `filecopy cp` in the sandbox.
fn cp(sandbox: &Sandbox, args: &[&str]) -> Command {
    Command::built("filecopy")
        .arg("cp")
        .args(args)
        .cwd(sandbox.path())
}

#[test]
fn an_existing_file_is_written_not_replaced() {
    let sandbox = Sandbox::new();
    sandbox
        .file("new", "new")
        .file("old", "older")
        .mode("old", 0o640);
    sandbox
        .hard_link("old", "other name")
        .symlink("old", "link");
    let before = fs::metadata(sandbox.join("old")).unwrap();
    cp(&sandbox, &["new", "link"]).run().succeeds().is_silent();
    let after = fs::metadata(sandbox.join("old")).unwrap();
    assert_eq!((before.ino(), before.mode()), (after.ino(), after.mode()));
    assert_eq!(sandbox.read_text("other name"), "new");
    assert!(
        fs::symlink_metadata(sandbox.join("link"))
            .unwrap()
            .is_symlink()
    );
    assert!(!sandbox.has("log.txt"), "cp keeps no log");
}

#[test]
fn called_by_its_name_it_is_cp() {
    let sandbox = Sandbox::new();
    sandbox.dir("d");
    sandbox.symlink(harness::bin("filecopy"), "cp");
    let called = Command::new(sandbox.join("cp")).args(["d", "new"]);
    called
        .cwd(sandbox.path())
        .run()
        .exits_with(1)
        .stderr_is("cp: -r not specified; omitting directory 'd'\n");
}

#[test]
fn a_wrong_command_line_is_told_in_gnus_words() {
    let sandbox = Sandbox::new();
    sandbox.file("a", "a").file("b", "b");
    let rows: [(&[&str], &str); 6] = [
        (&[], "cp: missing file operand\n"),
        (&["a"], "cp: missing destination file operand after 'a'\n"),
        (&["-z", "a", "b"], "cp: invalid option -- 'z'\n"),
        (
            &["--no", "a", "b"],
            "cp: option '--no' is ambiguous; possibilities: ",
        ),
        (
            &["a", "b", "c"],
            "cp: target 'c': No such file or directory\n",
        ),
        (
            &["--parents", "a", "b"],
            "cp: with --parents, the destination must be a directory\n",
        ),
    ];
    for (args, message) in rows {
        let output = cp(&sandbox, args).run();
        output.exits_with(1);
        assert!(output.stderr_text().starts_with(message), "{output}");
    }
    assert_eq!(sandbox.read_text("b"), "b");
}

#[test]
fn replacing_is_asked_about() {
    let rows = [
        ("y\n", "new"),
        ("yes", "new"),
        ("n\n", "old"),
        ("\n", "old"),
        ("", "old"),
    ];
    for (answer, expected) in rows {
        let sandbox = Sandbox::new();
        sandbox.file("a", "new").file("b", "old");
        let output = cp(&sandbox, &["-i", "a", "b"]).stdin(answer).run();
        output.succeeds().stderr_is("cp: overwrite 'b'? ");
        assert_eq!(sandbox.read_text("b"), expected, "answer {answer:?}");
    }
}

#[test]
fn ctrl_c_at_a_question_ends_at_once() {
    let sandbox = Sandbox::new();
    sandbox.file("a", "new").file("b", "old");
    let mut terminal = cp(&sandbox, &["-i", "a", "b"]).in_terminal(80, 10);
    terminal.wait_text("cp: overwrite 'b'?", SOON);
    terminal.send(keys::CTRL_C);
    assert_eq!(terminal.wait(SOON).code(), Some(130));
    assert_eq!(sandbox.read_text("b"), "old");
}

#[test]
fn an_interrupt_ends_a_copy_that_waits_for_a_pipe() {
    let sandbox = Sandbox::new();
    sandbox.fifo("pipe");
    let mut running = cp(&sandbox, &["pipe", "copy"]).start();
    // Held open for writing, so that the copy waits for more.
    let mut pipe = fs::File::options()
        .write(true)
        .open(sandbox.join("pipe"))
        .unwrap();
    std::io::Write::write_all(&mut pipe, b"first").unwrap();
    harness::wait_until("the first bytes to be copied", SOON, || {
        fs::read(sandbox.join("copy")).is_ok_and(|copied| copied == b"first")
    });
    running.signal(Signal::INT);
    running.wait(SOON).exits_with(130);
    assert!(!sandbox.has("copy"), "half a copy was left");
}

#[test]
fn each_entry_and_its_backup_are_told_in_order() {
    let sandbox = Sandbox::new();
    sandbox.file("src/a/b", "new").file("dst/src/a/b", "old");
    let output = cp(&sandbox, &["-Rvb", "--suffix=.old", "src", "dst"]).run();
    output
        .succeeds()
        .stdout_is("'src/a/b' -> 'dst/src/a/b' (backup: 'dst/src/a/b.old')\n");
    assert_eq!(sandbox.read_text("dst/src/a/b.old"), "old");
    let output = cp(&sandbox, &["-Rv", "src", "fresh"]).run();
    output
        .succeeds()
        .stdout_is("'src' -> 'fresh'\n'src/a' -> 'fresh/a'\n'src/a/b' -> 'fresh/a/b'\n");
}

/// Command lines, with names of what [`tree_of_all`] makes.
#[rustfmt::skip]
const ROWS: &[(&str, &[&str])] = &[
    ("a file", &["src/file", "new"]),
    ("a file into a folder", &["src/file", "dst"]),
    ("a link is followed", &["src/link", "new"]),
    ("a link is kept", &["-P", "src/link", "new"]),
    ("a link to nothing", &["src/dangling", "new"]),
    ("onto a link to nothing", &["src/file", "src/dangling"]),
    ("a folder without -R", &["src/folder", "src/file", "dst"]),
    ("a tree", &["-R", "src", "new"]),
    ("a tree into a tree", &["-R", "src/.", "dst"]),
    ("a tree, everything kept", &["-a", "src", "new"]),
    ("a tree, over a tree, everything kept", &["-a", "src/.", "dst"]),
    ("a tree, links followed", &["-RL", "src/folder", "new"]),
    ("a tree, named links followed", &["-RH", "src/link", "src/folder", "dst"]),
    ("mode and times", &["-p", "src/file", "src/set-user-id", "dst"]),
    ("nothing kept of the mode", &["-R", "--no-preserve=mode", "src", "new"]),
    ("hard links in one go", &["-d", "src/name", "src/other name", "dst"]),
    ("hard links to the source", &["-Rl", "src", "new"]),
    ("a symbolic link to the source", &["-s", "src/file", "new"]),
    ("a symbolic link elsewhere", &["-s", "src/file", "dst/new"]),
    ("newer alone", &["-Ru", "src/.", "dst"]),
    ("a forced copy", &["-f", "src/file", "dst/read only"]),
    ("removed first", &["--remove-destination", "src/file", "dst/link"]),
    ("backups", &["--backup=numbered", "src/file", "dst/file"]),
    ("a backup of itself", &["-f", "--backup=t", "src/file", "src/file"]),
    ("itself", &["src/file", "src/file"]),
    ("itself through a link", &["src/link", "src/file"]),
    ("a folder over a file", &["-R", "src/folder", "dst/file"]),
    ("a file over a folder", &["-T", "src/file", "dst"]),
    ("whole names", &["-p", "--parents", "src/folder/inner/file", "dst"]),
    ("attributes alone", &["-p", "--attributes-only", "src/file", "dst/file"]),
    ("one name twice", &["src/file", "src/file", "dst"]),
    ("one name from two folders", &["src/file", "src/folder/file", "dst"]),
    ("through a link just made", &["-dR", "src/trap/1", "src/bait/1", "dst"]),
    ("a missing source", &["missing", "src/file", "dst"]),
    ("a missing folder", &["src/file", "missing/file"]),
    ("a slash after a file", &["src/file/", "new"]),
    ("a slash after a new name", &["src/file", "new/"]),
];

#[test]
fn command_lines_do_what_gnu_cp_does() {
    let Some(gnu) = gnu_cp() else { return };
    for (name, args) in ROWS {
        let (ours, theirs) = (Sandbox::new(), Sandbox::new());
        tree_of_all(&ours);
        tree_of_all(&theirs);
        let our_output = cp(&ours, args).run();
        let their_output = Command::new(&gnu).args(*args).cwd(theirs.path()).run();
        let said = |output: &Output| {
            // Quotation marks follow the locale, the order of a folder's entries follows nothing.
            let messages = output.stderr_text().replace(['‘', '’'], "'");
            let messages = messages.replace(&format!("{}: ", gnu.display()), "cp: ");
            let mut lines: Vec<String> = messages.lines().map(str::to_owned).collect();
            lines.sort_unstable();
            (output.code(), lines)
        };
        assert_eq!(said(&our_output), said(&their_output), "{name}");
        // What the copies get from the clock is not compared, what they keep is.
        let (ours, theirs) = (old_times(ours.path()), old_times(theirs.path()));
        let differ = tree::diff(&theirs, &ours, Aspects::ALL.without(&[Aspect::Holes]));
        assert!(differ.is_empty(), "{name}:\n{}", differ.join("\n"));
    }
}

/// GNU's cp, whose ways are the measure.
fn gnu_cp() -> Option<PathBuf> {
    let cp = needs_tool("comparisons with cp", "cp", "coreutils")?;
    let version = Command::new(&cp).arg("--version").run();
    if version.stdout_text().contains("GNU coreutils") {
        return Some(cp);
    }
    harness::leave_out(
        "comparisons with cp",
        "cp is not GNU's",
        "install the package coreutils",
    );
    None
}

/// When everything was made, in seconds since 1970.
const LONG_AGO: i64 = 1_000_000_000;

fn tree_of_all(sandbox: &Sandbox) {
    sandbox
        .file("src/file", "content")
        .file("src/folder/file", "another")
        .file("src/folder/inner/file", "inner")
        .file("src/set-user-id", "power")
        .file("src/name", "two names")
        .file("src/bait/1", "bait")
        .file("dst/file", "older")
        .file("dst/read only", "older")
        .file("dst/folder/file", "older")
        .dir("src/trap")
        .fifo("src/pipe")
        .symlink("file", "src/link")
        .symlink("folder", "src/link to a folder")
        .symlink("nowhere", "src/dangling")
        .symlink("../../outside", "src/trap/1")
        .symlink("file", "dst/link")
        .hard_link("src/name", "src/other name")
        .mode("src/file", 0o640)
        .mode("src/set-user-id", 0o4755)
        .mode("src/folder", 0o750)
        .mode("dst/read only", 0o444);
    for name in tree::snapshot(sandbox.path()).entries.keys() {
        // The destination is a little older, but for one file in it.
        let age = match name.starts_with("dst") {
            true if name == Path::new("dst/folder/file") => -5,
            true => 5,
            false => 0,
        };
        sandbox.times(name, LONG_AGO - age, 7);
    }
}

/// The tree, with one time for all entries that were changed just now.
fn old_times(path: &Path) -> tree::Tree {
    let mut tree = tree::snapshot(path);
    for entry in tree.entries.values_mut() {
        if entry.mtime.0 > LONG_AGO + 1_000 {
            entry.mtime = (LONG_AGO + 1_000, 0);
        }
    }
    tree
}
