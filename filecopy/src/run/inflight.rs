//! Names of unfinished files, so that a program that must end at once can still remove them.
//!
//! Rule: a file that is not whole and has a name is in this table, with no moment between. Making a file
//! and entering it happen under the gate's shared side; [`InFlight::abandon`] takes the other side for good.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use crate::place::Pair;

/// The table.
#[derive(Debug, Default)]
pub(crate) struct InFlight {
    gate: RwLock<()>,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    next: u64,
    names: BTreeMap<u64, (Arc<Pair>, OsString)>,
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
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let number = table.next;
        table.next += 1;
        table
            .names
            .insert(number, (Arc::clone(pair), name.to_owned()));
        Ok((made, Ticket(number)))
    }

    /// Takes a name out: the file is whole, or gone.
    pub(crate) fn leave(&self, ticket: Ticket) {
        drop(
            self.table
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .names
                .remove(&ticket.0),
        );
    }

    /// Removes every file in the table and lets no other be made. The process must end after this.
    pub(crate) fn abandon(&self) {
        std::mem::forget(self.gate.write());
        let names = std::mem::take(
            &mut self
                .table
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .names,
        );
        for (pair, name) in names.into_values() {
            if let Ok(folder) = pair.destination() {
                // A name that is gone already is what is wanted; there is nobody left to tell of another reason.
                drop(folder.remove(&name));
            }
        }
    }
}
