//! Where a folder really lies: its file system, and its path in that file system. Two paths that lead there
//! by different mounts agree in it.

use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use super::dir::Dir;
use super::proc_name;

/// A place in a file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lies {
    /// Major and minor number of the file system, as the kernel writes them.
    device: String,
    path: PathBuf,
}

impl Lies {
    /// Whether this is `outer` or lies in it.
    pub(crate) fn is_inside(&self, outer: &Self) -> bool {
        self.device == outer.device && self.path.starts_with(&outer.path)
    }
}

/// Where a folder lies, as far as the system tells: not for paths longer than a page, nor without /proc.
pub(crate) fn where_it_lies(folder: &Dir) -> Option<Lies> {
    let name = proc_name(folder);
    let path = fs::read_link(&name).ok()?;
    let info = fs::read_to_string(name.replace("/fd/", "/fdinfo/")).ok()?;
    let mount = info
        .lines()
        .find_map(|line| line.strip_prefix("mnt_id:"))?
        .trim()
        .to_owned();
    let mounts = fs::read("/proc/self/mountinfo").ok()?;
    mounts
        .split(|&byte| byte == b'\n')
        .find_map(|line| resolve(line, &mount, &path))
}

/// Places a path by the line of /proc/self/mountinfo that describes its mount (proc_pid_mountinfo(5)):
/// `ID PARENT MAJOR:MINOR ROOT MOUNTPOINT …`.
fn resolve(line: &[u8], mount: &str, path: &Path) -> Option<Lies> {
    let mut fields = line.split(|&byte| byte == b' ');
    if fields.next()? != mount.as_bytes() {
        return None;
    }
    let device = str::from_utf8(fields.nth(1)?).ok()?.to_owned();
    let root = unescape(fields.next()?);
    let point = unescape(fields.next()?);
    let below = path.strip_prefix(point).ok()?;
    Some(Lies {
        device,
        path: root.join(below),
    })
}

/// The kernel writes space, tab, newline and backslash as `\` and three octal digits.
fn unescape(field: &[u8]) -> PathBuf {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&first, after)) = rest.split_first() {
        let octal = after.get(..3).filter(|_| first == b'\\');
        let value =
            octal.and_then(|digits| u8::from_str_radix(str::from_utf8(digits).ok()?, 8).ok());
        bytes.push(value.unwrap_or(first));
        rest = if value.is_some() { &after[3..] } else { after };
    }
    PathBuf::from(std::ffi::OsString::from_vec(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_placed_by_the_mount_it_is_on() {
        type Case<'a> = (&'a str, &'a str, &'a str, Option<(&'a str, &'a str)>);
        let cases: [Case<'_>; 6] = [
            (
                "the root",
                "1 0 8:1 / / rw - ext4 /dev/sda1 rw",
                "/home/ann",
                Some(("8:1", "/home/ann")),
            ),
            (
                "a mount",
                "1 0 8:2 / /mnt rw",
                "/mnt/a",
                Some(("8:2", "/a")),
            ),
            (
                "the mount point itself",
                "1 0 8:2 / /mnt rw",
                "/mnt",
                Some(("8:2", "/")),
            ),
            (
                "a bind mount",
                "1 0 8:1 /home/ann /mnt rw",
                "/mnt/x",
                Some(("8:1", "/home/ann/x")),
            ),
            (
                "a space in a name",
                "1 0 8:1 /a\\040b /mnt\\134 rw",
                "/mnt\\/x",
                Some(("8:1", "/a b/x")),
            ),
            ("another mount", "2 0 8:1 / / rw", "/home", None),
        ];
        for (name, line, path, expected) in cases {
            let found = resolve(line.as_bytes(), "1", Path::new(path));
            let expected = expected.map(|(device, path)| Lies {
                device: device.into(),
                path: path.into(),
            });
            assert_eq!(found, expected, "{name}");
        }
    }

    #[test]
    fn inside_is_by_whole_names_in_one_file_system() {
        let lies = |device: &str, path: &str| Lies {
            device: device.into(),
            path: path.into(),
        };
        let outer = lies("8:1", "/a");
        assert!(lies("8:1", "/a").is_inside(&outer));
        assert!(lies("8:1", "/a/b/c").is_inside(&outer));
        assert!(!lies("8:1", "/ab").is_inside(&outer));
        assert!(!lies("8:2", "/a/b").is_inside(&outer));
    }

    #[test]
    fn the_current_folder_lies_in_the_root_of_its_file_system() {
        let here = Dir::open(Path::new(".")).expect("the current folder");
        let above = Dir::open(Path::new("..")).expect("the folder around");
        let (here, above) = (where_it_lies(&here), where_it_lies(&above));
        let (here, above) = (
            here.expect("/proc is mounted"),
            above.expect("/proc is mounted"),
        );
        assert!(here.is_inside(&above), "{here:?} in {above:?}");
    }
}
