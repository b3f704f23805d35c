//! Every way in which a request is refused for its bytes alone, before anything is looked up.
//!
//! After any of them it is not certain where the next request would begin, so the connection is closed with the
//! reply (RFC 9112 §9.6). What a well-formed request may not have (a method, a file) is no fault.

use thiserror::Error;

use crate::http::status::Status;

/// Why a request was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Fault {
    /// Not `method SP target SP version` (RFC 9112 §3).
    #[error("malformed request line")]
    RequestLine,
    /// A request in the clear where an encrypted one is awaited (RFC 9110 §4.2.2).
    #[error("http spoken where https is: the address begins with https://")]
    Unencrypted,
    /// A version word of another major version (RFC 9110 §2.5).
    #[error("HTTP version not supported")]
    Version,
    /// A line that ends otherwise than by CR LF, or a CR elsewhere (RFC 9112 §2.2).
    #[error("line not ended by CR LF")]
    LineEnd,
    /// Not a token before the colon: empty, a space before it, a folded line (RFC 9112 §5.1, §5.2).
    #[error("malformed field name")]
    FieldName,
    /// A control byte in a value (RFC 9110 §5.5).
    #[error("control byte in a field value")]
    FieldValue,
    /// The request line does not end within the bound on a head (RFC 9112 §3).
    #[error("request line too long")]
    TargetTooLong,
    /// The head does not end within its bound (RFC 6585 §5).
    #[error("head too long")]
    HeadTooLong,
    /// More fields than allowed (RFC 6585 §5).
    #[error("too many fields")]
    TooManyFields,
    /// HTTP/1.1 without Host (RFC 9112 §3.2).
    #[error("no Host")]
    HostMissing,
    /// More than one Host (RFC 9112 §3.2).
    #[error("more than one Host")]
    HostRepeated,
    /// Host or authority that is no `uri-host [ ":" port ]` (RFC 9112 §3.2).
    #[error("malformed Host")]
    HostMalformed,
    /// Content-Length that is no plain number, or overflows (RFC 9112 §6.3).
    #[error("malformed Content-Length")]
    ContentLength,
    /// Values of Content-Length that differ (RFC 9112 §6.3).
    #[error("differing values of Content-Length")]
    ContentLengthDiffers,
    /// Content-Length beside Transfer-Encoding: the sign of a smuggled request (RFC 9112 §6.1, §11.2).
    #[error("both Content-Length and Transfer-Encoding")]
    LengthAndCoding,
    /// Transfer-Encoding in HTTP/1.0 (RFC 9112 §6.1).
    #[error("Transfer-Encoding in HTTP/1.0")]
    CodingInHttp10,
    /// `chunked` twice or not last, or no list of tokens (RFC 9112 §6.1, §6.3).
    #[error("malformed Transfer-Encoding")]
    TransferEncoding,
    /// A transfer coding that is not understood (RFC 9112 §6.1).
    #[error("unknown transfer coding")]
    CodingUnknown,
    /// Anything but `100-continue` expected (RFC 9110 §10.1.1).
    #[error("unknown expectation")]
    Expectation,
    /// More body than is read to be thrown away (RFC 9110 §15.5.14).
    #[error("body too large")]
    BodyTooLarge,
    /// A chunk size that is no hexadecimal number, or overflows (RFC 9112 §7.1).
    #[error("malformed chunk size")]
    ChunkSize,
    /// A chunk extension with a control byte, or a long one (RFC 9112 §7.1.1).
    #[error("malformed chunk extension")]
    ChunkExtension,
    /// Chunk data longer or shorter than announced (RFC 9112 §7.1).
    #[error("chunk not ended by CR LF")]
    ChunkEnd,
    /// A malformed trailer section, or a long one (RFC 9112 §7.1.2).
    #[error("malformed trailer section")]
    Trailer,
    /// A target of no known form (RFC 9112 §3.2).
    #[error("malformed target")]
    TargetForm,
    /// A `#` in the target: fragments are never sent (RFC 9112 §3.2.1, RFC 9110 §4.2.5).
    #[error("fragment in the target")]
    TargetFragment,
    /// A `%` without two hexadecimal digits (RFC 3986 §2.1).
    #[error("malformed percent-encoding in the target")]
    TargetEscape,
    /// An encoded NUL or `/`, which no file name has in it.
    #[error("encoded NUL or slash in the target")]
    TargetByte,
    /// A `..` segment, however spelt: clients resolve them themselves (RFC 3986 §5.2.4).
    #[error("dot-dot segment in the target")]
    TargetDotDot,
}

impl Fault {
    /// The status that the client is told.
    #[must_use]
    pub fn status(self) -> Status {
        match self {
            Self::Version => Status::VersionNotSupported,
            Self::TargetTooLong => Status::UriTooLong,
            Self::HeadTooLong | Self::TooManyFields => Status::HeaderFieldsTooLarge,
            Self::CodingUnknown => Status::NotImplemented,
            Self::Expectation => Status::ExpectationFailed,
            Self::BodyTooLarge => Status::ContentTooLarge,
            Self::RequestLine
            | Self::Unencrypted
            | Self::LineEnd
            | Self::FieldName
            | Self::FieldValue
            | Self::HostMissing
            | Self::HostRepeated
            | Self::HostMalformed
            | Self::ContentLength
            | Self::ContentLengthDiffers
            | Self::LengthAndCoding
            | Self::CodingInHttp10
            | Self::TransferEncoding
            | Self::ChunkSize
            | Self::ChunkExtension
            | Self::ChunkEnd
            | Self::Trailer
            | Self::TargetForm
            | Self::TargetFragment
            | Self::TargetEscape
            | Self::TargetByte
            | Self::TargetDotDot => Status::BadRequest,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_fragments_and_every_status_is_an_error() {
        let rows = [
            (Fault::RequestLine, 400),
            (Fault::Version, 505),
            (Fault::TargetTooLong, 414),
            (Fault::HeadTooLong, 431),
            (Fault::TooManyFields, 431),
            (Fault::CodingUnknown, 501),
            (Fault::LengthAndCoding, 400),
            (Fault::Expectation, 417),
            (Fault::BodyTooLarge, 413),
            (Fault::TargetDotDot, 400),
        ];
        for (fault, code) in rows {
            assert_eq!(fault.status().code(), code, "{fault}");
            assert!(!fault.to_string().ends_with('.'), "{fault}");
        }
    }
}
