use std::os::unix::fs::symlink;

use super::*;

#[test]
fn a_file_is_read_and_hashed_while_it_passes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.txt");
    fs::write(&path, b"hello world").unwrap();
    let mut disk = Disk::new(folder.path().join("downloads"));
    let job = Job(1);
    let opened = disk.handle(FileRequest::Open {
        job,
        path: path.clone(),
    });
    assert!(
        matches!(opened, Some(FileReply::Opened { ref name, len: 11, .. }) if name == "a.txt"),
        "{opened:?}"
    );
    let data = |offset, bytes: &[u8]| {
        Some(FileReply::Data {
            job,
            offset,
            bytes: bytes.to_vec(),
        })
    };
    assert_eq!(
        disk.handle(FileRequest::Read {
            job,
            offset: 0,
            len: 5
        }),
        data(0, b"hello")
    );
    assert_eq!(disk.jobs[&job].hashed, 5);
    assert_eq!(
        disk.handle(FileRequest::Read {
            job,
            offset: 6,
            len: 99
        }),
        data(6, b"world")
    );
    let hashed = |bytes: &[u8], unchanged| {
        let hash = *blake3::hash(bytes).as_bytes();
        Some(FileReply::Hashed {
            job,
            len: bytes.len() as u64,
            hash,
            unchanged,
        })
    };
    assert_eq!(
        disk.handle(FileRequest::Hash { job, len: 11 }),
        hashed(b"hello world", true)
    );
    assert_eq!(
        disk.handle(FileRequest::Hash { job, len: 3 }),
        hashed(b"hel", true),
        "back again"
    );
    fs::write(&path, b"hello there").unwrap();
    File::open(&path).unwrap().set_modified(UNIX_EPOCH).unwrap();
    assert_eq!(
        disk.handle(FileRequest::Hash { job, len: 3 }),
        hashed(b"hel", false)
    );
    assert!(failed(disk.handle(FileRequest::Hash { job, len: 12 })).contains("shorter"));
    assert_eq!(disk.handle(FileRequest::Close { job }), None);
    assert!(
        failed(disk.handle(FileRequest::Read {
            job,
            offset: 0,
            len: 5
        }))
        .contains("not open")
    );
}

#[test]
fn what_is_received_gets_the_first_free_name() {
    let folder = tempfile::tempdir().unwrap();
    let downloads = folder.path().join("new/downloads");
    let mut disk = Disk::new(downloads.clone());
    for (number, expected) in ["a.tar.gz", "a.tar (1).gz", "a.tar (2).gz"]
        .into_iter()
        .enumerate()
    {
        let job = Job(number as u64);
        let path = receive(&mut disk, job, b"hello world", b"hello world").unwrap();
        assert_eq!(path, downloads.join(expected));
        assert_eq!(fs::read(&path).unwrap(), b"hello world");
        assert_eq!(fs::metadata(&path).unwrap().mtime(), 1_000_000_000);
    }
    assert_eq!(
        receive(&mut disk, Job(9), b"hello world", b"hello there"),
        None,
        "it differs"
    );
    assert_eq!(
        fs::read_dir(&downloads).unwrap().count(),
        3,
        "no part is left"
    );
}

#[test]
fn a_part_goes_on_where_it_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let mut disk = Disk::new(folder.path().to_owned());
    let (job, part) = (Job(1), PART.to_owned());
    let create = |keep| FileRequest::Create {
        job,
        part: PART.to_owned(),
        keep,
        len: 11,
    };
    assert_eq!(
        disk.handle(FileRequest::Find {
            job,
            part: part.clone()
        }),
        Some(FileReply::Found { job, have: 0 })
    );
    assert_eq!(disk.handle(create(0)), Some(FileReply::Created { job }));
    disk.handle(FileRequest::Write {
        job,
        offset: 0,
        bytes: b"hello w?".to_vec(),
    });
    disk.handle(FileRequest::Close { job });
    assert_eq!(
        disk.handle(FileRequest::Find { job, part }),
        Some(FileReply::Found { job, have: 8 })
    );
    assert!(failed(disk.handle(create(9))).contains("shorter"));
    assert_eq!(disk.handle(create(8)), Some(FileReply::Created { job }));
    disk.handle(FileRequest::Hash { job, len: 8 });
    assert_eq!(
        disk.handle(create(7)),
        Some(FileReply::Created { job }),
        "again, with less"
    );
    disk.handle(FileRequest::Write {
        job,
        offset: 7,
        bytes: b"orld".to_vec(),
    });
    let finish = finish(job, b"hello world");
    assert!(matches!(
        disk.handle(finish),
        Some(FileReply::Finished { .. })
    ));
}

