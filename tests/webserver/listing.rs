//! Lists of folders: every name leads to its file, whatever it is made of, and what is not served is not in it.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use harness::Sandbox;

use crate::reply::Reply;
use crate::server::Server;
use crate::site::MARKER;

const JSON: [(&str, &str); 1] = [("Accept", "application/json")];

/// Names that mean something to a page, an address or a terminal.
const NAMES: [&[u8]; 22] = [
    b"plain.txt",
    b"with space.txt",
    b"<script>alert(1)<",
    b"<img src=x onerror=alert(1)>",
    b"a&amp;b.txt",
    b"a&b.txt",
    b"\"quoted\".txt",
    b"it's.txt",
    b"100%.txt",
    b"%41.txt",
    b"a?b=c.txt",
    b"a#b.txt",
    b"javascript:alert(1)",
    b"http:",
    b"back\\slash.txt",
    b"+plus+.txt",
    b"line\nend.txt",
    b"tab\tbed.txt",
    b"\x1b[31mred.txt",
    "한글 이름.txt".as_bytes(),
    "가나다\u{202e}txt.exe".as_bytes(),
    b"latin\xff.txt",
];

fn scene() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox
        .dir("root/folder/sub")
        .dir("root/folder/하위 폴더")
        .dir("outside");
    for name in NAMES {
        sandbox.file(
            PathBuf::from("root/folder").join(OsStr::from_bytes(name)),
            name,
        );
    }
    sandbox
        .file("root/folder/.hidden", MARKER)
        .dir("root/folder/.git")
        .file("outside/secret", MARKER)
        .symlink("plain.txt", "root/folder/link.txt");
    sandbox
}

