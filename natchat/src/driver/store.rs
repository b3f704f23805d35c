//! The data folder: keys, and whose key is known.
//!
//! ```text
//!   ID.key       64 hexadecimal digits: the secret of a client's key
//!   server.key   the same of a server's ('server' is no ID)
//!   pins         a line for each known key: WHO HOST:PORT KEY; WHO is an ID, or 'server' for the server itself
//!   journal      what a server remembers (see journal)
//! ```
//!
//! Several programs may use one folder: whoever makes or changes a file has the lock for it, and others see the old file
//! or the new one, never a part. A file that is not what it should be is refused and left alone: writing over it could
//! destroy the only copy of a key. Nothing here decides whom to trust.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use crate::crypto::identity::PublicKey;
use crate::error::Error;
use crate::name::MemberId;

/// The longest pins file taken: over 100,000 keys. Nobody has talked to so many.
const PINS_LEN: u64 = 16 << 20;

/// The hexadecimal digits of a key.
const KEY_DIGITS: usize = 64;

/// What a server is called where members have their IDs.
const SERVER: &str = "server";

/// The data folder.
#[derive(Clone, Debug)]
pub(super) struct Store {
    folder: PathBuf,
}

/// Whom a pinned key belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Who {
    /// The server itself.
    Server,
    /// A member of it.
    Member(MemberId),
}

/// The keys known at one server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Pins {
    /// Its own.
    pub(super) server: Option<PublicKey>,
    /// Its members'.
    pub(super) members: BTreeMap<MemberId, PublicKey>,
}

/// Who may write to a folder besides its owner.
const OTHERS_WRITE: u32 = 0o022;

/// In a folder, each may only replace what is his.
const STICKY: u32 = 0o1000;

/// Held while files are made or changed; others wait.
#[derive(Debug)]
struct Lock {
    /// As long as it is open.
    _file: File,
}

