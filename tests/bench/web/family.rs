//! What the processes of a server have used, as the kernel counts it: all threads of the process and of those below it.

use std::fs;
use std::path::Path;
use std::time::Duration;

use harness::Signal;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, kill_process, pidfd_open};

/// How long a server may take to end when asked.
const END_LIMIT: Timespec = Timespec {
    tv_sec: 5,
    tv_nsec: 0,
};

/// The processes of one server.
#[derive(Clone, Debug)]
pub(crate) struct Family {
    pids: Vec<u32>,
}

/// Counts since the start of the processes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    /// User and system time.
    pub(crate) cpu: Duration,
    /// Context switches, given up and taken away.
    pub(crate) switches: u64,
}

impl Family {
    /// The process `root` with everyone below it.
    pub(crate) fn of(root: u32) -> Self {
        let parents = parents();
        let mut pids = vec![root];
        let mut next = 0;
        while let Some(&parent) = pids.get(next) {
            let children = parents.iter().filter(|(_, above)| *above == parent);
            pids.extend(children.map(|(pid, _)| *pid));
            next += 1;
        }
        Self { pids }
    }

    pub(crate) fn pids(&self) -> &[u32] {
        &self.pids
    }

    /// What they have used so far. Threads that have ended are not in it: no server here ends one under load.
    pub(crate) fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for pid in &self.pids {
            let threads = fs::read_dir(format!("/proc/{pid}/task"));
            for thread in threads.into_iter().flatten().flatten() {
                counts.cpu += cpu_of(&thread.path()).unwrap_or_default();
                counts.switches += switches_of(&thread.path());
            }
        }
        counts
    }

    /// Memory of their own, with their part of what they share, in bytes.
    pub(crate) fn memory(&self) -> u64 {
        let kib = self.pids.iter().filter_map(|pid| {
            let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
            field(&rollup, "Pss:")
        });
        kib.sum::<u64>() * 1_024
    }

    /// Asks all to end, and ends those who have not done so after [`END_LIMIT`].
    pub(crate) fn end(&self) {
        self.signal(Signal::TERM);
        for pid in &self.pids {
            let handle = as_pid(*pid).map(|pid| pidfd_open(pid, PidfdFlags::empty()));
            if let Some(Ok(handle)) = handle {
                poll(&mut [PollFd::new(&handle, PollFlags::IN)], Some(&END_LIMIT)).ok();
            }
        }
        self.signal(Signal::KILL);
    }

    /// Sends all of them a signal.
    fn signal(&self, signal: Signal) {
        for pid in self.pids.iter().filter(|pid| is_alive(**pid)) {
            // One that has ended meanwhile needs none.
            as_pid(*pid).map(|pid| kill_process(pid, signal));
        }
    }
}

/// Whether the process exists and runs.
fn is_alive(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    after_name(&stat).is_some_and(|rest| !rest.starts_with(['Z', 'X']))
}

fn as_pid(number: u32) -> Option<Pid> {
    Pid::from_raw(i32::try_from(number).ok()?)
}

/// Every process with its parent.
fn parents() -> Vec<(u32, u32)> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid: u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let parent = after_name(&stat)?.split(' ').nth(1)?;
        Some((pid, parent.parse().ok()?))
    })
    .collect()
}

/// The fields of a `stat` file behind the name, which may hold blanks and brackets (proc_pid_stat(5)).
fn after_name(stat: &str) -> Option<&str> {
    Some(stat.rsplit_once(')')?.1.trim_start())
}

/// User and system time of a thread. To the nanosecond where the kernel tells it so: the usual count is in steps of
/// 10 ms, which is a hundredth of a run.
fn cpu_of(thread: &Path) -> Option<Duration> {
    let precise = fs::read_to_string(thread.join("schedstat")).unwrap_or_default();
    let nanos = precise.split(' ').next().and_then(|text| text.parse().ok());
    if let Some(nanos) = nanos {
        return Some(Duration::from_nanos(nanos));
    }
    let stat = fs::read_to_string(thread.join("stat")).ok()?;
    let mut fields = after_name(&stat)?.split(' ').skip(11);
    let ticks: u64 = fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?;
    let per_second = rustix::param::clock_ticks_per_second();
    Some(Duration::from_millis(ticks * 1_000 / per_second))
}

fn switches_of(thread: &Path) -> u64 {
    let status = fs::read_to_string(thread.join("status")).unwrap_or_default();
    let names = ["voluntary_ctxt_switches:", "nonvoluntary_ctxt_switches:"];
    names.iter().filter_map(|name| field(&status, name)).sum()
}

/// The number behind `name` at the start of a line.
fn field(text: &str, name: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    rest.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness::{Command, SOON, wait_until};
    use std::process;

    #[test]
    fn children_count_as_family() {
        let script = "sleep 600 & echo ready; wait";
        let parent = Command::new("sh").args(["-c", script]).start();
        parent.wait_stdout("ready", SOON);
        let family = Family::of(parent.pid());
        assert_eq!(family.pids().len(), 2, "{family:?}");
        assert!(family.memory() > 0);
        family.end();
        wait_until("both are gone", SOON, || {
            !family.pids().iter().any(|pid| is_alive(*pid))
        });
    }

    #[test]
    fn work_is_counted() {
        let ours = Family::of(process::id());
        let before = ours.counts().cpu;
        wait_until("50 ms of processor time are counted", SOON, || {
            ours.counts().cpu >= before + Duration::from_millis(50)
        });
        assert!(ours.counts().switches > 0);
    }

    #[test]
    fn a_name_may_hold_brackets() {
        assert_eq!(after_name("7 (a) b) S 1 2"), Some("S 1 2"));
        assert_eq!(field("Rss: 5 kB\nPss:  12 kB\n", "Pss:"), Some(12));
    }
}
