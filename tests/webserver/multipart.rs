//! Several ranges in one reply (RFC 9110 §14.6): every byte of it.

use harness::Random;

use crate::reply::{Reply, find};
use crate::server::Server;
use crate::site::{ALPHABET, pattern, root, site};

/// The parts of a reply: where each begins, and what is in it.
#[track_caller]
fn parts(reply: &Reply, content_type: &str, len: usize) -> Vec<(usize, Vec<u8>)> {
    let kind = reply.field("Content-Type").unwrap_or_default();
    let boundary = kind
        .strip_prefix("multipart/byteranges; boundary=")
        .unwrap_or_else(|| panic!("no boundary in\n{reply}"));
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "'()+_,-./:=?".contains(c);
    assert!(
        (1..=70).contains(&boundary.len()) && boundary.chars().all(is_plain),
        "boundary {boundary:?} (RFC 2046 §5.1.1)"
    );
    let mut rest = &reply.body[..];
    // A first boundary may or may not stand on a line of its own.
    rest = rest.strip_prefix(b"\r\n").unwrap_or(rest);
    let mut parts = Vec::new();
    loop {
        rest = rest
            .strip_prefix(format!("--{boundary}").as_bytes())
            .unwrap_or_else(|| panic!("no boundary before part {} of\n{reply}", parts.len()));
        if let Some(end) = rest.strip_prefix(b"--") {
            assert!(
                end.is_empty() || end == b"\r\n",
                "behind the last boundary: {}",
                end.escape_ascii()
            );
            return parts;
        }
        let head_len = find(rest, b"\r\n\r\n").expect("the head of a part");
        let head = std::str::from_utf8(&rest[2..head_len]).expect("text");
        assert!(
            head.contains(&format!("Content-Type: {content_type}")),
            "{head}"
        );
        let (first, last) = range(head, len);
        let body = &rest[head_len + 4..][..last - first + 1];
        parts.push((first, body.to_vec()));
        rest = rest[head_len + 4 + body.len()..]
            .strip_prefix(b"\r\n")
            .expect("a line end behind a part");
    }
}

/// The first and the last position that a part's head tells.
#[track_caller]
fn range(head: &str, len: usize) -> (usize, usize) {
    let line = head
        .lines()
        .find_map(|line| line.strip_prefix("Content-Range: bytes "))
        .unwrap_or_else(|| panic!("no range in {head}"));
    let numbers: Vec<usize> = line
        .split(['-', '/'])
        .map(|number| number.parse().expect("a number"))
        .collect();
    assert_eq!((numbers.len(), numbers[2]), (3, len), "{line}");
    (numbers[0], numbers[1])
}

#[test]
fn each_part_is_there_and_nothing_else() {
    let sandbox = site();
    let server = Server::start(&root(&sandbox), &[]);
    let content = pattern(300_000);
    let rows: [(&str, &[(usize, usize)]); 8] = [
        ("bytes=0-1,50000-50006", &[(0, 1), (50_000, 50_006)]),
        (
            "bytes=0-1, 50000-50006 ,\t90000-90000",
            &[(0, 1), (50_000, 50_006), (90_000, 90_000)],
        ),
        ("bytes=0-0,-1", &[(0, 0), (299_999, 299_999)]),
        ("bytes=200000-200001,0-1", &[(200_000, 200_001), (0, 1)]),
        ("bytes=0-1,50000-50006,300000-", &[(0, 1), (50_000, 50_006)]),
        ("bytes=0-1,2-3,80000-80009", &[(0, 3), (80_000, 80_009)]),
        ("bytes=0-4,100000-100014,3-6", &[(0, 6), (100_000, 100_014)]),
        ("bytes=290000-999999,0-2,-1", &[(290_000, 299_999), (0, 2)]),
    ];
    for (value, expected) in rows {
        let reply = server.get_with("/big.bin", &[("Range", value)]);
        reply
            .is(206)
            .lacks("Content-Range")
            .lacks("Content-Encoding");
        let mut found = parts(&reply, "application/octet-stream", content.len());
        let mut expected: Vec<_> = expected
            .iter()
            .map(|&(first, last)| (first, content[first..=last].to_vec()))
            .collect();
        // Which of two that were joined gives its place is nobody's business.
        found.sort();
        expected.sort();
        assert!(found == expected, "{value}");
    }
}

