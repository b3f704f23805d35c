//! The words, in tables.

use super::*;

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
        Undelivered::TooMany,
        Undelivered::NotJoined,
    ];
    let mut lines: Vec<String> = reasons.map(not_delivered).iter().map(line).collect();
    lines.sort();
    lines.dedup();
    assert_eq!(lines.len(), reasons.len());
}

#[test]
fn words_for_safety_numbers() {
    let safety = |other: Option<&str>| {
        line(&Event::Safety {
            id: id("bob"),
            number: "00001 00002".to_owned(),
            other: other.map(str::to_owned),
        })
    };
    let alone =
        "Safety number with bob: 00001 00002 (the same on both sides, if nobody is in between)";
    assert_eq!(safety(None), alone);
    assert_eq!(
        safety(Some("00003 00004")),
        format!("{alone}; but bob has come with ANOTHER KEY, which makes it 00003 00004")
    );
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
