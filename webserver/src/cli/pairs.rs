//! The values that are pairs, `NAME=VALUE`: text → checked pairs.

use std::ffi::OsString;
use std::path::PathBuf;

use clap_lex::OsStrExt as _;
use globset::GlobBuilder;

use super::values::{self, ValueError};

/// Why a pair is refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum PairError {
    #[error(transparent)]
    Value(#[from] ValueError),
    #[error("give NAME=VALUE")]
    Header,
    #[error("'{0}' is not a field name: letters, digits and - only, as a rule")]
    HeaderName(String),
    #[error("the server sets {0} itself")]
    OwnHeader(String),
    #[error("use --cache-control '*=VALUE' for it")]
    CacheControlHeader,
    #[error("a value must not have control characters")]
    HeaderValue,
    #[error("give GLOB=VALUE, such as '*.css=max-age=3600'")]
    CacheControl,
    #[error("{0}")]
    Glob(String),
    #[error("give CODE=FILE, such as 404=404.html")]
    ErrorPage,
    #[error("the server never answers with {0}; the errors it answers with are {all}", all = list(&ERRORS))]
    ErrorCode(u16),
    #[error("give HOST=ROOT, such as example.org=/srv/example")]
    Vhost,
    #[error("'{0}' is not a host name; give it without a port, such as example.org")]
    Host(String),
}

/// A name and its value.
type Pair = (String, String);

/// `NAME=VALUE`, or `NAME: VALUE` as it is sent.
pub(super) fn header(text: &str) -> Result<Pair, PairError> {
    let (name, value) = text.split_once(['=', ':']).ok_or(PairError::Header)?;
    let name = name.trim_end();
    if name.is_empty() || !name.bytes().all(is_token) {
        return Err(PairError::HeaderName(name.to_owned()));
    }
    let is = |other: &str| name.eq_ignore_ascii_case(other);
    if is("Cache-Control") {
        return Err(PairError::CacheControlHeader);
    }
    if OWN.into_iter().any(is) {
        return Err(PairError::OwnHeader(name.to_owned()));
    }
    Ok((name.to_owned(), field_value(value)?))
}

/// What the server decides for each reply: a second word on it would contradict the first.
const OWN: [&str; 19] = [
    "Accept-Ranges",
    "Allow",
    "Connection",
    "Content-Encoding",
    "Content-Length",
    "Content-Range",
    "Content-Type",
    "Date",
    "ETag",
    "Keep-Alive",
    "Last-Modified",
    "Location",
    "Proxy-Connection",
    "Trailer",
    "Transfer-Encoding",
    "Upgrade",
    "Vary",
    "WWW-Authenticate",
    "X-Content-Type-Options",
];

/// A token's characters (RFC 9110 §5.6.2).
const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~')
}

/// A field's value (RFC 9110 §5.5): no control characters but tabs within, no white space around.
fn field_value(text: &str) -> Result<String, PairError> {
    let value = text.trim_matches([' ', '\t']);
    if value
        .bytes()
        .any(|byte| byte.is_ascii_control() && byte != b'\t')
    {
        return Err(PairError::HeaderValue);
    }
    Ok(value.to_owned())
}

/// The value may have equal signs, so the pattern may not.
pub(super) fn cache_control(text: &str) -> Result<Pair, PairError> {
    let (glob, value) = text.split_once('=').ok_or(PairError::CacheControl)?;
    let value = field_value(value)?;
    if glob.is_empty() || value.is_empty() {
        return Err(PairError::CacheControl);
    }
    let compiled = GlobBuilder::new(glob).literal_separator(true).build();
    compiled.map_err(|error| PairError::Glob(error.to_string()))?;
    Ok((glob.to_owned(), value))
}

pub(super) fn error_page(text: &str) -> Result<(u16, String), PairError> {
    let (code, file) = text.split_once('=').ok_or(PairError::ErrorPage)?;
    let code: u16 = code.parse().map_err(|_| PairError::ErrorPage)?;
    if !ERRORS.contains(&code) {
        return Err(PairError::ErrorCode(code));
    }
    Ok((code, values::beneath(file)?))
}

const ERRORS: [u16; 16] = [
    400, 401, 403, 404, 405, 408, 412, 413, 414, 416, 417, 431, 500, 501, 503, 505,
];

fn list(codes: &[u16]) -> String {
    let words: Vec<_> = codes.iter().map(u16::to_string).collect();
    words.join(", ")
}

