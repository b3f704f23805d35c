//! Heads in tables. Every row is also cut at every position, since a head may come in any pieces.

use proptest::prelude::*;

use super::*;

/// Name and RFC section; head; what it is read as (see [`told`]).
type Accepted = (&'static str, &'static [u8], &'static str);
/// Name and RFC section; head; fault.
type Refused = (&'static str, &'static [u8], Fault);

#[test]
#[rustfmt::skip]
fn request_lines_are_read() {
    accept(&[
        ("plain: 9112 §3", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET / 1.1 host=a keep None"),
        ("HEAD: 9110 §9.3.2", b"HEAD /b HTTP/1.1\r\nHost: a\r\n\r\n", "HEAD /b 1.1 host=a keep None"),
        ("refused method: 9110 §15.5.6", b"POST / HTTP/1.1\r\nHost: a\r\n\r\n", "POST(NotAllowed) / 1.1 host=a keep None"),
        ("unknown method: 9110 §15.6.2", b"BREW / HTTP/1.1\r\nHost: a\r\n\r\n", "BREW(Unknown) / 1.1 host=a keep None"),
        ("method in lower case: 9110 §9.1", b"get / HTTP/1.1\r\nHost: a\r\n\r\n", "get(Unknown) / 1.1 host=a keep None"),
        ("method of odd token bytes: 9110 §5.6.2", b"!#$%&'*+-.^_`|~ / HTTP/1.1\r\nHost: a\r\n\r\n", "!#$%&'*+-.^_`|~(Unknown) / 1.1 host=a keep None"),
        ("asterisk: 9112 §3.2.4", b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "OPTIONS * 1.1 host=a keep None"),
        ("absolute form: 9112 §3.2.2", b"GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", "GET http://b/ 1.1 host=a keep None"),
        ("target judged later: 9112 §3.2", b"GET a#%zz HTTP/1.1\r\nHost: a\r\n\r\n", "GET a#%zz 1.1 host=a keep None"),
        ("UTF-8 in the target: 3986 §2, accepted", "GET /é HTTP/1.1\r\nHost: a\r\n\r\n".as_bytes(), "GET /é 1.1 host=a keep None"),
        ("not in the grammar, but sent: 3986 §2", b"GET /\"<>^`{|}\\ HTTP/1.1\r\nHost: a\r\n\r\n", "GET /\"<>^`{|}\\ 1.1 host=a keep None"),
        ("empty line in front: 9112 §2.2", b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET / 1.1 host=a keep None"),
        ("empty lines in front: 9112 §2.2", b"\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET / 1.1 host=a keep None"),
        ("HTTP/1.0: 9112 §9.3", b"GET / HTTP/1.0\r\n\r\n", "GET / 1.0 host= close None"),
        ("later minor version: 9110 §2.5", b"GET / HTTP/1.2\r\nHost: a\r\n\r\n", "GET / 1.1 host=a keep None"),
        ("last minor version: 9110 §2.5", b"\r\nGET / HTTP/1.9\r\nHost: a\r\nContent-Length: 3\r\n\r\n", "GET / 1.1 host=a keep Length(3)"),
    ]);
    refuse(&[
        ("bare LF in front: 9112 §2.2", b"\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", Fault::LineEnd),
        ("bare LF after an empty line: 9112 §2.2", b"\r\n\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", Fault::LineEnd),
        ("bare CR in front: 9112 §2.2", b"\rGET / HTTP/1.1\r\nHost: a\r\n\r\n", Fault::LineEnd),
        ("two CRs in front: 9112 §2.2", b"\r\r\nGET / HTTP/1.1\r\n\r\n", Fault::LineEnd),
        ("space in front: 9112 §3", b" GET / HTTP/1.1\r\nHost: a\r\n\r\n", Fault::RequestLine),
        ("no method: 9112 §3.1", b"/ HTTP/1.1\r\nHost: a\r\n\r\n", Fault::RequestLine),
        ("method that is no token: 9112 §3.1", b"G@T / HTTP/1.1\r\nHost: a\r\n\r\n", Fault::RequestLine),
        ("NUL in the method: 9112 §3.1", b"G\0T / HTTP/1.1\r\nHost: a\r\n\r\n", Fault::RequestLine),
        ("tab after the method: 9112 §3", b"GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", Fault::RequestLine),
        ("two spaces after the method: 9112 §3", b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", Fault::RequestLine),
        ("two spaces before the version: 9112 §3", b"GET /  HTTP/1.1\r\nHost: a\r\n\r\n", Fault::RequestLine),
        ("space at the end: 9112 §3", b"GET / HTTP/1.1 \r\nHost: a\r\n\r\n", Fault::LineEnd),
        ("space in the target: 9112 §3.2", b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", Fault::RequestLine),
        ("tab in the target: 9112 §3.2", b"GET /a\tb HTTP/1.1\r\nHost: a\r\n\r\n", Fault::RequestLine),
        ("NUL in the target: 9112 §3.2", b"GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n", Fault::RequestLine),
        ("DEL in the target: 9112 §3.2", b"GET /\x7f HTTP/1.1\r\nHost: a\r\n\r\n", Fault::RequestLine),
        ("bytes that are no UTF-8 in the target: 3986 §2", b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n", Fault::RequestLine),
        ("no version: 9112 §3, HTTP/0.9", b"GET /\r\n\r\n", Fault::RequestLine),
        ("empty version: 9112 §3", b"GET / \r\nHost: a\r\n\r\n", Fault::RequestLine),
        ("other protocol: 9112 §2.3", b"GET / HTCPCP/1.0\r\nHost: a\r\n\r\n", Fault::RequestLine),
        ("version in lower case: 9112 §2.3", b"GET / http/1.1\r\nHost: a\r\n\r\n", Fault::RequestLine),
        ("version without a minor: 9112 §2.3", b"GET / HTTP/1\r\nHost: a\r\n\r\n", Fault::RequestLine),
        ("version with a comma: 9112 §2.3", b"GET / HTTP/1,1\r\nHost: a\r\n\r\n", Fault::RequestLine),
        ("minor version of two digits: 9112 §2.3", b"GET / HTTP/1.10\r\nHost: a\r\n\r\n", Fault::LineEnd),
        ("later one of two digits: 9112 §2.3", b"GET / HTTP/1.20\r\nHost: a\r\n\r\n", Fault::LineEnd),
        ("major version of two digits: 9112 §2.3", b"GET / HTTP/11.1\r\nHost: a\r\n\r\n", Fault::RequestLine),
        ("HTTP/2.0: 9110 §15.6.6", b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", Fault::Version),
        ("preface of HTTP/2: 9113 §3.4", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Fault::Version),
        ("HTTP/0.9 by name: 9110 §15.6.6", b"GET / HTTP/0.9\r\n\r\n", Fault::Version),
        ("bare LF: 9112 §2.2", b"GET / HTTP/1.1\nHost: a\r\n\r\n", Fault::LineEnd),
        ("bare LF of a later version: 9112 §2.2", b"GET / HTTP/1.2\nHost: a\r\n\r\n", Fault::LineEnd),
        ("bare CR: 9112 §2.2", b"GET / HTTP/1.1\rHost: a\r\n\r\n", Fault::LineEnd),
        ("TLS: 8446 §4.1.2", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", Fault::RequestLine),
    ]);
}

#[test]
#[rustfmt::skip]
fn field_lines_are_read() {
    accept(&[
        ("no white space: 9112 §5", b"GET / HTTP/1.1\r\nHost:a\r\n\r\n", "GET / 1.1 host=a keep None"),
        ("white space around: 9112 §5.1", b"GET / HTTP/1.1\r\nHost: \t a \t \r\n\r\n", "GET / 1.1 host=a keep None"),
        ("name in any case: 9110 §5.1", b"GET / HTTP/1.1\r\nhOST: a\r\n\r\n", "GET / 1.1 host=a keep None"),
        ("odd names: 9110 §5.6.2", b"GET / HTTP/1.1\r\nHost: a\r\n!#$%&'*+-.^_`|~1: b\r\n\r\n", "GET / 1.1 host=a keep None"),
        ("empty value: 9110 §5.5", b"GET / HTTP/1.1\r\nHost: a\r\nB:\r\nC: \t\r\n\r\n", "GET / 1.1 host=a keep None"),
        ("bytes above ASCII in a value: 9110 §5.5", b"GET / HTTP/1.1\r\nHost: a\r\nB: \xff\x80\r\n\r\n", "GET / 1.1 host=a keep None"),
        ("tab in a value: 9110 §5.5", b"GET / HTTP/1.1\r\nHost: a\r\nB: c\td\r\n\r\n", "GET / 1.1 host=a keep None"),
        ("colon in a value: 9112 §5", b"GET / HTTP/1.1\r\nHost: a\r\nB: c:d\r\n\r\n", "GET / 1.1 host=a keep None"),
    ]);
    refuse(&[
        ("bare LF: 9112 §2.2", b"GET / HTTP/1.1\r\nHost: a\nB: c\r\n\r\n", Fault::LineEnd),
        ("bare LF after an empty value: 9112 §2.2", b"GET / HTTP/1.1\r\nHost: a\r\nB:\nC: d\r\n\r\n", Fault::LineEnd),
        ("bare LF after white space: 9112 §2.2", b"GET / HTTP/1.1\r\nHost: a\r\nB: c \nC: d\r\n\r\n", Fault::LineEnd),
        ("bare LF after the last field: 9112 §2.2", b"GET / HTTP/1.1\r\nHost: a\n\r\n", Fault::LineEnd),
        ("bare LF at the end: 9112 §2.2", b"GET / HTTP/1.1\r\nHost: a\r\n\n", Fault::LineEnd),
        ("bare LFs at the end: 9112 §2.2", b"GET / HTTP/1.1\r\nHost: a\n\n", Fault::LineEnd),
        ("bare LFs only: 9112 §2.2", b"GET / HTTP/1.0\n\n", Fault::LineEnd),
        ("bare LF of a later version: 9112 §2.2", b"GET / HTTP/1.2\r\nHost: a\nB: c\r\n\r\n", Fault::LineEnd),
        ("bare CR in a value: 9112 §2.2", b"GET / HTTP/1.1\r\nHost: a\r\nB: c\rd\r\n\r\n", Fault::FieldValue),
        ("two CRs: 9112 §2.2", b"GET / HTTP/1.1\r\nHost: a\r\r\n\r\n", Fault::FieldValue),
        ("bare CR at the end: 9112 §2.2", b"GET / HTTP/1.1\r\nHost: a\r\n\rx", Fault::LineEnd),
        ("folded line: 9112 §5.2", b"GET / HTTP/1.1\r\nHost: a\r\nB: c\r\n d\r\n\r\n", Fault::FieldName),
        ("line folded by a tab: 9112 §5.2", b"GET / HTTP/1.1\r\nHost: a\r\nB: c\r\n\td\r\n\r\n", Fault::FieldName),
        ("space before the first field: 9112 §2.2", b"GET / HTTP/1.1\r\n Host: a\r\n\r\n", Fault::FieldName),
        ("space before the colon: 9112 §5.1", b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", Fault::FieldName),
        ("tab before the colon: 9112 §5.1", b"GET / HTTP/1.1\r\nHost\t: a\r\n\r\n", Fault::FieldName),
        ("space in a name: 9110 §5.1", b"GET / HTTP/1.1\r\nHost: a\r\nB c: d\r\n\r\n", Fault::FieldName),
        ("empty name: 9110 §5.1", b"GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n", Fault::FieldName),
        ("no colon: 9112 §5", b"GET / HTTP/1.1\r\nHost: a\r\nB\r\n\r\n", Fault::FieldName),
        ("name in brackets: 9110 §5.1", b"GET / HTTP/1.1\r\nHost: a\r\n[B]: c\r\n\r\n", Fault::FieldName),
        ("NUL in a name: 9110 §5.1", b"GET / HTTP/1.1\r\nHost: a\r\nB\0: c\r\n\r\n", Fault::FieldName),
        ("name that is not ASCII: 9110 §5.1", "GET / HTTP/1.1\r\nHost: a\r\né: c\r\n\r\n".as_bytes(), Fault::FieldName),
        ("NUL in a value: 9110 §5.5", b"GET / HTTP/1.1\r\nHost: a\r\nB: \0\r\n\r\n", Fault::FieldValue),
        ("escape in a value: 9110 §5.5", b"GET / HTTP/1.1\r\nHost: a\r\nB: \x1b[0m\r\n\r\n", Fault::FieldValue),
        ("DEL in a value: 9110 §5.5", b"GET / HTTP/1.1\r\nHost: a\r\nB: \x7f\r\n\r\n", Fault::FieldValue),
        ("vertical tab in a value: 9110 §5.5", b"GET / HTTP/1.1\r\nHost: a\r\nB: \x0b\r\n\r\n", Fault::FieldValue),
    ]);
}

#[test]
#[rustfmt::skip]
fn host_comes_once() {
    accept(&[
        ("port: 9110 §7.2", b"GET / HTTP/1.1\r\nHost: a:80\r\n\r\n", "GET / 1.1 host=a:80 keep None"),
        ("empty: 9110 §7.2", b"GET / HTTP/1.1\r\nHost:\r\n\r\n", "GET / 1.1 host= keep None"),
        ("HTTP/1.0 with it: 9112 §3.2", b"GET / HTTP/1.0\r\nHost: a\r\n\r\n", "GET / 1.0 host=a close None"),
    ]);
    refuse(&[
        ("none: 9112 §3.2", b"GET / HTTP/1.1\r\n\r\n", Fault::HostMissing),
        ("none in a later version: 9112 §3.2", b"GET / HTTP/1.2\r\n\r\n", Fault::HostMissing),
        ("none beside an absolute target: 9112 §3.2.2", b"GET http://a/ HTTP/1.1\r\n\r\n", Fault::HostMissing),
        ("almost one: 9112 §3.2", b"GET / HTTP/1.1\r\nXHost: a\r\n\r\n", Fault::HostMissing),
        ("two: 9112 §3.2", b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", Fault::HostRepeated),
        ("the same twice: 9112 §3.2", b"GET / HTTP/1.1\r\nHost: a\r\nB: c\r\nhost: a\r\n\r\n", Fault::HostRepeated),
        ("two empty ones: 9112 §3.2", b"GET / HTTP/1.1\r\nHost:\r\nHost:\r\n\r\n", Fault::HostRepeated),
        ("two in HTTP/1.0: 9112 §3.2", b"GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", Fault::HostRepeated),
        ("list: 9112 §3.2", b"GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", Fault::HostMalformed),
        ("path: 9112 §3.2", b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", Fault::HostMalformed),
        ("user name: 9110 §4.2.4", b"GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", Fault::HostMalformed),
        ("malformed in HTTP/1.0: 9112 §3.2", b"GET / HTTP/1.0\r\nHost: a b\r\n\r\n", Fault::HostMalformed),
    ]);
}

#[test]
#[rustfmt::skip]
fn persistence_is_read() {
    accept(&[
        ("close: 9112 §9.3", b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "GET / 1.1 host=a close None"),
        ("any case: 9110 §7.6.1", b"GET / HTTP/1.1\r\nHost: a\r\nconnection: CLOSE\r\n\r\n", "GET / 1.1 host=a close None"),
        ("keep-alive: 9112 §9.3", b"GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n", "GET / 1.1 host=a keep None"),
        ("close in a list: 9110 §7.6.1", b"GET / HTTP/1.1\r\nHost: a\r\nConnection: te ,\tclose\r\n\r\n", "GET / 1.1 host=a close None"),
        ("close in a second line: 9110 §7.6.1", b"GET / HTTP/1.1\r\nHost: a\r\nConnection: te\r\nConnection: close\r\n\r\n", "GET / 1.1 host=a close None"),
        ("close beside keep-alive: 9112 §9.3", b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close, keep-alive\r\n\r\n", "GET / 1.1 host=a close None"),
        ("almost close: 9110 §7.6.1", b"GET / HTTP/1.1\r\nHost: a\r\nConnection: closed\r\n\r\n", "GET / 1.1 host=a keep None"),
        ("empty elements: 9110 §5.6.1.2", b"GET / HTTP/1.1\r\nHost: a\r\nConnection: , ,\r\n\r\n", "GET / 1.1 host=a keep None"),
        ("keep-alive in HTTP/1.0: 9112 §9.3", b"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", "GET / 1.0 host= keep None"),
        ("both in HTTP/1.0: 9112 §9.3", b"GET / HTTP/1.0\r\nConnection: keep-alive\r\nConnection: close\r\n\r\n", "GET / 1.0 host= close None"),
    ]);
}

#[test]
#[rustfmt::skip]
fn framing_and_expectations_are_read() {
    accept(&[
        ("length: 9112 §6.3", b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n", "GET / 1.1 host=a keep Length(5)"),
        ("length in HTTP/1.0: 9112 §6.3", b"GET / HTTP/1.0\r\nContent-Length: 5\r\n\r\n", "GET / 1.0 host= close Length(5)"),
        ("lengths that agree: 9112 §6.3", b"GET / HTTP/1.1\r\nContent-Length: 5\r\nHost: a\r\ncontent-length: 5, 5\r\n\r\n", "GET / 1.1 host=a keep Length(5)"),
        ("chunked: 9112 §6.3", b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", "GET / 1.1 host=a keep Chunked"),
        ("word awaited: 9110 §10.1.1", b"GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 1\r\n\r\n", "GET / 1.1 host=a keep Length(1) expects"),
        ("not in HTTP/1.0: 9110 §10.1.1", b"GET / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n", "GET / 1.0 host= close Length(1)"),
        ("nothing expected: 9110 §10.1.1", b"GET / HTTP/1.1\r\nHost: a\r\nExpect:\r\n\r\n", "GET / 1.1 host=a keep None"),
    ]);
    refuse(&[
        ("both: 9112 §6.1", b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", Fault::LengthAndCoding),
        ("both, the other way round: 9112 §6.1", b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n", Fault::LengthAndCoding),
        ("both, malformed: 9112 §6.1", b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: x\r\nContent-Length: -\r\n\r\n", Fault::LengthAndCoding),
        ("coding in HTTP/1.0: 9112 §6.1", b"GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", Fault::CodingInHttp10),
        ("unknown coding: 9112 §6.1", b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", Fault::CodingUnknown),
        ("chunked in two lines: 9112 §6.1", b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", Fault::TransferEncoding),
        ("lengths that differ: 9112 §6.3", b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", Fault::ContentLengthDiffers),
        ("signed length: 9112 §6.3", b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\n", Fault::ContentLength),
        ("malformed length, refused method: 9112 §6.3", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5x\r\n\r\n", Fault::ContentLength),
        ("other expectation: 9110 §10.1.1", b"GET / HTTP/1.1\r\nHost: a\r\nExpect: 200-ok\r\n\r\n", Fault::Expectation),
        ("other expectation beside it: 9110 §10.1.1", b"GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue, x=y\r\n\r\n", Fault::Expectation),
        ("framing before expectation: 9112 §6.3", b"GET / HTTP/1.1\r\nHost: a\r\nExpect: x\r\nContent-Length: x\r\n\r\n", Fault::ContentLength),
    ]);
}

#[test]
fn heads_are_bounded() {
    let limits = Limits {
        head_len: 100,
        fields: 4,
        ..Limits::default()
    };
    let fields = |count: usize| {
        format!(
            "GET / HTTP/1.1\r\nHost: a\r\n{}\r\n",
            "B: c\r\n".repeat(count - 1)
        )
    };
    let later = |count: usize| fields(count).replace("1.1", "1.2");
    let filled = |len: usize| {
        format!(
            "GET / HTTP/1.1\r\nHost: a\r\nB: {}\r\n\r\n",
            "c".repeat(len - 32)
        )
    };
    let target = |len: usize| format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "b".repeat(len - 27));
    let rows = [
        ("as many fields as allowed", fields(4), Ok(true)),
        ("one more: 6585 §5", fields(5), Err(Fault::TooManyFields)),
        (
            "one more of a later version: 6585 §5",
            later(5),
            Err(Fault::TooManyFields),
        ),
        ("as long as allowed", filled(100), Ok(true)),
        (
            "as long, behind empty lines: 9112 §2.2",
            format!("\r\n\r\n{}", filled(100)),
            Ok(true),
        ),
        (
            "one byte longer: 6585 §5",
            filled(101),
            Err(Fault::HeadTooLong),
        ),
        (
            "much longer: 6585 §5",
            filled(1000),
            Err(Fault::HeadTooLong),
        ),
        (
            "one byte short of the bound, not whole",
            filled(101)[..99].to_owned(),
            Ok(false),
        ),
        ("target as long as allowed", target(100), Ok(true)),
        (
            "target one byte longer, its line ended: 6585 §5",
            target(101),
            Err(Fault::HeadTooLong),
        ),
        (
            "target too long: 9110 §15.5.15",
            target(1000),
            Err(Fault::TargetTooLong),
        ),
        (
            "method too long: 9112 §3",
            "A".repeat(100),
            Err(Fault::TargetTooLong),
        ),
        (
            "fault beyond the bound: 6585 §5",
            filled(1000).replace("ccc\r\n", "c\0c\r\n"),
            Err(Fault::HeadTooLong),
        ),
        (
            "fault before it: 9110 §5.5",
            filled(1000).replacen("ccc", "c\0c", 1),
            Err(Fault::FieldValue),
        ),
    ];
    for (row, head, expected) in rows {
        let mut slots = Slots::new();
        let outcome = parse(head.as_bytes(), &mut slots, &limits).map(|found| found.is_some());
        assert_eq!(outcome, expected, "{row}");
    }
    let greedy = Limits {
        fields: usize::MAX,
        ..Limits::default()
    };
    let most = fields(MAX_FIELDS);
    assert!(matches!(
        parse(most.as_bytes(), &mut Slots::new(), &greedy),
        Ok(Some(_))
    ));
    let more = fields(MAX_FIELDS + 1);
    assert!(matches!(
        parse(more.as_bytes(), &mut Slots::new(), &greedy),
        Err(Fault::TooManyFields)
    ));
}

#[test]
fn lines_of_a_field_are_found_in_order() {
    let head = b"GET / HTTP/1.1\r\nHost: a\r\nIf-None-Match: \"x\"\r\nB: c\r\nif-none-match:  \"y\" \r\nRange:\r\n\r\n";
    let mut slots = Slots::new();
    let (request, len) = parse(head, &mut slots, &Limits::default())
        .unwrap()
        .unwrap();
    let lines: Vec<&[u8]> = request.lines(Field::IfNoneMatch).collect();
    assert_eq!(lines, [&b"\"x\""[..], b"\"y\""]);
    assert_eq!(request.line(Field::IfNoneMatch), Some(&b"\"x\""[..]));
    assert_eq!(request.line(Field::Range), Some(&b""[..]));
    assert_eq!(request.line(Field::IfMatch), None);
    assert_eq!(
        request.seen,
        FieldSet::of(&[Field::Host, Field::IfNoneMatch, Field::Range])
    );
    assert_eq!(len, head.len());
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
        let _ = read(&bytes);
    }

    /// Whoever finds line ends in another way must find the same head.
    #[test]
    fn what_is_accepted_has_no_other_line_ends(bytes in r"(\r\n)?GET / HTTP/1\.[012]\r?\n([A-Za: \r\n]|\r\n|Host:){0,12}\r\n\r\n") {
        if let Ok(Some((_, len))) = read(bytes.as_bytes()) {
            let head = &bytes[..len];
            let front = head.trim_start_matches("\r\n");
            prop_assert_eq!(front.find("\r\n\r\n"), Some(front.len() - 4));
            prop_assert!(!head.replace("\r\n", "").contains(['\r', '\n']), "{head:?}");
        }
    }
}

fn accept(rows: &[Accepted]) {
    for (row, head, expected) in rows {
        let whole = Some(((*expected).to_owned(), head.len()));
        assert_eq!(read(head), Ok(whole.clone()), "{row}");
        for cut in 0..head.len() {
            assert_eq!(read(&head[..cut]), Ok(None), "{row}, first {cut} bytes");
        }
        assert_eq!(
            read(&[head, &b"GET \0"[..]].concat()),
            Ok(whole),
            "{row}, bytes behind it"
        );
    }
}

fn refuse(rows: &[Refused]) {
    for (row, head, fault) in rows {
        assert_eq!(read(head), Err(*fault), "{row}");
        for cut in 0..head.len() {
            let outcome = read(&head[..cut]);
            assert!(
                outcome == Ok(None) || outcome == Err(*fault),
                "{row}, first {cut} bytes: {outcome:?}"
            );
        }
        assert_eq!(
            read(&[head, &b"\r\n\r\n"[..]].concat()),
            Err(*fault),
            "{row}, bytes behind it"
        );
    }
}

fn read(bytes: &[u8]) -> Result<Option<(String, usize)>, Fault> {
    let mut slots = Slots::new();
    let found = parse(bytes, &mut slots, &Limits::default())?;
    Ok(found.map(|(request, len)| (told(&request), len)))
}

/// `METHOD(judged, if refused) target version host=… keep|close framing [expects]`
fn told(request: &Request<'_, '_>) -> String {
    let refused = if request.method.is_refused() {
        format!("({:?})", request.method)
    } else {
        String::new()
    };
    let keep = if request.connection == Persistence::KeepAlive {
        "keep"
    } else {
        "close"
    };
    format!(
        "{}{refused} {} {} host={} {keep} {:?}{}",
        request.method_name,
        String::from_utf8_lossy(request.target),
        request.version.name().trim_start_matches("HTTP/"),
        String::from_utf8_lossy(request.host),
        request.body,
        if request.expects_continue {
            " expects"
        } else {
            ""
        },
    )
}
