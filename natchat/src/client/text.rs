//! The words for each event: one line each, the older client's wording exactly where it had one.
//!
//! Foreign text cannot act on a terminal or break a line: its control characters are made visible. Nothing of a line
//! somebody said is cut; where a line of our own is only named ([`Event::Delivered`] and its like), its beginning is
//! enough.

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::time::Duration;

use common::quote::visible;
use common::units::{ByteSize, rate};

use crate::client::event::{Audience, Event, FileEvent, Place, Row, Undelivered, Way};
use crate::name::MemberId;

/// The most characters of a line that is only named.
const NAMED_CHARS: usize = 60;

/// The line or lines for an event, without a line end after the last.
#[must_use]
pub fn line(event: &Event) -> String {
    match event {
        Event::Here { id, at } => format!("{id} is register at IP: {}", place(at)),
        Event::Left(id) => format!("{id} is unregistered"),
        Event::Silent(id) => format!("{id} is off-line"),
        Event::Said {
            from,
            text,
            audience: Audience::One,
        } => format!("From {from} [{}]", visible(text)),
        Event::Said {
            from,
            text,
            audience: Audience::All,
        } => format!("From {from} to all [{}]", visible(text)),
        Event::Delivered { to, text } => format!("Delivered to {to} [{}]", named(text)),
        Event::HandedOn { to, text } => format!(
            "Handed on to {to} [{}]: an older client, which does not confirm",
            named(text)
        ),
        Event::NotDelivered { to, text, reason } => {
            format!(
                "Not delivered to {to} [{}]: {}",
                named(text),
                undelivered(*reason)
            )
        }
        Event::List(rows) => list(rows),
        Event::Safety { id, number, other } => safety(id, number, other.as_deref()),
        Event::KeyChanged(id) => format!(
            "{id} has come with ANOTHER KEY: it may not be who it was. Nothing is said to it until @trust {id}"
        ),
        Event::Trusted(id) => format!("The new key of {id} is taken for right"),
        Event::Help => HELP.to_owned(),
        Event::File(event) => file(event),
        Event::Usage(usage) => complaint(&visible(usage)),
        Event::ServerKeyChanged => complaint(SERVER_KEY_CHANGED),
        Event::ServerSilent { server, joined } => complaint(&silent(server, *joined)),
        Event::ServerBack(server) => complaint(&format!("{} answers again", visible(server))),
        Event::NoSuchHost { host, reason } => {
            let (host, reason) = (visible(host), visible(reason));
            complaint(&format!("find {host}: {reason}; still trying"))
        }
        Event::Taken(id) => complaint(&format!(
            "the ID {id} belongs to somebody else (another key); still trying"
        )),
        Event::Refused(reason) => complaint(&format!(
            "the server does not take us: {reason}; still trying"
        )),
        Event::Elsewhere => {
            complaint("joined from elsewhere with the same key; this one has ended")
        }
    }
}

/// Whether it belongs to the error stream.
#[must_use]
pub fn is_complaint(event: &Event) -> bool {
    match event {
        Event::KeyChanged(_)
        | Event::ServerKeyChanged
        | Event::ServerSilent { .. }
        | Event::ServerBack(_)
        | Event::NoSuchHost { .. }
        | Event::Taken(_)
        | Event::Refused(_)
        | Event::Elsewhere
        | Event::Usage(_) => true,
        Event::Here { .. }
        | Event::Left(_)
        | Event::Silent(_)
        | Event::Said { .. }
        | Event::Delivered { .. }
        | Event::HandedOn { .. }
        | Event::NotDelivered { .. }
        | Event::List(_)
        | Event::Safety { .. }
        | Event::Trusted(_)
        | Event::File(_)
        | Event::Help => false,
    }
}

/// What `@help` says.
const HELP: &str = "\
@show_list           who is there, where, and by what way lines go
@chat ID TEXT        a line to one
@all TEXT            a line to everybody
@send ID FILE        offers a file; again after a break: goes on where it stopped
@accept ID [NAME]    takes the files that ID offers, or the one of that name
@refuse ID [NAME]    does not
@verify ID           the number to compare with ID, to be sure that nobody is in between
@trust ID            takes ID's new key for right; @trust server: the server's
@help                this
@exit                leaves";

const SERVER_KEY_CHANGED: &str = "the server has ANOTHER KEY than it had: somebody may be in between. \
    It is not joined until @trust server";

fn safety(id: &MemberId, number: &str, other: Option<&str>) -> String {
    let mut out = format!(
        "Safety number with {id}: {number} (the same on both sides, if nobody is in between)"
    );
    if let Some(other) = other {
        push(
            &mut out,
            format_args!("; but {id} has come with ANOTHER KEY, which makes it {other}"),
        );
    }
    out
}

