//! The grammar of field lines (RFC 9112 §5, RFC 9110 §5).

use super::run::run;
use super::{Theme, with};

#[test]
fn field_values() {
    let mut theme = Theme::default();
    theme.serves(
        "RFC 9110 §5.5",
        &[
            ("none but Host", &with("")),
            ("an empty value", &with("Cookie: \r\n")),
            ("an empty value, no space", &with("Cookie:\r\n")),
            ("a value of blanks", &with("Cookie: \t \t\r\n")),
            ("no space", &with("A:b\r\n")),
            ("two spaces", &with("A:  b\r\n")),
            ("a tab before it", &with("A:\tb\r\n")),
            ("blanks behind it", &with("A: b \t \r\n")),
            ("a tab within", &with("User-Agent: one\tbrowser\r\n")),
            ("a tab within a long one", &with("User-Agent: a-name-of-more-than\tsixteen-and-thirty-two-bytes/1.0\r\n")),
            ("colons within", &with("A: b:c::d\r\n")),
            ("a leading colon", &with("A: :b\r\n")),
            ("all kinds of marks", &with("A: !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~\r\n")),
            ("UTF-8", &with("User-Agent: 위어워크/1.0\r\n")),
            ("bytes above ASCII that are no UTF-8", &with(b"User-Agent: \xea\xb0\x80\xea/2.0\r\n")),
            ("the byte 0xff", &with(b"A: \xffb\xff\r\n")),
            ("the byte 0x80", &with(b"A: \x80\r\n")),
            ("quotes left open", &with("A: \"b\r\n")),
            ("one letter", &with("A: 1\r\n")),
            ("the same field again", &with("A: 1\r\nA: 2\r\na: 3\r\n")),
            ("a value of ten equal signs", &with("n:==========\r\n")),
            (
                "what a command line client sends",
                &with("User-Agent: fetch/8.1 (riscv64; linux) lib/8.1 zlib/1.3\r\nAccept: */*\r\n"),
            ),
            (
                "what a browser sends",
                &with(
                    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) Engine/20260101 Browser/150.0\r\n\
                     Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n\
                     Accept-Language: ko,en-us;q=0.7,en;q=0.3\r\nAccept-Encoding: identity\r\n\
                     Accept-Charset: utf-8;q=0.7,*;q=0.7\r\nKeep-Alive: 300\r\nConnection: keep-alive\r\n",
                ),
            ),
        ],
    );
    for control in (1u8..=0x1f)
        .chain([0x7f])
        .filter(|byte| !b"\t\r\n".contains(byte))
    {
        for (place, line) in [
            ("within", [b"A: b", &[control][..], b"c\r\n"].concat()),
            ("at the end of", [b"A: b", &[control][..], b"\r\n"].concat()),
        ] {
            theme
                .row(
                    "RFC 9110 §5.5",
                    format!("control {control:#04x} {place} a value"),
                    with(line),
                )
                .gives(400);
        }
    }
    theme.gives(
        400,
        "RFC 9110 §5.5",
        &[
            ("NUL in a value", &with("A: b\0c\r\n")),
            ("NUL as a value", &with("A: \0\r\n")),
            ("NUL in the second of two", &with("A: b\r\nB: \0\r\n")),
            ("CR in a value", &with("A: b\rc\r\n")),
            ("CR at the start of a value", &with("A: \rb\r\n")),
            ("CR at the end of a value", &with("A: b\r\r\n")),
            ("CR for a line's end", &with("A: b\rC: d\r\n")),
            (
                "CR behind an empty value",
                &with("A:\rTransfer-Encoding: chunked\r\n"),
            ),
            (
                "CR in a cookie, after which a field seems to come",
                &with("Cookie: a=b\rContent-Length: 5\r\n"),
            ),
        ],
    );
    run(&theme, &[]);
}

