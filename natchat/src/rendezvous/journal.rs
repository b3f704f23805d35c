//! What the server writes down so that it knows its members after a restart: the bytes of single records.
//!
//! | kind | record | then |
//! |---|---|---|
//! | 1 | Epoch | epoch u32 · serial u64 |
//! | 2 | Here | number u64 · ID · key 32 · incarnation u64 · nonce u32 · presence u8 · place · reach |
//! | 3 | Older | number u64 · ID · local · place |
//! | 4 | Gone | number u64 |
//! | 5 | Owner | ID · key 32 · incarnation u64 · since u64 |
//!
//! Each is whole in itself and may come twice; the last one about somebody is right. Whoever goes is written down as
//! Owner at once, and as Gone when that is published. So a snapshot can be written in
//! slices while new records are appended between them. Framing, checksums and the version of all this are the file's
//! ([`crate::driver`]); keys of tags are not written down, they are derived when a member is heard of.

use crate::name::{ID_LEN, MemberId};
use crate::rendezvous::member::{Member, Profile, Standing, UNTOLD};
use crate::rendezvous::owners::Owner;
use crate::rendezvous::place::{Packed, Place};
use crate::wire::codec::{ADDR_LEN, Malformed, Reader, Writer};
use crate::wire::older;
use crate::wire::reach::{REACH_LEN, Reach};

/// The longest record, in bytes.
pub const RECORD_LEN: usize = 1 + 8 + 1 + ID_LEN + 32 + 8 + 4 + 1 + 2 + ADDR_LEN + REACH_LEN;

/// A record.
#[derive(Debug)]
pub(crate) enum Record {
    /// The server was started.
    Epoch {
        /// For how manieth time.
        epoch: u32,
        /// What serials have been counted to.
        serial: u64,
    },
    /// A member came, or is elsewhere, with what is known of it after a restart; and whether it is told of presence.
    Here(Box<Member>, bool),
    /// A member went.
    Gone(u64),
    /// An ID belongs to somebody who is away.
    Owner(Owner),
}

const EPOCH: u8 = 1;
const HERE: u8 = 2;
const OLDER: u8 = 3;
const GONE: u8 = 4;
const OWNER: u8 = 5;

/// Appends an Epoch.
pub(crate) fn write_epoch(epoch: u32, serial: u64, out: &mut Vec<u8>) {
    Writer::new(out).u8(EPOCH).u32(epoch).u64(serial);
}

/// Appends a Here or an Older.
pub(crate) fn write_member(member: &Member, out: &mut Vec<u8>) {
    let mut writer = Writer::new(out);
    let id = member.profile.id();
    if member.is_older() {
        writer
            .u8(OLDER)
            .u64(member.number)
            .id(&id)
            .text(member.profile.local());
        write_place(member.place.place(), &mut writer);
        return;
    }
    writer.u8(HERE).u64(member.number).id(&id);
    writer
        .bytes(&member.key)
        .u64(member.incarnation)
        .u32(member.nonce);
    writer.u8((member.told != UNTOLD).into());
    write_place(member.place.place(), &mut writer);
    member.profile.reach().encode(out);
}

/// Appends a Gone.
pub(crate) fn write_gone(number: u64, out: &mut Vec<u8>) {
    Writer::new(out).u8(GONE).u64(number);
}

/// Appends an Owner.
pub(crate) fn write_owner(owner: &Owner, out: &mut Vec<u8>) {
    let mut writer = Writer::new(out);
    writer.u8(OWNER).id(&owner.id).bytes(&owner.key);
    writer.u64(owner.incarnation).u64(owner.since);
}

impl Record {
    /// Reads one.
    ///
    /// # Errors
    /// If it is none.
    pub(crate) fn read(record: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(record);
        let read = match reader.u8()? {
            EPOCH => Self::Epoch {
                epoch: reader.u32()?,
                serial: reader.u64()?,
            },
            HERE => {
                let (member, is_told) = read_current(&mut reader)?;
                Self::Here(Box::new(member), is_told)
            }
            OLDER => Self::Here(Box::new(read_older(&mut reader)?), false),
            GONE => Self::Gone(reader.u64()?),
            OWNER => Self::Owner(Owner {
                id: reader.id()?,
                key: reader.array()?,
                incarnation: reader.u64()?,
                since: reader.u64()?,
            }),
            _ => return Err(Malformed),
        };
        reader.end()?;
        Ok(read)
    }
}

