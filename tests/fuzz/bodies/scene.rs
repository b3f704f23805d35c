//! A small folder that is served in several ways, beside one that must never be.
//!
//! ```text
//! root/     index.html  small.txt  digits.txt  empty.txt  middle.bin  big.bin  style.css  oops.html
//!           page.html and .gz .br .zst   stale.js and a .gz that is older
//!           docs/index.html  list/…  .hidden  .well-known/acme
//!           in, chain, absolute ─► small.txt   out, away, outdir, up ─► outside
//! outside/  secret.txt
//! ```
//!
//! Rule: names, contents and times are always the same, and no two files have the same tag, so that a reply tells
//! which bytes it must hold.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tempfile::TempDir;
use webserver::config::{AccessConfig, Config, Limits, Listen, SiteConfig};
use webserver::files::compress;
use webserver::files::root::{Facts, Links, Root};
use webserver::files::site::Site;
use webserver::http::accept::Coding;
use webserver::http::etag::ETag;
use webserver::respond::Responder;

/// What stands in every file outside, and in no other.
pub const MARKER: &str = "MARKER-OF-THE-OUTSIDE";

/// A host that gets lists of folders and compressed text, and has each file looked at anew for each request.
pub const LISTED: &str = "list.test";
/// A host that has pages of its own for errors.
pub const PAGED: &str = "pages.test";
/// A host that answers with one page where there is none.
pub const SPA: &str = "spa.test";

/// When the first of [`FILES`] was modified, in seconds; each was a minute after the one before.
pub const MODIFIED: u64 = 1_614_834_367;

/// Every file in the root. `middle.bin` is too long to be copied behind its head, `big.bin` to be kept in memory.
pub const FILES: [(&str, Content); 20] = [
    ("stale.js.gz", Content::Bytes(61)),
    ("index.html", Content::Text(400)),
    ("small.txt", Content::Text(13)),
    ("digits.txt", Content::Text(1000)),
    ("empty.txt", Content::Text(0)),
    ("big.bin", Content::Bytes(300_000)),
    ("style.css", Content::Text(3000)),
    ("oops.html", Content::Text(90)),
    ("page.html", Content::Text(700)),
    ("page.html.gz", Content::Bytes(71)),
    ("page.html.br", Content::Bytes(72)),
    ("page.html.zst", Content::Bytes(73)),
    ("stale.js", Content::Text(500)),
    ("docs/index.html", Content::Text(120)),
    ("docs/sp ace.txt", Content::Text(14)),
    ("list/a", Content::Text(15)),
    ("list/한글.txt", Content::Text(16)),
    (".hidden", Content::Text(17)),
    (".well-known/acme", Content::Text(18)),
    ("middle.bin", Content::Bytes(40_000)),
];

/// Links, and what they hold. `{root}` and `{outside}` stand for absolute paths.
const LINKS: [(&str, &str); 10] = [
    ("in", "small.txt"),
    ("chain", "in"),
    ("absolute", "{root}/small.txt"),
    ("loop", "loop"),
    ("out", "../outside/secret.txt"),
    ("away", "{outside}/secret.txt"),
    ("outdir", "../outside"),
    ("up", ".."),
    ("list/gone", "nowhere"),
    ("list/out", "../../outside/secret.txt"),
];

/// What a file is made of: so many bytes of text, or of anything.
#[derive(Clone, Copy)]
pub enum Content {
    /// Words that can be compressed.
    Text(usize),
    /// Bytes that cannot.
    Bytes(usize),
}

/// The only user, and the password, as they stand in `Authorization`.
pub const CREDENTIALS: &str = "Basic dXNlcjpwYXNz";
const USER: &str = "user";
/// The password as it is.
pub const PASSWORD: &[u8] = b"pass";
/// A hash of it, at the lowest cost there is.
const HASH: &str = "$2b$04$abcdefghijklmnopqrstuufznL8bkzdtHwLhca4To/v9Lo9bA7fR6";

