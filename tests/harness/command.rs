//! One program to run: its arguments, its surroundings, and what it may use.
//!
//! The environment starts empty but for what a program needs to run at all, so that a test means the same on every
//! machine: no colours, no locale surprises, no home folder with settings. Wrappers that need work between fork and
//! exec (limits, a controlling terminal) are util-linux programs in front, because doing it here would take `unsafe`.

use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{self, Stdio};
use std::time::Duration;
use std::{env, fs, thread};

use crate::binary::bin;
use crate::fail::Must;
use crate::measure::{Usage, measure};
use crate::needs::is_root;
use crate::output::Output;
use crate::pty::Pty;
use crate::running::{Running, spawn};
use crate::sandbox::Sandbox;

/// The user and group without rights that permission tests run as.
pub const NOBODY: u32 = 65_534;

/// How long [`Command::run`] waits unless told otherwise.
pub const RUN_LIMIT: Duration = Duration::from_secs(60);

/// What of our own environment a program keeps: where programs are, where temporary files go, and where a coverage
/// build writes.
const KEPT: [&str; 4] = ["PATH", "TMPDIR", "LLVM_PROFILE_FILE", "RUST_BACKTRACE"];

/// A bound that the kernel keeps for the program.
#[derive(Clone, Copy, Debug)]
pub enum Limit {
    /// Descriptors open at once.
    OpenFiles(u64),
    /// Bytes of one file; a write beyond ends in SIGXFSZ or EFBIG.
    FileSize(u64),
}

/// A program with everything it is started with.
#[derive(Debug)]
pub struct Command {
    program: PathBuf,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    cwd: Option<PathBuf>,
    stdin: Vec<u8>,
    limits: Vec<Limit>,
    user: Option<u32>,
    front: Vec<OsString>,
    deadline: Duration,
}

impl Command {
    /// The built program `name` of this workspace.
    #[track_caller]
    pub fn built(name: &str) -> Self {
        Self::new(bin(name))
    }

