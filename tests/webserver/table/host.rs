//! Host: one, of the right form (RFC 9112 §3.2, RFC 9110 §7.2, RFC 3986 §3.2.2).

use super::Theme;
use super::run::run;

fn to(lines: impl AsRef<[u8]>) -> Vec<u8> {
    [b"GET /hello.txt HTTP/1.1\r\n", lines.as_ref(), b"\r\n"].concat()
}

#[test]
fn host() {
    let mut theme = Theme::default();
    let good: [&[u8]; 27] = [
        b"h",
        b"H",
        b"h.example",
        b"H.EXAMPLE.",
        b"a-b.c_d.example",
        b"xn--bj0bj06e.example",
        b"h:80",
        b"h:",
        b"h:8080",
        b"h:65535",
        b"h:080",
        b"127.0.0.1",
        b"127.0.0.1:10080",
        b"0",
        b"[::1]",
        b"[::1]:80",
        b"[::]",
        b"[::1]:",
        b"[2001:db8::7]",
        b"[2001:DB8:0:0:8:800:200C:417A]",
        b"[::ffff:192.0.2.1]:8080",
        b"h%41",
        b"%ED%95%9C",
        b"a!b$c",
        b"a'(b)*c",
        b"a+b;c=d",
        b"1.2.3.4=81",
    ];
    for value in good {
        let name = format!("Host {}", value.escape_ascii());
        theme.row(
            "RFC 3986 §3.2.2",
            name,
            to([b"Host: ", value, b"\r\n"].concat()),
        );
    }
    theme.serves(
        "RFC 9112 §3.2, §5",
        &[
            ("empty", &to("Host:\r\n")),
            ("empty behind a space", &to("Host: \r\n")),
            ("no space", &to("Host:h\r\n")),
            ("tabs around it", &to("Host:\th\t\r\n")),
            ("many blanks around it", &to("Host: \t  h  \t \r\n")),
            ("another case", &to("hOST: h\r\n")),
            ("capitals", &to("HOST: h\r\n")),
            ("last of many", &to("A: 1\r\nB: 2\r\nHost: h\r\n")),
            (
                "beside fields with its name in theirs",
                &to("X-Host: a\r\nHost: h\r\nHosts: b\r\nHos: c\r\n"),
            ),
            (
                "beside what proxies add",
                &to("X-Forwarded-Host: evil.example/\r\nHost: h\r\nForwarded: host=x\r\n"),
            ),
        ],
    );
    theme.gives(
        400,
        "RFC 9112 §3.2: exactly one",
        &[
            ("none", b"GET /hello.txt HTTP/1.1\r\n\r\n"),
            ("none among others", &to("Accept: */*\r\nUser-Agent: x\r\n")),
            ("two", &to("Host: h\r\nHost: g\r\n")),
            ("two the same", &to("Host: h\r\nHost: h\r\n")),
            ("two in different cases", &to("Host: h\r\nhost: h\r\n")),
            (
                "two far apart",
                &to("Host: h\r\nA: 1\r\nB: 2\r\nHost: h\r\n"),
            ),
            ("three", &to("Host: h\r\nHost: h\r\nHost: h\r\n")),
            ("an empty one and another", &to("Host:\r\nHost: h\r\n")),
            ("a list", &to("Host: h, g\r\n")),
            ("folded", &to("Host:\r\n h\r\n")),
            ("folded behind it", &to("Host: h\r\n g\r\n")),
            ("a space before the colon", &to("Host : h\r\n")),
            ("a tab before the colon", &to("Host\t: h\r\n")),
            ("no colon", &to("Host\r\n")),
            ("no colon but a value", &to("Host h\r\n")),
        ],
    );
    let bad: [&[u8]; 44] = [
        b"h g",
        b"h/",
        b"/",
        b"h/hello.txt",
        b"http://h",
        b"http://h/",
        b"h?x",
        b"h#x",
        b"user@h",
        b"user:pw@h",
        b"@",
        b"h:80:80",
        b"h:x",
        b"h:8x",
        b"h:-1",
        b"h:+80",
        b"h: 80",
        b"h :80",
        b"h::80",
        b"::1",
        b"::",
        b"[::1",
        b"::1]",
        b"[]",
        b"[]:80",
        b"[::1]x",
        b"[::1]80",
        b"[::1]:x",
        b"[::g]",
        b"[1::2::3]",
        b"[1:2:3:4:5:6:7:8:9]",
        b"[1.2.3.4]",
        b"[fe80::1%25eth0]",
        b"[fe80::1%eth0]",
        b"[[::1]]",
        b"h[::1]",
        b"h%",
        b"h%4",
        b"h%zz",
        b"\"h\"",
        b"<h>",
        b"h\\g",
        b"h^g",
        b"{h}",
    ];
    for value in bad {
        let name = format!("Host {}", value.escape_ascii());
        theme
            .row(
                "RFC 3986 §3.2.2",
                name,
                to([b"Host: ", value, b"\r\n"].concat()),
            )
            .gives(400);
    }
    for byte in [
        0, 1, 8, 0x0b, 0x0c, 0x1b, 0x1f, b'`', b'|', 0x7f, 0x80, 0xff,
    ] {
        let name = format!("Host with byte {byte:#04x}");
        theme
            .row(
                "RFC 3986 §3.2.2",
                name,
                to([b"Host: h", &[byte][..], b"g\r\n"].concat()),
            )
            .gives(400);
    }
    theme.gives(
        400,
        "RFC 9112 §3.2: whatever the method is and whatever stands there",
        &[
            ("none with HEAD", b"HEAD /hello.txt HTTP/1.1\r\n\r\n"),
            ("none with OPTIONS", b"OPTIONS * HTTP/1.1\r\n\r\n"),
            ("none with POST", b"POST /hello.txt HTTP/1.1\r\n\r\n"),
            (
                "none with an unknown method",
                b"BREW /hello.txt HTTP/1.1\r\n\r\n",
            ),
            ("none for a missing file", b"GET /missing HTTP/1.1\r\n\r\n"),
            ("none for a path that climbs", b"GET /../x HTTP/1.1\r\n\r\n"),
        ],
    );
    run(&theme, &[]);
}
