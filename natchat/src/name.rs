//! Who somebody is called: an ID, parsed once and trusted from then on.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The longest ID, in characters. A Korean one of this length is 96 bytes.
pub const ID_CHARS: usize = 32;

/// The longest ID, in bytes of UTF-8.
pub const ID_LEN: usize = 3 * ID_CHARS;

/// Words that are roles in the older text format, where they could be taken for one.
const RESERVED: [&str; 2] = ["server", "client"];

/// A member's ID: 1 to 32 characters out of `A-Z a-z 0-9 가-힣 . -`, neither `server` nor `client`.
///
/// `_` is left out because the older text format separates its fields by it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberId(Arc<str>);

impl MemberId {
    /// The ID as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for MemberId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        if text.is_empty() {
            return Err(IdError::Empty);
        }
        if let Some(refused) = text.chars().find(|&c| !is_allowed(c)) {
            return Err(IdError::Character(refused));
        }
        if text.chars().count() > ID_CHARS {
            return Err(IdError::TooLong);
        }
        if RESERVED.contains(&text) {
            return Err(IdError::Reserved);
        }
        Ok(Self(text.into()))
    }
}

fn is_allowed(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '가'..='힣')
}

impl fmt::Display for MemberId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for MemberId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

/// Why a text is no ID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Nothing there.
    #[error("an ID has at least one character")]
    Empty,
    /// More than [`ID_CHARS`].
    #[error("an ID has at most {ID_CHARS} characters")]
    TooLong,
    /// A character that is not allowed.
    #[error("{0:?} cannot be in an ID: letters, digits, Korean syllables, '.' and '-' can")]
    Character(char),
    /// A role of the older format.
    #[error("'server' and 'client' cannot be IDs")]
    Reserved,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids() {
        let longest = "가".repeat(ID_CHARS);
        let rows: &[(&str, Result<(), IdError>)] = &[
            ("client1", Ok(())),
            ("김철수", Ok(())),
            ("a.b-c", Ok(())),
            (&longest, Ok(())),
            ("", Err(IdError::Empty)),
            ("a_b", Err(IdError::Character('_'))),
            ("a b", Err(IdError::Character(' '))),
            ("a\u{1b}", Err(IdError::Character('\u{1b}'))),
            ("ㄱ", Err(IdError::Character('ㄱ'))),
            ("server", Err(IdError::Reserved)),
            ("client", Err(IdError::Reserved)),
            ("Client", Ok(())),
        ];
        for (text, expected) in rows {
            assert_eq!(text.parse::<MemberId>().map(|_| ()), *expected, "{text:?}");
        }
        assert_eq!((longest + "a").parse::<MemberId>(), Err(IdError::TooLong));
    }
}
