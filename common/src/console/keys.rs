//! Bytes from a terminal in, keys out; pure.
//!
//! Understands UTF-8, the escape sequences of the usual terminals and bracketed paste. A pasted end of line is the
//! Enter key and a pasted tab is a character; other control characters in a paste are dropped, so that pasted text
//! cannot press keys. What is not understood is swallowed whole, what is not UTF-8 becomes U+FFFD. There is no clock: a
//! lone Esc waits for the key that follows, which it swallows as an unknown Alt combination unless that is a control
//! key.

use std::collections::VecDeque;

/// A key, named for what it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Char(char),
    Enter,
    /// Complete the word.
    Tab,
    Backspace,
    Delete,
    Left,
    Right,
    WordLeft,
    WordRight,
    Home,
    End,
    /// The line before in the history.
    Up,
    /// The line after in the history.
    Down,
    KillToEnd,
    KillToStart,
    KillWordLeft,
    KillWordRight,
    /// Insert what was killed last.
    Yank,
    ClearScreen,
    /// Ctrl-C.
    Interrupt,
    /// Ctrl-D: the end of input on an empty line, else [`Key::Delete`].
    EndOfInput,
    /// Ctrl-Z.
    Suspend,
    /// Ctrl-\.
    Quit,
}

/// Where a byte finds the decoder.
#[derive(Debug, Default)]
enum State {
    #[default]
    Ground,
    Escape,
    /// After `ESC [`, with the parameter bytes so far.
    Csi(Vec<u8>),
    /// After `ESC O`, and after `ESC [ [` of the Linux console's function keys: one byte more.
    Final,
}

/// The decoder; fed byte by byte, however reads were cut.
#[derive(Debug, Default)]
pub(super) struct Keys {
    state: State,
    /// The beginning of a character, at most three bytes.
    partial: Vec<u8>,
    pasting: bool,
}

/// Longer parameters are no key of ours; the sequence is swallowed without them.
const MAX_PARAMS: usize = 16;

const ESC: u8 = 0x1b;

impl Keys {
    pub(super) fn feed(&mut self, byte: u8, keys: &mut VecDeque<Key>) {
        match std::mem::take(&mut self.state) {
            State::Ground => self.ground(byte, keys),
            State::Escape => self.after_escape(byte, keys),
            State::Csi(params) => self.in_csi(params, byte, keys),
            State::Final => self.after_intro(byte, keys),
        }
    }

    fn ground(&mut self, byte: u8, keys: &mut VecDeque<Key>) {
        if !self.partial.is_empty() || byte >= 0x80 {
            return self.character(byte, keys);
        }
        match byte {
            ESC => self.state = State::Escape,
            b' '..=b'~' => keys.push_back(Key::Char(char::from(byte))),
            b'\r' | b'\n' => keys.push_back(Key::Enter),
            b'\t' if self.pasting => keys.push_back(Key::Char('\t')),
            _ if self.pasting => {}
            _ => keys.extend(control(byte)),
        }
    }

    fn character(&mut self, byte: u8, keys: &mut VecDeque<Key>) {
        self.partial.push(byte);
        match std::str::from_utf8(&self.partial) {
            Ok(text) => keys.extend(text.chars().map(Key::Char)),
            Err(error) if error.error_len().is_none() => return,
            Err(_) => {
                keys.push_back(Key::Char(char::REPLACEMENT_CHARACTER));
                let was_alone = self.partial.len() == 1;
                self.partial.clear();
                if !was_alone {
                    // It broke the character before it and may begin one itself.
                    self.ground(byte, keys);
                }
                return;
            }
        }
        self.partial.clear();
    }

    fn after_escape(&mut self, byte: u8, keys: &mut VecDeque<Key>) {
        match byte {
            b'[' => self.state = State::Csi(Vec::new()),
            b'O' => self.state = State::Final,
            // A control key is no part of a sequence, and the end of a paste begins with one.
            0..b' ' => self.ground(byte, keys),
            _ if self.pasting => {}
            b'b' => keys.push_back(Key::WordLeft),
            b'f' => keys.push_back(Key::WordRight),
            b'd' => keys.push_back(Key::KillWordRight),
            0x7f => keys.push_back(Key::KillWordLeft),
            _ => {}
        }
    }

    fn after_intro(&mut self, byte: u8, keys: &mut VecDeque<Key>) {
        match byte {
            0..b' ' => self.ground(byte, keys),
            _ if self.pasting => {}
            _ => keys.extend(arrow(byte, false)),
        }
    }

    fn in_csi(&mut self, mut params: Vec<u8>, byte: u8, keys: &mut VecDeque<Key>) {
        match byte {
            b'[' if params.is_empty() => self.state = State::Final,
            b' '..=b'?' => {
                if params.len() < MAX_PARAMS {
                    params.push(byte);
                }
                self.state = State::Csi(params);
            }
            // A control key in the middle: the sequence was torn, the key counts.
            0..b' ' => self.ground(byte, keys),
            b'~' if params == b"201" => self.pasting = false,
            _ if self.pasting => {}
            b'~' => match &params[..] {
                b"200" => self.pasting = true,
                b"1" | b"7" => keys.push_back(Key::Home),
                b"3" => keys.push_back(Key::Delete),
                b"4" | b"8" => keys.push_back(Key::End),
                _ => {}
            },
            _ => keys.extend(arrow(
                byte,
                params.ends_with(b";5") || params.ends_with(b";3"),
            )),
        }
    }
}

