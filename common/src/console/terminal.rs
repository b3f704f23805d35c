//! The console of a real terminal: what callers do to it, from any thread.
//!
//! ```text
//!   stdin ─┐                                ┌─► ConsoleEvent
//!   wake  ─┴─► reader ─► keys ─► edit ──────┤
//!   ask, print, set_status ─────────────────┴─► shared (one lock) ─► screen ─► one write to stdout
//! ```

use std::io;
use std::os::unix::net::UnixStream;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::JoinHandle;

use crossbeam_channel::Sender;
use rustix::stdio::{stderr, stdin, stdout};
use rustix::termios::isatty;
use signal_hook::SigId;
use signal_hook::consts::{SIGCONT, SIGWINCH};
use signal_hook::low_level::{pipe, unregister};

use super::config::{ConsoleConfig, ConsoleEvent};
use super::keys::Keys;
use super::reader::Reader;
use super::shared::Shared;

/// The console of a terminal; dropping it puts the terminal back.
#[derive(Debug)]
pub(super) struct Terminal {
    shared: Arc<Shared>,
    signals: Vec<SigId>,
    reader: Option<JoinHandle<()>>,
}

/// The open console, for those who print or leave without knowing of it.
static OPEN: Mutex<Weak<Shared>> = Mutex::new(Weak::new());

/// Whether stdin and stdout are a terminal that can move its cursor.
pub(super) fn is_usable() -> bool {
    let can_move = std::env::var_os("TERM").is_some_and(|term| !term.is_empty() && term != "dumb");
    can_move && isatty(stdin()) && isatty(stdout())
}

pub(super) fn restore_open() {
    let open = OPEN
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .upgrade();
    if let Some(shared) = open {
        shared.leave_at_once();
    }
}

pub(super) fn print_if_open(text: &str) -> bool {
    let open = OPEN
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .upgrade();
    let Some(shared) = open else { return false };
    if !isatty(stderr()) {
        return false;
    }
    shared.print(text);
    true
}

impl Terminal {
    pub(super) fn open(config: ConsoleConfig, events: Sender<ConsoleEvent>) -> io::Result<Self> {
        let (woken, wake) = UnixStream::pair()?;
        woken.set_nonblocking(true)?;
        wake.set_nonblocking(true)?;
        let signal_wakes = [wake.try_clone()?, wake.try_clone()?];
        let shared = Arc::new(Shared::new(wake, config.max_line)?);
        let reader = Reader {
            shared: Arc::clone(&shared),
            woken,
            events,
            completer: config.completer,
            keys: Keys::default(),
        };
        // From here on a failure drops `terminal`, which puts everything back.
        let mut terminal = Self {
            shared: Arc::clone(&shared),
            signals: Vec::new(),
            reader: None,
        };
        for (signal, wake) in [SIGWINCH, SIGCONT].into_iter().zip(signal_wakes) {
            terminal.signals.push(pipe::register(signal, wake)?);
        }
        *OPEN.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(&shared);
        shared.take_terminal(&mut shared.lock());
        terminal.reader = Some(
            std::thread::Builder::new()
                .name("console".into())
                .spawn(move || reader.run())?,
        );
        Ok(terminal)
    }

    pub(super) fn ask(&self, prompt: &str) {
        let mut state = self.shared.lock();
        prompt.clone_into(&mut state.prompt);
        state.asking = true;
        self.shared.paint(&mut state, "");
        drop(state);
        // What was typed ahead may answer it.
        self.shared.wake();
    }

    pub(super) fn print(&self, text: &str) {
        self.shared.print(text);
    }

    pub(super) fn set_status(&self, rows: &[String]) {
        let mut state = self.shared.lock();
        if state.status != rows {
            rows.clone_into(&mut state.status);
            self.shared.paint(&mut state, "");
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.shared.closing.store(true, Ordering::Relaxed);
        self.shared.wake();
        if let Some(reader) = self.reader.take() {
            // A panic of the thread has been printed; the terminal is put back all the same.
            let _ = reader.join();
        }
        self.shared.release_terminal(&mut self.shared.lock());
        for id in self.signals.drain(..) {
            unregister(id);
        }
    }
}