#[test]
fn field_names() {
    let mut theme = Theme::default();
    theme.serves(
        "RFC 9110 §5.1",
        &[
            (
                "every mark that a token may have",
                &with("!#$%&'*+-.^_`|~: b\r\n"),
            ),
            ("digits", &with("0123456789: b\r\n")),
            (
                "all letters",
                &with("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ: b\r\n"),
            ),
            ("a leading hyphen", &with("-a: b\r\n")),
            ("an underscore for a hyphen", &with("Content_Length: 5\r\n")),
            ("a name within another", &with("X-Content-Length: 5\r\n")),
            ("a name with more behind", &with("Content-Length-X: 5\r\n")),
            ("a name with less", &with("Content-Lengt: 5\r\n")),
            (
                "a name of 200 letters",
                &with(format!("{}: b\r\n", "n".repeat(200))),
            ),
        ],
    );
    for byte in b"\"(),/;<=>?@[\\]{} \x01\x08\x0b\x0c\x1f\x7f\x80\xaa\xff\t\0" {
        let place = byte.escape_ascii();
        let byte = &[*byte][..];
        for (name, line) in [
            (
                format!("{place} in a name"),
                [b"Na", byte, b"me: b\r\n"].concat(),
            ),
            (
                format!("{place} before the colon"),
                [b"Name", byte, b": b\r\n"].concat(),
            ),
            (
                format!("{place} before a name"),
                [byte, b"Name: b\r\n"].concat(),
            ),
        ] {
            theme.row("RFC 9110 §5.1", name, with(line)).gives(400);
        }
    }
    theme.gives(
        400,
        "RFC 9112 §5",
        &[
            ("an empty name", &with(": b\r\n")),
            ("an empty name and value", &with(":\r\n")),
            ("an empty name behind a space", &with(" : b\r\n")),
            ("an empty name as the second", &with("A: b\r\n: c\r\n")),
            ("a line without a colon", &with("Name\r\n")),
            ("a line without a colon, last", &with("A: b\r\nName\r\n")),
            (
                "a line without a colon, folded",
                &with("Name   \r\n b\r\nC: d\r\n"),
            ),
            (
                "a line that is a request",
                &with("GET /hello.txt HTTP/1.1\r\n"),
            ),
            ("CR in a name", &with("Na\rme: b\r\n")),
            ("CR before a name", &with("\rName: b\r\n")),
            ("CR before the colon", &with("Name\r: b\r\n")),
            ("CR for a hyphen", &with("Content\rLength: 7\r\n")),
            ("a name broken off", &with(b"Keep\r\x1b[0m\xd5alive\r\n")),
            (
                "a space before the colon of Content-Length",
                &with("Content-Length : 0\r\n"),
            ),
            (
                "a tab before the colon of Transfer-Encoding",
                &with("Transfer-Encoding\t: chunked\r\n"),
            ),
            ("two spaces before a colon", &with("Name  : b\r\n")),
        ],
    );
    run(&theme, &[]);
}

#[test]
fn line_ends_and_folds() {
    let mut theme = Theme::default();
    let head = b"GET /hello.txt HTTP/1.1\r\nHost: h\r\n";
    theme.gives(
        400,
        "RFC 9112 §2.2: only CRLF ends a line here",
        &[
            ("LF behind a field", &with("A: b\n")),
            (
                "LF behind Host",
                b"GET /hello.txt HTTP/1.1\r\nHost: h\nA: b\r\n\r\n",
            ),
            ("LF behind an empty value", &with("A:\nB: c\r\n")),
            (
                "LF in a value, before a field",
                &with("A: b\nContent-Length: 17\r\n"),
            ),
            (
                "LF in a value, before a coding",
                &with("a:b\nTransfer-Encoding: chunked\r\n"),
            ),
            ("an empty line of LF", &[head, &b"\n"[..]].concat()),
            (
                "an empty line of LF, behind LF",
                b"GET /hello.txt HTTP/1.1\r\nHost: h\n\n",
            ),
            ("CR CR LF behind a field", &with("A: b\r\r\n")),
            (
                "an empty line of CR CR LF",
                &[head, &b"\r\r\n"[..]].concat(),
            ),
            (
                "an empty line of CR",
                &[head, &b"\rGET /x HTTP/1.1\r\n\r\n"[..]].concat(),
            ),
            (
                "an empty line of CR and a letter",
                &[head, &b"\rYGET /within: HTTP/1.1\r\nHost: g\r\n\r\n"[..]].concat(),
            ),
            ("LF CR behind a field", &with("A: b\n\r")),
        ],
    );
    theme.gives(
        400,
        "RFC 9112 §5.2: a fold is refused",
        &[
            ("by a space", &with("A: b\r\n c\r\n")),
            ("by a tab", &with("A: b\r\n\tc\r\n")),
            ("by several blanks", &with("A: b\r\n \t  c\r\n")),
            ("of an empty value", &with("A:\r\n b\r\n")),
            ("of an empty value, empty again", &with("A: \r\n \r\n")),
            ("to nothing at the end", &with("A: b\r\n   \r\n \r\n")),
            ("in the middle", &with("A: b  \r\n \r\n c\r\n")),
            ("of many lines", &with("A:   one\r\n\ttwo\r\n three\r\n\t\tfour\r\n  five \r\n\t \tsix\r\n")),
            ("of the first line", &with(" A: b\r\n")),
            ("before any field", b"GET /hello.txt HTTP/1.1\r\n Host: h\r\n\r\n"),
            ("a tab before any field", b"GET /hello.txt HTTP/1.1\r\n\tHost: h\r\n\r\n"),
            ("a blank line before any field", b"GET /hello.txt HTTP/1.1\r\n \r\nHost: h\r\n\r\n"),
            ("between name and colon", &with("Name\r\n : b\r\n")),
            ("of Connection", &with("Connection: keep-alive,\r\n close\r\n")),
            ("of Connection behind an empty value", &with("Connection:\r\n close\r\n")),
            ("of Transfer-Encoding", &with("Transfer-Encoding: chunked\r\n  abc\r\n")),
            ("that hides a Content-Length", &with("A: b\r\n Content-Length: 44\r\n")),
            (
                "in a certificate",
                &with("X-Cert: -----BEGIN CERTIFICATE-----\r\n\tAAAA\r\n\t-----END CERTIFICATE-----\r\n"),
            ),
        ],
    );
    run(&theme, &[]);
}
