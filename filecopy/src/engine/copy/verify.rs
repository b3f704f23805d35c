//! `--verify`: reads a finished file back and compares it with what was written.

use std::fs::File;
use std::sync::Arc;

use crate::engine::place::Spot;
use crate::engine::plan;
use crate::engine::run::Run;
use crate::engine::sys::{self, Span};
use crate::error::{Doing, Error};

use super::content::Filled;
use super::hash::{self, Segment};

/// Reads a written file back, from the disk as far as the system lets go of its cache, and compares. A clone, whose
/// bytes never passed through here, is compared with its source.
pub(super) fn read_back(
    run: &Run<'_>,
    spot: &Spot<'_>,
    file: &Arc<File>,
    filled: &Filled,
) -> Result<(), Error> {
    let cannot_read = |cause| Error::io(Doing::Read, spot.destination(), cause);
    sys::drop_cache(file).map_err(cannot_read)?;
    if filled.cloned {
        let range_len = plan::range_len(run.options);
        let mut start = 0;
        while start < filled.bytes {
            let span = Span {
                start,
                end: (start + range_len).min(filled.bytes),
            };
            let hash = hash::of(run, &filled.source, span)
                .map_err(|cause| Error::io(Doing::Read, spot.source(), cause))?;
            check(run, spot, file, &Segment { span, hash })?;
            start = span.end;
        }
    }
    filled
        .segments
        .iter()
        .try_for_each(|segment| check(run, spot, file, segment))
}

fn check(run: &Run<'_>, spot: &Spot<'_>, file: &File, segment: &Segment) -> Result<(), Error> {
    let found = hash::of(run, file, segment.span)
        .map_err(|cause| Error::io(Doing::Read, spot.destination(), cause))?;
    if run.progress.is_cancelled() {
        return Err(Error::Cancelled {
            path: spot.source(),
        });
    }
    if found == segment.hash {
        return Ok(());
    }
    Err(Error::Verify {
        path: spot.destination(),
        start: segment.span.start,
        end: segment.span.end,
    })
}