    /// Any program: a full path, or a name to be found along PATH.
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            args: Vec::new(),
            env: Vec::new(),
            cwd: None,
            stdin: Vec::new(),
            limits: Vec::new(),
            user: None,
            front: Vec::new(),
            deadline: RUN_LIMIT,
        }
    }

    /// Adds one argument, of any bytes.
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    pub fn args(mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.args
            .extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Sets a variable of the environment.
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env
            .push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Starts it in `folder`.
    pub fn cwd(mut self, folder: impl Into<PathBuf>) -> Self {
        self.cwd = Some(folder.into());
        self
    }

    /// What [`Command::run`] gives it to read; nothing by default.
    pub fn stdin(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.stdin = bytes.as_ref().to_vec();
        self
    }

    /// Bounds what it may use.
    pub fn limit(mut self, limit: Limit) -> Self {
        self.limits.push(limit);
        self
    }

    /// Runs it without root's rights: as [`NOBODY`] when the test is root, and as the test's own user otherwise.
    /// The program is copied to where that user can reach it, if need be.
    pub fn unprivileged(self) -> Self {
        if is_root() { self.user(NOBODY) } else { self }
    }

    /// Runs it as this user and the group of the same number, without further groups. Only root may.
    pub fn user(mut self, uid: u32) -> Self {
        self.user = Some(uid);
        self
    }

    /// Starts it by another program that takes root's rights, sets something up and then becomes what follows on its
    /// command line.
    pub(crate) fn behind(mut self, front: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        let front = front.into_iter().map(|word| word.as_ref().to_owned());
        self.front.extend(front);
        self
    }

    /// How long [`Command::run`] waits.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Runs it to its end.
    ///
    /// # Panics
    /// When it has not ended by the deadline; it is killed then, and what it wrote is in the message.
    #[track_caller]
    pub fn run(self) -> Output {
        let deadline = self.deadline;
        let stdin = self.stdin.clone();
        let mut running = self.start();
        let pipe = running.take_stdin();
        let writer = thread::spawn(move || {
            if let Some(mut pipe) = pipe {
                // A program that does not read its input is not wrong; it may end first.
                pipe.write_all(&stdin).ok();
            }
        });
        let output = running.wait(deadline);
        writer.join().expect("writing to a pipe does not panic");
        output
    }

    /// Runs it to its end with nothing to read and its output thrown away, and says what it used.
    ///
    /// # Panics
    /// When it has not ended by the deadline, or fails.
    #[track_caller]
    pub fn measure(self) -> Usage {
        let deadline = self.deadline;
        let (command, shown, _kept) = self.prepare(&[]);
        measure(command, &shown, deadline)
    }

    /// The command line, for messages.
    pub fn line(&self) -> String {
        let words = [self.program.as_os_str()]
            .into_iter()
            .chain(self.args.iter().map(AsRef::as_ref));
        let words: Vec<_> = words.map(OsStr::to_string_lossy).collect();
        words.join(" ")
    }

    /// Starts it, with its standard input held open for [`Running::send`].
    #[track_caller]
    pub fn start(self) -> Running {
        let (mut command, shown, kept) = self.prepare(&[]);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let child = spawn(&mut command).must(format_args!("start {shown}"));
        Running::new(child, shown, kept)
    }

    /// Starts it in a terminal of this many columns and rows.
    #[track_caller]
    pub fn in_terminal(self, columns: u16, rows: u16) -> Pty {
        // setsid makes its standard input the controlling terminal of a new session, as a login does.
        let (command, shown, kept) = self
            .env("TERM", "xterm-256color")
            .prepare(&["setsid", "--ctty"]);
        Pty::start(command, shown, kept, columns, rows)
    }

    /// The standard library's command, its command line for messages, and what must live as long as the child.
    #[track_caller]
    fn prepare(self, wrapper: &[&str]) -> (process::Command, String, Option<Sandbox>) {
        let mut line: Vec<OsString> = wrapper.iter().map(OsString::from).collect();
        let needs_root_first = !self.front.is_empty();
        line.extend(self.front);
        if let Some(uid) = self.user.filter(|_| needs_root_first) {
            let ids = [format!("--reuid={uid}"), format!("--regid={uid}")];
            line.push("setpriv".into());
            line.extend(ids.map(OsString::from));
            line.push("--clear-groups".into());
        }
        if !self.limits.is_empty() {
            line.push("prlimit".into());
            line.extend(self.limits.iter().map(Limit::as_option).map(OsString::from));
        }
        let mut kept = None;
        let mut program = self.program;
        if self.user.is_some() && program.is_absolute() && !is_open_to_all(&program) {
            let folder = Sandbox::new();
            let copy = folder.join(program.file_name().unwrap_or_default());
            // By another process: a file that this one has open for writing, a child of another thread may hold too,
            // and then it cannot be run.
            let made = process::Command::new("cp")
                .arg(&program)
                .arg(&copy)
                .status();
            let made = made.must(format_args!("copy {}", program.display()));
            assert!(made.success(), "copy {}: {made}", program.display());
            program = copy;
            kept = Some(folder);
        }
        line.push(program.into());
        line.extend(self.args);

        let mut command = process::Command::new(&line[0]);
        command.args(&line[1..]).env_clear();
        command
            .env("LC_ALL", "C.UTF-8")
            .env("TZ", "UTC")
            .env("HOME", "/nonexistent");
        command.envs(
            KEPT.iter()
                .filter_map(|name| Some((name, env::var_os(name)?))),
        );
        command.envs(self.env);
        if let Some(folder) = self.cwd {
            command.current_dir(folder);
        }
        if let Some(uid) = self.user.filter(|_| !needs_root_first) {
            // The standard library drops the supplementary groups together with root.
            command.uid(uid).gid(uid);
        }
        let words: Vec<_> = line.iter().map(|word| word.to_string_lossy()).collect();
        (command, words.join(" "), kept)
    }
}

impl Limit {
    /// As an option of prlimit, soft and hard together.
    fn as_option(&self) -> String {
        match self {
            Self::OpenFiles(count) => format!("--nofile={count}:{count}"),
            Self::FileSize(len) => format!("--fsize={len}:{len}"),
        }
    }
}

