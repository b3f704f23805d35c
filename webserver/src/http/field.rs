//! The request fields that are read, told apart by name, and sets of them. All others are passed over.

/// A request field that has a meaning here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "each is the field of that name, see `Field::name`"
)]
pub enum Field {
    Host,
    Connection,
    ContentLength,
    TransferEncoding,
    Expect,
    Range,
    IfRange,
    IfMatch,
    IfNoneMatch,
    IfModifiedSince,
    IfUnmodifiedSince,
    Accept,
    AcceptEncoding,
    Authorization,
    AccessControlRequestMethod,
    Referer,
    UserAgent,
    XForwardedFor,
    Forwarded,
}

impl Field {
    /// Every one of them.
    pub const ALL: [Self; 19] = [
        Self::Host,
        Self::Connection,
        Self::ContentLength,
        Self::TransferEncoding,
        Self::Expect,
        Self::Range,
        Self::IfRange,
        Self::IfMatch,
        Self::IfNoneMatch,
        Self::IfModifiedSince,
        Self::IfUnmodifiedSince,
        Self::Accept,
        Self::AcceptEncoding,
        Self::Authorization,
        Self::AccessControlRequestMethod,
        Self::Referer,
        Self::UserAgent,
        Self::XForwardedFor,
        Self::Forwarded,
    ];

    /// The field with this name, in whatever case (RFC 9110 §5.1).
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        // By length and first letter: a name is then compared with one other at the most, and most names with none.
        let first = name.as_bytes().first()?.to_ascii_lowercase();
        let candidate = match (name.len(), first) {
            (4, b'h') => Self::Host,
            (5, b'r') => Self::Range,
            (6, b'a') => Self::Accept,
            (6, b'e') => Self::Expect,
            (7, b'r') => Self::Referer,
            (8, b'i') if Self::IfRange.is_named(name) => Self::IfRange,
            (8, b'i') => Self::IfMatch,
            (9, b'f') => Self::Forwarded,
            (10, b'c') => Self::Connection,
            (10, b'u') => Self::UserAgent,
            (13, b'a') => Self::Authorization,
            (13, b'i') => Self::IfNoneMatch,
            (14, b'c') => Self::ContentLength,
            (15, b'a') => Self::AcceptEncoding,
            (15, b'x') => Self::XForwardedFor,
            (17, b'i') => Self::IfModifiedSince,
            (17, b't') => Self::TransferEncoding,
            (19, b'i') => Self::IfUnmodifiedSince,
            (29, b'a') => Self::AccessControlRequestMethod,
            _ => return None,
        };
        candidate.is_named(name).then_some(candidate)
    }

    /// Its name in lower case.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Connection => "connection",
            Self::ContentLength => "content-length",
            Self::TransferEncoding => "transfer-encoding",
            Self::Expect => "expect",
            Self::Range => "range",
            Self::IfRange => "if-range",
            Self::IfMatch => "if-match",
            Self::IfNoneMatch => "if-none-match",
            Self::IfModifiedSince => "if-modified-since",
            Self::IfUnmodifiedSince => "if-unmodified-since",
            Self::Accept => "accept",
            Self::AcceptEncoding => "accept-encoding",
            Self::Authorization => "authorization",
            Self::AccessControlRequestMethod => "access-control-request-method",
            Self::Referer => "referer",
            Self::UserAgent => "user-agent",
            Self::XForwardedFor => "x-forwarded-for",
            Self::Forwarded => "forwarded",
        }
    }

    /// Whether it has this name, in whatever case.
    #[must_use]
    pub fn is_named(self, name: &str) -> bool {
        self.name().eq_ignore_ascii_case(name)
    }
}

/// Which of the fields came with a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FieldSet(u32);

impl FieldSet {
    /// The set of these.
    #[must_use]
    pub const fn of(fields: &[Field]) -> Self {
        let mut bits = 0;
        let mut at = 0;
        while at < fields.len() {
            bits |= 1 << fields[at] as u32;
            at += 1;
        }
        Self(bits)
    }

    /// Whether it is among them.
    #[must_use]
    pub fn has(self, field: Field) -> bool {
        self.has_any(Self::of(&[field]))
    }

    /// Whether they have one in common.
    #[must_use]
    pub fn has_any(self, others: Self) -> bool {
        self.0 & others.0 != 0
    }

    /// Adds one.
    pub fn insert(&mut self, field: Field) {
        self.0 |= Self::of(&[field]).0;
    }
}

/// Whether it is a byte of a token, as names are (RFC 9110 §5.6.2).
pub(crate) fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_found_by_its_name_in_any_case() {
        for field in Field::ALL {
            assert_eq!(Field::of(field.name()), Some(field));
            assert_eq!(Field::of(&field.name().to_ascii_uppercase()), Some(field));
            assert_eq!(Field::of(&format!("{}x", field.name())), None);
            assert_eq!(Field::of(&field.name().replace(['e', 'o', 'a'], "_")), None);
        }
        assert_eq!(Field::of("cookie"), None);
        assert_eq!(Field::of(""), None);
    }

    #[test]
    fn a_set_has_what_was_put_in() {
        let mut set = FieldSet::default();
        for (count, field) in Field::ALL.into_iter().enumerate() {
            assert!(!set.has(field));
            set.insert(field);
            set.insert(field);
            assert_eq!(set.0.count_ones() as usize, count + 1);
            assert!(set.has(field));
        }
        assert!(
            !FieldSet::of(&[Field::Range]).has_any(FieldSet::of(&[Field::IfRange, Field::Host]))
        );
        assert!(
            FieldSet::of(&[Field::Range, Field::Host])
                .has_any(FieldSet::of(&[Field::IfRange, Field::Host]))
        );
    }
}
