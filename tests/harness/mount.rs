//! Small file systems of every kind, for what only shows there: a full disk, shared blocks, missing features.
//!
//! The image is a file in memory (`/dev/shm`) where there is one. Each lives in a folder whose name carries the id of
//! its process; what a killed test left is recognised by that and cleared by the next one.

use std::ffi::CString;
use std::fmt::{self, Display, Formatter};
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Once;
use std::{env, io, thread};

use rustix::io::Errno;
use rustix::mount::{MountFlags, UnmountFlags, mount, mount_bind, mount_remount, unmount};

use crate::fail::Must;
use crate::needs::{leave_out, needs_root, needs_tool, say_left_out};
use crate::remove::remove_tree;
use crate::sandbox::Sandbox;
use crate::time::{SOON, patiently, wait_until};

/// Starts the names of the folders that hold an image and its mount point; the process id follows.
const LABEL: &str = "wirework-fs-";

/// A kind of file system, made by its own mkfs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FsKind {
    /// The usual one.
    Ext4,
    /// Its ancestor: refuses fallocate, keeps whole seconds until 2038, and no attributes beyond a block.
    Ext2,
    /// Shares blocks; mkfs wants at least 300 MiB.
    Xfs,
    /// Shares blocks; mkfs wants at least 110 MiB.
    Btrfs,
    /// Knows no owners, links or sub-second times; not every kernel has it.
    Vfat,
}

impl FsKind {
    /// Its usual name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ext4 => "ext4",
            Self::Ext2 => "ext2",
            Self::Xfs => "xfs",
            Self::Btrfs => "btrfs",
            Self::Vfat => "vfat",
        }
    }

    /// The kernel's driver for it.
    fn driver(self) -> &'static str {
        match self {
            Self::Ext2 => "ext4",
            Self::Ext4 | Self::Xfs | Self::Btrfs | Self::Vfat => self.name(),
        }
    }

    /// What makes it, with the options that a test wants, and the package that brings that.
    fn maker(self) -> (&'static str, &'static [&'static str], &'static str) {
        match self {
            // Lazy initialisation would go on writing in the background of a measurement, and discarding would give
            // away memory that the image is about to use again.
            Self::Ext4 => (
                "mkfs.ext4",
                &[
                    "-q",
                    "-F",
                    "-I",
                    "256",
                    "-m",
                    "0",
                    "-E",
                    "nodiscard,lazy_itable_init=0,lazy_journal_init=0",
                ],
                "e2fsprogs",
            ),
            Self::Ext2 => (
                "mkfs.ext2",
                &["-q", "-F", "-I", "128", "-m", "0", "-E", "nodiscard"],
                "e2fsprogs",
            ),
            Self::Xfs => ("mkfs.xfs", &["-q", "-f", "-K"], "xfsprogs"),
            Self::Btrfs => ("mkfs.btrfs", &["-q", "-f", "-K"], "btrfs-progs"),
            Self::Vfat => ("mkfs.vfat", &[], "dosfstools"),
        }
    }
}

impl Display for FsKind {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A file system in an image file of its own, unmounted and removed on drop.
#[derive(Debug)]
pub struct LoopFs {
    kind: FsKind,
    options: &'static [&'static str],
    // Dropped in this order: what is mounted, then the folder that holds image and mount point.
    mount: Mount,
    home: Sandbox,
}

impl LoopFs {
    /// Makes and mounts one of `len` bytes; `None` and a printed line where root, mkfs or the kernel's support lacks.
    ///
    /// # Panics
    /// With `CI=true` when something lacks; always when mkfs fails.
    #[track_caller]
    pub fn new(kind: FsKind, len: u64) -> Option<Self> {
        Self::with_options(kind, len, &[])
    }

    /// As [`LoopFs::new`], with further options for its mkfs.
    #[track_caller]
    pub fn with_options(kind: FsKind, len: u64, options: &'static [&'static str]) -> Option<Self> {
        let group = format!("tests on {kind}");
        needs_root(&group)?;
        if !kernel_knows(kind) {
            let reason = format!("this kernel has no {}", kind.driver());
            match kind {
                // No package brings a kernel, and even kernels of CI machines come without this one.
                FsKind::Vfat => say_left_out(&group, &reason, "boot a kernel with it"),
                FsKind::Ext4 | FsKind::Ext2 | FsKind::Xfs | FsKind::Btrfs => {
                    leave_out(&group, &reason, "load its module");
                }
            }
            return None;
        }
        let (tool, _, package) = kind.maker();
        needs_tool(&group, tool, package)?;
        let home = labelled_folder();
        let image = home.join("image");
        let file = File::create(&image).and_then(|file| file.set_len(len));
        file.must(format_args!("create {}", image.display()));
        home.dir("mnt");
        make(kind, options, &image);
        match mount_image(kind, &image, home.join("mnt")) {
            Ok(mount) => Some(Self {
                kind,
                options,
                mount,
                home,
            }),
            Err(error) => {
                leave_out(
                    &group,
                    &error.to_string(),
                    "allow loop devices to this machine",
                );
                None
            }
        }
    }

    /// Where it is mounted.
    pub fn path(&self) -> &Path {
        self.mount.path()
    }

    /// Makes it read-only.
    #[track_caller]
    pub fn remount_read_only(&self) -> &Self {
        self.mount.remount_read_only();
        self
    }

    /// Makes it writable again.
    #[track_caller]
    pub fn remount_writable(&self) -> &Self {
        self.mount.remount_writable();
        self
    }

    /// Makes it anew, empty. Nothing may be open on it. The image keeps its memory: what is written next finds it in
    /// place.
    #[track_caller]
    pub fn remake(&mut self) {
        let point = self.mount.path().to_path_buf();
        let image = self.home.join("image");
        patiently(|| unmount(&point, UnmountFlags::empty()), is_busy)
            .must(format_args!("unmount {}", point.display()));
        self.mount.is_mounted = false;
        // Until then the device holds the old file system in its cache, and mount would take that device again.
        wait_until("the loop device to let go of the image", SOON, || {
            !is_attached(&image)
        });
        make(self.kind, self.options, &image);
        self.mount = mount_image(self.kind, &image, point).must("mount again");
    }
}

