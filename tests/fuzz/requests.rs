//! What clients send, made by chance: requests for what there is in the scene, one behind the other, whole and damaged.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::bodies::scene::{LISTED, PAGED, SPA};
use crate::fields;

/// What comes on one connection.
pub(crate) fn stream() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![5 => pipeline(), 3 => damaged(), 1 => scraps()]
}

fn pipeline() -> impl Strategy<Value = Vec<u8>> {
    vec(request(), 1..6).prop_map(|requests| requests.concat())
}

/// Requests that something happened to.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    (pipeline(), vec(damage(), 1..4)).prop_map(|(mut stream, damages)| {
        for damage in &damages {
            damage.happen(&mut stream);
        }
        stream
    })
}

/// No requests, but what they are made of.
fn scraps() -> impl Strategy<Value = Vec<u8>> {
    vec(scrap(), 0..30).prop_map(|scraps| scraps.concat())
}

/// Something that happens to a stream of bytes, at a place counted in thousandths of it.
#[derive(Clone, Debug)]
enum Damage {
    Lost { at: usize, len: usize },
    Twice { at: usize, len: usize },
    Put { at: usize, bytes: Vec<u8> },
    Cut { at: usize },
}

impl Damage {
    fn happen(&self, stream: &mut Vec<u8>) {
        let place = |at: usize| stream.len() * at / 1000;
        match self {
            Self::Lost { at, len } => {
                let at = place(*at);
                let end = stream.len().min(at + len);
                stream.drain(at..end);
            }
            Self::Twice { at, len } => {
                let at = place(*at);
                let again = stream[at..stream.len().min(at + len)].to_vec();
                stream.splice(at..at, again);
            }
            Self::Put { at, bytes } => {
                let at = place(*at);
                stream.splice(at..at, bytes.iter().copied());
            }
            Self::Cut { at } => stream.truncate(place(*at)),
        }
    }
}

fn damage() -> impl Strategy<Value = Damage> {
    let at = || 0..1000_usize;
    let len = || prop_oneof![3 => Just(1_usize), 1 => 1..60_usize];
    prop_oneof![
        1 => (at(), len()).prop_map(|(at, len)| Damage::Lost { at, len }),
        1 => (at(), len()).prop_map(|(at, len)| Damage::Twice { at, len }),
        3 => (at(), scrap()).prop_map(|(at, bytes)| Damage::Put { at, bytes }),
        1 => at().prop_map(|at| Damage::Cut { at }),
    ]
}

fn scrap() -> impl Strategy<Value = Vec<u8>> {
    let line = (fields::line(), target()).prop_map(|(line, target)| fields::about(&line, target.1));
    prop_oneof![
        6 => select(SIGNS).prop_map(|sign| sign.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 1..4),
        3 => line.prop_map(String::into_bytes),
        1 => (1..4000_usize).prop_map(|len| vec![b'x'; len]),
        1 => (1..2000_usize).prop_map(|len| b"\r\n".repeat(len)),
    ]
}

/// What requests are made of, and what they must not have where it does not belong.
#[rustfmt::skip]
const SIGNS: &[&str] = &[
    "\r\n", "\r", "\n", "\0", " ", "\t", ":", "%", "/", "..", "%2e", "%2f", "%00", "?", "#", ",", "-", "=", "\"",
    ";", "*", "HTTP/1.1", "HTTP/1.0", "HTTP/1.9", "HTTP/2.0", "GET ", "HEAD ", "0\r\n\r\n", "5\r\nhello\r\n",
    "Host: a\r\n", "Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n", "Connection: close\r\n\r\n", "\r\n\r\n",
];

fn request() -> impl Strategy<Value = Vec<u8>> {
    let method = prop_oneof![
        24 => Just("GET"),
        10 => Just("HEAD"),
        1 => Just("OPTIONS"),
        1 => select(&["POST", "PUT", "PROPFIND", "BREW", "get"][..]),
    ];
    let version = prop_oneof![
        40 => Just("1.1"),
        3 => Just("1.0"),
        1 => select(&["1.2", "1.9", "2.0", "0.9", "1.10", ""][..]),
    ];
    let host = prop_oneof![
        8 => select(&["", LISTED, PAGED, SPA][..]),
        8 => Just(LISTED),
        1 => select(&["[::1]:80", "a:8080", "A.", "no host", "a@b", "[::1"][..]),
    ];
    let target = prop_oneof![15 => target().boxed(), 1 => odd_target().boxed()];
    let lines = prop_oneof![1 => Just(Vec::new()), 4 => vec(fields::line(), 1..5)];
    (method, target, query(), version, host, lines, body()).prop_map(
        |(method, (target, file), query, version, host, lines, (framing, body))| {
            let lines = fields::about(&lines.concat(), file);
            let rest = format!(" HTTP/{version}\r\nHost: {host}\r\n{lines}{framing}\r\n");
            let parts = [
                method.as_bytes(),
                b" ",
                &target,
                &query,
                rest.as_bytes(),
                &body,
            ];
            parts.concat()
        },
    )
}

