//! The older client, as it is out there: its sockets, its words, its choices, and its weaknesses.
//!
//! It has two sockets, a *local* one at `LOCAL_IP:10081` and a *global* one on any port. It registers and keeps alive
//! from the global one, unregisters from the local one, and sends a line from the local one if the receiver's address
//! begins with the same three numbers as its own. A datagram that it does not expect ends the thread that received it.
//!
//! Deliberately kinder than the original in one way: it does not spin while it waits.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::process;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use harness::SOON;
use harness::lab::Host;

/// The port of the local socket.
const LOCAL_PORT: u16 = 10_081;

/// Between two keep-alives.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// An interval for tests that are not about it.
pub(crate) const OFTEN: Duration = Duration::from_millis(500);

/// The longest datagram that it receives; the rest of a longer one is cut off.
const RECEIVE_LEN: usize = 2_048;

/// How often a receiving thread looks whether the client has ended.
const LOOK_UP: Duration = Duration::from_millis(100);

/// An older client that has registered. Dropping it is its Ctrl-C: nobody is told.
#[derive(Debug)]
pub(crate) struct Older {
    id: String,
    server: SocketAddr,
    own: SocketAddr,
    local: Arc<UdpSocket>,
    global: Arc<UdpSocket>,
    state: Arc<State>,
}

/// What its threads share.
#[derive(Debug, Default)]
struct State {
    seen: Mutex<Seen>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Seen {
    /// Who is there, and the address as text that it was told.
    roster: BTreeMap<String, String>,
    /// What it printed.
    lines: Vec<String>,
    /// A receiving thread has ended over a datagram.
    is_broken: bool,
    is_over: bool,
}

impl Older {
    /// Joins from a host of a lab.
    #[track_caller]
    pub(crate) fn on(host: Host<'_>, id: &str, server: SocketAddr) -> Self {
        let addr = host.addr();
        let sockets = host.enter(|| Self::sockets(addr));
        Self::join(id, server, sockets).keeping_alive(KEEP_ALIVE)
    }

    /// Joins from an address of this machine, which no other older client may have at the same time.
    #[track_caller]
    pub(crate) fn here([net, host]: [u8; 2], id: &str, server: SocketAddr) -> Self {
        Self::join(id, server, Self::sockets(here(net, host))).keeping_alive(KEEP_ALIVE)
    }

    fn sockets(addr: Ipv4Addr) -> io::Result<[UdpSocket; 2]> {
        Ok([
            UdpSocket::bind((addr, LOCAL_PORT))?,
            UdpSocket::bind((global_addr(addr), 0))?,
        ])
    }

    #[track_caller]
    fn join(id: &str, server: SocketAddr, sockets: io::Result<[UdpSocket; 2]>) -> Self {
        let sockets = sockets.unwrap_or_else(|error| panic!("sockets of {id}: {error}"));
        let own = sockets[0].local_addr().expect("a bound socket");
        let [local, global] = sockets.map(Arc::new);
        let state = Arc::new(State::default());
        let client = Self {
            id: id.to_owned(),
            server,
            own,
            local,
            global,
            state,
        };
        client.tell_server("register", &client.global);
        for socket in [&client.local, &client.global] {
            let (socket, state) = (Arc::clone(socket), Arc::clone(&client.state));
            thread::spawn(move || receive(&socket, &state));
        }
        client
    }

    /// From now on it says at this interval too that it is there. The server gives three bytes for each from there, and
    /// no more of a long list until it has heard of the client again; a test that is not about that need not wait.
    pub(crate) fn keeping_alive(self, interval: Duration) -> Self {
        let (socket, state, server) = (
            Arc::clone(&self.global),
            Arc::clone(&self.state),
            self.server,
        );
        let datagram = format!("client_Keep Alive_{}_{}", self.id, self.own);
        thread::spawn(move || {
            while !state.is_over_after(interval) {
                socket.send_to(datagram.as_bytes(), server).ok();
            }
        });
        self
    }

    fn tell_server(&self, event: &str, from: &UdpSocket) {
        let datagram = format!("client_{event}_{}_{}", self.id, self.own);
        from.send_to(datagram.as_bytes(), self.server).ok();
    }

