//! The line being typed, its cursor and the history; pure.
//!
//! Keys go in through [`Edit::apply`], which says what the console is to do. The cursor stands between characters as
//! they are seen: marks without a width of their own stay with their letter. It knows nothing of screens, prompts or
//! files.

use std::collections::VecDeque;

use unicode_width::UnicodeWidthChar;

use super::keys::Key;

/// The editor's state.
#[derive(Debug)]
pub(super) struct Edit {
    max_len: usize,
    text: String,
    /// A byte offset in `text`, always between characters.
    cursor: usize,
    /// Something did not fit; the line is not what was typed.
    too_long: bool,
    killed: String,
    history: VecDeque<String>,
    /// The history line shown instead of the draft, counted from the oldest.
    browsing: Option<usize>,
    draft: String,
    /// What `too_long` was for the draft.
    draft_too_long: bool,
}

/// What the console is to do after a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Show the line again.
    Repaint,
    /// The line is finished, and a new one begun.
    Submit { line: String, fits: bool },
    /// Ask the completer.
    Complete,
    /// Ctrl-D on an empty line.
    EndOfInput,
    /// The key is not about the line.
    Other,
}

/// Lines remembered.
const MAX_HISTORY: usize = 500;

impl Edit {
    pub(super) const fn new(max_len: usize) -> Self {
        Self {
            max_len,
            text: String::new(),
            cursor: 0,
            too_long: false,
            killed: String::new(),
            history: VecDeque::new(),
            browsing: None,
            draft: String::new(),
            draft_too_long: false,
        }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) const fn cursor(&self) -> usize {
        self.cursor
    }

    pub(super) fn apply(&mut self, key: Key) -> Outcome {
        match key {
            Key::Char(c) => self.insert(c.encode_utf8(&mut [0; 4])),
            Key::Enter => return self.submit(),
            Key::Tab => return Outcome::Complete,
            Key::EndOfInput if self.text.is_empty() => return Outcome::EndOfInput,
            Key::EndOfInput | Key::Delete => self.remove(self.cursor, self.right()),
            Key::Backspace => self.remove(self.left(), self.cursor),
            Key::Left => self.cursor = self.left(),
            Key::Right => self.cursor = self.right(),
            Key::WordLeft => self.cursor = self.word_left(),
            Key::WordRight => self.cursor = self.word_right(),
            Key::Home => self.cursor = 0,
            Key::End => self.cursor = self.text.len(),
            Key::KillToEnd => self.kill(self.cursor, self.text.len()),
            Key::KillToStart => self.kill(0, self.cursor),
            Key::KillWordLeft => self.kill(self.word_left(), self.cursor),
            Key::KillWordRight => self.kill(self.cursor, self.word_right()),
            Key::Yank => {
                let killed = std::mem::take(&mut self.killed);
                self.insert(&killed);
                self.killed = killed;
            }
            Key::Up => self.browse_back(),
            Key::Down => self.browse_forward(),
            Key::ClearScreen | Key::Interrupt | Key::Suspend | Key::Quit => return Outcome::Other,
        }
        Outcome::Repaint
    }

    /// Forgets the line, not the history.
    pub(super) fn clear(&mut self) {
        self.set_text(String::new());
        self.too_long = false;
        self.browsing = None;
        self.draft.clear();
    }

    /// Puts a completion in place of what stands between `start` and the cursor. A `start` that is no place before
    /// the cursor, as a careless completer may give, changes nothing.
    pub(super) fn complete(&mut self, start: usize, word: &str) {
        if start > self.cursor || !self.text.is_char_boundary(start) {
            return;
        }
        if self.text.len() - (self.cursor - start) + word.len() > self.max_len {
            return;
        }
        self.remove(start, self.cursor);
        self.insert(word);
    }

    fn insert(&mut self, text: &str) {
        if self.text.len() + text.len() > self.max_len {
            self.too_long = true;
            return;
        }
        self.text.insert_str(self.cursor, text);
        self.cursor += text.len();
    }

    fn submit(&mut self) -> Outcome {
        let (line, fits) = (self.text.clone(), !self.too_long);
        if fits && !line.is_empty() && self.history.back() != Some(&line) {
            if self.history.len() == MAX_HISTORY {
                self.history.pop_front();
            }
            self.history.push_back(line.clone());
        }
        self.clear();
        Outcome::Submit { line, fits }
    }

    fn remove(&mut self, start: usize, end: usize) {
        self.text.replace_range(start..end, "");
        self.cursor = start;
        // Only an emptied line is certain to be what its typist sees and means.
        self.too_long &= !self.text.is_empty();
    }

