//! The reference session of the older programs: a server and client1 on a PC, client2 and client3 in virtual machines
//! behind it. Played by current clients, by older ones, by both, and in terminals; the words are the same.

use std::thread;

use harness::lab::{Host, Lab, public};
use harness::{Pty, SOON, Signal, keys};

use crate::older::{OFTEN, Older};
use crate::people::{Person, Server, User, join};

/// A client of either age.
enum Client<'lab> {
    Current(User<'lab>),
    Older(Older),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Age {
    Current,
    Older,
}

impl<'lab> Client<'lab> {
    fn join(age: Age, host: Host<'lab>, id: &str, server: &Server<'_>) -> Self {
        match age {
            Age::Current => Self::Current(join(host, id, server.addr())),
            Age::Older => Self::Older(Older::on(host, id, server.addr()).keeping_alive(OFTEN)),
        }
    }

    fn chats(&mut self, to: &str, text: &str) {
        match self {
            Self::Current(user) => user.chats(to, text),
            Self::Older(older) => older.chat(to, text),
        }
    }

    fn sees(&self, line: &str) {
        match self {
            Self::Current(user) => user.sees(line),
            Self::Older(older) => older.hears(line),
        }
    }

    fn meets(&self, id: &str) {
        match self {
            Self::Current(user) => drop(user.meets(id)),
            Self::Older(older) => older.meets(id),
        }
    }

    /// `@exit`.
    fn leaves(self) {
        match self {
            Self::Current(user) => drop(user.leaves()),
            Self::Older(older) => older.leave(),
        }
    }

    /// Goes without a word.
    fn vanishes(self) {
        match self {
            Self::Current(user) => drop(user.dies()),
            Self::Older(older) => drop(older),
        }
    }

    fn lines(&self) -> Vec<String> {
        match self {
            Self::Current(user) => user.lines(),
            Self::Older(older) => older.is_well().lines(),
        }
    }
}

#[test]
fn by_clients_of_every_age() {
    use Age::{Current, Older};
    let casts = [
        ("current clients", [Current, Current, Current]),
        ("older clients", [Older, Older, Older]),
        ("an older one at the PC", [Older, Current, Current]),
        ("an older one in a machine", [Current, Older, Current]),
    ];
    // At once: each waits for a client to be missed, which takes 30 s.
    thread::scope(|scope| {
        for (name, ages) in casts {
            thread::Builder::new()
                .name(name.to_owned())
                .spawn_scoped(scope, move || play(ages))
                .expect("a thread");
        }
    });
}

fn play(ages: [Age; 3]) {
    let Some(lab) = pc() else { return };
    let mut server = Server::on(lab.host("pc"));
    let hosts = ["pc", "vm1", "vm2"];
    let [mut client1, mut client2, mut client3] = [0, 1, 2].map(|index| {
        let id = format!("client{}", index + 1);
        Client::join(ages[index], lab.host(hosts[index]), &id, &server)
    });
    for client in [&client1, &client2, &client3] {
        for id in ["client1", "client2", "client3"] {
            client.meets(id);
        }
    }
    client3.chats("client2", "hi im in ubuntu");
    client2.sees("From client3 [hi im in ubuntu]");
    client2.chats("client3", "hi me too man");
    client3.sees("From client2 [hi me too man]");
    client2.chats("client1", "how about you");
    client1.sees("From client2 [how about you]");
    client1.chats("client2", "i'm in windows");
    client2.sees("From client1 [i'm in windows]");
    client2.chats("client3", KOREAN);
    client3.sees(&format!("From client2 [{KOREAN}]"));

    client2.leaves();
    client1.sees("client2 is unregistered");
    client3.sees("client2 is unregistered");
    client3.chats("client1", "bye");
    client1.sees("From client3 [bye]");
    client3.vanishes();
    client1.sees("client3 is off-line");
    server.says("client3 is offline");
    let lines = client1.lines();
    client1.leaves();
    assert_no_doubles(&lines);
    check_server(&mut server);
}

const KOREAN: &str = "안녕하세요, 저는 가상머신에 있어요";

fn pc() -> Option<Lab> {
    Lab::build("the reference session", [public("pc").vms(["vm1", "vm2"])])
}

fn assert_no_doubles(lines: &[String]) {
    let said = lines.iter().filter(|line| line.starts_with("From "));
    let mut said: Vec<_> = said.collect();
    let all = said.len();
    said.sort();
    said.dedup();
    assert_eq!(said.len(), all, "{lines:#?}");
}

/// `ID EVENT local: L global: G` for each event, and after a register once more without the event.
fn check_server(server: &mut Server<'_>) {
    let lines = server.lines();
    let is = |line: &str, start: &str| {
        line.strip_prefix(start)
            .and_then(|rest| rest.strip_prefix(" local: ")?.split_once(" global: "))
            .is_some_and(|(local, global)| !local.is_empty() && global.contains(':'))
    };
    for id in ["client1", "client2", "client3"] {
        let register = lines
            .iter()
            .position(|line| is(line, &format!("{id} register")));
        let register = register.unwrap_or_else(|| panic!("no register of {id}: {lines:#?}"));
        assert!(is(&lines[register + 1], id), "{lines:#?}");
    }
    let left = lines.iter().any(|line| is(line, "client2 unregister"));
    assert!(left, "{lines:#?}");
}

/// Who is behind the same NAT sees local addresses, who is not sees what the server sees.
#[test]
fn addresses_are_those_that_the_older_programs_showed() {
    let Some(lab) = pc() else { return };
    let server = Server::on(lab.host("pc"));
    let client1 = join(lab.host("pc"), "client1", server.addr());
    let mut client2 = join(lab.host("vm1"), "client2", server.addr());
    let client3 = join(lab.host("vm2"), "client3", server.addr());
    let ip = |text: String| text.rsplit_once(':').map(|(ip, _)| ip.to_owned());
    let local = |name: &str| Some(lab.host(name).addr().to_string());
    assert_eq!(ip(client2.meets("client3")), local("vm2"));
    assert_eq!(ip(client3.meets("client2")), local("vm1"));
    assert_eq!(ip(client2.meets("client1")), local("pc"));
    assert_eq!(ip(client1.meets("client1")), local("pc"));
    let row = client2.row("client1");
    assert_eq!(row[..2], ["client1".to_owned(), client2.meets("client1")]);
}

#[test]
fn in_terminals() {
    let Some(lab) = pc() else { return };
    let server = Server::on(lab.host("pc"));
    let people = [("pc", "client1"), ("vm1", "client2"), ("vm2", "client3")]
        .map(|(host, id)| Person::new(lab.host(host), id));
    let [mut client1, mut client2, mut client3] =
        [0, 1, 2].map(|index| people[index].sit_down(server.addr()));
    for client in [&client1, &client2, &client3] {
        for id in ["client1", "client2", "client3"] {
            client.wait_text(&format!("{id} is register at IP: "), SOON);
        }
    }
    client3.send_line("@chat client2 hi im in ubuntu");
    client2.wait_text("From client3 [hi im in ubuntu]", SOON);
    client2.send_line(&format!("@chat client3 {KOREAN}"));
    client3.wait_text(&format!("From client2 [{KOREAN}]"), SOON);

    typing_is_not_torn(&mut client1, &mut client2);

    client2.send(keys::CTRL_C);
    assert!(client2.wait(SOON).success(), "{client2}");
    client1.wait_text("client2 is unregistered", SOON);
    client3.send(keys::CTRL_D);
    assert!(client3.wait(SOON).success(), "{client3}");
    client1.wait_text("client3 is unregistered", SOON);
    client1.send_line("@exit");
    assert!(client1.wait(SOON).success(), "{client1}");
}

/// Ten lines arrive while a line is typed letter by letter: each stands whole, and so does the typed one.
fn typing_is_not_torn(typist: &mut Pty, talker: &mut Pty) {
    let typed = "@chat client2 한글을 치는 중에";
    for (number, part) in typed.chars().enumerate() {
        if number % 3 == 0 {
            talker.send_line(&format!("@chat client1 line {number} of many"));
        }
        typist.send(part.to_string());
        if number % 3 == 0 {
            typist.wait_text(&format!("From client2 [line {number} of many]"), SOON);
        }
    }
    typist.wait_for("the typed line, whole", SOON, |screen| {
        let contents = screen.contents();
        let last = contents.lines().last().unwrap_or_default();
        last.ends_with(typed)
    });
    for row in typist.screen().lines().filter(|row| row.contains("From")) {
        assert!(row.ends_with(" of many]"), "{typist}");
    }
    typist.send(keys::ENTER);
    talker.wait_text("From client1 [한글을 치는 중에]", SOON);
    talker.signal(Signal::WINCH);
    typist.wait_text("Delivered to client2 [한글을 치는 중에]", SOON);
}
