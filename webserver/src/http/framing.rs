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
