//! Text as terminal cells, with what would act on the terminal made visible; pure.

use std::borrow::Cow;

use unicode_width::UnicodeWidthChar;

use crate::{quote, style};

/// Text for the output area: lines that end in `\n`, tabs and our own colours kept, anything else that would act on
/// the terminal made visible.
pub(super) fn safe_lines(text: &str) -> String {
    let mut safe = String::with_capacity(text.len() + 1);
    for line in text.split_terminator('\n') {
        let mut colored = false;
        for cell in cells(line) {
            colored = if cell.is_color() {
                cell.text != style::RESET
            } else {
                colored
            };
            safe.push_str(if cell.text == r"\t" && cell.source_len == 1 {
                "\t"
            } else {
                &cell.text
            });
        }
        if colored {
            safe.push_str(style::RESET);
        }
        safe.push('\n');
    }
    if text.is_empty() {
        safe.push('\n');
    }
    safe
}

/// One character as it is shown, or one of our colour sequences.
pub(super) struct Cell<'a> {
    pub(super) text: Cow<'a, str>,
    pub(super) width: usize,
    pub(super) source_len: usize,
}

impl Cell<'_> {
    pub(super) fn is_color(&self) -> bool {
        self.width == 0 && self.text.starts_with('\x1b')
    }
}

pub(super) fn cells(text: &str) -> impl Iterator<Item = Cell<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let c = rest.chars().next()?;
        let sequence = style::SEQUENCES
            .into_iter()
            .find(|sequence| rest.starts_with(sequence));
        let cell = match sequence {
            Some(sequence) => Cell {
                text: sequence.into(),
                width: 0,
                source_len: sequence.len(),
            },
            None if quote::is_harmful(c) => {
                let mut shown = String::new();
                quote::push_visible(&mut shown, c);
                Cell {
                    width: shown.len(),
                    text: shown.into(),
                    source_len: c.len_utf8(),
                }
            }
            None => Cell {
                text: rest[..c.len_utf8()].into(),
                width: c.width().unwrap_or(0),
                source_len: c.len_utf8(),
            },
        };
        rest = &rest[cell.source_len..];
        Some(cell)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_is_made_safe() {
        let rows = [
            ("harmless", "안녕\ta", "안녕\ta\n"),
            ("two lines", "a\nb\n", "a\nb\n"),
            ("an empty line", "", "\n"),
            ("foreign escapes", "\x1b[2Jx\x07\r", "\\x1b[2Jx\\x07\\r\n"),
            ("our colours", "\x1b[31mno\x1b[0m", "\x1b[31mno\x1b[0m\n"),
            ("a colour left on", "\x1b[31mno", "\x1b[31mno\x1b[0m\n"),
            ("a typed backslash is no tab", "\\t", "\\t\n"),
        ];
        for (name, text, expected) in rows {
            assert_eq!(safe_lines(text), expected, "{name}");
        }
    }
}
