//! Fills a staged file with a source's bytes, by the best way there is, and says what the source did
//! meanwhile.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use crate::config::{Reflink, Sparse, Verify};
use crate::engine::place::Spot;
use crate::engine::plan::{self, Way};
use crate::engine::run::{Helpers, Run};
use crate::engine::sys::{self, Kind, Span, Stat};
use crate::error::{Change, Doing, Error};

use super::chunked::{Mover, Stop, Zeros};
use super::hash::{Hasher, Segment};
use super::ranges::{self, Moved};
use super::stage::Stage;

/// How often the end of a growing source is followed before giving up.
const TOP_UPS: u32 = 3;

/// A filled file.
#[derive(Debug)]
pub(super) struct Filled {
    pub(super) source: Arc<File>,
    /// The source's facts that go with the bytes.
    pub(super) stat: Stat,
    pub(super) bytes: u64,
    /// Whether the bytes are the source's own blocks.
    pub(super) cloned: bool,
    /// What was written, when it has to be verified.
    pub(super) segments: Vec<Segment>,
    /// The source's first size, when it grew since.
    grew_from: Option<u64>,
}

impl Filled {
    /// A file that gets no content.
    pub(super) fn nothing(source: File, stat: Stat) -> Self {
        Self {
            source: Arc::new(source),
            stat,
            bytes: 0,
            cloned: false,
            segments: Vec::new(),
            grew_from: None,
        }
    }

    /// What to say about a source that grew.
    pub(super) fn grew(&self, spot: &Spot<'_>) -> Option<Error> {
        let before = self.grew_from?;
        Some(Error::Grew {
            path: spot.source(),
            before,
            after: self.bytes,
        })
    }
}

/// Fills `stage` from `source`.
pub(super) fn fill<'scope>(
    run: &'scope Run<'scope>,
    helpers: Helpers<'scope, '_>,
    spot: &Spot<'_>,
    source: &Arc<File>,
    stat: &Stat,
    stage: &Stage<'_>,
) -> Result<Filled, Error> {
    let mut filled = Filled {
        source: Arc::clone(source),
        stat: *stat,
        bytes: 0,
        cloned: false,
        segments: Vec::new(),
        grew_from: None,
    };
    if clone(run, spot, source, stat, stage)? {
        run.progress.bytes.fetch_add(stat.size, Relaxed);
        run.progress.cloned.fetch_add(stat.size, Relaxed);
        filled.bytes = stat.size;
        filled.cloned = true;
        return Ok(filled);
    }
    let mover = Mover {
        run,
        source,
        destination: stage.file(),
        zeros: if run.options.sparse == Sparse::Always {
            Zeros::LeftOut
        } else {
            Zeros::Written
        },
    };
    let moved = bytes(run, helpers, spot, &filled, stage, &mover);
    let moved = moved.and_then(|moved| {
        filled.segments = moved.segments;
        filled.bytes = moved.reached;
        settle(&mover, &mut filled)
    });
    if let Some(change) = moved.map_err(|stop| explain(spot, stop))? {
        let path = spot.source();
        let error = Error::Changed { path, change };
        if run.options.cp().is_none() {
            return Err(error);
        }
        // The old file is gone already: what could be read is better than nothing.
        run.notice(error);
    }
    let may_be_short = mover.zeros == Zeros::LeftOut
        || filled.bytes < stat.size
        || stat.allocated < stat.size
        || stage.is_taken_up();
    if may_be_short && !stage.is_stream() {
        // A hole at the end leaves the file short, and an early end leaves storage reserved beyond it.
        let sized = stage.file().set_len(filled.bytes);
        sized.map_err(|cause| Error::io(Doing::Write, spot.destination(), cause))?;
    }
    Ok(filled)
}

/// Shares the source's blocks if that is wanted and possible.
fn clone(
    run: &Run<'_>,
    spot: &Spot<'_>,
    source: &File,
    stat: &Stat,
    stage: &Stage<'_>,
) -> Result<bool, Error> {
    let wanted = run.options.reflink;
    let devices = spot.pair.devices;
    let is_hopeless =
        run.shared.devices.known(devices).clones == Some(false) && wanted != Reflink::Always;
    if wanted == Reflink::Never || is_hopeless || stat.size == 0 || stat.kind != Kind::File {
        return Ok(false);
    }
    // Shared blocks are as full of holes as the source's.
    let keeps_holes = match run.options.sparse {
        Sparse::Auto => true,
        Sparse::Always => false,
        Sparse::Never => stat.allocated >= stat.size,
    };
    if wanted == Reflink::Auto && !keeps_holes {
        return Ok(false);
    }
    match sys::clone(source, stage.file()) {
        Ok(()) => {
            run.shared
                .devices
                .learn(devices, |known| known.clones = Some(true));
            Ok(true)
        }
        Err(cause) if wanted == Reflink::Always => {
            Err(Error::io(Doing::Clone, spot.destination(), cause))
        }
        Err(_) => {
            // One file of a file system that can (a swap file, say) may be refused: only the first answer counts.
            run.shared
                .devices
                .learn(devices, |known| known.clones = known.clones.or(Some(false)));
            Ok(false)
        }
    }
}

