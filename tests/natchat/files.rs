//! Files: offered, accepted, sent whole or in several goes, checked, and never where they should not be.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

use harness::lab::{Lab, Nat, home};
use harness::{Mount, Random, SOON, Sandbox, Stopwatch, wait_until};

use crate::people::{Person, Place, Server, User, join};

/// For files of this size, by unoptimised programs on a machine with other work.
const LONG: Duration = Duration::from_secs(60);

const BIG_LEN: usize = 64 << 20;
const MEDIUM_LEN: usize = 8 << 20;

/// Two who know each other; the second has some folders.
struct Scene {
    _server: Server<'static>,
    alice: User<'static>,
    bob: User<'static>,
}

impl Scene {
    fn new() -> Self {
        let server = Server::here();
        let alice = join(Place::Here, "alice", server.addr());
        let bob = join(Place::Here, "bob", server.addr());
        alice.meets("bob");
        bob.meets("alice");
        Self {
            alice,
            bob,
            _server: server,
        }
    }
}

/// Offers a file that is in the sender's folder, and waits until the receiver knows.
#[track_caller]
fn offer(from: &mut User<'_>, to: &User<'_>, name: &str) {
    let offers = to.lines_from(&format!("{} offers ", from.id())).len();
    from.types(&format!("@send {} {name}", to.id()));
    from.sees_start(&format!("{name} is offered to {}", to.id()));
    to.sees_all_within(SOON, "another offer", |lines| {
        let start = format!("{} offers ", from.id());
        lines.iter().filter(|line| line.starts_with(&start)).count() > offers
    });
}

/// Sends a file from folder to folder.
#[track_caller]
fn send(from: &mut User<'_>, to: &mut User<'_>, name: &str) {
    offer(from, to, name);
    to.types(&format!("@accept {}", from.id()));
    arrives(from, to, name, name);
}

/// Waits until both know that it is there, and compares it.
#[track_caller]
fn arrives(from: &User<'_>, to: &User<'_>, sent: &str, received: &str) {
    to.sees_such_within(LONG, "the file received", |line| {
        line.starts_with("Received ")
            && line.contains(received)
            && line.ends_with(&format!(" from {}", from.id()))
    });
    from.sees_such_within(LONG, "the file arrived", |line| {
        line.starts_with(&format!("{sent} ("))
            && line.ends_with(&format!(" has arrived at {}", to.id()))
    });
    same(&from.folder().join(sent), &to.download(received));
}

#[track_caller]
fn same(sent: &Path, received: &Path) {
    let [sent_bytes, received_bytes] = [sent, received]
        .map(|path| fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())));
    assert!(
        sent_bytes == received_bytes,
        "{} differs",
        received.display()
    );
    let modified = |path| fs::metadata(path).and_then(|meta| meta.modified());
    let [sent, received] = [sent, received].map(|path| modified(path).expect("its time").elapsed());
    let [sent, received] = [sent, received].map(|age| age.expect("in the past"));
    assert!(
        sent.abs_diff(received) <= Duration::from_secs(2),
        "another time of change"
    );
}

/// The part files in somebody's downloads.
fn parts(user: &User<'_>) -> Vec<(std::path::PathBuf, u64)> {
    let downloads = user.folder().join("downloads");
    let names = user.folder().list("downloads").into_iter();
    names
        .filter(|name| name.as_os_str().as_bytes().ends_with(b".part"))
        .map(|name| {
            let path = downloads.join(name);
            // It may have got its name meanwhile.
            let len = fs::metadata(&path).map_or(0, |meta| meta.len());
            (path, len)
        })
        .collect()
}

#[test]
fn files_of_every_size_arrive_and_talk_goes_on() {
    let mut scene = Scene::new();
    let Scene { alice, bob, .. } = &mut scene;
    let mut random = Random::new(1);
    for len in [0, 1, 1_199, 262_143, 262_144, 262_145, MEDIUM_LEN] {
        let name = format!("file {len}.bin");
        alice.folder().file(&name, random.bytes(len));
        send(alice, bob, &name);
    }
    assert_eq!(parts(bob), []);

    alice.folder().file("big", random.bytes(BIG_LEN));
    offer(alice, bob, "big");
    bob.types("@accept alice big");
    wait_until("a part of it", SOON, || {
        parts(bob).iter().any(|(_, len)| *len > 0)
    });
    let mut slowest = Duration::ZERO;
    for number in 0..5 {
        slowest = slowest.max(alice.chats_with(bob, &format!("meanwhile {number}")));
        slowest = slowest.max(bob.chats_with(alice, &format!("meanwhile {number}")));
    }
    arrives(alice, bob, "big", "big");
    assert!(slowest < Duration::from_secs(10), "{slowest:?}");
}

