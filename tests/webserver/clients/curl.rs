//! curl, in the ways that its manual has examples of.

use harness::{Command, Output, Sandbox, needs_tool};

use super::{Identity, answers, bcrypt, url};
use crate::server::{Server, command};
use crate::site::pattern;

const GROUP: &str = "curl";
const LEN: usize = 300_000;

fn curl() -> Option<Command> {
    let curl = needs_tool(GROUP, "curl", "curl")?;
    Some(Command::new(curl).args(["--disable", "--silent", "--show-error"]))
}

/// Runs curl with these arguments.
#[track_caller]
fn fetch(args: &[&str]) -> Option<Output> {
    let output = curl()?.args(args).run();
    output.succeeds();
    Some(output)
}

fn scene() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox
        .file("root/big.bin", pattern(LEN))
        .file("root/hello.txt", "hello\n")
        .file("root/docs/index.html", "docs\n")
        .file("secret.txt", "secret\n");
    sandbox
}

#[test]
fn a_file_in_whole_and_in_part() {
    let sandbox = scene();
    let server = Server::start(&sandbox.join("root"), &[]);
    let (whole, address) = (pattern(LEN), url(&server, "/big.bin"));
    let rows: [(&str, &[u8], &str); 5] = [
        ("", &whole, "200"),
        ("0-99", &whole[..100], "206"),
        ("-100", &whole[LEN - 100..], "206"),
        ("299990-", &whole[LEN - 10..], "206"),
        ("299990-999999", &whole[LEN - 10..], "206"),
    ];
    for (range, expected, status) in rows {
        let mut args = vec!["--write-out", "%{stderr}%{http_code}", &address];
        if !range.is_empty() {
            args.extend(["--range", range]);
        }
        let Some(output) = fetch(&args) else { return };
        output.stderr_is(status);
        assert!(output.stdout == expected, "{range}");
    }
    let Some(output) = fetch(&["--range", "0-1,100000-100009", &address]) else {
        return;
    };
    assert_eq!(
        output
            .stdout_text()
            .matches("Content-Range: bytes ")
            .count(),
        2
    );
    let Some(output) = fetch(&["--range", "300000-", "--include", &address]) else {
        return;
    };
    output
        .stdout_has("HTTP/1.1 416 ")
        .stdout_has("Content-Range: bytes */300000");
    let Some(output) = fetch(&["--head", &address]) else {
        return;
    };
    output
        .stdout_has("HTTP/1.1 200 OK\r\n")
        .stdout_has("Content-Length: 300000\r\n")
        .stdout_has("Accept-Ranges: bytes\r\n");
    assert!(output.stdout.ends_with(b"\r\n\r\n"), "a body follows");
}

#[test]
fn a_download_goes_on_where_it_stopped() {
    let sandbox = scene();
    let server = Server::start(&sandbox.join("root"), &["--log", "common"]);
    sandbox.file("part", &pattern(LEN)[..123_456]);
    let (part, address) = (sandbox.join("part"), url(&server, "/big.bin"));
    let args = ["-C", "-", "-o", part.to_str().expect("UTF-8"), &address];
    // The second time there is nothing left to fetch, which is no failure.
    for _ in 0..2 {
        if fetch(&args).is_none() {
            return;
        }
        assert!(sandbox.read("part") == pattern(LEN));
    }
    let answers: Vec<_> = answers(server)
        .iter()
        .map(|answer| (answer.status, answer.sent))
        .collect();
    assert_eq!(answers[0], (206, LEN - 123_456));
    assert_eq!(answers[1].0, 416);
}

