//! What the terminal shows: output above, then the line being typed, then the status rows; pure.
//!
//! ```text
//!   … output, scrolling away …
//!   source file: notes.t█        ┐ the live area, painted anew in
//!   big.iso   43 %  1.9 GiB/s    │ place; it always begins at the
//!   photos    12 %  0.8 GiB/s    ┘ left edge
//! ```
//!
//! [`Screen::paint`] gives the bytes of one update, to be written in one call: back to the top of the live area, new
//! output lines, the live area again. Rows of the live area are broken here, never by the terminal, so its height is
//! known; output lines are left whole, so that the terminal can break and copy them itself. After a resize the height
//! is reckoned as a terminal that re-breaks its rows would have it.
//!
//! No scroll region: it would have to be set anew on every resize, Ctrl-L and program that resets the terminal,
//! and be taken away on every way out; a live area is right again with the next update.

use std::fmt::Write as _;

use super::cells::{Cell, cells};
use crate::style;

/// The terminal's size in cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) columns: usize,
    pub(super) rows: usize,
}

/// What the live area is to show.
#[derive(Clone, Copy, Debug)]
pub(super) struct View<'a> {
    /// The line being typed, if one was asked for.
    pub(super) line: Option<Line<'a>>,
    pub(super) status: &'a [String],
}

/// The line being typed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line<'a> {
    pub(super) prompt: &'a str,
    pub(super) text: &'a str,
    /// A byte offset in `text`.
    pub(super) cursor: usize,
}

/// Remembers what stands on the terminal.
#[derive(Debug, Default)]
pub(super) struct Screen {
    painted: LiveArea,
    columns: usize,
}

/// The rows of the live area, each with its width in cells, and the cursor's place among them.
#[derive(Debug, Default, PartialEq, Eq)]
struct LiveArea {
    rows: Vec<Row>,
    cursor: (usize, usize),
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Row {
    text: String,
    width: usize,
}

impl Screen {
    /// The bytes that print `output` (whole lines, made safe by [`super::cells::safe_lines`]) and show `view`.
    pub(super) fn paint(&mut self, output: &str, view: View<'_>, size: Size) -> Vec<u8> {
        let size = Size {
            columns: size.columns.max(2),
            rows: size.rows.max(1),
        };
        let area = LiveArea::lay_out(view, size);
        let mut bytes = String::from("\x1b[?2026h"); // one frame, for terminals that know the mode
        up(&mut bytes, self.painted.rows_above_cursor(size.columns));
        bytes.push('\r');
        if !output.is_empty()
            || area.rows.len() < self.painted.rows.len()
            || self.columns != size.columns
        {
            bytes.push_str("\x1b[J");
        }
        for line in output.split_terminator('\n') {
            bytes.push_str(line);
            bytes.push_str("\r\n");
        }
        for (index, row) in area.rows.iter().enumerate() {
            if index > 0 {
                bytes.push_str("\r\n");
            }
            bytes.push_str(&row.text);
            // After a full row the cursor still stands on its last cell, which this would erase.
            if row.width < size.columns {
                bytes.push_str("\x1b[K");
            }
        }
        up(
            &mut bytes,
            area.rows.len().saturating_sub(area.cursor.0 + 1),
        );
        bytes.push('\r');
        if area.cursor.1 > 0 {
            push_fmt(&mut bytes, format_args!("\x1b[{}C", area.cursor.1));
        }
        bytes.push_str("\x1b[?2026l");
        self.painted = area;
        self.columns = size.columns;
        bytes.into_bytes()
    }

    /// The bytes that empty the terminal; the next paint begins at its top.
    pub(super) fn clear(&mut self) -> &'static [u8] {
        self.painted = LiveArea::default();
        b"\x1b[H\x1b[2J"
    }

    /// Takes the cursor to be at the left edge of a free row, as after another program had the terminal.
    pub(super) fn forget(&mut self) {
        self.painted = LiveArea::default();
    }
}

impl LiveArea {
    fn lay_out(view: View<'_>, size: Size) -> Self {
        // At least one row is left for the line being typed.
        let status_rows = view.status.len().min(size.rows - 1);
        let mut area = match view.line {
            Some(line) => Self::break_line(line, size.columns),
            None => Self::default(),
        };
        area.keep_rows_around_cursor(size.rows - status_rows);
        // One cell less than would fit: a full last row would scroll on some terminals.
        area.rows.extend(
            view.status[..status_rows]
                .iter()
                .map(|row| cut(row, size.columns - 1)),
        );
        area
    }

