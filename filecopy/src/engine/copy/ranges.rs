//! One file as ranges that workers take in turn: for speed where several are idle, and as the unit in
//! which a copy is verified and resumed.
//!
//! The worker that owns the file takes ranges itself until none is left, then waits for those that helpers
//! are still moving. A helper that comes too late finds the work gone and does nothing, so the owner never
//! waits for a worker that has not begun.

use std::fs::File;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::config::Verify;
use crate::engine::plan;
use crate::engine::run::{Helpers, Run};
use crate::engine::sys::Span;

use super::chunked::{Mover, Stop, Zeros};
use super::hash::{Hash, Hasher, Segment};
use super::resume::Map;

/// What became of the ranges of one file.
#[derive(Debug)]
pub(super) struct Moved {
    /// Where the source ended: its size, or less when it was cut.
    pub(super) reached: u64,
    /// What was written, for verification.
    pub(super) segments: Vec<Segment>,
    /// Whether the source ended before what was to be moved did.
    pub(super) is_cut: bool,
}

#[derive(Debug)]
struct Work {
    source: Arc<File>,
    destination: Arc<File>,
    size: u64,
    range_len: u64,
    zeros: Zeros,
    hashes: bool,
    /// First byte of the next range that nobody has taken.
    next: AtomicU64,
    stop: AtomicBool,
    state: Mutex<State>,
    idle: Condvar,
}

#[derive(Debug)]
struct State {
    active: usize,
    is_over: bool,
    reached: u64,
    segments: Vec<Segment>,
    stopped: Option<Stop>,
}

/// Moves `size` bytes, leaving out the ranges that `map` knows to be in place, and noting the others in it.
pub(super) fn copy<'scope>(
    run: &'scope Run<'scope>,
    helpers: Helpers<'scope, '_>,
    files: (&Arc<File>, &Arc<File>),
    size: u64,
    zeros: Zeros,
    map: Option<&Map>,
) -> Result<Moved, Stop> {
    let range_len = plan::range_len(run.options);
    let work = Arc::new(Work {
        source: Arc::clone(files.0),
        destination: Arc::clone(files.1),
        size,
        range_len,
        zeros,
        hashes: run.options.verify == Verify::ReadBack || map.is_some(),
        next: AtomicU64::new(0),
        stop: AtomicBool::new(false),
        state: Mutex::new(State {
            active: 0,
            is_over: false,
            reached: size,
            segments: Vec::new(),
            stopped: None,
        }),
        idle: Condvar::new(),
    });
    // A map is written by its owner alone: resumable copies are bound by the disk, not by workers.
    if let (Some(scope), None) = (helpers, map) {
        let wanted = size.div_ceil(range_len).saturating_sub(1);
        for _ in 0..wanted.min(run.shared.workers as u64 - 1) {
            // Weak: a helper in the queue must not keep the files open.
            let work = Arc::downgrade(&work);
            scope.spawn(move |_| {
                if let Some(work) = work.upgrade() {
                    work.help(run);
                }
            });
        }
    }
    work.take_ranges(run, map);
    work.finish()
}

impl Work {
    /// Takes part until no range is left, if the work is not over.
    fn help(&self, run: &Run<'_>) {
        let mut state = self.state();
        if state.is_over {
            return;
        }
        state.active += 1;
        drop(state);
        // Also when this worker panics: the owner waits for it.
        let _leave = Leave(self);
        self.take_ranges(run, None);
    }

    fn take_ranges(&self, run: &Run<'_>, map: Option<&Map>) {
        let mover = Mover {
            run,
            source: &self.source,
            destination: &self.destination,
            zeros: self.zeros,
        };
        run.shared.buffers.with(|buffer| {
            while !self.stop.load(Relaxed) {
                let start = self.next.fetch_add(self.range_len, Relaxed);
                if start >= self.size {
                    break;
                }
                let span = Span {
                    start,
                    end: (start + self.range_len).min(self.size),
                };
                if let Some(hash) = map.and_then(|map| map.has(span)) {
                    run.progress.bytes.fetch_add(span.len(), Relaxed);
                    run.progress.kept.fetch_add(span.len(), Relaxed);
                    self.state().segments.push(Segment { span, hash });
                    continue;
                }
                if let Err(stop) = self.range(&mover, span, buffer, map) {
                    self.stop.store(true, Relaxed);
                    self.state().stopped.get_or_insert(stop);
                }
            }
        });
    }

    fn range(
        &self,
        mover: &Mover<'_>,
        span: Span,
        buffer: &mut [u8],
        map: Option<&Map>,
    ) -> Result<(), Stop> {
        if !self.hashes {
            let reached = mover.span(span, buffer, |_| {})?;
            self.note_end(reached, span);
            return Ok(());
        }
        let mut hasher = Hasher::new();
        let reached = mover.span(span, buffer, |bytes| hasher.update(bytes))?;
        let hash: Hash = hasher.finish();
        let span_moved = Span {
            start: span.start,
            end: reached,
        };
        if let (Some(map), true) = (map, reached == span.end) {
            map.note(span, hash).map_err(Stop::Write)?;
        }
        self.state().segments.push(Segment {
            span: span_moved,
            hash,
        });
        self.note_end(reached, span);
        Ok(())
    }

    /// A range that ended early means that the source did.
    fn note_end(&self, reached: u64, span: Span) {
        if reached < span.end {
            self.stop.store(true, Relaxed);
            let mut state = self.state();
            state.reached = state.reached.min(reached);
        }
    }

    /// Lets no more helpers in, waits for those at work, and says what came of it.
    fn finish(&self) -> Result<Moved, Stop> {
        let mut state = self.state();
        state.is_over = true;
        while state.active > 0 {
            state = self
                .idle
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        if let Some(stop) = state.stopped.take() {
            return Err(stop);
        }
        let is_cut = state.reached < self.size;
        Ok(Moved {
            reached: state.reached,
            segments: std::mem::take(&mut state.segments),
            is_cut,
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Leave<'a>(&'a Work);

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.active -= 1;
        if std::thread::panicking() {
            self.0.stop.store(true, Relaxed);
            state.stopped.get_or_insert_with(|| {
                Stop::Write(std::io::Error::other("a worker ended by an internal fault"))
            });
        }
        drop(state);
        self.0.idle.notify_all();
    }
}
