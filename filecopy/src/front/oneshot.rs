//! One run that copies what its command line names and ends.
//!
//! ```text
//!   queue ── events ─┐                     ┌─▶ log.txt
//!   signals ─────────┼─▶ one loop ─────────┼─▶ stdout: entries (--verbose) or JSON
//!   ticks, 5/s ──────┘      │              └─▶ stderr: failures, progress, summary
//!                           └─▶ stop the queue
//! ```
//!
//! The jobs run one after another in a [`Queue`]. The first signal cancels the one that runs, and what has not begun
//! never begins; the second ends the process at once (`guard.rs`).

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use common::exit::{self, ExitStatus, describe};
use crossbeam_channel::{after, bounded, never, select, tick};

use crate::config::{Extraneous, Mode};
use crate::error::Error;
use crate::front::confirm::{self, Answer};
use crate::front::desk::{self, Desk, SHOW_AFTER, SHOW_EVERY, StartError};
use crate::front::queue::{Entry, Queue};
use crate::front::session::{Consent, Form, Request, Session, Volume};
use crate::job::{Event, JobId, Outcome, Tally};
use crate::tell::journal::StoppedBy;
use crate::tell::logbook::Logbook;
use crate::tell::output::Output;
use crate::tell::progress::{Meter, Totals};
use crate::tell::{json, summary, words};

/// How long events may wait while further jobs are open: far less than it takes to fill their queue, or to be noticed.
const GULP: Duration = Duration::from_millis(2);

/// How long an interrupted run waits for a reader of stdout that does not read.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Copies what is requested and tells how it went.
pub fn run(session: &Session, request: &Request) -> ExitStatus {
    match Run::begin(session, request) {
        Ok(mut run) => {
            run.plan(request);
            run.confirm_removal();
            run.copy();
            run.finish()
        }
        Err(error) => {
            exit::report(session.program, &error);
            ExitStatus::Failed
        }
    }
}

struct Run<'a> {
    session: &'a Session,
    desk: Desk,
    /// Dropped after the desk, which see.
    queue: Option<Queue>,
    /// The jobs that have not ended; the first of them is the one that runs.
    open: BTreeMap<JobId, Entry>,
    /// The numbers of those that have.
    ended: Tally,
    output: Output,
    shown: Shown,
    status: ExitStatus,
}

/// How far all jobs together have come, as shown.
#[derive(Default)]
struct Shown {
    meter: Meter,
    /// When the first job began, since the start of the program; none has without it.
    since: Option<Duration>,
    is_measuring: bool,
}

impl<'a> Run<'a> {
    fn begin(session: &'a Session, request: &Request) -> Result<Self, StartError> {
        if let Some(path) = Logbook::source_as_log(session, &request.sources) {
            return Err(StartError::LogIsSource { path: path.clone() });
        }
        let has_progress = session.volume != Volume::Quiet && session.form == Form::Text;
        Ok(Self {
            session,
            desk: Desk::open(session)?,
            queue: None,
            open: BTreeMap::new(),
            ended: Tally::default(),
            output: Output::new(session.program, has_progress),
            shown: Shown::default(),
            status: ExitStatus::Success,
        })
    }

    fn plan(&mut self, request: &Request) {
        let Request {
            sources,
            destination,
            target,
        } = request;
        for planned in self
            .desk
            .engine
            .plan(sources, destination, *target, JobId(1))
        {
            match planned {
                Ok(job) => {
                    self.open.insert(job.id, (job, Arc::default()));
                }
                Err(error) => self.refused(&error),
            }
        }
    }

    /// Asks before anything is removed; unless the answer is yes, nothing is left to be done.
    fn confirm_removal(&mut self) {
        let options = &self.session.options;
        let is_free = options.extraneous == Extraneous::Keep || options.mode == Mode::DryRun;
        if is_free || self.session.consent == Consent::Given {
            return;
        }
        for (job, _) in self.open.values() {
            let (count, first) = self.desk.engine.extraneous(job);
            if count == 0 {
                continue;
            }
            let (names, question) = words::removal(job, count, &first);
            names.iter().for_each(|name| self.output.notice(name));
            self.status = match confirm::ask(&question, &self.desk.interrupts) {
                Answer::Yes => continue,
                Answer::No => ExitStatus::Failed,
                Answer::Interrupted => ExitStatus::Interrupted,
            };
            self.open.clear();
            return self.output.notice("nothing was copied or removed");
        }
    }

