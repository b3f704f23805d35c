//! A program that runs beside the test, and ends with it.

use std::fmt::{self, Display, Formatter};
use std::io::{self, Read, Write};
use std::process::{Child, ChildStdin, Command};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};

use crate::fail::Must;
use crate::output::Output;
use crate::sandbox::Sandbox;
use crate::time::{Deadline, Stopwatch, patiently};
use crate::watched::Watched;

/// After the program's end its output is read to the end, unless a process that it left behind holds the pipe.
const DRAIN_LIMIT: Duration = Duration::from_secs(2);

/// A started program. Dropping it kills it.
#[derive(Debug)]
pub struct Running {
    child: Child,
    stdin: Option<ChildStdin>,
    command: String,
    stdout: Arc<Watched<Tail>>,
    stderr: Arc<Watched<Tail>>,
    since: Stopwatch,
    /// A copy of the program that must stay until it ends.
    _kept: Option<Sandbox>,
}

/// What has come through a pipe.
#[derive(Debug, Default)]
struct Tail {
    bytes: Vec<u8>,
    is_closed: bool,
}

impl Running {
    /// Takes over a child whose three standard streams are pipes.
    pub(crate) fn new(mut child: Child, command: String, kept: Option<Sandbox>) -> Self {
        let stdout = follow(child.stdout.take().expect("stdout is a pipe"));
        let stderr = follow(child.stderr.take().expect("stderr is a pipe"));
        Self {
            stdin: child.stdin.take(),
            child,
            command,
            stdout,
            stderr,
            since: Stopwatch::start(),
            _kept: kept,
        }
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Writes to its standard input.
    #[track_caller]
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        let Some(stdin) = &mut self.stdin else {
            panic!("the standard input of {} is closed", self.command);
        };
        let sent = stdin.write_all(bytes.as_ref()).and_then(|()| stdin.flush());
        if let Err(error) = sent {
            panic!("write to the program: {error}\n{self}");
        }
        self
    }

    /// Closes its standard input: it reads the end.
    pub fn close_stdin(&mut self) -> &mut Self {
        self.stdin = None;
        self
    }

    pub(crate) fn take_stdin(&mut self) -> Option<ChildStdin> {
        self.stdin.take()
    }

    /// Sends it a signal.
    #[track_caller]
    pub fn signal(&mut self, signal: Signal) -> &mut Self {
        kill_process(Pid::from_child(&self.child), signal)
            .must(format_args!("send {signal:?} to {}", self.command));
        self
    }

    /// Whether it has not ended yet.
    #[track_caller]
    pub fn is_running(&mut self) -> bool {
        let status = self
            .child
            .try_wait()
            .must(format_args!("look after {}", self.command));
        status.is_none()
    }

    /// What it wrote to standard output so far.
    pub fn stdout(&self) -> Vec<u8> {
        self.stdout.look(|tail| tail.bytes.clone())
    }

    /// What it wrote to standard error so far.
    pub fn stderr(&self) -> Vec<u8> {
        self.stderr.look(|tail| tail.bytes.clone())
    }

    /// Waits until `text` has come on standard output, and returns all that came.
    #[track_caller]
    pub fn wait_stdout(&self, text: &str, limit: Duration) -> String {
        self.wait_text(&self.stdout, "stdout", text, limit)
    }

    /// Waits until `text` has come on standard error, and returns all that came.
    #[track_caller]
    pub fn wait_stderr(&self, text: &str, limit: Duration) -> String {
        self.wait_text(&self.stderr, "stderr", text, limit)
    }

    /// Waits until all that has come on standard output satisfies `is_there`, and returns it.
    ///
    /// # Panics
    /// When it does not within `limit`, or the program closes its output first.
    #[track_caller]
    pub fn wait_stdout_for(
        &self,
        what: &str,
        limit: Duration,
        is_there: impl FnMut(&[u8]) -> bool,
    ) -> Vec<u8> {
        self.wait_for(&self.stdout, what, limit, is_there)
    }

    /// Waits until all that has come on standard error satisfies `is_there`, and returns it.
    ///
    /// # Panics
    /// As [`Running::wait_stdout_for`].
    #[track_caller]
    pub fn wait_stderr_for(
        &self,
        what: &str,
        limit: Duration,
        is_there: impl FnMut(&[u8]) -> bool,
    ) -> Vec<u8> {
        self.wait_for(&self.stderr, what, limit, is_there)
    }

    /// Waits for its end. Its standard input stays as it is: close it first if it should read the end.
    ///
    /// # Panics
    /// When it has not ended after `limit`; it is killed then, and what it wrote is in the message.
    #[track_caller]
    pub fn wait(mut self, limit: Duration) -> Output {
        // One that was seen to have ended is reaped, and its id may be another's by now.
        if self.is_running() && !ends_within(&self.child, limit) {
            panic!("not ended after {limit:?}\n{self}");
        }
        let status = self
            .child
            .wait()
            .must(format_args!("wait for {}", self.command));
        let elapsed = self.since.elapsed();
        let drained = Deadline::after(DRAIN_LIMIT);
        for tail in [&self.stdout, &self.stderr] {
            tail.wait(drained, |tail| tail.is_closed);
        }
        Output {
            command: self.command.clone(),
            status,
            stdout: self.stdout(),
            stderr: self.stderr(),
            elapsed,
        }
    }

    #[track_caller]
    fn wait_for(
        &self,
        tail: &Watched<Tail>,
        what: &str,
        limit: Duration,
        mut is_there: impl FnMut(&[u8]) -> bool,
    ) -> Vec<u8> {
        let mut found = None;
        tail.wait(Deadline::after(limit), |tail| {
            found = is_there(&tail.bytes).then(|| tail.bytes.clone());
            found.is_some() || tail.is_closed
        });
        found.unwrap_or_else(|| panic!("no {what} within {limit:?}\n{self}"))
    }

