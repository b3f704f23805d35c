//! The listing of a folder as people see it: by name, on a telephone, in the dark.

use harness::Sandbox;

use super::driver::Browser;
use crate::clients::url;
use crate::server::Server;

/// Names as they come: Korean composed and decomposed (as macOS writes it), of both directions, with signs that mean
/// something in addresses and in pages.
const NAMES: [&str; 9] = [
    "봄 소풍.txt",
    "\u{1112}\u{1161}\u{11ab}\u{1100}\u{1173}\u{11af}.txt",
    "100% #1? & <b>굵게 \"따옴표\" '작은'.txt",
    "a+b=c;d,e@f:g.txt",
    "سلام.txt",
    "back\\slash.txt",
    "%41.txt",
    "🎈.txt",
    "-rf *.txt",
];

/// A folder with a folder with those names, each file holding its own.
fn folder() -> Sandbox {
    let sandbox = Sandbox::new();
    for name in NAMES {
        sandbox.file(format!("root/사진 & 글/{name}"), name);
    }
    sandbox
        .file("root/끝.bin", vec![0; 5_000_000])
        .file("root/작다.bin", "1")
        .file(format!("root/{}.txt", "long".repeat(60)), "long")
        .file(format!("root/{}.txt", "가나다라마".repeat(16)), "길다");
    sandbox
}

#[test]
fn names_lead_to_their_files() {
    let Some(browser) = Browser::start("listings in a browser") else {
        return;
    };
    let sandbox = folder();
    let server = Server::start(&sandbox.join("root"), &["--list"]);
    browser.go(&url(&server, "/"));
    browser.click_link("사진 & 글/");
    assert_eq!(browser.read("return document.title;"), "/사진 & 글/");
    let links = browser
        .run("return [...document.querySelectorAll('tbody a')].map(link => link.textContent);");
    let links: Vec<String> = serde_json::from_value(links).expect("a list of names");
    let mut listed: Vec<&str> = links.iter().map(String::as_str).collect();
    listed.sort_unstable();
    let mut names = NAMES.to_vec();
    names.push("../");
    names.sort_unstable();
    assert_eq!(listed, names);
    for (row, name) in (1..).zip(&links).filter(|(_, name)| *name != "../") {
        browser.click(&format!("tbody tr:nth-child({row}) a"));
        let shown = browser.read("return document.body.textContent;");
        assert_eq!(&shown, name, "at {}", browser.address());
        browser.back();
    }
    browser.click_link("../");
    assert_eq!(browser.address(), url(&server, "/"));
    browser.back();
    // The way up is in the heading, too.
    browser.click("h1 a");
    assert_eq!(browser.address(), url(&server, "/"));
    // A folder has no icon; all else must have loaded.
    let mut complaints = browser.complaints();
    complaints.retain(|complaint| !complaint.contains("favicon"));
    assert_eq!(complaints, [""; 0]);
}

#[test]
fn columns_sort() {
    let Some(browser) = Browser::start("listings in a browser") else {
        return;
    };
    let sandbox = Sandbox::new();
    sandbox
        .file("root/b", "1")
        .file("root/c", "333")
        .file("root/a", "22");
    for (name, time) in [("b", 300), ("c", 100), ("a", 200)] {
        sandbox.times(format!("root/{name}"), time, 0);
    }
    let server = Server::start(&sandbox.join("root"), &["--list"]);
    browser.go(&url(&server, "/"));
    let order =
        "return [...document.querySelectorAll('tbody a')].map(link => link.textContent).join('');";
    assert_eq!(browser.read(order), "abc");
    for (column, orders) in [
        (1, ["cba", "abc"]),
        (2, ["cab", "bac"]),
        (3, ["bac", "cab"]),
    ] {
        for expected in orders {
            browser.click(&format!("th:nth-child({column}) a"));
            assert_eq!(browser.read(order), expected, "column {column}");
        }
    }
}

#[test]
fn it_fits_a_telephone() {
    let Some(browser) = Browser::start("listings in a browser") else {
        return;
    };
    let sandbox = folder();
    let server = Server::start(&sandbox.join("root"), &["--list"]);
    // The narrowest that is made, the most usual, and one held sideways.
    for (width, height) in [(320, 568), (360, 740), (740, 360)] {
        browser.become_phone(width, height);
        for path in ["/", "/%EC%82%AC%EC%A7%84%20%26%20%EA%B8%80/"] {
            browser.go(&url(&server, path));
            let facts = browser.run(
                "const links = [...document.querySelectorAll('tbody a')];
                 const lowest = Math.min(...links.map(link => link.getBoundingClientRect().height));
                 const narrowest = Math.min(...links.map(link => link.getBoundingClientRect().width));
                 const letters = parseFloat(getComputedStyle(links[0]).fontSize);
                 return [document.documentElement.scrollWidth, innerWidth, lowest, narrowest, letters];",
            );
            let fact = |index: usize| facts[index].as_f64().expect("a number");
            let width = f64::from(width);
            assert_eq!(
                (fact(0), fact(1)),
                (width, width),
                "{path} may not be wider"
            );
            // A finger is 9 mm wide, and what is smaller than 16 pixels is zoomed by its reader.
            assert!(fact(2) >= 34.0, "{path}: a link {} high", fact(2));
            assert!(fact(3) >= 120.0, "{path}: a name {} wide", fact(3));
            assert!(fact(4) >= 16.0, "{path}: letters of {}", fact(4));
        }
    }
}

/// The least contrast to what is behind, of all text on the page (WCAG 2.2 §1.4.3 counts it so), and how light the
/// background is.
pub(super) const CONTRAST: &str = "
    const parse = colour => colour.match(/[\\d.]+/g).slice(0, 3).map(Number);
    const lightness = colour => {
        const [r, g, b] = parse(colour)
            .map(value => value / 255)
            .map(value => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const probe = document.createElement('div');
    probe.style.background = 'Canvas';
    document.body.append(probe);
    const behind = lightness(getComputedStyle(probe).backgroundColor);
    probe.remove();
    const contrasts = [...document.querySelectorAll('body *')].map(element => {
        const own = lightness(getComputedStyle(element).color);
        return (Math.max(own, behind) + 0.05) / (Math.min(own, behind) + 0.05);
    });
    return [Math.min(...contrasts), behind];";

#[test]
fn it_is_read_by_day_and_by_night() {
    let Some(browser) = Browser::start("listings in a browser") else {
        return;
    };
    let sandbox = folder();
    let server = Server::start(&sandbox.join("root"), &["--list"]);
    for (scheme, is_bright) in [("light", true), ("dark", false)] {
        browser.prefer(scheme);
        browser.go(&url(&server, "/"));
        let facts = browser.run(CONTRAST);
        let fact = |index: usize| facts[index].as_f64().expect("a number");
        assert_eq!(fact(1) > 0.5, is_bright, "{scheme}: {facts}");
        assert!(fact(0) >= 4.5, "{scheme}: {facts}");
    }
}