    /// Breaks prompt and text into rows and finds the cursor.
    fn break_line(line: Line<'_>, columns: usize) -> Self {
        let mut rows = vec![Row::default()];
        for cell in cells(line.prompt) {
            push_cell(&mut rows, &cell, columns);
        }
        let mut cursor = None;
        let mut at = 0;
        for cell in cells(line.text) {
            if at >= line.cursor {
                cursor = cursor.or_else(|| Some(next_place(&mut rows, &cell, columns)));
            }
            push_cell(&mut rows, &cell, columns);
            at += cell.source_len;
        }
        let end = Cell {
            text: "".into(),
            width: 1,
            source_len: 0,
        };
        let cursor = cursor.unwrap_or_else(|| next_place(&mut rows, &end, columns));
        if cursor.0 == rows.len() {
            rows.push(Row::default());
        }
        Self { rows, cursor }
    }

    /// A line taller than its room is shown in part, with the cursor in view.
    fn keep_rows_around_cursor(&mut self, room: usize) {
        let first = (self.cursor.0 + 1).saturating_sub(room);
        self.rows.drain(..first);
        self.rows.truncate(room);
        self.cursor.0 -= first;
    }

    /// How far up the area begins, if its rows have been broken again at this width.
    fn rows_above_cursor(&self, columns: usize) -> usize {
        let above: usize = self
            .rows
            .iter()
            .take(self.cursor.0)
            .map(|row| row.width.div_ceil(columns).max(1))
            .sum();
        above + self.cursor.1 / columns
    }
}

/// A row of at most `columns` cells.
fn cut(text: &str, columns: usize) -> Row {
    let mut row = Row::default();
    let mut colored = false;
    for cell in cells(text) {
        if row.width + cell.width > columns {
            break;
        }
        colored = if cell.is_color() {
            cell.text != style::RESET
        } else {
            colored
        };
        row.text.push_str(&cell.text);
        row.width += cell.width;
    }
    if colored {
        row.text.push_str(style::RESET);
    }
    row
}

/// Adds a cell to the last row, or to a new one if it does not fit. Only a visible escape in a tiny window is wider
/// than a row, and is broken up.
fn push_cell(rows: &mut Vec<Row>, cell: &Cell<'_>, columns: usize) {
    if cell.width > columns {
        for at in 0..cell.text.len() {
            let part = Cell {
                text: cell.text[at..=at].into(),
                width: 1,
                source_len: 0,
            };
            push_cell(rows, &part, columns);
        }
        return;
    }
    if last(rows).width + cell.width > columns {
        rows.push(Row::default());
    }
    let row = last(rows);
    row.text.push_str(&cell.text);
    row.width += cell.width;
}

/// Where a cell would begin that is added now.
fn next_place(rows: &mut [Row], cell: &Cell<'_>, columns: usize) -> (usize, usize) {
    // A cell that must be broken up begins with a part of one, and a mark is shown where a letter would be.
    let width = if cell.width > columns {
        1
    } else {
        cell.width.max(1)
    };
    let used = last(rows).width;
    if used + width > columns {
        (rows.len(), 0)
    } else {
        (rows.len() - 1, used)
    }
}

fn last(rows: &mut [Row]) -> &mut Row {
    rows.last_mut().expect("a line has at least one row")
}

fn up(bytes: &mut String, rows: usize) {
    if rows > 0 {
        push_fmt(bytes, format_args!("\x1b[{rows}A"));
    }
}

