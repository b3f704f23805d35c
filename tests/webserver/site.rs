//! The folder that most tests serve: one of everything that is asked for by name, beside a folder that must never be.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::OnceLock;

use harness::Sandbox;

/// The time of every file, in seconds and in the three forms of a date (RFC 9110 §5.6.7).
pub(crate) const CHANGED: i64 = 1_614_834_367;
pub(crate) const CHANGED_DATE: &str = "Thu, 04 Mar 2021 05:06:07 GMT";

/// The content of `/hello.txt`, the file that a row gets unless it is about files.
pub(crate) const HELLO: &[u8] = b"hello, world\n";
/// The content of `/next.txt`, which is asked for behind a row's request.
pub(crate) const NEXT: &[u8] = b"the next one\n";
/// The content of `/alphabet.txt`.
pub(crate) const ALPHABET: &[u8] = b"abcdefghijklmnopqrstuvwxyz";
/// The content of `/page.html`, and of the files beside it.
pub(crate) const PAGE: &[u8] = b"<!doctype html><title>page</title><p>as it is\n";
pub(crate) const PAGE_GZ: &[u8] = b"(the page by gzip)";
pub(crate) const PAGE_BR: &[u8] = b"(the page by brotli)";
pub(crate) const PAGE_ZST: &[u8] = b"(the page by zstd)";
/// The content of `/` and of `/docs/`.
pub(crate) const FRONT: &[u8] = b"<!doctype html><title>front</title>\n";
pub(crate) const DOCS: &[u8] = b"<!doctype html><title>docs</title>\n";
/// What is in every file that must not be served, and in no other.
pub(crate) const MARKER: &str = "MARKER-OF-THE-OUTSIDE";

/// Names that hold bytes with a meaning in addresses, each of which has its own name as content.
pub(crate) const NAMES: [&[u8]; 16] = [
    b"sp ace.txt",
    b"per%cent.txt",
    b"plus+plus.txt",
    b"q?mark.txt",
    b"hash#tag.txt",
    b"semi;colon.txt",
    b"back\\slash.txt",
    b"quote\"s.txt",
    b"it's.txt",
    b"a&b=c.txt",
    b"tilde~.txt",
    b"a..b.txt",
    b"dots..",
    b"col:on@at.txt",
    "한글.txt".as_bytes(),
    b"latin\xff.txt",
];

/// A sandbox with the folders `root` and `outside`.
pub(crate) fn site() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.dir("root").dir("outside");
    sandbox.file("outside/secret.txt", format!("{MARKER}\n"));
    fill_files(&sandbox);
    fill_sidecars(&sandbox);
    fill_folders(&sandbox);
    fill_links(&sandbox);
    sandbox
}

/// The folder to serve.
pub(crate) fn root(sandbox: &Sandbox) -> PathBuf {
    sandbox.join("root")
}

/// Makes a file with the time of all.
fn put(sandbox: &Sandbox, name: impl AsRef<[u8]>, content: impl AsRef<[u8]>) {
    let name = PathBuf::from("root").join(OsStr::from_bytes(name.as_ref()));
    sandbox
        .file(&name, content)
        .times(&name, CHANGED, 123_456_789);
}

fn fill_files(sandbox: &Sandbox) {
    put(sandbox, "hello.txt", HELLO);
    put(sandbox, "next.txt", NEXT);
    put(sandbox, "alphabet.txt", ALPHABET);
    put(sandbox, "empty.txt", "");
    put(sandbox, "big.bin", pattern(300_000));
    for name in NAMES {
        put(sandbox, name, name);
    }
    for name in [
        ".hidden",
        ".git/config",
        "docs/.secret",
        "docs/.well-known/inner.txt",
        ".well-known/.inner",
        "...",
    ] {
        put(sandbox, name, format!("{MARKER} in {name}\n"));
    }
    put(sandbox, ".well-known/acme.txt", "token\n");
}

/// Files that were compressed beforehand. Nobody looks into them, so each says which it is.
fn fill_sidecars(sandbox: &Sandbox) {
    put(sandbox, "page.html", PAGE);
    put(sandbox, "page.html.gz", PAGE_GZ);
    put(sandbox, "page.html.br", PAGE_BR);
    put(sandbox, "page.html.zst", PAGE_ZST);
    put(sandbox, "single.css", "p { color: teal }\n");
    put(sandbox, "single.css.gz", "(single by gzip)");
    put(sandbox, "stale.txt", "newer than what is beside it\n");
    put(sandbox, "stale.txt.gz", "(stale)");
    put(sandbox, "stale.txt.br", "(stale)");
    for name in ["root/stale.txt.gz", "root/stale.txt.br"] {
        sandbox.times(name, CHANGED - 1, 0);
    }
    put(sandbox, "ghost.txt.gz", "(nothing stands behind it)");
    put(sandbox, "covered/index.html", DOCS);
    put(sandbox, "covered/index.html.gz", "(covered by gzip)");
    put(sandbox, "leading.txt", "its sidecar leads outside\n");
    sandbox.symlink("../outside/secret.txt", "root/leading.txt.gz");
}

fn fill_folders(sandbox: &Sandbox) {
    put(sandbox, "index.html", FRONT);
    put(sandbox, "docs/index.html", DOCS);
    put(sandbox, "docs/guide.txt", "guide\n");
    put(sandbox, "plain/a.txt", "a\n");
    put(sandbox, "sp dir/index.html", DOCS);
    put(sandbox, "new\nline/index.html", DOCS);
    put(sandbox, "폴더/index.html", DOCS);
    put(sandbox, "a/b/c/leaf.txt", "leaf\n");
    sandbox.dir("root/index-is-a-folder/index.html");
    sandbox.fifo("root/pipe").socket("root/socket");
}

fn fill_links(sandbox: &Sandbox) {
    sandbox
        .symlink("hello.txt", "root/link.txt")
        .symlink("../hello.txt", "root/docs/up.txt")
        .symlink("docs", "root/dirlink")
        .symlink("../outside/secret.txt", "root/out.txt")
        .symlink("../outside", "root/outdir")
        .symlink("out.txt", "root/chain.txt")
        .symlink("loop", "root/loop")
        .symlink("nowhere", "root/dangling")
        .symlink("/proc/self/environ", "root/environ")
        .symlink("/", "root/slash")
        .symlink(sandbox.join("outside/secret.txt"), "root/absolute.txt");
}

/// So many bytes, of which no two pieces at different places look the same. What is shorter is the beginning of what
/// is longer, so that it has to be made but once.
pub(crate) fn pattern(len: usize) -> Vec<u8> {
    const SHORT: usize = 1 << 20;
    const LONG: usize = 24 << 20;
    static PATTERNS: [OnceLock<Vec<u8>>; 2] = [const { OnceLock::new() }; 2];
    let (made, whole) = if len <= SHORT {
        (&PATTERNS[0], SHORT)
    } else {
        (&PATTERNS[1], LONG)
    };
    let words = (0u32..).flat_map(|number| number.wrapping_mul(2_654_435_761).to_le_bytes());
    made.get_or_init(|| words.take(whole).collect())[..len].to_vec()
}
