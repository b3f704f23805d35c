//! A reader of replies that forgives nothing (RFC 9112 §4–§6): no fault of a server hides in a lenient client.
//!
//! It knows what a reply looks like on the wire, and what every reply of a careful origin server has; not what was
//! asked, but for whether a body may follow. A reply may be coded in transit in ways that this server never uses:
//! they are errors here.

use std::fmt::{self, Display, Formatter};
use std::time::UNIX_EPOCH;

use common::clock::Clock;

/// Whether the request was one whose reply has a body (RFC 9110 §9.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// HEAD: the fields of a body that does not follow.
    Head,
    /// Anything else.
    Body,
}

/// A whole reply.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    fields: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// The longest head that is waited for, bytes.
const HEAD_LEN_MAX: usize = 32 << 10;

/// Fields that have one value: a second line of them is a fault (RFC 9110 §5.3).
const SINGLE: [&str; 14] = [
    "Accept-Ranges",
    "Access-Control-Allow-Origin",
    "Age",
    "Connection",
    "Content-Encoding",
    "Content-Length",
    "Content-Location",
    "Content-Range",
    "Content-Type",
    "Date",
    "ETag",
    "Last-Modified",
    "Location",
    "X-Content-Type-Options",
];

impl Reply {
    /// Reads one reply from the front of `bytes`: the reply and its length, or `None` as long as some of it is missing.
    pub(crate) fn parse(bytes: &[u8], asked: Asked) -> Result<Option<(Self, usize)>, String> {
        let Some(head_len) = find(bytes, b"\r\n\r\n").map(|at| at + 4) else {
            if bytes.len() > HEAD_LEN_MAX {
                return Err(format!("no end of the head in {} bytes", bytes.len()));
            }
            return Ok(None);
        };
        let head = std::str::from_utf8(&bytes[..head_len - 4])
            .map_err(|error| format!("a head that is no UTF-8: {error}"))?;
        let mut lines = head.split("\r\n");
        let status = status_line(lines.next().unwrap_or_default())?;
        let fields = lines.map(field_line).collect::<Result<Vec<_>, _>>()?;
        let mut reply = Self {
            status,
            fields,
            body: Vec::new(),
        };
        let body_len = reply.framing(asked)?;
        let Some(body) = bytes[head_len..].get(..body_len) else {
            return Ok(None);
        };
        reply.body = body.to_vec();
        Ok(Some((reply, head_len + body_len)))
    }

