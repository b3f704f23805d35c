//! The session at the prompt: pairs of names are typed, and copies run side by side while typing goes on.
//!
//! ```text
//!   console ── lines ──▶ Prompt ── start, cancel, leave ──▶ jobs
//!      ▲                                                     │ events
//!      └── messages above the typed line, a row a copy ◀─────┴──▶ log.txt
//! ```
//!
//! The same loop serves a person and a pipe; what differs is only that a pipe is not told what it can type. At most
//! `MAX_RUNNING` copies run at a time; until one has ended, no further line is asked for. Answers to what was typed
//! (`jobs`, `help`) and entries are on stdout, everything else on stderr, above the line being typed.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use common::console::{Console, ConsoleConfig, ConsoleEvent};
use common::exit::{self, ExitStatus, describe};
use common::quote::{always, plain};
use common::streams;
use crossbeam_channel::{Receiver, never, select, tick};

use crate::engine::Target;
use crate::error::Error;
use crate::front::completer::Folders;
use crate::front::desk::{self, Desk, SHOW_AFTER, SHOW_EVERY, StartError};
use crate::front::jobs::Jobs;
use crate::front::prompt::{Prompt, Reply};
use crate::front::session::{Session, Volume};
use crate::job::{Event, Job, JobId, Outcome, Progress, Tally};
use crate::tell::journal::StoppedBy;
use crate::tell::progress::{Meter, counted};
use crate::tell::{output, summary, words};

/// Copies that run side by side.
const MAX_RUNNING: usize = 64;

/// The share of the screen's rows that copies may take: one in this many.
const SCREEN_SHARE: usize = 3;

/// The longest line taken: longer than any path that a system call takes.
const MAX_LINE_LEN: usize = 64 << 10;

const HELP: &str = "\
Type a source, then the name of its copy (or a folder for it).
Copies run while you type; Tab completes names.
Names are taken literally, letter by letter: no quotes, no ~, no *.
  jobs      show the copies that run
  cancel N  stop copy N; what it has not finished is removed
  exit      wait for the copies that run, then leave; again: cancel them
A file with such a name is typed as ./jobs";

/// Asks for names and copies until `exit` or the end of the input.
pub fn run(session: &Session) -> ExitStatus {
    match Dialogue::open(session) {
        Ok(mut dialogue) => dialogue.run(),
        Err(error) => {
            exit::report(session.program, &error);
            ExitStatus::Failed
        }
    }
}

struct Dialogue<'a> {
    session: &'a Session,
    desk: Desk,
    /// Dropped after the desk, which see.
    jobs: Jobs,
    console: Console,
    typed: Receiver<ConsoleEvent>,
    prompt: Prompt,
    /// Whether a line has been asked for and has not come yet.
    is_asked: bool,
    /// The number of the next copy.
    next: u32,
    shown: BTreeMap<JobId, Shown>,
    /// Whether anything was typed.
    has_input: bool,
    status: ExitStatus,
}

/// How far one copy has come, as shown.
struct Shown {
    meter: Meter,
    /// When it began, since the start of the program.
    since: Duration,
    is_measuring: bool,
}

impl<'a> Dialogue<'a> {
    fn open(session: &'a Session) -> Result<Self, StartError> {
        let desk = Desk::open(session)?;
        let config = ConsoleConfig {
            completer: Some(Arc::new(Folders)),
            max_line: MAX_LINE_LEN,
        };
        let (console, typed) = Console::open(config).map_err(StartError::Console)?;
        Ok(Self {
            session,
            jobs: Jobs::new(Arc::clone(&desk.runner), desk.teller.clone()),
            desk,
            console,
            typed,
            prompt: Prompt::default(),
            is_asked: false,
            next: 1,
            shown: BTreeMap::new(),
            has_input: false,
            status: ExitStatus::Success,
        })
    }

    fn run(&mut self) -> ExitStatus {
        if self.console.is_terminal() && self.session.volume != Volume::Quiet {
            streams::notice("Type a file and the name of its copy; help explains, exit leaves.");
        }
        let every = tick(SHOW_EVERY);
        while !(self.prompt.is_leaving() && self.jobs.is_empty()) {
            self.ask();
            let ticks = if self.jobs.is_empty() {
                never()
            } else {
                every.clone()
            };
            let (typed, events) = (self.typed.clone(), self.desk.events.clone());
            let interrupts = self.desk.interrupts.clone();
            select! {
                recv(typed) -> typed => self.typed(typed.ok()),
                recv(events) -> event => event.iter().for_each(|event| self.event(event)),
                recv(interrupts) -> _ => self.interrupt(),
                recv(ticks) -> _ => self.show(),
            }
        }
        self.console.set_status(&[]);
        self.desk.logbook.lock().close();
        self.status
    }

    /// Asks for a line unless one is awaited, or as many copies run as may.
    fn ask(&mut self) {
        if !self.is_asked && self.jobs.len() < MAX_RUNNING {
            self.is_asked = true;
            self.console.ask(self.prompt.question());
        }
    }

