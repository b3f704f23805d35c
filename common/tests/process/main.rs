//! What only whole processes can show: signals, panics, full disks, terminals.
//!
//! Each test runs `examples/probe.rs` in one of its parts.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a failure here is a failed test")]
#![expect(clippy::print_stdout, reason = "what is left out is said")]

mod console;
mod logging;
mod signals;

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError};
use rustix::process::{Pid, Signal, kill_process};

/// After this, what a test waits for will not come.
const DEADLINE: Duration = Duration::from_secs(10);

/// The example that plays the programs. Cargo builds it for `cargo test`, not for `cargo test --test process`.
fn probe() -> Command {
    let test = std::env::current_exe().unwrap();
    let path: PathBuf = test
        .parent()
        .unwrap()
        .parent()
        .unwrap()
        .join("examples/probe");
    assert!(
        path.exists(),
        "{} is missing: run `cargo build -p common --examples`",
        path.display()
    );
    let mut command = Command::new(path);
    command.env_remove("RUST_BACKTRACE");
    command
}

/// A child whose output is read line by line; it is killed if the test ends before it.
struct Running {
    child: Child,
    lines: Receiver<String>,
}

impl Running {
    fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let stdout = child.stdout.take().unwrap();
        let (sender, lines) = crossbeam_channel::unbounded();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines() {
                if sender.send(line.unwrap()).is_err() {
                    return;
                }
            }
        });
        Self { child, lines }
    }

    #[track_caller]
    fn expect_line(&self, expected: &str) {
        match self.lines.recv_timeout(DEADLINE) {
            Ok(line) => assert_eq!(line, expected),
            Err(RecvTimeoutError::Timeout) => panic!("waited too long for {expected:?}"),
            Err(RecvTimeoutError::Disconnected) => panic!("it ended before {expected:?}"),
        }
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// The exit code, once it has closed its output and ended.
    #[track_caller]
    fn finish(&mut self) -> Option<i32> {
        while self.lines.recv_timeout(DEADLINE).is_ok() {}
        assert_eq!(
            self.lines.recv_timeout(Duration::ZERO),
            Err(RecvTimeoutError::Disconnected),
            "it did not end"
        );
        self.child.wait().unwrap().code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
