//! A client's loop: sockets, console, disk and clock on one side, [`Client`] on the other.
//!
//! ```text
//!   loop { ask for a line, if the machine takes one · send what was gathered
//!          wait for sockets, messages of other threads, the machine's deadline
//!          tell the machine what came, one after the other, doing what it says after each }
//! ```
//!
//! Nothing that a network does ends it: what cannot be sent is lost, and the machine notices what is not answered. The
//! disk, the names of the net and the screen have threads of their own, for they answer when they like.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::time::{Duration, Instant, UNIX_EPOCH};

use common::clock::Clock;
use common::console::{Complete, Console, ConsoleConfig, ConsoleEvent};
use common::exit::{self, ExitStatus};
use common::log::Logger;
use common::shutdown::Shutdown;

use super::batch::Receiving;
use super::completer::Completer;
use super::disk::job_of;
use super::entropy;
use super::link::{Change, Settled};
use super::mailbox::{Inbox, Mailbox, mailbox};
use super::net::{Net, Ready};
use super::resolve::Host;
use super::screen::{Screen, Stamps};
use super::signals::Signals;
use super::store::{Store, Who};
use super::worker::{Told, Worker};
use crate::client::files::{FileReply, FileRequest};
use crate::client::io::{Farewell, Input, Known, Output, Pin, TcpEvent};
use crate::client::machine::Client;
use crate::config::ClientConfig;
use crate::crypto::identity::Identity;
use crate::error::Error;
use crate::path::paths::Socket;

/// The longest text of one line, in MiB.
const TEXT_MIB: usize = 16;

/// The longest line taken: a text and the command before it.
const LINE_LEN: usize = (TEXT_MIB << 20) + 4096;

/// What a person is asked with.
const PROMPT: &str = "> ";

/// How often it is looked whether what is shown is read again.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// How a client stands in its surroundings.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings {
    /// Whether lines begin with the time.
    pub stamps: Stamps,
    /// The clocks.
    pub clock: Clock,
    /// For diagnostics.
    pub logger: Logger,
}

/// What other threads tell.
#[derive(Debug)]
enum Message {
    Console(ConsoleEvent),
    Signal,
    Resolved(Result<Vec<SocketAddr>, String>),
    Worker(Told),
}

/// What the machine is told as soon as it waits: answers that need nobody else.
#[derive(Debug)]
enum Answer {
    Addrs(Vec<SocketAddr>),
    Opened(Vec<Socket>),
    File(FileReply),
    LinkClosed,
}

/// What becomes of the typed lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Typing {
    /// None was asked for.
    Idle,
    /// One was asked for and has not come.
    Asked,
    /// We are leaving: none will be asked for.
    Over,
}

/// A client that is set up.
#[derive(Debug)]
pub struct Session {
    machine: Client,
    answers: VecDeque<Answer>,
    farewell: Option<Farewell>,

    net: Net,
    receiving: Receiving,
    host: Host,
    is_resolving: bool,

    mailbox: Mailbox<Message>,
    // Before those that are waited for at the end: a signal that comes then finds nobody, and ends the program.
    inbox: Inbox<Message>,
    signals: Signals,
    worker: Worker,
    // Before the console: what is to be shown is shown while it is open.
    screen: Screen,
    console: Arc<Console>,
    completer: Arc<Completer>,
    typing: Typing,

    clock: Clock,
}

impl Session {
    /// Opens what it needs.
    ///
    /// # Errors
    /// If something of it cannot be had: the port, the data folder, a thread.
    pub fn start(
        config: &ClientConfig,
        surroundings: Surroundings,
        shutdown: &Shutdown,
    ) -> Result<Self, Error> {
        let Surroundings {
            stamps,
            clock,
            logger,
        } = surroundings;
        let host = Host::new(&config.host, config.port);
        let mut entropy = entropy::from_system()?;
        let store = Store::open(&config.data)?;
        let secret =
            store.client_secret(&config.id, || Identity::generate(&mut entropy).secret())?;
        let pins = store.pins(&host.address())?;
        let known = Known {
            server: pins.server,
            peers: pins.members,
        };
        let net = Net::open(config.local_port, logger)?;
        let identity = Identity::from_secret(secret);
        let machine = Client::new(
            config,
            identity,
            entropy,
            known,
            incarnation(clock),
            clock.now(),
        );

        let (mailbox, inbox) = mailbox().map_err(failed("make a message queue"))?;
        let events = shutdown.events().clone();
        let signals = Signals::forward(events, mailbox.clone(), || Message::Signal);
        let tell = mailbox.clone();
        let tell = move |told| {
            // A loop that has ended wants no answer.
            tell.post(Message::Worker(told));
        };
        let worker = Worker::start(
            store,
            host.address(),
            config.downloads.clone(),
            clock.wall(),
            tell,
        )
        .map_err(failed(THREAD))?;
        // Last, for from here on the terminal is ours and has to be given back.
        let completer = Arc::new(Completer::default());
        let console_config = ConsoleConfig {
            completer: Some(Arc::clone(&completer) as Arc<dyn Complete>),
            max_line: LINE_LEN,
        };
        let (console, typed) = Console::open(console_config).map_err(failed("use the terminal"))?;
        mailbox
            .forward("typed lines", typed, Message::Console)
            .map_err(failed(THREAD))?;
        let console = Arc::new(console);
        Ok(Self {
            machine,
            answers: VecDeque::new(),
            farewell: None,
            net,
            receiving: Receiving::in_trains(),
            host,
            is_resolving: false,
            mailbox,
            inbox,
            signals: signals.map_err(failed(THREAD))?,
            worker,
            screen: Screen::open(Arc::clone(&console), stamps, clock).map_err(failed(THREAD))?,
            console,
            completer,
            typing: Typing::Idle,
            clock,
        })
    }

