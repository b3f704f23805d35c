//! What one run of a program used, and how several runs spread.
//!
//! Trap: the kernel counts into the peak of a child what it had in memory before its exec, and with the cheap way to
//! start one (vfork) that is all the memory of the *starting* process. So a real fork is used here, which begins with
//! few pages. A measuring program should all the same stay small, do anything big in a child of its own, and measure
//! `true` once to know the least that can be seen.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::getgid;
use wait4::Wait4;

use crate::fail::Must;
use crate::running::{end, ends_within, spawn};
use crate::sandbox::Sandbox;
use crate::time::Stopwatch;

/// What one run used.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// From start to end.
    pub wall: Duration,
    /// User and system time together, of it and of the children it waited for.
    pub cpu: Duration,
    /// The most memory it held at once, in bytes.
    pub peak_rss: u64,
}

/// Runs `command` to its end.
#[track_caller]
pub(crate) fn measure(mut command: Command, shown: &str, limit: Duration) -> Usage {
    // A file, since a pipe would need a reader that competes for the processors.
    let sandbox = Sandbox::new();
    let errors = File::create_new(sandbox.join("stderr")).must("create a file for errors");
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(errors)
        // Our own group changes nothing, but makes the standard library fork.
        .gid(getgid().as_raw());

    let since = Stopwatch::start();
    let mut child = spawn(&mut command).must(format_args!("start {shown}"));
    if !ends_within(&child, limit) {
        end(&mut child);
        panic!("not ended after {limit:?}: {shown}");
    }
    let wall = since.elapsed();
    let used = child.wait4().must(format_args!("wait for {shown}"));
    assert!(
        used.status.success(),
        "{}: {shown}\n{}",
        used.status,
        sandbox.read_text("stderr")
    );
    Usage {
        wall,
        cpu: used.rusage.utime + used.rusage.stime,
        peak_rss: used.rusage.maxrss,
    }
}

/// The middle and the ends of several measurements.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// The least.
    pub min: f64,
    /// The middle one, or between the two middle ones.
    pub median: f64,
    /// The greatest.
    pub max: f64,
}

impl Spread {
    /// Of at least one value.
    ///
    /// # Panics
    /// When there is none.
    #[track_caller]
    pub fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let (Some(min), Some(max)) = (values.first(), values.last()) else {
            panic!("no values");
        };
        let middle = values.len() / 2;
        let median = if values.len() % 2 == 1 {
            values[middle]
        } else {
            f64::midpoint(values[middle - 1], values[middle])
        };
        Self {
            min: *min,
            median,
            max: *max,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_has_the_middle_and_the_ends() {
        let rows = [
            ("one", vec![3.0], (3.0, 3.0, 3.0)),
            ("odd", vec![9.0, 1.0, 2.0], (1.0, 2.0, 9.0)),
            ("even", vec![4.0, 1.0, 3.0, 2.0], (1.0, 2.5, 4.0)),
        ];
        for (name, values, (min, median, max)) in rows {
            assert_eq!(Spread::of(values), Spread { min, median, max }, "{name}");
        }
    }

    #[test]
    fn a_run_is_measured() {
        let script = "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; head -c 20000000 /dev/zero | tail -c 20000000";
        let usage = crate::Command::new("sh").args(["-c", script]).measure();
        assert!(
            usage.cpu > Duration::ZERO && usage.wall > Duration::ZERO,
            "{usage:?}"
        );
        // tail keeps all of it; what sh waited for counts.
        assert!(usage.peak_rss > 20_000_000, "{usage:?}");
    }

    #[test]
    #[should_panic(expected = "oops")]
    fn a_failing_run_is_no_measurement() {
        crate::Command::new("sh")
            .args(["-c", "echo oops >&2; exit 1"])
            .measure();
    }
}