/// Something mounted, until it is dropped.
#[derive(Debug)]
pub struct Mount {
    point: PathBuf,
    is_mounted: bool,
    /// Holds the mount point, if it was made for it; dropped after the unmount.
    _home: Option<Sandbox>,
}

impl Mount {
    /// A file system in memory that is full after `len` bytes; `None` and a printed line when not root.
    #[track_caller]
    pub fn tmpfs(len: u64) -> Option<Self> {
        needs_root("tests on a full file system")?;
        let home = labelled_folder();
        home.dir("mnt");
        let point = home.join("mnt");
        let options = CString::new(format!("size={len},mode=755")).expect("digits and letters");
        mount(
            "tmpfs",
            &point,
            "tmpfs",
            MountFlags::empty(),
            Some(options.as_c_str()),
        )
        .must(format_args!("mount a tmpfs at {}", point.display()));
        Some(Self {
            point,
            is_mounted: true,
            _home: Some(home),
        })
    }

    /// Shows the folder or file `from` at the existing `to` as well; `None` and a printed line when not root.
    #[track_caller]
    pub fn bind(from: &Path, to: &Path) -> Option<Self> {
        needs_root("tests with bind mounts")?;
        mount_bind(from, to).must(format_args!("bind {} to {}", from.display(), to.display()));
        Some(Self {
            point: to.to_path_buf(),
            is_mounted: true,
            _home: None,
        })
    }

    /// Where it is mounted.
    pub fn path(&self) -> &Path {
        &self.point
    }

    /// Makes it read-only here.
    #[track_caller]
    pub fn remount_read_only(&self) -> &Self {
        self.remount(MountFlags::RDONLY)
    }

    /// Makes it writable again.
    #[track_caller]
    pub fn remount_writable(&self) -> &Self {
        self.remount(MountFlags::empty())
    }

    #[track_caller]
    fn remount(&self, flags: MountFlags) -> &Self {
        // BIND: this mount alone, so that the source of a bind mount keeps its own state.
        patiently(
            || mount_remount(&self.point, flags | MountFlags::BIND, ""),
            is_busy,
        )
        .must(format_args!("remount {}", self.point.display()));
        self
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        if !self.is_mounted {
            return;
        }
        // Whatever still has a file open there keeps it alive, out of sight, until it closes that.
        let result = unmount(&self.point, UnmountFlags::empty())
            .or_else(|_| unmount(&self.point, UnmountFlags::DETACH));
        if let Err(error) = result {
            let left = format!("left mounted {}: {error}", self.point.display());
            assert!(thread::panicking(), "{left}");
        }
    }
}

fn is_busy(error: &Errno) -> bool {
    *error == Errno::BUSY
}

/// A folder in memory if possible, whose name tells whose it is.
#[track_caller]
fn labelled_folder() -> Sandbox {
    static CLEARED: Once = Once::new();
    let shared_memory = Path::new("/dev/shm");
    let parent = if shared_memory.is_dir() {
        shared_memory.to_path_buf()
    } else {
        env::temp_dir()
    };
    CLEARED.call_once(|| clear_leftovers(&parent));
    Sandbox::labelled(LABEL, &parent)
}

/// Removes what killed processes left in `parent`.
fn clear_leftovers(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(owner) = name.to_str().and_then(owner_of) else {
            continue;
        };
        if !Path::new("/proc").join(owner.to_string()).exists() {
            // Best effort: two processes may clear at once, and what stays harms nobody. Removal detaches mounts.
            remove_tree(&entry.path()).ok();
        }
    }
}

/// The process id in the name of a labelled folder.
fn owner_of(name: &str) -> Option<u32> {
    let (owner, _) = name.strip_prefix(LABEL)?.split_once('-')?;
    owner.parse().ok()
}

#[track_caller]
fn make(kind: FsKind, further: &[&str], image: &Path) {
    let (tool, options, _) = kind.maker();
    run(Command::new(tool).args(options).args(further).arg(image)).must(tool);
}

