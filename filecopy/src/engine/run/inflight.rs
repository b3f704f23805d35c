//! Names of unfinished files, so that a program that must end at once can still remove them.
//!
//! Rule: a file that is not whole and has a name is in this table, with no moment between. Making a file
//! and entering it happen under the gate's shared side; [`InFlight::abandon`] takes the other side for good.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use crate::engine::place::Pair;
use crate::engine::sys::{self, Links};

/// How often, and how long each time, [`InFlight::abandon`] waits for files that are being made. A system call that
/// hangs (a network file system) must not keep a program from ending.
const LAST_TRIES: u32 = 20;
const LAST_WAIT: Duration = Duration::from_millis(5);

/// The table.
#[derive(Debug, Default)]
pub(crate) struct InFlight {
    gate: RwLock<()>,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    next: u64,
    names: BTreeMap<u64, Unfinished>,
}

#[derive(Debug)]
struct Unfinished {
    pair: Arc<Pair>,
    name: OsString,
    /// The file itself where its name may have been taken over by others; temporary names are ours alone.
    file: Option<Arc<File>>,
}

/// An entry of the table.
#[derive(Debug)]
pub(crate) struct Ticket(u64);

impl InFlight {
    /// Runs `make`, which creates `name` in the pair's destination, and enters the name when it succeeds.
    pub(crate) fn enter<T>(
        &self,
        pair: &Arc<Pair>,
        name: &OsStr,
        make: impl FnOnce() -> io::Result<T>,
    ) -> io::Result<(T, Ticket)> {
        let _open = self.gate.read().unwrap_or_else(PoisonError::into_inner);
        let made = make()?;
        Ok((made, self.note(pair, name, None)))
    }

    /// As [`InFlight::enter`], for a file made under its final name.
    pub(crate) fn enter_final(
        &self,
        pair: &Arc<Pair>,
        name: &OsStr,
        make: impl FnOnce() -> io::Result<File>,
    ) -> io::Result<(Arc<File>, Ticket)> {
        let _open = self.gate.read().unwrap_or_else(PoisonError::into_inner);
        let file = Arc::new(make()?);
        let ticket = self.note(pair, name, Some(Arc::clone(&file)));
        Ok((file, ticket))
    }

    /// Takes a name out: the file is whole, or gone.
    pub(crate) fn leave(&self, ticket: Ticket) {
        drop(self.table().names.remove(&ticket.0));
    }

    /// Removes every file in the table and lets no other be made. The process must end after this.
    pub(crate) fn abandon(&self) {
        for _ in 0..LAST_TRIES {
            if let Ok(gate) = self.gate.try_write() {
                std::mem::forget(gate);
                break;
            }
            std::thread::park_timeout(LAST_WAIT);
        }
        let names = std::mem::take(&mut self.table().names);
        for unfinished in names.into_values() {
            // A name that is gone already is what is wanted; there is nobody left to tell of another reason.
            drop(unfinished.remove());
        }
    }

    fn note(&self, pair: &Arc<Pair>, name: &OsStr, file: Option<Arc<File>>) -> Ticket {
        let mut table = self.table();
        let number = table.next;
        table.next += 1;
        let unfinished = Unfinished {
            pair: Arc::clone(pair),
            name: name.to_owned(),
            file,
        };
        table.names.insert(number, unfinished);
        Ticket(number)
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Unfinished {
    fn remove(&self) -> io::Result<()> {
        let folder = self.pair.destination()?;
        if let Some(file) = &self.file
            && folder.stat(&self.name, Links::Keep)?.id != sys::stat(&**file)?.id
        {
            return Ok(());
        }
        folder.remove(&self.name)
    }
}
