//! Shows names and foreign text so that they cannot harm a terminal or break a line.
//!
//! A file name is any bytes, so a name printed raw can forge log lines (newline, tab), move the cursor (escapes), or
//! read backwards (bidirectional overrides). Harmless names are shown as they are, Korean ones too; any other is shown
//! in bash's `$'…'` form, which a shell turns back into the same bytes under every locale. Nothing here shortens text.
//!
//! | name | [`plain`], in log.txt | [`always`], in messages |
//! |---|---|---|
//! | `a b` | `a b` | `'a b'` |
//! | `it's` | `it's` | `'it'\''s'` |
//! | a, newline, byte 255 | `$'a\n\377'` | `$'a\n\377'` |
//! | `$'x'` | `$'$\'x\''` | `'$'\''x'\'''` |

use std::borrow::Cow;
use std::ffi::OsStr;
use std::fmt::Write as _;

/// The name between quotes, for messages: `'name'`, as GNU's tools write it.
#[must_use]
pub fn always(name: impl AsRef<OsStr>) -> String {
    let bytes = name.as_ref().as_encoded_bytes();
    match harmless(bytes) {
        Some(text) => format!("'{}'", text.replace('\'', r"'\''")),
        None => dollar_quoted(bytes),
    }
}

/// The name bare where it is harmless, for files of lines such as `log.txt`.
///
/// Unambiguous: what begins with `$'` is always an escaped name, since a name that really begins so is escaped too,
/// as is the empty one.
#[must_use]
pub fn plain(name: impl AsRef<OsStr>) -> String {
    let bytes = name.as_ref().as_encoded_bytes();
    match harmless(bytes) {
        Some(text) if !text.is_empty() && !text.starts_with("$'") => text.to_owned(),
        _ => dollar_quoted(bytes),
    }
}

/// Foreign text with every harmful character made visible: `\n`, `\t`, `\x1b`, `\u{202e}`.
///
/// For text that is read, not pasted into a shell: a backslash stays a backslash.
#[must_use]
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_harmful) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_harmful(c) {
            push_visible(&mut shown, c)
        } else {
            shown.push(c)
        }
    }
    Cow::Owned(shown)
}

/// A JSON string (RFC 8259 §7). What would act on a terminal is escaped too, though JSON would allow it.
pub fn push_json(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            _ if is_harmful(c) => {
                // Every harmful character is in the basic plane: four digits are enough.
                let pushed = write!(out, "\\u{:04x}", u32::from(c));
                debug_assert!(pushed.is_ok(), "writing to a String cannot fail");
            }
            _ => out.push(c),
        }
    }
    out.push('"');
}

/// Whether a character acts on a terminal or on the lines of a file instead of being read.
pub(crate) fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c,
        // Marks, embeddings, overrides and isolates that reorder what is read around them.
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        // Line and paragraph separators: a new line to some readers.
        | '\u{2028}' | '\u{2029}')
}

pub(crate) fn push_visible(out: &mut String, c: char) {
    let pushed = match c {
        '\n' => write!(out, r"\n"),
        '\r' => write!(out, r"\r"),
        '\t' => write!(out, r"\t"),
        _ if u32::from(c) < 0x100 => write!(out, r"\x{:02x}", u32::from(c)),
        _ => write!(out, "{}", c.escape_unicode()),
    };
    debug_assert!(pushed.is_ok(), "writing to a String cannot fail");
}

fn harmless(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes)
        .ok()
        .filter(|text| !text.chars().any(is_harmful))
}

/// Escapes whole harmful characters byte by byte: `\u` would depend on the shell's locale, octal does not.
fn dollar_quoted(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 2 + 3);
    out.push_str("$'");
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\'' => out.push_str(r"\'"),
                '\\' => out.push_str(r"\\"),
                '\n' => out.push_str(r"\n"),
                '\r' => out.push_str(r"\r"),
                '\t' => out.push_str(r"\t"),
                _ if is_harmful(c) => push_octal(&mut out, c.encode_utf8(&mut [0; 4]).as_bytes()),
                _ => out.push(c),
            }
        }
        push_octal(&mut out, chunk.invalid());
    }
    out.push('\'');
    out
}

