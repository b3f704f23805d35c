//! Somebody on the way between a client and its server, on this machine: hears all datagrams, and may change, drop,
//! repeat or turn them round.
//!
//! Each client gets a socket of its own towards the server, as behind a NAT.

use std::collections::BTreeMap;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Which way a datagram goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Up,
    Down,
}

/// What is done with a datagram: those that go on their way, and those that go back where it came from.
#[derive(Debug, Default)]
pub(crate) struct Fate {
    pub(crate) on: Vec<Vec<u8>>,
    pub(crate) back: Vec<Vec<u8>>,
}

impl Fate {
    /// It goes on as it is.
    pub(crate) fn pass(datagram: &[u8]) -> Self {
        Self {
            on: vec![datagram.to_vec()],
            back: Vec::new(),
        }
    }
}

type Deed = dyn FnMut(Way, &[u8]) -> Fate + Send;

/// The one on the way. Goes with the test.
pub(crate) struct Tap {
    addr: SocketAddr,
    inner: Arc<Inner>,
    thread: Option<JoinHandle<()>>,
}

struct Inner {
    server: SocketAddr,
    near: UdpSocket,
    heard: Mutex<Vec<(Way, Vec<u8>)>>,
    deed: Mutex<Box<Deed>>,
    is_over: AtomicBool,
}

/// How often a thread looks whether the test has ended.
const LOOK_UP: Duration = Duration::from_millis(20);

/// The longest datagram.
const LEN_MAX: usize = 65_535;

impl Tap {
    /// Listens on a port of its own for clients of this server.
    pub(crate) fn before(server: SocketAddr) -> Self {
        let near = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        near.set_read_timeout(Some(LOOK_UP)).expect("a timeout");
        let addr = near.local_addr().expect("a bound socket");
        let inner = Arc::new(Inner {
            server,
            near,
            heard: Mutex::default(),
            deed: Mutex::new(Box::new(|_, datagram| Fate::pass(datagram))),
            is_over: AtomicBool::new(false),
        });
        let forwarding = Arc::clone(&inner);
        let thread = thread::spawn(move || forwarding.forward_up());
        Self {
            addr,
            inner,
            thread: Some(thread),
        }
    }

    /// Where clients take it for their server.
    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// From now on this is done with every datagram.
    pub(crate) fn does(&self, deed: impl FnMut(Way, &[u8]) -> Fate + Send + 'static) {
        *lock(&self.inner.deed) = Box::new(deed);
    }

    /// All datagrams heard this way, as they came.
    pub(crate) fn heard(&self, way: Way) -> Vec<Vec<u8>> {
        let heard = lock(&self.inner.heard);
        let such = heard.iter().filter(|(other, _)| *other == way);
        such.map(|(_, datagram)| datagram.clone()).collect()
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.inner.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

impl Inner {
    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    fn forward_up(self: &Arc<Self>) {
        let mut far_sides = BTreeMap::new();
        let mut threads = Vec::new();
        let mut buffer = vec![0; LEN_MAX];
        while !self.is_over() {
            let Ok((len, client)) = self.near.recv_from(&mut buffer) else {
                continue;
            };
            let far = far_sides.entry(client).or_insert_with(|| {
                let far = Arc::new(UdpSocket::bind("127.0.0.1:0").expect("a socket"));
                let (inner, down) = (Arc::clone(self), Arc::clone(&far));
                threads.push(thread::spawn(move || inner.forward_down(&down, client)));
                far
            });
            let fate = self.decide(Way::Up, &buffer[..len]);
            send(far, &fate.on, self.server);
            send(&self.near, &fate.back, client);
        }
        for thread in threads {
            thread.join().ok();
        }
    }

    fn forward_down(&self, far: &UdpSocket, client: SocketAddr) {
        far.set_read_timeout(Some(LOOK_UP)).expect("a timeout");
        let mut buffer = vec![0; LEN_MAX];
        while !self.is_over() {
            let Ok((len, from)) = far.recv_from(&mut buffer) else {
                continue;
            };
            let fate = self.decide(Way::Down, &buffer[..len]);
            send(&self.near, &fate.on, client);
            send(far, &fate.back, from);
        }
    }

    fn decide(&self, way: Way, datagram: &[u8]) -> Fate {
        lock(&self.heard).push((way, datagram.to_vec()));
        lock(&self.deed)(way, datagram)
    }
}

fn send(socket: &UdpSocket, datagrams: &[Vec<u8>], to: SocketAddr) {
    for datagram in datagrams {
        // An error is that of an earlier datagram, to somebody who has gone.
        socket.send_to(datagram, to).ok();
    }
}

fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
