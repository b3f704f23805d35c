//! Where a request ends: Content-Length and Transfer-Encoding, read so that no other reader can read them otherwise.
//!
//! Most requests that are smuggled past one server to another live on two readings of these two fields (RFC 9112
//! §11.2); so whatever is not plain is refused, also where a recipient may repair it.

use crate::http::fault::Fault;
use crate::http::field::is_token;

/// What follows a head (RFC 9112 §6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Nothing.
    None,
    /// This many bytes; 0 if so announced.
    Length(u64),
    /// Chunks.
    Chunked,
}

/// Exactly one `chunked` (RFC 9112 §6.1).
///
/// A coding that nobody knows is told as such even where `chunked` does not follow it: the reply that helps.
pub(crate) fn coding<'b>(lines: impl Iterator<Item = &'b [u8]>) -> Result<Framing, Fault> {
    let mut chunked = false;
    let mut unknown = false;
    for coding in lines.flat_map(elements) {
        if chunked || !is_coding(coding) {
            return Err(Fault::TransferEncoding);
        }
        chunked = coding.eq_ignore_ascii_case(b"chunked");
        unknown |= !chunked;
    }
    if unknown {
        Err(Fault::CodingUnknown)
    } else {
        Ok(Framing::Chunked)
    }
}

/// `token *( OWS ";" … )` (RFC 9112 §7), where only a coding that is not `chunked` has parameters.
fn is_coding(coding: &[u8]) -> bool {
    let mut parts = coding.split(|&byte| byte == b';');
    let name = parts.next().unwrap_or_default().trim_ascii();
    let bare = parts.next().is_none();
    let token = name.iter().copied().all(is_token);
    !name.is_empty() && token && (bare || !name.eq_ignore_ascii_case(b"chunked"))
}

/// One number, however often it is said (RFC 9112 §6.3).
pub(crate) fn length<'b>(lines: impl Iterator<Item = &'b [u8]>) -> Result<Framing, Fault> {
    let mut length = None;
    for digits in lines.flat_map(elements) {
        let value = number(digits).ok_or(Fault::ContentLength)?;
        if length.is_some_and(|other| other != value) {
            return Err(Fault::ContentLengthDiffers);
        }
        length = Some(value);
    }
    length.map(Framing::Length).ok_or(Fault::ContentLength)
}

/// `1*DIGIT` that fits.
fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |value, byte| {
        let digit = char::from(*byte).to_digit(10)?;
        value.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

/// The elements of a list (RFC 9110 §5.6.1), empty ones too. Not for lists with quoted strings.
pub(crate) fn elements(value: &[u8]) -> impl Iterator<Item = &[u8]> + Clone {
    value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[rustfmt::skip]
    fn a_length_is_one_plain_number() {
        // Name and RFC section; lines; outcome.
        let rows: &[(&str, &[&str], Result<u64, Fault>)] = &[
            ("number: 9110 §8.6", &["5"], Ok(5)),
            ("nothing follows: 9110 §8.6", &["0"], Ok(0)),
            ("leading zeros: 9110 §8.6", &["007"], Ok(7)),
            ("greatest: 9110 §8.6", &["18446744073709551615"], Ok(u64::MAX)),
            ("the same in one line: 9112 §6.3", &["5, 5"], Ok(5)),
            ("the same in two lines: 9112 §6.3", &["5", "5"], Ok(5)),
            ("the same value: 9112 §6.3", &["5", "05"], Ok(5)),
            ("two values in one line: 9112 §6.3", &["5, 6"], Err(Fault::ContentLengthDiffers)),
            ("two values in two lines: 9112 §6.3", &["5", "6"], Err(Fault::ContentLengthDiffers)),
            ("overflow: 9110 §8.6", &["18446744073709551616"], Err(Fault::ContentLength)),
            ("overflow by digits: 9110 §8.6", &["99999999999999999999999"], Err(Fault::ContentLength)),
            ("minus: 9110 §8.6", &["-1"], Err(Fault::ContentLength)),
            ("plus: 9110 §8.6", &["+5"], Err(Fault::ContentLength)),
            ("empty: 9110 §8.6", &[""], Err(Fault::ContentLength)),
            ("empty element: 9112 §6.3", &["5,"], Err(Fault::ContentLength)),
            ("inner space: 9110 §8.6", &["5 5"], Err(Fault::ContentLength)),
            ("hexadecimal: 9110 §8.6", &["0x5"], Err(Fault::ContentLength)),
            ("letter: 9110 §8.6", &["5a"], Err(Fault::ContentLength)),
            ("fraction: 9110 §8.6", &["5.0"], Err(Fault::ContentLength)),
            ("digit that is not ASCII: 9110 §8.6", &["٥"], Err(Fault::ContentLength)),
        ];
        for (row, lines, expected) in rows {
            let found = length(lines.iter().map(|line| line.as_bytes()));
            assert_eq!(found, expected.map(Framing::Length), "{row}");
        }
    }

    #[test]
    #[rustfmt::skip]
    fn a_coding_is_one_chunked() {
        // Name and RFC section; lines; outcome.
        let rows: &[(&str, &[&str], Result<(), Fault>)] = &[
            ("chunked: 9112 §7.1", &["chunked"], Ok(())),
            ("any case: 9112 §7", &["ChunKed"], Ok(())),
            ("white space around: 9110 §5.6.1", &[" \tchunked "], Ok(())),
            ("twice in one line: 9112 §6.1", &["chunked, chunked"], Err(Fault::TransferEncoding)),
            ("twice in two lines: 9112 §6.1", &["chunked", "chunked"], Err(Fault::TransferEncoding)),
            ("not last: 9112 §6.3", &["chunked, gzip"], Err(Fault::TransferEncoding)),
            ("not last, in two lines: 9112 §6.3", &["chunked", "gzip"], Err(Fault::TransferEncoding)),
            ("unknown before it: 9112 §6.1", &["gzip, chunked"], Err(Fault::CodingUnknown)),
            ("unknown alone: 9112 §6.1", &["gzip"], Err(Fault::CodingUnknown)),
            ("identity, which is gone: 9112 §7", &["identity"], Err(Fault::CodingUnknown)),
            ("unknown with a parameter: 9112 §7", &["foo;a=b"], Err(Fault::CodingUnknown)),
            ("almost chunked: 9112 §7", &["xchunked"], Err(Fault::CodingUnknown)),
            ("chunked with a parameter: 9112 §7.1", &["chunked;a=b"], Err(Fault::TransferEncoding)),
            ("chunked in quotes: 9112 §7", &["\"chunked\""], Err(Fault::TransferEncoding)),
            ("two words: 9112 §7", &["chunked x"], Err(Fault::TransferEncoding)),
            ("empty: 9112 §6.1", &[""], Err(Fault::TransferEncoding)),
            ("empty element before: 9110 §5.6.1.2, refused", &[", chunked"], Err(Fault::TransferEncoding)),
            ("empty element after: 9110 §5.6.1.2, refused", &["chunked,"], Err(Fault::TransferEncoding)),
            ("vertical tab: 9110 §5.6.3", &["\u{b}chunked"], Err(Fault::TransferEncoding)),
        ];
        for (row, lines, expected) in rows {
            let found = coding(lines.iter().map(|line| line.as_bytes()));
            assert_eq!(found, expected.map(|()| Framing::Chunked), "{row}");
        }
    }
}
