//! Any name that a file system allows, as an argument and inside trees; any depth; few descriptors.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use harness::tree::{self, Aspects, Kind};
use harness::{Command, Limit, Sandbox};

use crate::copying::{assert_alike, copies, filecopy, in_memory, refuses};

fn hostile_names() -> Vec<OsString> {
    let names: [&[u8]; 20] = [
        b"two words",
        b" ",
        b"quo'te",
        b"quo\"te",
        b"new\nline",
        b"\n",
        b"tab\t",
        b"return\r",
        b"back\\slash",
        b"\\",
        b"$(HOME) `id` *?[a]",
        b"-",
        b"-rf",
        b"--help",
        b"...",
        b"\x01\x1b[31m\x7f",
        b"not\xffutf8\xc3",
        b"\x80",
        "한글 이름".as_bytes(),
        "e\u{301}\u{202e}\u{feff}".as_bytes(),
    ];
    let longest = [vec![b'n'; 255], "이".repeat(85).into_bytes()];
    names
        .map(<[u8]>::to_vec)
        .into_iter()
        .chain(longest)
        .map(OsString::from_vec)
        .collect()
}

#[test]
fn any_name_can_be_source_and_destination() {
    let sandbox = Sandbox::new();
    sandbox.file("plain", "plain").dir("folder");
    for name in hostile_names() {
        let shown = name.to_string_lossy().escape_debug().to_string();
        let run = |source: &OsStr, destination: &OsStr| {
            filecopy(&sandbox, &["--"])
                .arg(source)
                .arg(destination)
                .run()
                .succeeds();
        };
        run("plain".as_ref(), &name);
        assert_eq!(sandbox.read(&name), b"plain", "{shown}");
        sandbox.file(&name, shown.as_bytes());
        run(&name, "copy".as_ref());
        assert_eq!(sandbox.read("copy"), shown.as_bytes(), "{shown}");
        run(&name, "folder".as_ref());
        assert_eq!(
            sandbox.read(Path::new("folder").join(&name)),
            shown.as_bytes(),
            "{shown}"
        );
        fs::remove_file(sandbox.join(&name)).unwrap();

        sandbox.file(Path::new(&name).join(&name), "inside");
        run(&name, "tree".as_ref());
        assert_eq!(
            sandbox.read(Path::new("tree").join(&name)),
            b"inside",
            "{shown}"
        );
        run("tree".as_ref(), &name);
        assert_eq!(
            sandbox.read(Path::new(&name).join("tree").join(&name)),
            b"inside",
            "{shown}"
        );
        fs::remove_dir_all(sandbox.join(&name)).unwrap();
        fs::remove_dir_all(sandbox.join("tree")).unwrap();
    }
}

#[test]
fn any_name_can_be_in_a_tree() {
    let sandbox = Sandbox::new();
    for name in hostile_names() {
        let place = |folder: &str| Path::new("src").join(folder).join(&name);
        sandbox
            .file(place("files"), name.as_bytes())
            .dir(place("folders"))
            .symlink(&name, place("links"));
        sandbox
            .file(place("deep").join(&name).join(&name), "x")
            .fifo(place("fifos"));
    }
    copies(&sandbox, &["src", "dst"]);
    assert_alike(&sandbox, "src", "dst", Aspects::ALL);
    copies(&sandbox, &["--verbose", "-T", "src", "dst"]);
    assert_alike(&sandbox, "src", "dst", Aspects::ALL);
}

#[test]
fn a_failure_is_one_line_whatever_the_name() {
    for name in hostile_names() {
        let sandbox = Sandbox::new();
        let output = filecopy(&sandbox, &["--quiet", "--"])
            .arg(&name)
            .arg("dst")
            .run();
        output
            .exits_with(1)
            .stderr_is_one_line()
            .stderr_has("cannot stat");
        let line = output.stderr.strip_suffix(b"\n").unwrap_or_default();
        let shows_control = line.iter().any(|byte| byte.is_ascii_control());
        assert!(
            !shows_control,
            "control characters reach the terminal\n{output}"
        );
        assert!(!sandbox.has("dst"));
    }
}

#[test]
fn a_name_too_long_for_the_destination_is_told_and_leaves_nothing() {
    let sandbox = Sandbox::new();
    sandbox.file("src", "x");
    refuses(&sandbox, &["src", &"n".repeat(256)], "too long");
    assert_eq!(sandbox.list("."), [Path::new("src")]);
}

#[test]
fn a_tree_deeper_than_any_path_is_copied_to_its_end() {
    let long = "n".repeat(240);
    for (levels, step) in [(3_700, "d"), (40, long.as_str())] {
        let sandbox = in_memory();
        sandbox.deep("src", levels, step, "leaf");
        let before = tree::snapshot(&sandbox.join("src"));
        for jobs in ["1", "4"] {
            copies(&sandbox, &["--jobs", jobs, "src", jobs]);
            let after = tree::snapshot(&sandbox.join(jobs));
            assert_eq!(after.count(Kind::Folder), levels + 1, "--jobs {jobs}");
            assert_eq!(
                tree::diff(&before, &after, Aspects::ALL),
                [""; 0],
                "--jobs {jobs}"
            );
        }
    }
}

