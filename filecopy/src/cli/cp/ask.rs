//! Asks the person at the keyboard before a file is replaced (`-i`).
//!
//! The question goes to stderr and the answer comes from stdin, terminal or not; `y` at its beginning means yes,
//! anything else, the end of input included, means no.

use std::io::{self, BufRead, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use common::quote;
use filecopy::ask::{Ask, Obstacle};

/// Who is asked.
#[derive(Debug, Default)]
pub(super) struct Asker {
    /// Whether a question is open, so that Ctrl-C must not wait for its answer.
    is_waiting: AtomicBool,
}

impl Asker {
    pub(super) fn is_waiting(&self) -> bool {
        self.is_waiting.load(Relaxed)
    }
}

impl Ask for Asker {
    fn may_replace(&self, destination: &Path, obstacle: Obstacle) -> bool {
        self.is_waiting.store(true, Relaxed);
        let answer = ask(&question(destination, obstacle));
        self.is_waiting.store(false, Relaxed);
        matches!(answer, Ok(Some(b'y' | b'Y')))
    }
}

fn ask(question: &str) -> io::Result<Option<u8>> {
    io::stderr().lock().write_all(question.as_bytes())?;
    first_letter(&mut io::stdin().lock())
}

/// The first byte of a line, which is read to its end, however long it is.
fn first_letter(input: &mut impl BufRead) -> io::Result<Option<u8>> {
    let mut first = None;
    loop {
        let piece = match input.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            piece => piece?,
        };
        first = first.or_else(|| piece.first().copied());
        let len = piece.len();
        if let Some(end) = piece.iter().position(|&byte| byte == b'\n') {
            input.consume(end + 1);
            return Ok(first);
        }
        if len == 0 {
            return Ok(first);
        }
        input.consume(len);
    }
}

fn question(destination: &Path, obstacle: Obstacle) -> String {
    let name = quote::always(destination);
    match obstacle {
        Obstacle::None => format!("cp: overwrite {name}? "),
        Obstacle::Removed { mode } => {
            format!(
                "cp: replace {name}, overriding mode {mode:04o} ({})? ",
                letters(mode)
            )
        }
        Obstacle::Unwritable { mode } => {
            format!(
                "cp: unwritable {name} (mode {mode:04o}, {}); try anyway? ",
                letters(mode)
            )
        }
    }
}

/// Permission bits as `ls` shows them: `rw-r--r--`.
fn letters(mode: u32) -> String {
    let special = [
        (0o4000, 0o100, 's', 'S'),
        (0o2000, 0o010, 's', 'S'),
        (0o1000, 0o001, 't', 'T'),
    ];
    let letter = |at: u32| {
        let bit = 1 << (8 - at);
        let is_set = mode & bit != 0;
        match special
            .iter()
            .find(|(power, place, ..)| *place == bit && mode & power != 0)
        {
            Some((.., with, without)) => {
                if is_set {
                    *with
                } else {
                    *without
                }
            }
            None if is_set => ['r', 'w', 'x'][at as usize % 3],
            None => '-',
        }
    };
    (0..9).map(letter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_a_line() {
        type Row = (&'static str, &'static [u8], &'static [Option<u8>]);
        let rows: [Row; 4] = [
            (
                "lines",
                b"y\nno\nYes\n",
                &[Some(b'y'), Some(b'n'), Some(b'Y')],
            ),
            ("an empty line", b"\ny\n", &[Some(b'\n'), Some(b'y')]),
            ("no end of line", b"y", &[Some(b'y'), None]),
            ("nothing", b"", &[None]),
        ];
        for (name, bytes, expected) in rows {
            for room in 1..5 {
                let mut input = io::BufReader::with_capacity(room, bytes);
                let answers = expected
                    .iter()
                    .map(|_| first_letter(&mut input).unwrap())
                    .collect::<Vec<_>>();
                assert_eq!(answers, expected, "{name}, {room} bytes at a time");
            }
        }
    }

    #[test]
    fn questions_are_cps() {
        let rows = [
            (Obstacle::None, "cp: overwrite 'd'? "),
            (
                Obstacle::Removed { mode: 0o444 },
                "cp: replace 'd', overriding mode 0444 (r--r--r--)? ",
            ),
            (
                Obstacle::Unwritable { mode: 0o4511 },
                "cp: unwritable 'd' (mode 4511, r-s--x--x); try anyway? ",
            ),
            (
                Obstacle::Unwritable { mode: 0o1602 },
                "cp: unwritable 'd' (mode 1602, rw-----wT); try anyway? ",
            ),
        ];
        for (obstacle, expected) in rows {
            assert_eq!(question(Path::new("d"), obstacle), expected);
        }
    }
}
