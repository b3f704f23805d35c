//! Pages and arrays as a whole: what is in them, and that nothing foreign gets out of its place.

use percent_encoding::percent_decode;
use proptest::prelude::*;

use super::*;
use crate::files::root::Kind;

#[test]
fn orders_by_query() {
    let order = |sort, direction| Order { sort, direction };
    let by_name = Order::default();
    let rows: [(&str, Option<&[u8]>, Order); 10] = [
        ("none", None, by_name),
        ("empty", Some(b""), by_name),
        (
            "both",
            Some(b"sort=size&order=desc"),
            order(Sort::Size, Direction::Descending),
        ),
        (
            "other way round",
            Some(b"order=desc&sort=time"),
            order(Sort::Time, Direction::Descending),
        ),
        (
            "sort only",
            Some(b"sort=time"),
            order(Sort::Time, Direction::Ascending),
        ),
        (
            "order only",
            Some(b"order=desc"),
            order(Sort::Name, Direction::Descending),
        ),
        (
            "among others",
            Some(b"a=b&sort=size&&c"),
            order(Sort::Size, Direction::Ascending),
        ),
        ("unknown values", Some(b"sort=colour&order=up"), by_name),
        ("the last counts", Some(b"sort=size&sort=name"), by_name),
        ("any bytes", Some(b"\xff\0=&sort"), by_name),
    ];
    for (name, query, expected) in rows {
        assert_eq!(Order::parse(query), expected, "{name}");
    }
}

#[test]
fn queries_ask_for_their_order() {
    for sort in [Sort::Name, Sort::Size, Sort::Time] {
        for direction in [Direction::Ascending, Direction::Descending] {
            let order = Order { sort, direction };
            let query = order.query().strip_prefix('?').unwrap();
            assert_eq!(Order::parse(Some(query.as_bytes())), order);
        }
    }
}

#[test]
fn a_page() {
    let folder = folder(vec![
        file("그림 10.png", 1_536),
        file("그림 9.png", 10),
        folder_entry("문서"),
        file("<b>&\"'", 0),
    ]);
    let page = html("/자료/a b/".as_bytes(), &Order::default(), folder);
    let page = String::from_utf8(page).unwrap();
    for (name, expected) in [
        ("title", "<title>/자료/a b/</title>"),
        (
            "root in the path",
            "<h1><a href=\"../../\"><bdi></bdi>/</a>",
        ),
        ("folder in the path", "<a href=\"../\"><bdi>자료</bdi>/</a>"),
        (
            "this folder",
            "<a aria-current=\"page\"><bdi>a b</bdi>/</a>",
        ),
        ("totals", "<p>1 folder, 3 files, 1.5 KiB</p>"),
        ("up", "<a href=\"../\">../</a>"),
        (
            "folder",
            "<a href=\"./%EB%AC%B8%EC%84%9C/\"><bdi>문서</bdi>/</a></td><td></td>",
        ),
        (
            "link",
            "<a href=\"./%EA%B7%B8%EB%A6%BC%209.png\"><bdi>그림 9.png</bdi></a>",
        ),
        ("size", "<td>1.5 KiB</td>"),
        ("time", "<td>2026-07-25 <span>13:45</span></td>"),
        (
            "escapes",
            "<a href=\"./%3Cb%3E%26%22%27\"><bdi>&lt;b&gt;&amp;&quot;&#39;</bdi></a>",
        ),
        (
            "sorted by",
            "<th scope=\"col\" aria-sort=\"ascending\"><a href=\"?sort=name&amp;order=desc\">Name</a>",
        ),
        (
            "not sorted by",
            "<th scope=\"col\"><a href=\"?sort=size&amp;order=desc\">Size</a>",
        ),
        (
            "phone",
            "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">",
        ),
    ] {
        assert!(page.contains(expected), "{name}: {expected}\n{page}");
    }
    let place = |text: &str| page.find(text).unwrap();
    assert!(place("문서</bdi>") < place("&lt;b&gt;"), "folders first");
    assert!(
        place("그림 9.png</bdi>") < place("그림 10.png</bdi>"),
        "numbers by value"
    );
    assert!(
        !page.contains("<script") && !page.contains(" style=") && !page.contains(" on"),
        "{page}"
    );
}

