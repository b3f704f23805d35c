//! Pages of several files: the one that the repository brings, scripts that name each other, and what a reload costs.

use std::path::{Path, PathBuf};

use harness::Sandbox;

use super::driver::Browser;
use super::listing::CONTRAST;
use crate::clients::{answers, bcrypt, url};
use crate::server::Server;

/// The pages that the repository brings.
fn www() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("the workspace").join("www")
}

/// Whether every picture of the page is there and was understood.
const PICTURES: &str = "return [...document.images].map(image => image.naturalWidth > 0);";

#[test]
fn the_first_page_with_its_pictures() {
    let Some(browser) = Browser::start("pages in a browser") else {
        return;
    };
    let server = Server::start(&www(), &["--log", "common"]);
    browser.go(&url(&server, "/"));
    assert_eq!(browser.run(PICTURES), serde_json::json!([true, true, true]));
    // The pictures, the style and the icon: whatever does not load is complained of.
    assert_eq!(browser.complaints(), [""; 0]);
    browser.click_link("link that leads nowhere");
    assert_eq!(browser.read("return document.title;"), "404 Not Found");
    browser.back();
    assert_eq!(browser.run(PICTURES), serde_json::json!([true, true, true]));

    let answers = answers(server);
    let pictures = answers
        .iter()
        .filter(|answer| answer.target.ends_with(".jpg"));
    assert!(pictures.clone().count() >= 3, "{answers:#?}");
    for answer in &answers {
        match answer.target.as_str() {
            // What is not found has a page without an icon, so the browser looks in the old place.
            "/nowhere.html" | "/favicon.ico" => assert_eq!(answer.status, 404),
            _ => assert!(matches!(answer.status, 200 | 304), "{answer:?}"),
        }
    }
}

#[test]
fn what_is_not_found_does_not_dazzle() {
    let Some(browser) = Browser::start("pages in a browser") else {
        return;
    };
    let server = Server::start(&www(), &[]);
    browser.prefer("dark");
    browser.go(&url(&server, "/nowhere.html"));
    let facts = browser.run(CONTRAST);
    let fact = |index: usize| facts[index].as_f64().expect("a number");
    assert!(fact(0) >= 4.5 && fact(1) < 0.5, "{facts}");
}

#[test]
fn a_reload_transfers_nothing_anew() {
    let Some(browser) = Browser::start("reloads in a browser") else {
        return;
    };
    let server = Server::start(&www(), &["--log", "common"]);
    browser.go(&url(&server, "/"));
    browser.reload();
    browser.reload();
    assert_eq!(browser.run(PICTURES), serde_json::json!([true, true, true]));
    let answers = answers(server);
    let pages: Vec<_> = answers
        .iter()
        .filter(|answer| answer.target == "/")
        .map(|answer| (answer.status, answer.sent > 0))
        .collect();
    assert_eq!(pages, [(200, true), (304, false), (304, false)]);
    // What the browser asks again of the rest is its own judgement; that it gets none of it twice is ours.
    for answer in answers.iter().filter(|answer| answer.status == 200) {
        let same = answers
            .iter()
            .filter(|other| other.status == 200 && other.target == answer.target);
        assert_eq!(same.count(), 1, "{answers:#?}");
    }
}

#[test]
fn a_change_is_seen_after_a_reload() {
    let Some(browser) = Browser::start("reloads in a browser") else {
        return;
    };
    let sandbox = Sandbox::new();
    let page = |word: &str| {
        let page = format!("<!doctype html><link rel=icon href=data:,><title>{word}</title>");
        sandbox.file("root/index.html", page);
    };
    page("one");
    let server = Server::start(&sandbox.join("root"), &["--fresh", "0"]);
    browser.go(&url(&server, "/"));
    assert_eq!(browser.read("return document.title;"), "one");
    page("two");
    browser.reload();
    assert_eq!(browser.read("return document.title;"), "two");
}

#[test]
fn a_page_behind_a_password() {
    let group = "pages behind a password";
    let (Some(browser), Some(hash)) = (Browser::start(group), bcrypt(group, "앨리스", "비밀 번호"))
    else {
        return;
    };
    let server = Server::start(&www(), &["--basic-auth", &hash]);
    let address = url(&server, "/");
    // Typed once, it goes with all that the page names.
    browser.go(&address.replace("//", "//앨리스:비밀%20번호@"));
    assert_eq!(browser.run(PICTURES), serde_json::json!([true, true, true]));
    browser.go(&address);
    assert_eq!(browser.read("return document.title;"), "Wirework");
}

/// A module of WebAssembly that exports `add`, which adds two numbers.
const ADD: [u8; 41] = [
    0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, // \0asm, version 1
    0x01, 0x07, 0x01, 0x60, 0x02, 0x7f, 0x7f, 0x01, 0x7f, // a type: (i32, i32) -> i32
    0x03, 0x02, 0x01, 0x00, // a function of that type
    0x07, 0x07, 0x01, 0x03, 0x61, 0x64, 0x64, 0x00, 0x00, // exported as "add"
    0x0a, 0x09, 0x01, 0x07, 0x00, 0x20, 0x00, 0x20, 0x01, 0x6a, 0x0b, // its body
];

#[test]
fn modules_and_web_assembly() {
    let Some(browser) = Browser::start("modules and WebAssembly in a browser") else {
        return;
    };
    let sandbox = Sandbox::new();
    sandbox
        .file(
            "root/index.html",
            "<!doctype html><meta charset=utf-8><title>waiting</title>\
             <link rel=icon href=data:,><script type=module src=./main.mjs></script>",
        )
        .file(
            "root/main.mjs",
            "import { sum } from './도구/sum.mjs';\n\
             const facts = await import('./facts.json', { with: { type: 'json' } });\n\
             document.title = `${facts.default.name} ${await sum(19, 23)}`;\n",
        )
        .file(
            "root/도구/sum.mjs",
            "const file = fetch(new URL('../add.wasm', import.meta.url));\n\
             const { instance } = await WebAssembly.instantiateStreaming(file);\n\
             export const sum = async (a, b) => instance.exports.add(a, b);\n",
        )
        .file("root/facts.json", r#"{ "name": "합계" }"#)
        .file("root/add.wasm", ADD);
    // Compressed on the way, too: the browser judges by what it has unpacked.
    for options in [&[][..], &["--compress"]] {
        let server = Server::start(&sandbox.join("root"), options);
        browser.go(&url(&server, "/"));
        browser.wait("document.title != 'waiting'");
        assert_eq!(browser.read("return document.title;"), "합계 42");
        assert_eq!(browser.complaints(), [""; 0]);
    }
}

#[test]
fn an_application_of_one_page() {
    let Some(browser) = Browser::start("pages in a browser") else {
        return;
    };
    let sandbox = Sandbox::new();
    sandbox
        .file(
            "root/index.html",
            "<!doctype html><link rel=icon href=data:,><script src=/app.js></script>",
        )
        .file("root/app.js", "document.title = location.pathname;");
    let server = Server::start(&sandbox.join("root"), &["--spa", "index.html"]);
    for path in ["/", "/users/7", "/users/7/edit"] {
        browser.go(&url(&server, path));
        assert_eq!(browser.read("return document.title;"), path);
    }
    assert_eq!(browser.complaints(), [""; 0]);
}
