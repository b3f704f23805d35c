//! The jobs of one command line: run one after another, in the order in which they were named, on one thread.
//!
//! One after another, because each uses all workers by itself, and because what happens when two sources want one
//! name, and the order of the log, must not depend on chance. On one thread, because thousands of small files may be
//! named, and starting a thread costs more than copying one.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use crossbeam_channel::Sender;

use crate::front::jobs::{Runner, guarded};
use crate::job::{Event, Job, Progress};

/// A job and how far it has come.
pub type Entry = (Job, Arc<Progress>);

/// Jobs that wait, and the thread that runs them.
#[derive(Debug)]
pub struct Queue {
    state: Arc<Mutex<State>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Entry>,
    running: Option<Arc<Progress>>,
}

impl Queue {
    /// Starts to run the jobs. `events` is where the runner tells what happens; a panic is told there in its stead.
    ///
    /// # Errors
    /// When the system has no thread to spare.
    pub fn start(
        runner: Arc<Runner>,
        events: Sender<Event>,
        jobs: VecDeque<Entry>,
    ) -> io::Result<Self> {
        let state = Arc::new(Mutex::new(State {
            waiting: jobs,
            running: None,
        }));
        let source = Arc::clone(&state);
        let run = move || {
            while let Some((job, progress)) = next(&source) {
                guarded(&*runner, &job, &progress, &events);
            }
        };
        let thread = std::thread::Builder::new().name("copy".into()).spawn(run)?;
        Ok(Self {
            state,
            thread: Some(thread),
        })
    }

    /// Cancels the job that runs, and takes away those that have not begun; they never will.
    pub fn stop(&self) -> VecDeque<Entry> {
        lock(&self.state).stop()
    }
}

impl Drop for Queue {
    /// Leaving early (a fault of the driver's) must not leave unfinished files: everything is stopped and waited for.
    fn drop(&mut self) {
        self.stop();
        if let Some(thread) = self.thread.take() {
            // A panic inside has been told as an event.
            let _ = thread.join();
        }
    }
}

impl State {
    fn next(&mut self) -> Option<Entry> {
        let next = self.waiting.pop_front();
        self.running = next.as_ref().map(|(_, progress)| Arc::clone(progress));
        next
    }

    fn stop(&mut self) -> VecDeque<Entry> {
        self.running.iter().for_each(|progress| progress.cancel());
        std::mem::take(&mut self.waiting)
    }
}

/// A function of its own, so that the lock is not held while the job runs.
fn next(state: &Mutex<State>) -> Option<Entry> {
    lock(state).next()
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    // Each change is whole, whatever panicked.
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
    use std::time::Duration;

    use crossbeam_channel::unbounded;

    use super::*;
    use crate::job::{JobId, Outcome};

    /// How long a test waits for an event that must come.
    const PATIENCE: Duration = Duration::from_secs(20);

    fn jobs(count: u32) -> VecDeque<Entry> {
        let job = |id| Job {
            id: JobId(id),
            source: "a".into(),
            destination: "b".into(),
        };
        (1..=count).map(|id| (job(id), Arc::default())).collect()
    }

    #[test]
    fn one_after_another_in_order() {
        let (events, received) = unbounded();
        let told = events.clone();
        let is_busy = AtomicBool::new(false);
        let runner = move |job: &Job, progress: &Progress| {
            assert!(!is_busy.swap(true, Relaxed), "one at a time");
            told.send(Event::Finished(
                job.clone(),
                Outcome::Complete,
                progress.tally(),
            ))
            .unwrap();
            is_busy.store(false, Relaxed);
            assert!(
                job.id != JobId(2),
                "a fault of job 2 does not end the others"
            );
            Outcome::Complete
        };
        let queue = Queue::start(Arc::new(runner), events, jobs(4)).unwrap();
        let mut ended = Vec::new();
        while ended.len() < 5 {
            if let Event::Finished(job, ..) = received.recv_timeout(PATIENCE).unwrap() {
                ended.push(job.id.0);
            }
        }
        assert_eq!(ended, [1, 2, 2, 3, 4], "job 2 ends twice, by its fault");
        drop(queue);
    }

    #[test]
    fn what_has_not_begun_never_does() {
        let (events, received) = unbounded();
        let told = events.clone();
        let runner = move |job: &Job, progress: &Progress| {
            told.send(Event::Started(job.clone())).unwrap();
            while !progress.is_cancelled() {
                std::thread::yield_now();
            }
            Outcome::Cancelled
        };
        let queue = Queue::start(Arc::new(runner), events, jobs(3)).unwrap();
        assert!(matches!(
            received.recv_timeout(PATIENCE),
            Ok(Event::Started(_))
        ));
        let never: Vec<_> = queue.stop().into_iter().map(|(job, _)| job.id.0).collect();
        assert_eq!(never, [2, 3]);
        drop(queue);
        assert!(received.try_recv().is_err(), "no other has begun");
    }
}
