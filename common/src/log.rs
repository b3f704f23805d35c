//! Diagnostics for `--log-level` and `--log-format`: what a program does, for whoever looks for a fault.
//!
//! One event is one line, written in one call. The text form is `stamp LEVEL target message key=value …`, the JSON form
//! an object with `time`, `level`, `target`, `message` and `fields`; fields stay in the order given. Control characters
//! never come out raw. A level that is off costs one comparison. This is not the program's product: answers go to
//! stdout, and `log.txt` is written through [`crate::linelog`] directly.
//!
//! ```
//! use common::{clock::Clock, log::{Format, Level, Logger}};
//!
//! let log = Logger::new(Level::Warn, Format::Text, Clock::start());
//! log.info("plan", "not shown at this level", &[("files", 3_u64.into())]);
//! ```

use std::fmt::{self, Display};
use std::time::SystemTime;

use crate::clock::Clock;
use crate::{quote, stamp, streams};

/// How much an event matters; each level includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Something asked for was not done.
    Error,
    /// Done, but not as one would expect.
    Warn,
    /// The main steps.
    Info,
    /// Every decision.
    Debug,
    /// Every piece of work.
    Trace,
}

/// The form of a line, the value of `--log-format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Text,
    /// One JSON object a line, for programs.
    Json,
}

/// The value of one field of an event.
#[derive(Clone, Copy)]
pub enum Value<'a> {
    /// A number, which JSON keeps a number.
    Number(u64),
    /// Anything that can be shown.
    Text(&'a dyn Display),
}

/// Writes events to stderr; cheap to copy and to call while the level is off.
#[derive(Clone, Copy, Debug)]
pub struct Logger {
    level: Level,
    format: Format,
    clock: Clock,
}

impl Logger {
    /// A logger for events up to `level`.
    #[must_use]
    pub const fn new(level: Level, format: Format, clock: Clock) -> Self {
        Self {
            level,
            format,
            clock,
        }
    }

    /// Whether events of this level are written; for callers whose fields are dear to compute.
    #[must_use]
    pub fn is_enabled(&self, level: Level) -> bool {
        level <= self.level
    }

    /// Writes one event. `target` is the part of the program that speaks, one word.
    pub fn event(&self, level: Level, target: &str, message: &str, fields: &[(&str, Value<'_>)]) {
        if !self.is_enabled(level) {
            return;
        }
        let event = Event {
            time: self.clock.wall(),
            level,
            target,
            message,
            fields,
        };
        let line = match self.format {
            Format::Text => event.to_text(),
            Format::Json => event.to_json(),
        };
        streams::notice(&line);
    }

    /// An [`Level::Error`] event.
    pub fn error(&self, target: &str, message: &str, fields: &[(&str, Value<'_>)]) {
        self.event(Level::Error, target, message, fields);
    }

    /// A [`Level::Warn`] event.
    pub fn warn(&self, target: &str, message: &str, fields: &[(&str, Value<'_>)]) {
        self.event(Level::Warn, target, message, fields);
    }

    /// An [`Level::Info`] event.
    pub fn info(&self, target: &str, message: &str, fields: &[(&str, Value<'_>)]) {
        self.event(Level::Info, target, message, fields);
    }

    /// A [`Level::Debug`] event.
    pub fn debug(&self, target: &str, message: &str, fields: &[(&str, Value<'_>)]) {
        self.event(Level::Debug, target, message, fields);
    }

    /// A [`Level::Trace`] event.
    pub fn trace(&self, target: &str, message: &str, fields: &[(&str, Value<'_>)]) {
        self.event(Level::Trace, target, message, fields);
    }
}

impl Level {
    /// Every level, from the fewest events to the most.
    pub const ALL: [Self; 5] = [
        Self::Error,
        Self::Warn,
        Self::Info,
        Self::Debug,
        Self::Trace,
    ];

    /// Its name, as `--log-level` takes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

impl From<u64> for Value<'_> {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl<'a, T: Display> From<&'a T> for Value<'a> {
    fn from(shown: &'a T) -> Self {
        Self::Text(shown)
    }
}

impl Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(shown) => write!(f, "{shown}"),
        }
    }
}

struct Event<'a> {
    time: SystemTime,
    level: Level,
    target: &'a str,
    message: &'a str,
    fields: &'a [(&'a str, Value<'a>)],
}

impl Event<'_> {
    fn to_text(&self) -> String {
        let stamp = stamp::log_stamp(self.time);
        let level = self.level.name().to_ascii_uppercase();
        let mut line = format!(
            "{stamp} {level:<5} {} {}",
            quote::visible(self.target),
            quote::visible(self.message)
        );
        for (key, value) in self.fields {
            line.push(' ');
            line.push_str(key);
            line.push('=');
            push_word(&mut line, &value.to_string());
        }
        line
    }

    fn to_json(&self) -> String {
        let mut line = String::with_capacity(160);
        line.push_str("{\"time\":");
        quote::push_json(&mut line, &stamp::log_stamp(self.time).to_string());
        line.push_str(",\"level\":");
        quote::push_json(&mut line, self.level.name());
        line.push_str(",\"target\":");
        quote::push_json(&mut line, self.target);
        line.push_str(",\"message\":");
        quote::push_json(&mut line, self.message);
        line.push_str(",\"fields\":{");
        for (index, (key, value)) in self.fields.iter().enumerate() {
            if index > 0 {
                line.push(',');
            }
            quote::push_json(&mut line, key);
            line.push(':');
            match value {
                Value::Number(number) => line.push_str(&number.to_string()),
                Value::Text(shown) => quote::push_json(&mut line, &shown.to_string()),
            }
        }
        line.push_str("}}");
        line
    }
}

/// One word of the text form: between quotes where it would not read as one.
fn push_word(out: &mut String, word: &str) {
    let shown = quote::visible(word);
    if shown.is_empty() || shown.contains([' ', '"', '=']) {
        out.push('"');
        out.push_str(&shown.replace('"', "\\\""));
        out.push('"');
    } else {
        out.push_str(&shown);
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    #[test]
    fn events_are_one_harmless_line() {
        let fields: &[(&str, Value<'_>)] = &[
            ("bytes", 10_240_u64.into()),
            ("file", Value::Text(&"a \"b\"\n\u{202e}")),
            ("empty", Value::Text(&"")),
            ("path", Value::Text(&"c:\\x")),
        ];
        let event = Event {
            time: UNIX_EPOCH,
            level: Level::Info,
            target: "copy",
            message: "done\x1b[2J 안녕",
            fields,
        };
        let stamp = stamp::log_stamp(UNIX_EPOCH);
        let text = format!(
            r#"{stamp} INFO  copy done\x1b[2J 안녕 bytes=10240 file="a \"b\"\n\u{{202e}}" empty="" path=c:\x"#
        );
        assert_eq!(event.to_text(), text);
        let json = format!(
            r#"{{"time":"{stamp}","level":"info","target":"copy","message":"done\u001b[2J 안녕","fields":{{"bytes":10240,"file":"a \"b\"\n\u202e","empty":"","path":"c:\\x"}}}}"#
        );
        assert_eq!(event.to_json(), json);
    }

    #[test]
    fn levels_include_those_before_them() {
        for (index, level) in Level::ALL.into_iter().enumerate() {
            let logger = Logger::new(level, Format::Text, Clock::start());
            let enabled = Level::ALL.map(|other| logger.is_enabled(other));
            let count = enabled.into_iter().filter(|&enabled| enabled).count();
            assert_eq!(count, index + 1, "{}", level.name());
        }
    }
}
