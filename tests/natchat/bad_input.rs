//! What people get wrong: each time one clear line, and the program goes on, or ends with 2 if it cannot even start.

use std::net::{TcpListener, UdpSocket};

use harness::{Command, Output, SOON, Sandbox, needs_root, wait_until};

use crate::people::{Person, Place, Server, User, join};

#[test]
fn lines_that_are_no_commands() {
    let server = Server::here();
    let mut alice = join(Place::Here, "alice", server.addr());
    let mut bob = join(Place::Here, "bob", server.addr());
    alice.meets("bob");
    let rows = [
        "@chat",
        "@chat bob",
        "@chat bob ",
        "@send bob",
        "@send bob no-such-file",
        "@send bob .",
        "@accept bob",
        "@accept",
        "@refuse bob nothing",
        "@verify",
        "@verify nobody",
        "@trust",
        "@trust nobody",
        "@all",
        "@chatt bob hi",
        "@",
        "hello",
        "@chat a_b hi",
        "\u{1b}[31mred",
    ];
    let said = |user: &User<'_>| [user.lines(), user.warnings()].concat();
    for (number, line) in rows.into_iter().enumerate() {
        let before = said(&alice).len();
        alice.types(line);
        wait_until(&format!("complaint about {line:?}"), SOON, || {
            said(&alice).len() > before
        });
        // A second complaint would come before the answer to this.
        alice.types("@verify bob");
        alice.sees_all_within(SOON, "safety number", |lines| {
            let numbers = lines.iter().filter(|line| line.starts_with("Safety "));
            numbers.count() == number + 1
        });
        let lines = said(&alice);
        assert_eq!(lines.len(), before + 2, "{line:?}: {lines:#?}");
        assert!(!lines.concat().contains('\u{1b}'), "{line:?}: {lines:#?}");
    }
    // An empty line is nobody's mistake.
    let before = alice.warnings().len();
    alice.types("");
    alice.types("   ");
    alice.chats_with(&bob, "still here");
    bob.chats_with(&alice, "me too");
    assert_eq!(alice.warnings().len(), before, "{alice}");
    assert_eq!(bob.lines_from("From "), ["From alice [still here]"]);
}

#[test]
fn nobody_of_that_id() {
    let server = Server::here();
    let mut alice = join(Place::Here, "alice", server.addr());
    alice.chats("nobody", "hello?");
    let line = alice.sees_start("Not delivered to nobody [hello?]: ");
    assert!(line.len() > "Not delivered to nobody [hello?]: ".len());
    alice.leaves();
}

#[test]
fn an_id_that_is_anothers() {
    let mut server = Server::here();
    let mut alice = join(Place::Here, "alice", server.addr());
    let bob = join(Place::Here, "bob", server.addr());
    is_kept_out("alice", &server);
    alice.chats_with(&bob, "still me");

    // Nor when its owner is not there, nor when the server was started anew.
    let owner = alice.dies();
    is_kept_out("alice", &server);
    server.kill();
    server.start_again();
    is_kept_out("alice", &server);
    let mut alice = owner.join(server.addr());
    // At once by the journal; on a disk that was too slow for it, by bob's next keep-alive.
    alice.sees_start("bob is register at IP: ");
    alice.chats_with(&bob, "me again");
    assert_eq!(bob.lines_from("alice is un"), [""; 0]);
}

/// Somebody with another key is told so in one line, and nothing of others.
#[track_caller]
fn is_kept_out(id: &str, server: &Server<'_>) {
    let mut impostor = Person::new(Place::Here, id).start(server.addr());
    impostor.is_warned(&format!("the ID {id} belongs to somebody else"));
    impostor.types("@exit");
    impostor
        .end()
        .stdout_is("")
        .stderr_is_one_line()
        .lacks("panicked");
}

/// The same key in two places: the later one takes over.
#[test]
fn an_id_that_is_ones_own_elsewhere() {
    let server = Server::here();
    let mut bob = join(Place::Here, "bob", server.addr());
    let mut alice = join(Place::Here, "alice", server.addr());
    bob.meets("alice");
    let again = alice.person().command(server.addr()).start();
    again.wait_stdout("alice is register at IP: ", SOON);
    alice.is_warned("joined from elsewhere");
    alice.end().lacks("panicked");
    bob.sees_all_within(SOON, "alice elsewhere", |lines| {
        let heres = lines
            .iter()
            .filter(|line| line.starts_with("alice is register at IP: "));
        heres.count() == 2
    });
    bob.chats("alice", "hi");
    again.wait_stdout("From bob [hi]", SOON);
    bob.sees("Delivered to alice [hi]");
}

#[test]
fn ids_that_are_none() {
    for id in [
        "",
        "a_b",
        "a b",
        "server",
        "client",
        "ㄱ",
        "a\nb",
        &"x".repeat(33),
    ] {
        let output = refused(Person::new(Place::Here, id).command("127.0.0.1:9"));
        output.stderr_has("ID");
    }
}

