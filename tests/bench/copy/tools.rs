//! Who takes part, and how each is asked for the same work.
//!
//! Each is run as its manual proposes for the job, with no option that only makes it faster. A tool that cannot do
//! a job is not in that race.

use std::fmt::{self, Display, Formatter};
use std::fs;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use harness::{Command, bin, leave_out};

/// A copier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Tool {
    /// GNU cp, which all others are compared with.
    Cp,
    /// `cp -a`, where the comparison is with `cp -r`.
    CpArchive,
    /// Ours.
    Filecopy,
    /// rsync, from the distribution.
    Rsync,
    /// xcp, see `bench/peers`.
    Xcp,
    /// fcp, see `bench/peers`.
    Fcp,
    /// cpz, see `bench/peers`.
    Cpz,
    /// The shape of the original copier, in Python as it was.
    Original,
}

/// What is to be copied, and how true.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// One file.
    File,
    /// One file, safe on disk when the command ends.
    SyncedFile,
    /// One file with holes, to be kept.
    SparseFile,
    /// A tree, as `cp -r` does.
    Tree,
    /// A tree with everything kept, as `cp -a` does.
    FullTree,
    /// Every file of a folder, named one by one, into another folder.
    Files,
}

impl Tool {
    /// As shown in tables.
    pub(crate) fn name(self, shape: Shape) -> &'static str {
        match (self, shape) {
            (Self::Cp, Shape::Tree) => "cp -r",
            (Self::Cp, Shape::FullTree) => "cp -a",
            (Self::Cp, Shape::SyncedFile) => "cp + sync",
            (Self::Cp, Shape::File | Shape::SparseFile | Shape::Files) => "cp",
            (Self::CpArchive, _) => "cp -a",
            (Self::Filecopy, _) => "filecopy",
            (Self::Rsync, _) => "rsync",
            (Self::Xcp, _) => "xcp",
            (Self::Fcp, _) => "fcp",
            (Self::Cpz, _) => "cpz",
            (Self::Original, _) => "original",
        }
    }

    /// Its arguments for copying `source` to `target`; `None` where it cannot do that.
    fn args(self, shape: Shape, source: &Path, target: &Path) -> Option<Vec<PathBuf>> {
        let options: &[&str] = match (self, shape) {
            (Self::Cp, Shape::SyncedFile) => &["-c", "cp \"$1\" \"$2\" && sync \"$2\"", "sh"],
            (Self::Cp, Shape::Tree) => &["-r"],
            (Self::Cp, Shape::FullTree) | (Self::CpArchive, Shape::Tree) => &["-a"],
            (Self::Cp, Shape::File | Shape::SparseFile | Shape::Files) => &[],
            (Self::Filecopy, Shape::SyncedFile) => &["--quiet", "--no-log", "--fsync"],
            (Self::Filecopy, _) => &["--quiet", "--no-log"],
            (Self::Rsync, Shape::SyncedFile) => &["-a", "-W", "--fsync"],
            (Self::Rsync, Shape::SparseFile) => &["-a", "-W", "-S"],
            (Self::Rsync, Shape::FullTree) => &["-a", "-W", "-H", "-A", "-X"],
            (Self::Rsync, _) => &["-a", "-W"],
            (Self::Xcp, Shape::SyncedFile) => &["--fsync"],
            (Self::Xcp, Shape::Tree | Shape::FullTree) => &["-r", "-T"],
            (Self::Xcp, Shape::File | Shape::SparseFile | Shape::Files) => &[],
            (Self::Fcp | Self::Cpz, Shape::SyncedFile) => return None,
            (Self::Fcp | Self::Cpz, _) => &[],
            (Self::Original, Shape::File | Shape::Files) => &[],
            (Self::CpArchive | Self::Original, _) => return None,
        };
        let mut args: Vec<PathBuf> = options.iter().map(PathBuf::from).collect();
        match (self, shape) {
            (Self::Original, Shape::Files) => {
                for file in files_in(source) {
                    let copy = target.join(file.file_name().unwrap_or_default());
                    args.extend([file, copy]);
                }
                return Some(args);
            }
            (_, Shape::Files) => args.extend(files_in(source)),
            // To rsync a trailing slash means: what is in it.
            (Self::Rsync, Shape::Tree | Shape::FullTree) => args.push(source.join("")),
            _ => args.push(source.to_path_buf()),
        }
        args.push(target.to_path_buf());
        Some(args)
    }
}

