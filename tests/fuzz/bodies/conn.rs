//! The reading side of a connection: the same requests and the same end, however the bytes come.

use webserver::config::Limits;
use webserver::http::conn::{Conn, Step, Waits};
use webserver::http::request::{Persistence, Slots};

use super::cut::Cut;

/// `input` is a plan of pieces ([`Cut`]; with `!` every request is asked for twice) and what comes on a connection.
///
/// # Panics
/// If it depends on the pieces what is read.
pub fn check(input: &[u8]) {
    let cut = Cut::of(input);
    let whole = read([cut.stream].into_iter(), Times::Once);
    let times = if cut.has(b'!') {
        Times::Twice
    } else {
        Times::Once
    };
    assert_eq!(read(cut.pieces(), times), whole, "in pieces");
    assert_eq!(read(cut.stream.chunks(1), times), whole, "byte by byte");
}

/// How often each request is handed out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Times {
    Once,
    Twice,
}

/// Small enough that inputs reach them.
fn limits() -> Limits {
    Limits {
        head_len: 256,
        fields: 8,
        body_len: 100,
        ..Limits::default()
    }
}

/// The requests, and how it ended.
fn read<'i>(pieces: impl Iterator<Item = &'i [u8]>, times: Times) -> Vec<String> {
    let limits = limits();
    let mut conn = Conn::new();
    let mut kept = Vec::new();
    let mut events = Vec::new();
    for piece in pieces {
        kept.extend_from_slice(piece);
        loop {
            let mut slots = Slots::new();
            match conn.next(&kept, &mut slots, &limits) {
                Ok(Step::Incomplete { keep }) => {
                    kept.truncate(keep.end);
                    kept.drain(..keep.start);
                    assert_eq!(conn.waits_for() == Waits::NextRequest, kept.is_empty());
                    // A worker has room for two heads, and must be able to receive more behind what is kept.
                    assert!(kept.len() <= limits.head_len, "{} kept", kept.len());
                    break;
                }
                Ok(Step::Request {
                    request,
                    head_len,
                    used,
                    then,
                }) => {
                    assert!(0 < head_len && head_len <= used && used <= kept.len());
                    let event = format!("{request:?} {then:?}");
                    let head = kept[..head_len].to_vec();
                    kept.drain(..used);
                    if times == Times::Twice {
                        conn.repeat();
                        kept.splice(..0, head);
                        hand_out_again(&mut conn, &mut kept, &event);
                    }
                    events.push(event);
                    if then == Persistence::Close {
                        return events;
                    }
                }
                Err(fault) => {
                    events.push(fault.to_string());
                    return events;
                }
            }
        }
    }
    events.push(format!("{:?}, {}", conn.waits_for(), kept.escape_ascii()));
    events
}

/// The same request once more, now without its body.
fn hand_out_again(conn: &mut Conn, kept: &mut Vec<u8>, event: &str) {
    let mut slots = Slots::new();
    match conn.next(kept, &mut slots, &limits()) {
        Ok(Step::Request {
            request,
            head_len,
            used,
            then,
        }) => {
            assert_eq!(format!("{request:?} {then:?}"), event, "repeated");
            assert_eq!(used, head_len, "repeated");
            kept.drain(..used);
        }
        other => panic!("repeated: {other:?}"),
    }
}
