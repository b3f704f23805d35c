//! Those who use natchat: a server's keeper and its members, each with folders of their own, typing lines and reading
//! lines.
//!
//! Every wait is for a line, with a limit. A whole line is meant unless a name says otherwise.

use std::fmt::{self, Display, Formatter};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use harness::lab::Host;
use harness::{Command, Output, Pty, Running, SOON, Sandbox, Signal, Stopwatch};

/// Where a program runs: on this machine or in a host of a lab.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place<'lab> {
    /// Loopback, for what has nothing to do with networks.
    Here,
    /// In a host.
    On(Host<'lab>),
}

impl Place<'_> {
    fn natchat(self) -> Command {
        match self {
            Self::Here => Command::built("natchat"),
            Self::On(host) => host.command("natchat"),
        }
    }
}

impl<'lab> From<Host<'lab>> for Place<'lab> {
    fn from(host: Host<'lab>) -> Self {
        Self::On(host)
    }
}

/// A rendezvous, and the folder of its key and journal. Dropping it stops it, and fails the test if it does not end
/// well.
#[derive(Debug)]
pub(crate) struct Server<'lab> {
    place: Place<'lab>,
    data: Sandbox,
    options: Vec<String>,
    running: Option<Running>,
    addr: SocketAddr,
}

impl<'lab> Server<'lab> {
    /// On this machine, at a port of the system's choice.
    #[track_caller]
    pub(crate) fn here() -> Self {
        Self::start(Place::Here, &["--bind", "127.0.0.1:0"])
    }

    /// On a host, as its keeper would start it: no options, all addresses, port 10080.
    #[track_caller]
    pub(crate) fn on(host: Host<'lab>) -> Self {
        Self::start(host.into(), &[])
    }

    /// With options.
    #[track_caller]
    pub(crate) fn start(place: Place<'lab>, options: &[&str]) -> Self {
        let mut server = Self {
            place,
            data: Sandbox::new(),
            options: options.iter().copied().map(str::to_owned).collect(),
            running: None,
            addr: SocketAddr::from(([0; 4], 0)),
        };
        server.run();
        server
    }

    #[track_caller]
    fn run(&mut self) {
        let command = self.place.natchat().arg("server").args(&self.options);
        let running = command.arg("--data").arg(self.data.path()).start();
        let announced = announced(&running);
        self.addr = match self.place {
            Place::Here => announced,
            Place::On(host) => (host.addr(), announced.port()).into(),
        };
        self.running = Some(running);
    }

    /// Where clients find it.
    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The folder of its key and journal.
    pub(crate) fn data(&self) -> &Sandbox {
        &self.data
    }

    /// The program itself.
    #[track_caller]
    pub(crate) fn running(&mut self) -> &mut Running {
        self.running.as_mut().expect("it is not stopped")
    }

    /// All that it printed.
    #[track_caller]
    pub(crate) fn lines(&mut self) -> Vec<String> {
        lines(&self.running().stdout())
    }

    /// Waits until it has printed this line.
    #[track_caller]
    pub(crate) fn says(&mut self, line: &str) {
        self.running()
            .wait_stdout_for(&format!("line {line:?}"), SLOWLY, |bytes| {
                has(bytes, |other| other == line)
            });
    }

    /// Waits until it has printed a line that begins so.
    #[track_caller]
    pub(crate) fn says_such(&mut self, start: &str) {
        self.running()
            .wait_stdout_for(&format!("line {start:?}…"), SLOWLY, |bytes| {
                has(bytes, |line| line.starts_with(start))
            });
    }

    /// Ends it without a chance to say good-bye.
    #[track_caller]
    pub(crate) fn kill(&mut self) {
        let mut running = self.running.take().expect("it is not stopped");
        running.signal(Signal::KILL);
        assert_eq!(running.wait(SOON).signal(), Some(9));
    }

    /// Starts it again, with the same folder and at the same address, after [`Server::kill`] or [`Server::stop`].
    #[track_caller]
    pub(crate) fn start_again(&mut self) {
        assert!(self.running.is_none(), "it runs");
        if let Place::Here = self.place {
            self.options = vec!["--bind".to_owned(), self.addr.to_string()];
        }
        self.run();
    }

