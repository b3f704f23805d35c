//! One run that copies what its command line names and ends.
//!
//! ```text
//!   jobs ── events ─┐                     ┌─▶ log.txt
//!   signals ────────┼─▶ one loop ─────────┼─▶ stdout: entries (--verbose) or JSON
//!   ticks, 5/s ─────┘      │              └─▶ stderr: failures, progress, summary
//!                          └─▶ start the next job, cancel, end
//! ```
//!
//! The jobs of one run are started in the order of the command line, [`SIDE_BY_SIDE`] at a time. The first signal cancels what
//! runs, and what has not begun never begins; the second is the [`Guard`](crate::guard::Guard)'s.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use common::exit::{self, ExitStatus, describe};
use crossbeam_channel::{after, bounded, never, select, tick};

use crate::config::{Extraneous, Mode};
use crate::confirm::{self, Answer};
use crate::desk::{self, Desk, SHOW_AFTER, SHOW_EVERY, StartError};
use crate::error::Error;
use crate::job::{Event, Job, JobId, Outcome, Progress, Tally};
use crate::journal::StoppedBy;
use crate::output::Output;
use crate::progress::{Meter, Totals};
use crate::session::{Consent, Form, Request, Session, Volume};
use crate::{json, summary, words};

/// Jobs of one run that are copied at the same time: each uses all workers by itself.
const SIDE_BY_SIDE: usize = 1;

