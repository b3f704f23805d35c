//! Request methods, as far as a server of files tells them apart.
//!
//! Method names are case-sensitive (RFC 9110 §9.1): `get` is a method that nobody knows.

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// The content (RFC 9110 §9.3.1).
    Get,
    /// What would be said about the content (RFC 9110 §9.3.2).
    Head,
    /// What may be asked (RFC 9110 §9.3.7).
    Options,
    /// A method with a meaning that no file here can take: 405 (RFC 9110 §15.5.6).
    NotAllowed,
    /// A name without a known meaning: 501 (RFC 9110 §15.6.2).
    Unknown,
}

impl Method {
    /// The value of `Allow` (RFC 9110 §10.2.1): every method that is answered with success.
    pub const ALLOW: &'static str = "GET, HEAD, OPTIONS";

    /// The method with this name.
    #[must_use]
    pub fn of(name: &str) -> Self {
        match name {
            "GET" => Self::Get,
            "HEAD" => Self::Head,
            "OPTIONS" => Self::Options,
            // RFC 9110 §9.3, RFC 5789, then those of RFC 4918, with which file managers try whether they may mount.
            "POST" | "PUT" | "DELETE" | "CONNECT" | "TRACE" | "PATCH" | "PROPFIND"
            | "PROPPATCH" | "MKCOL" | "COPY" | "MOVE" | "LOCK" | "UNLOCK" => Self::NotAllowed,
            _ => Self::Unknown,
        }
    }

    /// Whether requests with it are refused, whatever they ask for.
    #[must_use]
    pub fn is_refused(self) -> bool {
        matches!(self, Self::NotAllowed | Self::Unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_are_known_by_their_exact_names() {
        let rows = [
            ("GET", Method::Get),
            ("HEAD", Method::Head),
            ("OPTIONS", Method::Options),
            ("POST", Method::NotAllowed),
            ("CONNECT", Method::NotAllowed),
            ("PATCH", Method::NotAllowed),
            ("PROPFIND", Method::NotAllowed),
            ("get", Method::Unknown),
            ("Get", Method::Unknown),
            ("GETS", Method::Unknown),
            ("BREW", Method::Unknown),
            ("", Method::Unknown),
        ];
        for (name, expected) in rows {
            assert_eq!(Method::of(name), expected, "{name}");
            let allowed = Method::ALLOW.split(", ").any(|allowed| allowed == name);
            assert_eq!(allowed, !expected.is_refused(), "{name}");
        }
    }
}
