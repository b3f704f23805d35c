//! Follows who comes and goes: puts numbered changes and pages of the list together, asks for what is missing.
//!
//! ```text
//!   Registered ─► asks for the list ─► page, page, page ─► known at the first page's number ─► changes, in order
//!                      ▲                                                                          │
//!                      └────────── a page where changes were asked for ◄── asks again ◄── a gap ──┘
//! ```
//!
//! Rule: whatever is lost, doubled or late, the roster ends as the server's list. What is known stays while the list is
//! read anew, and only differences are told; a datagram of changes counts as one step, so nothing flickers.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use crate::client::roster::{ROSTER_LEN, Roster};
use crate::name::MemberId;
use crate::wire::from_server::{Change, Departure, Entry, Presence, Span};

/// An unanswered question is put again after this, then after half as long again each time.
const ASK_AGAIN: Duration = Duration::from_millis(300);
/// At most this long after.
const ASK_AGAIN_MOST: Duration = Duration::from_secs(3);
/// The server may answer with some datagrams at once: what is still missing after so long is asked for.
const GATHER: Duration = Duration::from_millis(20);
/// Who asks without knowing of anything missing may be owed no answer: it asks so many times.
const TRIES_ON_SUSPICION: u8 = 3;

/// What has become different.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Happening {
    /// Somebody is there, or is there otherwise than before.
    Here {
        entry: Box<Entry>,
        before: Option<Box<Entry>>,
    },
    /// Somebody is not there any more.
    Gone { entry: Box<Entry>, how: Departure },
    /// The list was read whole for the first time.
    Known,
}

/// What is asked of the server: a Sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ask {
    pub(crate) have: u64,
    pub(crate) cursor: Option<u64>,
}

/// The roster, and how far it is known.
#[derive(Debug, Default)]
pub(crate) struct Follow {
    roster: Roster,
    /// Every change up to this one is in the roster.
    have: u64,
    /// The last change there is, as far as known.
    latest: u64,
    list: Option<List>,
    asked: Option<Asked>,
    was_known: bool,
    happenings: VecDeque<Happening>,
}

/// The list, while it is read.
#[derive(Debug, Default)]
struct List {
    entries: BTreeMap<MemberId, Entry>,
    /// Of the first page: what has changed since may or may not be in the later ones, so it is applied again.
    as_of: Option<u64>,
}

#[derive(Debug)]
struct Asked {
    ask: Ask,
    /// When it is put (again).
    due: Instant,
    gap: Duration,
    tries: u8,
}

impl Follow {
    pub(crate) fn roster(&self) -> &Roster {
        &self.roster
    }

    /// The last change that is known with all before it: what an Alive tells.
    pub(crate) fn seen(&self) -> u64 {
        if self.list.is_some() { 0 } else { self.have }
    }

    /// We have joined (again); `presence` is the last change there was. The server may be another one than before as
    /// far as its numbers go: everything is asked for.
    pub(crate) fn start(&mut self, now: Instant, presence: u64) {
        self.latest = presence;
        self.read_list(now);
    }

    /// Nobody can be asked any more.
    pub(crate) fn pause(&mut self) {
        self.asked = None;
    }

    /// The server says that `presence` is the last change: what else was taken for one was not, or is from another
    /// time.
    pub(crate) fn told(&mut self, now: Instant, presence: u64) {
        self.latest = self.have.max(presence);
        if self.list.is_none() && self.have == self.latest {
            self.asked = None;
        }
        self.ask_for_missing(now);
    }

    /// Asks for changes whether any are known to be missing or not.
    pub(crate) fn sync(&mut self, now: Instant) {
        if self.asked.is_none() {
            self.ask(now, self.have, None);
        }
    }

    /// Takes a datagram of presence.
    pub(crate) fn apply(&mut self, now: Instant, presence: Presence) {
        let Presence { span, entries } = presence;
        match span {
            Span::Changes { first, last } => self.take_changes(now, first, last, entries),
            Span::Page {
                as_of,
                cursor,
                next,
            } => {
                // What was not asked for might be from any time.
                let expected = self.asked.as_ref().map(|asked| asked.ask.cursor);
                if expected == Some(cursor) {
                    self.take_page(now, as_of, cursor, next, entries);
                }
            }
        }
    }

    /// Takes a member that was asked for by name.
    pub(crate) fn found(&mut self, entry: Entry) {
        if self.roster.get(&entry.id).is_none() && self.roster.put_found(entry.clone()) {
            self.happenings.push_back(Happening::Here {
                entry: Box::new(entry),
                before: None,
            });
        }
    }

    fn take_changes(&mut self, now: Instant, first: u64, last: u64, entries: Vec<Change>) {
        self.latest = self.latest.max(last);
        match &mut self.list {
            None => {
                if last > self.have && first <= self.have.saturating_add(1) {
                    self.step(entries);
                    self.have = last;
                    self.asked = None;
                }
            }
            // From the first change on, they are as good as the list.
            Some(list) if list.as_of.is_none() && first <= 1 => {
                self.asked = None;
                list.take(entries);
                list.as_of = Some(last);
                self.end_list();
            }
            Some(_) => {}
        }
        self.ask_for_missing(now + GATHER);
    }