#[test]
fn an_order_is_kept_from_folder_to_folder() {
    let order = Order::parse(Some(b"sort=time&order=desc"));
    let page = html(
        b"/a/",
        &order,
        folder(vec![folder_entry("b"), file("c", 1)]),
    );
    let page = String::from_utf8(page).unwrap();
    let query = "?sort=time&amp;order=desc";
    for expected in [
        format!("<a href=\"./b/{query}\">"),
        format!("<td colspan=\"3\"><a href=\"../{query}\">"),
        "<a href=\"./c\">".to_owned(),
        "aria-sort=\"descending\"><a href=\"?sort=time&amp;order=asc\">".to_owned(),
    ] {
        assert!(page.contains(&expected), "{expected}\n{page}");
    }
}

#[test]
fn totals() {
    let rows = [
        ("nothing", vec![], "<p>Nothing here.</p>"),
        ("a file", vec![file("a", 1)], "<p>1 file, 1 B</p>"),
        (
            "files",
            vec![file("a", 1), file("b", 1_023)],
            "<p>2 files, 1.0 KiB</p>",
        ),
        (
            "folders",
            vec![folder_entry("a"), folder_entry("b")],
            "<p>2 folders</p>",
        ),
        (
            "more than can be counted",
            vec![file("a", u64::MAX), file("b", 1)],
            "<p>2 files, 16.0 EiB</p>",
        ),
    ];
    for (name, entries, expected) in rows {
        let page = String::from_utf8(html(b"/", &Order::default(), folder(entries))).unwrap();
        assert!(page.contains(expected), "{name}: {page}");
        assert!(!page.contains("../"), "{name}: nothing is above the root");
    }
    let truncated = Folder {
        entries: vec![file("a", 1)],
        truncated: true,
    };
    let page = String::from_utf8(html(b"/", &Order::default(), truncated)).unwrap();
    assert!(page.contains("only 100000 are shown"), "{page}");
}

#[test]
fn an_array() {
    let folder = folder(vec![
        file("b \"quoted\" \\ \u{7}", 12),
        entry(b"\xff.txt", Kind::File, 1, NOON),
        folder_entry("문서"),
        entry(b"old", Kind::File, 0, -1),
        entry(b"unheard of", Kind::File, 0, i128::MAX),
    ]);
    let text = String::from_utf8(json(&Order::default(), folder)).unwrap();
    let expected = r#"[
{"name":"문서","type":"directory","mtime":"2026-07-25T13:45:00Z","href":"./%EB%AC%B8%EC%84%9C/"},
{"name":"b \"quoted\" \\ \u0007","type":"file","size":12,"mtime":"2026-07-25T13:45:00Z","href":"./b%20%22quoted%22%20%5C%20%07"},
{"name":"old","type":"file","size":0,"mtime":"1969-12-31T23:59:59Z","href":"./old"},
{"name":"unheard of","type":"file","size":0,"mtime":null,"href":"./unheard%20of"},
{"name":"�.txt","type":"file","size":1,"mtime":"2026-07-25T13:45:00Z","href":"./%FF.txt"}
]
"#;
    assert_eq!(text, expected);
    assert_eq!(json(&Order::default(), Folder::default()), b"[\n]\n");
}

/// Names that would do harm if they were not taken for names.
#[test]
fn hostile_names_stay_names() {
    for name in [
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "' onmouseover='alert(1)",
        "javascript:alert(1)",
        "//evil.example/",
        "https://evil.example",
        "</title><script>",
        "</style><script>",
        "<!--",
        "]]>",
        "&lt;script&gt;",
        "a?b#c",
        "..",
        "%2e%2e",
        "new\nline\r\n",
        "\u{202e}gpj.exe",
        "\u{0}",
        "\u{2028}",
    ] {
        for path in ["/".to_owned(), format!("/{}/", name.replace('/', "_"))] {
            let page = html(
                path.as_bytes(),
                &Order::default(),
                folder(vec![file(name, 1)]),
            );
            check_page(&page, path.as_bytes(), &[name.as_bytes()]);
        }
    }
}