    fn kill(&mut self, start: usize, end: usize) {
        if start < end {
            self.killed = self.text[start..end].to_owned();
            self.remove(start, end);
        }
    }

    fn browse_back(&mut self) {
        let index = self.browsing.unwrap_or(self.history.len());
        let Some(older) = index.checked_sub(1) else {
            return;
        };
        if self.browsing.is_none() {
            self.draft = self.text.clone();
            self.draft_too_long = self.too_long;
        }
        self.too_long = false;
        self.browsing = Some(older);
        self.set_text(self.history[older].clone());
    }

    fn browse_forward(&mut self) {
        let Some(index) = self.browsing else { return };
        match self.history.get(index + 1) {
            Some(newer) => {
                let newer = newer.clone();
                self.browsing = Some(index + 1);
                self.too_long = false;
                self.set_text(newer);
            }
            None => {
                self.browsing = None;
                self.too_long = self.draft_too_long;
                let draft = std::mem::take(&mut self.draft);
                self.set_text(draft);
            }
        }
    }

    fn set_text(&mut self, text: String) {
        self.cursor = text.len();
        self.text = text;
    }

    fn left(&self) -> usize {
        let before = self.text[..self.cursor].char_indices().rev();
        // Back to a character that starts a cell and is not joined to the one before.
        let mut joined = before.skip_while(|&(_, c)| is_mark(c));
        joined.next().map_or(0, |(at, _)| at)
    }

    fn right(&self) -> usize {
        let mut after = self.text[self.cursor..].char_indices().skip(1);
        after
            .find(|&(_, c)| !is_mark(c))
            .map_or(self.text.len(), |(at, _)| self.cursor + at)
    }

    fn word_left(&self) -> usize {
        let before = self.text[..self.cursor].trim_end_matches(is_gap);
        before
            .rfind(is_gap)
            .map_or(0, |gap| gap + first_len(&before[gap..]))
    }

    fn word_right(&self) -> usize {
        let after = &self.text[self.cursor..];
        let word = after.trim_start_matches(is_gap);
        let end = word.find(is_gap).unwrap_or(word.len());
        self.cursor + (after.len() - word.len()) + end
    }
}

/// Whether a character is drawn on the one before it. Control characters are drawn as escapes, so they are not.
fn is_mark(c: char) -> bool {
    c.width() == Some(0)
}

/// What words are apart by: a path is edited part by part.
fn is_gap(c: char) -> bool {
    c.is_whitespace() || c == '/'
}

