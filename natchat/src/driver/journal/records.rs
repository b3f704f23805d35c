//! What is in a journal's file: a line that names it, then records, each `len u16 · check u32 · bytes`.

use std::fs::{self, File};
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;

use common::log::Logger;

use crate::driver::store::private;
use crate::error::Error;

/// The first line.
pub(super) const TITLE: &[u8] = b"natchat journal 1\n";

/// The longest record.
pub(super) const RECORD_LEN: usize = 4096;

/// The ending of what a damaged one is kept as, for whoever wants to look for more in it.
const ASIDE: &str = "damaged";

/// Length and check.
pub(super) const HEAD_LEN: usize = 6;

/// One record, as it is in the file.
pub(super) fn push(out: &mut Vec<u8>, record: &[u8]) {
    let len = match u16::try_from(record.len()) {
        Ok(len) if (1..=RECORD_LEN).contains(&record.len()) => len,
        _ => {
            debug_assert!(false, "a record of {} bytes", record.len());
            return;
        }
    };
    out.extend_from_slice(&len.to_be_bytes());
    out.extend_from_slice(&check(record));
    out.extend_from_slice(record);
}

fn check(record: &[u8]) -> [u8; 4] {
    let [a, b, c, d, ..] = *blake3::hash(record).as_bytes();
    [a, b, c, d]
}

/// Reads a journal, or begins one: the file, to be appended to, and the length of what is good in it. What follows damage
/// is not looked at: records in it may be what a member made up, in a text of its own.
pub(super) fn read(
    path: &Path,
    logger: Logger,
    restore: &mut dyn FnMut(&[u8]),
) -> Result<(File, u64), Error> {
    let failed = |source| Error::Store {
        path: path.to_owned(),
        source,
    };
    let file = private()
        .create(true)
        .truncate(false)
        .open(path)
        .map_err(failed)?;
    let whole_len = file.metadata().map_err(failed)?.len();
    let mut reader = Reader {
        input: BufReader::with_capacity(1 << 20, &file),
        good_len: 0,
        record: Vec::new(),
    };
    let end = loop {
        match reader.next().map_err(failed)? {
            Found::Record => restore(&reader.record),
            Found::End(end) => break end,
        }
    };
    let mut good_len = reader.good_len;
    match end {
        End::Whole => {}
        End::Cut => logger.warn(
            "journal",
            "its last record was cut off",
            &[("bytes", (whole_len - good_len).into())],
        ),
        // Whoever wrote it was no server of ours.
        End::Damaged if good_len == 0 => {
            return Err(Error::Damaged {
                path: path.to_owned(),
                what: "journal",
            });
        }
        End::Damaged => {
            let aside = path.with_extension(ASIDE);
            fs::copy(path, &aside).map_err(failed)?;
            logger.warn(
                "journal",
                "it is damaged: what follows is forgotten, and the whole was put aside",
                &[
                    ("bytes", (whole_len - good_len).into()),
                    ("aside", (&aside.display()).into()),
                ],
            );
        }
    }
    file.set_len(good_len).map_err(failed)?;
    (&file).seek(SeekFrom::Start(good_len)).map_err(failed)?;
    if good_len == 0 {
        (&file).write_all(TITLE).map_err(failed)?;
        good_len = TITLE.len() as u64;
    }
    Ok((file, good_len))
}

/// Reads records off a file.
struct Reader<'a> {
    input: BufReader<&'a File>,
    /// The length of what was read and is good.
    good_len: u64,
    record: Vec<u8>,
}

/// What was read.
enum Found {
    /// A record.
    Record,
    /// No further one.
    End(End),
}

/// How a file ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// After a record.
    Whole,
    /// In the middle of one, or in zeros that a power failure left.
    Cut,
    /// In something else.
    Damaged,
}

impl Reader<'_> {
    fn next(&mut self) -> io::Result<Found> {
        if self.good_len == 0
            && let Some(end) = self.title()?
        {
            return Ok(Found::End(end));
        }
        let mut head = [0; HEAD_LEN];
        match fill(&mut self.input, &mut head)? {
            0 => return Ok(Found::End(End::Whole)),
            HEAD_LEN => {}
            _ => return Ok(Found::End(End::Cut)),
        }
        let [a, b, check_bytes @ ..] = head;
        let len = usize::from(u16::from_be_bytes([a, b]));
        self.record.resize(len, 0);
        let got = fill(&mut self.input, &mut self.record)?;
        if len == 0 || got < len || check(&self.record) != check_bytes {
            return Ok(Found::End(self.end()?));
        }
        self.good_len += (HEAD_LEN + len) as u64;
        Ok(Found::Record)
    }

    fn title(&mut self) -> io::Result<Option<End>> {
        let mut title = [0; TITLE.len()];
        let len = fill(&mut self.input, &mut title)?;
        if len == TITLE.len() && title == TITLE {
            self.good_len = len as u64;
            return Ok(None);
        }
        Ok(Some(match TITLE.starts_with(&title[..len]) {
            true if len == 0 => End::Whole,
            true => End::Cut,
            false => End::Damaged,
        }))
    }

    /// After something that is no record: whether it is what a crash leaves.
    fn end(&mut self) -> io::Result<End> {
        let mut rest = Vec::new();
        self.input.read_to_end(&mut rest)?;
        let is_nothing = rest.iter().all(|byte| *byte == 0);
        Ok(if is_nothing { End::Cut } else { End::Damaged })
    }
}

/// As many bytes as there are.
fn fill(input: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut len = 0;
    while len < buffer.len() {
        match input.read(&mut buffer[len..]) {
            Ok(0) => break,
            Ok(more) => len += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(len)
}
