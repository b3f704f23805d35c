//! A disk in memory: files to be sent, files received, and parts of them that stay when their receiver is started anew.

use std::collections::BTreeMap;
use std::path::PathBuf;

use natchat::client::files::{FileReply, FileRequest, Job};

/// One user's disk.
#[derive(Debug, Default)]
pub(super) struct Disk {
    /// By name: what can be sent, and what was received whole.
    pub(super) files: BTreeMap<String, Vec<u8>>,
    parts: BTreeMap<String, Vec<u8>>,
    open: BTreeMap<Job, String>,
}

impl Disk {
    /// Does what is asked; `None` if no answer is wanted.
    pub(super) fn answer(&mut self, request: FileRequest) -> Option<FileReply> {
        Some(match request {
            FileRequest::Open { job, path } => self.open(job, &path.display().to_string()),
            FileRequest::Hash { job, len } => FileReply::Hashed {
                job,
                len,
                hash: blake3::hash(&self.bytes(job)[..index(len)]).into(),
                unchanged: true,
            },
            FileRequest::Read { job, offset, len } => {
                let rest = &self.bytes(job)[index(offset)..];
                let bytes = rest[..len.min(rest.len())].to_vec();
                FileReply::Data { job, offset, bytes }
            }
            FileRequest::Find { job, part } => {
                let have = self.parts.get(&part).map_or(0, |part| long(part.len()));
                FileReply::Found { job, have }
            }
            FileRequest::Create {
                job, part, keep, ..
            } => {
                self.open.insert(job, part.clone());
                self.parts.entry(part).or_default().truncate(index(keep));
                FileReply::Created { job }
            }
            FileRequest::Write { job, offset, bytes } => {
                let part = self.part(job);
                assert_eq!(long(part.len()), offset, "parts grow at their end");
                part.extend_from_slice(&bytes);
                let len = bytes.len();
                FileReply::Written { job, len }
            }
            FileRequest::Finish {
                job, name, hash, ..
            } => self.finish(job, name, hash),
            FileRequest::Close { job } => {
                self.open.remove(&job);
                return None;
            }
        })
    }

    /// What is open is closed, as when a process ends.
    pub(super) fn close_all(&mut self) {
        self.open.clear();
    }

    /// How many files are open.
    pub(super) fn open_files(&self) -> usize {
        self.open.len()
    }

    /// How many bytes lie in parts.
    pub(super) fn in_parts(&self) -> usize {
        self.parts.values().map(Vec::len).sum()
    }

    fn open(&mut self, job: Job, name: &str) -> FileReply {
        let Some(bytes) = self.files.get(name) else {
            let reason = "no such file".to_owned();
            return FileReply::Failed { job, reason };
        };
        let len = long(bytes.len());
        self.open.insert(job, name.to_owned());
        FileReply::Opened {
            job,
            name: name.to_owned(),
            len,
            modified: 7,
        }
    }

    fn finish(&mut self, job: Job, name: String, hash: [u8; 32]) -> FileReply {
        let part = self.open.remove(&job).expect("the job has a part file");
        let bytes = self.parts.remove(&part).expect("open parts exist");
        if *blake3::hash(&bytes).as_bytes() != hash {
            return FileReply::Differs { job };
        }
        self.files.insert(name.clone(), bytes);
        FileReply::Finished {
            job,
            path: PathBuf::from(name),
        }
    }

    fn part(&mut self, job: Job) -> &mut Vec<u8> {
        let part = &self.open[&job];
        self.parts.get_mut(part).expect("open parts exist")
    }

    fn bytes(&self, job: Job) -> &[u8] {
        let name = &self.open[&job];
        let bytes = self.files.get(name).or_else(|| self.parts.get(name));
        bytes.expect("open files exist")
    }
}

fn index(len: u64) -> usize {
    usize::try_from(len).expect("files of tests fit in memory")
}

fn long(len: usize) -> u64 {
    u64::try_from(len).expect("a usize fits in 64 bits")
}