    /// Stops it as its keeper would, and returns what it wrote.
    #[track_caller]
    pub(crate) fn stop(&mut self) -> Output {
        self.stop_by(Signal::TERM)
    }

    /// Stops it by this signal.
    #[track_caller]
    pub(crate) fn stop_by(&mut self, signal: Signal) -> Output {
        let mut running = self.running.take().expect("it is not stopped");
        running.signal(signal);
        let output = running.wait(SOON);
        output.succeeds().lacks("panicked");
        output
    }
}

impl Drop for Server<'_> {
    fn drop(&mut self) {
        // A second failure would hide the first.
        if self.running.is_some() && !thread::panicking() {
            self.stop();
        }
    }
}

/// The address of the first line that a server prints: `Address = ('IP', PORT)`.
#[track_caller]
fn announced(running: &Running) -> SocketAddr {
    let text = running.wait_stdout(")\n", SOON);
    let line = text.lines().next().unwrap_or_default();
    let addr = line
        .strip_prefix("Address = ('")
        .and_then(|rest| rest.strip_suffix(')')?.split_once("', "))
        .and_then(|(ip, port)| Some(SocketAddr::new(ip.parse().ok()?, port.parse().ok()?)));
    addr.unwrap_or_else(|| panic!("no address in {line:?}\n{running}"))
}

/// For what may take as long as a member's silence goes unnoticed: 30 s, and what a loaded machine adds.
pub(crate) const SLOWLY: Duration = Duration::from_secs(30).saturating_add(SOON);

/// How somebody starts their client, and the folders they have.
#[derive(Debug)]
pub(crate) struct Person<'lab> {
    place: Place<'lab>,
    id: String,
    folder: Sandbox,
    downloads: PathBuf,
    options: Vec<String>,
}

impl<'lab> Person<'lab> {
    /// Somebody with empty folders.
    pub(crate) fn new(place: impl Into<Place<'lab>>, id: &str) -> Self {
        let folder = Sandbox::new();
        folder.dir("downloads");
        Self {
            place: place.into(),
            id: id.to_owned(),
            downloads: folder.join("downloads"),
            folder,
            options: Vec::new(),
        }
    }

    /// Adds an option to every start.
    pub(crate) fn with(mut self, options: &[&str]) -> Self {
        self.options
            .extend(options.iter().copied().map(str::to_owned));
        self
    }

    /// Received files go there.
    pub(crate) fn downloading_to(mut self, folder: impl Into<PathBuf>) -> Self {
        self.downloads = folder.into();
        self
    }

    /// Their folder: `data` and `downloads` are in it, and their client is started from it.
    pub(crate) fn folder(&self) -> &Sandbox {
        &self.folder
    }

    /// The command line that starts their client.
    pub(crate) fn command(&self, server: impl Display) -> Command {
        self.place
            .natchat()
            .args(["client", "--id", &self.id, "--server", &server.to_string()])
            .arg("--data")
            .arg(self.folder.join("data"))
            .arg("--downloads")
            .arg(&self.downloads)
            .args(&self.options)
            .cwd(self.folder.path())
    }

    /// Starts their client, without waiting for anything.
    #[track_caller]
    pub(crate) fn start(self, server: impl Display) -> User<'lab> {
        let running = self.command(server).start();
        User {
            running: Some(running),
            person: self,
        }
    }

    /// Starts their client and waits until it has joined.
    #[track_caller]
    pub(crate) fn join(self, server: impl Display) -> User<'lab> {
        let user = self.start(server);
        user.meets(user.id());
        user
    }

    /// Starts their client in a terminal.
    #[track_caller]
    pub(crate) fn sit_down(&self, server: impl Display) -> Pty {
        self.command(server).in_terminal(COLUMNS, ROWS)
    }
}

/// The size of a person's terminal.
pub(crate) const COLUMNS: u16 = 100;
/// The size of a person's terminal.
pub(crate) const ROWS: u16 = 40;

/// Somebody whose client runs, without a terminal: lines in, lines out. Dropping it kills it, so that a test that has
/// seen what it wanted need not wait for farewells.
#[derive(Debug)]
pub(crate) struct User<'lab> {
    person: Person<'lab>,
    running: Option<Running>,
}

