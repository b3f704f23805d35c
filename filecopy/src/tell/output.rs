//! The two streams of a run that nobody types into: the answer on stdout, messages and the progress line on stderr.
//!
//! A reader of stdout that is slow must not keep the loop from hearing a signal, so a thread of its own writes there,
//! and the loop waits for it only where it waits for everything else ([`Output::stdout_queue`]). A reader that has gone
//! away is no error; any other failure to write is told once. Either way the copies go on.

use std::io::{self, IsTerminal, Write};

use common::exit::io_message;
use common::streams;
use crossbeam_channel::{Receiver, Sender, TrySendError, bounded, select};

/// Bytes gathered before they are handed to the writer without waiting for a pause.
const BATCH_LEN: usize = 32 << 10;

/// Batches that wait for a slow reader before the loop stops taking events.
const QUEUE_BATCHES: usize = 4;

/// Columns and rows of a screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) columns: usize,
    pub(crate) rows: usize,
}

/// Taken where the terminal does not tell.
const DEFAULT_SIZE: Size = Size {
    columns: 80,
    rows: 24,
};

/// Writes what a run has to say.
#[derive(Debug)]
pub(crate) struct Output {
    program: &'static str,
    /// Lines not handed to the writer yet.
    pending: Vec<u8>,
    stdout: Option<Writer>,
    /// Whether a progress line may be shown, and whether one is.
    status: Status,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Unwanted,
    Hidden,
    Shown,
}

/// The thread that writes to stdout. It ends when `queue` is dropped, and then tells on `done` what went wrong.
#[derive(Debug)]
struct Writer {
    queue: Sender<Vec<u8>>,
    done: Receiver<io::Result<()>>,
}

impl Output {
    /// `program` begins the messages. A progress line is shown only when it is `wanted` and stderr is a terminal that can.
    pub(crate) fn new(program: &'static str, wanted: bool) -> Self {
        let can_rewrite = io::stderr().is_terminal()
            && std::env::var_os("TERM").is_some_and(|term| term != "dumb");
        let status = if wanted && can_rewrite {
            Status::Hidden
        } else {
            Status::Unwanted
        };
        Self {
            program,
            pending: Vec::new(),
            stdout: None,
            status,
        }
    }

    /// Whether there is a progress line.
    pub(crate) fn has_status(&self) -> bool {
        self.status != Status::Unwanted
    }

    /// Adds a line to the answer.
    pub(crate) fn answer(&mut self, line: &str) {
        self.pending.extend_from_slice(line.as_bytes());
        self.pending.push(b'\n');
    }

    /// Whether so much waits for stdout that nothing should be added for now.
    pub(crate) fn is_full(&self) -> bool {
        self.pending.len() >= BATCH_LEN
    }

    /// Hands what was gathered to the writer, as far as it can take it without waiting.
    pub(crate) fn flush(&mut self) {
        if self.pending.is_empty() {
            return;
        }
        self.clear();
        let batch = std::mem::take(&mut self.pending);
        let Some(writer) = self.writer() else { return };
        // A full queue gives the batch back; a writer that has ended does not want it.
        if let Err(TrySendError::Full(batch)) = writer.queue.try_send(batch) {
            self.pending = batch;
        }
    }

    /// Where to send [`Output::take_batch`], for a loop that waits until the writer can take more.
    pub(crate) fn stdout_queue(&self) -> Option<Sender<Vec<u8>>> {
        self.stdout
            .as_ref()
            .filter(|_| self.is_full())
            .map(|writer| writer.queue.clone())
    }

    /// What is to be sent there.
    pub(crate) fn take_batch(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.pending)
    }

    /// A message, one line, after what was answered before it.
    pub(crate) fn notice(&mut self, line: &str) {
        self.flush();
        self.clear();
        streams::notice(line);
    }

    /// Shows the progress line that `make` gives for a number of columns.
    pub(crate) fn show(&mut self, make: impl FnOnce(usize) -> String) {
        if self.status == Status::Unwanted {
            return;
        }
        // The last column stays free: some terminals break the line when it is filled.
        let line = make(terminal_size().columns.saturating_sub(1));
        self.status = Status::Shown;
        // A terminal that is gone cannot be told so.
        let _ = io::stderr()
            .lock()
            .write_all(format!("\r{line}\x1b[K").as_bytes());
    }

    /// Takes the progress line away.
    pub(crate) fn clear(&mut self) {
        if self.status == Status::Shown {
            self.status = Status::Hidden;
            let _ = io::stderr().lock().write_all(b"\r\x1b[K");
        }
    }

    /// Writes everything and waits for it, until `give_up` has something to say. Tells what went wrong; gives whether stdout took it all.
    pub(crate) fn finish<T>(&mut self, give_up: &Receiver<T>) -> bool {
        self.clear();
        let batch = std::mem::take(&mut self.pending);
        if !batch.is_empty() && self.writer().is_none() {
            return false;
        }
        let Some(Writer { queue, done }) = self.stdout.take() else {
            return true;
        };
        select! {
            send(queue, batch) -> _ => {}
            recv(give_up) -> _ => return false,
        }
        drop(queue);
        select! {
            recv(done) -> result => self.is_written(&result.unwrap_or(Ok(()))),
            recv(give_up) -> _ => false,
        }
    }

    fn is_written(&self, result: &io::Result<()>) -> bool {
        let Err(error) = result else { return true };
        streams::notice(&format!(
            "{}: write error: {}",
            self.program,
            io_message(error)
        ));
        false
    }

    fn writer(&mut self) -> Option<&Writer> {
        if self.stdout.is_none() {
            let (queue, batches) = bounded(QUEUE_BATCHES);
            let (told, done) = bounded(1);
            // Nobody listens only when the program leaves without waiting.
            let write = move || drop(told.send(write_all(&batches)));
            std::thread::Builder::new()
                .name("stdout".into())
                .spawn(write)
                .ok()?;
            self.stdout = Some(Writer { queue, done });
        }
        self.stdout.as_ref()
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        self.clear();
    }
}

/// The writer thread. After a failure it goes on taking batches, so that nobody waits for it in vain.
fn write_all(batches: &Receiver<Vec<u8>>) -> io::Result<()> {
    let mut result = Ok(());
    for batch in batches {
        if result.is_ok() {
            result = io::stdout()
                .lock()
                .write_all(&batch)
                .and_then(|()| io::stdout().lock().flush());
        }
    }
    result.or_else(|error| {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Ok(())
        } else {
            Err(error)
        }
    })
}

/// The size of the terminal that stderr is.
#[cfg(target_os = "linux")]
pub(crate) fn terminal_size() -> Size {
    match rustix::termios::tcgetwinsize(io::stderr()) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => Size {
            columns: size.ws_col.into(),
            rows: size.ws_row.into(),
        },
        _ => DEFAULT_SIZE,
    }
}

/// The size of the terminal that stderr is.
#[cfg(not(target_os = "linux"))]
pub(crate) fn terminal_size() -> Size {
    DEFAULT_SIZE
}
