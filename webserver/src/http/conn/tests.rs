//! Streams in tables and by chance, each cut in many ways: what comes of them must not depend on it.

use proptest::prelude::*;

use super::*;
use crate::http::framing::Framing;

#[test]
#[rustfmt::skip]
fn streams_are_cut_into_requests() {
    // Name and RFC section; stream; requests (target and what follows the reply) and fault, in order.
    let rows: &[(&str, &str, &[&str])] = &[
        ("nothing", "", &[]),
        ("empty lines only: 9112 §2.2", "\r\n\r\n\r\n", &[]),
        ("bare LF after an empty line: 9112 §2.2", "\r\n\r\n\n", &["LineEnd"]),
        ("one: 9112 §9.3", "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n", &["/1 keep"]),
        ("pipelined: 9112 §9.3.2", "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nHEAD /2 HTTP/1.1\r\nHost: a\r\n\r\n", &["/1 keep", "/2 keep"]),
        ("empty lines between: 9112 §2.2", "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n\r\n", &["/1 keep", "/2 keep"]),
        ("nothing after close: 9112 §9.6", "GET /1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n", &["/1 close"]),
        ("nothing after HTTP/1.0: 9112 §9.3", "GET /1 HTTP/1.0\r\n\r\nGET /2 HTTP/1.0\r\n\r\n", &["/1 close"]),
        ("kept HTTP/1.0: 9112 §9.3", "GET /1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /2 HTTP/1.0\r\n\r\n", &["/1 keep", "/2 close"]),
        ("body with a length: 9110 §9.3.1", "GET /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET /2 HTTP/1.1\r\nHost: a\r\n\r\n", &["/1 keep", "/2 keep"]),
        ("body that looks like a request: 9112 §11.2", "GET /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 30\r\n\r\nGET /2 HTTP/1.1\r\nHost: bcd\r\n\r\n", &["/1 keep"]),
        ("no body: 9112 §6.3", "GET /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n", &["/1 keep", "/2 keep"]),
        ("body in chunks: 9112 §7.1", "GET /1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;a\r\nhello\r\n0\r\nb: c\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n", &["/1 keep", "/2 keep"]),
        ("body of a refused method: 9110 §15.5.6", "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET /2 HTTP/1.1\r\nHost: a\r\n\r\n", &["/1 keep", "/2 keep"]),
        ("body that is not whole: 9112 §8", "GET /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhell", &[]),
        ("head that is not whole: 9112 §8", "GET /1 HTTP/1.1\r\nHost: a\r\n", &[]),
        ("fault in the second: 9112 §3", "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2\r\n\r\nGET /3 HTTP/1.1\r\nHost: a\r\n\r\n", &["/1 keep", "RequestLine"]),
        ("length too short: 9112 §11.2", "GET /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nhello@\r\n\r\n", &["/1 keep", "RequestLine"]),
        ("fault in a chunk: 9112 §7.1", "GET /1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloX\r\n", &["ChunkEnd"]),
        ("fault in a chunk of a refused method: 9112 §7.1", "POST /1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", &["ChunkSize"]),
        ("too large a length: 9110 §15.5.14", "GET /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 101\r\n\r\n", &["BodyTooLarge"]),
        ("too large a chunk: 9110 §15.5.14", "GET /1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n65\r\n", &["BodyTooLarge"]),
        ("too large a length, refused method: 9110 §15.5.6", "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 101\r\n\r\n", &["/1 close"]),
        ("too large a chunk, refused method: 9110 §15.5.6", "POST /1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n65\r\nx", &["/1 close"]),
        ("too large a length, unknown method: 9110 §15.6.2", "BREW /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 101\r\n\r\n", &["/1 close"]),
        ("word awaited: 9110 §10.1.1", "GET /1 HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n", &["/1 close"]),
        ("word awaited no longer: 9110 §10.1.1", "GET /1 HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhelloGET /2", &["/1 close"]),
        ("word awaited for nothing: 9110 §10.1.1", "GET /1 HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n", &["/1 keep", "/2 keep"]),
        ("word awaited, HTTP/1.0: 9110 §10.1.1", "GET /1 HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi", &["/1 close"]),
        ("word awaited for too much: 9110 §15.5.14", "GET /1 HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 101\r\n\r\n", &["BodyTooLarge"]),
        ("many empty lines: 9112 §2.2", &format!("{}GET /1 HTTP/1.1\r\nHost: a\r\n\r\n", "\r\n".repeat(300)), &["/1 keep"]),
        ("another protocol, without a line end: 8446 §4.1.2", "\u{16}\u{3}\u{1}", &["RequestLine"]),
        ("head too long: 6585 §5", &format!("GET /1 HTTP/1.1\r\nHost: a\r\nB: {}", "c".repeat(300)), &["HeadTooLong"]),
        ("target too long: 9110 §15.5.15", &format!("GET /{}", "1".repeat(300)), &["TargetTooLong"]),
    ];
    for (row, stream, expected) in rows {
        assert_every_cut(row, stream.as_bytes(), expected);
    }
}

