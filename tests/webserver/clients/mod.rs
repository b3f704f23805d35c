//! The programs that people fetch files with, each used as its own users use it.
//!
//! What is asked here is whether the job gets done: the bytes that arrive, a connection that is used again, a download
//! that goes on where it stopped, a package that installs. What replies look like on the wire is asked in
//! [`super::table`]. A program that is not there leaves its tests out, in plain sight.

use std::path::PathBuf;

use harness::{Command, Output, Sandbox, needs_tool};

use crate::server::Server;

mod curl;
mod download;
mod packages;
mod programs;
mod proxy;
mod stopping;

/// The address of a path.
pub(crate) fn url(server: &Server, path: &str) -> String {
    format!("http://127.0.0.1:{}{path}", server.port())
}

/// A line of the access log, which is written in the common form.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) client: String,
    pub(crate) target: String,
    pub(crate) status: u16,
    /// Bytes of body.
    pub(crate) sent: usize,
}

/// Stops a server that was started with `--log common`, and returns what it answered, in order.
#[track_caller]
pub(crate) fn answers(server: Server) -> Vec<Answer> {
    answers_of(&server.stop())
}

/// What a server has answered that has ended.
#[track_caller]
fn answers_of(ended: &Output) -> Vec<Answer> {
    let answers: Vec<Answer> = ended.stdout_text().lines().map(answer).collect();
    assert!(!answers.is_empty(), "nothing was logged\n{ended}");
    answers
}

/// `CLIENT - USER [TIME] "METHOD TARGET VERSION" STATUS SENT`
#[track_caller]
fn answer(line: &str) -> Answer {
    let mut quoted = line.split('"');
    let words = |part: Option<&str>| -> Vec<String> {
        let words = part.unwrap_or_default().split_ascii_whitespace();
        words.map(str::to_owned).collect()
    };
    let (before, request, after) = (
        words(quoted.next()),
        words(quoted.next()),
        words(quoted.next()),
    );
    let number = |index: usize| after.get(index).and_then(|word| word.parse().ok());
    match (&*before, &*request, number(0), number(1)) {
        ([client, ..], [_, target, _], Some(status), Some(sent)) => Answer {
            client: client.clone(),
            target: target.clone(),
            status: u16::try_from(status).expect("a status code"),
            sent,
        },
        _ => panic!("a line of the access log: {line:?}"),
    }
}

/// A certificate that nobody has signed but its owner, for this machine's own names.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) certificate: PathBuf,
    key: PathBuf,
}

impl Identity {
    /// Makes one, or leaves `group` out where nothing can make it.
    #[track_caller]
    pub(crate) fn new(group: &str, sandbox: &Sandbox) -> Option<Self> {
        let openssl = needs_tool(group, "openssl", "openssl")?;
        let identity = Self {
            certificate: sandbox.join("certificate.pem"),
            key: sandbox.join("key.pem"),
        };
        Command::new(openssl)
            .args([
                "req",
                "-x509",
                "-nodes",
                "-days",
                "2",
                "-subj",
                "/CN=localhost",
            ])
            .args(["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"])
            .args(["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"])
            .arg("-out")
            .arg(&identity.certificate)
            .arg("-keyout")
            .arg(&identity.key)
            .run()
            .succeeds();
        Some(identity)
    }

    /// What a server is told of it.
    pub(crate) fn options(&self) -> [PathBuf; 4] {
        [
            "--tls-cert".into(),
            self.certificate.clone(),
            "--tls-key".into(),
            self.key.clone(),
        ]
    }
}

/// What `--basic-auth` takes for this user, made as its help says.
#[track_caller]
pub(crate) fn bcrypt(group: &str, user: &str, password: &str) -> Option<String> {
    let htpasswd = needs_tool(group, "htpasswd", "apache2-utils")?;
    // The least work, for nobody attacks it.
    let output = Command::new(htpasswd)
        .args(["-n", "-b", "-B", "-C", "4", user, password])
        .run();
    output.succeeds();
    Some(output.stdout_text().trim().to_owned())
}
