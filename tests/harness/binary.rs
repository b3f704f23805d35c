//! Finds the programs of this workspace, freshly built.
//!
//! Cargo does not build the binaries of other members for a test, so one `cargo build --workspace --bins` runs here,
//! with the profile and in the target folder of the running test. It is skipped
//! - when `WIREWORK_BIN_DIR` names a folder that already holds them (recipes build first and set it);
//! - in the second and later processes of one nextest run, which all share a run id: nextest starts a process per
//!   test, and some hundred fresh checks by cargo would cost more than the tests.

use std::env;
use std::fs::{self, File};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::OnceLock;

use crate::fail::Must;

/// Names a folder with ready binaries; nothing is built then.
const BIN_DIR: &str = "WIREWORK_BIN_DIR";

/// Set by nextest, the same in every process of one run.
const RUN_ID: &str = "NEXTEST_RUN_ID";

/// Beside the binaries: the lock held while building, with the id of the run that built last.
const STAMP: &str = ".wirework-built-for";

/// The path of the built program `name`.
///
/// # Panics
/// When the build fails or brings no such program.
#[track_caller]
pub fn bin(name: &str) -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let file = FOLDER.get_or_init(built_folder).join(name);
    assert!(
        file.is_file(),
        "no program {} in this workspace's build",
        file.display()
    );
    file
}

fn built_folder() -> PathBuf {
    if let Some(folder) = env::var_os(BIN_DIR) {
        return PathBuf::from(folder);
    }
    let exe = env::current_exe().must("find the running test binary");
    let layout = Layout::of(&exe, |folder| folder.join("CACHEDIR.TAG").is_file());

    let stamp_path = layout.folder.join(STAMP);
    let mut stamp = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&stamp_path)
        .must(format_args!("open {}", stamp_path.display()));
    stamp
        .lock()
        .must(format_args!("lock {}", stamp_path.display()));

    let run_id = env::var(RUN_ID).unwrap_or_default();
    let mut built_for = String::new();
    stamp
        .read_to_string(&mut built_for)
        .must(format_args!("read {}", stamp_path.display()));
    if run_id.is_empty() || built_for != run_id {
        layout.build();
        stamp
            .set_len(0)
            .and_then(|()| stamp.rewind())
            .and_then(|()| stamp.write_all(run_id.as_bytes()))
            .must(format_args!("write {}", stamp_path.display()));
    }
    layout.folder
}

/// Where cargo put the running test, and so with which options it was built.
#[derive(Debug, PartialEq)]
struct Layout {
    target_dir: PathBuf,
    /// Given by `--target`, when the build was not for the host by default.
    triple: Option<String>,
    profile: String,
    /// Holds the binaries.
    folder: PathBuf,
}

impl Layout {
    /// Reads `TARGET_DIR[/TRIPLE]/PROFILE[/deps]/EXE`. Cargo marks the target folder with a tag file, which tells a
    /// triple from the folder above.
    fn of(exe: &Path, is_tagged: impl Fn(&Path) -> bool) -> Self {
        let up = |path: &Path| path.parent().unwrap_or(path).to_path_buf();
        let name = |path: &Path| {
            let name = path.file_name().unwrap_or_default();
            name.to_string_lossy().into_owned()
        };
        let mut folder = up(exe);
        if folder.ends_with("deps") {
            folder = up(&folder);
        }
        let above = up(&folder);
        let (target_dir, triple) = if !is_tagged(&above) && is_tagged(&up(&above)) {
            (up(&above), Some(name(&above)))
        } else {
            (above, None)
        };
        let profile = match name(&folder).as_str() {
            "debug" => String::from("dev"),
            other => other.to_owned(),
        };
        Self {
            target_dir,
            triple,
            profile,
            folder,
        }
    }

    fn build(&self) {
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let workspace = fs::canonicalize(&workspace).unwrap_or(workspace);
        let mut command = process::Command::new(cargo);
        command
            .args([
                "build",
                "--quiet",
                "--workspace",
                "--bins",
                "--profile",
                &self.profile,
            ])
            .arg("--target-dir")
            .arg(&self.target_dir)
            .current_dir(workspace);
        if let Some(triple) = &self.triple {
            command.args(["--target", triple]);
        }
        let output = command.output().must("run cargo build");
        assert!(
            output.status.success(),
            "cargo build of the workspace's programs: {}\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_of_a_test_binary_tells_how_it_was_built() {
        let rows = [
            (
                "dev test",
                "/t/debug/deps/x-1",
                ("/t", None, "dev", "/t/debug"),
            ),
            (
                "release binary",
                "/t/release/x",
                ("/t", None, "release", "/t/release"),
            ),
            (
                "own profile",
                "/t/fast/deps/x-1",
                ("/t", None, "fast", "/t/fast"),
            ),
            (
                "given target",
                "/t/aarch64-unknown-linux-gnu/debug/deps/x-1",
                (
                    "/t",
                    Some("aarch64-unknown-linux-gnu"),
                    "dev",
                    "/t/aarch64-unknown-linux-gnu/debug",
                ),
            ),
        ];
        for (name, exe, (target_dir, triple, profile, folder)) in rows {
            let expected = Layout {
                target_dir: target_dir.into(),
                triple: triple.map(str::to_owned),
                profile: profile.into(),
                folder: folder.into(),
            };
            let layout = Layout::of(Path::new(exe), |folder| folder == Path::new("/t"));
            assert_eq!(layout, expected, "{name}");
        }
    }
}