    fn typed(&mut self, typed: Option<ConsoleEvent>) {
        self.is_asked &= typed == Some(ConsoleEvent::Interrupt);
        self.has_input |= matches!(typed, Some(ConsoleEvent::Line(_) | ConsoleEvent::TooLong));
        match typed {
            Some(ConsoleEvent::Line(line)) => {
                let reply = self.prompt.feed(&line);
                self.obey(reply);
            }
            Some(ConsoleEvent::TooLong) => {
                self.complain("that line is too long for a name");
                self.has_failed();
            }
            Some(ConsoleEvent::EndOfInput) if self.console.is_terminal() => {
                // Ctrl-D leaves as `exit` does.
                let reply = self.prompt.feed(b"exit");
                self.obey(reply);
            }
            Some(ConsoleEvent::EndOfInput) | None => self.end_of_input(),
            Some(ConsoleEvent::Interrupt) => self.interrupt(),
        }
    }

    fn end_of_input(&mut self) {
        // Nothing more will come, and nothing more is asked for.
        self.typed = never();
        self.is_asked = true;
        let source = self.prompt.end();
        let is_untold = !self.has_input && !std::io::stdin().is_terminal();
        if is_untold && self.status == ExitStatus::Success {
            // Most likely called by a program that forgot the names.
            self.complain("no names given; see filecopy --help");
            self.status = ExitStatus::Usage;
        }
        if let Some(source) = source {
            self.complain(&format!(
                "the input ended before a new name for {}",
                always(source)
            ));
            self.has_failed();
        }
    }

    fn obey(&mut self, reply: Reply) {
        match reply {
            Reply::Ask => {}
            Reply::Start {
                source,
                destination,
            } => self.start(source, destination),
            Reply::List => self.list(),
            Reply::Cancel(id) => self.cancel(id),
            Reply::Help => self.console.print(HELP),
            Reply::Leave | Reply::Waiting => self.tell_what_runs(),
            Reply::CancelAll => {
                let copies = counted(self.jobs.len() as u64, "copy", "copies");
                streams::notice(&format!("cancelling {copies}"));
                self.jobs.cancel_all();
            }
        }
    }

    fn start(&mut self, source: PathBuf, destination: PathBuf) {
        let planned =
            self.desk
                .engine
                .plan(&[source], &destination, Target::Infer, JobId(self.next));
        for job in planned {
            if let Err(error) = job.and_then(|job| self.start_job(job)) {
                self.tell(&error);
                self.has_failed();
            }
        }
    }

    fn start_job(&mut self, job: Job) -> Result<(), Error> {
        let id = job.id;
        self.jobs.start(job, Arc::default())?;
        let mut meter = Meter::default();
        meter.observe(Duration::ZERO, Tally::default(), None);
        let since = self.session.clock.elapsed();
        self.shown.insert(
            id,
            Shown {
                meter,
                since,
                is_measuring: false,
            },
        );
        self.next = id.0.saturating_add(1);
        Ok(())
    }

    fn list(&mut self) {
        if self.jobs.is_empty() {
            return self.console.print("no copy runs");
        }
        self.observe();
        for running in self.jobs.iter() {
            let names = format!(
                "[{}] {} to {}",
                running.job.id.0,
                plain(&running.job.source),
                plain(&running.job.destination)
            );
            let row = self.row(&running.job, names, &running.progress);
            self.console.print(&row);
        }
    }

    fn cancel(&self, id: JobId) {
        let message = if self.jobs.cancel(id) {
            "cancelling"
        } else {
            "there is no copy"
        };
        streams::notice(&format!("{message} {}", id.0));
    }

    /// After `exit`: what is waited for. A pipe waits in silence.
    fn tell_what_runs(&self) {
        let jobs = &self.jobs;
        if jobs.is_empty() || !self.console.is_terminal() {
            return;
        }
        let (copies, run) = if jobs.len() == 1 {
            ("copy", "runs")
        } else {
            ("copies", "run")
        };
        let names: Vec<String> = jobs
            .iter()
            .map(|running| plain(&running.job.destination))
            .collect();
        let them = if jobs.len() == 1 { "it" } else { "them" };
        streams::notice(&format!(
            "{} {copies} still {run}: {}; waiting (type exit again to cancel {them})",
            jobs.len(),
            names.join(", "),
        ));
    }

    /// The first time cancels what runs and leaves when it has ended; the second leaves at once.
    fn interrupt(&mut self) {
        if self.status == ExitStatus::Interrupted {
            self.desk.guard.leave_at_once();
        }
        self.status = ExitStatus::Interrupted;
        self.desk.logbook.lock().stopped_by(StoppedBy::Signal);
        self.jobs.cancel_all();
        self.prompt.end();
        if self.is_asked && self.console.is_terminal() {
            // Takes the question away that will not be answered.
            self.console.ask(self.prompt.question());
        }
        if !self.jobs.is_empty() {
            let copies = counted(self.jobs.len() as u64, "copy", "copies");
            streams::notice(&format!("interrupted: cancelling {copies}"));
        }
    }

