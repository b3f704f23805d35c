//! `filecopy cp`, and filecopy called by the name `cp`: the copy engine behind GNU cp's own options.
//!
//! ```text
//! argv ─► flags.rs ─► switches.rs (kept.rs, backup.rs) ─► request.rs ─► jobs.rs, one by one ─► the engine
//!                                                                          ▲                      │ events
//!                                                            ask.rs (-i), signals                 ▼
//!                                                                         stdout: 'a' -> 'b' · stderr: cp: …
//! ```
//!
//! This is `cp` and nothing else: no log, no progress, no summary, no configuration of filecopy's. Messages use the words
//! of GNU cp and of the system, capital letters included, because people search for them. The exit code is 0 or 1 as
//! with cp, a wrong command line being 1 too, and 130 after Ctrl-C.

mod ask;
mod backup;
mod flags;
mod help;
mod jobs;
mod kept;
mod request;
mod switches;
mod usage;
mod words;

use std::error::Error as _;
use std::ffi::{OsStr, OsString};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use common::exit::{self, ExitStatus};
use common::shutdown::Shutdown;
use common::{quote, streams};
use crossbeam_channel::{Receiver, TryRecvError, bounded};
use filecopy::ask::Ask;
use filecopy::config::{Dangling, Existing};
use filecopy::engine::Engine;
use filecopy::error::{Doing, Error};
use filecopy::job::{Action, Event, Progress};

use ask::Asker;
use backup::Habits;
use request::{Asked, Environment, Request};
use usage::Usage;

/// Events that wait to be told before the copy waits for them to be.
const QUEUE_LEN: usize = 1_024;

/// How long a copy that was told to stop may take to do so.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Bytes gathered for stdout before they are written without waiting for a pause.
const BATCH_LEN: usize = 32 << 10;

/// The arguments after `cp`, if this program is called by that name or that is its first argument.
pub(super) fn arguments(all: &[OsString]) -> Option<&[OsString]> {
    let (name, rest) = all.split_first()?;
    if Path::new(name).file_stem() == Some(OsStr::new("cp")) {
        return Some(rest);
    }
    rest.split_first()
        .filter(|(first, _)| *first == "cp")
        .map(|(_, rest)| rest)
}

/// Runs `cp` with the arguments after its name.
pub(crate) fn main(arguments: Vec<OsString>) -> ExitCode {
    let environment = Environment {
        habits: Habits {
            control: std::env::var_os("VERSION_CONTROL"),
            suffix: std::env::var_os("SIMPLE_BACKUP_SUFFIX"),
        },
        dangling: match std::env::var_os("POSIXLY_CORRECT") {
            Some(_) => Dangling::Create,
            None => Dangling::Refuse,
        },
    };
    match request::read(arguments, &environment) {
        Ok(Asked::Copy(request)) => copy(*request),
        Ok(Asked::Help) => answer(&help::text()),
        Ok(Asked::Version) => answer(concat!("cp (filecopy) ", env!("CARGO_PKG_VERSION"), "\n")),
        Err(usage) => refuse(&usage),
    }
}

/// Copies, telling what happens as it happens.
fn copy(mut request: Request) -> ExitCode {
    for warning in &request.warnings {
        say(warning);
    }
    let plan = match jobs::plan(&mut request) {
        Ok(plan) => plan,
        Err(usage) => return refuse(&usage),
    };
    let (sender, events) = bounded(QUEUE_LEN);
    let asker = Arc::new(Asker::default());
    let asks = matches!(
        request.options.existing,
        Existing::Ask | Existing::AskIfNewer
    );
    let mut engine = Engine::new(request.options, sender, None);
    if asks {
        engine.ask(Arc::clone(&asker) as Arc<dyn Ask>);
    }
    let engine = Arc::new(engine);
    let progress = Arc::new(Progress::default());
    if let Err(error) = watch_signals(&engine, &progress, &asker) {
        exit::report("cp", &error);
        return ExitStatus::Failed.into();
    }
    let (copied, told) = std::thread::scope(|scope| {
        let teller = scope.spawn(move || Teller::default().tell_all(&events));
        let copied = catch_unwind(AssertUnwindSafe(|| jobs::run(&engine, &plan, &progress)));
        // The engine holds the other end of the channel: without it the teller comes to its end.
        drop(engine);
        (copied, teller.join())
    });
    match (copied, told) {
        _ if progress.is_cancelled() => ExitStatus::Interrupted.into(),
        (Ok(()), Ok(Told::Well)) => ExitStatus::Success.into(),
        (Ok(()), Ok(Told::Failures)) => ExitStatus::Failed.into(),
        _ => {
            say("ended by an internal fault");
            ExitStatus::Failed.into()
        }
    }
}

fn refuse(usage: &Usage) -> ExitCode {
    say(&usage.to_string());
    if usage.hint {
        streams::notice("Try 'cp --help' for more information.");
    }
    ExitStatus::Failed.into()
}