fn control(byte: u8) -> Option<Key> {
    Some(match byte {
        0x01 => Key::Home,
        0x02 => Key::Left,
        0x03 => Key::Interrupt,
        0x04 => Key::EndOfInput,
        0x05 => Key::End,
        0x06 => Key::Right,
        0x08 | 0x7f => Key::Backspace,
        b'\t' => Key::Tab,
        0x0b => Key::KillToEnd,
        0x0c => Key::ClearScreen,
        0x0e => Key::Down,
        0x10 => Key::Up,
        0x15 => Key::KillToStart,
        0x17 => Key::KillWordLeft,
        0x19 => Key::Yank,
        0x1a => Key::Suspend,
        0x1c => Key::Quit,
        _ => return None,
    })
}

/// The last byte of an arrow key's sequence; with Ctrl or Alt held it moves by words.
fn arrow(byte: u8, by_words: bool) -> Option<Key> {
    Some(match (byte, by_words) {
        (b'A', _) => Key::Up,
        (b'B', _) => Key::Down,
        (b'C', false) => Key::Right,
        (b'D', false) => Key::Left,
        (b'C', true) => Key::WordRight,
        (b'D', true) => Key::WordLeft,
        (b'H', _) => Key::Home,
        (b'F', _) => Key::End,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bytes_become_keys() {
        use Key::*;
        let rows: [(&str, &[u8], &[Key]); 24] = [
            ("letters", b"ab", &[Char('a'), Char('b')]),
            ("korean", "한글".as_bytes(), &[Char('한'), Char('글')]),
            ("emoji", "🎉".as_bytes(), &[Char('🎉')]),
            ("return and newline", b"\r\n", &[Enter, Enter]),
            ("both backspaces", b"\x7f\x08", &[Backspace, Backspace]),
            (
                "arrows",
                b"\x1b[A\x1b[B\x1b[C\x1b[D",
                &[Up, Down, Right, Left],
            ),
            ("application arrows", b"\x1bOA\x1bOH", &[Up, Home]),
            (
                "words with ctrl",
                b"\x1b[1;5C\x1b[1;5D",
                &[WordRight, WordLeft],
            ),
            (
                "words with alt",
                b"\x1bb\x1bf\x1bd\x1b\x7f",
                &[WordLeft, WordRight, KillWordRight, KillWordLeft],
            ),
            (
                "home, end, delete",
                b"\x1b[1~\x1b[4~\x1b[3~\x1b[H\x1b[F",
                &[Home, End, Delete, Home, End],
            ),
            (
                "function keys are swallowed",
                b"\x1b[15~\x1b[[Ax\x1bOPy",
                &[Up, Char('x'), Char('y')],
            ),
            (
                "a stray answer is swallowed",
                b"\x1b[?62;c\x1b[24;80Rz",
                &[Char('z')],
            ),
            (
                "endless parameters",
                b"\x1b[1111111111111111111111111111~a",
                &[Char('a')],
            ),
            ("escape, then ctrl-c", b"\x1b\x03", &[Interrupt]),
            ("escape alone swallows a letter", b"\x1bxy", &[Char('y')]),
            ("torn sequence", b"\x1b[1\x03", &[Interrupt]),
            (
                "invalid byte",
                b"a\xffb",
                &[Char('a'), Char('\u{fffd}'), Char('b')],
            ),
            (
                "torn character",
                b"\xed\x95a",
                &[Char('\u{fffd}'), Char('a')],
            ),
            (
                "torn by another",
                b"\xed\xed\x95\x9c",
                &[Char('\u{fffd}'), Char('한')],
            ),
            (
                "paste",
                b"\x1b[200~a\tb\rc\x03\x1b[201~\x03",
                &[
                    Char('a'),
                    Char('\t'),
                    Char('b'),
                    Enter,
                    Char('c'),
                    Interrupt,
                ],
            ),
            (
                "paste with an escape",
                b"\x1b[200~a\x1bbc\x1b[201~\t",
                &[Char('a'), Char('c'), Tab],
            ),
            (
                "pasted sequences press no keys",
                b"\x1b[200~a\x1b[Ab\x1b[3~c\x1bOHd\x1b[201~",
                &[Char('a'), Char('b'), Char('c'), Char('d')],
            ),
            (
                "a paste that ends inside a sequence",
                b"\x1b[200~\x1b\x1b[201~\t\x1b[200~\x1bO\x1b[201~\t\x1b[200~\x1b[1\x1b[201~\t",
                &[Tab, Tab, Tab],
            ),
            ("nul", b"\0a", &[Char('a')]),
        ];
        for (name, bytes, expected) in rows {
            assert_eq!(decode(bytes), expected, "{name}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic_and_memory_is_bounded(
            bytes in proptest::collection::vec(prop_oneof![any::<u8>(), Just(ESC), Just(b'[')], 0..300),
        ) {
            let mut keys = Keys::default();
            let mut out = VecDeque::new();
            for byte in bytes {
                keys.feed(byte, &mut out);
                prop_assert!(keys.partial.len() < 4);
            }
        }

        #[test]
        fn printable_text_comes_back(text in "[^\\p{Cc}]{0,40}") {
            let expected: Vec<Key> = text.chars().map(Key::Char).collect();
            prop_assert_eq!(decode(text.as_bytes()), expected);
        }
    }

    fn decode(bytes: &[u8]) -> Vec<Key> {
        let mut keys = Keys::default();
        let mut out = VecDeque::new();
        for &byte in bytes {
            keys.feed(byte, &mut out);
        }
        out.into()
    }
}
