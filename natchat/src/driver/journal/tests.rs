use std::fs;

use common::clock::Clock;
use common::log::{Format, Level};

use super::records::{HEAD_LEN, RECORD_LEN, TITLE};
use super::*;

#[test]
fn records_come_back_in_order() {
    let (_folder, store) = store();
    assert_eq!(records(&store), Vec::<Vec<u8>>::new());
    let mut journal = open(&store).unwrap();
    for record in [&b"one"[..], b"two", &[0; RECORD_LEN]] {
        journal.append(record);
    }
    journal.flush();
    journal.append(b"not flushed");
    drop(journal);
    let expected = [
        b"one".to_vec(),
        b"two".to_vec(),
        vec![0; RECORD_LEN],
        b"not flushed".to_vec(),
    ];
    assert_eq!(records(&store), expected);
}

#[test]
fn however_a_crash_cuts_it_whole_records_stay() {
    let (_folder, store) = store();
    let mut journal = open(&store).unwrap();
    journal.append(b"one");
    journal.append(b"second");
    drop(journal);
    let path = store.path("journal");
    let whole = fs::read(&path).unwrap();
    let ends = [TITLE.len() + HEAD_LEN + 3, whole.len()];
    for len in 0..=whole.len() {
        for zeros in [0, 100] {
            let is_between = ends.contains(&len) || len == TITLE.len();
            if zeros > 0 && !is_between {
                continue;
            }
            let mut bytes = whole[..len].to_vec();
            bytes.resize(len + zeros, 0);
            fs::write(&path, bytes).unwrap();
            let count = ends.iter().filter(|end| len >= **end).count();
            assert_eq!(
                records(&store).len(),
                count,
                "{len} bytes and {zeros} zeros"
            );
            let mut journal = open(&store).unwrap();
            journal.append(b"later");
            drop(journal);
            assert_eq!(
                records(&store).len(),
                count + 1,
                "{len} bytes and {zeros} zeros"
            );
        }
    }
}

#[test]
fn what_is_good_before_damage_is_kept_and_the_rest_put_aside() {
    let (_folder, store) = store();
    let mut journal = open(&store).unwrap();
    (0..3).for_each(|_| journal.append(b"record"));
    drop(journal);
    let (path, aside) = (store.path("journal"), store.path("journal.damaged"));
    let whole = fs::read(&path).unwrap();
    let record_len = HEAD_LEN + b"record".len();
    for (at, kept) in [
        (TITLE.len() + 3, 0),
        (TITLE.len() + HEAD_LEN + 2, 0),
        (TITLE.len() + record_len + 2, 1),
    ] {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        fs::write(&path, &bytes).unwrap();
        assert_eq!(records(&store).len(), kept, "byte {at}");
        assert_eq!(fs::read(&aside).unwrap(), bytes, "byte {at}");
        let mut journal = open(&store).unwrap();
        journal.append(b"later");
        drop(journal);
        assert_eq!(records(&store).len(), kept + 1, "byte {at}");
    }
}

#[test]
fn another_programs_file_is_refused_and_stays() {
    let (_folder, store) = store();
    for bytes in [&b"something else"[..], b"natchat journal 2\n", &[0; 50]] {
        fs::write(store.path("journal"), bytes).unwrap();
        assert!(matches!(open(&store), Err(Error::Damaged { .. })));
        assert_eq!(fs::read(store.path("journal")).unwrap(), bytes);
        assert!(!store.path("journal.damaged").exists());
    }
}

#[test]
fn a_new_file_has_the_snapshot_and_what_came_meanwhile() {
    let (_folder, store) = store();
    let mut journal = open(&store).unwrap();
    journal.append(b"old");
    journal.begin_anew(Clock::start().now());
    assert!(journal.takes_snapshot() && journal.is_anew());
    journal.snapshot(b"state 1");
    journal.flush_snapshot();
    journal.append(b"meanwhile");
    journal.snapshot(b"state 2");
    journal.finish();
    assert!(!journal.is_anew());
    journal.append(b"later");
    drop(journal);
    let expected = [&b"state 1"[..], b"meanwhile", b"state 2", b"later"];
    assert_eq!(records(&store), expected);
    assert!(!store.path("journal.new").exists());
}

#[test]
fn a_new_file_that_was_not_finished_counts_for_nothing() {
    let (_folder, store) = store();
    let mut journal = open(&store).unwrap();
    journal.append(b"old");
    journal.begin_anew(Clock::start().now());
    journal.snapshot(b"state");
    journal.append(b"meanwhile");
    drop(journal);
    assert_eq!(records(&store), [&b"old"[..], b"meanwhile"]);
}

#[test]
fn it_is_written_anew_when_it_has_grown() {
    let (_folder, store) = store();
    let mut journal = open(&store).unwrap();
    assert!(!journal.is_overgrown(Clock::start().now()));
    let mut count = 0_u64;
    while !journal.is_overgrown(Clock::start().now()) {
        journal.append(&[7; RECORD_LEN]);
        journal.flush();
        count += 1;
        // The writer may be behind.
        assert!(count < 100 * GROWN_LEN / RECORD_LEN as u64);
    }
    assert!(count >= GROWN_LEN / RECORD_LEN as u64 - 1);
}

#[test]
fn one_server_at_a_time() {
    let (_folder, store) = store();
    let journal = open(&store).unwrap();
    let error = open(&store).unwrap_err();
    assert!(
        common::exit::describe(&error).contains("another natchat server"),
        "{error:?}"
    );
    drop(journal);
    open(&store).unwrap();
}

fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    (folder, store)
}

fn open(store: &Store) -> Result<Journal, Error> {
    Journal::open(store, quiet(), &mut |_| {})
}

fn records(store: &Store) -> Vec<Vec<u8>> {
    let mut records = Vec::new();
    drop(Journal::open(store, quiet(), &mut |record| records.push(record.to_vec())).unwrap());
    records
}

fn quiet() -> Logger {
    Logger::new(Level::Error, Format::Text, Clock::start())
}
