//! What is counted while serving, and the text that tells it. No socket, no clock.
//!
//! Every worker counts for itself, in memory of its own, so that counting costs a worker an addition and no other
//! anything; they are added up when someone asks. Rule: one thread alone adds to a [`Counters`].

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::files::shelf::Lookups;
use crate::http::status::Status;

/// What one worker counts. Aligned so that it shares no cache line, nor the one fetched with it, with what others
/// write.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Counters {
    accepted: Count,
    closed: Count,
    full: Count,
    timed_out: Count,
    /// By the first digit of the status, 2 to 5.
    replied: [Count; CLASSES],
    sent: Count,
    kept: Count,
    opened: Count,
}

/// The classes of status codes that are ever sent: 2xx to 5xx.
const CLASSES: usize = 4;

impl Counters {
    /// A connection was accepted.
    pub fn accepted(&self) {
        self.accepted.add(1);
    }

    /// A connection ended.
    pub fn closed(&self) {
        self.closed.add(1);
    }

    /// There was no room for a connection, so that it had to wait or was turned away.
    pub fn full(&self) {
        self.full.add(1);
    }

    /// A client took too long.
    pub fn timed_out(&self) {
        self.timed_out.add(1);
    }

    /// A reply was made.
    pub fn replied(&self, status: Status) {
        let class = usize::from(status.code() / 100).saturating_sub(2);
        self.replied[class.min(CLASSES - 1)].add(1);
    }

    /// So many bytes were sent, heads included.
    pub fn sent(&self, len: u64) {
        self.sent.add(len);
    }

    /// So often paths were looked up, since the beginning.
    pub fn looked_up(&self, lookups: Lookups) {
        self.kept.set(lookups.remembered);
        self.opened.set(lookups.looked);
    }
}

/// A number that one thread adds to and any may read.
#[derive(Debug, Default)]
struct Count(AtomicU64);

impl Count {
    /// Not one atomic step, which would cost many times as much: nobody else adds.
    fn add(&self, number: u64) {
        self.set(self.get().wrapping_add(number));
    }

