//! One large file between two homes: directly between port-restricted ones, through the server between symmetric ones.
//! Source and copy are in memory.
//!
//! Beside it: magic-wormhole, which encrypts too, over TCP, and through its relay in either case, because it opens no
//! NAT; and plain TCP by nc, unencrypted and unchecked, from behind one NAT to a public host: what the path would bear.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use harness::lab::{Host, Lab, Nat, public};
use harness::{
    Command, Mount, Random, Running, SOON, Sandbox, Stopwatch, leave_out, needs_tool, wait_until,
};

use crate::Options;
use crate::family::Family;
use crate::figure::{Figure, Line, Outcome, Unit, as_f64};
use crate::pair::{self, begin_on, hear, left, meet, right, wait_for_direct};
use crate::people::{Person, Place, Server, User};

/// The file's length; a short one with `--quick`.
const LEN: usize = 1 << 30;
const SHORT_LEN: usize = 64 << 20;

/// Its name.
const SOURCE: &str = "source.bin";

/// The file is made in pieces of this length.
const PIECE_LEN: usize = 16 << 20;

/// For one transfer: 10 MB/s would be slow.
const LIMIT: Duration = Duration::from_secs(110);

/// A port for nc, and two for magic-wormhole's servers.
const NC_PORT: &str = "4000";
const MAILBOX_PORT: &str = "4001";
const TRANSIT_PORT: &str = "4002";

/// How one transfer went.
#[derive(Clone, Copy, Debug)]
struct Sent {
    len: usize,
    wall: Duration,
    sender: Duration,
    receiver: Duration,
    server: Duration,
}

impl Sent {
    fn rate(&self) -> Figure {
        let megabytes = as_f64(self.len) / 1e6;
        let rate = megabytes / self.wall.as_secs_f64();
        Figure::one(Unit::MegabytesPerSecond, rate)
    }

    fn cost(&self, of: Duration) -> Figure {
        let gigabytes = as_f64(self.len) / 1e9;
        Figure::one(Unit::SecsPerGigabyte, of.as_secs_f64() / gigabytes)
    }
}

pub(crate) fn run(options: &Options) -> Outcome {
    let len = if options.quick { SHORT_LEN } else { LEN };
    // Both copies and a rest.
    let room = u64::try_from(3 * len).expect("a length in 64 bits");
    let mount = Mount::tmpfs(room).expect("root can mount");
    let folder = |name| {
        let path = mount.path().join(name);
        fs::create_dir(&path).expect("an empty file system");
        path
    };
    let stage = Stage {
        source: folder("source").join(SOURCE),
        copies: folder("copies"),
        len,
    };
    make(&stage.source, len);
    let mut outcome = Outcome::default();
    direct(&stage, &mut outcome);
    relayed(&stage, options, &mut outcome);
    outcome
}

/// What is sent, and where to.
struct Stage {
    source: PathBuf,
    copies: PathBuf,
    len: usize,
}

impl Stage {
    /// An empty place for a copy.
    fn clear(&self, name: &str) -> PathBuf {
        let path = self.copies.join(name);
        // Not there the first time.
        fs::remove_file(&path).ok();
        path
    }

    /// Whether the copy is as long as the source; its bytes are the senders' own affair, all check them but nc.
    fn is_whole(&self, copy: &Path) -> bool {
        fs::metadata(copy).is_ok_and(|meta| meta.len() == self.len_u64())
    }

    fn len_u64(&self) -> u64 {
        u64::try_from(self.len).expect("a length in 64 bits")
    }
}

fn make(path: &Path, len: usize) {
    let mut file = File::create(path).expect("a file in a new folder");
    let piece = Random::new(1).bytes(PIECE_LEN);
    for number in 0..len / PIECE_LEN {
        let written = file
            .write_all(&number.to_le_bytes())
            .and_then(|()| file.write_all(&piece[size_of::<usize>()..]));
        written.expect("room for the source");
    }
}