/// How long an interrupted run waits for a reader of stdout that does not read.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Copies what is requested and tells how it went.
pub fn run(session: &Session, request: &Request) -> ExitStatus {
    match Run::begin(session) {
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
    output: Output,
    pending: VecDeque<(Job, Arc<Progress>)>,
    /// The numbers of the jobs that have ended.
    ended: Tally,
    shown: Shown,
    status: ExitStatus,
}

/// How far all jobs together have come, as shown.
struct Shown {
    meter: Meter,
    /// When the first job began, since the start of the program. Nothing was copied without it.
    since: Option<Duration>,
    is_measuring: bool,
}

impl<'a> Run<'a> {
    fn begin(session: &'a Session) -> Result<Self, StartError> {
        let has_progress = session.volume != Volume::Quiet && session.form == Form::Text;
        Ok(Self {
            session,
            desk: Desk::open(session)?,
            output: Output::new(session.program, has_progress),
            pending: VecDeque::new(),
            ended: Tally::default(),
            shown: Shown {
                meter: Meter::default(),
                since: None,
                is_measuring: false,
            },
            status: ExitStatus::Success,
        })
    }

    fn plan(&mut self, request: &Request) {
        let planned = self.desk.engine.plan(
            &request.sources,
            &request.destination,
            request.target,
            JobId(1),
        );
        for job in planned {
            match job {
                Ok(job) => self.pending.push_back((job, Arc::default())),
                Err(error) => self.refused(None, &error),
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
        for (job, _) in &self.pending {
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
            self.pending.clear();
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
        loop {
            self.start_jobs();
            if self.desk.jobs.is_empty() && self.pending.is_empty() {
                break;
            }
            // While stdout is full, events wait in their queue, and the jobs behind it: unless they are to end.
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
                recv(events) -> event => event.into_iter().for_each(|event| self.take(event)),
                send(stdout, self.output.take_batch()) -> _ => {}
                recv(interrupts) -> _ => self.interrupt(),
                recv(ticks) -> _ => self.show(),
            }
        }
    }

    fn start_jobs(&mut self) {
        while self.desk.jobs.len() < SIDE_BY_SIDE
            && let Some((job, progress)) = self.pending.pop_front()
        {
            if self.shown.since.is_none() {
                self.shown.since = Some(self.session.clock.elapsed());
                self.shown
                    .meter
                    .observe(Duration::ZERO, Tally::default(), None);
            }
            let id = job.id;
            if let Err(error) = self.desk.jobs.start(job, progress) {
                self.refused(Some(id), &error);
            }
        }
    }

    /// Takes an event and those that wait behind it, then hands on what they left for stdout.
    fn take(&mut self, first: Event) {
        self.event(&first);
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
            self.output
                .answer(&json::event(self.session.clock.elapsed(), event));
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
                    let line = words::entry(*action, source, destination);
                    line.iter().for_each(|line| self.output.answer(line));
                }
            }
            Event::Notice(_, error) => self.tell(error),
            Event::Failed(_, error) => {
                self.tell(error);
                self.worsen(ExitStatus::Failed);
            }
            Event::Finished(job, outcome, tally) => self.finished(job.id, *outcome, *tally),
        }
    }

    fn finished(&mut self, id: JobId, outcome: Outcome, tally: Tally) {
        // A job that ends twice (by a fault of ours) counts once.
        let Some(running) = self.desk.jobs.finished(id) else {
            return;
        };
        running.join();
        self.ended = summary::sum(self.ended, tally);
        match outcome {
            Outcome::Complete => {}
            Outcome::Failed(_) => self.worsen(ExitStatus::Failed),
            Outcome::Cancelled => self.worsen(ExitStatus::Interrupted),
        }
    }

    /// A source that cannot be copied at all.
    fn refused(&mut self, job: Option<JobId>, error: &Error) {
        self.ended.failed += 1;
        self.worsen(ExitStatus::Failed);
        if self.session.form == Form::Json {
            self.output
                .answer(&json::refused(self.session.clock.elapsed(), job, error));
        }
        self.tell(error);
    }

    fn tell(&mut self, error: &Error) {
        self.output
            .notice(&self.session.complaint(&describe(error)));
    }

    fn interrupt(&mut self) {
        self.status = ExitStatus::Interrupted;
        self.desk.logbook.lock().stopped_by(StoppedBy::Signal);
        self.desk.jobs.cancel_all();
        self.pending.clear();
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
        let time = self.session.clock.elapsed().saturating_sub(since);
        let (tally, totals) = self.standing();
        self.shown.meter.observe(time, tally, totals);
        if time < SHOW_AFTER {
            return;
        }
        if !self.shown.is_measuring {
            self.shown.is_measuring = true;
            self.measure();
        }
        let meter = &self.shown.meter;
        match self.session.form {
            Form::Text => {
                let current = self.current();
                self.output.show(|width| meter.line("", &current, width));
            }
            Form::Json => {
                // A reader that is behind has progress enough to read.
                if !self.output.is_full() {
                    self.output.answer(&json::progress(
                        self.session.clock.elapsed(),
                        tally,
                        totals,
                        meter,
                    ));
                    self.output.flush();
                }
            }
        }
    }

    fn measure(&self) {
        let running = self
            .desk
            .jobs
            .iter()
            .map(|running| (running.job.clone(), Arc::clone(&running.progress)));
        self.desk
            .measure(running.chain(self.pending.iter().cloned()).collect());
    }

    /// The numbers of all jobs, and what they amount to once that is known of each.
    fn standing(&self) -> (Tally, Option<Totals>) {
        let mut tally = self.ended;
        let mut totals = Some(Totals {
            bytes: tally.bytes,
            files: tally.files + tally.skipped + tally.failed,
        });
        let running = self.desk.jobs.iter().map(|running| &running.progress);
        for progress in running.chain(self.pending.iter().map(|(_, progress)| progress)) {
            tally = summary::sum(tally, progress.tally());
            totals = totals
                .zip(desk::totals(progress))
                .map(|(sum, more)| Totals {
                    bytes: sum.bytes + more.bytes,
                    files: sum.files + more.files,
                });
        }
        (tally, totals)
    }

    fn current(&self) -> PathBuf {
        self.desk
            .jobs
            .iter()
            .next()
            .map(|running| desk::current(&running.progress))
            .unwrap_or_default()
    }

    /// Closes the log, sums up, and gives stdout time to be read.
    fn finish(mut self) -> ExitStatus {
        self.desk.logbook.lock().close();
        self.sum_up();
        let is_interrupted = self.status == ExitStatus::Interrupted;
        let is_written = if is_interrupted {
            self.output.finish(&after(LAST_WORDS))
        } else {
            self.output.finish(&self.desk.interrupts)
        };
        if self.status == ExitStatus::Success && !is_written {
            ExitStatus::Failed
        } else {
            self.status
        }
    }

    fn sum_up(&mut self) {
        let now = self.session.clock.elapsed();
        if self.session.form == Form::Json {
            return self
                .output
                .answer(&json::summary(now, self.ended, self.status));
        }
        let Some(since) = self.shown.since else {
            return;
        };
        let time = now.saturating_sub(since);
        let options = &self.session.options;
        let line = match self.status {
            _ if self.session.volume == Volume::Quiet => return,
            ExitStatus::Interrupted => format!(
                "interrupted {}",
                summary::stopped(self.ended, time, options.resume)
            ),
            _ if summary::is_only_failure(self.ended) => return,
            ExitStatus::Success | ExitStatus::Failed | ExitStatus::Usage => {
                summary::line(options.mode, self.ended, time)
            }
        };
        self.output.notice(&line);
    }
}
