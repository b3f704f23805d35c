//! Without a terminal: commands on standard input, one event a line on standard output; and the ways a program is told
//! to end.

use std::time::Duration;

use harness::{Command, SOON, Signal, Stopwatch};

use crate::older::{OFTEN, Older};
use crate::people::{Person, Place, Server, join, lines};

/// How soon everybody knows of a polite farewell: long before the 30 s after which silence is one.
const POLITE: Duration = Duration::from_secs(15);

#[test]
fn a_line_from_a_pipe_is_delivered_before_the_end() {
    let server = Server::here();
    let bob = join(Place::Here, "bob", server.addr());
    let output = Person::new(Place::Here, "alice")
        .command(server.addr())
        .stdin("@chat bob hi\n@chat bob 안녕\n@chat bob last, without an end of line")
        .run();
    output.succeeds().stderr_is("");
    let shown = lines(&output.stdout);
    for text in ["hi", "안녕", "last, without an end of line"] {
        assert!(
            shown.contains(&format!("Delivered to bob [{text}]")),
            "{output}"
        );
    }
    bob.sees("alice is unregistered");
    assert_eq!(
        bob.lines_from("From "),
        ["hi", "안녕", "last, without an end of line"].map(|text| format!("From alice [{text}]"))
    );
}

/// Each is another run of the same member, who speaks before everybody has heard that it is there again.
#[test]
fn lines_of_one_script_after_the_other_are_shown_once_each() {
    const RUNS: usize = 20;
    let server = Server::here();
    let bob = join(Place::Here, "bob", server.addr());
    let alice = Person::new(Place::Here, "alice");
    for run in 0..RUNS {
        let typed = format!("@chat bob run {run}\n");
        let output = alice.command(server.addr()).stdin(typed).run();
        output.succeeds().stderr_is("");
        let delivered = lines(&output.stdout)
            .into_iter()
            .filter(|line| line.starts_with("Delivered "));
        assert_eq!(delivered.count(), 1, "{output}");
    }
    bob.sees(&format!("From alice [run {}]", RUNS - 1));
    let expected: Vec<_> = (0..RUNS)
        .map(|run| format!("From alice [run {run}]"))
        .collect();
    assert_eq!(bob.lines_from("From "), expected, "{bob}");
}

/// The same, with an end that nobody was told of.
#[test]
fn lines_after_a_crash_are_shown_once_each() {
    const RUNS: usize = 20;
    let server = Server::here();
    let mut bob = join(Place::Here, "bob", server.addr());
    let mut alice = Person::new(Place::Here, "alice");
    let mut said = Vec::new();
    for run in 0..RUNS {
        let mut user = alice.join(server.addr());
        user.chats_with(&bob, &format!("run {run}"));
        bob.chats_with(&user, &format!("answer {run}"));
        said.push(format!("From alice [run {run}]"));
        alice = user.dies();
    }
    assert_eq!(bob.lines_from("From "), said, "{bob}");
}

#[test]
fn every_event_is_a_line_without_a_stamp_or_a_colour() {
    let server = Server::here();
    let output = Person::new(Place::Here, "alice")
        .command(server.addr())
        .stdin("@show_list\n@chat alice hi me\n")
        .run();
    output.succeeds();
    let text = output.stdout_text();
    assert!(!text.contains('\u{1b}'), "{output}");
    assert!(text.starts_with("alice is register at IP: "), "{output}");
}

#[test]
fn a_line_for_somebody_who_is_not_there_fails_the_script_in_words() {
    let server = Server::here();
    let output = Person::new(Place::Here, "alice")
        .command(server.addr())
        .stdin("@chat bob hi\n")
        .run();
    output.stdout_has("Not delivered to bob [hi]: ");
}

#[test]
fn an_end_of_input_alone_leaves_politely() {
    let server = Server::here();
    let bob = join(Place::Here, "bob", server.addr());
    let mut alice = join(Place::Here, "alice", server.addr());
    bob.meets("alice");
    alice.running().close_stdin();
    alice.ended();
    bob.sees_within(POLITE, "alice is unregistered");
}

#[test]
fn signals_leave_as_politely_as_exit() {
    let server = Server::here();
    let bob = join(Place::Here, "bob", server.addr());
    for (signal, id) in [
        (Signal::INT, "int"),
        (Signal::TERM, "term"),
        (Signal::HUP, "hup"),
    ] {
        let mut user = join(Place::Here, id, server.addr());
        bob.meets(id);
        let watch = Stopwatch::start();
        user.running().signal(signal);
        user.ended();
        bob.sees_within(POLITE, &format!("{id} is unregistered"));
        assert!(
            watch.elapsed() < POLITE,
            "{signal:?}: {:?}",
            watch.elapsed()
        );
    }
    let user = join(Place::Here, "exit", server.addr());
    bob.meets("exit");
    user.leaves().succeeds();
    bob.sees_within(POLITE, "exit is unregistered");
}

