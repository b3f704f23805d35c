//! Signals, caught once: SIGINT, SIGTERM and SIGHUP become messages, a flag and a readable descriptor.
//!
//! This module only tells. What a signal means is the program's to decide: usually the first SIGINT or SIGTERM means "stop
//! in order" and the second "now" ([`crate::exit::now`]); SIGHUP is its own value, since a server reopens its logs on
//! it. A SIGHUP that was ignored when the program started (`nohup`) stays ignored. As with all signals, two of the same
//! kind that arrive before the first was taken count as one.

use std::io;
#[cfg(unix)]
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crossbeam_channel::Receiver;

/// A caught signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGINT: Ctrl-C.
    Interrupt,
    /// SIGTERM.
    Terminate,
    /// SIGHUP: the terminal is gone, or a server's logs are to be reopened.
    Hangup,
}

/// Signals that wait to be taken; more are dropped, since they could say nothing new.
const QUEUE_LEN: usize = 16;

/// The caught signals of this process; installed once, early in `main`.
#[derive(Debug)]
pub struct Shutdown {
    requested: Arc<AtomicBool>,
    events: Receiver<Signal>,
    #[cfg_attr(not(unix), expect(dead_code, reason = "only its end matters"))]
    catcher: system::Catcher,
}

impl Shutdown {
    /// Catches the signals from now on, until the value is dropped.
    ///
    /// # Errors
    /// If the system refuses the handlers, a socket pair or a thread.
    pub fn install() -> io::Result<Self> {
        let requested = Arc::new(AtomicBool::new(false));
        let (sender, events) = crossbeam_channel::bounded(QUEUE_LEN);
        let catcher = system::Catcher::install(&requested, sender)?;
        Ok(Self {
            requested,
            events,
            catcher,
        })
    }

    /// Each delivered signal as one message.
    #[must_use]
    pub const fn events(&self) -> &Receiver<Signal> {
        &self.events
    }

    /// Whether SIGINT or SIGTERM has come, cheap enough for the hottest loop. SIGHUP does not set it.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        self.requested.load(Ordering::Relaxed)
    }

    /// The flag behind [`Shutdown::is_requested`], for worker threads; a program may also set it itself.
    #[must_use]
    pub fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.requested)
    }

    /// For poll loops: readable while [`Shutdown::try_event`] has something to give. A poll that sleeps when the signal
    /// comes may also be interrupted (EINTR), as any call may.
    #[cfg(unix)]
    #[must_use]
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.catcher.readable.as_fd()
    }

    /// Takes the next signal without waiting, for loops that poll [`Shutdown::fd`] instead of the channel.
    #[cfg(unix)]
    #[must_use]
    pub fn try_event(&self) -> Option<Signal> {
        self.catcher.take_mark();
        self.events.try_recv().ok()
    }
}

#[cfg(unix)]
mod system {
    use std::io::{self, Read, Write};
    use std::os::unix::net::UnixStream;
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;
    use std::thread::JoinHandle;

    use crossbeam_channel::Sender;
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
    use signal_hook::iterator::{Handle, Signals};
    use signal_hook::low_level::unregister;
    use signal_hook::{SigId, flag};

    use super::Signal;

    /// The thread that turns deliveries into messages, and what is needed to end it.
    #[derive(Debug)]
    pub(super) struct Catcher {
        /// One byte per message in the channel, written after the message.
        pub(super) readable: UnixStream,
        handle: Handle,
        flags: Vec<SigId>,
        thread: Option<JoinHandle<()>>,
    }

    impl Catcher {
        pub(super) fn install(
            requested: &Arc<AtomicBool>,
            sender: Sender<Signal>,
        ) -> io::Result<Self> {
            let (readable, mark) = UnixStream::pair()?;
            readable.set_nonblocking(true)?;
            mark.set_nonblocking(true)?;
            let mut caught = vec![SIGINT, SIGTERM];
            if !is_ignored(SIGHUP) {
                caught.push(SIGHUP);
            }
            let mut signals = Signals::new(caught)?;
            let handle = signals.handle();
            // Set inside the handler, so that a busy loop sees it even before the thread has run.
            let flags = vec![
                flag::register(SIGINT, Arc::clone(requested))?,
                flag::register(SIGTERM, Arc::clone(requested))?,
                // Caught for its effect alone: a write beyond the file size limit then fails with an error that can be
                // told, instead of ending the program.
                flag::register(SIGXFSZ, Arc::default())?,
            ];
            let thread = std::thread::Builder::new()
                .name("signals".into())
                .spawn(move || {
                    for number in signals.forever() {
                        let signal = match number {
                            SIGINT => Signal::Interrupt,
                            SIGTERM => Signal::Terminate,
                            _ => Signal::Hangup,
                        };
                        if sender.try_send(signal).is_ok() {
                            // Cannot be full: the channel holds fewer messages than the socket bytes.
                            let _ = (&mark).write(&[0]);
                        }
                    }
                })?;
            Ok(Self {
                readable,
                handle,
                flags,
                thread: Some(thread),
            })
        }

        pub(super) fn take_mark(&self) {
            // Empty is fine: the message is on its way, or was taken through the channel.
            let _ = (&self.readable).read(&mut [0]);
        }
    }

    impl Drop for Catcher {
        fn drop(&mut self) {
            self.handle.close();
            for id in self.flags.drain(..) {
                unregister(id);
            }
            if let Some(thread) = self.thread.take() {
                // The thread only forwards; if it panicked, that has been printed.
                let _ = thread.join();
            }
        }
    }

    /// Whether the parent left this signal ignored. Only Linux tells without unsafe code; elsewhere: no.
    fn is_ignored(signal: i32) -> bool {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        let mask = mask
            .and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok())
            .unwrap_or(0);
        mask & (1 << (signal - 1)) != 0
    }
}

#[cfg(not(unix))]
mod system {
    use std::io;
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;

    use crossbeam_channel::Sender;

    use super::Signal;

    /// Systems without POSIX signals: nothing is caught, and the system's own way of ending a program stands.
    #[derive(Debug)]
    pub(super) struct Catcher {
        _sender: Sender<Signal>,
    }

    impl Catcher {
        pub(super) fn install(_: &Arc<AtomicBool>, sender: Sender<Signal>) -> io::Result<Self> {
            Ok(Self { _sender: sender })
        }
    }
}