    #[track_caller]
    fn wait_text(&self, tail: &Watched<Tail>, name: &str, text: &str, limit: Duration) -> String {
        let mut all = String::new();
        let mut is_closed = false;
        tail.wait(Deadline::after(limit), |tail| {
            all = String::from_utf8_lossy(&tail.bytes).into_owned();
            is_closed = tail.is_closed;
            is_closed || all.contains(text)
        });
        let why = if is_closed {
            "it is closed"
        } else {
            "still open"
        };
        assert!(
            all.contains(text),
            "no {text:?} on {name} within {limit:?} ({why})\n{self}"
        );
        all
    }
}

impl Display for Running {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "  command: {} (pid {})", self.command, self.pid())?;
        for (name, bytes) in [("stdout", self.stdout()), ("stderr", self.stderr())] {
            writeln!(f, "  {name} so far ({} bytes):", bytes.len())?;
            for line in String::from_utf8_lossy(&bytes).lines() {
                writeln!(f, "    {}", line.escape_debug())?;
            }
        }
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// Starts a child; waits while the program is still open for writing somewhere, as one just copied may be.
pub(crate) fn spawn(command: &mut Command) -> io::Result<Child> {
    patiently(
        || command.spawn(),
        |error| error.kind() == io::ErrorKind::ExecutableFileBusy,
    )
}

/// Kills and reaps a child; nothing to do for one that has ended.
pub(crate) fn end(child: &mut Child) {
    // The standard library sends nothing once the child is reaped, so the id cannot be another process's by now.
    child.kill().ok();
    child.wait().ok();
}

/// Waits for the end of a child without reaping it.
#[track_caller]
pub(crate) fn ends_within(child: &Child, limit: Duration) -> bool {
    let handle = pidfd_open(Pid::from_child(child), PidfdFlags::empty()).must("watch the child");
    let deadline = Deadline::after(limit);
    loop {
        let left =
            Timespec::try_from(deadline.left()).expect("a deadline within the kernel's range");
        match poll(&mut [PollFd::new(&handle, PollFlags::IN)], Some(&left)) {
            Ok(0) => return false,
            Ok(_) => return true,
            Err(Errno::INTR) => {}
            Err(error) => panic!("watch the child: {error}"),
        }
    }
}

/// Collects what comes through a pipe on a thread that ends with it.
fn follow(mut pipe: impl Read + Send + 'static) -> Arc<Watched<Tail>> {
    let tail = Arc::new(Watched::new(Tail::default()));
    let shared = Arc::clone(&tail);
    thread::spawn(move || {
        let mut buffer = vec![0; 64 << 10];
        while let Ok(len @ 1..) = pipe.read(&mut buffer) {
            shared.change(|tail| tail.bytes.extend_from_slice(&buffer[..len]));
        }
        shared.change(|tail| tail.is_closed = true);
    });
    tail
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Command;
    use crate::time::{SOON, wait_until};
    use std::path::Path;

    fn shell(script: &str) -> Running {
        Command::new("sh").args(["-c", script]).start()
    }

    #[test]
    fn a_conversation() {
        let mut running =
            shell("while read line; do echo \"got $line\"; done; echo bye >&2; exit 4");
        running.send("one\n");
        running.wait_stdout("got one", SOON);
        running.send("two\n");
        assert_eq!(running.wait_stdout("got two", SOON), "got one\ngot two\n");
        assert!(running.is_running());
        running.close_stdin();
        running.wait_stderr("bye", SOON);
        running
            .wait(SOON)
            .exits_with(4)
            .stdout_is("got one\ngot two\n");
    }

    #[test]
    fn its_output_can_be_awaited_by_any_condition() {
        let mut running = shell("echo one; echo oops >&2; read line; echo two");
        let is_whole = |bytes: &[u8]| bytes.ends_with(b"\n");
        assert_eq!(running.wait_stdout_for("a line", SOON, is_whole), b"one\n");
        assert_eq!(running.wait_stderr_for("a line", SOON, is_whole), b"oops\n");
        running.send("\n");
        running.wait_stdout_for("two lines", SOON, |bytes| bytes.len() == 8);
    }

    #[test]
    #[should_panic(expected = "no third line within")]
    fn a_condition_that_cannot_hold_any_more_fails_at_once() {
        shell("echo one").wait_stdout_for("third line", Duration::from_secs(600), |_| false);
    }

    #[test]
    fn a_signal_reaches_it() {
        let mut running =
            shell("trap 'echo caught; exit 130' INT; echo ready; while :; do read x; done");
        running.wait_stdout("ready", SOON);
        // The end of its input wakes a shell that takes the signal only after the line it reads.
        running.signal(Signal::INT).close_stdin();
        running.wait(SOON).exits_with(130).stdout_has("caught");
    }

    #[test]
    fn it_dies_with_the_test() {
        let running = shell("exec sleep 600");
        let process = format!("/proc/{}", running.pid());
        assert!(Path::new(&process).exists());
        drop(running);
        wait_until("the process is gone", SOON, || {
            !Path::new(&process).exists()
        });
    }

    #[test]
    #[should_panic(expected = "it is closed")]
    fn text_that_cannot_come_any_more_fails_at_once() {
        shell("echo other").wait_stdout("text", Duration::from_secs(600));
    }

    #[test]
    fn a_process_left_behind_does_not_hold_up_the_test() {
        let output = shell("sleep 3 & echo done").wait(SOON);
        output.succeeds().stdout_is("done\n");
    }
}