fn direct(stage: &Stage, outcome: &mut Outcome) {
    let port = Nat::PortRestricted;
    let lab = pair::lab([left(port), right(port), public("carol")]);
    let sent = by_natchat(&lab, stage, Way::Direct);
    let plain = plain_tcp(&lab, stage);
    outcome.add(
        Line::new("a file of 1 GiB, direct, port × port", sent.rate())
            .beside("nc, plain TCP", plain.map(|plain| plain.rate())),
    );
    outcome.add(
        Line::new("processor time of its sender", sent.cost(sent.sender))
            .beside("nc", plain.map(|plain| plain.cost(plain.sender))),
    );
    outcome.add(
        Line::new("processor time of its receiver", sent.cost(sent.receiver))
            .beside("nc", plain.map(|plain| plain.cost(plain.receiver))),
    );
}

fn relayed(stage: &Stage, options: &Options, outcome: &mut Outcome) {
    let lab = pair::lab([left(Nat::Symmetric), right(Nat::Symmetric)]);
    let sent = by_natchat(&lab, stage, Way::Relayed);
    let theirs = Wormhole::find(&options.peers).map(|wormhole| wormhole.send(&lab, stage));
    let name = "magic-wormhole";
    outcome.add(
        Line::new(
            "the same through the server, symmetric × symmetric",
            sent.rate(),
        )
        .beside(name, theirs.map(|theirs| theirs.rate())),
    );
    for (what, ours, of) in [
        (
            "processor time of its sender",
            sent.sender,
            (|sent| sent.sender) as fn(Sent) -> Duration,
        ),
        ("of its receiver", sent.receiver, |sent| sent.receiver),
        ("of the server", sent.server, |sent| sent.server),
    ] {
        let theirs = theirs.map(|theirs| theirs.cost(of(theirs)));
        outcome.add(Line::new(what, sent.cost(ours)).beside(name, theirs));
    }
}

/// By which way natchat is to send.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Direct,
    Relayed,
}

fn by_natchat(lab: &Lab, stage: &Stage, way: Way) -> Sent {
    // What one member may have relayed is bounded by default; the bound is not what is measured.
    let mut server = Server::start(lab.server().into(), &["--relay-rate", "1GiB"]);
    let start = |name, person| begin_on(lab.host(name), person, server.addr());
    let mut alice = start("alice", Person::new(Place::Here, "alice"));
    let bob = Person::new(Place::Here, "bob").downloading_to(stage.copies.clone());
    let mut bob = start("bob", bob);
    meet(&alice, &bob);
    hear(&mut alice, &bob, "hi", Stopwatch::start());
    if way == Way::Direct {
        wait_for_direct(&mut alice, "bob");
    }
    alice.types(&format!("@send bob {}", stage.source.display()));
    bob.sees_start("alice offers source.bin");

    let cpu = |user: &mut User<'_>| Family::of(user.running().pid()).counts().cpu;
    let server_family = Family::of(server.running().pid());
    let before = (cpu(&mut alice), cpu(&mut bob), server_family.counts().cpu);
    let watch = Stopwatch::start();
    bob.types("@accept alice");
    bob.sees_such_within(LIMIT, "the file", |line| line.starts_with("Received "));
    alice.sees_such_within(LIMIT, "its arrival", |line| {
        line.ends_with(" has arrived at bob")
    });
    let wall = watch.elapsed();
    let sent = Sent {
        len: stage.len,
        wall,
        sender: cpu(&mut alice) - before.0,
        receiver: cpu(&mut bob) - before.1,
        server: server_family.counts().cpu - before.2,
    };
    let is_direct = alice.way_to("bob") == "direct";
    assert_eq!(is_direct, way == Way::Direct, "the way has changed");
    assert!(
        stage.is_whole(&stage.copies.join(SOURCE)),
        "the copy is whole"
    );
    stage.clear(SOURCE);
    sent
}