#[test]
fn what_is_awaited_is_told() {
    let limits = limits();
    let mut conn = Conn::new();
    let mut read = |bytes: &[u8]| {
        let step = conn
            .next(bytes, &mut Slots::new(), &limits)
            .map(|step| match step {
                Step::Request { used, .. } => used,
                Step::Incomplete { keep } => keep.len(),
            });
        (step, conn.waits_for())
    };
    let head = b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n";
    assert_eq!(read(b""), (Ok(0), Waits::NextRequest));
    assert_eq!(read(b"\r\n"), (Ok(0), Waits::NextRequest));
    assert_eq!(read(b"\r\nG"), (Ok(1), Waits::Head));
    assert_eq!(read(b"G"), (Ok(1), Waits::Head));
    assert_eq!(read(head), (Ok(head.len()), Waits::Body));
    assert_eq!(
        read(&[&head[..], b"ab"].concat()),
        (Ok(head.len()), Waits::Body)
    );
    assert_eq!(
        read(&[&head[..], b"cdGET"].concat()),
        (Ok(head.len() + 2), Waits::NextRequest)
    );
}

#[test]
fn a_dripped_head_is_judged_a_bounded_number_of_times() {
    let limits = Limits::default();
    let lines = 20;
    let head = format!(
        "GET / HTTP/1.1\r\n{}",
        format!("B: {}\r\n", "c".repeat(500)).repeat(lines)
    );
    let mut conn = Conn::new();
    let mut judged = 0;
    for len in 1..=head.len() {
        judged += usize::from(conn.judged_end(&head.as_bytes()[..len], &limits).is_some());
        let mut slots = Slots::new();
        let step = conn.next(&head.as_bytes()[..len], &mut slots, &limits);
        assert!(matches!(step, Ok(Step::Incomplete { keep }) if keep == (0..len)));
    }
    assert_eq!(judged, GLANCE_LEN + lines);
}

#[test]
fn a_request_is_repeated_as_it_was() {
    // Name; head; what follows it; what is left after it; what follows the reply.
    let rows = [
        ("no body", "", "GET", "GET", Persistence::KeepAlive),
        (
            "body",
            "Content-Length: 5\r\n",
            "helloGET",
            "GET",
            Persistence::KeepAlive,
        ),
        (
            "closed",
            "Connection: close\r\n",
            "GET",
            "GET",
            Persistence::Close,
        ),
        (
            "word awaited: 9110 §10.1.1",
            "Expect: 100-continue\r\nContent-Length: 5\r\n",
            "hel",
            "",
            Persistence::Close,
        ),
    ];
    for (row, fields, behind, left, expected) in rows {
        let limits = limits();
        let head = format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        let stream = format!("{head}{behind}");
        let mut conn = Conn::new();
        let mut hand_out = |bytes: &[u8]| match conn.next(bytes, &mut Slots::new(), &limits) {
            Ok(Step::Request {
                head_len,
                used,
                then,
                ..
            }) => {
                conn.repeat();
                (head_len, used, then)
            }
            other => panic!("{row}: {other:?}"),
        };
        let first = hand_out(stream.as_bytes());
        assert_eq!(
            first,
            (head.len(), stream.len() - left.len(), expected),
            "{row}"
        );
        let again = format!("{head}{left}");
        for _ in 0..2 {
            assert_eq!(
                hand_out(again.as_bytes()),
                (head.len(), head.len(), expected),
                "{row}, repeated"
            );
        }
    }
}

proptest! {
    #[test]
    fn a_pipelined_sequence_is_read_however_it_is_cut(
        sent in proptest::collection::vec(request(), 0..6), cuts in proptest::collection::vec(any::<u16>(), 0..12),
    ) {
        let stream: Vec<u8> = sent.iter().flat_map(|(_, bytes)| bytes.clone()).collect();
        let expected: Vec<String> = sent.iter().map(|(target, _)| format!("{target} keep")).collect();
        prop_assert_eq!(read(&[&stream]), expected.clone());
        prop_assert_eq!(read(&pieces(&stream, &cuts)), expected);
    }

    #[test]
    fn hostile_bytes_end_in_the_same_way_however_they_are_cut(
        parts in proptest::collection::vec(part(), 0..24), cuts in proptest::collection::vec(any::<u16>(), 0..6),
    ) {
        let stream = parts.concat();
        let whole = read(&[&stream]);
        prop_assert_eq!(&read(&pieces(&stream, &cuts)), &whole);
        prop_assert_eq!(&read(&stream.chunks(1).collect::<Vec<_>>()), &whole);
    }

    #[test]
    fn no_bytes_panic(stream in proptest::collection::vec(any::<u8>(), 0..200), cuts: Vec<u16>) {
        prop_assert_eq!(read(&pieces(&stream, &cuts)), read(&[&stream]));
    }
}

