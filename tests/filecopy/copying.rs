//! Short ways to run one copy in a sandbox, and to compare what came of it.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use harness::{Command, NOBODY, Output, Sandbox, is_root, tree};

/// A sandbox in memory where there is such a file system: for gigabytes, and for trees of thousands.
pub(crate) fn in_memory() -> Sandbox {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() {
        Sandbox::within(memory)
    } else {
        Sandbox::new()
    }
}

/// `filecopy` in the sandbox, without a log that would be one more entry to explain.
pub(crate) fn filecopy(sandbox: &Sandbox, args: &[&str]) -> Command {
    Command::built("filecopy")
        .arg("--no-log")
        .args(args)
        .cwd(sandbox.path())
}

/// Runs `filecopy` in the sandbox and expects success.
#[track_caller]
pub(crate) fn copies(sandbox: &Sandbox, args: &[&str]) -> Output {
    let output = filecopy(sandbox, args).run();
    output.succeeds();
    output
}

/// As [`copies`], without root's rights in a sandbox that is handed over whole.
#[track_caller]
pub(crate) fn copies_unprivileged(sandbox: &Sandbox, args: &[&str]) -> Output {
    let output = unprivileged(sandbox, args);
    output.succeeds();
    output
}

/// Hands the sandbox over to a user without rights, and runs `filecopy` as that user.
#[track_caller]
pub(crate) fn unprivileged(sandbox: &Sandbox, args: &[&str]) -> Output {
    hand_over(sandbox);
    filecopy(sandbox, args).unprivileged().run()
}

/// Gives all of the sandbox to the user that [`Command::unprivileged`] means.
#[track_caller]
pub(crate) fn hand_over(sandbox: &Sandbox) {
    if is_root() {
        sandbox.owner_of_all(".", NOBODY, NOBODY);
    }
}

/// Runs `filecopy` in the sandbox and expects it to say one failure, with `reason` in it, and no more.
#[track_caller]
pub(crate) fn refuses(sandbox: &Sandbox, args: &[&str], reason: &str) -> Output {
    let output = filecopy(sandbox, args).arg("--quiet").run();
    output.exits_with(1).stderr_is_one_line().stderr_has(reason);
    output
}

/// Asserts that two trees or files of the sandbox are alike in `aspects`.
#[track_caller]
pub(crate) fn assert_alike(
    sandbox: &Sandbox,
    source: impl AsRef<Path>,
    copy: impl AsRef<Path>,
    aspects: tree::Aspects,
) {
    let before = tree::snapshot(&sandbox.join(source.as_ref()));
    let after = tree::snapshot(&sandbox.join(copy.as_ref()));
    let differences = tree::diff(&before, &after, aspects);
    let names = format!(
        "{} → {}",
        source.as_ref().display(),
        copy.as_ref().display()
    );
    assert!(
        differences.is_empty(),
        "{names}:\n{}",
        differences.join("\n")
    );
}

/// All twelve mode bits of an entry itself.
#[track_caller]
pub(crate) fn mode_of(sandbox: &Sandbox, name: &str) -> u32 {
    meta(sandbox, name).permissions().mode() & 0o7777
}

/// What the system knows of an entry itself.
#[track_caller]
pub(crate) fn meta(sandbox: &Sandbox, name: impl AsRef<Path>) -> fs::Metadata {
    let path = sandbox.join(name);
    match path.symlink_metadata() {
        Ok(meta) => meta,
        Err(error) => panic!("look at {}: {error}", path.display()),
    }
}

/// Runs a tool of the system and expects success; what it wrote.
#[track_caller]
pub(crate) fn tool(name: impl AsRef<Path>, args: &[&OsStr]) -> Output {
    let output = Command::new(name.as_ref()).args(args).run();
    output.succeeds();
    output
}