    /// Chats until the end.
    ///
    /// # Errors
    /// If the system no longer tells of events.
    pub fn run(mut self) -> Result<Farewell, Error> {
        let now = self.clock.now();
        self.tell(now, Input::LocalPort(self.net.sockets.port()));
        let addresses = self.net.new_addresses().unwrap_or_default();
        self.tell(now, Input::Interfaces(addresses));
        self.resolve();
        let mut deadline = self.obey(now);
        loop {
            self.net.flush();
            if let Some(farewell) = self.farewell {
                return Ok(farewell);
            }
            self.ask();
            let looks = self.screen.is_behind().then_some(LOOK_AGAIN);
            let timeout = deadline.map(|at| at.saturating_duration_since(self.clock.now()));
            let timeout = timeout.into_iter().chain(looks).min();
            let ready = self.net.wait(self.inbox.bell(), self.output(), timeout);
            let ready = ready.map_err(failed("wait for the network"))?;
            let now = self.clock.now();
            if deadline.is_some_and(|deadline| deadline <= now) {
                self.machine.handle_timeout(now);
                self.obey(now);
            }
            self.take(now, &ready);
            self.heed_screen(now);
            deadline = self.obey(now);
        }
    }

    /// Tells the machine one thing, and does what it says.
    fn tell(&mut self, now: Instant, input: Input<'_>) {
        self.machine.handle(now, input);
        self.obey(now);
    }

    /// Does what the machine says, until it waits; tells until when.
    fn obey(&mut self, now: Instant) -> Option<Instant> {
        loop {
            let until = self.drain();
            let Some(answer) = self.answers.pop_front() else {
                return until;
            };
            let input = match answer {
                Answer::Addrs(addrs) => Input::ServerAddrs(addrs),
                Answer::Opened(sockets) => Input::SocketsOpened(sockets),
                Answer::File(reply) => Input::File(reply),
                Answer::LinkClosed => Input::Tcp(TcpEvent::Closed),
            };
            self.machine.handle(now, input);
        }
    }

    fn drain(&mut self) -> Option<Instant> {
        loop {
            match self.machine.poll_output() {
                Output::Send { route, ttl, bytes } => self.net.sockets.send(route, ttl, &bytes),
                Output::TcpOpen(addrs) => self.connect(&addrs),
                Output::TcpSend(frame) => self.net.link.send(&frame),
                Output::TcpClose => self.net.link.close(),
                Output::OpenSockets(count) => {
                    self.answers
                        .push_back(Answer::Opened(self.net.sockets.open_further(count)));
                }
                Output::CloseSockets(numbers) => self.net.sockets.close(&numbers),
                Output::Resolve => self.resolve(),
                Output::Show(event) => {
                    self.completer.note(&event);
                    self.screen.event(&event);
                }
                Output::Pin(pin) => self.pin(pin),
                Output::File(request) => self.work_on(request),
                Output::Wait(until) => return until,
                Output::Done(farewell) => {
                    self.farewell = Some(farewell);
                    return None;
                }
            }
        }
    }

    fn connect(&mut self, addrs: &[SocketAddr]) {
        self.net.link.open(addrs);
        if self.net.link.is_hopeless() {
            self.net.link.close();
            self.answers.push_back(Answer::LinkClosed);
        }
    }

    fn pin(&self, pin: Pin) {
        let (who, key) = match pin {
            Pin::Server(key) => (Who::Server, key),
            Pin::Peer { id, key } => (Who::Member(id), key),
        };
        if !self.worker.pin(who, key) {
            self.screen
                .complain("natchat: a key cannot be kept: the disk is too slow");
        }
    }

    fn work_on(&mut self, request: FileRequest) {
        let Some(refused) = self.worker.file(request) else {
            return;
        };
        if !matches!(refused, FileRequest::Close { .. }) {
            self.answers.push_back(Answer::File(FileReply::Failed {
                job: job_of(&refused),
                reason: "the disk is too slow".to_owned(),
            }));
        }
    }

