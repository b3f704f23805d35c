//! System calls for a request, counted by strace in a load of their own: it slows a server tenfold.

use std::path::Path;

use harness::{Command, SOON, Signal, needs_tool};

use crate::check::Checked;
use crate::load;
use crate::rows::Row;
use crate::scene::{Scene, Started};

/// `None` if that cannot be counted here.
pub(crate) fn for_a_request(
    scene: &Scene,
    row: &Row,
    started: &Started,
    checked: &Checked,
) -> Option<f64> {
    let strace = needs_tool("system calls", "strace", "strace")?;
    let family = started.family();
    let pids = family.pids().iter();
    let pids = pids.flat_map(|pid| [String::from("-p"), pid.to_string()]);
    let mut counter = Command::new(strace)
        .args(["-f", "-c", "-U", "calls,name", "-o", "calls.txt"])
        .args(pids)
        .cwd(scene.desk.path())
        .start();
    let attached = format!("Process {} attached", family.pids().last()?);
    counter.wait_stderr(&attached, SOON);
    let run = load::run(scene, row, started, checked);
    counter.signal(Signal::INT);
    counter.wait(SOON);
    let calls = total(&scene.desk.read_text(Path::new("calls.txt")))?;
    Some(calls / run.ok()?.requests)
}

/// From the last line of strace's summary.
fn total(summary: &str) -> Option<f64> {
    let line = summary
        .lines()
        .find(|line| line.trim_end().ends_with("total"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_is_found() {
        let summary = "    calls syscall\n--------- -------\n       12 read\n        3 write\n\
                       --------- -------\n       15 total\n";
        assert_eq!(total(summary), Some(15.0));
        assert_eq!(total(""), None);
    }
}