fn push_fmt(bytes: &mut String, args: std::fmt::Arguments<'_>) {
    let pushed = bytes.write_fmt(args);
    debug_assert!(pushed.is_ok(), "writing to a String cannot fail");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_are_broken_and_the_cursor_found() {
        // Prompt and text with its cursor; rows of six cells, `/` between them, with the cursor.
        let rows = [
            ("nothing yet", "> ", "|", "> |"),
            ("at the end", "> ", "abc|", "> abc|"),
            ("in the middle", "> ", "a|bc", "> a|bc"),
            ("a full row", "> ", "abcd|", "> abcd/|"),
            ("before the last cell", "> ", "abc|d", "> abc|d"),
            ("broken", "> ", "abcdef|", "> abcd/ef|"),
            ("first broken letter", "> ", "abcd|ef", "> abcd/|ef"),
            ("korean does not fit", "> ", "abc|한", "> abc/|한"),
            ("korean takes two cells", "> ", "한|글a", "> 한|글/a"),
            ("a mark stays", "", "abcde\u{301}|f", "abcde\u{301}|f"),
            ("a tab is visible", "", "a\t|b", "a\\t|b"),
            (
                "colours take no cells",
                "\x1b[31m>\x1b[0m ",
                "a|",
                "\x1b[31m>\x1b[0m a|",
            ),
        ];
        for (name, prompt, marked, expected) in rows {
            let text = marked.replace('|', "");
            let cursor = marked.find('|').unwrap();
            let line = Line {
                prompt,
                text: &text,
                cursor,
            };
            assert_eq!(
                with_cursor(LiveArea::break_line(line, 6)),
                expected,
                "{name}"
            );
        }
    }

    #[test]
    fn status_rows_are_cut_and_leave_room() {
        let status: Vec<String> = ["하나둘셋", "\x1b[31mtwo two two\x1b[0m", "three"]
            .map(String::from)
            .into();
        let line = Some(Line {
            prompt: "> ",
            text: "a",
            cursor: 1,
        });
        let area = LiveArea::lay_out(
            View {
                line,
                status: &status,
            },
            Size {
                columns: 6,
                rows: 3,
            },
        );
        let shown: Vec<&str> = area.rows.iter().map(|row| &row.text[..]).collect();
        assert_eq!(
            shown,
            ["> a", "하나", "\x1b[31mtwo t\x1b[0m"],
            "cut to five cells, two of three rows"
        );
        let only_status = LiveArea::lay_out(
            View {
                line: None,
                status: &status[..1],
            },
            Size {
                columns: 9,
                rows: 3,
            },
        );
        assert_eq!(
            (only_status.rows[0].text.as_str(), only_status.cursor),
            ("하나둘셋", (0, 0))
        );
    }

    #[test]
    fn a_tall_line_shows_the_part_with_the_cursor() {
        let text = "abcdefghij";
        let show = |cursor| {
            let view = View {
                line: Some(Line {
                    prompt: "",
                    text,
                    cursor,
                }),
                status: &[],
            };
            let area = LiveArea::lay_out(
                view,
                Size {
                    columns: 2,
                    rows: 2,
                },
            );
            (
                area.rows
                    .into_iter()
                    .map(|row| row.text)
                    .collect::<Vec<_>>(),
                area.cursor,
            )
        };
        assert_eq!(show(0), (vec!["ab".into(), "cd".into()], (0, 0)));
        assert_eq!(show(9), (vec!["gh".into(), "ij".into()], (1, 1)));
        assert_eq!(show(10), (vec!["ij".into(), String::new()], (1, 0)));
    }

    #[test]
    fn an_update_goes_back_to_the_top_of_the_live_area() {
        let mut screen = Screen::default();
        let size = Size {
            columns: 10,
            rows: 5,
        };
        let status = ["s".to_owned()];
        let line = Line {
            prompt: "",
            text: "abcdefghijkl",
            cursor: 12,
        };
        let view = View {
            line: Some(line),
            status: &status,
        };
        let first = text(screen.paint("", view, size));
        assert!(
            first.ends_with("abcdefghij\r\nkl\x1b[K\r\ns\x1b[K\x1b[1A\r\x1b[2C\x1b[?2026l"),
            "{first:?}"
        );
        let second = text(screen.paint("out\n", view, size));
        assert!(
            second.starts_with("\x1b[?2026h\x1b[1A\r\x1b[Jout\r\nabcdefghij\r\n"),
            "{second:?}"
        );
        // The first row of ten cells now takes three rows of four, and the cursor's row one.
        let third = text(screen.paint("", view, Size { columns: 4, ..size }));
        assert!(third.starts_with("\x1b[?2026h\x1b[3A\r\x1b[J"), "{third:?}");
    }

    proptest! {
        #[test]
        fn rows_never_exceed_the_window(
            text in "[a-z한\\t\u{301}\u{202e}]{0,60}", at: proptest::sample::Index,
            columns in 2_usize..12, rows in 1_usize..6,
            status in proptest::collection::vec("[a-z한]{0,20}", 0..4),
        ) {
            let places: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
            let line = Line { prompt: "> ", text: &text, cursor: *at.get(&places) };
            let area = LiveArea::lay_out(View { line: Some(line), status: &status }, Size { columns, rows });
            prop_assert!(area.rows.len() <= rows);
            prop_assert!(area.rows.iter().all(|row| row.width <= columns));
            prop_assert!(area.cursor.0 < area.rows.len() && area.cursor.1 < columns);
        }
    }

    fn with_cursor(area: LiveArea) -> String {
        let mut rows: Vec<String> = area.rows.into_iter().map(|row| row.text).collect();
        let row = &mut rows[area.cursor.0];
        let (mut at, mut width) = (0, 0);
        for cell in cells(row) {
            width += cell.width;
            if width > area.cursor.1 {
                break;
            }
            at += cell.text.len();
        }
        row.insert(at, '|');
        rows.join("/")
    }

    fn text(bytes: Vec<u8>) -> String {
        String::from_utf8(bytes).unwrap()
    }
}
