//! Network namespaces: made, entered, and removed whatever happened to whoever made them.
//!
//! The names say who that was: `wirework-PID-START-LAB-NODE`, the start being the process's start time in the
//! kernel's ticks, as a process id alone may be another's by now. What a dead process made is anybody's to remove.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::{panic, process, thread};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::tool::Tools;
use crate::fail::Must;

/// Where `ip` keeps the namespaces that have names.
const FOLDER: &str = "/run/netns";

/// What all of ours begin with.
const PREFIX: &str = "wirework";

/// A network namespace of a lab.
#[derive(Debug)]
pub(super) struct Namespace {
    name: String,
    handle: File,
}

impl Namespace {
    /// Makes one for each node of a new lab, none of which is left from another.
    #[track_caller]
    pub(super) fn make<'a>(tools: &Tools, nodes: impl Iterator<Item = &'a str>) -> Namespaces {
        static LABS: AtomicU32 = AtomicU32::new(0);
        let lab = LABS.fetch_add(1, Ordering::Relaxed);
        let pid = process::id();
        let start = started_at(pid).expect("this process is running");
        let names: Vec<_> = nodes
            .map(|node| format!("{PREFIX}-{pid}-{start}-{lab}-{node}"))
            .collect();
        let lines: String = names
            .iter()
            .map(|name| format!("netns add {name}\n"))
            .collect();
        // From here on they are removed, also when a later one cannot be made.
        let mut made = Namespaces {
            tools: tools.clone(),
            all: Vec::new(),
            names: names.clone(),
        };
        tools.ip(&lines);
        made.all = names.into_iter().map(Self::open).collect();
        made
    }

    #[track_caller]
    fn open(name: String) -> Self {
        let path = path(&name);
        let handle = File::open(&path).must(format_args!("open {}", path.display()));
        Self { name, handle }
    }

    /// As `ip` knows it.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Runs `work` on a thread inside. What it opens stays inside and may be used from anywhere.
    #[track_caller]
    pub(super) fn enter<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        let inside = || {
            move_into_link_name_space(self.handle.as_fd(), Some(LinkNameSpaceType::Network))
                .must(format_args!("enter {}", self.name));
            work()
        };
        thread::scope(|scope| scope.spawn(inside).join())
            .unwrap_or_else(|panic| panic::resume_unwind(panic))
    }
}

/// Namespaces that are removed together, with what runs in them.
#[derive(Debug)]
pub(super) struct Namespaces {
    tools: Tools,
    all: Vec<Namespace>,
    names: Vec<String>,
}

impl Namespaces {
    /// By the number of the node.
    pub(super) fn of(&self, node: usize) -> &Namespace {
        &self.all[node]
    }

    /// All, in the order of the nodes.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }
}

impl Drop for Namespaces {
    fn drop(&mut self) {
        remove(&self.tools, &self.names);
    }
}

/// Removes what dead processes left.
pub(super) fn collect_garbage(tools: &Tools) {
    let names = fs::read_dir(FOLDER).into_iter().flatten();
    let names = names.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let dead: Vec<_> = names.filter(|name| is_of_the_dead(name)).collect();
    if !dead.is_empty() {
        remove(tools, &dead);
    }
}

fn is_of_the_dead(name: &str) -> bool {
    let mut parts = name.split('-');
    if parts.next() != Some(PREFIX) {
        return false;
    }
    let (Some(pid), Some(start)) = (parts.next(), parts.next()) else {
        return false;
    };
    let (Ok(pid), Ok(start)) = (pid.parse(), start.parse::<u64>()) else {
        return false;
    };
    started_at(pid) != Some(start)
}

/// When a process was started, in ticks since boot; `None` when there is none of that id.
fn started_at(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // Its name, in parentheses, may hold anything; the 20th field behind it is the 22nd of all (proc_pid_stat(5)).
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(19)?.parse().ok()
}

/// Ends what runs inside, then takes the names away; the kernel does the rest once the last socket is closed.
fn remove(tools: &Tools, names: &[String]) {
    let inodes: BTreeSet<_> = names.iter().filter_map(|name| inode(&path(name))).collect();
    kill_inside(&inodes);
    // One that another process removed in this moment is gone all the same.
    let lines: String = names
        .iter()
        .filter(|name| path(name).exists())
        .map(|name| format!("netns del {name}\n"))
        .collect();
    tools.ip_as_far_as_it_goes(&lines);
    // Whoever was on its way in is inside by now, or finds the door gone.
    kill_inside(&inodes);
}

/// Kills the processes whose network is one of these, by handles: an id that was looked up may have changed hands.
fn kill_inside(inodes: &BTreeSet<(u64, u64)>) {
    let is_inside = |pid: i32| {
        inode(Path::new(&format!("/proc/{pid}/ns/net")))
            .is_some_and(|inode| inodes.contains(&inode))
    };
    let processes = fs::read_dir("/proc").into_iter().flatten();
    let ids = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    for pid in ids {
        if let Some(pid) = Pid::from_raw(pid)
            && is_inside(pid.as_raw_pid())
            && let Ok(handle) = pidfd_open(pid, PidfdFlags::empty())
            && is_inside(pid.as_raw_pid())
        {
            pidfd_send_signal(&handle, Signal::KILL).ok();
        }
    }
}

fn inode(path: &Path) -> Option<(u64, u64)> {
    let meta = fs::metadata(path).ok()?;
    Some((meta.dev(), meta.ino()))
}

fn path(name: &str) -> PathBuf {
    Path::new(FOLDER).join(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_dead_processes_are_garbage() {
        let pid = process::id();
        let start = started_at(pid).unwrap();
        let rows = [
            ("our own", format!("{PREFIX}-{pid}-{start}-0-server"), false),
            (
                "our id, another start",
                format!("{PREFIX}-{pid}-1-0-server"),
                true,
            ),
            (
                "an id that cannot be",
                format!("{PREFIX}-4194305-1-0-server"),
                true,
            ),
            ("somebody else's", format!("other-{pid}-1-0-server"), false),
            ("ours in part", PREFIX.to_owned(), false),
            ("no numbers", format!("{PREFIX}-a-b-c-d"), false),
        ];
        for (name, namespace, is_dead) in rows {
            assert_eq!(is_of_the_dead(&namespace), is_dead, "{name}");
        }
    }
}