    /// The one value of a field.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// The values of a field, line by line.
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.fields
            .iter()
            .filter(move |(other, _)| other.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// Whether one of the elements of a list field is this one.
    pub(crate) fn lists(&self, name: &str, element: &str) -> bool {
        self.all(name)
            .flat_map(|value| value.split(','))
            .any(|other| other.trim().eq_ignore_ascii_case(element))
    }

    /// What it says of the connection after it.
    pub(crate) fn says_close(&self) -> bool {
        self.lists("Connection", "close")
    }

    /// Its body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Asserts its status code.
    #[track_caller]
    pub(crate) fn is(&self, status: u16) -> &Self {
        assert_eq!(self.status, status, "status of\n{self}");
        self
    }

    /// Asserts the value of a field.
    #[track_caller]
    pub(crate) fn has(&self, name: &str, value: &str) -> &Self {
        assert_eq!(self.field(name), Some(value), "{name} of\n{self}");
        self
    }

    /// Asserts that a field is not there.
    #[track_caller]
    pub(crate) fn lacks(&self, name: &str) -> &Self {
        assert_eq!(self.field(name), None, "{name} of\n{self}");
        self
    }

    /// Asserts its body.
    #[track_caller]
    pub(crate) fn body_is(&self, body: impl AsRef<[u8]>) -> &Self {
        assert!(self.body == body.as_ref(), "the body of\n{self}");
        self
    }

    /// How many bytes of body follow its head (RFC 9112 §6.3).
    fn framing(&self, asked: Asked) -> Result<usize, String> {
        for name in SINGLE {
            if self.all(name).count() > 1 {
                return Err(format!("{name} twice in\n{self}"));
            }
        }
        for name in ["Transfer-Encoding", "Trailer", "Upgrade"] {
            if self.field(name).is_some() {
                return Err(format!("a {name} in\n{self}"));
            }
        }
        if self.status < 200 {
            return Err(format!("an interim reply\n{self}"));
        }
        let length = self.field("Content-Length");
        let length = match length {
            Some(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => {
                Some(text.parse().map_err(|_| format!("length {text:?}"))?)
            }
            Some(text) => return Err(format!("Content-Length: {text:?}")),
            None => None,
        };
        match (self.status, length) {
            (204, Some(_)) => Err(format!("a length with no content\n{self}")),
            (204 | 304, _) => Ok(0),
            (_, None) => Err(format!("no Content-Length in\n{self}")),
            (_, Some(_)) if asked == Asked::Head => Ok(0),
            (_, Some(length)) => Ok(length),
        }
    }

    /// What every reply of ours is, whatever was asked.
    pub(crate) fn check(&self) -> Result<(), String> {
        let now = Clock::start().wall().duration_since(UNIX_EPOCH);
        let now = now.map_or(0, |since| since.as_secs().cast_signed());
        let date = self.date("Date")?.ok_or("no Date")?;
        // A second is a Date's precision, another its refresh; the rest is for a machine under load.
        if now.abs_diff(date) > 8 {
            return Err(format!("Date is {} s off", now.abs_diff(date)));
        }
        if self
            .date("Last-Modified")?
            .is_some_and(|changed| changed > date)
        {
            return Err("Last-Modified is later than Date (RFC 9110 §8.8.2.1)".into());
        }
        if let Some(tag) = self.field("ETag") {
            check_tag(tag)?;
        }
        let needs: &[&str] = match self.status {
            200 => &["Content-Type"],
            206 => &["Content-Type", "ETag"],
            204 | 405 => &["Allow"],
            301 | 308 => &["Location"],
            304 => &["ETag"],
            401 => &["WWW-Authenticate"],
            416 => &["Content-Range"],
            _ => &[],
        };
        for name in needs {
            if self.field(name).is_none() {
                return Err(format!("no {name}"));
            }
        }
        let is_of_file = [200, 206].contains(&self.status) && self.field("ETag").is_some();
        if is_of_file && self.field("X-Content-Type-Options") != Some("nosniff") {
            return Err("a type that browsers may guess at".into());
        }
        if !self.body.is_empty() && self.field("Content-Type").is_none() {
            return Err("a body without Content-Type".into());
        }
        if let Some(place) = self.field("Location")
            && (place.starts_with("//") || place.contains('\\'))
        {
            return Err(format!("Location {place:?} may lead to another host"));
        }
        Ok(())
    }

    /// The time in a field, in seconds, which must be in the form of today (RFC 9110 §5.6.7).
    fn date(&self, name: &str) -> Result<Option<i64>, String> {
        let Some(text) = self.field(name) else {
            return Ok(None);
        };
        let time = seconds(text).filter(|time| date_text(*time) == text);
        time.map(Some).ok_or_else(|| format!("{name}: {text:?}"))
    }
}

impl Display for Reply {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "  status {}", self.status)?;
        for (name, value) in &self.fields {
            writeln!(f, "  {name}: {value}")?;
        }
        let start = &self.body[..self.body.len().min(400)];
        let text = String::from_utf8_lossy(start);
        write!(
            f,
            "  {} bytes of body: {}",
            self.body.len(),
            text.escape_debug()
        )
    }
}

/// `HTTP/1.1 SP 3DIGIT SP reason`: the version is always ours (RFC 9110 §2.5).
fn status_line(line: &str) -> Result<u16, String> {
    let wrong = || format!("status line {line:?}");
    let rest = line.strip_prefix("HTTP/1.1 ").ok_or_else(wrong)?;
    let (code, reason) = rest.split_once(' ').ok_or_else(wrong)?;
    let is_code = code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_digit());
    if !is_code || reason.is_empty() || !reason.chars().all(|c| c == ' ' || c.is_ascii_graphic()) {
        return Err(wrong());
    }
    code.parse().map_err(|_| wrong())
}

/// `name ":" OWS value OWS`, with no fold, no control and no space before the colon (RFC 9112 §5).
fn field_line(line: &str) -> Result<(String, String), String> {
    let wrong = || format!("field line {line:?}");
    let (name, value) = line.split_once(':').ok_or_else(wrong)?;
    let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    if name.is_empty() || !name.chars().all(is_token) || value.chars().any(char::is_control) {
        return Err(wrong());
    }
    Ok((name.to_owned(), value.trim_matches(' ').to_owned()))
}

/// `[ "W/" ] DQUOTE *etagc DQUOTE` (RFC 9110 §8.8.3).
fn check_tag(tag: &str) -> Result<(), String> {
    let opaque = tag.strip_prefix("W/").unwrap_or(tag);
    let inside = opaque
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    match inside {
        Some(inside)
            if inside
                .bytes()
                .all(|byte| byte > b' ' && byte != b'"' && byte != 0x7f) =>
        {
            Ok(())
        }
        _ => Err(format!("ETag: {tag:?}")),
    }
}