#[test]
fn what_is_in_the_way_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("target");
    fs::write(&target, "precious").unwrap();
    let mut disk = Disk::new(folder.path().join("d"));
    fs::create_dir_all(folder.path().join("d/folder")).unwrap();
    symlink(&target, folder.path().join("d/link")).unwrap();
    let job = Job(1);
    for (part, reason) in [
        ("link", "symbolic link"),
        ("folder", "directory"),
        ("../x", "no name"),
        ("", "no name"),
        ("a/b", "no name"),
        ("..", "no name"),
        ("/x", "no name"),
        ("x/", "no name"),
    ] {
        let create = FileRequest::Create {
            job,
            part: part.to_owned(),
            keep: 0,
            len: 1,
        };
        let told = failed(disk.handle(create));
        assert!(told.contains(reason), "{part}: {told}");
    }
    let enormous = FileRequest::Create {
        job,
        part: PART.to_owned(),
        keep: 0,
        len: u64::MAX,
    };
    assert_eq!(failed(disk.handle(enormous)), "no space left on device");
    let mut other = Disk::new(folder.path().join("d"));
    let taken = FileRequest::Create {
        job,
        part: PART.to_owned(),
        keep: 0,
        len: 1,
    };
    assert!(failed(other.handle(taken)).contains("another client"));
    assert_eq!(fs::read_to_string(&target).unwrap(), "precious");
    for path in ["/dev/zero", "/proc", "nothing here"] {
        failed(disk.handle(FileRequest::Open {
            job,
            path: path.into(),
        }));
    }
}

const PART: &str = ".a.tar.gz.01234567.part";

fn receive(disk: &mut Disk, job: Job, bytes: &[u8], expected: &[u8]) -> Option<PathBuf> {
    let len = bytes.len() as u64;
    disk.handle(FileRequest::Create {
        job,
        part: PART.to_owned(),
        keep: 0,
        len,
    });
    for (at, chunk) in bytes.chunks(4).enumerate() {
        let written = disk.handle(FileRequest::Write {
            job,
            offset: 4 * at as u64,
            bytes: chunk.to_vec(),
        });
        assert_eq!(
            written,
            Some(FileReply::Written {
                job,
                len: chunk.len()
            })
        );
    }
    let reply = disk.handle(finish(job, expected))?;
    if let FileReply::Finished { path, .. } = reply {
        return Some(path);
    }
    assert_eq!(reply, FileReply::Differs { job });
    None
}

fn finish(job: Job, bytes: &[u8]) -> FileRequest {
    FileRequest::Finish {
        job,
        name: "a.tar.gz".to_owned(),
        len: bytes.len() as u64,
        hash: *blake3::hash(bytes).as_bytes(),
        modified: 1_000_000_000,
    }
}

fn failed(reply: Option<FileReply>) -> String {
    match reply {
        Some(FileReply::Failed { reason, .. }) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn old_parts_are_removed_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let day = Duration::from_secs(24 * 3600);
    let start = UNIX_EPOCH + 20_000 * day;
    let names = [
        (".a.txt.0123abcd.part", 40, false),
        (".b.txt.0123abcd.part", 20, true),
        (".c.txt.0123abcx.part", 40, true),
        ("d.txt.0123abcd.part", 40, true),
        (".0123abcd.part", 40, true),
        (".e.txt", 40, true),
    ];
    for (name, days, _) in names {
        let file = File::create(folder.path().join(name)).unwrap();
        file.set_modified(start - days * day).unwrap();
    }
    let inside = folder.path().join(".dir.0123abcd.part");
    fs::create_dir(&inside).unwrap();
    Disk::new(folder.path().to_owned()).sweep(start);
    for (name, _, stays) in names {
        assert_eq!(folder.path().join(name).exists(), stays, "{name}");
    }
    assert!(inside.exists());
}
