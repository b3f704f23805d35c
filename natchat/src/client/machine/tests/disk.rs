//! Disks in memory: each side's files to be sent and files received.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::client::files::{FileReply, FileRequest, Job};

/// One side's disk.
#[derive(Default)]
pub(super) struct Disk {
    /// By name: what can be sent, and what was received whole.
    pub(super) files: BTreeMap<String, Vec<u8>>,
    parts: BTreeMap<String, Vec<u8>>,
    open: BTreeMap<Job, String>,
}

impl Disk {
    pub(super) fn answer(&mut self, request: FileRequest) -> Option<FileReply> {
        Some(match request {
            FileRequest::Open { job, path } => {
                let name = path.display().to_string();
                let Some(bytes) = self.files.get(&name) else {
                    let reason = "no such file".to_owned();
                    return Some(FileReply::Failed { job, reason });
                };
                let len = bytes.len() as u64;
                self.open.insert(job, name.clone());
                FileReply::Opened {
                    job,
                    name,
                    len,
                    modified: 7,
                }
            }
            FileRequest::Hash { job, len } => {
                let hash = blake3::hash(&self.bytes(job)[..usize::try_from(len).unwrap()]).into();
                FileReply::Hashed {
                    job,
                    len,
                    hash,
                    unchanged: true,
                }
            }
            FileRequest::Read { job, offset, len } => {
                let rest = &self.bytes(job)[usize::try_from(offset).unwrap()..];
                let bytes = rest[..len.min(rest.len())].to_vec();
                FileReply::Data { job, offset, bytes }
            }
            FileRequest::Find { job, part } => {
                let have = self.parts.get(&part).map_or(0, Vec::len) as u64;
                FileReply::Found { job, have }
            }
            FileRequest::Create {
                job, part, keep, ..
            } => {
                self.open.insert(job, part.clone());
                self.parts
                    .entry(part)
                    .or_default()
                    .truncate(usize::try_from(keep).unwrap());
                FileReply::Created { job }
            }
            FileRequest::Write { job, offset, bytes } => {
                let part = self.parts.get_mut(&self.open[&job]).unwrap();
                assert_eq!(part.len() as u64, offset);
                part.extend_from_slice(&bytes);
                let len = bytes.len();
                FileReply::Written { job, len }
            }
            FileRequest::Finish {
                job, name, hash, ..
            } => {
                let bytes = self.parts.remove(&self.open[&job]).unwrap();
                assert_eq!(blake3::hash(&bytes), hash);
                self.files.insert(name.clone(), bytes);
                FileReply::Finished {
                    job,
                    path: PathBuf::from(name),
                }
            }
            FileRequest::Close { .. } => return None,
        })
    }

    fn bytes(&self, job: Job) -> &[u8] {
        let name = &self.open[&job];
        self.files
            .get(name)
            .or_else(|| self.parts.get(name))
            .unwrap()
    }
}