/// A host, in lower case, and the folder that is its root.
pub(super) fn vhost(text: OsString) -> Result<(String, PathBuf), PairError> {
    let (host, root) = text.split_once("=").ok_or(PairError::Vhost)?;
    if root.is_empty() {
        return Err(PairError::Vhost);
    }
    let host = host.to_string_lossy().to_ascii_lowercase();
    if !is_host(&host) {
        return Err(PairError::Host(host));
    }
    Ok((host, root.into()))
}

/// A name, or an address as a target has it: IPv6 between brackets.
fn is_host(host: &str) -> bool {
    if let Some(inner) = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
    {
        return inner.parse::<std::net::Ipv6Addr>().is_ok();
    }
    let is_label = |label: &str| {
        !label.is_empty()
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    host.split('.').all(is_label)
}

/// A user and the hash of the password, if the text has both.
pub(super) fn user(text: &str) -> Option<Pair> {
    let (user, hash) = text.split_once(':')?;
    let is_name = !user.is_empty() && !user.chars().any(char::is_control);
    is_name.then(|| (user.to_owned(), hash.to_owned()))
}

/// Whether a text is a bcrypt hash: `$2y$10$` and 53 characters of salt and hash. A cost of more than 17, the most that
/// htpasswd makes, would let a few sign-ins take a processor for minutes.
pub(super) fn is_bcrypt(hash: &str) -> bool {
    let [
        b'$',
        b'2',
        b'a' | b'b' | b'y',
        b'$',
        tens,
        ones,
        b'$',
        rest @ ..,
    ] = hash.as_bytes()
    else {
        return false;
    };
    let is_cost = matches!((tens, ones), (b'0', b'4'..=b'9') | (b'1', b'0'..=b'7'));
    let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'/');
    is_cost && rest.len() == 53 && rest.iter().all(is_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers() {
        let name = |name: &str| PairError::HeaderName(name.into());
        let own = |name: &str| PairError::OwnHeader(name.into());
        let rows = [
            (
                "a pair",
                "X-Frame-Options=DENY",
                Ok(("X-Frame-Options", "DENY")),
            ),
            ("as it is sent", "X-A: b", Ok(("X-A", "b"))),
            ("an equal sign in the value", "X-A=b=c", Ok(("X-A", "b=c"))),
            (
                "a colon in the value",
                "Link=<https://a>",
                Ok(("Link", "<https://a>")),
            ),
            (
                "an equal sign after a colon",
                "X-A: b=c",
                Ok(("X-A", "b=c")),
            ),
            ("no value", "X-A=", Ok(("X-A", ""))),
            ("white space around", "X-A= b\tc ", Ok(("X-A", "b\tc"))),
            ("korean", "X-A=값", Ok(("X-A", "값"))),
            ("no pair", "X-A", Err(PairError::Header)),
            ("no name", "=b", Err(name(""))),
            ("a space in the name", "X A=b", Err(name("X A"))),
            ("a line in the name", "X\r\nA=b", Err(name("X\r\nA"))),
            ("a korean name", "값=b", Err(name("값"))),
            (
                "a line in the value",
                "X-A=b\r\nX-B: c",
                Err(PairError::HeaderValue),
            ),
            ("a NUL in the value", "X-A=\0", Err(PairError::HeaderValue)),
            (
                "a delete in the value",
                "X-A=\x7f",
                Err(PairError::HeaderValue),
            ),
            (
                "the framing",
                "content-length=5",
                Err(own("content-length")),
            ),
            (
                "the framing as well",
                "Transfer-Encoding: chunked",
                Err(own("Transfer-Encoding")),
            ),
            ("the date", "Date=now", Err(own("Date"))),
            ("the connection", "CONNECTION=close", Err(own("CONNECTION"))),
            (
                "with an option of its own",
                "Cache-Control=no-store",
                Err(PairError::CacheControlHeader),
            ),
        ];
        for (name, text, expected) in rows {
            let pair = header(text);
            let pair = pair.as_ref().map(|(name, value)| (&**name, &**value));
            assert_eq!(pair, expected.as_ref().map(|&pair| pair), "{name}");
        }
    }

    #[test]
    fn cache_controls() {
        let rows = [
            (
                "by ending",
                "*.css=max-age=3600",
                Ok(("*.css", "max-age=3600")),
            ),
            (
                "by folder",
                "assets/**=public, immutable",
                Ok(("assets/**", "public, immutable")),
            ),
            (
                "one of several",
                "*.{js,css}=no-cache",
                Ok(("*.{js,css}", "no-cache")),
            ),
            ("no value", "*.css=", Err(PairError::CacheControl)),
            ("no pattern", "=no-store", Err(PairError::CacheControl)),
            ("no pair", "*.css", Err(PairError::CacheControl)),
            ("a line", "*=a\nb", Err(PairError::HeaderValue)),
        ];
        for (name, text, expected) in rows {
            let pair = cache_control(text);
            let pair = pair.as_ref().map(|(glob, value)| (&**glob, &**value));
            assert_eq!(pair, expected.as_ref().map(|&pair| pair), "{name}");
        }
        assert!(
            matches!(cache_control("[a=b"), Err(PairError::Glob(_))),
            "an open class"
        );
    }

    #[test]
    fn error_pages() {
        let rows = [
            ("a page", "404=404.html", Ok((404, "404.html"))),
            (
                "as a target",
                "500=/errors/500.html",
                Ok((500, "errors/500.html")),
            ),
            ("no error", "200=a.html", Err(PairError::ErrorCode(200))),
            (
                "one we never give",
                "418=a.html",
                Err(PairError::ErrorCode(418)),
            ),
            ("no code", "a.html", Err(PairError::ErrorPage)),
            ("no number", "x=a.html", Err(PairError::ErrorPage)),
            (
                "no file",
                "404=",
                Err(PairError::Value(ValueError::Beneath)),
            ),
            (
                "out of the root",
                "404=../x",
                Err(PairError::Value(ValueError::Beneath)),
            ),
        ];
        for (name, text, expected) in rows {
            let page = error_page(text);
            let page = page.as_ref().map(|(code, file)| (*code, &**file));
            assert_eq!(page, expected.as_ref().map(|&page| page), "{name}");
        }
    }

    #[test]
    fn hosts() {
        let host = |host: &str| PairError::Host(host.into());
        let rows = [
            (
                "a host",
                "example.org=/srv/a",
                Ok(("example.org", "/srv/a")),
            ),
            ("capitals", "Example.ORG=A", Ok(("example.org", "A"))),
            ("an equal sign in the folder", "a=b=c", Ok(("a", "b=c"))),
            ("an address", "127.0.0.1=a", Ok(("127.0.0.1", "a"))),
            ("an IPv6 address", "[::1]=a", Ok(("[::1]", "a"))),
            ("with a port", "a:80=b", Err(host("a:80"))),
            ("a wild card", "*.a=b", Err(host("*.a"))),
            ("a dot at the end", "a.=b", Err(host("a."))),
            ("no host", "=b", Err(host(""))),
            ("no folder", "a=", Err(PairError::Vhost)),
            ("no pair", "a", Err(PairError::Vhost)),
        ];
        for (name, text, expected) in rows {
            let pair = vhost(text.into());
            let pair = pair
                .as_ref()
                .map(|(host, root)| (&**host, root.to_str().unwrap()));
            assert_eq!(pair, expected.as_ref().map(|&pair| pair), "{name}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn folders_are_bytes() {
        use std::os::unix::ffi::OsStringExt;
        let (_, root) = vhost(OsString::from_vec(b"a=b\xff".to_vec())).unwrap();
        assert_eq!(root.into_os_string().into_vec(), b"b\xff");
    }

    #[test]
    fn users_and_hashes() {
        assert_eq!(user("a:b:c"), Some(("a".into(), "b:c".into())));
        for text in ["", "a", ":b", "a\n:b"] {
            assert_eq!(user(text), None, "{text:?}");
        }
        let salt_and_hash = "abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234";
        let rows = [
            ("of htpasswd", "$2y$05$", "", true),
            ("of others", "$2b$12$", "", true),
            ("older", "$2a$10$", "", true),
            ("the dearest", "$2y$17$", "", true),
            ("too dear", "$2y$18$", "", false),
            ("too cheap", "$2y$03$", "", false),
            ("the faulty kind", "$2x$10$", "", false),
            ("of another function", "$6$", "", false),
            ("apr1", "$apr1$", "", false),
            ("too long", "$2y$10$", "a", false),
            ("a line at the end", "$2y$10$", "\n", false),
            ("a shell took the dollars", "y0", "", false),
        ];
        for (name, begin, end, expected) in rows {
            let hash = format!("{begin}{salt_and_hash}{end}");
            assert_eq!(is_bcrypt(&hash), expected, "{name}");
        }
        assert!(!is_bcrypt("secret"));
        assert!(!is_bcrypt(""));
        assert!(bcrypt::verify("geheim", &bcrypt::hash("geheim", 4).unwrap()).unwrap());
        assert!(is_bcrypt(&bcrypt::hash("geheim", 4).unwrap()));
    }
}
