//! Repositories that are nothing but files: git's dumb protocol, pip's indexes, apt's flat archives.

use std::path::Path;

use common::clock::Clock;
use harness::{Command, Output, SOON, Sandbox, leave_out, needs_tool, wait_until};

use super::{answers, url};
use crate::server::Server;

/// git without any settings but its own.
fn git(sandbox: &Sandbox) -> Option<Command> {
    let git = needs_tool("git", "git", "git")?;
    let home = sandbox.path();
    Some(
        Command::new(git)
            .env("HOME", home)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_AUTHOR_NAME", "A")
            .env("GIT_AUTHOR_EMAIL", "a@example.org")
            .env("GIT_COMMITTER_NAME", "A")
            .env("GIT_COMMITTER_EMAIL", "a@example.org")
            .cwd(home),
    )
}

#[test]
fn git_clones_and_fetches() {
    let sandbox = Sandbox::new();
    if git(&sandbox).is_none() {
        return;
    }
    let git = |args: &[&str]| -> Output {
        let output = git(&sandbox).expect("it was found before").args(args).run();
        output.succeeds();
        output
    };
    let publish = |file: &str| {
        sandbox.file(format!("work/{file}"), format!("{file}\n"));
        git(&["-C", "work", "add", "."]);
        git(&["-C", "work", "commit", "--quiet", "-m", file]);
        git(&[
            "-C",
            "work",
            "push",
            "--quiet",
            "../root/project.git",
            "HEAD:main",
        ]);
        git(&["-C", "root/project.git", "update-server-info"]);
    };
    git(&["init", "--quiet", "--initial-branch=main", "work"]);
    git(&[
        "init",
        "--quiet",
        "--initial-branch=main",
        "--bare",
        "root/project.git",
    ]);
    publish("one");
    publish("둘");
    git(&["-C", "work", "tag", "v1"]);
    git(&["-C", "work", "push", "--quiet", "../root/project.git", "v1"]);
    git(&["-C", "root/project.git", "update-server-info"]);

    let server = Server::start(&sandbox.join("root"), &["--log", "common"]);
    let address = url(&server, "/project.git");
    git(&["clone", "--quiet", &address, "clone"]);
    assert_eq!(sandbox.read_text("clone/둘"), "둘\n");
    git(&["-C", "clone", "fsck", "--strict"]);

    // A loose object more, and then all of them in a pack. What was looked at a moment ago may be served once more.
    publish("three");
    wait_until("the new commit", SOON, || {
        git(&["-C", "clone", "pull", "--quiet"]);
        sandbox.has("clone/three")
    });
    publish("four");
    git(&["-C", "root/project.git", "repack", "-adq"]);
    git(&["-C", "root/project.git", "update-server-info"]);
    git(&["clone", "--quiet", &address, "again"]);
    wait_until("the newest commit", SOON, || {
        git(&["-C", "again", "pull", "--quiet"]);
        sandbox.has("again/four")
    });
    git(&["-C", "again", "fsck", "--strict"]);
    let answers = answers(server);
    assert!(
        answers
            .iter()
            .all(|answer| matches!(answer.status, 200 | 404)),
        "{answers:#?}"
    );
}

/// Makes a wheel: an archive of a module and what says that it is one (PEP 427).
const MAKE_WHEEL: &str = r#"
import sys, zipfile
info = 'demo_wheel-1.0.dist-info/'
with zipfile.ZipFile(sys.argv[1], 'w') as wheel:
    wheel.writestr('demo_wheel.py', 'ANSWER = 42\n')
    wheel.writestr(info + 'METADATA', 'Metadata-Version: 2.1\nName: demo-wheel\nVersion: 1.0\n')
    wheel.writestr(info + 'WHEEL', 'Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n')
    wheel.writestr(info + 'RECORD', ''.join(
        f'{name},,\n' for name in ['demo_wheel.py', info + 'METADATA', info + 'WHEEL', info + 'RECORD']))
"#;

#[test]
fn pip_installs() {
    let Some(python) = needs_tool("pip", "python3", "python3") else {
        return;
    };
    let sandbox = Sandbox::new();
    let run = |args: &[&str]| {
        Command::new(&python)
            .args(args)
            .env("HOME", sandbox.path())
            .env("PIP_CONFIG_FILE", "/dev/null")
            .env("PIP_DISABLE_PIP_VERSION_CHECK", "1")
            .cwd(sandbox.path())
            .run()
    };
    if !run(&["-m", "pip", "--version"]).status.success() {
        leave_out("pip", "no pip", "install the package python3-pip");
        return;
    }
    const WHEEL: &str = "demo_wheel-1.0-py3-none-any.whl";
    sandbox.dir("root/wheels").dir("root/simple/demo-wheel");
    for folder in ["wheels", "simple/demo-wheel"] {
        run(&["-c", MAKE_WHEEL, &format!("root/{folder}/{WHEEL}")]).succeeds();
    }
    let server = Server::start(&sandbox.join("root"), &["--list", "--log", "common"]);
    let (wheels, simple) = (url(&server, "/wheels/"), url(&server, "/simple/"));
    // A page of links; and folders named after projects (PEP 503), asked for in a form of JSON first.
    let rows = [
        ("by links", vec!["--no-index", "--find-links", &wheels]),
        ("by index", vec!["--index-url", &simple]),
    ];
    for (name, mut from) in rows {
        from.extend([
            "--no-cache-dir",
            "--no-compile",
            "--quiet",
            "--target",
            name,
            "demo-wheel==1.0",
        ]);
        run(&[&["-m", "pip", "install"], &*from].concat()).succeeds();
        assert_eq!(
            sandbox.read_text(format!("{name}/demo_wheel.py")),
            "ANSWER = 42\n"
        );
    }
    let answers = answers(server);
    let wheels = answers
        .iter()
        .filter(|answer| answer.target.ends_with(WHEEL));
    assert!(wheels.count() >= 2, "{answers:#?}");
}

