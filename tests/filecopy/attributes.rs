//! Extended attributes and access control lists.

use std::ffi::OsStr;

use harness::tree::{self, Aspect, Aspects};
use harness::{Command, Sandbox, bin, needs_root, needs_tool};

use crate::copying::{assert_alike, copies, copies_unprivileged, filecopy, tool};

#[test]
fn extended_attributes_are_kept_of_files_and_folders() {
    let sandbox = Sandbox::new();
    sandbox
        .file("src/file", "x")
        .file("src/big", vec![1; 2 << 20])
        .dir("src/folder")
        .file("src/read-only", "x");
    for name in ["src", "src/file", "src/big", "src/folder", "src/read-only"] {
        sandbox
            .xattr(name, "user.colour", "red")
            .xattr(name, "user.empty", "");
        sandbox.xattr(name, "user.\u{e9}\u{20ac} \n", [0, 1, 255]);
        sandbox.xattr(name, &format!("user.{}", "n".repeat(240)), [7; 2_000]);
    }
    for number in 0..30 {
        sandbox.xattr(
            "src/file",
            &format!("user.one of many, number {number}"),
            number.to_string(),
        );
    }
    sandbox.mode("src/read-only", 0o400);
    copies(&sandbox, &["src", "dst"]);
    assert_alike(&sandbox, "src", "dst", Aspects::ALL);
    copies_unprivileged(&sandbox, &["src", "unprivileged"]);
    assert_alike(&sandbox, "src", "unprivileged", Aspects::ALL);
    // A second copy brings new values.
    sandbox
        .xattr("src/file", "user.colour", "blue")
        .xattr("src/folder", "user.colour", "blue");
    copies(&sandbox, &["-T", "src", "dst"]);
    assert_alike(&sandbox, "src", "dst", Aspects::ALL);
}

#[test]
fn attributes_that_the_destination_cannot_hold_are_said_once_and_the_copy_goes_on() {
    let Some(()) = needs_root("file systems without attributes") else {
        return;
    };
    let Some(mount) = needs_tool("file systems without attributes", "mount", "mount") else {
        return;
    };
    let sandbox = Sandbox::new();
    for number in 0..20 {
        sandbox.file(format!("src/{number}"), "x").xattr(
            format!("src/{number}"),
            "user.colour",
            "red",
        );
    }
    sandbox.dir("mnt");
    // The sandbox detaches it when it goes.
    tool(
        &mount,
        &["-t", "ramfs", "none", sandbox.join("mnt").to_str().unwrap()].map(OsStr::new),
    );
    let output = filecopy(&sandbox, &["--quiet", "src", "mnt"]).run();
    output
        .succeeds()
        .stderr_is_one_line()
        .stderr_has("setting attributes");
    assert_alike(
        &sandbox,
        "src",
        "mnt/src",
        Aspects::ALL.without(&[Aspect::Xattrs]),
    );
}

#[test]
fn access_control_lists_are_kept() {
    let sandbox = Sandbox::new();
    sandbox
        .file("src/file", "x")
        .file("src/big", vec![1; 2 << 20])
        .dir("src/folder")
        .file("src/plain", "x");
    sandbox
        .mode("src/file", 0o640)
        .acl("src/file", 5, 6)
        .acl("src/big", 6, 1)
        .acl("src/folder", 7, 7)
        .acl("src", 8, 5);
    copies(&sandbox, &["src", "dst"]);
    assert_alike(&sandbox, "src", "dst", Aspects::ALL);
    assert!(
        !tree::snapshot(&sandbox.join("dst"))
            .get("file")
            .xattrs
            .is_empty(),
        "this file system keeps no lists"
    );
    copies_unprivileged(&sandbox, &["src", "unprivileged"]);
    assert_alike(&sandbox, "src", "unprivileged", Aspects::ALL);
}