#[test]
fn nothing_is_fetched_that_has_not_changed() {
    let sandbox = scene();
    let server = Server::start(&sandbox.join("root"), &[]);
    let (tag, body) = (sandbox.join("tag"), sandbox.join("body"));
    let paths = [tag.to_str().expect("UTF-8"), body.to_str().expect("UTF-8")];
    let address = url(&server, "/hello.txt");
    let by_tag = ["--etag-save", paths[0], "--etag-compare", paths[0]];
    let by_date = ["--remote-time", "--time-cond", paths[1]];
    for (how, first) in [(&by_tag[..], "200"), (&by_date, "304")] {
        for expected in [first, "304"] {
            let told = ["-o", paths[1], "--write-out", "%{http_code}", &address];
            let args: Vec<_> = how.iter().chain(&told).copied().collect();
            let Some(output) = fetch(&args) else { return };
            output.stdout_is(expected);
            assert_eq!(sandbox.read_text("body"), "hello\n");
        }
        // With its date, for what follows.
        if fetch(&["--remote-time", "-o", paths[1], &address]).is_none() {
            return;
        }
    }
}

#[test]
fn compressed_on_the_disk_and_on_the_way() {
    let sandbox = Sandbox::new();
    let text: String = (0..4000).map(|line| format!("line {line}\n")).collect();
    sandbox
        .file("root/beside.txt", &text)
        .file("root/alone.txt", &text);
    let Some(gzip) = needs_tool(GROUP, "gzip", "gzip") else {
        return;
    };
    let beside = sandbox.join("root/beside.txt");
    Command::new(gzip).arg("-k").arg(beside).run().succeeds();
    let server = Server::start(&sandbox.join("root"), &["--compress"]);
    for (file, asked) in [
        ("/beside.txt", "gzip"),
        ("/alone.txt", "gzip"),
        ("/alone.txt", "br"),
        ("/alone.txt", ""),
    ] {
        let field = format!("Accept-Encoding: {asked}");
        let mut args = vec!["--compressed", "--write-out"];
        args.extend(["%{stderr}%{size_download} %header{content-encoding}"]);
        if !asked.is_empty() {
            args.extend(["--header", &field]);
        }
        let address = url(&server, file);
        args.push(&address);
        let Some(output) = fetch(&args) else { return };
        assert!(output.stdout == text.as_bytes(), "{file} by {asked}");
        let told = output.stderr_text().into_owned();
        let (size, coding) = told.split_once(' ').expect("two words");
        let size: usize = size.parse().expect("a number");
        assert!(size < text.len() / 2, "{file} by {asked}: {told}");
        assert!(
            !coding.is_empty() && (asked.is_empty() || coding == asked),
            "{file} by {asked}: {told}"
        );
    }
}

#[test]
fn one_connection_for_many() {
    let sandbox = scene();
    let server = Server::start(&sandbox.join("root"), &["--log", "common"]);
    let paths = ["/hello.txt", "/missing", "/docs", "/docs/", "/big.bin"];
    let Some(mut curl) = curl() else { return };
    curl = curl.args(["--write-out", "%{stderr}%{http_code} %{num_connects}\n"]);
    for path in paths {
        curl = curl.args([url(&server, path), "-o".into(), "/dev/null".into()]);
    }
    // Another kind of request, on the same connection all the same.
    let head = url(&server, "/hello.txt");
    let output = curl
        .args(["--next", "--silent", "--head", "-o", "/dev/null"])
        .args([
            "--write-out",
            "%{stderr}%{http_code} %{num_connects}\n",
            &head,
        ])
        .run();
    output
        .succeeds()
        .stderr_is("200 1\n404 0\n308 0\n200 0\n200 0\n200 0\n");
    assert_eq!(answers(server).len(), paths.len() + 1);
}

#[test]
fn hundreds_at_once() {
    let sandbox = Sandbox::new();
    for number in 1..=300 {
        sandbox.file(format!("root/{number}.txt"), format!("{number}\n"));
    }
    let server = Server::start(&sandbox.join("root"), &[]);
    let Some(curl) = curl() else { return };
    sandbox.dir("got");
    curl.args(["--parallel", "--parallel-max", "40", "--remote-name-all"])
        .arg(url(&server, "/[1-300].txt"))
        .cwd(sandbox.join("got"))
        .run()
        .succeeds();
    for number in 1..=300 {
        assert_eq!(
            sandbox.read_text(format!("got/{number}.txt")),
            format!("{number}\n")
        );
    }
}