/// Joins from a place with empty folders.
#[track_caller]
pub(crate) fn join<'lab>(
    place: impl Into<Place<'lab>>,
    id: &str,
    server: impl Display,
) -> User<'lab> {
    Person::new(place, id).join(server)
}

impl<'lab> User<'lab> {
    /// Who it is.
    pub(crate) fn id(&self) -> &str {
        &self.person.id
    }

    /// Their folder.
    pub(crate) fn folder(&self) -> &Sandbox {
        &self.person.folder
    }

    /// Where received files are.
    pub(crate) fn download(&self, name: &str) -> PathBuf {
        self.person.folder.join("downloads").join(name)
    }

    /// The program itself.
    #[track_caller]
    pub(crate) fn running(&mut self) -> &mut Running {
        self.running.as_mut().expect("it is not stopped")
    }

    #[track_caller]
    fn program(&self) -> &Running {
        self.running.as_ref().expect("it is not stopped")
    }

    /// Types a line.
    #[track_caller]
    pub(crate) fn types(&mut self, line: &str) {
        self.running().send(format!("{line}\n"));
    }

    /// Types `@chat`.
    #[track_caller]
    pub(crate) fn chats(&mut self, to: &str, text: &str) {
        self.types(&format!("@chat {to} {text}"));
    }

    /// Waits until this line was shown.
    #[track_caller]
    pub(crate) fn sees(&self, line: &str) {
        self.sees_within(SLOWLY, line);
    }

    /// Waits until this line was shown; so long at most. Returns how long that took.
    #[track_caller]
    pub(crate) fn sees_within(&self, limit: Duration, line: &str) -> Duration {
        self.sees_such_within(limit, &format!("line {line:?}"), |other| other == line)
    }

    /// Waits until a line that begins so was shown, and returns it.
    #[track_caller]
    pub(crate) fn sees_start(&self, start: &str) -> String {
        self.sees_such_within(SLOWLY, &format!("line {start:?}…"), |line| {
            line.starts_with(start)
        });
        let found = self
            .lines()
            .into_iter()
            .find(|line| line.starts_with(start));
        found.expect("it was there")
    }

    /// Waits until a line was shown of which something holds.
    #[track_caller]
    pub(crate) fn sees_such_within(
        &self,
        limit: Duration,
        what: &str,
        mut is_such: impl FnMut(&str) -> bool,
    ) -> Duration {
        let watch = Stopwatch::start();
        self.program()
            .wait_stdout_for(what, limit, |bytes| has(bytes, &mut is_such));
        watch.elapsed()
    }

    /// Waits until something holds of all lines shown.
    #[track_caller]
    pub(crate) fn sees_all_within(
        &self,
        limit: Duration,
        what: &str,
        mut hold: impl FnMut(&[String]) -> bool,
    ) {
        self.program()
            .wait_stdout_for(what, limit, |bytes| hold(&lines(bytes)));
    }

    /// Waits until as many bytes more as `expected` has were shown, and says whether they are those.
    /// `before` bytes had been shown.
    #[track_caller]
    pub(crate) fn shows_after(&self, before: usize, limit: Duration, expected: &str) -> bool {
        let whole = before + expected.len();
        let shown = self
            .program()
            .wait_stdout_for("long line", limit, |bytes| bytes.len() >= whole);
        shown[before..whole] == *expected.as_bytes()
    }

    /// How many bytes were shown.
    #[track_caller]
    pub(crate) fn shown_len(&self) -> usize {
        self.program().stdout().len()
    }

    /// Waits until it was told that somebody is there, and returns under which address.
    #[track_caller]
    pub(crate) fn meets(&self, id: &str) -> String {
        let start = format!("{id} is register at IP: ");
        self.sees_start(&start).split_off(start.len())
    }

    /// Waits until a line with this in it stands on standard error.
    #[track_caller]
    pub(crate) fn is_warned(&self, text: &str) {
        self.program()
            .wait_stderr_for(&format!("line with {text:?}"), SLOWLY, |bytes| {
                has(bytes, |line| line.contains(text))
            });
    }