/// The folders, ready to be served.
pub struct Scene {
    /// The way into `root/`.
    pub root: Root,
    sites: Vec<(Option<String>, Arc<Site>)>,
    contents: BTreeMap<String, Vec<u8>>,
    inside: BTreeSet<(u64, u64)>,
    /// Removed with the scene.
    _folder: TempDir,
}

/// How much a server remembers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Memory {
    /// As much as it likes.
    Ample,
    /// Nothing.
    Nothing,
}

/// Who is let in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Doors {
    /// Everybody.
    Open,
    /// Who has [`CREDENTIALS`].
    Locked,
}

impl Scene {
    /// Makes the folders.
    ///
    /// # Panics
    /// If they cannot be made.
    #[must_use]
    pub fn new() -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let base = folder.path().canonicalize().expect("its real path");
        let root = base.join("root");
        fill(&base, &root);
        let mut inside = BTreeSet::new();
        note_inside(&root, &mut inside);
        let site = |config: &SiteConfig| {
            Arc::new(Site::open(&root, config).expect("a folder that can be served"))
        };
        let [plain, listed, paged, spa] = configs().map(|config| site(&config));
        Self {
            root: Root::open(&root, Links::Within).expect("a folder that can be served"),
            sites: vec![
                (None, plain),
                (Some(LISTED.to_owned()), listed),
                (Some(PAGED.to_owned()), paged),
                (Some(SPA.to_owned()), spa),
            ],
            contents: contents(),
            inside,
            _folder: folder,
        }
    }

    /// Whether a file or folder is one of those in the root.
    #[must_use]
    pub fn has(&self, facts: &Facts) -> bool {
        self.inside.contains(&(facts.device, facts.inode))
    }

    /// The bytes of the form of a file that has this tag.
    #[must_use]
    pub fn content(&self, tag: &str) -> Option<&[u8]> {
        self.contents.get(tag).map(Vec::as_slice)
    }

    /// Somebody who answers requests and has answered none.
    #[must_use]
    pub fn responder(&self, doors: Doors, memory: Memory) -> Responder {
        let users = match doors {
            Doors::Open => Vec::new(),
            Doors::Locked => vec![(USER.to_owned(), HASH.to_owned())],
        };
        let mut site = SiteConfig {
            users,
            ..SiteConfig::default()
        };
        if memory == Memory::Nothing {
            site.cache_len = 0;
        }
        Responder::new(&self.sites, &config(site), 0x6d1f_3a9c_0b2e_4875)
    }
}

impl Default for Scene {
    fn default() -> Self {
        Self::new()
    }
}

/// The tag of a file of the root, and when it was modified. A compressed form has the tag that it has as such.
///
/// # Panics
/// If there is no such file.
#[must_use]
pub fn tag(name: &str) -> (String, SystemTime) {
    let place = FILES.iter().position(|(other, _)| *other == name);
    let place = place.expect("a file of the scene");
    let coding = coding_of(name).unwrap_or(Coding::Identity);
    (tag_of(place, coding), modified(place))
}

fn tag_of(place: usize, coding: Coding) -> String {
    let since_1970 = modified(place).duration_since(SystemTime::UNIX_EPOCH);
    let nanos = since_1970.expect("after 1970").as_nanos().cast_signed();
    let tag = ETag::of(nanos, FILES[place].1.len() as u64, coding);
    String::from_utf8_lossy(tag.as_bytes()).into_owned()
}

/// The coding that a file lies beside another in.
fn coding_of(name: &str) -> Option<Coding> {
    let suffix = name.rsplit('.').next();
    let mut codings = Coding::ALL.into_iter();
    codings.find(|coding| coding.suffix().is_some() && coding.suffix() == suffix)
}

/// Not on the second, so that a date is not all of it.
fn modified(place: usize) -> SystemTime {
    let secs = MODIFIED + 60 * place as u64;
    SystemTime::UNIX_EPOCH + Duration::new(secs, 123_456_789)
}

impl Content {
    const fn len(self) -> usize {
        match self {
            Self::Text(len) | Self::Bytes(len) => len,
        }
    }