    /// `@chat ID TEXT`.
    ///
    /// # Panics
    /// When the ID is unknown: the original does not survive that either.
    #[track_caller]
    pub(crate) fn chat(&self, to: &str, text: &str) {
        let addr = self.address_of(to);
        let addr = addr.unwrap_or_else(|| panic!("{} does not know {to}\n{self:#?}", self.id));
        let from = if is_near(self.own.ip(), addr.ip()) {
            &self.local
        } else {
            &self.global
        };
        let datagram = format!("{}_{text}", self.id);
        from.send_to(datagram.as_bytes(), addr).ok();
    }

    /// `@exit`.
    pub(crate) fn leave(self) {
        self.tell_server("unregister", &self.local);
    }

    /// Under which address it knows somebody.
    pub(crate) fn address_of(&self, id: &str) -> Option<SocketAddr> {
        let addr = self.state.lock().roster.get(id)?.parse();
        Some(addr.expect("an address out of a notice"))
    }

    /// Waits until it has printed this line.
    #[track_caller]
    pub(crate) fn hears(&self, line: &str) {
        self.wait_for(line, |seen| seen.lines.iter().any(|other| other == line));
    }

    /// Waits until it knows somebody.
    #[track_caller]
    pub(crate) fn meets(&self, id: &str) {
        self.wait_for(id, |seen| seen.roster.contains_key(id));
    }

    /// Waits until something holds of what it printed.
    #[track_caller]
    pub(crate) fn hears_such(&self, what: &str, mut is_such: impl FnMut(&[String]) -> bool) {
        self.wait_for(what, |seen| is_such(&seen.lines));
    }

    /// All that it printed.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.state.lock().lines.clone()
    }

    /// Fails if a datagram has ended one of its threads.
    #[track_caller]
    pub(crate) fn is_well(&self) -> &Self {
        assert!(!self.state.lock().is_broken, "{self:#?}");
        self
    }

    #[track_caller]
    fn wait_for(&self, what: &str, mut is_there: impl FnMut(&Seen) -> bool) {
        let seen = self.state.lock();
        let (seen, waited) = self
            .state
            .changed
            .wait_timeout_while(seen, WAIT_LIMIT, |seen| !is_there(seen))
            .unwrap_or_else(PoisonError::into_inner);
        if waited.timed_out() {
            panic!(
                "{} waited {WAIT_LIMIT:?} in vain for {what:?}: {seen:#?}",
                self.id
            );
        }
    }
}

/// Long enough for a member to be missed: 30 s, and what a loaded machine adds.
const WAIT_LIMIT: Duration = Duration::from_secs(30).saturating_add(SOON);

impl Drop for Older {
    fn drop(&mut self) {
        // Its threads end by themselves within a moment.
        self.state.change(|seen| seen.is_over = true);
    }
}

impl State {
    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut Seen)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }

    /// Waits so long, or until the client has ended: then true.
    fn is_over_after(&self, interval: Duration) -> bool {
        let waited = self
            .changed
            .wait_timeout_while(self.lock(), interval, |seen| !seen.is_over);
        waited.unwrap_or_else(PoisonError::into_inner).0.is_over
    }
}

/// A loopback address. Other runs of the tests on this machine have others, as the port is always the same.
fn here(net: u8, host: u8) -> Ipv4Addr {
    let run = 64 + process::id() % 192;
    Ipv4Addr::new(127, u8::try_from(run).expect("below 256"), net, host)
}

/// The global socket takes any address; on this machine its own, so that the server can tell clients apart.
fn global_addr(local: Ipv4Addr) -> Ipv4Addr {
    if local.is_loopback() {
        local
    } else {
        Ipv4Addr::UNSPECIFIED
    }
}

/// The older test for "behind the same NAT".
fn is_near(own: IpAddr, other: IpAddr) -> bool {
    match (own, other) {
        (IpAddr::V4(own), IpAddr::V4(other)) => own.octets()[..3] == other.octets()[..3],
        _ => false,
    }
}

