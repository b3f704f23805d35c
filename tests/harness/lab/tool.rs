//! Runs `ip` and `nft` with what they are to do on their standard input.
//!
//! A batch each, not a process per line: a lab is some hundred lines.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use crate::fail::Must;
use crate::needs::{needs_root, needs_tool};
use crate::time::{SOON, wait_until};

/// The two programs that networks are made with.
#[derive(Clone, Debug)]
pub(super) struct Tools {
    pub(super) ip: PathBuf,
    nft: PathBuf,
}

impl Tools {
    /// Both, or `None` and a printed line.
    #[track_caller]
    pub(super) fn find(group: &str) -> Option<Self> {
        needs_root(group)?;
        Some(Self {
            ip: needs_tool(group, "ip", "iproute2")?,
            nft: needs_tool(group, "nft", "nftables")?,
        })
    }

    /// Runs lines of `ip`, in the network namespace of the calling thread.
    #[track_caller]
    pub(super) fn ip(&self, lines: &str) {
        run(Command::new(&self.ip).args(["-batch", "-"]), lines);
    }

    /// Runs lines of `ip`, passing over those that fail: for taking down.
    pub(super) fn ip_as_far_as_it_goes(&self, lines: &str) {
        let mut command = Command::new(&self.ip);
        attempt(command.args(["-force", "-batch", "-"]), lines).ok();
    }

    /// Waits until interfaces of the calling thread's namespace carry packets.
    ///
    /// The kernel starts an interface some time after it has seen the other end come up. What is sent before is lost,
    /// and an address resolution that is lost is repeated only after a second.
    #[track_caller]
    pub(super) fn wait_for_links(&self, names: &[String]) {
        wait_until(&format!("the links {names:?}"), SOON, || {
            let mut command = Command::new(&self.ip);
            let output = attempt(command.args(["-brief", "link"]), "").must("list the links");
            let states = String::from_utf8_lossy(&output.stdout).into_owned();
            let up: BTreeSet<_> = states.lines().filter_map(up_link).collect();
            names.iter().all(|name| up.contains(name.as_str()))
        });
    }

    /// Loads rules in one transaction, in the network namespace of the calling thread.
    #[track_caller]
    pub(super) fn nft(&self, rules: &str) {
        run(Command::new(&self.nft).args(["-f", "-"]), rules);
    }
}

/// The name of a link that is up, from its line, such as `eth0@if2 UP 02:00:00:00:00:01 <…>`. The state of a TUN
/// device is always unknown.
fn up_link(line: &str) -> Option<&str> {
    let mut words = line.split_whitespace();
    let name = words.next()?;
    let is_up = matches!(words.next()?, "UP" | "UNKNOWN");
    is_up.then(|| name.split_once('@').map_or(name, |(name, _)| name))
}

#[track_caller]
fn run(command: &mut Command, input: &str) {
    let name = command.get_program().to_owned();
    let name = name.display();
    let output = attempt(command, input).must(format_args!("run {name}"));
    assert!(
        output.status.success(),
        "{name}: {}\n{}\nof\n{input}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
}

fn attempt(command: &mut Command, input: &str) -> io::Result<Output> {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn()?;
    let mut stdin = child.stdin.take().expect("stdin is a pipe");
    // Refused lines may end it before it has read all: its own words say more than the broken pipe.
    stdin.write_all(input.as_bytes()).ok();
    drop(stdin);
    child.wait_with_output()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_that_are_up() {
        let rows = [
            (
                "eth0@if2         UP             02:00:00:00:00:01 <UP> ",
                Some("eth0"),
            ),
            (
                "lan              UP             02:00:00:00:00:01 <UP> ",
                Some("lan"),
            ),
            (
                "lan3             UNKNOWN        <POINTOPOINT,UP> ",
                Some("lan3"),
            ),
            (
                "eth0@if2         LOWERLAYERDOWN 02:00:00:00:00:01 <UP> ",
                None,
            ),
            (
                "lan              DOWN           02:00:00:00:00:01 <UP> ",
                None,
            ),
            ("", None),
        ];
        for (line, expected) in rows {
            assert_eq!(up_link(line), expected, "{line}");
        }
    }
}