/// The size and the SHA-256 of a file, as indexes of archives give them.
fn size_and_sum(sandbox: &Sandbox, name: &str) -> (usize, String) {
    let output = Command::new("sha256sum").arg(sandbox.join(name)).run();
    output.succeeds();
    let sum = output.stdout_text().split(' ').next().map(str::to_owned);
    (sandbox.read(name).len(), sum.expect("a word"))
}

/// Makes a package of one file, and lists it: a flat archive in `root`.
fn publish(sandbox: &Sandbox, dpkg_deb: &Path, version: &str, changed: i64) {
    let control = format!(
        "Package: demo\nVersion: {version}\nArchitecture: all\n\
         Maintainer: A <a@example.org>\nDescription: a demonstration\n"
    );
    let deb = format!("root/demo_{version}_all.deb");
    sandbox
        .file("demo/DEBIAN/control", &control)
        .file("demo/usr/share/demo/한글.txt", "안녕\n")
        .dir("root");
    Command::new(dpkg_deb)
        .args(["--build", "--root-owner-group", "demo", &deb])
        .cwd(sandbox.path())
        .run()
        .succeeds();
    let (size, sum) = size_and_sum(sandbox, &deb);
    let name = deb.trim_start_matches("root/");
    let entry = format!("{control}Filename: ./{name}\nSize: {size}\nSHA256: {sum}\n\n");
    sandbox.file("root/Packages", entry);
    let (size, sum) = size_and_sum(sandbox, "root/Packages");
    let date = httpdate::fmt_http_date(Clock::start().wall()).replace("GMT", "UTC");
    sandbox.file(
        "root/Release",
        format!("Date: {date}\nSHA256:\n {sum} {size} Packages\n"),
    );
    // apt knows by the seconds of these what it has read before.
    for name in ["root/Packages", "root/Release"] {
        sandbox.times(name, changed, 0);
    }
}

/// What apt reads before anything else: all that it uses is in a folder of its own, nothing is of the machine.
fn settings(folder: &Path) -> String {
    let folder = folder.display();
    format!(
        "Dir::Etc::main \"/dev/null\";\n\
         Dir::Etc::parts \"/dev/null\";\n\
         Dir::Etc::sourcelist \"{folder}/list\";\n\
         Dir::Etc::sourceparts \"/dev/null\";\n\
         Dir::Etc::preferences \"/dev/null\";\n\
         Dir::Etc::preferencesparts \"/dev/null\";\n\
         Dir::State \"{folder}/state\";\n\
         Dir::State::status \"{folder}/status\";\n\
         Dir::Cache \"{folder}/cache\";\n\
         APT::Sandbox::User \"\";\n\
         APT::Architecture \"amd64\";\n\
         Acquire::Languages \"none\";\n"
    )
}

#[test]
fn apt_updates_and_downloads() {
    let (Some(apt), Some(dpkg_deb)) = (
        needs_tool("apt", "apt-get", "apt"),
        needs_tool("apt", "dpkg-deb", "dpkg"),
    ) else {
        return;
    };
    let sandbox = Sandbox::new();
    publish(&sandbox, &dpkg_deb, "1.0", 1_600_000_000);
    let options = ["--log", "common", "--fresh", "0"];
    let server = Server::start(&sandbox.join("root"), &options);
    sandbox
        .dir("apt/state/lists/partial")
        .dir("apt/cache/archives/partial")
        .file("apt/status", "")
        .file("apt/conf", settings(&sandbox.join("apt")))
        .file(
            "apt/list",
            format!("deb [trusted=yes] {} ./\n", url(&server, "/")),
        );
    let run = |args: &[&str]| {
        let output = Command::new(&apt)
            .args(args)
            .env("APT_CONFIG", sandbox.join("apt/conf"))
            .cwd(sandbox.path())
            .run();
        output.succeeds().lacks("Err:").lacks("W:");
    };
    run(&["update"]);
    // Nothing changed: it asks whether, and fetches nothing.
    run(&["update"]);
    run(&["download", "demo"]);
    publish(&sandbox, &dpkg_deb, "2.0", 1_700_000_000);
    run(&["update"]);
    run(&["download", "demo"]);
    for file in ["demo_1.0_all.deb", "demo_2.0_all.deb"] {
        let got = sandbox.read(file);
        assert!(got == sandbox.read(format!("root/{file}")), "{file}");
    }
    let answers = answers(server);
    let statuses = |name: &str| -> Vec<u16> {
        let of_it = answers
            .iter()
            .filter(|answer| answer.target.ends_with(name));
        of_it.map(|answer| answer.status).collect()
    };
    assert_eq!(statuses("/Release"), [200, 304, 200], "{answers:#?}");
    assert_eq!(statuses("/Packages"), [200, 200], "{answers:#?}");
}