fn mount_image(kind: FsKind, image: &Path, point: PathBuf) -> io::Result<Mount> {
    // mount(8) finds a free loop device and marks it to be freed with the last use of the file system.
    run(Command::new("mount")
        .args(["-t", kind.driver(), "-o", "loop"])
        .arg(image)
        .arg(&point))?;
    Ok(Mount {
        point,
        is_mounted: true,
        _home: None,
    })
}

/// Whether some loop device holds this file. It can for a moment after the unmount, while another program looks at it.
fn is_attached(image: &Path) -> bool {
    let devices = fs::read_dir("/sys/block").into_iter().flatten().flatten();
    devices
        .filter_map(|device| fs::read(device.path().join("loop/backing_file")).ok())
        .any(|held| held.trim_ascii_end() == image.as_os_str().as_bytes())
}

/// Whether the kernel can mount this kind, after a try at loading its module.
fn kernel_knows(kind: FsKind) -> bool {
    let is_listed = || {
        let list = fs::read_to_string("/proc/filesystems").unwrap_or_default();
        list.lines()
            .any(|line| line.split_whitespace().last() == Some(kind.driver()))
    };
    is_listed() || (run(Command::new("modprobe").arg(kind.driver())).is_ok() && is_listed())
}

/// Runs a system tool; what it says on failure becomes the error.
fn run(command: &mut Command) -> io::Result<()> {
    let path = env::var("PATH").unwrap_or_default();
    let output = command
        .env("PATH", format!("{path}:/usr/sbin:/sbin"))
        .env("LC_ALL", "C")
        .output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(io::Error::other(format!(
        "{}: {}",
        output.status,
        said.trim()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process;

    const MIB: u64 = 1 << 20;

    #[test]
    fn each_kind_can_be_used_filled_remade_and_goes_away() {
        for (kind, len) in [
            (FsKind::Ext4, 16 * MIB),
            (FsKind::Ext2, 16 * MIB),
            (FsKind::Xfs, 300 * MIB),
            (FsKind::Btrfs, 120 * MIB),
            (FsKind::Vfat, 16 * MIB),
        ] {
            let Some(mut fs) = LoopFs::new(kind, len) else {
                continue;
            };
            fs::write(fs.path().join("file"), "x").expect("write to the new file system");
            fs.remake();
            assert!(!fs.path().join("file").exists(), "{kind}");

            let too_much = vec![1; usize::try_from(len).expect("small")];
            let error = fs::write(fs.path().join("big"), too_much).expect_err("more than fits");
            assert_eq!(error.kind(), io::ErrorKind::StorageFull, "{kind}");

            fs.remount_read_only();
            let error = fs::write(fs.path().join("late"), "x").expect_err("it is read-only");
            assert_eq!(error.kind(), io::ErrorKind::ReadOnlyFilesystem, "{kind}");
            fs.remount_writable();
            fs::write(fs.path().join("file"), "").expect("writable again");

            let home = fs.home.path().to_path_buf();
            let held_open = File::open(fs.path().join("file")).expect("open a file on it");
            drop(fs);
            assert!(!home.exists(), "{kind}");
            drop(held_open);
            let mounts = fs::read_to_string("/proc/mounts").expect("the kernel lists mounts");
            assert!(!mounts.contains(&home.display().to_string()), "{kind}");
        }
    }

    #[test]
    fn ext2_refuses_what_it_is_there_to_refuse() {
        let Some(fs) = LoopFs::new(FsKind::Ext2, 16 * MIB) else {
            return;
        };
        let file = File::create(fs.path().join("file")).expect("write to the new file system");
        let refused = rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::KEEP_SIZE, 0, MIB);
        assert_eq!(refused, Err(Errno::OPNOTSUPP));
    }

    #[test]
    fn a_small_tmpfs_is_full_at_once() {
        let Some(mount) = Mount::tmpfs(MIB) else {
            return;
        };
        let error =
            fs::write(mount.path().join("big"), vec![1; 2 << 20]).expect_err("more than fits");
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }

    #[test]
    fn a_bind_mount_is_read_only_by_itself() {
        let sandbox = Sandbox::new();
        sandbox.file("real/file", "x").dir("view");
        let Some(mount) = Mount::bind(&sandbox.join("real"), &sandbox.join("view")) else {
            return;
        };
        mount.remount_read_only();
        fs::write(sandbox.join("view/file"), "y").expect_err("it is read-only");
        sandbox.file("real/file", "z");
        assert_eq!(sandbox.read("view/file"), b"z");
    }

    #[test]
    fn leftovers_of_the_dead_are_cleared_and_those_of_the_living_kept() {
        let sandbox = Sandbox::new();
        // Above the largest id that Linux gives (2^22).
        let dead = format!("{LABEL}99999999-0");
        let alive = format!("{LABEL}{}-0", process::id());
        sandbox
            .file(Path::new(&dead).join("image"), "x")
            .dir(&alive)
            .dir("other-99999999-0");
        clear_leftovers(sandbox.path());
        assert!(!sandbox.has(&dead));
        assert!(sandbox.has(&alive) && sandbox.has("other-99999999-0"));
    }
}