const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// The seconds since 1970 that a date of today's form tells. What is wrong with its form, [`date_text`] shows.
fn seconds(text: &str) -> Option<i64> {
    let words: Vec<&str> = text.split([' ', ':']).collect();
    let [_, day, month, year, hour, minute, second, "GMT"] = words[..] else {
        return None;
    };
    let month = MONTHS.iter().position(|name| *name == month)?;
    let month = 1 + i64::try_from(month).ok()?;
    let number = |word: &str| word.parse::<i64>().ok();
    let days = days(number(year)?, month, number(day)?);
    Some(((days * 24 + number(hour)?) * 60 + number(minute)?) * 60 + number(second)?)
}

/// The days from 1970 to one of the proleptic Gregorian calendar.
fn days(year: i64, month: i64, day: i64) -> i64 {
    // Years from March, so that the day that some have more is the last.
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let leaps = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leaps + (month * 153 + 2) / 5 + day - 1 - 719_468
}

/// A time as a date of today's form.
fn date_text(time: i64) -> String {
    let (day, second) = (time.div_euclid(86_400), time.rem_euclid(86_400));
    let first = |year: i64, month: i64| days(year, month, 1);
    let guess = 1970 + day.div_euclid(366);
    let year = (guess..).take_while(|year| first(*year, 1) <= day).last();
    let year = year.unwrap_or(guess);
    let month = (1..=12)
        .take_while(|month| first(year, *month) <= day)
        .last();
    let month = month.unwrap_or(1);
    let at = |index: i64| usize::try_from(index).unwrap_or_default();
    format!(
        "{}, {:02} {} {year:04} {:02}:{:02}:{:02} GMT",
        DAYS[at(day.rem_euclid(7))],
        day - first(year, month) + 1,
        MONTHS[at(month - 1)],
        second / 3600,
        second / 60 % 60,
        second % 60
    )
}

/// Where `part` begins in `bytes`.
pub(crate) fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len()).position(|window| window == part)
}

#[test]
fn replies_are_read_whole_and_strictly() {
    let good = b"HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 2\r\n\r\nhiHTTP/1.1";
    let (reply, len) = Reply::parse(good, Asked::Body).unwrap().unwrap();
    assert_eq!((reply.status, reply.field("a"), len), (200, Some("b"), 46));
    assert_eq!(reply.body, b"hi");
    assert!(Reply::parse(&good[..45], Asked::Body).unwrap().is_none());
    assert_eq!(Reply::parse(good, Asked::Head).unwrap().unwrap().1, 44);
    let bad: [(&str, &[u8]); 12] = [
        (
            "an old version",
            b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        ),
        (
            "a code of two digits",
            b"HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n",
        ),
        ("no reason", b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n"),
        ("a bare LF", b"HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n"),
        (
            "a bare CR",
            b"HTTP/1.1 200 OK\r\nA: \rb\r\nContent-Length: 0\r\n\r\n",
        ),
        (
            "a space before a colon",
            b"HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n",
        ),
        (
            "a fold",
            b"HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 0\r\n\r\n",
        ),
        ("no length", b"HTTP/1.1 200 OK\r\n\r\n"),
        (
            "two lengths",
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na",
        ),
        (
            "a signed length",
            b"HTTP/1.1 200 OK\r\nContent-Length: +0\r\n\r\n",
        ),
        ("an interim reply", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (
            "a length with 204",
            b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
        ),
    ];
    for (name, bytes) in bad {
        assert!(Reply::parse(bytes, Asked::Body).is_err(), "{name}");
    }
}

#[test]
fn dates_are_read_and_written() {
    let rows = [
        (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
        (-1, "Wed, 31 Dec 1969 23:59:59 GMT"),
        (951_827_696, "Tue, 29 Feb 2000 12:34:56 GMT"),
        (1_614_834_367, "Thu, 04 Mar 2021 05:06:07 GMT"),
        (4_102_444_799, "Thu, 31 Dec 2099 23:59:59 GMT"),
        (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
    ];
    for (time, text) in rows {
        assert_eq!(seconds(text), Some(time), "{text}");
        assert_eq!(date_text(time), text);
    }
    for text in [
        "",
        "Thu, 1 Jan 1970 00:00:00 GMT",
        "Fri, 01 Jan 1970 00:00:00 GMT",
        "Thu, 01 Jan 1970 00:00:60 GMT",
    ] {
        let told = seconds(text).map(date_text);
        assert_ne!(told.as_deref(), Some(text));
    }
}