#[test]
fn default_access_control_lists_of_folders_are_kept() {
    let Some(setfacl) = needs_tool("default access control lists", "setfacl", "acl") else {
        return;
    };
    let sandbox = Sandbox::new();
    sandbox.file("src/folder/file", "x").dir("src/folder/below");
    for name in ["src", "src/folder"] {
        let path = sandbox.join(name);
        tool(
            &setfacl,
            &[
                "-d".as_ref(),
                "-m".as_ref(),
                OsStr::new("u:5:rwx,g:7:r-x,m::rwx"),
                path.as_ref(),
            ],
        );
    }
    copies(&sandbox, &["src", "dst"]);
    assert_alike(&sandbox, "src", "dst", Aspects::ALL);
}

#[test]
fn a_default_list_of_the_destination_gives_copies_nothing_that_the_source_does_not_have() {
    let Some(setfacl) = needs_tool("default access control lists", "setfacl", "acl") else {
        return;
    };
    for umask in ["022", "077"] {
        let sandbox = Sandbox::new();
        sandbox
            .file("src/file", "x")
            .file("src/big", vec![1; 2 << 20])
            .file("src/folder/file", "x")
            .dir("src/empty");
        sandbox
            .symlink("file", "src/link")
            .fifo("src/fifo")
            .socket("src/socket")
            .file("src/listed", "x");
        sandbox
            .mode("src/file", 0o664)
            .mode("src/folder", 0o775)
            .acl("src/listed", 9, 4)
            .mode("src/fifo", 0o666);
        sandbox.dir("dst");
        let path = sandbox.join("dst");
        let args = ["-d", "-m", "u:5:rwx,g:7:rwx,o::rwx,m::rwx"].map(OsStr::new);
        tool(&setfacl, &[&args[..], &[path.as_ref()]].concat());
        let script = format!("umask {umask}; exec \"$@\"");
        let shell = Command::new("sh")
            .args(["-c", &script, "sh"])
            .arg(bin("filecopy"))
            .arg("--no-log");
        shell
            .args(["src", "src/file", "src/big", "src/fifo", "dst"])
            .cwd(sandbox.path())
            .run()
            .succeeds();
        assert_alike(&sandbox, "src", "dst/src", Aspects::ALL);
        for name in ["file", "big", "fifo"] {
            assert_alike(
                &sandbox,
                format!("src/{name}"),
                format!("dst/{name}"),
                Aspects::ALL,
            );
        }
    }
}

#[test]
fn capabilities_and_other_attributes_of_the_system_are_kept_as_root() {
    let Some(()) = needs_root("attributes of the system") else {
        return;
    };
    // linux/capability.h: revision 2, effective, with cap_net_raw.
    let capability = [1, 0, 0, 2, 0, 32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let sandbox = Sandbox::new();
    for (name, len) in [("small", 10), ("big", 2 << 20)] {
        let name = format!("src/{name}");
        sandbox.file(&name, vec![1; len]).owner(&name, 1_000, 1_001);
        sandbox
            .xattr(&name, "security.capability", capability)
            .xattr(&name, "trusted.origin", "here");
    }
    sandbox.xattr("src", "trusted.origin", "there");
    copies(&sandbox, &["src", "dst"]);
    assert_alike(&sandbox, "src", "dst", Aspects::ALL);
    // Without the right to set them they are the system's affair: nothing to be said about each file.
    sandbox.mode(".", 0o777);
    let output = filecopy(&sandbox, &["--quiet", "src", "other"])
        .unprivileged()
        .run();
    output.succeeds().is_silent();
}

#[test]
fn lists_and_attributes_of_fifos_sockets_and_devices_are_kept() {
    let sandbox = Sandbox::new();
    sandbox
        .fifo("src/fifo")
        .mode("src/fifo", 0o640)
        .acl("src/fifo", 5, 6)
        .socket("src/socket")
        .acl("src/socket", 6, 1);
    copies_unprivileged(&sandbox, &["src", "unprivileged"]);
    assert_alike(&sandbox, "src", "unprivileged", Aspects::ALL);
    let Some(()) = needs_root("device files") else {
        return;
    };
    sandbox
        .char_device("src/device", 1, 3)
        .acl("src/device", 7, 6)
        .owner("src/device", 8, 9);
    sandbox.xattr("src/device", "trusted.origin", "here").xattr(
        "src/fifo",
        "trusted.origin",
        "there",
    );
    copies(&sandbox, &["src", "dst"]);
    assert_alike(&sandbox, "src", "dst", Aspects::ALL);
}