fn read_current(reader: &mut Reader<'_>) -> Result<(Member, bool), Malformed> {
    let number = reader.u64()?;
    let id = reader.id()?;
    let key = reader.array()?;
    let incarnation = reader.u64()?;
    let nonce = reader.u32()?;
    let is_told = reader.yes()?;
    let place = read_place(reader)?;
    let reach = Reach::read(reader)?;
    let member = Member {
        number,
        standing: Standing::Restored,
        place: Packed::new(place),
        key,
        incarnation,
        nonce,
        profile: Profile::current(&id, &reach),
        ..Member::empty()
    };
    Ok((member, is_told))
}

fn read_older(reader: &mut Reader<'_>) -> Result<Member, Malformed> {
    let number = reader.u64()?;
    let id: MemberId = reader.id()?;
    let local = reader.text()?;
    if !older::is_local(local) {
        return Err(Malformed);
    }
    Ok(Member {
        number,
        profile: Profile::older(&id, local),
        place: Packed::new(read_place(reader)?),
        ..Member::empty()
    })
}

fn write_place(place: Place, writer: &mut Writer<'_>) {
    match place {
        Place::Udp { port, addr } => _ = writer.u8(1).u8(port).addr(addr),
        // A connection does not outlive the server.
        Place::Tcp(_) | Place::Nowhere => _ = writer.u8(0),
    }
}

fn read_place(reader: &mut Reader<'_>) -> Result<Place, Malformed> {
    let place = reader.option(|reader| Ok((reader.u8()?, reader.addr()?)))?;
    Ok(place.map_or(Place::Nowhere, |(port, addr)| Place::udp(port, addr)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn member(standing: Standing, place: &str) -> Member {
        let id = "김철수".parse().unwrap();
        let profile = match standing {
            Standing::Older => Profile::older(&id, "192.168.0.2:10081"),
            Standing::Restored | Standing::Current { .. } => {
                Profile::current(&id, &Reach::default())
            }
        };
        Member {
            number: 7 << 24 | 3,
            standing,
            place: Packed::new(Place::udp(2, place.parse().unwrap())),
            key: [5; 32],
            incarnation: 9,
            nonce: 11,
            profile,
            ..Member::empty()
        }
    }

    #[test]
    fn what_is_written_of_a_member_is_read() {
        let rows = [
            member(Standing::Restored, "192.0.2.1:5"),
            member(Standing::Restored, "[2001:db8::1]:5"),
            Member {
                key: [0; 32],
                incarnation: 0,
                nonce: 0,
                ..member(Standing::Older, "192.0.2.1:5")
            },
        ];
        for member in rows {
            let mut record = Vec::new();
            write_member(&member, &mut record);
            assert!(record.len() <= RECORD_LEN);
            let Ok(Record::Here(read, false)) = Record::read(&record) else {
                panic!("{member:?} is not read");
            };
            assert_eq!(format!("{read:?}"), format!("{member:?}"));
        }
    }

    #[test]
    fn other_records() {
        let mut record = Vec::new();
        write_epoch(3, 4, &mut record);
        assert!(matches!(
            Record::read(&record),
            Ok(Record::Epoch {
                epoch: 3,
                serial: 4
            })
        ));
        record.clear();
        write_gone(5, &mut record);
        assert!(matches!(Record::read(&record), Ok(Record::Gone(5))));
        record.clear();
        let owner = Owner {
            id: "a".parse().unwrap(),
            key: [1; 32],
            incarnation: 2,
            since: 3,
        };
        write_owner(&owner, &mut record);
        assert!(matches!(Record::read(&record), Ok(Record::Owner(read)) if read == owner));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), kind in 0u8..7) {
            let _ = Record::read(&bytes);
            let mut bytes = bytes;
            bytes.insert(0, kind);
            let _ = Record::read(&bytes);
        }
    }
}