#[test]
fn command_lines_that_are_wrong() {
    let client = ["client", "--id", "alice", "--server", "127.0.0.1"];
    let rows: &[&[&str]] = &[
        &[],
        &["serve"],
        &["client"],
        &["client", "--id", "alice"],
        &["client", "--server", "127.0.0.1"],
        &["client", "--id", "alice", "--server", ""],
        &["client", "--id", "alice", "--server", "127.0.0.1:99999"],
        &["client", "--id", "alice", "--server", "127.0.0.1:x"],
        &["server", "--bind", "nowhere"],
        &["server", "--bind", "127.0.0.1:70000"],
        &["server", "extra"],
    ];
    for arguments in rows {
        let output = Command::built("natchat").args(*arguments).run();
        assert_eq!(output.code(), Some(2), "{output}");
        output.stdout_is("").lacks("panicked");
        assert!(!output.stderr.is_empty(), "{output}");
    }
    let output = Command::built("natchat").args(client).arg("extra").run();
    output.exits_with(2).stdout_is("");
}

/// Refused at the start: one line, exit 2, nothing on standard output.
#[track_caller]
fn refused(command: Command) -> Output {
    let output = command.run();
    output
        .exits_with(2)
        .stdout_is("")
        .stderr_is_one_line()
        .lacks("panicked");
    output
}

#[test]
fn names_that_mean_nothing() {
    let mut alice = Person::new(Place::Here, "alice").start("no-such-host.invalid");
    alice.is_warned("no-such-host.invalid");
    alice.types("@chat bob hi");
    alice.types("@help");
    alice.sees_start("@chat");
    assert!(alice.running().is_running());
    alice.types("@exit");
    alice.end().lacks("panicked");
}

#[test]
fn ports_that_are_taken() {
    let udp = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let tcp = TcpListener::bind("127.0.0.1:0").expect("a socket");
    let addrs = [udp.local_addr(), tcp.local_addr()];
    for addr in addrs.map(|addr| addr.expect("a bound socket").to_string()) {
        let data = Sandbox::new();
        let command = Command::built("natchat").args(["server", "--bind", &addr]);
        let output = refused(command.arg("--data").arg(data.path()));
        output.stderr_has(&addr);
    }
    let port = udp.local_addr().expect("a bound socket").port().to_string();
    let client = Person::new(Place::Here, "alice").with(&["--port", &port]);
    // It takes every address, on which the port is taken too.
    refused(client.command("127.0.0.1:9")).stderr_has(&port);
    let addr = "203.0.113.77:0";
    let data = Sandbox::new();
    let command = Command::built("natchat").args(["server", "--bind", addr]);
    refused(command.arg("--data").arg(data.path())).stderr_has("203.0.113.77");
}

#[test]
fn a_folder_of_a_server_that_runs() {
    let server = Server::here();
    let command = Command::built("natchat").args(["server", "--bind", "127.0.0.1:0"]);
    let path = server.data().path();
    let output = refused(command.arg("--data").arg(path));
    output.stderr_has(&path.display().to_string());
    join(Place::Here, "alice", server.addr());
}

#[test]
fn folders_that_cannot_be_used() {
    let Some(()) = needs_root("folders of somebody else") else {
        return;
    };
    let sandbox = Sandbox::new();
    sandbox.dir("closed").mode("closed", 0o000).file("file", "");
    for name in ["closed", "file"] {
        let path = sandbox.join(name).join("data");
        let shown = path.display().to_string();
        let command = Command::built("natchat").args(["server", "--bind", "127.0.0.1:0"]);
        let output = refused(command.arg("--data").arg(&path).unprivileged());
        output.stderr_has(&shown);
        let command =
            Command::built("natchat").args(["client", "--id", "alice", "--server", "127.0.0.1:9"]);
        let output = refused(command.arg("--data").arg(&path).unprivileged());
        output.stderr_has(&shown);
    }
}

/// A key and a list of keys, cut short or full of something else: refused and left alone.
#[test]
fn files_that_are_damaged() {
    let server = Server::here();
    let mut alice = join(Place::Here, "alice", server.addr());
    let bob = join(Place::Here, "bob", server.addr());
    alice.chats_with(&bob, "hi");
    alice.types("@exit");
    alice.ended();
    let data = alice.folder();
    for name in ["data/alice.key", "data/pins"] {
        let whole = data.read(name);
        assert!(!whole.is_empty(), "{name}");
        for damaged in [&whole[..whole.len() / 3], b"\xff\x00nonsense\n"] {
            data.file(name, damaged);
            let output = refused(alice.person().command(server.addr()));
            output.stderr_has(name);
            assert_eq!(data.read(name), damaged, "{name} was changed");
        }
        data.file(name, whole);
    }
    alice.person().command(server.addr()).run().succeeds();
}

/// What is known to the keeper of a server: its journal may lose its end, and nothing else.
#[test]
fn a_journal_without_its_end() {
    let mut server = Server::here();
    let alice = join(Place::Here, "alice", server.addr());
    let bob = join(Place::Here, "bob", server.addr());
    server.kill();
    let journal = server
        .data()
        .list(".")
        .into_iter()
        .find(|name| name.starts_with("journal"));
    let journal = journal.expect("a journal");
    let whole = server.data().read(&journal);
    server.data().file(&journal, &whole[..whole.len() - 3]);
    server.start_again();
    let carol = join(Place::Here, "carol", server.addr());
    carol.meets("alice");
    carol.meets("bob");
    alice.meets("carol");
    bob.meets("carol");
}