/// Moves the bytes by the way that fits the source.
fn bytes<'scope>(
    run: &'scope Run<'scope>,
    helpers: Helpers<'scope, '_>,
    spot: &Spot<'_>,
    filled: &Filled,
    stage: &Stage<'_>,
    mover: &Mover<'_>,
) -> Result<Moved, Stop> {
    let stat = &filled.stat;
    if stage.is_stream() || !matches!(stat.kind, Kind::File | Kind::BlockDevice) {
        let reached = mover
            .run
            .shared
            .buffers
            .with(|buffer| mover.stream(buffer))?;
        return Ok(Moved {
            reached,
            segments: Vec::new(),
            is_cut: false,
        });
    }
    if stat.kind != Kind::File || stat.size == 0 {
        // Files of /proc and the like say 0 and hold something.
        return pieces(
            mover,
            std::iter::once(Ok(Span {
                start: 0,
                end: u64::MAX,
            })),
        );
    }
    let way = plan::way(stat, run.options, run.shared.workers);
    let whole = Span {
        start: 0,
        end: stat.size,
    };
    let must_see_bytes = run.options.verify == Verify::ReadBack || stage.map().is_some();
    if !must_see_bytes
        && matches!(way, Way::Whole | Way::Ranges)
        && run.is_remote(spot)
        && let Some(reached) = mover.offload(whole)?
        && reached == stat.size
    {
        return Ok(Moved {
            reached,
            segments: Vec::new(),
            is_cut: false,
        });
    }
    match way {
        Way::Small => pieces(mover, std::iter::once(Ok(whole))),
        Way::Sparse if stage.map().is_none() => {
            let moved = pieces(mover, data(mover.source, stat.size))?;
            // What follows the last stretch of data is a hole.
            let reached = if moved.is_cut {
                moved.reached
            } else {
                stat.size
            };
            Ok(Moved { reached, ..moved })
        }
        Way::Whole | Way::Ranges | Way::Sparse => {
            in_ranges(run, helpers, filled, stage, mover, way)
        }
    }
}

/// Moves the bytes range by range.
fn in_ranges<'scope>(
    run: &'scope Run<'scope>,
    helpers: Helpers<'scope, '_>,
    filled: &Filled,
    stage: &Stage<'_>,
    mover: &Mover<'_>,
    way: Way,
) -> Result<Moved, Stop> {
    let wanted = if way == Way::Sparse {
        Zeros::LeftOut
    } else {
        mover.zeros
    };
    let zeros = if wanted == Zeros::LeftOut && stage.is_taken_up() {
        Zeros::Punched
    } else {
        wanted
    };
    if zeros == Zeros::Written {
        sys::allocate(mover.destination, filled.stat.size).map_err(Stop::Write)?;
    }
    ranges::copy(
        run,
        helpers.filter(|_| way == Way::Ranges),
        (&filled.source, stage.file()),
        filled.stat.size,
        zeros,
        stage.map(),
    )
}

/// Moves stretches one after the other, hashing where the copy is to be verified.
fn pieces(mover: &Mover<'_>, spans: impl Iterator<Item = io::Result<Span>>) -> Result<Moved, Stop> {
    let verifies = mover.run.options.verify == Verify::ReadBack;
    let mut moved = Moved {
        reached: 0,
        segments: Vec::new(),
        is_cut: false,
    };
    mover.run.shared.buffers.with(|buffer| {
        for span in spans {
            let span = span.map_err(Stop::Read)?;
            let mut hasher = verifies.then(Hasher::new);
            moved.reached = mover.span(span, buffer, |bytes| {
                if let Some(hasher) = &mut hasher {
                    hasher.update(bytes);
                }
            })?;
            if let Some(hasher) = hasher {
                let span = Span {
                    start: span.start,
                    end: moved.reached,
                };
                moved.segments.push(Segment {
                    span,
                    hash: hasher.finish(),
                });
            }
            if moved.reached < span.end {
                moved.is_cut = true;
                break;
            }
        }
        Ok(moved)
    })
}

/// The stretches of data of a file, holes left out.
fn data(source: &File, size: u64) -> impl Iterator<Item = io::Result<Span>> {
    let mut position = 0;
    std::iter::from_fn(move || {
        let span = sys::next_data(source, position, size).transpose()?;
        position = span.as_ref().map_or(u64::MAX, |span| span.end);
        Some(span)
    })
}

/// Compares the source with what it was at first. Follows one that only grew; tells one that cannot be trusted.
fn settle(mover: &Mover<'_>, filled: &mut Filled) -> Result<Option<Change>, Stop> {
    let before = filled.stat;
    let mut after = sys::stat(&*filled.source).map_err(Stop::Read)?;
    // A source without a size of its own (a pipe, a file of /proc) has nothing to compare with; the log of this run
    // grows by our doing.
    if before.kind != Kind::File
        || (before.size == 0 && after.size == 0)
        || mover.run.shared.log == Some(before.id)
    {
        return Ok(None);
    }
    for _ in 0..TOP_UPS {
        if after.size <= filled.bytes || after.size <= before.size {
            break;
        }
        filled.grew_from = Some(before.size);
        let more = pieces(
            mover,
            std::iter::once(Ok(Span {
                start: filled.bytes,
                end: after.size,
            })),
        )?;
        filled.bytes = more.reached;
        filled.segments.extend(more.segments);
        after = sys::stat(&*filled.source).map_err(Stop::Read)?;
    }
    filled.stat = Stat {
        size: after.size,
        modified: after.modified,
        ..before
    };
    Ok(if after.size < before.size {
        Some(Change::Shrank {
            before: before.size,
            after: after.size,
        })
    } else if after.size > filled.bytes && after.size > before.size {
        Some(Change::KeepsGrowing)
    } else if after.size == before.size && after.modified != before.modified {
        Some(Change::Written)
    } else {
        None
    })
}

fn explain(spot: &Spot<'_>, stop: Stop) -> Error {
    match stop {
        Stop::Read(cause) => Error::io(Doing::Read, spot.source(), cause),
        Stop::Write(cause) => Error::io(Doing::Write, spot.destination(), cause),
        Stop::Cancelled => Error::Cancelled {
            path: spot.source(),
        },
    }
}