/// Lets the first signal stop the copy, which clears up and ends. Ends the program itself at the second, when a question is
/// open, or when the copy does not end because it waits for a pipe or a terminal.
fn watch_signals(
    engine: &Arc<Engine>,
    progress: &Arc<Progress>,
    asker: &Arc<Asker>,
) -> io::Result<()> {
    let shutdown = Shutdown::install()?;
    let engine = Arc::downgrade(engine);
    let (progress, asker) = (Arc::clone(progress), Arc::clone(asker));
    let watch = move || {
        if shutdown.events().recv().is_err() {
            return;
        }
        progress.cancel();
        if !asker.is_waiting() {
            // Whether another signal comes or the time is up is the same.
            let _ = shutdown.events().recv_timeout(LAST_WORDS);
        }
        if let Some(engine) = engine.upgrade() {
            engine.abandon();
        }
        exit::now(ExitStatus::Interrupted);
    };
    let thread = std::thread::Builder::new().name("interrupts".into());
    thread.spawn(watch).map(drop)
}

/// What there was to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    /// Nothing that went wrong.
    Well,
    /// That something could not be copied, or be told.
    Failures,
}

/// Tells events as `cp` would.
#[derive(Debug, Default)]
struct Teller {
    /// Lines for stdout that are not written yet.
    pending: String,
    /// The name that the entry to be told next was kept under.
    backup: Option<PathBuf>,
    has_failed: bool,
}

impl Teller {
    fn tell_all(mut self, events: &Receiver<Event>) -> Told {
        loop {
            let event = match events.try_recv() {
                Ok(event) => event,
                Err(TryRecvError::Disconnected) => break,
                Err(TryRecvError::Empty) => {
                    // What was told must not wait for what comes next.
                    self.flush();
                    let Ok(event) = events.recv() else { break };
                    event
                }
            };
            self.tell(&event);
        }
        self.flush();
        if self.has_failed {
            Told::Failures
        } else {
            Told::Well
        }
    }

    fn tell(&mut self, event: &Event) {
        match event {
            Event::Failed(_, error) => {
                self.has_failed = true;
                self.flush();
                say(&describe(error));
            }
            Event::Notice(
                _,
                error @ Error::Io {
                    action: Doing::Attributes,
                    ..
                },
            ) => say(&describe(error)),
            Event::Notice(_, Error::Changed { path, change }) => {
                say(&format!(
                    "warning: {} {change} while it was copied",
                    quote::always(path)
                ));
            }
            Event::Entry {
                action,
                source,
                destination,
                ..
            } => self.tell_entry(*action, source, destination),
            // What else filecopy would mention, such as a source that only grew, cp passes over.
            Event::Notice(..) | Event::Started(_) | Event::Finished(..) => {}
        }
    }

    fn tell_entry(&mut self, action: Action, source: &Path, destination: &Path) {
        let (from, to) = (quote::always(source), quote::always(destination));
        match action {
            Action::Skipped | Action::Entered => {}
            Action::Removed => self.line(&format!("removed {to}")),
            Action::BackedUp => self.backup = Some(destination.to_owned()),
            Action::Copied | Action::Cloned | Action::Linked | Action::Made | Action::Folder => {
                let backup = self
                    .backup
                    .take()
                    .map(|name| format!(" (backup: {})", quote::always(name)));
                self.line(&format!("{from} -> {to}{}", backup.unwrap_or_default()));
            }
        }
    }

    fn line(&mut self, line: &str) {
        self.pending.push_str(line);
        self.pending.push('\n');
        if self.pending.len() >= BATCH_LEN {
            self.flush();
        }
    }

    fn flush(&mut self) {
        if !self.pending.is_empty()
            && let Err(error) = streams::answer(&std::mem::take(&mut self.pending))
        {
            self.has_failed = true;
            say(&format!("write error: {}", system_words(&error)));
        }
    }
}

/// An error in one line: what was being done to what, and what the system said.
fn describe(error: &Error) -> String {
    let cause = error
        .source()
        .and_then(|cause| cause.downcast_ref::<io::Error>());
    cause.map_or_else(
        || error.to_string(),
        |cause| format!("{error}: {}", system_words(cause)),
    )
}

/// The system's words for an error, as every other tool shows them: "No such file or directory".
fn system_words(error: &io::Error) -> String {
    let text = error.to_string();
    let Some(code) = error.raw_os_error() else {
        // One of ours, in lower case.
        let mut letters = text.chars();
        let first = letters.next().map(|letter| letter.to_ascii_uppercase());
        return first.into_iter().chain(letters).collect();
    };
    let code = format!(" (os error {code})");
    text.strip_suffix(&code).unwrap_or(&text).to_owned()
}

fn say(message: &str) {
    streams::notice(&format!("cp: {message}"));
}

fn answer(text: &str) -> ExitCode {
    match streams::answer(text) {
        Ok(()) => ExitStatus::Success.into(),
        Err(error) => {
            say(&format!("write error: {}", system_words(&error)));
            ExitStatus::Failed.into()
        }
    }
}