fn complaint(words: &str) -> String {
    format!("natchat: {words}")
}

fn silent(server: &str, joined: bool) -> String {
    let server = visible(server);
    if joined {
        return format!("{server} does not answer any more; still trying");
    }
    format!("no answer from {server}; still trying")
}

fn place(at: &Place) -> String {
    match at {
        Place::Addr(addr) => addr.to_string(),
        Place::Tcp => "tcp".to_owned(),
    }
}

/// The beginning of a line, harmless.
fn named(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(NAMED_CHARS) {
        None => visible(text),
        Some((end, _)) => Cow::Owned(format!("{}…", visible(&text[..end]))),
    }
}

/// Why a line was not delivered, or a file has stopped.
pub(crate) fn undelivered(reason: Undelivered) -> Cow<'static, str> {
    Cow::Borrowed(match reason {
        Undelivered::NotHere => "nobody of this ID is there",
        Undelivered::Left => "it left before it confirmed",
        Undelivered::Silent => "it was not heard of any more",
        Undelivered::Restarted => "it was started anew before it confirmed",
        Undelivered::NoAnswer(waited) => {
            return Cow::Owned(format!("no confirmation for {} s", waited.as_secs()));
        }
        Undelivered::KeyChanged => "its key has changed (@trust)",
        Undelivered::Distrusted => "it knows us by another key, and does not take this one",
        Undelivered::Leaving => "we left before it confirmed",
        Undelivered::TooLong => "the line is longer than can be sent",
        Undelivered::TooMuch => "too much is waiting already",
        Undelivered::TooMany => "too many others are talked with",
        Undelivered::NotJoined => "we have not joined",
    })
}

/// A row each, `ID ADDR` in front as in the older client.
fn list(rows: &[Row]) -> String {
    rows.iter().map(row).collect::<Vec<_>>().join("\n")
}

fn row(row: &Row) -> String {
    let (way, seal) = match row.way {
        Way::Ourselves => ("ourselves", None),
        Way::Unused => ("unused", Some("encrypted")),
        Way::Direct => ("direct", Some("encrypted")),
        Way::Relayed => ("relayed", Some("encrypted")),
        Way::Older => ("relayed", Some("not encrypted")),
    };
    let mut out = format!("{} {} {way}", row.id, place(&row.at));
    if let Some(time) = row.round_trip {
        push(&mut out, format_args!("  {}", millis(time)));
    }
    if let Some(seal) = seal {
        push(&mut out, format_args!("  {seal}"));
    }
    out
}

/// `12 ms`, or `0.4 ms` where whole ones say little.
fn millis(time: Duration) -> String {
    let micros = time.as_micros();
    if micros < 10_000 {
        return format!("{}.{} ms", micros / 1_000, micros / 100 % 10);
    }
    format!("{} ms", micros / 1_000)
}

fn push(out: &mut String, more: fmt::Arguments<'_>) {
    let written = out.write_fmt(more);
    debug_assert!(written.is_ok(), "writing to a String cannot fail");
}

fn file(event: &FileEvent) -> String {
    match event {
        FileEvent::Offered {
            from,
            name,
            len,
            have,
        } => {
            let name = visible(name);
            let here = match have {
                0 => String::new(),
                have => format!(", {} of it here already", size(*have)),
            };
            format!(
                "{from} offers {name} ({}{here}): @accept {from} {name}, or @refuse {from} {name}",
                size(*len)
            )
        }
        FileEvent::Waiting { to, name } => format!("{} is offered to {to}", visible(name)),
        FileEvent::Progress {
            with,
            name,
            done,
            len,
            rate: speed,
        } => format!(
            "{} with {with}: {} of {}, {}",
            visible(name),
            size(*done),
            size(*len),
            rate(*speed, Duration::from_secs(1))
        ),
        FileEvent::Sent { to, name, len } => {
            format!("{} ({}) has arrived at {to}", visible(name), size(*len))
        }
        FileEvent::Received { from, path, len } => {
            format!("Received {} ({}) from {from}", visible(path), size(*len))
        }
        FileEvent::Stopped {
            with,
            name,
            done,
            len,
            reason,
        } => format!(
            "{} with {with} has stopped at {} of {}: {}",
            visible(name),
            size(*done),
            size(*len),
            visible(reason)
        ),
    }
}

fn size(bytes: u64) -> impl fmt::Display {
    ByteSize::new(bytes)
}

#[cfg(test)]
mod tests;
