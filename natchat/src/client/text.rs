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
        Event::Safety { id, number } => format!(
            "Safety number with {id}: {number} (the same on both sides, if nobody is in between)"
        ),
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
        Undelivered::TooMuch => "too much is waiting for it already",
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
mod tests {
    use super::*;
    use crate::name::MemberId;

    fn id(text: &str) -> MemberId {
        text.parse().unwrap()
    }

    fn at(addr: &str) -> Place {
        Place::Addr(addr.parse().unwrap())
    }

    fn not_delivered(reason: Undelivered) -> Event {
        Event::NotDelivered {
            to: id("bob"),
            text: "hi".to_owned(),
            reason,
        }
    }

    fn said(text: &str, audience: Audience) -> Event {
        Event::Said {
            from: id("client3"),
            text: text.to_owned(),
            audience,
        }
    }

    #[test]
    fn the_older_words() {
        let rows: &[(Event, &str)] = &[
            (
                Event::Here {
                    id: id("client2"),
                    at: at("192.168.0.5:10081"),
                },
                "client2 is register at IP: 192.168.0.5:10081",
            ),
            (
                Event::Here {
                    id: id("client2"),
                    at: Place::Tcp,
                },
                "client2 is register at IP: tcp",
            ),
            (Event::Left(id("client2")), "client2 is unregistered"),
            (Event::Silent(id("client3")), "client3 is off-line"),
            (
                said("hi im in ubuntu", Audience::One),
                "From client3 [hi im in ubuntu]",
            ),
            (said("안녕 _ ]", Audience::One), "From client3 [안녕 _ ]]"),
        ];
        for (event, expected) in rows {
            assert_eq!(line(event), *expected);
            assert!(!is_complaint(event), "{expected}");
        }
    }

    #[test]
    fn words_for_lines() {
        let named =
            |event: fn(MemberId, String) -> Event, text: &str| event(id("bob"), text.to_owned());
        let delivered = |to, text| Event::Delivered { to, text };
        let long = "가".repeat(NAMED_CHARS);
        let rows: &[(Event, String)] = &[
            (
                said("hi", Audience::All),
                "From client3 to all [hi]".to_owned(),
            ),
            (
                said("a\n\u{1b}[2Jb\u{202e}", Audience::One),
                "From client3 [a\\n\\x1b[2Jb\\u{202e}]".to_owned(),
            ),
            (named(delivered, "hi"), "Delivered to bob [hi]".to_owned()),
            (
                named(delivered, &long),
                format!("Delivered to bob [{long}]"),
            ),
            (
                named(delivered, &format!("{long}b")),
                format!("Delivered to bob [{long}…]"),
            ),
            (
                named(|to, text| Event::HandedOn { to, text }, "a\tb"),
                "Handed on to bob [a\\tb]: an older client, which does not confirm".to_owned(),
            ),
            (
                not_delivered(Undelivered::NotHere),
                "Not delivered to bob [hi]: nobody of this ID is there".to_owned(),
            ),
            (
                not_delivered(Undelivered::NoAnswer(Duration::from_secs(30))),
                "Not delivered to bob [hi]: no confirmation for 30 s".to_owned(),
            ),
        ];
        for (event, expected) in rows {
            assert_eq!(line(event), *expected);
            assert!(!is_complaint(event), "{expected}");
        }
    }

    #[test]
    fn every_reason_is_told_apart() {
        let reasons = [
            Undelivered::NotHere,
            Undelivered::Left,
            Undelivered::Silent,
            Undelivered::Restarted,
            Undelivered::NoAnswer(Duration::ZERO),
            Undelivered::KeyChanged,
            Undelivered::Distrusted,
            Undelivered::Leaving,
            Undelivered::TooLong,
            Undelivered::TooMuch,
            Undelivered::NotJoined,
        ];
        let mut lines: Vec<String> = reasons.map(not_delivered).iter().map(line).collect();
        lines.sort();
        lines.dedup();
        assert_eq!(lines.len(), reasons.len());
    }

    #[test]
    fn rows_of_a_list() {
        let row = |id: &str, place: &str, way, micros: Option<u64>| Row {
            id: id.parse().unwrap(),
            at: at(place),
            way,
            round_trip: micros.map(Duration::from_micros),
        };
        let rows = vec![
            row("a", "10.0.0.1:1", Way::Ourselves, None),
            row("b", "10.0.0.2:1", Way::Unused, None),
            row("c", "[::1]:1", Way::Direct, Some(410)),
            row("d", "10.0.0.4:1", Way::Relayed, Some(12_999)),
            Row {
                at: Place::Tcp,
                ..row("e", "10.0.0.5:1", Way::Older, None)
            },
        ];
        let expected = "a 10.0.0.1:1 ourselves\n\
            b 10.0.0.2:1 unused  encrypted\n\
            c [::1]:1 direct  0.4 ms  encrypted\n\
            d 10.0.0.4:1 relayed  12 ms  encrypted\n\
            e tcp relayed  not encrypted";
        assert_eq!(line(&Event::List(rows)), expected);
        assert_eq!(line(&Event::List(Vec::new())), "");
    }