/// Parts that are closer together than the head of another part is long are better sent as one (RFC 9110 §15.3.7.2).
#[test]
fn parts_that_are_close_cover_what_was_asked() {
    let sandbox = site();
    let server = Server::start(&root(&sandbox), &[]);
    for value in [
        "bytes=0-1,5-6",
        "bytes=20-21,0-1",
        "bytes=0-0,-1",
        "bytes=0-1,4-5,8-9,12-13",
    ] {
        let reply = server.get_with("/alphabet.txt", &[("Range", value)]);
        reply.is(206);
        let found = match reply.field("Content-Range") {
            Some(range) => {
                let (first, last) = self::range(&format!("Content-Range: {range}"), 26);
                assert_eq!(reply.body.len(), last - first + 1);
                vec![(first, reply.body.clone())]
            }
            None => parts(&reply, "text/plain; charset=utf-8", 26),
        };
        for (first, body) in &found {
            assert_eq!(body[..], ALPHABET[*first..*first + body.len()]);
        }
        let wanted = value.trim_start_matches("bytes=").split(',');
        for first in wanted.filter_map(|part| part.split('-').next()?.parse::<usize>().ok()) {
            let is_there = found
                .iter()
                .any(|(from, body)| (*from..*from + body.len()).contains(&first));
            assert!(is_there, "{first} of {value}");
        }
    }
}

#[test]
fn parts_of_a_big_file() {
    let sandbox = site();
    let server = Server::start(&root(&sandbox), &[]);
    let content = pattern(300_000);
    let mut random = Random::new(7);
    for _ in 0..40 {
        let count = 2 + random.below(15);
        // Each in a stretch of its own, so that none touches another.
        let wanted: Vec<_> = (0..count)
            .map(|number| {
                let first = number * 17_000 + random.below(5_000);
                (first, first + 1 + random.below(10_000))
            })
            .collect();
        let value: Vec<_> = wanted
            .iter()
            .map(|(first, last)| format!("{first}-{last}"))
            .collect();
        let value = format!("bytes={}", value.join(","));
        let reply = server.get_with("/big.bin", &[("Range", &value)]);
        reply.is(206);
        let found = parts(&reply, "application/octet-stream", content.len());
        let expected: Vec<_> = wanted
            .iter()
            .map(|&(first, last)| (first, content[first..=last].to_vec()))
            .collect();
        assert!(found == expected, "{value}");
    }
}

/// A file that has a boundary in it, however that is chosen: the lengths are what counts, and no reader is misled.
#[test]
fn a_file_that_looks_like_a_reply() {
    let sandbox = site();
    let server = Server::start(&root(&sandbox), &["--fresh", "0"]);
    let ask = || server.get_with("/trap.txt", &[("Range", "bytes=0-999,2000-2999")]);
    sandbox.file("root/trap.txt", "x".repeat(4000));
    let reply = ask();
    let kind = reply.field("Content-Type").unwrap_or_default().to_owned();
    let boundary = kind.split("boundary=").nth(1).unwrap_or_default();
    let trap = format!("\r\n--{boundary}--\r\n").repeat(400);
    sandbox.file("root/trap.txt", &trap[..4000]);
    let reply = ask();
    let found = parts(&reply, "text/plain; charset=utf-8", 4000);
    assert_eq!(found[0].1, trap.as_bytes()[..1000]);
    assert_eq!(found[1].1, trap.as_bytes()[2000..3000]);
}
