//! The parts of a progress line, put together so that they fit: parts are left out, the least telling first, and what
//! remains is cut. Pure; what the parts say is decided by the meter.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The least columns in which a name still says something.
const MIN_NAME_WIDTH: usize = 8;

/// The parts of a line in the order in which they stand.
#[derive(Clone, Default)]
pub(super) struct Parts {
    pub(super) label: Option<String>,
    pub(super) share: Option<String>,
    /// Stands where `done_of_whole` is unknown or has no room.
    pub(super) done: Option<String>,
    pub(super) done_of_whole: Option<String>,
    pub(super) files: Option<String>,
    pub(super) rate: Option<String>,
    pub(super) remaining: Option<String>,
}

impl Parts {
    /// Leaves out parts until the line fits, and cuts it when even the last one does not.
    pub(super) fn fit(mut self, name: &str, width: usize) -> String {
        let leave_out: [fn(&mut Self); 6] = [
            |parts| parts.files = None,
            |parts| parts.done_of_whole = None,
            |parts| parts.rate = None,
            |parts| parts.remaining = None,
            |parts| {
                parts.done = if parts.share.is_some() {
                    None
                } else {
                    parts.done.take()
                }
            },
            |parts| parts.label = None,
        ];
        let mut line = self.join();
        for leave_out in leave_out {
            if line.width() <= width {
                break;
            }
            leave_out(&mut self);
            line = self.join();
        }
        let room = width.saturating_sub(line.width() + SPACE.len());
        if !name.is_empty() && (name.width() <= room || room >= MIN_NAME_WIDTH) {
            line.push_str(SPACE);
            line.push_str(&end_of(name, room));
        }
        start_of(&line, width)
    }

    fn join(&self) -> String {
        let done = self.done_of_whole.as_ref().or(self.done.as_ref());
        let parts = [
            self.label.as_ref(),
            self.share.as_ref(),
            done,
            self.files.as_ref(),
            self.rate.as_ref(),
            self.remaining.as_ref(),
        ];
        parts
            .into_iter()
            .flatten()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join(SPACE)
    }
}

const SPACE: &str = "  ";

/// As much of the end of a text as fits, with `…` for what was cut: the end of a path tells more than its start.
fn end_of(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut room = width.saturating_sub(1);
    let mut start = text.len();
    for (at, c) in text.char_indices().rev() {
        let Some(left) = room.checked_sub(c.width().unwrap_or(0)) else {
            break;
        };
        room = left;
        start = at;
    }
    format!("…{}", &text[start..])
}

/// As much of the start of a text as fits.
fn start_of(text: &str, width: usize) -> String {
    let mut room = width;
    let fits = |c: &char| match room.checked_sub(c.width().unwrap_or(0)) {
        Some(left) => {
            room = left;
            true
        }
        None => false,
    };
    text.chars().take_while(fits).collect()
}