    /// Runs all jobs to their end.
    fn copy(&mut self) {
        let wants_ticks = self.output.has_status() || self.session.form == Form::Json;
        let ticks = if wants_ticks {
            tick(SHOW_EVERY)
        } else {
            never()
        };
        let (nowhere, _nobody) = bounded(0);
        self.start();
        while !self.open.is_empty() {
            self.pause();
            // While stdout is full, events wait in their queue, and the job behind it: unless it is to end.
            let stdout = self.output.stdout_queue();
            let waits = stdout.is_some() && self.status != ExitStatus::Interrupted;
            let events = if waits {
                never()
            } else {
                self.desk.events.clone()
            };
            let stdout = stdout.as_ref().unwrap_or(&nowhere);
            let interrupts = self.desk.interrupts.clone();
            select! {
                recv(events) -> event => event.into_iter().for_each(|event| self.take(&event)),
                send(stdout, self.output.take_batch()) -> _ => {}
                recv(interrupts) -> _ => self.interrupt(),
                recv(ticks) -> _ => self.show(),
            }
        }
    }

    /// As long as further jobs are open, their events are taken in gulps: to be woken for each would cost more than to copy a
    /// small file (5,000 of them: a third of all processor time).
    fn pause(&mut self) {
        if self.open.len() > 1 {
            let interrupts = self.desk.interrupts.clone();
            select! {
                recv(interrupts) -> _ => self.interrupt(),
                recv(after(GULP)) -> _ => {}
            }
        }
    }

    fn start(&mut self) {
        if self.open.is_empty() {
            return;
        }
        self.shown.since = Some(self.session.clock.elapsed());
        self.shown
            .meter
            .observe(Duration::ZERO, Tally::default(), None);
        let jobs = self.open.values().cloned().collect();
        match Queue::start(
            Arc::clone(&self.desk.runner),
            self.desk.teller.clone(),
            jobs,
        ) {
            Ok(queue) => self.queue = Some(queue),
            Err(error) => {
                self.open.clear();
                self.worsen(ExitStatus::Failed);
                self.complain(&format!("start a thread: {}", exit::io_message(&error)));
            }
        }
    }

    /// Takes an event and those that wait behind it, then hands on what they left for stdout.
    fn take(&mut self, first: &Event) {
        self.event(first);
        while !self.output.is_full()
            && let Ok(event) = self.desk.events.try_recv()
        {
            self.event(&event);
        }
        self.output.flush();
    }

    fn event(&mut self, event: &Event) {
        self.desk.note(event);
        if self.session.form == Form::Json {
            self.output.answer(&json::event(
                &self.session.options,
                self.session.clock.elapsed(),
                event,
            ));
        }
        match event {
            Event::Started(_) => {}
            Event::Entry {
                action,
                source,
                destination,
                ..
            } => {
                if self.session.form == Form::Text {
                    let mode = self.session.options.mode;
                    let line = words::entry(mode, *action, source, destination);
                    line.iter().for_each(|line| self.output.answer(line));
                }
            }
            Event::Notice(_, error) => self.complain(&describe(error)),
            Event::Failed(_, error) => {
                self.complain(&describe(error));
                self.worsen(ExitStatus::Failed);
            }
            Event::Finished(job, outcome, tally) => self.finished(job.id, *outcome, *tally),
        }
    }

    fn finished(&mut self, id: JobId, outcome: Outcome, tally: Tally) {
        // A job that ends twice, by a fault of ours, counts once.
        if self.open.remove(&id).is_none() {
            return;
        }
        self.ended = summary::sum(self.ended, tally);
        match outcome {
            Outcome::Complete => {}
            Outcome::Failed(_) => self.worsen(ExitStatus::Failed),
            Outcome::Cancelled => self.worsen(ExitStatus::Interrupted),
        }
    }