    /// All lines shown.
    pub(crate) fn lines(&self) -> Vec<String> {
        lines(&self.program().stdout())
    }

    /// All lines shown that begin so.
    pub(crate) fn lines_from(&self, start: &str) -> Vec<String> {
        let mut lines = self.lines();
        lines.retain(|line| line.starts_with(start));
        lines
    }

    /// All lines on standard error.
    pub(crate) fn warnings(&self) -> Vec<String> {
        lines(&self.program().stderr())
    }

    /// Asks for the list and returns the row of somebody, without the columns' padding.
    #[track_caller]
    pub(crate) fn row(&mut self, id: &str) -> Vec<String> {
        let is_row = |line: &str| {
            let mut words = line.split_whitespace();
            let is_first = words.next() == Some(id);
            // Not `ID is …`, nor `From ID …`.
            is_first && words.next().is_some_and(is_place)
        };
        let rows = |lines: &[String]| lines.iter().filter(|line| is_row(line)).count();
        let before = rows(&self.lines());
        self.types("@show_list");
        self.sees_all_within(SLOWLY, &format!("row of {id}"), |lines| {
            rows(lines) > before
        });
        let lines = self.lines();
        let row = lines.iter().rfind(|line| is_row(line));
        let row = row.expect("it was there");
        row.split_whitespace().map(str::to_owned).collect()
    }

    /// By which way lines go to somebody: `direct`, `relayed`, …
    #[track_caller]
    pub(crate) fn way_to(&mut self, id: &str) -> String {
        let row = self.row(id);
        row.get(2).cloned().unwrap_or_default()
    }

    /// Sends a line and waits until both sides know that it has arrived. Returns how long that took.
    #[track_caller]
    pub(crate) fn chats_with(&mut self, other: &User<'_>, text: &str) -> Duration {
        let watch = Stopwatch::start();
        self.chats(other.id(), text);
        other.sees(&format!("From {} [{text}]", self.id()));
        let elapsed = watch.elapsed();
        self.sees(&format!("Delivered to {} [{text}]", other.id()));
        elapsed
    }

    /// Leaves by `@exit`, and returns what it wrote.
    #[track_caller]
    pub(crate) fn leaves(mut self) -> Output {
        self.types("@exit");
        self.ended()
    }

    /// Waits for its end, which must be a good one.
    #[track_caller]
    pub(crate) fn ended(&mut self) -> Output {
        let output = self.end();
        output.succeeds().lacks("panicked");
        output
    }

    /// Waits for its end, whatever that is like.
    #[track_caller]
    pub(crate) fn end(&mut self) -> Output {
        let running = self.running.take().expect("it is not stopped");
        running.wait(SLOWLY)
    }

    /// The person, once the client has ended, who can start it again.
    pub(crate) fn into_person(self) -> Person<'lab> {
        assert!(self.running.is_none(), "it runs");
        self.person
    }

    /// Whose client it is.
    pub(crate) fn person(&self) -> &Person<'lab> {
        &self.person
    }

    /// Ends it as a power cut would, and returns the person, who can start it again.
    #[track_caller]
    pub(crate) fn dies(mut self) -> Person<'lab> {
        let mut running = self.running.take().expect("it is not stopped");
        running.signal(Signal::KILL);
        running.wait(SOON);
        self.person
    }
}

impl Display for User<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.running {
            Some(running) => running.fmt(f),
            None => f.write_str("not running"),
        }
    }
}

fn is_place(word: &str) -> bool {
    word == "tcp" || word.parse::<SocketAddr>().is_ok()
}

/// Whether a whole line is such.
fn has(bytes: &[u8], is_such: impl FnMut(&str) -> bool) -> bool {
    whole(bytes).lines().any(is_such)
}

pub(crate) fn lines(bytes: &[u8]) -> Vec<String> {
    whole(bytes).lines().map(str::to_owned).collect()
}

/// Without a last line that is still being written.
fn whole(bytes: &[u8]) -> String {
    let end = bytes.iter().rposition(|&byte| byte == b'\n');
    let end = end.map_or(0, |at| at + 1);
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}