impl Store {
    /// Opens the folder, which is made if it is missing.
    ///
    /// # Errors
    /// If it cannot be had.
    pub(super) fn open(folder: &Path) -> Result<Self, Error> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.map_err(|source| failed(folder, source))?;
        close_to_others(folder).map_err(|source| failed(folder, source))?;
        Ok(Self {
            folder: folder.to_owned(),
        })
    }

    /// Where a file of this name is.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The secret of a client's key, made by `fresh` if there is none yet.
    ///
    /// # Errors
    /// If it cannot be read or made, or the file is none.
    pub(super) fn client_secret(
        &self,
        id: &MemberId,
        fresh: impl FnOnce() -> [u8; 32],
    ) -> Result<[u8; 32], Error> {
        self.secret(id.as_str(), fresh)
    }

    /// The same of a server's.
    ///
    /// # Errors
    /// As [`Self::client_secret`].
    pub(super) fn server_secret(
        &self,
        fresh: impl FnOnce() -> [u8; 32],
    ) -> Result<[u8; 32], Error> {
        self.secret(SERVER, fresh)
    }

    fn secret(&self, who: &str, fresh: impl FnOnce() -> [u8; 32]) -> Result<[u8; 32], Error> {
        let path = self.path(&format!("{who}.key"));
        let _lock = self.lock()?;
        if let Some(text) = read(&path, KEY_DIGITS as u64 + 1, "key")? {
            return parse_key(text.trim_end_matches('\n'))
                .ok_or(Error::Damaged { path, what: "key" });
        }
        let secret = fresh();
        self.replace(&path, digits(&secret).as_bytes())?;
        Ok(secret)
    }

    /// What is known at the server of this address, `HOST:PORT`.
    ///
    /// # Errors
    /// If the file cannot be read, or is none.
    pub(super) fn pins(&self, address: &str) -> Result<Pins, Error> {
        let mut pins = Pins::default();
        for ((server, who), key) in self.all_pins()? {
            match who.parse() {
                _ if server != address => {}
                _ if who == SERVER => pins.server = Some(key),
                Ok(id) => drop(pins.members.insert(id, key)),
                Err(_) => {}
            }
        }
        Ok(pins)
    }

    /// From now on these keys are known at the server of this address, in the place of others.
    ///
    /// # Errors
    /// If the file cannot be read, written, or is none.
    pub(super) fn pin(&self, address: &str, new: &[(Who, PublicKey)]) -> Result<(), Error> {
        let _lock = self.lock()?;
        // What other clients have pinned since stays.
        let mut pins = self.all_pins()?;
        for (who, key) in new {
            let who = match who {
                Who::Server => SERVER,
                Who::Member(id) => id.as_str(),
            };
            pins.insert((address.to_owned(), who.to_owned()), *key);
        }
        let mut text = String::new();
        for ((server, who), PublicKey(key)) in &pins {
            let written = writeln!(text, "{who} {server} {}", digits(key));
            debug_assert!(written.is_ok(), "writing to a String cannot fail");
        }
        let path = self.path(PINS);
        if text.len() as u64 > PINS_LEN {
            // It could be written, but never be read again.
            return Err(failed(&path, io::Error::other("it is full")));
        }
        self.replace(&path, text.as_bytes())
    }

    /// By server and name.
    fn all_pins(&self) -> Result<BTreeMap<(String, String), PublicKey>, Error> {
        let path = self.path(PINS);
        let text = read(&path, PINS_LEN, "list of known keys")?.unwrap_or_default();
        let pins: Option<_> = text.lines().map(parse_pin).collect();
        pins.ok_or(Error::Damaged {
            path,
            what: "list of known keys",
        })
    }

    fn lock(&self) -> Result<Lock, Error> {
        let path = self.path(".lock");
        let file = private().truncate(false).create(true).open(&path);
        let file = file.map_err(|source| failed(&path, source))?;
        flock(&file, FlockOperation::LockExclusive).map_err(|error| failed(&path, error.into()))?;
        Ok(Lock { _file: file })
    }

    /// Puts a whole file in the place of what is there. Who calls it has the lock.
    fn replace(&self, path: &Path, bytes: &[u8]) -> Result<(), Error> {
        let new = self.path(".new");
        // Left by a program that was stopped in the middle.
        let _ = fs::remove_file(&new);
        let write = || {
            let mut file = private().create_new(true).open(&new)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            replace_file(&new, path)
        };
        write().map_err(|source| failed(path, source))
    }
}

const PINS: &str = "pins";

/// Puts one file in the place of another of the same folder, so that a power failure leaves either whole.
///
/// # Errors
/// If it cannot be renamed.
pub(super) fn replace_file(new: &Path, path: &Path) -> io::Result<()> {
    fs::rename(new, path)?;
    if let Some(folder) = path.parent() {
        // Some file systems cannot write a folder through; then it is their affair.
        let _ = File::open(folder).and_then(|folder| folder.sync_all());
    }
    Ok(())
}

/// For files that nobody else may read.
pub(super) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(0o600);
    options
}

/// Lets nobody else make or replace files in a folder, unless it is one that is meant for all, like `/tmp`.
fn close_to_others(folder: &Path) -> io::Result<()> {
    let mode = fs::metadata(folder)?.permissions().mode();
    if mode & OTHERS_WRITE != 0 && mode & STICKY == 0 {
        // If that is not ours to change, it is no reason not to start.
        let _ = fs::set_permissions(folder, fs::Permissions::from_mode(mode & !OTHERS_WRITE));
    }
    Ok(())
}