#[test]
fn files_cross_in_both_directions() {
    let mut scene = Scene::new();
    let Scene { alice, bob, .. } = &mut scene;
    let mut random = Random::new(2);
    for number in 0..3 {
        alice
            .folder()
            .file(format!("a{number}"), random.bytes(MEDIUM_LEN / 2));
        bob.folder()
            .file(format!("b{number}"), random.bytes(MEDIUM_LEN / 2));
        offer(alice, bob, &format!("a{number}"));
        offer(bob, alice, &format!("b{number}"));
    }
    alice.types("@accept bob");
    bob.types("@accept alice");
    for number in 0..3 {
        let [a, b] = [format!("a{number}"), format!("b{number}")];
        arrives(alice, bob, &a, &a);
        arrives(bob, alice, &b, &b);
    }
}

#[test]
fn files_pass_the_relay() {
    let sites =
        ["left", "right"].map(|name| home(name, Nat::Symmetric).host(&format!("{name}host")));
    let Some(lab) = Lab::build("files through the relay", sites) else {
        return;
    };
    let server = Server::on(lab.server());
    let mut alice = join(lab.host("lefthost"), "alice", server.addr());
    let mut bob = join(lab.host("righthost"), "bob", server.addr());
    alice.meets("bob");
    bob.meets("alice");
    alice
        .folder()
        .file("file", Random::new(3).bytes(2 * MEDIUM_LEN));
    send(&mut alice, &mut bob, "file");
    assert_eq!(alice.way_to("bob"), "relayed");
}

/// Killed in the middle, each side once: the next offer says how much is there, and only the rest is sent.
#[test]
fn a_file_that_was_cut_off_goes_on_where_it_stopped() {
    let server = Server::here();
    let mut alice = join(Place::Here, "alice", server.addr());
    let mut bob = join(Place::Here, "bob", server.addr());
    let name = "big.bin";
    alice.folder().file(name, Random::new(4).bytes(BIG_LEN));
    bob.meets("alice");
    for number in 0..2 {
        offer(&mut alice, &bob, name);
        bob.types("@accept alice");
        let least = parts(&bob).first().map_or(0, |(_, len)| *len) + (4 << 20);
        wait_until("a part of it", LONG, || {
            parts(&bob).iter().any(|(_, len)| *len >= least)
        });
        if number == 0 {
            bob = bob.dies().join(server.addr());
            alice.sees_start("big.bin with bob has stopped at ");
        } else {
            alice = alice.dies().join(server.addr());
        }
        bob.meets("alice");
        alice.meets("bob");
    }
    let there = parts(&bob);
    assert_eq!(there.len(), 1, "{there:?}");
    assert!(there[0].1 < BIG_LEN as u64);
    offer(&mut alice, &bob, name);
    let offers = bob.lines_from("alice offers ");
    let rest = offers.last().expect("the offer");
    assert!(rest.contains(" of it here already"), "{rest}");
    bob.types("@accept alice");
    arrives(&alice, &bob, name, name);
    assert_eq!(parts(&bob), []);
}

/// The same name, length and time, but other bytes: what is there of the old one is worth nothing.
#[test]
fn a_file_that_was_changed_between_two_goes_is_sent_anew() {
    let server = Server::here();
    let mut alice = join(Place::Here, "alice", server.addr());
    let mut bob = join(Place::Here, "bob", server.addr());
    bob.meets("alice");
    let old = Random::new(5).bytes(BIG_LEN / 2);
    alice
        .folder()
        .file("file", &old)
        .times("file", 1_000_000_000, 0);
    offer(&mut alice, &bob, "file");
    bob.types("@accept alice");
    wait_until("a part of it", LONG, || {
        parts(&bob).iter().any(|(_, len)| *len > 1 << 20)
    });
    let mut bob = bob.dies().join(server.addr());
    bob.meets("alice");
    let new = Random::new(6).bytes(BIG_LEN / 2);
    alice
        .folder()
        .file("file", &new)
        .times("file", 1_000_000_000, 0);
    alice.sees_start("bob is ");
    offer(&mut alice, &bob, "file");
    bob.types("@accept alice");
    arrives(&alice, &bob, "file", "file");
}

#[test]
fn a_file_that_changes_while_it_is_sent_is_not_passed_off_as_whole() {
    let mut scene = Scene::new();
    let Scene { alice, bob, .. } = &mut scene;
    alice.folder().file("file", Random::new(7).bytes(BIG_LEN));
    offer(alice, bob, "file");
    bob.types("@accept alice");
    wait_until("a part of it", LONG, || {
        parts(bob).iter().any(|(_, len)| *len > 1 << 20)
    });
    alice.folder().file("file", "another");
    alice.sees_start("file with bob has stopped at ");
    bob.sees_start("file with alice has stopped at ");
    assert!(!bob.download("file").exists());
    alice.chats_with(bob, "still here");
}

#[test]
fn offers_can_be_refused() {
    let mut scene = Scene::new();
    let Scene { alice, bob, .. } = &mut scene;
    for name in ["one", "two", "three"] {
        alice.folder().file(name, name);
        offer(alice, bob, name);
    }
    bob.types("@refuse alice two");
    alice.sees_start("two with bob has stopped at 0");
    bob.types("@accept alice three");
    arrives(alice, bob, "three", "three");
    bob.types("@refuse alice");
    alice.sees_start("one with bob has stopped at 0");
    assert_eq!(bob.folder().list("downloads"), [Path::new("three")]);
    // Nothing is left to be accepted.
    bob.types("@accept alice");
    bob.is_warned("alice");
}

