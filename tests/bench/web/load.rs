//! One load on one server: `wrk` asks as fast as it gets answers, and the kernel's counts tell what that took.
//!
//! wrk has one thread; every connection sends its next request when the last reply is there (a closed loop).

use std::time::Duration;

use harness::{Command, Stopwatch};

use crate::check::Checked;
use crate::noise::Processors;
use crate::rows::{Ask, Row};
use crate::scene::{Scene, Started};

/// Longer than any reply should take; wrk does not wait for more.
const TIMEOUT: &str = "10s";

/// One load, measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    /// Replies, those at the end counted by their part.
    pub(crate) requests: f64,
    pub(crate) wall: Duration,
    /// The server's processor time.
    pub(crate) cpu: Duration,
    /// The server's context switches.
    pub(crate) switches: f64,
    p50: Duration,
    p99: Duration,
    /// Processors kept busy by neither the server nor the load.
    pub(crate) others: f64,
    /// Processors taken by the host.
    pub(crate) stolen: f64,
}

impl Run {
    /// The server's processor time for a request, in microseconds.
    pub(crate) fn cpu_us(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.requests
    }

    /// Requests a second.
    pub(crate) fn rate(&self) -> f64 {
        self.requests / self.wall.as_secs_f64()
    }

    /// Median latency, in milliseconds.
    pub(crate) fn p50_ms(&self) -> f64 {
        self.p50.as_secs_f64() * 1e3
    }

    /// The latency that one in a hundred exceeds, in milliseconds; not a number where wrk cannot tell: it estimates
    /// what it has not seen, and loses count when a server leaves connections without an answer for long.
    pub(crate) fn p99_ms(&self) -> f64 {
        if self.p99 < self.p50 {
            return f64::NAN;
        }
        self.p99.as_secs_f64() * 1e3
    }

    /// Context switches for a request.
    pub(crate) fn switches(&self) -> f64 {
        self.switches / self.requests
    }
}

/// Loads `started` with what `row` asks.
///
/// # Errors
/// When not every reply was whole and as it was when it was checked.
pub(crate) fn run(
    scene: &Scene,
    row: &Row,
    started: &Started,
    checked: &Checked,
) -> Result<Run, String> {
    scene.goes_on();
    let family = started.family();
    let (processors, counts, since) = (Processors::now(), family.counts(), Stopwatch::start());
    let client_cpu = command(scene, row, started, checked).measure().cpu;
    let (wall, used) = (since.elapsed(), family.counts());
    let after = Processors::now();

    let report = Report::read(&scene.desk.read_text(REPORT));
    report.check(row, checked.reply_len)?;
    let cpu = used.cpu.saturating_sub(counts.cpu);
    let ours = (cpu + client_cpu).as_secs_f64();
    let busy = after.busy.saturating_sub(processors.busy).as_secs_f64();
    let stolen = after.stolen.saturating_sub(processors.stolen).as_secs_f64();
    Ok(Run {
        requests: as_f64(report.bytes) / as_f64(checked.reply_len as u64),
        wall: report.wall,
        cpu,
        switches: as_f64(used.switches.saturating_sub(counts.switches)),
        p50: report.p50,
        p99: report.p99,
        others: (busy - ours).max(0.0) / wall.as_secs_f64(),
        stolen: stolen / wall.as_secs_f64(),
    })
}

/// Heads of the same kind differ by no more: lighttpd's tags are numbers of any length.
const HEAD_SLACK: usize = 16;

/// Where `wrk.lua` writes.
const REPORT: &str = "report.txt";

fn command(scene: &Scene, row: &Row, started: &Started, checked: &Checked) -> Command {
    let headers = checked.headers.iter();
    let headers =
        headers.flat_map(|(name, value)| [String::from("-H"), format!("{name}: {value}")]);
    Command::new(&scene.wrk)
        .args(["-t", "1", "--timeout", TIMEOUT, "-s", "wrk.lua"])
        .args([
            "-c",
            &row.connections.to_string(),
            "-d",
            &scene.seconds.to_string(),
        ])
        .args(headers)
        .arg(format!(
            "http://127.0.0.1:{}{}",
            started.port,
            row.ask.path()
        ))
        .args(["--", row.ask.kind()])
        .cwd(scene.desk.path())
}