fn files_in(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.sort();
    files
}

/// Those who are here.
#[derive(Debug)]
pub(crate) struct Contestants {
    found: Vec<Found>,
}

#[derive(Debug)]
struct Found {
    tool: Tool,
    program: PathBuf,
    version: String,
}

impl Contestants {
    /// Looks for `wanted`, or for everyone if that is empty. cp is always there.
    pub(crate) fn find(wanted: &[Tool], peers: &Path) -> Self {
        let is_wanted =
            |tool: &Tool| *tool == Tool::Cp || wanted.is_empty() || wanted.contains(tool);
        let found = Tool::value_variants().iter().filter(|tool| is_wanted(tool));
        Self {
            found: found
                .filter_map(|tool| Found::look_for(*tool, peers))
                .collect(),
        }
    }

    /// Everyone, with name and version.
    pub(crate) fn versions(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let shown = self
            .found
            .iter()
            .filter(|found| found.tool != Tool::CpArchive);
        shown.map(|found| (found.tool.name(Shape::File), found.version.as_str()))
    }

    /// How `tool` copies `source` to `target`; `None` if it is not here or cannot.
    pub(crate) fn command(
        &self,
        tool: Tool,
        shape: Shape,
        source: &Path,
        target: &Path,
    ) -> Option<Command> {
        let found = self.found.iter().find(|found| found.tool == tool)?;
        let args = tool.args(shape, source, target)?;
        let command = match (tool, shape) {
            (Tool::Cp, Shape::SyncedFile) => Command::new("sh"),
            (Tool::Original, _) => Command::new(&found.program)
                .arg("-c")
                .arg(include_str!("original.py")),
            _ => Command::new(&found.program),
        };
        Some(command.args(args))
    }
}

impl Display for Contestants {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (name, version) in self.versions() {
            writeln!(f, "{name}: {version}")?;
        }
        Ok(())
    }
}

impl Found {
    fn look_for(tool: Tool, peers: &Path) -> Option<Self> {
        let group = tool.name(Shape::File);
        let peer = |name: &str| {
            let program = peers.join("bin").join(name);
            if !program.is_file() {
                leave_out(group, "not installed", "run tests/bench/peers");
                return None;
            }
            Some(program)
        };
        let distributed = |name: &str| harness::needs_tool(group, name, name);
        let program = match tool {
            Tool::Cp | Tool::CpArchive => distributed("cp")?,
            Tool::Rsync => distributed("rsync")?,
            Tool::Filecopy => bin("filecopy"),
            Tool::Xcp => peer("xcp")?,
            Tool::Fcp => peer("fcp")?,
            Tool::Cpz => peer("cpz")?,
            Tool::Original => {
                // A version manager's wrapper would add its own start to each run.
                let python = distributed("python3")?;
                let script = "import sys; print(sys.executable, end='')";
                let output = Command::new(python)
                    .args(["-c", script])
                    .env("HOME", home())
                    .run();
                PathBuf::from(output.succeeds().stdout_text().as_ref())
            }
        };
        let output = Command::new(&program).arg("--version").run();
        // fcp answers on the other stream.
        let said = [output.stdout_text(), output.stderr_text()].concat();
        let version = said.lines().next().unwrap_or("unknown").trim().to_owned();
        Some(Self {
            tool,
            program,
            version,
        })
    }
}

fn home() -> std::ffi::OsString {
    std::env::var_os("HOME").unwrap_or_default()
}