    #[test]
    fn complaints() {
        let server = || "example.org:10080".to_owned();
        let rows: &[(Event, &str)] = &[
            (
                Event::ServerSilent {
                    server: server(),
                    joined: false,
                },
                "natchat: no answer from example.org:10080; still trying",
            ),
            (
                Event::ServerSilent {
                    server: server(),
                    joined: true,
                },
                "natchat: example.org:10080 does not answer any more; still trying",
            ),
            (
                Event::ServerBack(server()),
                "natchat: example.org:10080 answers again",
            ),
            (
                Event::NoSuchHost {
                    host: "a\u{7}b".to_owned(),
                    reason: "no such name".to_owned(),
                },
                "natchat: find a\\x07b: no such name; still trying",
            ),
            (
                Event::Taken(id("bob")),
                "natchat: the ID bob belongs to somebody else (another key); still trying",
            ),
            (
                Event::Refused("it has no room"),
                "natchat: the server does not take us: it has no room; still trying",
            ),
            (
                Event::Elsewhere,
                "natchat: joined from elsewhere with the same key; this one has ended",
            ),
            (
                Event::ServerKeyChanged,
                "natchat: the server has ANOTHER KEY than it had: somebody may be in between. \
                 It is not joined until @trust server",
            ),
            (
                Event::KeyChanged(id("bob")),
                "bob has come with ANOTHER KEY: it may not be who it was. Nothing is said to it until @trust bob",
            ),
            (
                Event::Usage("usage: @all TEXT".to_owned()),
                "natchat: usage: @all TEXT",
            ),
        ];
        for (event, expected) in rows {
            assert_eq!(line(event), *expected);
            assert!(is_complaint(event), "{expected}");
        }
    }

    #[test]
    fn words_for_files() {
        let name = || "a\nb".to_owned();
        let offered = |have| FileEvent::Offered {
            from: id("bob"),
            name: "a b".to_owned(),
            len: 3 << 20,
            have,
        };
        let rows: &[(FileEvent, &str)] = &[
            (
                offered(0),
                "bob offers a b (3.0 MiB): @accept bob a b, or @refuse bob a b",
            ),
            (
                offered(1 << 20),
                "bob offers a b (3.0 MiB, 1.0 MiB of it here already): @accept bob a b, or @refuse bob a b",
            ),
            (
                FileEvent::Waiting {
                    to: id("bob"),
                    name: name(),
                },
                "a\\nb is offered to bob",
            ),
            (
                FileEvent::Progress {
                    with: id("bob"),
                    name: name(),
                    done: 1,
                    len: 2048,
                    rate: 1 << 20,
                },
                "a\\nb with bob: 1 B of 2.0 KiB, 1.0 MiB/s",
            ),
            (
                FileEvent::Sent {
                    to: id("bob"),
                    name: name(),
                    len: 5,
                },
                "a\\nb (5 B) has arrived at bob",
            ),
            (
                FileEvent::Received {
                    from: id("bob"),
                    path: "/d/a b".to_owned(),
                    len: 5,
                },
                "Received /d/a b (5 B) from bob",
            ),
            (
                FileEvent::Stopped {
                    with: id("bob"),
                    name: name(),
                    done: 1,
                    len: 5,
                    reason: "refused".to_owned(),
                },
                "a\\nb with bob has stopped at 1 B of 5 B: refused",
            ),
        ];
        for (event, expected) in rows {
            assert_eq!(line(&Event::File(event.clone())), *expected);
        }
    }

    #[test]
    fn nothing_is_one_line_but_lists_and_help() {
        for harmful in ["\n", "\r", "\u{2028}", "\u{85}", "\u{0}", "\u{9b}"] {
            let text = format!("a{harmful}b");
            for event in [
                said(&text, Audience::One),
                Event::Delivered {
                    to: id("bob"),
                    text: text.clone(),
                },
                Event::Usage(text.clone()),
                Event::ServerBack(text.clone()),
            ] {
                assert!(!line(&event).contains(harmful), "{event:?}");
            }
        }
        assert!(line(&Event::Help).lines().all(|line| line.starts_with('@')));
    }

    #[test]
    fn sixteen_mebibytes() {
        let text = "\u{1b}".repeat(16 << 20);
        assert_eq!(
            line(&said(&text, Audience::One)).len(),
            "From client3 []".len() + 4 * text.len()
        );
        let delivered = Event::Delivered {
            to: id("bob"),
            text,
        };
        assert!(line(&delivered).len() < 300);
    }
}