/// Whether any user may walk to this file and run it.
fn is_open_to_all(file: &Path) -> bool {
    const OTHERS_EXECUTE: u32 = 0o001;
    file.ancestors().all(|path| {
        let meta = fs::metadata(path);
        meta.is_ok_and(|meta| meta.permissions().mode() & OTHERS_EXECUTE != 0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::needs::needs_root;

    fn shell(script: &str) -> Command {
        Command::new("sh").args(["-c", script])
    }

    #[test]
    fn run_returns_how_it_ended_and_what_it_wrote() {
        let output = shell("cat; echo oops >&2; exit 3").stdin("said\n").run();
        output
            .exits_with(3)
            .stdout_is("said\n")
            .stderr_is("oops\n")
            .stderr_is_one_line();
        assert_eq!(shell("kill -9 $$").run().signal(), Some(9));
    }

    #[test]
    fn a_lot_of_input_and_output_do_not_block_each_other() {
        let input = vec![b'x'; 3 << 20];
        let output = shell("cat | tee /dev/stderr").stdin(&input).run();
        assert_eq!(
            (output.stdout.len(), output.stderr.len()),
            (input.len(), input.len())
        );
        shell("exit 0").stdin(&input).run().succeeds();
    }

    #[test]
    fn the_environment_is_clean() {
        let output = shell("env").env("GIVEN", "1").run();
        let text = output.stdout_text();
        let names: Vec<_> = text
            .lines()
            .filter_map(|line| line.split('=').next())
            .collect();
        for name in ["LC_ALL", "GIVEN", "PATH"] {
            assert!(names.contains(&name), "{name} in {names:?}");
        }
        for name in ["CARGO", "CARGO_MANIFEST_DIR", "NO_COLOR", "USER"] {
            assert!(!names.contains(&name), "{name} in {names:?}");
        }
    }

    #[test]
    fn any_bytes_are_an_argument() {
        use std::os::unix::ffi::OsStrExt;
        let strange = OsStr::from_bytes(b"\xff\n'\"");
        let output = shell("printf %s \"$1\"").arg("sh").arg(strange).run();
        output.stdout_is(strange.as_bytes());
    }

    #[test]
    fn limits_hold() {
        shell("ulimit -n")
            .limit(Limit::OpenFiles(24))
            .run()
            .stdout_is("24\n");
        let sandbox = Sandbox::new();
        let output = shell("head -c 4096 /dev/zero > file")
            .limit(Limit::FileSize(1024))
            .cwd(sandbox.path())
            .run();
        assert!(!output.status.success(), "{output}");
        assert_eq!(sandbox.read("file").len(), 1024);
    }

    #[test]
    fn an_unprivileged_program_has_no_rights_of_root() {
        let Some(()) = needs_root("programs of another user") else {
            return;
        };
        let sandbox = Sandbox::new();
        sandbox.file("secret", "x").mode("secret", 0o600);
        shell("id -u; id -G")
            .unprivileged()
            .run()
            .stdout_is("65534\n65534\n");
        let output = shell("cat secret").cwd(sandbox.path()).unprivileged().run();
        output.exits_with(1).stderr_has("Permission denied");
    }

    #[test]
    fn a_program_out_of_reach_is_copied_for_the_other_user() {
        let Some(()) = needs_root("programs of another user") else {
            return;
        };
        let sandbox = Sandbox::new();
        sandbox.dir("closed");
        fs::copy("/bin/echo", sandbox.join("closed/echo")).expect("copy a program");
        sandbox.mode("closed", 0o700);
        let output = Command::new(sandbox.join("closed/echo"))
            .arg("hi")
            .unprivileged()
            .run();
        output.succeeds().stdout_is("hi\n");
    }

    #[test]
    #[should_panic(expected = "so far")]
    fn the_deadline_shows_the_output_so_far() {
        shell("echo so far; exec sleep 600")
            .deadline(Duration::from_millis(300))
            .run();
    }
}