/// A well-formed request with its target.
fn request() -> impl Strategy<Value = (String, Vec<u8>)> {
    let body = prop_oneof![
        Just(Framing::None),
        (0_u64..60).prop_map(Framing::Length),
        Just(Framing::Chunked),
    ];
    let method = prop_oneof![
        Just("GET"),
        Just("HEAD"),
        Just("OPTIONS"),
        Just("POST"),
        Just("BREW")
    ];
    (
        method,
        "/[a-z]{0,9}",
        "(\r\n){0,2}",
        body,
        proptest::collection::vec(any::<u8>(), 60),
    )
        .prop_map(|(method, target, front, body, content)| {
            let head = format!("{front}{method} {target} HTTP/1.1\r\nHost: a\r\n");
            let bytes = match body {
                Framing::None => format!("{head}\r\n").into_bytes(),
                Framing::Length(len) => {
                    let head = format!("{head}Content-Length: {len}\r\n\r\n");
                    [head.as_bytes(), &content[..usize::try_from(len).unwrap()]].concat()
                }
                Framing::Chunked => {
                    let head = format!("{head}Transfer-Encoding: chunked\r\n\r\n3C\r\n");
                    [head.as_bytes(), &content, b"\r\n0\r\n\r\n"].concat()
                }
            };
            (target, bytes)
        })
}

/// Pieces of which requests, and what almost is one, come about by chance.
fn part() -> impl Strategy<Value = Vec<u8>> {
    let whole: &[&[u8]] = &[
        b"GET /1 HTTP/1.1\r\nHost: a\r\n",
        b"POST /2 HTTP/1.1\r\nHost: a\r\n",
        b"GET /3 HTTP/1.2\r\n",
        b"GET /4 HTTP/1.0\r\nConnection: keep-alive\r\n",
        b"GET ",
        b"/5 ",
        b"HTTP/1.1",
        b"HTTP/2.0",
        b"Host: a\r\n",
        b"Connection: close\r\n",
        b"Content-Length: 5\r\n",
        b"Content-Length: 102\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Expect: 100-continue\r\n",
        b"0\r\n\r\n",
        b"5\r\nhello\r\n",
        b"hello",
        b"B: c",
        b"\r\n",
        b"\r\n\r\n",
        b"\r",
        b"\n",
        b" ",
        b":",
        b"\0",
        &[b'x'; 70],
        &[b'y'; 250],
    ];
    proptest::sample::select(whole.to_vec()).prop_map(<[u8]>::to_vec)
}

fn assert_every_cut(row: &str, stream: &[u8], expected: &[&str]) {
    assert_eq!(read(&[stream]), expected, "{row}");
    assert_eq!(
        read(&stream.chunks(1).collect::<Vec<_>>()),
        expected,
        "{row}, singly"
    );
    for cut in 0..stream.len() {
        assert_eq!(
            read(&[&stream[..cut], &stream[cut..]]),
            expected,
            "{row}, cut after {cut} bytes"
        );
    }
}

fn pieces<'s>(stream: &'s [u8], cuts: &[u16]) -> Vec<&'s [u8]> {
    let mut ends: Vec<usize> = cuts
        .iter()
        .map(|&cut| usize::from(cut) % (stream.len() + 1))
        .collect();
    ends.extend([0, stream.len()]);
    ends.sort_unstable();
    ends.windows(2)
        .map(|pair| &stream[pair[0]..pair[1]])
        .collect()
}

fn limits() -> Limits {
    Limits {
        head_len: 256,
        fields: 8,
        body_len: 100,
        ..Limits::default()
    }
}

/// What comes of a stream: requests, and the fault that ends it.
fn read(pieces: &[&[u8]]) -> Vec<String> {
    let limits = limits();
    let mut conn = Conn::new();
    let mut held = Vec::new();
    let mut told = Vec::new();
    for piece in pieces {
        held.extend_from_slice(piece);
        let mut at = 0;
        let keep = loop {
            match conn.next(&held[at..], &mut Slots::new(), &limits) {
                Ok(Step::Request {
                    request,
                    used,
                    then,
                    ..
                }) => {
                    let target = String::from_utf8_lossy(request.target);
                    let then_told = if then == Persistence::Close {
                        "close"
                    } else {
                        "keep"
                    };
                    told.push(format!("{target} {then_told}"));
                    at += used;
                    if then == Persistence::Close {
                        return told;
                    }
                }
                Ok(Step::Incomplete { keep }) => break keep,
                Err(fault) => {
                    told.push(format!("{fault:?}"));
                    return told;
                }
            }
        };
        assert!(keep.len() <= limits.head_len, "more than a head is kept");
        held = held[at..][keep].to_vec();
    }
    told
}
