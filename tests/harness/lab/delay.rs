//! Links that take their time: a thread holds every packet back for as long as the way is long.
//!
//! The kernel's own delay (`tc netem`) is a module that not every kernel has. So both ends of such a link are TUN
//! devices, whose files belong to one thread for the whole lab. Packets keep their order, and none is lost short of
//! [`QUEUE_MAX`].
//!
//! The request that turns an open file into a device is an `ioctl`, which this crate cannot make without `unsafe`.
//! Perl makes it, on the very same open file, handed over as a standard stream; then it ends and the device stays.

use std::collections::{BTreeMap, VecDeque};
use std::fs::{File, OpenOptions};
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;

use super::namespace::Namespace;
use crate::fail::Must;
use crate::needs::{leave_out, needs_tool};
use crate::time::Deadline;

/// Where TUN devices come from.
const TUN: &str = "/dev/net/tun";

/// Names the device of a file: TUNSETIFF with IFF_TUN and IFF_NO_PI in a struct ifreq (linux/if_tun.h), for the
/// devices behind standard input and standard output.
const NAME_DEVICES: &str = r#"
    for (STDIN, STDOUT) {
        my $request = pack "a16 S x22", shift @ARGV, 0x1001;
        ioctl $_, 0x400454ca, $request or die "TUNSETIFF: $!";
    }
"#;

/// Packets that may be on their way at once in each direction: a tenth of a second at 1 Gbit/s. More are lost, as
/// they are in the buffers of real links.
const QUEUE_MAX: usize = 10_000;

/// Packets read from one device before the others have their turn.
const READ_MAX: usize = 64;

/// The longest packet that a device with an ordinary MTU gives.
const PACKET_MAX: usize = 2_048;

/// What it takes to make slow links.
#[derive(Debug)]
pub(super) struct Maker {
    perl: PathBuf,
}

/// A link under construction, and the time that it takes one way.
pub(super) struct Link {
    upper: File,
    lower: File,
    micros: Arc<AtomicU64>,
}

/// All slow links of a lab, in motion until dropped.
#[derive(Debug, Default)]
pub(super) struct Delays {
    micros: BTreeMap<usize, Arc<AtomicU64>>,
    /// Closing it ends the thread.
    stop: Option<PipeWriter>,
    thread: Option<JoinHandle<()>>,
}

/// One direction of a link.
struct Way {
    from: File,
    to: File,
    micros: Arc<AtomicU64>,
    packets: VecDeque<(Deadline, Vec<u8>)>,
}

impl Maker {
    /// `None` and a printed line when something is missing.
    #[track_caller]
    pub(super) fn find(group: &str) -> Option<Self> {
        let perl = needs_tool(group, "perl", "perl-base")?;
        if !Path::new(TUN).exists() {
            leave_out(group, &format!("no {TUN}"), "load the kernel module tun");
            return None;
        }
        Some(Self { perl })
    }

    /// Makes both devices, each in its namespace and under its name.
    #[track_caller]
    pub(super) fn link(
        &self,
        upper: (&Namespace, &str),
        lower: (&Namespace, &str),
        one_way: Duration,
    ) -> Link {
        // A device belongs to the namespace that its file was opened in.
        let [upper_file, lower_file] = [upper, lower].map(|(namespace, _)| {
            namespace.enter(|| {
                let mut options = OpenOptions::new();
                let flags = OFlags::NONBLOCK.bits().cast_signed();
                options.read(true).write(true).custom_flags(flags);
                options.open(TUN).must(format_args!("open {TUN}"))
            })
        });
        let output = Command::new(&self.perl)
            .args(["-e", NAME_DEVICES, upper.1, lower.1])
            .stdin(share(&upper_file))
            .stdout(share(&lower_file))
            .stderr(Stdio::piped())
            .spawn()
            .and_then(std::process::Child::wait_with_output)
            .must("run perl");
        assert!(
            output.status.success(),
            "make TUN devices: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Link {
            upper: upper_file,
            lower: lower_file,
            micros: Arc::new(AtomicU64::new(micros(one_way))),
        }
    }
}

impl Delays {
    /// Sets the links in motion, each known by the node at its lower end.
    #[track_caller]
    pub(super) fn start(links: BTreeMap<usize, Link>) -> Self {
        if links.is_empty() {
            return Self::default();
        }
        let (stopped, stop) = io::pipe().must("make a pipe");
        let micros = links
            .iter()
            .map(|(node, link)| (*node, Arc::clone(&link.micros)));
        let micros = micros.collect();
        let ways = links.into_values().flat_map(Link::into_ways).collect();
        Self {
            micros,
            stop: Some(stop),
            thread: Some(thread::spawn(move || carry(ways, &stopped))),
        }
    }

    /// Changes how long a link takes, for packets that come from now on.
    #[track_caller]
    pub(super) fn set(&self, node: usize, one_way: Duration) {
        let Some(link) = self.micros.get(&node) else {
            panic!("the link was described without a delay, so it has none to change");
        };
        link.store(micros(one_way), Ordering::Relaxed);
    }
}

impl Drop for Delays {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

impl Link {
    fn into_ways(self) -> [Way; 2] {
        let way = |from: &File, to: &File| Way {
            from: share(from),
            to: share(to),
            micros: Arc::clone(&self.micros),
            packets: VecDeque::new(),
        };
        [way(&self.lower, &self.upper), way(&self.upper, &self.lower)]
    }
}

impl Way {
    /// Takes in what has come.
    fn take(&mut self, buffer: &mut [u8]) {
        for _ in 0..READ_MAX {
            let Ok(len @ 1..) = self.from.read(buffer) else {
                return;
            };
            if self.packets.len() < QUEUE_MAX {
                let delay = Duration::from_micros(self.micros.load(Ordering::Relaxed));
                self.packets
                    .push_back((Deadline::after(delay), buffer[..len].to_vec()));
            }
        }
    }

    /// Hands on what has been on its way for long enough, and says when the next will have been.
    fn give(&mut self) -> Option<Deadline> {
        while let Some((due, packet)) = self.packets.front() {
            if !due.has_passed() {
                return Some(*due);
            }
            // An interface that is down takes nothing: lost.
            self.to.write_all(packet).ok();
            self.packets.pop_front();
        }
        None
    }
}

/// Carries packets until the other end of `stopped` is closed.
fn carry(mut ways: Vec<Way>, stopped: &PipeReader) {
    let mut buffer = [0; PACKET_MAX];
    loop {
        let next = ways
            .iter_mut()
            .filter_map(Way::give)
            .map(|due| due.left())
            .min();
        let timeout =
            next.map(|left| Timespec::try_from(left).expect("a delay within the kernel's range"));
        let mut watched = vec![PollFd::new(stopped, PollFlags::IN)];
        watched.extend(ways.iter().map(|way| PollFd::new(&way.from, PollFlags::IN)));
        // An interruption is no event: everything is looked at again anyway.
        poll(&mut watched, timeout.as_ref()).ok();
        if !watched[0].revents().is_empty() {
            return;
        }
        drop(watched);
        for way in &mut ways {
            way.take(&mut buffer);
        }
    }
}

#[track_caller]
fn share(file: &File) -> File {
    file.try_clone().must("share a device")
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
