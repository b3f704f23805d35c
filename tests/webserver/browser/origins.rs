//! Pages that ask another server, and pages over https: what browsers allow by the header fields they see.

use harness::Sandbox;

use super::driver::Browser;
use crate::clients::{Identity, bcrypt, url};
use crate::server::{Server, command};
use crate::site::pattern;

/// What a page gets of a file of another origin, in words. Not what the browser has kept of it, which is its own affair.
fn fetch(browser: &Browser, address: &str, options: &str) -> String {
    browser.read(&format!(
        "try {{
             const reply = await fetch('{address}', {{ ...{options}, cache: 'no-store' }});
             const field = name => reply.headers.get(name) ?? '-';
             return `${{reply.status}} ${{field('Content-Range')}} ${{await reply.text()}}`;
         }} catch (error) {{
             return error.name;
         }}"
    ))
}

#[test]
fn another_origin_reads_only_what_it_may() {
    let Some(browser) = Browser::start("pages of other origins") else {
        return;
    };
    let sandbox = Sandbox::new();
    sandbox
        .file(
            "page/index.html",
            "<!doctype html><link rel=icon href=data:,>",
        )
        .file("files/data.json", "[1, 2, 3]")
        .file("files/module.mjs", "export const answer = 42;");
    let page = Server::start(&sandbox.join("page"), &[]);
    let closed = Server::start(&sandbox.join("files"), &[]);
    let open = Server::start(&sandbox.join("files"), &["--cors", "--compress"]);
    browser.go(&url(&page, "/"));
    let data = url(&open, "/data.json");
    // Fields that are not of every form's request make the browser ask for leave first (Fetch §4.8).
    let rows = [
        ("a plain one", data.clone(), "{}", "200 - [1, 2, 3]"),
        (
            "a part",
            data.clone(),
            "{ headers: { Range: 'bytes=1-4' } }",
            "206 bytes 1-4/9 1, 2",
        ),
        (
            "a suffix, which needs leave",
            data.clone(),
            "{ headers: { Range: 'bytes=-3' } }",
            "206 bytes 6-8/9  3]",
        ),
        (
            "its own fields",
            data.clone(),
            "{ headers: { 'If-None-Match': '\"x\"', 'X-Requested-With': 'page' } }",
            "200 - [1, 2, 3]",
        ),
        (
            "a method that is not served",
            data,
            "{ method: 'PUT', body: '' }",
            "TypeError",
        ),
        (
            "without leave",
            url(&closed, "/data.json"),
            "{}",
            "TypeError",
        ),
    ];
    for (name, address, options, expected) in rows {
        assert_eq!(fetch(&browser, &address, options), expected, "{name}");
    }
    let imports = |server: &Server| {
        browser.read(&format!(
            "return await import('{}').then(it => `${{it.answer}}`, error => error.name);",
            url(server, "/module.mjs")
        ))
    };
    assert_eq!(imports(&open), "42");
    assert_eq!(imports(&closed), "TypeError");
}

#[test]
fn another_origin_with_a_password() {
    let group = "pages of other origins with a password";
    let (Some(browser), Some(hash)) = (Browser::start(group), bcrypt(group, "alice", "secret"))
    else {
        return;
    };
    let sandbox = Sandbox::new();
    sandbox
        .file(
            "page/index.html",
            "<!doctype html><link rel=icon href=data:,>",
        )
        .file("files/data.json", "[1, 2, 3]");
    let page = Server::start(&sandbox.join("page"), &[]);
    let files = Server::start(&sandbox.join("files"), &["--cors", "--basic-auth", &hash]);
    browser.go(&url(&page, "/"));
    let data = url(&files, "/data.json");
    let with = |credentials: &str| {
        let options =
            format!("{{ headers: {{ Authorization: 'Basic ' + btoa('{credentials}') }} }}");
        fetch(&browser, &data, &options)
    };
    assert_eq!(with("alice:secret"), "200 - [1, 2, 3]");
    let refused = with("alice:guess");
    assert!(refused.starts_with("401 "), "{refused}");
    // Chromium says so when it lets something pass that the standard does not.
    browser.complaints().iter().for_each(|complaint| {
        assert!(complaint.contains("401"), "{complaint}");
    });
}

#[test]
fn pages_over_https() {
    let group = "pages over https";
    let Some(browser) = Browser::start(group) else {
        return;
    };
    let sandbox = Sandbox::new();
    let Some(identity) = Identity::new(group, &sandbox) else {
        return;
    };
    const LEN: usize = 3_000_000;
    sandbox
        .file(
            "root/index.html",
            "<!doctype html><link rel=icon href=data:,><title>safe</title><img src=dot.svg>",
        )
        .file(
            "root/dot.svg",
            "<svg xmlns='http://www.w3.org/2000/svg' width='8' height='8'><circle r='8'/></svg>",
        )
        .file("root/pattern.bin", pattern(LEN));
    let server = Server::listening(
        command(&sandbox.join("root"))
            .args(identity.options())
            .args(["--log", "common"]),
    );
    let address = url(&server, "/").replace("http:", "https:");
    browser.go(&address);
    assert_eq!(
        browser.read("return `${isSecureContext} ${location.protocol}`;"),
        "true https:"
    );
    assert_eq!(browser.run("return document.images[0].naturalWidth;"), 8);
    // Larger than any buffer on its way, and checked to the last byte by the page itself.
    let wrong = browser.run(
        "const words = new Uint32Array(await (await fetch('pattern.bin')).arrayBuffer());
         const wrong = words.findIndex((word, at) => word !== Math.imul(at, 2654435761) >>> 0);
         return [words.length, wrong];",
    );
    assert_eq!(wrong, serde_json::json!([LEN / 4, -1]));
    browser.reload();
    assert_eq!(browser.complaints(), [""; 0]);
}