fn first_len(text: &str) -> usize {
    text.chars().next().map_or(0, char::len_utf8)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keys_edit_the_line() {
        use Key::*;
        let rows: [(&str, &str, &[Key], &str); 19] = [
            ("insert in the middle", "ac", &[Left, Char('b')], "ab|c"),
            (
                "backspace takes a korean letter",
                "한글",
                &[Backspace],
                "한|",
            ),
            (
                "backspace takes a letter with its mark",
                "xe\u{301}",
                &[Backspace],
                "x|",
            ),
            ("backspace at the start", "a", &[Home, Backspace], "|a"),
            ("delete", "abc", &[Home, Delete], "|bc"),
            (
                "ctrl-d deletes in a line",
                "abc",
                &[Home, EndOfInput],
                "|bc",
            ),
            (
                "delete takes the mark too",
                "e\u{301}x",
                &[Home, Delete],
                "|x",
            ),
            (
                "right steps over marks",
                "e\u{301}x",
                &[Home, Right],
                "e\u{301}|x",
            ),
            ("right at the end", "a", &[Right], "a|"),
            ("word left", "cp a/b", &[WordLeft], "cp a/|b"),
            ("word left over gaps", "cp a/", &[WordLeft], "cp |a/"),
            (
                "word right",
                "cp a/b",
                &[Home, WordRight, WordRight],
                "cp a|/b",
            ),
            (
                "kill to the end and yank",
                "abcd",
                &[Left, Left, KillToEnd, Home, Yank],
                "cd|ab",
            ),
            ("kill to the start", "abcd", &[Left, KillToStart], "|d"),
            ("kill the word before", "one two", &[KillWordLeft], "one |"),
            (
                "kill the word after",
                "one two",
                &[Home, KillWordRight],
                "| two",
            ),
            ("the limit holds", "1234567890", &[Char('x')], "1234567890|"),
            (
                "history and back to the draft",
                "dra",
                &[Up, Up, Up, Down, Down],
                "dra|",
            ),
            ("history up", "", &[Up], "old|"),
        ];
        for (name, typed, keys, expected) in rows {
            let mut edit = typed_line("old");
            edit.apply(Enter);
            typed.chars().for_each(|c| drop(edit.apply(Char(c))));
            keys.iter().for_each(|&key| drop(edit.apply(key)));
            let mut shown = edit.text.clone();
            shown.insert(edit.cursor, '|');
            assert_eq!(shown, expected, "{name}");
        }
    }

    #[test]
    fn enter_submits_and_starts_anew() {
        let mut edit = typed_line("abc");
        assert_eq!(
            edit.apply(Key::Enter),
            Outcome::Submit {
                line: "abc".into(),
                fits: true
            }
        );
        assert_eq!((edit.text(), edit.cursor()), ("", 0));
    }

    #[test]
    fn a_line_that_did_not_fit_says_so_until_it_is_emptied() {
        let mut edit = typed_line("12345678901");
        assert_eq!(
            edit.apply(Key::Enter),
            Outcome::Submit {
                line: "1234567890".into(),
                fits: false
            }
        );
        let mut edit = typed_line("12345678901");
        edit.apply(Key::KillToStart);
        edit.apply(Key::Char('a'));
        assert_eq!(
            edit.apply(Key::Enter),
            Outcome::Submit {
                line: "a".into(),
                fits: true
            }
        );
    }

    #[test]
    fn a_line_of_the_history_fits_though_the_draft_did_not() {
        let rows: [(&str, &[Key], &str, bool); 2] = [
            ("the line of the history", &[Key::Up], "old", true),
            (
                "back at the draft",
                &[Key::Up, Key::Down],
                "1234567890",
                false,
            ),
        ];
        for (name, keys, line, fits) in rows {
            let mut edit = typed_line("old");
            edit.apply(Key::Enter);
            "12345678901"
                .chars()
                .for_each(|c| drop(edit.apply(Key::Char(c))));
            keys.iter().for_each(|&key| drop(edit.apply(key)));
            let line = line.to_owned();
            assert_eq!(
                edit.apply(Key::Enter),
                Outcome::Submit { line, fits },
                "{name}"
            );
        }
    }

    #[test]
    fn ctrl_d_ends_only_an_empty_line() {
        assert_eq!(Edit::new(10).apply(Key::EndOfInput), Outcome::EndOfInput);
        assert_eq!(typed_line("a").apply(Key::EndOfInput), Outcome::Repaint);
    }

    #[test]
    fn completions_replace_the_word() {
        let rows = [
            ("the word", "cp no", 3, "notes", "cp notes"),
            ("too long to fit", "cp no", 3, "notes.text", "cp no"),
            ("a place behind the cursor", "ab", 7, "x", "ab"),
            ("a place inside a letter", "한", 1, "x", "한"),
        ];
        for (name, typed, start, word, expected) in rows {
            let mut edit = typed_line(typed);
            edit.complete(start, word);
            assert_eq!(edit.text(), expected, "{name}");
        }
    }

    #[test]
    fn history_is_bounded_and_skips_repeats() {
        let mut edit = Edit::new(10);
        for index in 0..MAX_HISTORY + 5 {
            for _ in 0..2 {
                index
                    .to_string()
                    .chars()
                    .for_each(|c| drop(edit.apply(Key::Char(c))));
                edit.apply(Key::Enter);
            }
        }
        assert_eq!(edit.history.len(), MAX_HISTORY);
        assert_eq!(edit.history.front().map(String::as_str), Some("5"));
    }

    proptest! {
        #[test]
        fn any_keys_keep_the_cursor_in_the_line(keys in proptest::collection::vec(any_key(), 0..80)) {
            let mut edit = Edit::new(40);
            for key in keys {
                edit.apply(key);
                prop_assert!(edit.text.is_char_boundary(edit.cursor), "{key:?}");
                prop_assert!(edit.text.len() <= 40);
            }
        }
    }

    fn typed_line(text: &str) -> Edit {
        let mut edit = Edit::new(10);
        text.chars().for_each(|c| drop(edit.apply(Key::Char(c))));
        edit
    }

    fn any_key() -> impl Strategy<Value = Key> {
        use Key::*;
        let others = vec![
            Enter,
            Backspace,
            Delete,
            Left,
            Right,
            WordLeft,
            WordRight,
            Home,
            End,
            Up,
            Down,
            KillToEnd,
            KillToStart,
            KillWordLeft,
            KillWordRight,
            Yank,
            EndOfInput,
        ];
        prop_oneof![
            proptest::sample::select(vec!['a', ' ', '/', '한', '\u{301}', '\u{200d}', '🎉'])
                .prop_map(Char),
            proptest::sample::select(others),
        ]
    }
}