    /// Different for each place in [`FILES`].
    fn bytes(self, place: usize) -> Vec<u8> {
        let mut number = u32::try_from(place).expect("a small number") + 1;
        let mut next = || {
            number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            number >> 16
        };
        match self {
            Self::Bytes(len) => (0..len).map(|_| next().to_le_bytes()[0]).collect(),
            Self::Text(len) => {
                let words = std::iter::repeat_with(|| format!("word{} ", next() % 50));
                let text: Vec<u8> = words.flat_map(String::into_bytes).take(len).collect();
                text
            }
        }
    }
}

fn fill(base: &Path, root: &Path) {
    let outside = base.join("outside");
    for folder in [root, &outside] {
        fs::create_dir(folder).expect("a new folder");
    }
    for folder in ["docs", "list", "list/sub", ".well-known"] {
        fs::create_dir(root.join(folder)).expect("a new folder");
    }
    fs::write(outside.join("secret.txt"), MARKER).expect("a new file");
    for (place, (name, content)) in FILES.iter().enumerate() {
        let path = root.join(name);
        fs::write(&path, content.bytes(place)).expect("a new file");
        let file = File::options().write(true).open(&path);
        let file = file.expect("the file that was just written");
        file.set_modified(modified(place)).expect("a time of ours");
    }
    for (name, target) in LINKS {
        let target = target
            .replace("{root}", &root.to_string_lossy())
            .replace("{outside}", &outside.to_string_lossy());
        symlink(target, root.join(name)).expect("a new link");
    }
}

/// Notes a folder and what is in it, but for what is behind links.
fn note_inside(path: &Path, inside: &mut BTreeSet<(u64, u64)>) {
    let facts = path.symlink_metadata().expect("something that is there");
    if facts.is_symlink() {
        return;
    }
    inside.insert((facts.dev(), facts.ino()));
    if facts.is_dir() {
        for entry in fs::read_dir(path).expect("a folder that can be read") {
            note_inside(&entry.expect("an entry").path(), inside);
        }
    }
}

/// What is sent under each tag: the files as they are, and the text compressed as a server may.
fn contents() -> BTreeMap<String, Vec<u8>> {
    let mut contents = BTreeMap::new();
    let mut note = |tag, bytes| {
        let before = contents.insert(tag, bytes);
        assert!(before.is_none(), "a tag of two files");
    };
    for (place, (name, content)) in FILES.iter().enumerate() {
        let bytes = content.bytes(place);
        match (coding_of(name), content) {
            // It is older than its source, so it is sent as itself only.
            (Some(_), _) if name.starts_with("stale") => {}
            (Some(coding), _) => note(tag_of(place, coding), bytes.clone()),
            (None, Content::Text(_)) => {
                for coding in [Coding::Gzip, Coding::Brotli] {
                    if let Some(made) = compress::compress(&bytes, coding) {
                        note(tag_of(place, coding), made);
                    }
                }
            }
            (None, Content::Bytes(_)) => {}
        }
        note(tag_of(place, Coding::Identity), bytes);
    }
    contents
}

fn configs() -> [SiteConfig; 4] {
    let text = str::to_owned;
    [
        SiteConfig::default(),
        SiteConfig {
            list: true,
            compress: true,
            fresh: Duration::ZERO,
            cache_control: vec![(text("*.css"), text("max-age=60"))],
            headers: vec![(text("X-Extra"), text("1"))],
            cors: true,
            ..SiteConfig::default()
        },
        SiteConfig {
            list: true,
            error_pages: [404, 405, 412, 403]
                .map(|status| (status, text("oops.html")))
                .to_vec(),
            ..SiteConfig::default()
        },
        SiteConfig {
            spa: Some(text("page.html")),
            ..SiteConfig::default()
        },
    ]
}

fn config(site: SiteConfig) -> Config {
    Config {
        listen: Listen::Tcp {
            addrs: Vec::<IpAddr>::new(),
            port: 0,
        },
        root: "root".into(),
        hosts: Vec::new(),
        site,
        limits: Limits::default(),
        access: AccessConfig {
            format: None,
            file: None,
            trusted_proxies: Vec::new(),
        },
        tls: None,
        admin: None,
        workers: NonZeroUsize::MIN,
    }
}