#[test]
fn other_versions_of_http() {
    let sandbox = scene();
    let server = Server::start(&sandbox.join("root"), &[]);
    let address = url(&server, "/hello.txt");
    // The second is an offer to upgrade, which a server need not take (RFC 9110 §7.8).
    for version in ["--http1.0", "--http2", "--http1.1"] {
        let Some(output) = fetch(&[version, "--write-out", "%{http_version}", &address]) else {
            return;
        };
        output.stdout_is("hello\n1.1");
    }
    // One that insists is refused at once, not left waiting.
    let Some(curl) = curl() else { return };
    let output = curl
        .args(["--http2-prior-knowledge", "--max-time", "5", &address])
        .run();
    assert!(!matches!(output.code(), Some(0 | 28)), "{output}");
}

#[test]
fn the_way_out_is_closed() {
    let sandbox = scene();
    let server = Server::start(&sandbox.join("root"), &[]);
    for (path, status) in [
        ("/../secret.txt", "400"),
        ("/docs/../../secret.txt", "400"),
        ("/%2e%2e/secret.txt", "400"),
        ("/..%2fsecret.txt", "400"),
        ("/docs/%2e%2e%2f%2e%2e/secret.txt", "400"),
    ] {
        let address = url(&server, path);
        let told = ["--write-out", "%{stderr}%{http_code}", &address];
        let Some(output) = fetch(&[&["--path-as-is"][..], &told].concat()) else {
            return;
        };
        output.stderr_is(status).lacks("secret\n");
    }
    // Left to itself, curl takes the dots away before it asks.
    let Some(output) = fetch(&[&url(&server, "/docs/../hello.txt")]) else {
        return;
    };
    output.stdout_is("hello\n");
}

#[test]
fn passwords_from_a_file() {
    let Some(hash) = bcrypt(GROUP, "alice", "pass word") else {
        return;
    };
    let sandbox = scene();
    sandbox.file(
        "netrc",
        "machine 127.0.0.1 login alice password \"pass word\"\n",
    );
    sandbox.file("wrong", "machine 127.0.0.1 login alice password guess\n");
    let server = Server::start(&sandbox.join("root"), &["--basic-auth", &hash]);
    let address = url(&server, "/hello.txt");
    let told = [
        "-o",
        "/dev/null",
        "--write-out",
        "%{http_code} %{num_connects}",
        &address,
    ];
    let ask = |how: &[&str]| fetch(&[how, &told].concat());
    let name = |name: &str| sandbox.join(name).to_str().expect("UTF-8").to_owned();
    for (how, expected) in [
        (&[][..], "401 1"),
        (&["--netrc-file", &name("netrc")], "200 1"),
        (&["--netrc-file", &name("wrong")], "401 1"),
        (&["--user", "alice:pass word"], "200 1"),
        (&["--user", "alice:"], "401 1"),
        // It asks without one first, learns what is wanted, and asks again where it is.
        (&["--anyauth", "--user", "alice:pass word"], "200 1"),
    ] {
        let Some(output) = ask(how) else { return };
        output.stdout_is(expected);
    }
}

#[test]
fn a_unix_socket() {
    let sandbox = scene();
    let path = sandbox.join("socket");
    let command = Command::built("webserver")
        .arg(sandbox.join("root"))
        .arg("--unix")
        .arg(&path);
    let server = Server::listening_at(command, &path);
    let Some(output) = fetch(&[
        "--unix-socket",
        path.to_str().expect("UTF-8"),
        "http://any.example/hello.txt",
        "http://any.example/docs",
        "--location",
    ]) else {
        return;
    };
    output.stdout_is("hello\ndocs\n");
    server.stop();
    assert!(!path.exists(), "nobody listens there any more");
}