    /// A source that cannot be copied at all.
    fn refused(&mut self, error: &Error) {
        self.ended.failed += 1;
        self.worsen(ExitStatus::Failed);
        if self.session.form == Form::Json {
            self.output
                .answer(&json::refused(self.session.clock.elapsed(), error));
        }
        self.complain(&describe(error));
    }

    fn complain(&mut self, message: &str) {
        self.output.notice(&self.session.complaint(message));
    }

    fn interrupt(&mut self) {
        self.status = ExitStatus::Interrupted;
        self.desk.logbook.lock().stopped_by(StoppedBy::Signal);
        for (job, _) in self.queue.iter().flat_map(Queue::stop) {
            self.open.remove(&job.id);
        }
    }

    /// An interruption outweighs a failure, and that a success.
    fn worsen(&mut self, status: ExitStatus) {
        if self.status != ExitStatus::Interrupted {
            self.status = status;
        }
    }

    fn show(&mut self) {
        let Some(since) = self.shown.since else {
            return;
        };
        let now = self.session.clock.elapsed();
        let time = now.saturating_sub(since);
        let is_shown = time >= SHOW_AFTER;
        if is_shown && !self.shown.is_measuring {
            self.shown.is_measuring = true;
            self.desk.measure(self.open.values().cloned().collect());
        }
        let (tally, totals) = self.standing();
        self.shown.meter.observe(time, tally, totals);
        if !is_shown {
            return;
        }
        let meter = &self.shown.meter;
        match self.session.form {
            Form::Text => {
                let current = self.current();
                self.output.show(|width| meter.line("", &current, width));
            }
            // A reader that is behind has enough to read.
            Form::Json if self.output.is_full() => {}
            Form::Json => {
                self.output
                    .answer(&json::progress(now, tally, totals, meter));
                self.output.flush();
            }
        }
    }

    /// The numbers of all jobs, and what they amount to once that is known of each.
    fn standing(&self) -> (Tally, Option<Totals>) {
        let mut tally = self.ended;
        let mut totals = Some(Totals::of(&tally));
        for (_, progress) in self.open.values() {
            tally = summary::sum(tally, progress.tally());
            totals = totals
                .zip(desk::totals(progress))
                .map(|(sum, more)| sum.plus(more));
        }
        (tally, totals)
    }

    fn current(&self) -> PathBuf {
        let running = self.open.first_key_value();
        running
            .map(|(_, (_, progress))| desk::current(progress))
            .unwrap_or_default()
    }

    /// Closes the log, gives stdout time to be read, and sums up: after the last entry, where both are one terminal.
    fn finish(mut self) -> ExitStatus {
        self.desk.logbook.lock().close();
        if self.session.form == Form::Json {
            self.sum_up();
        }
        let is_written = match self.status {
            ExitStatus::Interrupted => self.output.finish(&after(LAST_WORDS)),
            ExitStatus::Success | ExitStatus::Failed | ExitStatus::Usage => {
                self.output.finish(&self.desk.interrupts)
            }
        };
        if self.session.form == Form::Text {
            self.sum_up();
        }
        if self.status == ExitStatus::Success && !is_written {
            return ExitStatus::Failed;
        }
        self.status
    }

    fn sum_up(&mut self) {
        let now = self.session.clock.elapsed();
        let options = &self.session.options;
        if self.session.form == Form::Json {
            return self
                .output
                .answer(&json::summary(options, now, self.ended, self.status));
        }
        let Some(since) = self.shown.since else {
            return;
        };
        let time = now.saturating_sub(since);
        let line = match self.status {
            _ if self.session.volume == Volume::Quiet => return,
            ExitStatus::Interrupted => {
                format!(
                    "interrupted {}",
                    summary::stopped(self.ended, time, options.resume)
                )
            }
            _ if summary::is_only_failure(self.ended) => return,
            ExitStatus::Success | ExitStatus::Failed | ExitStatus::Usage => {
                summary::line(options, self.ended, time)
            }
        };
        self.output.notice(&line);
    }
}
