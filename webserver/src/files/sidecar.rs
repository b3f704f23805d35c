//! The compressed forms of a file that lie beside it: `app.js.br`, `app.js.gz`, `app.js.zst`.
//!
//! Rule: a form counts only if it can be served itself, is not empty, and is not older than its source; an older one
//! was made of something else. Whether it really holds what the source holds is up to whoever put it there.
//!
//! Not here: which form a client is sent, and forms that are made while serving ([`super::compress`]).

use std::io;

use crate::files::root::{Facts, Found, Kind, OpenFile, Root};
use crate::http::accept::Coding;

/// Looks at what lies beside the file at `path`, in the order of preference. Opens nothing.
///
/// # Errors
/// As [`Root::facts`].
pub fn look(root: &Root, path: &[u8], source: &Facts) -> io::Result<Vec<(Coding, Facts)>> {
    beside(path, |name| {
        Ok(match root.facts(name)? {
            Some((Kind::File, facts)) if is_of(&facts, source) => Some(facts),
            _ => None,
        })
    })
}

/// Whether anything lies beside the file that is named like a form of it, of use or not: then it may come to be of use
/// without a name coming or going.
///
/// # Errors
/// As [`Root::facts`].
pub fn is_any(root: &Root, path: &[u8]) -> io::Result<bool> {
    Ok(!beside(path, |name| root.facts(name))?.is_empty())
}

/// Opens what lies beside the file at `path`, in the order of preference.
///
/// # Errors
/// As [`Root::find`].
pub fn open(root: &Root, path: &[u8], source: &Facts) -> io::Result<Vec<(Coding, OpenFile)>> {
    beside(path, |name| {
        Ok(match root.find(name)? {
            Found::File(open) if is_of(&open.facts, source) => Some(open),
            Found::File(_) | Found::Folder(_) | Found::Missing | Found::Refused => None,
        })
    })
}

/// Asks for the name of each form.
fn beside<Form>(
    path: &[u8],
    mut ask: impl FnMut(&[u8]) -> io::Result<Option<Form>>,
) -> io::Result<Vec<(Coding, Form)>> {
    let mut forms = Vec::new();
    let mut name = Vec::with_capacity(path.len() + 4);
    for coding in Coding::ALL.into_iter().rev() {
        let Some(suffix) = coding.suffix() else {
            continue;
        };
        name.clear();
        name.extend_from_slice(path);
        name.push(b'.');
        name.extend_from_slice(suffix.as_bytes());
        if let Some(form) = ask(&name)? {
            forms.push((coding, form));
        }
    }
    Ok(forms)
}

/// Whether a file of the right name can be a form of the source.
fn is_of(form: &Facts, source: &Facts) -> bool {
    // Every coding has a header: an empty file is one that is about to be written.
    form.modified_ns >= source.modified_ns && form.len > 0
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::io::Read;
    use std::os::unix::fs::symlink;
    use std::path::Path;
    use std::time::{Duration, SystemTime};

    use tempfile::TempDir;

    use super::*;
    use crate::files::root::Links;

    #[test]
    fn what_counts() {
        let temp = TempDir::new().unwrap();
        let folder = temp.path().join("root");
        fs::create_dir(&folder).unwrap();
        for (name, seconds) in [
            ("all.js", 100),
            ("all.js.gz", 100),
            ("all.js.br", 101),
            ("all.js.zst", 9_999),
            ("old.js", 100),
            ("old.js.gz", 99),
            ("old.js.br", 100),
            ("none.js", 100),
            ("none.js.bz2", 100),
            ("none.js.GZ", 100),
            ("folder.js", 100),
            ("linked.js", 100),
            ("made.gz", 100),
            ("empty.js", 100),
            ("../outside.gz", 100),
        ] {
            put(&folder.join(name), name, seconds);
        }
        put(&folder.join("empty.js.gz"), "", 100);
        fs::create_dir(folder.join("folder.js.gz")).unwrap();
        symlink("made.gz", folder.join("linked.js.gz")).unwrap();
        symlink("../outside.gz", folder.join("linked.js.br")).unwrap();
        symlink("none", folder.join("linked.js.zst")).unwrap();

        let root = Root::open(&folder, Links::Within).unwrap();
        for (name, path, expected) in [
            (
                "all",
                "/all.js",
                vec![
                    (Coding::Zstd, "all.js.zst"),
                    (Coding::Brotli, "all.js.br"),
                    (Coding::Gzip, "all.js.gz"),
                ],
            ),
            (
                "older than its source",
                "/old.js",
                vec![(Coding::Brotli, "old.js.br")],
            ),
            ("other endings", "/none.js", vec![]),
            ("a folder", "/folder.js", vec![]),
            (
                "links in, out and to nothing",
                "/linked.js",
                vec![(Coding::Gzip, "made.gz")],
            ),
            ("empty", "/empty.js", vec![]),
        ] {
            let path = path.as_bytes();
            let (_, source) = root.facts(path).unwrap().unwrap();
            let looked = look(&root, path, &source).unwrap();
            let opened = open(&root, path, &source).unwrap();
            let facts: Vec<_> = opened
                .iter()
                .map(|(coding, open)| (*coding, open.facts))
                .collect();
            assert_eq!(looked, facts, "{name}");
            let contents: Vec<(Coding, String)> = opened
                .into_iter()
                .map(|(coding, mut open)| {
                    let mut content = String::new();
                    open.file.read_to_string(&mut content).unwrap();
                    (coding, content)
                })
                .collect();
            let contents: Vec<_> = contents
                .iter()
                .map(|(coding, content)| (*coding, content.as_str()))
                .collect();
            assert_eq!(contents, expected, "{name}");
        }
    }

    fn put(path: &Path, content: &str, seconds: u64) {
        fs::write(path, content).unwrap();
        let modified = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let file = File::options().write(true).open(path).unwrap();
        file.set_modified(modified).unwrap();
    }
}