#[test]
fn names_and_redirects() {
    let sandbox = scene();
    sandbox.file("blog/posts/index.html", "posts\n");
    let blog = format!("blog.example={}", sandbox.join("blog").display());
    let server = Server::start(&sandbox.join("root"), &["--vhost", &blog]);
    let port = server.port();
    let resolve = format!("*:{port}:127.0.0.1");
    for (address, body, end) in [
        ("blog.example", "posts\n", "/posts/?page=2"),
        ("BLOG.example", "posts\n", "/posts/?page=2"),
    ] {
        let address = format!("http://{address}:{port}/posts?page=2");
        let Some(output) = fetch(&[
            "--resolve",
            &resolve,
            "--location",
            "--write-out",
            "%{stderr}%{url_effective} %{num_redirects} %{num_connects}",
            &address,
        ]) else {
            return;
        };
        output.stdout_is(body).stderr_has(end).stderr_has(" 1 1");
    }
}

#[test]
fn what_is_sent_is_refused_and_read_to_its_end() {
    let sandbox = scene();
    let server = Server::start(&sandbox.join("root"), &[]);
    sandbox.file("long", pattern(3_000_000));
    let long = sandbox.join("long");
    let long = long.to_str().expect("UTF-8");
    let address = url(&server, "/hello.txt");
    let data = format!("@{long}");
    let form = format!("file=@{long}");
    for args in [
        &["--data", "a=b"][..],
        // Announced by Expect: 100-continue, and so never sent.
        &["--data-binary", &data],
        &["--form", &form],
        &["--upload-file", long],
        &["--upload-file", long, "--header", "Expect:"],
        &[
            "--upload-file",
            long,
            "--header",
            "Transfer-Encoding: chunked",
        ],
        &["--request", "DELETE"],
    ] {
        let Some(curl) = curl() else { return };
        let told = ["-o", "/dev/null", "--write-out", "%{http_code}", &address];
        let output = curl.args(args).args(told).run();
        // The reply is what counts, whether or not the whole of the body was taken.
        output.stdout_is("405");
    }
}

#[test]
fn https_by_a_certificate_it_knows() {
    let sandbox = scene();
    let Some(identity) = Identity::new(GROUP, &sandbox) else {
        return;
    };
    let server = Server::listening(command(&sandbox.join("root")).args(identity.options()));
    let authority = identity.certificate.to_str().expect("UTF-8");
    let base = format!("https://127.0.0.1:{}", server.port());
    for version in [&["--tlsv1.3"][..], &["--tlsv1.2", "--tls-max", "1.2"]] {
        let addresses = [&*format!("{base}/big.bin"), &*format!("{base}/hello.txt")];
        let args = [
            "--cacert",
            authority,
            "--write-out",
            "%{stderr}%{num_connects} ",
        ];
        let Some(output) = fetch(&[&args[..], version, &addresses].concat()) else {
            return;
        };
        assert!(output.stdout == [pattern(LEN), b"hello\n".to_vec()].concat());
        output.stderr_is("1 0 ");
    }
    for refused in [
        &["--cacert", authority, "--tlsv1.0", "--tls-max", "1.1"][..],
        &[],
    ] {
        let Some(curl) = curl() else { return };
        let output = curl.args(refused).arg(&base).run();
        assert!(!output.status.success(), "{output}");
    }
    // Plain http is no encrypted request, but its reply says what to do.
    let plain = base.replace("https:", "http:");
    let Some(output) = fetch(&["--include", &plain]) else {
        return;
    };
    output
        .stdout_has("HTTP/1.1 400 Bad Request")
        .stdout_has("https://");
    // And after all of that it still serves.
    let Some(output) = fetch(&["--insecure", &format!("{base}/hello.txt")]) else {
        return;
    };
    output.stdout_is("hello\n");
}