    fn set(&self, number: u64) {
        self.0.store(number, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What is told of a whole server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    workers: u64,
    accepted: u64,
    closed: u64,
    full: u64,
    timed_out: u64,
    replied: [u64; CLASSES],
    sent: u64,
    kept: u64,
    opened: u64,
    log_lines_lost: u64,
}

impl Totals {
    /// Adds up what all workers have counted. The lines of the access log that were lost are the log's to tell.
    pub fn of<'a>(workers: impl IntoIterator<Item = &'a Counters>, log_lines_lost: u64) -> Self {
        let mut totals = Self {
            log_lines_lost,
            ..Self::default()
        };
        for counters in workers {
            totals.workers += 1;
            // Before the accepted ones: what was read between the two must not make open connections negative.
            totals.closed += counters.closed.get();
            totals.accepted += counters.accepted.get();
            totals.full += counters.full.get();
            totals.timed_out += counters.timed_out.get();
            for (total, count) in totals.replied.iter_mut().zip(&counters.replied) {
                *total += count.get();
            }
            totals.sent += counters.sent.get();
            totals.kept += counters.kept.get();
            totals.opened += counters.opened.get();
        }
        totals
    }

    /// Connections that are open now.
    #[must_use]
    pub const fn open(&self) -> u64 {
        self.accepted.saturating_sub(self.closed)
    }

    /// The text that Prometheus reads (text exposition format 0.0.4).
    #[must_use]
    pub fn exposition(&self) -> String {
        let [success, redirect, client, server] = self.replied;
        let replies = [
            ("{class=\"2xx\"}", success),
            ("{class=\"3xx\"}", redirect),
            ("{class=\"4xx\"}", client),
            ("{class=\"5xx\"}", server),
        ];
        let lookups = [
            ("{result=\"hit\"}", self.kept),
            ("{result=\"miss\"}", self.opened),
        ];
        let mut page = Page(String::with_capacity(2048));
        page.put("info", GAUGE, "The program.", &[(VERSION, 1)]);
        for (name, kind, help, value) in self.unlabelled() {
            page.put(name, kind, help, &[("", value)]);
        }
        page.put(
            "replies_total",
            COUNTER,
            "Replies by the class of their status.",
            &replies,
        );
        page.put(
            "cache_lookups_total",
            COUNTER,
            "Paths looked up, by whether in memory.",
            &lookups,
        );
        page.0
    }

    /// Name, kind, description and value of those that have no parts.
    fn unlabelled(&self) -> [(&'static str, &'static str, &'static str, u64); 8] {
        let open = self.open();
        let requests = self.replied.iter().sum();
        [
            ("workers", GAUGE, "Event loops.", self.workers),
            (
                "connections_open",
                GAUGE,
                "Connections that are open.",
                open,
            ),
            (
                "connections_accepted_total",
                COUNTER,
                "Connections accepted.",
                self.accepted,
            ),
            (
                "connections_refused_total",
                COUNTER,
                "Times there was no room for a connection.",
                self.full,
            ),
            (
                "requests_total",
                COUNTER,
                "Requests answered, faulty ones included.",
                requests,
            ),
            (
                "sent_bytes_total",
                COUNTER,
                "Bytes sent, heads included.",
                self.sent,
            ),
            (
                "timeouts_total",
                COUNTER,
                "Connections whose client took too long.",
                self.timed_out,
            ),
            (
                "log_lines_lost_total",
                COUNTER,
                "Lines of the access log not written.",
                self.log_lines_lost,
            ),
        ]
    }
}

const GAUGE: &str = "gauge";
const COUNTER: &str = "counter";
const VERSION: &str = concat!("{version=\"", env!("CARGO_PKG_VERSION"), "\"}");

struct Page(String);

impl Page {
    /// One metric: what it is, and its values by their labels.
    fn put(&mut self, name: &str, kind: &str, help: &str, values: &[(&str, u64)]) {
        let mut push = |line: std::fmt::Arguments<'_>| {
            let pushed = self.0.write_fmt(line);
            debug_assert!(pushed.is_ok(), "writing to a String cannot fail");
        };
        push(format_args!(
            "# HELP webserver_{name} {help}\n# TYPE webserver_{name} {kind}\n"
        ));
        for (labels, value) in values {
            push(format_args!("webserver_{name}{labels} {value}\n"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_workers_are_added_up() {
        let workers = [Counters::default(), Counters::default()];
        for counters in &workers {
            counters.accepted();
            counters.accepted();
            counters.closed();
            counters.replied(Status::Ok);
            counters.replied(Status::NotModified);
            counters.replied(Status::NotFound);
            counters.sent(1_000);
            counters.looked_up(Lookups {
                remembered: 1,
                looked: 0,
            });
        }
        workers[0].full();
        workers[1].timed_out();
        workers[1].replied(Status::InternalError);
        workers[1].looked_up(Lookups {
            remembered: 1,
            looked: 1,
        });
        let page = Totals::of(&workers, 7).exposition();
        let rows = [
            ("workers", 2),
            ("connections_open", 2),
            ("connections_accepted_total", 4),
            ("connections_refused_total", 1),
            ("requests_total", 7),
            ("replies_total{class=\"2xx\"}", 2),
            ("replies_total{class=\"3xx\"}", 2),
            ("replies_total{class=\"4xx\"}", 2),
            ("replies_total{class=\"5xx\"}", 1),
            ("sent_bytes_total", 2_000),
            ("cache_lookups_total{result=\"hit\"}", 2),
            ("cache_lookups_total{result=\"miss\"}", 1),
            ("timeouts_total", 1),
            ("log_lines_lost_total", 7),
        ];
        for (name, value) in rows {
            let line = format!("webserver_{name} {value}");
            assert!(page.lines().any(|other| other == line), "{line} in {page}");
        }
        let values = page.lines().filter(|line| !line.starts_with('#'));
        assert_eq!(
            values.count(),
            rows.len() + 1,
            "the version besides: {page}"
        );
    }

    #[test]
    fn the_text_is_what_prometheus_reads() {
        let page = Totals::of(&[Counters::default()], 0).exposition();
        assert!(page.ends_with('\n'));
        let mut described = "";
        for line in page.lines() {
            let words: Vec<&str> = line.splitn(4, ' ').collect();
            match words[..] {
                ["#", "HELP", name, help] => {
                    assert!(!help.is_empty(), "{line}");
                    described = name;
                }
                ["#", "TYPE", name, kind] => {
                    assert_eq!(name, described);
                    assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
                }
                [name, value] => {
                    assert_eq!(name.split('{').next(), Some(described), "{line}");
                    value.parse::<u64>().unwrap();
                }
                _ => panic!("{line}"),
            }
        }
    }

    #[test]
    fn no_two_workers_share_a_cache_line() {
        assert_eq!(align_of::<Counters>(), 128);
        assert_eq!(size_of::<Counters>() % 128, 0);
    }
}
