//! What a process holds and uses, as the system tells it.

use std::fs;
use std::path::Path;
use std::time::Duration;

use harness::{SOON, wait_until};

use crate::server::Server;

/// A server's process.
#[derive(Clone, Copy, Debug)]
pub(super) struct Process(u32);

impl Process {
    #[track_caller]
    pub(super) fn of(server: &mut Server) -> Self {
        Self(server.running().pid())
    }

    /// The one of this number.
    pub(super) const fn numbered(number: u32) -> Self {
        Self(number)
    }

    /// How many sockets it has open: as many as connections, and a few from the start on.
    #[track_caller]
    pub(super) fn sockets(self) -> usize {
        let folder = fs::read_dir(format!("/proc/{}/fd", self.0)).expect("its descriptors");
        let is_socket = |path: &Path| {
            let target = fs::read_link(path).unwrap_or_default();
            target.to_string_lossy().starts_with("socket:")
        };
        folder
            .flatten()
            .filter(|entry| is_socket(&entry.path()))
            .count()
    }

    /// Waits until it has so many sockets open.
    #[track_caller]
    pub(super) fn wait_sockets(self, count: usize) {
        let what = format!("{count} sockets, after {}", self.sockets());
        wait_until(&what, SOON, || self.sockets() == count);
    }

    /// The memory it holds, bytes.
    #[track_caller]
    pub(super) fn memory(self) -> u64 {
        self.status("VmRSS:")
    }

    /// The most memory it ever held, bytes.
    #[track_caller]
    pub(super) fn peak(self) -> u64 {
        self.status("VmHWM:")
    }

    /// How long its threads have run.
    #[track_caller]
    pub(super) fn time(self) -> Duration {
        self.time_of("")
    }

    /// How long those of its threads have run whose names begin so.
    #[track_caller]
    pub(super) fn time_of(self, name: &str) -> Duration {
        let threads = fs::read_dir(format!("/proc/{}/task", self.0)).expect("its threads");
        let time = threads.flatten().filter_map(|thread| {
            let comm = fs::read_to_string(thread.path().join("comm")).ok()?;
            let text = fs::read_to_string(thread.path().join("schedstat")).ok()?;
            let time: u64 = text.split(' ').next()?.parse().ok()?;
            comm.starts_with(name).then_some(time)
        });
        Duration::from_nanos(time.sum())
    }

    #[track_caller]
    fn status(self, name: &str) -> u64 {
        let text = fs::read_to_string(format!("/proc/{}/status", self.0)).expect("its status");
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        let number = line.and_then(|line| line.trim().strip_suffix(" kB"));
        let number: Option<u64> = number.and_then(|text| text.parse().ok());
        number.expect("a number of kB") << 10
    }
}