/// What `wrk.lua` writes.
#[derive(Debug, PartialEq)]
struct Report {
    /// Replies read to their end.
    requests: u64,
    wall: Duration,
    bytes: u64,
    /// Connections refused or broken.
    broken: u64,
    /// Replies of status 400 and above.
    refused: u64,
    /// Replies that took longer than [`TIMEOUT`].
    late: u64,
    p50: Duration,
    p99: Duration,
}

impl Report {
    fn read(line: &str) -> Self {
        let numbers = line.split_whitespace().map(str::parse);
        let numbers: Vec<u64> = numbers
            .collect::<Result<_, _>>()
            .expect("wrk.lua writes numbers");
        let [requests, wall, bytes, broken, refused, late, p50, p99] = numbers[..] else {
            panic!("wrk.lua wrote {line}");
        };
        Self {
            requests,
            wall: Duration::from_micros(wall),
            bytes,
            broken,
            refused,
            late,
            p50: Duration::from_micros(p50),
            p99: Duration::from_micros(p99),
        }
    }

    /// Whether these can be replies of `reply_len` bytes and the row's status, and nothing else.
    fn check(&self, row: &Row, reply_len: usize) -> Result<(), String> {
        // Some close without having said so.
        let broken = if let Ask::Once(_) = row.ask {
            self.requests + row.connections as u64
        } else {
            0
        };
        let refused = if row.ask.status() >= 400 {
            self.requests
        } else {
            0
        };
        let least = self.requests * (reply_len - HEAD_SLACK) as u64;
        let partial = row.in_flight() * (reply_len + HEAD_SLACK);
        let most = self.requests * (reply_len + HEAD_SLACK) as u64 + partial as u64;
        let faults = [
            (self.requests == 0, "no replies"),
            (self.broken > broken, "broken connections"),
            (self.late > 0, "late replies"),
            (self.refused != refused, "replies of another status"),
            (
                !(least..=most).contains(&self.bytes),
                "replies of another length",
            ),
        ];
        let found = faults.iter().find(|(is_so, _)| *is_so);
        found.map_or(Ok(()), |(_, fault)| Err(format!("{fault}: {self:?}")))
    }
}

/// For ratios; what is counted here is far below 2^53.
pub(crate) fn as_f64(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_replies_as_they_were_checked_count() {
        let row = Row::named("1k@2").expect("a row");
        let missing = Row::named("404@64").expect("a row");
        let rows = [
            ("all whole", row, "10 1000000 1000 0 0 0 50 99", None),
            ("two under way", row, "10 1000000 1200 0 0 0 50 99", None),
            ("nothing", row, "0 1000000 0 0 0 0 0 0", Some("no replies")),
            (
                "too much",
                row,
                "10 1000000 1400 0 0 0 50 99",
                Some("another length"),
            ),
            (
                "too little",
                row,
                "10 1000000 800 0 0 0 50 99",
                Some("another length"),
            ),
            ("broken", row, "10 1000000 1000 1 0 0 50 99", Some("broken")),
            ("late", row, "10 1000000 1000 0 0 1 50 99", Some("late")),
            (
                "refused",
                row,
                "10 1000000 1000 0 1 0 50 99",
                Some("another status"),
            ),
            ("all refused", missing, "10 1000000 1000 0 10 0 50 99", None),
            (
                "not all refused",
                missing,
                "10 1000000 1000 0 9 0 50 99",
                Some("another status"),
            ),
        ];
        for (name, row, line, fault) in rows {
            let found = Report::read(line).check(&row, 100);
            match fault {
                None => assert_eq!(found, Ok(()), "{name}"),
                Some(fault) => {
                    let found = found.expect_err(name);
                    assert!(found.contains(fault), "{name}: {found}");
                }
            }
        }
    }
}