#[test]
fn a_tree_deeper_than_any_path_is_updated_told_and_removed() {
    let sandbox = in_memory();
    sandbox
        .deep("src", 40, &"n".repeat(240), "leaf")
        .dir("empty");
    copies(&sandbox, &["src", "dst"]);
    copies(&sandbox, &["--update", "-T", "src", "dst"]);
    assert_alike(&sandbox, "src", "dst", Aspects::ALL);
    let told = copies(&sandbox, &["--dry-run", "src", "new"]);
    assert!(!sandbox.has("new"));
    assert_eq!(told.stdout_text().lines().count(), 42, "each entry is told");
    copies(&sandbox, &["--delete", "--yes", "-T", "empty", "dst"]);
    assert_eq!(sandbox.list("dst"), [""; 0].map(PathBuf::from));
}

#[test]
fn arguments_longer_than_any_path_are_followed_to_their_end() {
    let sandbox = in_memory();
    sandbox.deep("src", 3_000, "d", "leaf").dir("dst");
    let bottom: PathBuf = [Path::new("src")]
        .into_iter()
        .chain([Path::new("d"); 3_000])
        .collect();
    let leaf = bottom.join("leaf");
    let run = |source: &Path, destination: &Path| {
        filecopy(&sandbox, &[])
            .arg(source)
            .arg(destination)
            .run()
            .succeeds();
    };
    run(&leaf, Path::new("leaf"));
    assert_eq!(sandbox.read("leaf"), b"at the bottom\n");
    run(&sandbox.join(&leaf), Path::new("dst"));
    assert_eq!(sandbox.read("dst/leaf"), b"at the bottom\n");
    sandbox.file("new", "new");
    run(Path::new("new"), &bottom);
    run(Path::new("dst"), &bottom.join("folder"));
    run(&bottom, Path::new("back"));
    assert_eq!(
        sandbox.list("back"),
        ["folder", "leaf", "new"].map(PathBuf::from)
    );
    assert_eq!(sandbox.read("back/new"), b"new");
}

#[test]
fn a_component_longer_than_a_name_may_be_is_an_error_not_a_loop() {
    let sandbox = Sandbox::new();
    let long: PathBuf = [OsStr::from_bytes(&[b'n'; 300]); 20].iter().collect();
    let output = filecopy(&sandbox, &["--quiet"]).arg(long).arg("dst").run();
    output
        .exits_with(1)
        .stderr_is_one_line()
        .stderr_has("too long");
}

fn with_24_descriptors(sandbox: &Sandbox, args: &[&str]) -> Command {
    filecopy(sandbox, args).limit(Limit::OpenFiles(24))
}

#[test]
fn a_hundred_files_are_copied_with_24_descriptors() {
    let sandbox = Sandbox::new();
    for number in 0..100 {
        sandbox.file(format!("src/{number}"), number.to_string());
    }
    let names: Vec<String> = (0..100).map(|number| format!("src/{number}")).collect();
    sandbox.dir("several");
    for jobs in ["1", "4", "16"] {
        with_24_descriptors(&sandbox, &["--jobs", jobs, "src", jobs])
            .run()
            .succeeds();
        assert_alike(&sandbox, "src", jobs, Aspects::ALL);
    }
    let several = with_24_descriptors(&sandbox, &["--jobs", "4"])
        .args(&names)
        .arg("several")
        .run();
    several.succeeds();
    assert_alike(
        &sandbox,
        "src",
        "several",
        Aspects::ALL.without(&[tree::Aspect::FolderTimes]),
    );
}

#[test]
fn deep_and_wide_trees_are_copied_with_24_descriptors() {
    let sandbox = in_memory();
    sandbox.deep("src/deep", 400, "d", "leaf");
    for folder in 0..150 {
        for number in 0..3 {
            sandbox.file(
                format!("src/wide/{folder}/a/b/{number}"),
                number.to_string(),
            );
        }
    }
    for number in 0..10 {
        sandbox.file(format!("src/big{number}"), vec![7; 2 << 20]);
        sandbox.hard_link(
            format!("src/big{number}"),
            format!("src/wide/{number}/a/again"),
        );
    }
    for jobs in ["1", "4", "16"] {
        with_24_descriptors(&sandbox, &["--jobs", jobs, "src", jobs])
            .run()
            .succeeds();
        assert_alike(&sandbox, "src", jobs, Aspects::ALL);
        let again = [
            "--jobs", jobs, "--delete", "--yes", "--backup", "--resume", "-T", "src", jobs,
        ];
        sandbox.file(format!("{jobs}/deep/d/d/too/much/of/it"), "x");
        with_24_descriptors(&sandbox, &again).run().succeeds();
        assert!(
            !sandbox.has(format!("{jobs}/deep/d/d/too")),
            "--jobs {jobs}"
        );
    }
}

#[test]
fn a_tree_deeper_than_any_path_is_copied_with_24_descriptors() {
    let sandbox = in_memory();
    sandbox.deep("src", 3_700, "d", "leaf");
    with_24_descriptors(&sandbox, &["src", "dst"])
        .run()
        .succeeds();
    assert_alike(&sandbox, "src", "dst", Aspects::ALL);
}