    /// Finds out what the server's name means, unless that is being done.
    fn resolve(&mut self) {
        if let Some(addr) = self.host.literal() {
            self.answers.push_back(Answer::Addrs(vec![addr]));
        } else if !self.is_resolving {
            let (host, mailbox) = (self.host.clone(), self.mailbox.clone());
            let ask = move || {
                mailbox.post(Message::Resolved(host.resolve()));
            };
            let asked = std::thread::Builder::new().name("name".into()).spawn(ask);
            // If there is no thread to be had, the machine asks again.
            self.is_resolving = asked.is_ok();
        }
    }

    /// Takes no more from others than is read here.
    fn heed_screen(&mut self, now: Instant) {
        self.machine.set_listening(!self.screen.is_behind());
        if self.screen.is_hopeless() && self.typing != Typing::Over {
            self.screen
                .complain("natchat: what is shown is not read, and too much of it waits: leaving");
            self.leave(now);
        }
    }

    /// Asks for a line, if the machine takes one.
    fn ask(&mut self) {
        if self.typing == Typing::Idle && self.machine.takes_lines() {
            self.screen.ask(PROMPT);
            self.typing = Typing::Asked;
        }
    }

    fn take(&mut self, now: Instant, ready: &Ready) {
        for socket in &ready.sockets {
            self.take_datagrams(now, *socket);
        }
        for index in &ready.link {
            self.take_frames(now, *index);
        }
        if ready.messages {
            self.inbox.silence();
            // What comes meanwhile rings again.
            for _ in 0..self.inbox.len() {
                if let Some(message) = self.inbox.take() {
                    self.hear(now, message);
                }
            }
        }
        if ready.unread {
            self.leave(now);
        }
        if ready.addresses
            && let Some(addresses) = self.net.new_addresses()
        {
            self.tell(now, Input::Interfaces(addresses));
        }
    }

    /// Where lines go, if who reads them may go away without a signal; not when we are leaving anyhow.
    fn output(&self) -> Option<BorrowedFd<'static>> {
        let is_of_interest = self.typing != Typing::Over && !self.console.is_terminal();
        is_of_interest.then(rustix::stdio::stdout)
    }

    fn take_datagrams(&mut self, now: Instant, socket: Socket) {
        for place in 0..self.net.sockets.receive(socket, &mut self.receiving) {
            let mut index = 0;
            while let Some(datagram) = self.receiving.get(place, index) {
                let (from, bytes) = (datagram.from, datagram.bytes);
                self.machine.handle(
                    now,
                    Input::Datagram {
                        socket,
                        from,
                        bytes,
                    },
                );
                self.obey(now);
                index += 1;
            }
        }
    }

    fn take_frames(&mut self, now: Instant, index: usize) {
        let (frames, change) = match self.net.link.settle(index) {
            Settled::Open => self.net.link.receive(),
            Settled::Change(change) => (Vec::new(), Some(change)),
            Settled::Nothing => return,
        };
        for frame in frames {
            self.tell(now, Input::Tcp(TcpEvent::Frame(&frame)));
        }
        match change {
            Some(Change::Connected(local)) => {
                self.tell(now, Input::Tcp(TcpEvent::Connected(local)))
            }
            Some(Change::Closed) => self.tell(now, Input::Tcp(TcpEvent::Closed)),
            None => {}
        }
    }

    fn hear(&mut self, now: Instant, message: Message) {
        match message {
            Message::Console(ConsoleEvent::Line(line)) => {
                self.typing = Typing::Idle;
                match str::from_utf8(&line) {
                    Ok(line) => self.tell(now, Input::Line(line)),
                    Err(_) => self
                        .screen
                        .complain("natchat: a line that is not UTF-8 was left out"),
                }
            }
            Message::Console(ConsoleEvent::TooLong) => {
                self.typing = Typing::Idle;
                self.screen.complain(&format!(
                    "natchat: a line longer than {TEXT_MIB} MiB was left out"
                ));
            }
            Message::Console(ConsoleEvent::EndOfInput) => self.leave(now),
            Message::Console(ConsoleEvent::Interrupt) | Message::Signal => {
                self.signals.taken();
                if self.typing == Typing::Over {
                    exit::now(ExitStatus::Interrupted);
                }
                self.leave(now);
            }
            Message::Resolved(found) => {
                self.is_resolving = false;
                self.tell(
                    now,
                    match found {
                        Ok(addrs) => Input::ServerAddrs(addrs),
                        Err(reason) => Input::ServerUnresolved(reason),
                    },
                );
            }
            Message::Worker(Told::File(reply)) => self.tell(now, Input::File(reply)),
            Message::Worker(Told::NotKept(reason)) => {
                self.screen
                    .complain(&format!("natchat: a key cannot be kept: {reason}"));
            }
        }
    }

    fn leave(&mut self, now: Instant) {
        self.typing = Typing::Over;
        self.tell(now, Input::Leave);
    }
}

const THREAD: &str = "start a thread";

fn failed(what: &'static str) -> impl Fn(io::Error) -> Error {
    move |source| Error::System { what, source }
}

/// What tells this run from those before: the time of day.
fn incarnation(clock: Clock) -> u64 {
    let since = clock
        .wall()
        .duration_since(UNIX_EPOCH)
        .unwrap_or(Duration::ZERO);
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