/// A receiving thread. The original ends over any exception; so does this one.
fn receive(socket: &UdpSocket, state: &State) {
    socket
        .set_read_timeout(Some(LOOK_UP))
        .expect("a timeout that is not zero");
    let mut buffer = [0; RECEIVE_LEN];
    while !state.lock().is_over {
        // Errors are those of datagrams sent before, and timeouts.
        let Ok((len, _)) = socket.recv_from(&mut buffer) else {
            continue;
        };
        if take(&buffer[..len], state).is_none() {
            state.change(|seen| seen.is_broken = true);
            return;
        }
    }
}

/// What it makes of a datagram; `None` where the original raises an exception.
fn take(datagram: &[u8], state: &State) -> Option<()> {
    let text = str::from_utf8(datagram).ok()?;
    let fields: Vec<_> = text.split('_').collect();
    if fields.contains(&"server") {
        take_notice(&fields, state)
    } else {
        let (id, text) = (fields[0], *fields.get(1)?);
        state.change(|seen| seen.lines.push(format!("From {id} [{text}]")));
        Some(())
    }
}

fn take_notice(fields: &[&str], state: &State) -> Option<()> {
    let (id, addr) = (*fields.get(2)?, *fields.get(3)?);
    let line = if fields.contains(&"register") {
        state.change(|seen| {
            seen.roster.insert(id.to_owned(), addr.to_owned());
        });
        format!("{id} is register at IP: {addr}")
    } else if fields.contains(&"unregister") {
        state.change(|seen| {
            seen.roster.remove(id);
        });
        format!("{id} is unregistered")
    } else {
        state.change(|seen| {
            seen.roster.remove(id);
        });
        format!("{id} is off-line")
    };
    state.change(|seen| seen.lines.push(line));
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a server of these tests has received, from which port.
    fn next(server: &UdpSocket) -> (String, SocketAddr) {
        server.set_read_timeout(Some(SOON)).expect("a timeout");
        let mut buffer = [0; RECEIVE_LEN];
        let (len, from) = server.recv_from(&mut buffer).expect("a datagram");
        (String::from_utf8_lossy(&buffer[..len]).into_owned(), from)
    }

    fn scene(addr: Ipv4Addr) -> (UdpSocket, Older, SocketAddr) {
        let server = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        let at = server.local_addr().expect("a bound socket");
        let sockets = Older::sockets(addr);
        let older = Older::join("old", at, sockets).keeping_alive(Duration::from_millis(20));
        let (text, from) = next(&server);
        let own = SocketAddr::from((addr, LOCAL_PORT));
        assert_eq!(text, format!("client_register_old_{own}"));
        assert_ne!(from, own);
        (server, older, from)
    }

    #[test]
    fn it_speaks_from_the_socket_that_it_always_spoke_from() {
        let (server, older, global) = scene(here(3, 1));
        let own = SocketAddr::from((here(3, 1), LOCAL_PORT));
        assert_eq!(
            next(&server),
            (format!("client_Keep Alive_old_{own}"), global)
        );

        let far = UdpSocket::bind((here(4, 1), 0)).expect("a socket");
        let near = UdpSocket::bind((here(3, 2), 0)).expect("a socket");
        for (id, socket) in [("far", &far), ("near", &near)] {
            let at = socket.local_addr().expect("a bound socket");
            let notice = format!("server_register_{id}_{at}_x1.abc");
            server.send_to(notice.as_bytes(), global).expect("send");
            older.hears(&format!("{id} is register at IP: {at}"));
            older.chat(id, "hi_there");
        }
        assert_eq!(next(&far), ("old_hi_there".to_owned(), global));
        assert_eq!(next(&near), ("old_hi_there".to_owned(), own));
        near.send_to(b"near_cut_here", own).expect("send");
        older.hears("From near [cut]");

        older.leave();
        let farewell = (format!("client_unregister_old_{own}"), own);
        while next(&server) != farewell {}
    }

    #[test]
    fn what_it_does_not_understand_breaks_it() {
        for (number, datagram) in [b"nothing" as &[u8], b"\xff_", b"server_register_x"]
            .iter()
            .enumerate()
        {
            let addr = here(5, u8::try_from(number).expect("few rows") + 1);
            let (server, older, global) = scene(addr);
            server.send_to(datagram, global).expect("send");
            older.wait_for("a break", |seen| seen.is_broken);
        }
    }
}
