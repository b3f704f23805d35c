//! `just copy SRC DST`: names mean what they mean where the caller stands, whatever they hold.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use harness::{Command, Sandbox, bin, needs_tool};

use crate::held::{assert_holds, log};

/// A place to stand in, and the recipe with a builder that has nothing to build: the program is there already.
struct Caller {
    sandbox: Sandbox,
    tools: Sandbox,
    just: Command,
}

impl Caller {
    fn new() -> Option<Self> {
        let just = needs_tool("just copy", "just", "just (cargo install --locked just)")?;
        let (sandbox, tools) = (Sandbox::new(), Sandbox::new());
        let builder = "#!/bin/sh\necho \"$@\" >>\"${0%/*}/asked\"\n";
        tools.file("bin/cargo", builder).mode("bin/cargo", 0o755);
        tools.symlink(bin("filecopy"), "target/release/filecopy");
        let path = std::env::var("PATH").unwrap_or_default();
        let justfile = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("justfile");
        let just = Command::new(just)
            .env("PATH", format!("{}:{path}", tools.join("bin").display()))
            .env("CARGO_TARGET_DIR", tools.join("target"))
            .env("XDG_RUNTIME_DIR", tools.path())
            .args([
                OsStr::new("--justfile"),
                justfile.as_os_str(),
                OsStr::new("copy"),
            ]);
        Some(Self {
            sandbox,
            tools,
            just,
        })
    }

    /// The recipe, from the folder `here` of the sandbox.
    fn copy(self, here: &str) -> (Command, Sandbox, Sandbox) {
        (
            self.just.cwd(self.sandbox.join(here)),
            self.sandbox,
            self.tools,
        )
    }
}

#[test]
fn names_are_those_of_the_callers_folder() {
    let Some(caller) = Caller::new() else { return };
    caller
        .sandbox
        .file("some/where/a", "x")
        .dir("some/where/into");
    let (just, sandbox, tools) = caller.copy("some/where");
    just.args(["a", "into"])
        .run()
        .succeeds()
        .stdout_is("")
        .stderr_has("1 file, 1 B copied");
    assert_holds(&sandbox, "some/where/into/a", Some(b"x"));
    assert!(sandbox.has("some/where/log.txt"), "where the caller stands");
    let asked = tools.read_text("bin/asked");
    assert!(
        asked.contains("build --release") && asked.contains("--package filecopy"),
        "{asked}"
    );
}

#[test]
fn names_may_hold_anything() {
    let names: [&[u8]; 12] = [
        b"two words",
        b" ",
        b"it's",
        b"\"quoted\"",
        b"$(touch broken)",
        b"`touch broken`",
        b"; touch broken",
        b"{{ 1 + 1 }}",
        b"back\\slash*?[a]",
        b"new\nline",
        "한글 이름".as_bytes(),
        b"=a=b",
    ];
    for name in names {
        let Some(caller) = Caller::new() else { return };
        let name = OsStr::from_bytes(name);
        caller
            .sandbox
            .file(Path::new("here").join(name), "x")
            .dir("here/into");
        let (just, sandbox, _tools) = caller.copy("here");
        just.arg("--").arg(name).arg("into").run().succeeds();
        assert_eq!(sandbox.list("here/into"), [Path::new(name)]);
        assert!(!sandbox.has("here/broken"));
    }
}

#[test]
fn flags_and_exit_codes_pass_through() {
    let Some(caller) = Caller::new() else { return };
    caller.sandbox.file("a", "new").file("b", "old");
    let (just, sandbox, _tools) = caller.copy(".");
    just.args(["--backup", "--verbose", "a", "b"])
        .run()
        .succeeds()
        .stdout_has("'a' -> 'b'");
    assert_holds(&sandbox, "b~", Some(b"old"));
    assert_eq!(
        log(&sandbox),
        ["Start copying a to b", "b is copied completely"]
    );
    for (args, code) in [(["missing", "c"], 1), (["--no-such-option", "a"], 2)] {
        let Some(caller) = Caller::new() else { return };
        let (just, _here, _tools) = caller.copy(".");
        // The program has said what is wrong; the recipe runner adds nothing.
        just.args(args).run().exits_with(code).lacks("recipe");
    }
}

#[test]
fn without_names_it_asks_for_them() {
    let Some(caller) = Caller::new() else { return };
    caller.sandbox.file("a", "x");
    let (just, sandbox, _tools) = caller.copy(".");
    just.stdin("a\nb\nexit\n").run().succeeds();
    assert_holds(&sandbox, "b", Some(b"x"));
}
