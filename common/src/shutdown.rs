//! Signals, caught once: SIGINT, SIGTERM and SIGHUP become messages.
//!
//! This module only tells. What a signal means is the program's to decide: usually the first SIGINT or SIGTERM means
//! "stop in order" and the second "now" ([`crate::exit::now`]); SIGHUP is its own value, since a server reopens its
//! logs on it. A SIGHUP that was ignored when the program started (`nohup`) stays ignored. As with all signals, two of
//! the same kind that arrive before the first was taken count as one.

use std::io;

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
    events: Receiver<Signal>,
    _catcher: system::Catcher,
}

impl Shutdown {
    /// Catches the signals from now on, until the value is dropped.
    ///
    /// # Errors
    /// If the system refuses the handlers or a thread.
    pub fn install() -> io::Result<Self> {
        let (sender, events) = crossbeam_channel::bounded(QUEUE_LEN);
        Ok(Self {
            events,
            _catcher: system::Catcher::install(sender)?,
        })
    }

    /// Each delivered signal as one message.
    #[must_use]
    pub const fn events(&self) -> &Receiver<Signal> {
        &self.events
    }
}

#[cfg(unix)]
mod system {
    use std::io;
    use std::sync::Arc;
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
        handle: Handle,
        file_size_limit: SigId,
        thread: Option<JoinHandle<()>>,
    }

    impl Catcher {
        pub(super) fn install(sender: Sender<Signal>) -> io::Result<Self> {
            let mut caught = vec![SIGINT, SIGTERM];
            if !is_ignored(SIGHUP) {
                caught.push(SIGHUP);
            }
            let mut signals = Signals::new(caught)?;
            let handle = signals.handle();
            // Caught for its effect alone: a write beyond the file size limit then fails with an error that can be
            // told, instead of ending the program.
            let file_size_limit = flag::register(SIGXFSZ, Arc::default())?;
            let thread = std::thread::Builder::new()
                .name("signals".into())
                .spawn(move || {
                    for number in signals.forever() {
                        let signal = match number {
                            SIGINT => Signal::Interrupt,
                            SIGTERM => Signal::Terminate,
                            _ => Signal::Hangup,
                        };
                        // Full, it holds the same signal already, or enough of others to stop for.
                        let _ = sender.try_send(signal);
                    }
                })?;
            Ok(Self {
                handle,
                file_size_limit,
                thread: Some(thread),
            })
        }
    }

    impl Drop for Catcher {
        fn drop(&mut self) {
            self.handle.close();
            unregister(self.file_size_limit);
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

    use crossbeam_channel::Sender;

    use super::Signal;

    /// Systems without POSIX signals: nothing is caught, and the system's own way of ending a program stands.
    #[derive(Debug)]
    pub(super) struct Catcher {
        _sender: Sender<Signal>,
    }

    impl Catcher {
        pub(super) fn install(sender: Sender<Signal>) -> io::Result<Self> {
            Ok(Self { _sender: sender })
        }
    }
}