/// A file's text; `None` if there is none. One that others may read is closed to them.
fn read(path: &Path, longest: u64, what: &'static str) -> Result<Option<String>, Error> {
    let failed = |source| failed(path, source);
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let found = file.metadata().map_err(failed)?;
    let mut bytes = Vec::new();
    // One more than there may be shows that there are more; a folder or device is refused by its kind.
    (&file)
        .take(longest + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if !found.is_file() || bytes.len() as u64 > longest {
        return Err(Error::Damaged {
            path: path.to_owned(),
            what,
        });
    }
    if found.permissions().mode() & 0o077 != 0 {
        // If that is not ours to change, it is no reason not to start.
        let _ = file.set_permissions(fs::Permissions::from_mode(0o600));
    }
    String::from_utf8(bytes)
        .map(Some)
        .map_err(|_| Error::Damaged {
            path: path.to_owned(),
            what,
        })
}

fn failed(path: &Path, source: io::Error) -> Error {
    Error::Store {
        path: path.to_owned(),
        source,
    }
}

/// `WHO HOST:PORT KEY`
fn parse_pin(line: &str) -> Option<((String, String), PublicKey)> {
    let mut words = line.split(' ');
    let (who, server, key) = (words.next()?, words.next()?, words.next()?);
    let is_known = who == SERVER || who.parse::<MemberId>().is_ok();
    if !is_known || server.is_empty() || words.next().is_some() {
        return None;
    }
    Some((
        (server.to_owned(), who.to_owned()),
        PublicKey(parse_key(key)?),
    ))
}

fn digits(key: &[u8; 32]) -> String {
    key.iter()
        .fold(String::with_capacity(KEY_DIGITS), |mut digits, byte| {
            let written = write!(digits, "{byte:02x}");
            debug_assert!(written.is_ok(), "writing to a String cannot fail");
            digits
        })
}

fn parse_key(text: &str) -> Option<[u8; 32]> {
    if text.len() != KEY_DIGITS {
        return None;
    }
    let mut key = [0; 32];
    for (byte, pair) in key.iter_mut().zip(text.as_bytes().chunks(2)) {
        // Not by `from_str_radix` on the text: that takes signs.
        let digit = |at: usize| char::from(pair[at]).to_digit(16);
        *byte = u8::try_from(digit(0)? * 16 + digit(1)?).ok()?;
    }
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_others_may_write_to_is_closed_to_them() {
        for (before, after) in [
            (0o777, 0o755),
            (0o775, 0o755),
            (0o700, 0o700),
            (0o1777, 0o1777),
        ] {
            let folder = tempfile::tempdir().unwrap();
            fs::set_permissions(folder.path(), fs::Permissions::from_mode(before)).unwrap();
            Store::open(folder.path()).unwrap();
            let mode = fs::metadata(folder.path()).unwrap().permissions().mode();
            assert_eq!(mode & 0o7777, after, "{before:o}");
        }
    }

    const HOME: &str = "home.example:10080";

    #[test]
    fn a_key_is_made_once_and_is_private() {
        let (folder, store) = store();
        let id: MemberId = "김.철수-1".parse().unwrap();
        assert_eq!(store.client_secret(&id, || [0xab; 32]).unwrap(), [0xab; 32]);
        assert_eq!(
            store.client_secret(&id, || panic!("there is one")).unwrap(),
            [0xab; 32]
        );
        assert_eq!(
            store.server_secret(|| [1; 32]).unwrap(),
            [1; 32],
            "one of its own"
        );
        let path = folder.path().join("data/김.철수-1.key");
        assert_eq!(fs::read_to_string(&path).unwrap(), "ab".repeat(32));
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(&folder.path().join("data")), 0o700);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        store.client_secret(&id, || panic!("there is one")).unwrap();
        assert_eq!(mode(&path), 0o600, "closed to others again");
    }

    #[test]
    fn what_is_no_key_is_refused_and_stays() {
        let (_folder, store) = store();
        let path = store.path("server.key");
        let rows = [
            ("empty", String::new()),
            ("short", "ab".repeat(31)),
            ("long", "ab".repeat(33)),
            ("no digits", "xy".repeat(32)),
            ("signs", "+a".repeat(32)),
            ("not ASCII", "가".repeat(21) + "a"),
            ("two lines", "ab".repeat(32) + "\n\n"),
        ];
        for (name, text) in rows {
            fs::write(&path, &text).unwrap();
            let refused = store.server_secret(|| [1; 32]);
            assert!(
                matches!(refused, Err(Error::Damaged { what: "key", .. })),
                "{name}: {refused:?}"
            );
            assert_eq!(fs::read_to_string(&path).unwrap(), text, "{name}");
        }
        fs::write(&path, "AB".repeat(32) + "\n").unwrap();
        assert_eq!(
            store.server_secret(|| [1; 32]).unwrap(),
            [0xab; 32],
            "as an editor leaves it"
        );
        fs::write(&path, [0xff; 64]).unwrap();
        assert!(
            matches!(store.server_secret(|| [1; 32]), Err(Error::Damaged { .. })),
            "no UTF-8"
        );
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert!(
            matches!(store.server_secret(|| [1; 32]), Err(Error::Store { .. })),
            "a folder"
        );
    }

    #[test]
    fn pins_are_known_where_they_were_made() {
        let (_folder, store) = store();
        let bob: MemberId = "bob".parse().unwrap();
        assert_eq!(store.pins(HOME).unwrap(), Pins::default());
        store
            .pin(
                HOME,
                &[(Who::Server, key(1)), (Who::Member(bob.clone()), key(2))],
            )
            .unwrap();
        store
            .pin("[::1]:9", &[(Who::Member(bob.clone()), key(3))])
            .unwrap();
        store
            .pin(HOME, &[(Who::Member(bob.clone()), key(4))])
            .unwrap();
        let expected = Pins {
            server: Some(key(1)),
            members: BTreeMap::from([(bob, key(4))]),
        };
        assert_eq!(store.pins(HOME).unwrap(), expected);
        assert_eq!(store.pins("[::1]:9").unwrap().server, None);
        let text = fs::read_to_string(store.path(PINS)).unwrap();
        let line =
            |who: &str, server: &str, digit: &str| format!("{who} {server} {}\n", digit.repeat(32));
        let expected =
            line("bob", "[::1]:9", "03") + &line("bob", HOME, "04") + &line("server", HOME, "01");
        assert_eq!(text, expected);
        assert_eq!(mode(&store.path(PINS)), 0o600);
    }

    #[test]
    fn what_are_no_pins_is_refused_and_stays() {
        let (_folder, store) = store();
        let key_digits = "ab".repeat(32);
        let rows = [
            ("another file", "hello world".to_owned()),
            ("no ID", format!("a_b {HOME} {key_digits}")),
            ("no server", format!("bob  {key_digits}")),
            ("no key", format!("bob {HOME}")),
            ("a short key", format!("bob {HOME} {}", &key_digits[1..])),
            ("a word too many", format!("bob {HOME} {key_digits} x")),
            ("an empty line", format!("bob {HOME} {key_digits}\n\n")),
        ];
        for (name, text) in rows {
            fs::write(store.path(PINS), &text).unwrap();
            assert!(
                matches!(store.pins(HOME), Err(Error::Damaged { .. })),
                "{name}"
            );
            assert!(store.pin(HOME, &[(Who::Server, key(1))]).is_err(), "{name}");
            assert_eq!(
                fs::read_to_string(store.path(PINS)).unwrap(),
                text,
                "{name}"
            );
        }
    }

    #[test]
    fn many_at_once_lose_nothing() {
        let (_folder, store) = store();
        std::thread::scope(|scope| {
            for number in 0..8_u8 {
                let store = &store;
                scope.spawn(move || {
                    for round in 0..4_u8 {
                        let id = format!("member-{number}-{round}").parse().unwrap();
                        store.pin(HOME, &[(Who::Member(id), key(number))]).unwrap();
                    }
                    store.server_secret(|| [number; 32]).unwrap()
                });
            }
        });
        assert_eq!(store.pins(HOME).unwrap().members.len(), 32);
    }

    #[test]
    fn a_folder_that_cannot_be_had_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = Store::open(&file.path().join("data")).unwrap_err();
        assert!(matches!(error, Error::Store { .. }), "{error:?}");
    }

    fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("data")).unwrap();
        (folder, store)
    }

    fn key(byte: u8) -> PublicKey {
        PublicKey([byte; 32])
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }
}
