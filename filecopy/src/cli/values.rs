//! The values of single options: text → checked values.

use std::ffi::{OsStr, OsString};
use std::num::{NonZeroU64, NonZeroUsize};

use clap::ValueEnum;
use common::units::{ByteSize, SizeError};
use filecopy::config::{Backup, MAX_CHUNK_LEN, Preserve, Reflink, Sparse};

/// The suffix of a backup where none is given, as of GNU's tools.
pub(super) const BACKUP_SUFFIX: &str = "~";

/// The most workers that `--jobs` takes: each has a buffer and open files.
const MAX_JOBS: usize = 1024;

/// When blocks are shared, or holes made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum When {
    /// Where it can be done
    Auto,
    /// Or fail
    Always,
    /// Not at all
    Never,
}

impl From<When> for Reflink {
    fn from(when: When) -> Self {
        match when {
            When::Auto => Self::Auto,
            When::Always => Self::Always,
            When::Never => Self::Never,
        }
    }
}

impl From<When> for Sparse {
    fn from(when: When) -> Self {
        match when {
            When::Auto => Self::Auto,
            When::Always => Self::Always,
            When::Never => Self::Never,
        }
    }
}

/// Why a value is refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ValueError {
    #[error(transparent)]
    Size(#[from] SizeError),
    #[error("a chunk has 1 to {} bytes", MAX_CHUNK_LEN)]
    ChunkLen,
    #[error("a rate is at least 1 byte per second")]
    NoRate,
    #[error("give a number from 1 to {}", MAX_JOBS)]
    Jobs,
    #[error("a suffix is not empty and has no '/'")]
    Suffix,
    #[error("unknown attribute '{0}'; use mode, owner, times, links, xattr or all")]
    Attribute(String),
}

pub(super) fn jobs(text: &str) -> Result<NonZeroUsize, ValueError> {
    let jobs: NonZeroUsize = text.parse().map_err(|_| ValueError::Jobs)?;
    Some(jobs)
        .filter(|jobs| jobs.get() <= MAX_JOBS)
        .ok_or(ValueError::Jobs)
}

pub(super) fn chunk_len(text: &str) -> Result<NonZeroUsize, ValueError> {
    let bytes = text.parse::<ByteSize>()?.bytes();
    let len = usize::try_from(bytes).ok().and_then(NonZeroUsize::new);
    len.filter(|len| len.get() <= MAX_CHUNK_LEN)
        .ok_or(ValueError::ChunkLen)
}

/// `10MB` and `10MB/s` are the same rate.
pub(super) fn rate(text: &str) -> Result<NonZeroU64, ValueError> {
    let per_sec = text.strip_suffix("/s").unwrap_or(text);
    NonZeroU64::new(per_sec.parse::<ByteSize>()?.bytes()).ok_or(ValueError::NoRate)
}

/// A suffix, or one of the words by which `cp --backup` names its ways.
pub(super) fn backup(value: OsString) -> Result<Backup, ValueError> {
    let simple = || OsString::from(BACKUP_SUFFIX);
    match value.to_str() {
        Some("numbered" | "t") => Ok(Backup::Numbered),
        Some("existing" | "nil") => Ok(Backup::Existing(simple())),
        Some("simple" | "never") => Ok(Backup::Simple(simple())),
        _ if is_suffix(&value) => Ok(Backup::Simple(value)),
        _ => Err(ValueError::Suffix),
    }
}

fn is_suffix(value: &OsStr) -> bool {
    !value.is_empty() && !value.as_encoded_bytes().contains(&b'/')
}

/// The attributes that `--no-preserve` names; cp's longer words are understood too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unkept(Preserve);

pub(super) fn unkept(text: &str) -> Result<Unkept, ValueError> {
    let mut unkept = Preserve::NONE;
    for word in text.split(',') {
        match word.trim() {
            "mode" => unkept.mode = true,
            "owner" | "ownership" => unkept.owner = true,
            "times" | "timestamps" => unkept.times = true,
            "links" => unkept.links = true,
            "xattr" => unkept.xattr = true,
            "all" => unkept = Preserve::ALL,
            // A security context is an extended attribute, and goes with them.
            "context" => {}
            other => return Err(ValueError::Attribute(other.to_owned())),
        }
    }
    Ok(Unkept(unkept))
}

/// What is left of everything.
pub(super) fn kept(unkept: &[Unkept]) -> Preserve {
    unkept
        .iter()
        .fold(Preserve::ALL, |kept, Unkept(unkept)| Preserve {
            mode: kept.mode && !unkept.mode,
            owner: kept.owner && !unkept.owner,
            times: kept.times && !unkept.times,
            links: kept.links && !unkept.links,
            xattr: kept.xattr && !unkept.xattr,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        let bytes = |text| chunk_len(text).map(NonZeroUsize::get);
        assert_eq!(bytes("10KB"), Ok(10_240));
        assert_eq!(bytes("1"), Ok(1));
        assert_eq!(bytes("16MiB"), Ok(16 << 20));
        assert_eq!(bytes("17MiB"), Err(ValueError::ChunkLen));
        assert_eq!(bytes("0"), Err(ValueError::ChunkLen));
        assert_eq!(bytes("ten"), Err(ValueError::Size(SizeError::NoNumber)));

        let per_sec = |text| rate(text).map(NonZeroU64::get);
        assert_eq!(per_sec("5MB"), Ok(5 << 20));
        assert_eq!(per_sec("5MB/s"), Ok(5 << 20));
        assert_eq!(per_sec("0"), Err(ValueError::NoRate));

        assert_eq!(jobs("4").map(NonZeroUsize::get), Ok(4));
        for text in ["0", "1025", "-1", "many", ""] {
            assert_eq!(jobs(text), Err(ValueError::Jobs), "{text:?}");
        }
    }

    #[test]
    fn backups() {
        let check = |text: &str, expected| assert_eq!(backup(text.into()), expected, "{text:?}");
        check(".old", Ok(Backup::Simple(".old".into())));
        check("~", Ok(Backup::Simple("~".into())));
        check("numbered", Ok(Backup::Numbered));
        check("existing", Ok(Backup::Existing("~".into())));
        check("simple", Ok(Backup::Simple("~".into())));
        check("", Err(ValueError::Suffix));
        check("a/b", Err(ValueError::Suffix));
    }

    #[test]
    fn attributes() {
        let kept = |lists: &[&str]| {
            let unkept: Result<Vec<_>, _> = lists.iter().map(|list| unkept(list)).collect();
            unkept.map(|unkept| kept(&unkept))
        };
        assert_eq!(kept(&[]), Ok(Preserve::ALL));
        assert_eq!(kept(&["all"]), Ok(Preserve::NONE));
        assert_eq!(
            kept(&["times"]),
            Ok(Preserve {
                times: false,
                ..Preserve::ALL
            })
        );
        assert_eq!(
            kept(&["ownership,timestamps", "mode"]),
            Ok(Preserve {
                links: true,
                xattr: true,
                ..Preserve::NONE
            })
        );
        assert_eq!(kept(&["time"]), Err(ValueError::Attribute("time".into())));
        assert_eq!(kept(&[""]), Err(ValueError::Attribute(String::new())));
    }
}