#[test]
fn nothing_is_overwritten() {
    let mut scene = Scene::new();
    let Scene { alice, bob, .. } = &mut scene;
    bob.folder().file("downloads/notes.txt", "bob's own");
    bob.folder().symlink("../outside", "downloads/link.txt");
    for (number, (name, received)) in [
        ("notes.txt", "notes (1).txt"),
        ("notes.txt", "notes (2).txt"),
        ("link.txt", "link (1).txt"),
    ]
    .into_iter()
    .enumerate()
    {
        alice.folder().file(name, format!("alice's {number}"));
        offer(alice, bob, name);
        bob.types("@accept alice");
        bob.sees_such_within(LONG, received, |line| {
            line.starts_with("Received ") && line.contains(received)
        });
        assert_eq!(
            bob.folder().read_text(format!("downloads/{received}")),
            format!("alice's {number}")
        );
    }
    assert_eq!(bob.folder().read_text("downloads/notes.txt"), "bob's own");
    assert!(!bob.folder().has("outside"));
}

/// Names as they can be on the sender's disk: what arrives is one file in the folder for downloads, and no line shows a
/// control character.
#[test]
fn strange_names_do_no_harm() {
    let mut scene = Scene::new();
    let Scene { alice, bob, .. } = &mut scene;
    let longest = "x".repeat(255);
    let korean = "긴이름".repeat(28);
    let names = [
        "한글 이름.txt",
        "-rf",
        ".hidden",
        "...",
        "a\u{1b}[31mred",
        "a\u{202e}txt.exe",
        "~",
        "$(touch x)",
        "con.txt",
        "a\\b",
        "two  spaces",
        &longest,
        &korean,
        "x.part",
    ];
    for (number, name) in names.iter().enumerate() {
        let bytes = format!("file {number}");
        alice.folder().file(name, &bytes);
        let before = bob.folder().list("downloads").len();
        // Not `offer`, as the name is shown in another form.
        alice.types(&format!("@send bob ./{name}"));
        bob.sees_all_within(SOON, &format!("offer of {name:?}"), |lines| {
            lines
                .iter()
                .filter(|line| line.starts_with("alice offers "))
                .count()
                > number
        });
        bob.types("@accept alice");
        bob.sees_all_within(LONG, &format!("{name:?} received"), |lines| {
            lines
                .iter()
                .filter(|line| line.starts_with("Received "))
                .count()
                > number
        });
        let list = bob.folder().list("downloads");
        assert_eq!(list.len(), before + 1, "{name:?}: {list:?}");
        let found = list.iter().filter(|name| {
            fs::read(bob.folder().join("downloads").join(name))
                .is_ok_and(|found| found == bytes.as_bytes())
        });
        assert_eq!(found.count(), 1, "{name:?}: {list:?}");
    }
    let shown = [alice.lines(), bob.lines()].concat();
    assert!(
        shown
            .iter()
            .all(|line| !line.contains(['\u{1b}', '\u{202e}'])),
        "{shown:#?}"
    );
    assert_eq!(bob.folder().list(".").len(), 2, "only data and downloads");
}

#[test]
fn a_full_disk_stops_the_file_and_nothing_else() {
    let Some(disk) = Mount::tmpfs(1 << 20) else {
        return;
    };
    let server = Server::here();
    let mut alice = join(Place::Here, "alice", server.addr());
    let folder = Sandbox::within(disk.path());
    let full = folder.path().display().to_string();
    let mut bob = Person::new(Place::Here, "bob")
        .downloading_to(&full)
        .join(server.addr());
    alice.meets("bob");
    alice
        .folder()
        .file("file", Random::new(8).bytes(MEDIUM_LEN));
    offer(&mut alice, &bob, "file");
    bob.types("@accept alice");
    bob.sees_start("file with alice has stopped at ");
    alice.sees_start("file with bob has stopped at ");
    alice.chats_with(&bob, "still here");
    bob.chats_with(&alice, "me too");
}

#[test]
fn a_transfer_ends_when_its_receiver_leaves() {
    let mut scene = Scene::new();
    let Scene { alice, bob, .. } = &mut scene;
    alice.folder().file("file", Random::new(9).bytes(BIG_LEN));
    offer(alice, bob, "file");
    bob.types("@accept alice");
    wait_until("a part of it", LONG, || {
        parts(bob).iter().any(|(_, len)| *len > 1 << 20)
    });
    let watch = Stopwatch::start();
    bob.types("@exit");
    bob.ended();
    assert!(watch.elapsed() < SOON, "{:?}", watch.elapsed());
    alice.sees("bob is unregistered");
    alice.sees_start("file with bob has stopped at ");
}