/// `natchat client … | head -n 3`: the third line is that of somebody who comes later.
#[test]
fn a_closed_output_ends_quietly() {
    let server = Server::here();
    let bob = join(Place::Here, "bob", server.addr());
    let client = Person::new(Place::Here, "alice");
    let line = client.command(server.addr()).line();
    // Its input stays open: only the closed output can end it.
    let script = format!("{line} 2>stderr | head -n 3 >shown");
    let mut shell = Command::new("bash")
        .args(["-c", &script])
        .cwd(client.folder().path())
        .start();
    bob.meets("alice");
    let _carol = join(Place::Here, "carol", server.addr());
    bob.sees_within(SOON, "alice is unregistered");
    shell.close_stdin();
    shell.wait(SOON);
    assert_eq!(client.folder().read_text("stderr"), "");
    assert_eq!(client.folder().read_text("shown").lines().count(), 3);
}

#[test]
fn a_server_ends_by_signals_with_success() {
    for signal in [Signal::INT, Signal::TERM] {
        let mut server = Server::here();
        let alice = join(Place::Here, "alice", server.addr());
        server.stop_by(signal);
        alice.is_warned(&server.addr().to_string());
    }
}

#[test]
fn stamps_are_shown_when_asked_for() {
    let server = Server::here();
    let output = Person::new(Place::Here, "alice")
        .with(&["--stamps"])
        .command(server.addr())
        .run();
    output.succeeds();
    let line = lines(&output.stdout)
        .into_iter()
        .find(|line| line.contains("alice is register"));
    let line = line.expect("the line about ourselves");
    assert!(
        line.starts_with(|c: char| c.is_ascii_digit() || c == '['),
        "{line}"
    );
}

#[test]
fn help_says_what_can_be_typed() {
    let server = Server::here();
    let output = Person::new(Place::Here, "alice")
        .command(server.addr())
        .stdin("@help\n")
        .run();
    output.succeeds();
    for command in [
        "@show_list",
        "@chat",
        "@all",
        "@send",
        "@accept",
        "@refuse",
        "@verify",
        "@trust",
        "@help",
        "@exit",
    ] {
        output.stdout_has(command);
    }
    for arguments in [
        &["--help"][..],
        &["server", "--help"],
        &["client", "--help"],
    ] {
        Command::built("natchat")
            .args(arguments)
            .run()
            .succeeds()
            .stderr_is("");
    }
}

#[test]
fn all_are_spoken_to_at_once() {
    let server = Server::here();
    let mut alice = join(Place::Here, "alice", server.addr());
    let others = ["bob", "carol", "dave"].map(|id| join(Place::Here, id, server.addr()));
    let old = Older::here([10, 1], "old", server.addr()).keeping_alive(OFTEN);
    alice.meets("old");
    for other in &others {
        alice.meets(other.id());
    }
    alice.types("@all 모두 안녕");
    for other in &others {
        other.sees("From alice to all [모두 안녕]");
        alice.sees(&format!("Delivered to {} [모두 안녕]", other.id()));
    }
    old.hears("From alice [모두 안녕]");
    alice.sees_start("Handed on to old [모두 안녕]");
    assert_eq!(alice.lines_from("From "), [""; 0]);
}

/// What somebody says cannot act on a terminal or look like another line.
#[test]
fn control_characters_are_shown_and_not_obeyed() {
    let server = Server::here();
    let mut alice = join(Place::Here, "alice", server.addr());
    let mut bob = join(Place::Here, "bob", server.addr());
    let old = Older::here([11, 1], "old", server.addr()).keeping_alive(OFTEN);
    bob.meets("old");
    old.meets("bob");
    alice.chats("bob", "a\u{1b}[2Jb\u{7}\u{202e}c\rFrom eve [forged]");
    let shown = "a\\x1b[2Jb\\x07\\u{202e}c\\rFrom eve [forged]";
    bob.sees_start("From alice [a");
    assert_eq!(
        bob.lines_from("From alice"),
        [format!("From alice [{shown}]")]
    );
    old.chat("bob", "x\nFrom eve [forged]\u{1b}[0m");
    bob.sees("From old [x\\nFrom eve [forged]\\x1b[0m]");
    bob.chats("old", "fine");
    old.hears("From bob [fine]");
}