/// From behind a NAT to a public host.
fn plain_tcp(lab: &Lab, stage: &Stage) -> Option<Sent> {
    let program = needs_tool("nc", "nc", "netcat-openbsd")?;
    let (sender, receiver) = (lab.host("alice"), lab.host("carol"));
    let copy = stage.clear("nc.bin");
    let shell = |host: Host<'_>, line: String| {
        let command = Command::new("sh").args(["-c", &line]);
        host.enter(|| command.start())
    };
    let nc = program.display();
    let listening = shell(
        receiver,
        format!("exec '{nc}' -l {NC_PORT} > '{}'", copy.display()),
    );
    wait_until("nc listens", SOON, || {
        let asked = Command::new("ss").args(["-Hltn", &format!("sport = :{NC_PORT}")]);
        !receiver.enter(|| asked.run()).stdout.is_empty()
    });
    let watch = Stopwatch::start();
    let address = receiver.addr();
    let source = stage.source.display();
    let sending = shell(
        sender,
        format!("exec '{nc}' -N {address} {NC_PORT} < '{source}'"),
    );
    let [sender, receiver] = ended([sending, listening]);
    let wall = watch.elapsed();
    assert!(stage.is_whole(&copy), "nc's copy is whole");
    stage.clear("nc.bin");
    Some(Sent {
        len: stage.len,
        wall,
        sender,
        receiver,
        server: Duration::ZERO,
    })
}

/// Waits for the end of two programs, and returns the processor time that each had used when it was last seen alive.
fn ended(mut running: [Running; 2]) -> [Duration; 2] {
    let mut cpu = [Duration::ZERO; 2];
    wait_until("the end of the transfer", LIMIT, || {
        for (running, cpu) in running.iter().zip(&mut cpu) {
            *cpu = (*cpu).max(Family::of(running.pid()).counts().cpu);
        }
        running.iter_mut().all(|running| !running.is_running())
    });
    for running in running {
        running.wait(SOON).succeeds();
    }
    cpu
}

/// magic-wormhole with servers of its own; see `bench/peers`.
struct Wormhole {
    programs: PathBuf,
}

impl Wormhole {
    fn find(peers: &Path) -> Option<Self> {
        let programs = peers.join("wormhole/bin");
        if !programs.join("wormhole").is_file() {
            leave_out("magic-wormhole", "not installed", "run tests/bench/peers");
            return None;
        }
        Some(Self { programs })
    }

    fn start(&self, host: Host<'_>, program: &str, arguments: &[&str], at: &Path) -> Running {
        let command = Command::new(self.programs.join(program))
            .args(arguments)
            .env("HOME", at)
            .cwd(at);
        host.enter(|| command.start())
    }

    fn send(&self, lab: &Lab, stage: &Stage) -> Sent {
        let folder = Sandbox::new();
        let here = folder.path();
        let host = lab.server();
        let listen = |port: &str| format!("tcp:{port}");
        let [mailbox_port, transit_port] = [listen(MAILBOX_PORT), listen(TRANSIT_PORT)];
        let mailbox = ["wormhole-mailbox", "--port", &mailbox_port];
        let transit = ["transitrelay", "--port", &transit_port];
        let mailbox = self.start(host, "twist", &mailbox, here);
        let transit = self.start(host, "twist", &transit, here);
        for server in [&mailbox, &transit] {
            server.wait_stdout("starting", SOON);
        }

        let copy = stage.clear("wormhole.bin");
        let (url, helper) = (
            format!("ws://{}:{MAILBOX_PORT}/v1", host.addr()),
            format!("tcp:{}:{TRANSIT_PORT}", host.addr()),
        );
        let common = ["--relay-url", &url, "--transit-helper", &helper];
        let source = stage.source.to_string_lossy();
        let target = copy.to_string_lossy();
        let send = ["send", "--hide-progress", "--code", CODE, &source];
        let receive = [
            "receive",
            "--hide-progress",
            "--accept-file",
            "-o",
            &target,
            CODE,
        ];
        let watch = Stopwatch::start();
        let sending = self.start(
            lab.host("alice"),
            "wormhole",
            &[&common[..], &send].concat(),
            here,
        );
        let receiving = self.start(
            lab.host("bob"),
            "wormhole",
            &[&common[..], &receive].concat(),
            here,
        );
        let [sender, receiver] = ended([sending, receiving]);
        let wall = watch.elapsed();
        assert!(stage.is_whole(&copy), "magic-wormhole's copy is whole");
        stage.clear("wormhole.bin");
        Sent {
            len: stage.len,
            wall,
            sender,
            receiver,
            server: Family::of(transit.pid()).counts().cpu,
        }
    }
}

/// What both say to find each other.
const CODE: &str = "7-bench-nat";