/// Always three digits, so that a digit that follows cannot join in.
fn push_octal(out: &mut String, bytes: &[u8]) {
    for byte in bytes {
        let pushed = write!(out, "\\{byte:03o}");
        debug_assert!(pushed.is_ok(), "writing to a String cannot fail");
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::ffi::OsStrExt;
    use std::process::Command;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_shown() {
        let rows: [(&str, &[u8], &str, &str); 12] = [
            ("harmless", b"notes.txt", "notes.txt", "'notes.txt'"),
            ("space", b"a b", "a b", "'a b'"),
            ("korean", "보고서".as_bytes(), "보고서", "'보고서'"),
            ("quote", b"it's", "it's", r"'it'\''s'"),
            ("backslash", br"a\b", r"a\b", r"'a\b'"),
            ("newline", b"a\nb\xff", r"$'a\nb\377'", r"$'a\nb\377'"),
            (
                "tab, return, escape",
                b"\t\r\x1b[31m",
                r"$'\t\r\033[31m'",
                r"$'\t\r\033[31m'",
            ),
            (
                "a digit after an escape",
                b"\x017",
                r"$'\0017'",
                r"$'\0017'",
            ),
            (
                "c1 control",
                "\u{9b}1m".as_bytes(),
                r"$'\302\2331m'",
                r"$'\302\2331m'",
            ),
            (
                "bidi override",
                "a\u{202e}b".as_bytes(),
                r"$'a\342\200\256b'",
                r"$'a\342\200\256b'",
            ),
            ("looks escaped", b"$'x'", r"$'$\'x\''", r"'$'\''x'\'''"),
            ("empty", b"", "$''", "''"),
        ];
        for (name, bytes, in_log, in_message) in rows {
            let os = OsStr::from_bytes(bytes);
            assert_eq!(plain(os), in_log, "plain {name}");
            assert_eq!(always(os), in_message, "always {name}");
        }
    }

    #[test]
    fn foreign_text_is_made_visible() {
        assert_eq!(visible("안녕 a\\b"), "안녕 a\\b");
        assert_eq!(
            visible("a\n\t\x1b[2J\u{9b}\u{202e}"),
            r"a\n\t\x1b[2J\x9b\u{202e}"
        );
    }

    #[test]
    fn text_becomes_a_json_string() {
        let mut json = String::from(":");
        push_json(&mut json, "안녕 \"a\\b\"\n\r\t\x1b\u{7f}\u{202e}");
        assert_eq!(json, r#":"안녕 \"a\\b\"\n\u000d\t\u001b\u007f\u202e""#);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn bash_gives_the_bytes_back(bytes in proptest::collection::vec(1_u8.., 0..40)) {
            let os = OsStr::from_bytes(&bytes);
            let script = match plain(os) {
                escaped if escaped.starts_with("$'") => format!("printf %s {escaped}; printf %s {}", always(os)),
                bare => { prop_assert_eq!(bare.as_bytes(), &bytes[..]); format!("printf %s%s {0} {0}", always(os)) }
            };
            let output = Command::new("bash").args(["-c", &script]).env("LC_ALL", "C").output()
                .expect("bash is needed for this test");
            prop_assert_eq!(output.stdout, [&bytes[..], &bytes[..]].concat(), "{}", script);
        }

        #[test]
        fn different_names_are_shown_differently(
            a in proptest::collection::vec(any::<u8>(), 0..6), b in proptest::collection::vec(any::<u8>(), 0..6),
        ) {
            let (a, b) = (OsStr::from_bytes(&a), OsStr::from_bytes(&b));
            prop_assert_eq!(a == b, plain(a) == plain(b));
            prop_assert_eq!(a == b, always(a) == always(b));
        }

        #[test]
        fn what_is_shown_is_harmless_and_stays_as_it_is(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let shown = always(OsStr::from_bytes(&bytes));
            prop_assert_eq!(visible(&shown), &shown[..]);
            let bare = plain(OsStr::from_bytes(&bytes));
            prop_assert_eq!(visible(&bare), &bare[..]);
        }
    }
}