/// A path with the file of the scene that is found there, or another if none is.
fn target() -> impl Strategy<Value = (Vec<u8>, &'static str)> {
    let files = select(FILES).prop_map(|(target, file)| (target.as_bytes().to_vec(), file));
    let others = select(OTHERS).prop_map(|target| (target.as_bytes().to_vec(), "small.txt"));
    prop_oneof![3 => files, 1 => others]
}

/// Targets that are refused, and bytes that are anything.
fn odd_target() -> impl Strategy<Value = (Vec<u8>, &'static str)> {
    let any_bytes = vec(0x21..=0xff_u8, 0..12);
    prop_oneof![
        3 => select(REFUSED).prop_map(|target| target.as_bytes().to_vec()),
        1 => any_bytes,
    ]
    .prop_map(|target| (target, "small.txt"))
}

#[rustfmt::skip]
const FILES: &[(&str, &str)] = &[
    ("/", "index.html"), ("/index.html", "index.html"), ("/small.txt", "small.txt"), ("/digits.txt", "digits.txt"),
    ("/digits.txt", "digits.txt"), ("/empty.txt", "empty.txt"), ("/big.bin", "big.bin"), ("/big.bin", "big.bin"),
    ("/style.css", "style.css"), ("/middle.bin", "middle.bin"), ("/page.html", "page.html"),
    ("/page.html", "page.html.br"), ("/stale.js", "stale.js"),
    ("/docs/", "docs/index.html"), ("/docs/sp%20ace.txt", "docs/sp ace.txt"), ("/list/a", "list/a"),
    ("/%6cist/%ed%95%9c%ea%b8%80.txt", "list/한글.txt"), ("/in", "small.txt"), ("/chain", "small.txt"),
    ("/absolute", "small.txt"), ("/.well-known/acme", ".well-known/acme"), ("//small.txt", "small.txt"),
    ("/./docs/.", "docs/index.html"), ("http://x", "index.html"), ("http://list.test/style.css", "style.css"),
];

#[rustfmt::skip]
const OTHERS: &[&str] = &[
    "/docs", "/list", "/list/", "/list/sub", "/list/sub/", "http://list.test/list/", "/out", "/away", "/outdir",
    "/outdir/", "/outdir/secret.txt", "/up", "/up/outside/secret.txt", "/loop", "/.hidden", "/.well-known/",
    "/small.txt/", "/nothing", "/a\\b", "/page.html.br", "/stale.js.gz",
];

#[rustfmt::skip]
const REFUSED: &[&str] = &[
    "*", "", "/../outside/secret.txt", "/docs/%2e%2e/%2e%2e/outside/secret.txt", "/docs/..%2f..%2foutside/secret.txt",
    "/%00", "/%", "/%zz", "/a#b", "http://user@a/", "http:///", "small.txt",
];

fn query() -> impl Strategy<Value = Vec<u8>> {
    let queries = [
        "?",
        "?a=b&c",
        "?sort=size&order=desc",
        "?sort=time",
        "?a?b",
        "?//x",
        "?%0d%0aX:%20y",
        "?é\"<",
    ];
    prop_oneof![
        10 => Just(Vec::new()),
        2 => select(queries.to_vec()).prop_map(|query| query.as_bytes().to_vec()),
        1 => vec(0x21..=0x7e_u8, 0..9).prop_map(|query| [b"?", &query[..]].concat()),
    ]
}

/// A line that frames a body, and the body.
fn body() -> impl Strategy<Value = (String, Vec<u8>)> {
    let content = || vec(any::<u8>(), 0..40);
    let counted = content().prop_map(|body| (format!("Content-Length: {}\r\n", body.len()), body));
    let awaited = content().prop_map(|body| {
        let len = body.len();
        (
            format!("Expect: 100-continue\r\nContent-Length: {len}\r\n"),
            body,
        )
    });
    let large = 350..500_usize;
    let large = large.prop_map(|len| (format!("Content-Length: {len}\r\n"), vec![b'b'; len]));
    prop_oneof![
        30 => Just((String::new(), Vec::new())),
        3 => counted,
        3 => chunked(),
        1 => awaited,
        1 => large,
    ]
}

fn chunked() -> impl Strategy<Value = (String, Vec<u8>)> {
    let chunks = vec(vec(any::<u8>(), 1..40), 0..4);
    (chunks, "(;[a-z=]{0,5})?", "(T: [a-z]{0,5}\r\n){0,2}").prop_map(
        |(chunks, extension, trailer)| {
            let mut body = Vec::new();
            for chunk in chunks {
                body.extend(format!("{:x}{extension}\r\n", chunk.len()).bytes());
                body.extend(chunk);
                body.extend(b"\r\n");
            }
            body.extend(format!("0{extension}\r\n{trailer}\r\n").bytes());
            ("Transfer-Encoding: chunked\r\n".to_owned(), body)
        },
    )
}