    fn take_page(
        &mut self,
        now: Instant,
        as_of: u64,
        cursor: Option<u64>,
        next: Option<u64>,
        entries: Vec<Change>,
    ) {
        self.latest = self.latest.max(as_of);
        self.asked = None;
        let list = self.list.get_or_insert_default();
        if cursor.is_none() {
            *list = List {
                as_of: Some(as_of),
                ..List::default()
            };
        }
        list.take(entries);
        // Cursors rise, or the list would never end.
        match next.filter(|next| cursor.is_none_or(|cursor| *next > cursor)) {
            Some(next) => self.ask(now, 0, Some(next)),
            None => {
                self.end_list();
                self.ask_for_missing(now);
            }
        }
    }

    /// Puts the list in the place of what was known.
    fn end_list(&mut self) {
        let Some(List { entries, as_of }) = self.list.take() else {
            return;
        };
        self.have = as_of.unwrap_or_default();
        let gone = self
            .roster
            .iter()
            .filter(|entry| !entries.contains_key(&entry.id));
        let gone = gone.map(|entry| Change::Gone {
            member: entry.member,
            how: Departure::Silent,
        });
        let mut steps: Vec<Change> = gone.collect();
        steps.extend(
            entries
                .into_values()
                .map(|entry| Change::Here(Box::new(entry))),
        );
        self.step(steps);
        if !self.was_known {
            self.was_known = true;
            self.happenings.push_back(Happening::Known);
        }
    }

    /// Applies changes in order and tells what is different after the last one.
    fn step(&mut self, changes: Vec<Change>) {
        let mut touched: Vec<Touched> = Vec::new();
        let mut places: BTreeMap<MemberId, usize> = BTreeMap::new();
        let mut touch = |id: &MemberId, before: Option<&Entry>, how| {
            let place = *places.entry(id.clone()).or_insert_with(|| {
                touched.push(Touched {
                    id: id.clone(),
                    before: before.cloned(),
                    how,
                });
                touched.len() - 1
            });
            touched[place].how = how;
        };
        for change in changes {
            match change {
                Change::Here(entry) => {
                    // A number that comes with another ID takes the former one away.
                    if let Some(same) = self.roster.by_member(entry.member) {
                        touch(&same.id, Some(same), Departure::Left);
                    }
                    touch(&entry.id, self.roster.get(&entry.id), Departure::Left);
                    self.roster.put(*entry);
                }
                Change::Gone { member, how } => {
                    if let Some(entry) = self.roster.remove(member) {
                        touch(&entry.id, Some(&entry), how);
                    }
                }
            }
        }
        for touched in touched {
            self.tell(touched);
        }
    }

    fn tell(&mut self, touched: Touched) {
        let Touched { id, before, how } = touched;
        let happening = match (before, self.roster.get(&id)) {
            (before, Some(after)) if before.as_ref() != Some(after) => Happening::Here {
                entry: Box::new(after.clone()),
                before: before.map(Box::new),
            },
            (Some(before), None) => Happening::Gone {
                entry: Box::new(before),
                how,
            },
            _ => return,
        };
        self.happenings.push_back(happening);
    }

    fn read_list(&mut self, now: Instant) {
        self.list = Some(List::default());
        self.ask(now, 0, None);
    }

    fn ask_for_missing(&mut self, due: Instant) {
        if self.asked.is_none() && self.list.is_none() && self.have < self.latest {
            self.ask(due, self.have, None);
        }
    }

    fn ask(&mut self, due: Instant, have: u64, cursor: Option<u64>) {
        self.asked = Some(Asked {
            ask: Ask { have, cursor },
            due,
            gap: ASK_AGAIN,
            tries: 0,
        });
    }

    /// What is to be asked now.
    pub(crate) fn poll_ask(&mut self, now: Instant) -> Option<Ask> {
        let asked = self.asked.as_mut().filter(|asked| asked.due <= now)?;
        let is_missing = self.list.is_some() || self.have < self.latest;
        if !is_missing && asked.tries >= TRIES_ON_SUSPICION {
            self.asked = None;
            return None;
        }
        asked.tries = asked.tries.saturating_add(1);
        asked.due = now + asked.gap;
        asked.gap = (asked.gap * 3 / 2).min(ASK_AGAIN_MOST);
        Some(asked.ask)
    }

    /// When [`Self::poll_ask`] has something.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        self.asked.as_ref().map(|asked| asked.due)
    }

    pub(crate) fn poll_happening(&mut self) -> Option<Happening> {
        self.happenings.pop_front()
    }
}

/// Whom a step has changed.
struct Touched {
    id: MemberId,
    before: Option<Entry>,
    how: Departure,
}

impl List {
    fn take(&mut self, changes: Vec<Change>) {
        for change in changes {
            match change {
                Change::Here(entry) => {
                    let is_new = !self.entries.contains_key(&entry.id);
                    if !is_new || self.entries.len() < ROSTER_LEN {
                        self.entries.insert(entry.id.clone(), *entry);
                    }
                }
                Change::Gone { member, .. } => {
                    self.entries.retain(|_, entry| entry.member != member);
                }
            }
        }
    }
}
