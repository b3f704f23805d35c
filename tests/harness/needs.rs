//! Leaves a group of tests out when the machine lacks something, always in plain sight.
//!
//! On a developer's machine a missing tool prints one line and the test returns. With `CI=true` it is a failure that
//! names the package to install: in CI nothing may be left out.
//!
//! Test runners hide the output of tests that pass. So each line also goes to the file that `WIREWORK_LEFT_OUT`
//! names, and whoever started the run can print it at the end.

use std::collections::BTreeSet;
use std::env;
use std::ffi::OsStr;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use rustix::process::geteuid;

/// The file that collects the `left out:` lines of a whole run.
const LEFT_OUT_FILE: &str = "WIREWORK_LEFT_OUT";

/// Whether this run must leave nothing out.
fn in_ci() -> bool {
    env::var_os("CI").is_some_and(|value| value == "true")
}

/// Whether the tests run as root.
pub fn is_root() -> bool {
    geteuid().is_root()
}

/// `None` and a printed line when not root: `let Some(()) = needs_root("device files") else { return };`
///
/// # Panics
/// When not root and `CI=true`.
#[track_caller]
pub fn needs_root(group: &str) -> Option<()> {
    if is_root() {
        return Some(());
    }
    leave_out(group, "not root", "run the tests as root");
    None
}

/// The full path of `tool`, or `None` and a printed line naming the `package` that brings it.
///
/// # Panics
/// When it is missing and `CI=true`.
#[track_caller]
pub fn needs_tool(group: &str, tool: &str, package: &str) -> Option<PathBuf> {
    let found = find_tool(tool);
    if found.is_none() {
        leave_out(
            group,
            &format!("no {tool}"),
            &format!("install the package {package}"),
        );
    }
    found
}

/// Says that `group` is left out, why, and what would bring it back. Each group is said once per process.
///
/// # Panics
/// With `CI=true`.
#[track_caller]
pub fn leave_out(group: &str, reason: &str, remedy: &str) {
    assert!(
        !in_ci(),
        "{group} may not be left out in CI: {reason}; {remedy}"
    );
    say_left_out(group, reason, remedy);
}

/// As [`leave_out`], but does not panic in CI: for what nobody can install there.
pub(crate) fn say_left_out(group: &str, reason: &str, remedy: &str) {
    static SAID: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let line = format!("left out: {group}: {reason}; {remedy}\n");
    let is_new = SAID
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .insert(line.clone());
    if is_new {
        // Not eprint!, which the test runner would capture together with the rest of a passing test.
        io::stderr().write_all(line.as_bytes()).ok();
        if let Some(path) = env::var_os(LEFT_OUT_FILE) {
            let file = OpenOptions::new().append(true).create(true).open(path);
            file.and_then(|mut file| file.write_all(line.as_bytes()))
                .ok();
        }
    }
}

/// Looks along PATH, and where distributions keep what only root runs.
fn find_tool(tool: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from))
        .map(|folder| folder.join(OsStr::new(tool)))
        .find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_are_found_along_the_path() {
        let shell = find_tool("sh").expect("every machine that runs this has a shell");
        assert!(shell.is_absolute(), "{}", shell.display());
        assert_eq!(find_tool("no-such-tool-as-this"), None);
    }
}