    fn event(&mut self, event: &Event) {
        self.desk.note(event);
        match event {
            Event::Started(_) => {}
            Event::Entry {
                action,
                source,
                destination,
                ..
            } => {
                let mode = self.session.options.mode;
                let line = words::entry(mode, *action, source, destination);
                line.iter().for_each(|line| self.console.print(line));
            }
            Event::Notice(_, error) | Event::Failed(_, error) => self.tell(error),
            Event::Finished(job, outcome, tally) => self.finished(job, *outcome, *tally),
        }
    }

    fn finished(&mut self, job: &Job, outcome: Outcome, tally: Tally) {
        let Some(running) = self.jobs.finished(job.id) else {
            return;
        };
        running.join();
        let since = self
            .shown
            .remove(&job.id)
            .map(|shown| shown.since)
            .unwrap_or_default();
        self.show();
        if outcome != Outcome::Complete {
            self.has_failed();
        }
        if self.session.volume == Volume::Quiet || summary::is_only_failure(tally) {
            return;
        }
        let time = self.session.clock.elapsed().saturating_sub(since);
        let what = match outcome {
            Outcome::Complete | Outcome::Failed(_) => {
                summary::line(&self.session.options, tally, time)
            }
            Outcome::Cancelled => {
                format!(
                    "cancelled {}",
                    summary::stopped(tally, time, self.session.options.resume)
                )
            }
        };
        streams::notice(&format!(
            "[{}] {}: {what}",
            job.id.0,
            plain(&job.destination)
        ));
    }

    /// Brings the rows up to date; the tick of the clock.
    fn show(&mut self) {
        if !self.console.is_terminal() || self.session.volume == Volume::Quiet {
            return;
        }
        let now = self.session.clock.elapsed();
        for running in self.jobs.iter() {
            if let Some(shown) = self.shown.get_mut(&running.job.id)
                && !shown.is_measuring
                && now.saturating_sub(shown.since) >= SHOW_AFTER
            {
                shown.is_measuring = true;
                self.desk
                    .measure(vec![(running.job.clone(), Arc::clone(&running.progress))]);
            }
        }
        self.observe();
        let is_slow = |id| self.shown.get(id).is_some_and(|shown| shown.is_measuring);
        let slow: Vec<_> = self
            .jobs
            .iter()
            .filter(|running| is_slow(&running.job.id))
            .collect();
        let place = places(slow.len(), output::terminal_size().rows);
        let mut rows = Vec::new();
        for running in &slow[..place] {
            let label = format!("[{}] {}", running.job.id.0, plain(&running.job.destination));
            rows.push(self.row(&running.job, label, &running.progress));
        }
        if place < slow.len() {
            let more = slow.len() - place;
            rows.push(format!("… and {more} more; type jobs to see all"));
        }
        self.console.set_status(&rows);
    }

    fn observe(&mut self) {
        let now = self.session.clock.elapsed();
        for running in self.jobs.iter() {
            if let Some(shown) = self.shown.get_mut(&running.job.id) {
                let time = now.saturating_sub(shown.since);
                shown.meter.observe(
                    time,
                    running.progress.tally(),
                    desk::totals(&running.progress),
                );
            }
        }
    }

    fn row(&self, job: &Job, label: String, progress: &Progress) -> String {
        let width = output::terminal_size().columns.saturating_sub(1);
        let Some(shown) = self.shown.get(&job.id) else {
            return label;
        };
        shown.meter.line(&label, &desk::current(progress), width)
    }

    /// An interruption outweighs a failure.
    fn has_failed(&mut self) {
        if self.status == ExitStatus::Success {
            self.status = ExitStatus::Failed;
        }
    }

    fn tell(&self, error: &Error) {
        self.complain(&describe(error));
    }

    fn complain(&self, message: &str) {
        streams::notice(&self.session.complaint(message));
    }
}

/// How many of the copies have a row on a screen of so many rows. Where that is not all of them, one row more tells so.
fn places(copies: usize, screen_rows: usize) -> usize {
    let most = (screen_rows / SCREEN_SHARE).max(1);
    if copies <= most {
        copies
    } else {
        (most - 1).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_take_a_third_of_the_screen() {
        // Copies, rows of the screen, rows of copies.
        let rows = [
            ("none", 0, 24, 0),
            ("all have room", 8, 24, 8),
            ("one too many", 9, 24, 7),
            ("far too many", 64, 24, 7),
            ("a low screen", 5, 10, 2),
            ("hardly a screen", 5, 2, 1),
            ("one on it", 1, 1, 1),
        ];
        for (name, copies, screen_rows, expected) in rows {
            assert_eq!(places(copies, screen_rows), expected, "{name}");
        }
    }

    #[test]
    fn help_fits_a_narrow_screen() {
        for line in HELP.lines() {
            assert!(line.len() <= 80, "{line}");
        }
    }
}