proptest! {
    #[test]
    fn any_names_stay_names(
        names in prop::collection::vec(name(), 0..6),
        path in prop::collection::vec(name(), 0..3),
    ) {
        let path = path.iter().fold(vec![b'/'], |path, name| [path.as_slice(), name, b"/"].concat());
        let entries: Vec<_> = names.iter().map(|name| entry(name, Kind::File, 1, NOON)).collect();
        let page = html(&path, &Order::default(), folder(entries.clone()));
        let names: Vec<&[u8]> = names.iter().map(Vec::as_slice).collect();
        check_page(&page, &path, &names);

        let text = json(&Order::default(), folder(entries));
        let array: Vec<serde_json::Value> = serde_json::from_slice(&text).unwrap();
        prop_assert_eq!(array.len(), names.len());
    }
}

#[test]
fn large_folders_are_written_whole() {
    let count = 3 * LARGE + 1;
    let entries: Vec<_> = (0..count)
        .map(|number| file(&format!("{number}.txt"), 1))
        .collect();
    let page = html(b"/", &Order::default(), folder(entries.clone()));
    let page = String::from_utf8(page).unwrap();
    let links: Vec<&str> = page.split("<tr><td><a href=\"./").skip(1).collect();
    assert_eq!(links.len(), count);
    for (number, link) in links.iter().enumerate() {
        assert!(
            link.starts_with(&format!("{number}.txt\"")),
            "{number}: {link}"
        );
    }
    let text = json(&Order::default(), folder(entries));
    let array: Vec<serde_json::Value> = serde_json::from_slice(&text).unwrap();
    assert_eq!(array.len(), count);
    assert_eq!(array[count - 1]["name"], format!("{}.txt", count - 1));
}

/// Takes a page apart: its tags are ours alone, and its links are those of the names, byte for byte.
fn check_page(page: &[u8], path: &[u8], names: &[&[u8]]) {
    const TAGS: [&str; 24] = [
        "!doctype", "html", "/html", "meta", "title", "/title", "style", "/style", "main", "/main",
        "h1", "/h1", "a", "/a", "bdi", "/bdi", "wbr", "p", "/p", "table", "/table", "thead",
        "/thead", "tbody",
    ];
    const MORE_TAGS: [&str; 8] = ["/tbody", "tr", "/tr", "th", "/th", "td", "/td", "span"];
    let page = std::str::from_utf8(page).unwrap();
    let mut linked = Vec::new();
    for tag in page.split('<').skip(1) {
        let (tag, text) = tag.split_once('>').unwrap();
        let name = tag.split(' ').next().unwrap();
        assert!(
            TAGS.contains(&name) || MORE_TAGS.contains(&name) || name == "/span",
            "<{tag}> in {page}"
        );
        assert!(
            !text.contains('>') && !text.contains('"') || name == "style",
            "{text:?} in {page}"
        );
        let attributes: Vec<&str> = tag.split('"').step_by(2).skip(1).collect();
        assert!(
            attributes
                .iter()
                .all(|rest| rest.is_empty() || rest.starts_with(' ')),
            "{tag}"
        );
        if let Some(link) = tag.strip_prefix("a href=\"./") {
            let link = link.strip_suffix('"').unwrap();
            assert!(
                link.bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-._~%".contains(&byte)),
                "{link}"
            );
            linked.push(percent_decode(link.as_bytes()).collect::<Vec<u8>>());
        } else if let Some(link) = tag.strip_prefix("a href=\"") {
            assert!(
                link.starts_with("../") || link.starts_with("?sort="),
                "{link}"
            );
        }
    }
    let mut expected: Vec<Vec<u8>> = names.iter().map(|name| name.to_vec()).collect();
    expected.sort();
    linked.sort();
    assert_eq!(linked, expected, "{path:?}");
}

fn name() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(
            (1..=255_u8).prop_filter("no slash", |&byte| byte != b'/'),
            1..12
        ),
        "[<>&\"'a가=;:?# ]{1,8}".prop_map(String::into_bytes),
    ]
}

const NOON: i128 = 1_784_987_100_000_000_000;

fn file(name: &str, len: u64) -> FolderEntry {
    entry(name.as_bytes(), Kind::File, len, NOON)
}

fn folder_entry(name: &str) -> FolderEntry {
    entry(name.as_bytes(), Kind::Folder, 4_096, NOON)
}

fn entry(name: &[u8], kind: Kind, len: u64, modified_ns: i128) -> FolderEntry {
    FolderEntry {
        name: name.to_vec(),
        kind,
        len,
        modified_ns,
    }
}

fn folder(entries: Vec<FolderEntry>) -> Folder {
    Folder {
        entries,
        truncated: false,
    }
}