/// The places that a page links to.
fn links(reply: &Reply) -> Vec<String> {
    let text = reply.text();
    let places = text
        .split("href=\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next());
    places
        .map(|place| place.replace("&amp;", "&").replace("&#39;", "'"))
        .collect()
}

#[test]
fn every_link_leads_to_its_file() {
    let sandbox = scene();
    let server = Server::start(&sandbox.join("root"), &["--list"]);
    let page = server.get("/folder/");
    page.is(200).has("Content-Type", "text/html; charset=utf-8");
    let mut found = BTreeSet::new();
    for place in links(&page) {
        if place.starts_with('?') || place.starts_with('#') || place == "/" || place.contains("..")
        {
            continue;
        }
        let scheme = place.split(['/', '?', '#']).next().unwrap_or_default();
        assert!(
            !scheme.contains(':'),
            "{place:?} is an address of another kind"
        );
        let path = if place.starts_with('/') {
            place.clone()
        } else {
            format!("/folder/{}", place.strip_prefix("./").unwrap_or(&place))
        };
        let reply = server.get(&path);
        assert_eq!(reply.status, 200, "{place:?} leads to\n{reply}");
        if !place.ends_with('/') {
            found.insert(reply.body);
        }
    }
    let expected: BTreeSet<Vec<u8>> = NAMES.iter().map(|name| name.to_vec()).collect();
    let missing: Vec<_> = expected
        .difference(&found)
        .map(|name| name.escape_ascii().to_string())
        .collect();
    assert_eq!(missing, [""; 0], "not linked");
}

#[test]
fn a_page_is_safe_and_fit_for_a_phone() {
    let sandbox = scene();
    let server = Server::start(&sandbox.join("root"), &["--list"]);
    let text = server.get("/folder/").text();
    for dangerous in [
        "<script>alert",
        "<img src=x",
        "\x1b",
        MARKER,
        ".hidden",
        ".git",
    ] {
        assert!(!text.contains(dangerous), "{dangerous:?} in {text}");
    }
    for wanted in [
        "<!doctype html>",
        "name=\"viewport\"",
        "한글 이름.txt",
        "하위 폴더",
        "lang=",
    ] {
        assert!(
            text.to_lowercase().contains(&wanted.to_lowercase()),
            "no {wanted:?} in {text}"
        );
    }
    assert!(
        !text.contains("http://") && !text.contains("https://"),
        "it needs nothing from elsewhere: {text}"
    );
    let names: Vec<usize> = ["a&amp;b.txt", "plain.txt", "with space.txt"]
        .iter()
        .filter_map(|name| text.find(&format!(">{name}")))
        .collect();
    assert!(names.is_sorted(), "sorted by name: {text}");
}

#[test]
fn json_has_every_name() {
    let sandbox = scene();
    sandbox.file("root/folder/sized.bin", vec![0; 1234]);
    let server = Server::start(&sandbox.join("root"), &["--list"]);
    let reply = server.get_with("/folder/", &JSON);
    reply.is(200).has("Content-Type", "application/json");
    let value: serde_json::Value = serde_json::from_slice(&reply.body).expect("JSON");
    let mut names = Vec::new();
    gather(&value, "name", &mut names);
    for name in NAMES
        .iter()
        .filter_map(|name| std::str::from_utf8(name).ok())
    {
        assert!(
            names.iter().any(|other| other == name),
            "no {name:?} in {names:?}"
        );
    }
    assert!(
        names.iter().any(|name| name.trim_end_matches('/') == "sub"),
        "no folder in {names:?}"
    );
    assert!(
        !names.iter().any(|name| name.starts_with('.')),
        "hidden in {names:?}"
    );
    let mut sizes = Vec::new();
    gather(&value, "size", &mut sizes);
    assert!(sizes.contains(&"1234".to_owned()), "{sizes:?}");
}

/// The values of a key anywhere in it, as text.
fn gather(value: &serde_json::Value, key: &str, found: &mut Vec<String>) {
    if let Some(map) = value.as_object() {
        for (name, value) in map {
            let text = value.as_str().map(str::to_owned);
            let text = text.or_else(|| value.as_u64().map(|number| number.to_string()));
            found.extend(text.filter(|_| name == key));
            gather(value, key, found);
        }
    }
    for value in value.as_array().into_iter().flatten() {
        gather(value, key, found);
    }
}

#[test]
fn many_files_and_none() {
    let sandbox = Sandbox::new();
    sandbox.dir("root/empty");
    for number in 0..1000 {
        sandbox.file(format!("root/many/{number:05}.txt"), "");
    }
    let server = Server::start(&sandbox.join("root"), &["--list", "--fresh", "0"]);
    server.get("/empty/").is(200);
    let reply = server.get_with("/many/", &JSON);
    let value: serde_json::Value = serde_json::from_slice(&reply.body).expect("JSON");
    let mut names = Vec::new();
    gather(&value, "name", &mut names);
    names.retain(|name| name.ends_with(".txt"));
    assert_eq!(names.len(), 1000);
    assert!(names.is_sorted());
    assert_eq!(
        links(&server.get("/many/"))
            .iter()
            .filter(|place| place.ends_with(".txt"))
            .count(),
        1000
    );
    // A list is being made by one thread while others are served.
    let mut other = server.connect();
    let mut list = server.connect();
    for _ in 0..20 {
        list.send(&crate::client::get("/many/", &[]))
            .expect("a request");
        other.get("/many/00000.txt").is(200);
        list.reply(crate::reply::Asked::Body)
            .expect("a list")
            .is(200);
    }
    // A list follows the folder, however quickly one comes behind another.
    sandbox.file("root/few/first.txt", "");
    for number in 0..100 {
        list.get("/few/").is(200);
        sandbox.file(format!("root/few/{number}-new.txt"), "");
        let reply = server.get("/few/");
        let name = format!("{number}-new.txt");
        assert!(
            reply.is(200).text().contains(&name),
            "no {name} in\n{reply}"
        );
    }
}

#[test]
fn links_that_lead_out_are_not_told_of() {
    let sandbox = scene();
    sandbox
        .symlink(format!("../../outside/{MARKER}"), "root/folder/out")
        .symlink("/etc", "root/folder/etc");
    let server = Server::start(&sandbox.join("root"), &["--list"]);
    for fields in [&[][..], &JSON] {
        let reply = server.get_with("/folder/", fields);
        assert!(
            !reply.text().contains(MARKER),
            "the target of a link in\n{}",
            reply.text()
        );
        assert!(
            !reply.text().contains("outside"),
            "the target of a link in\n{}",
            reply.text()
        );
    }
    let reply = server.get("/folder/etc/");
    assert!([403, 404].contains(&reply.status), "{reply}");
}
