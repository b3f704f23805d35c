//! Chromium behind chromedriver, spoken to by the WebDriver protocol (W3C): JSON over HTTP, one request at a time.
//!
//! Only what the tests beside this need. A command that fails panics with what the browser said of it.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use harness::{Command, Running, SOON, Sandbox, is_root, needs_tool, wait_until};
use serde_json::{Value, json};

/// How long one command may take. The first of them starts a browser.
const PATIENCE: Duration = Duration::from_secs(60);

/// A browser is several processes, each with threads: two at a time on a small machine wait for each other.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// A browser with one empty page, without a window. Dropping it closes it.
#[derive(Debug)]
pub(super) struct Browser {
    driver: Running,
    at: SocketAddr,
    session: String,
    _profile: Sandbox,
    _turn: MutexGuard<'static, ()>,
}

impl Browser {
    /// Starts a browser that has never been used, or leaves `group` out where there is none.
    #[track_caller]
    pub(super) fn start(group: &str) -> Option<Self> {
        let chromium = needs_tool(group, "chromium", "chromium")?;
        let chromedriver = needs_tool(group, "chromedriver", "chromium-driver")?;
        let turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let profile = Sandbox::new();
        let driver = started(&chromedriver, &profile);
        let mut browser = Self {
            at: (Ipv4Addr::LOCALHOST, port(&driver)).into(),
            driver,
            session: String::new(),
            _profile: profile,
            _turn: turn,
        };
        let mut args = vec![
            "--headless".to_owned(),
            "--disable-gpu".into(),
            "--disable-quic".into(),
            "--no-first-run".into(),
            "--disable-background-networking".into(),
            "--disable-component-update".into(),
            "--disable-sync".into(),
            // A video must play without a click.
            "--autoplay-policy=no-user-gesture-required".into(),
            // By a pipe, whose end ends it too: no browser outlives a driver that was killed.
            "--remote-debugging-pipe".into(),
            format!(
                "--user-data-dir={}",
                browser._profile.join("data").display()
            ),
        ];
        if is_root() {
            args.push("--no-sandbox".into());
        }
        let session = browser.call(
            "POST",
            "/session",
            &json!({ "capabilities": { "alwaysMatch": {
                "acceptInsecureCerts": true,
                "goog:loggingPrefs": { "browser": "ALL" },
                "goog:chromeOptions": { "binary": chromium, "args": args },
            } } }),
        );
        browser.session = text(&session["sessionId"]);
        Some(browser)
    }

    /// Goes to an address and waits until the page and all it names are there.
    #[track_caller]
    pub(super) fn go(&self, url: &str) {
        self.tell("url", &json!({ "url": url }));
    }

    /// Loads the page again, as its button does.
    #[track_caller]
    pub(super) fn reload(&self) {
        self.tell("refresh", &json!({}));
    }

    /// Goes back to the page before.
    #[track_caller]
    pub(super) fn back(&self) {
        self.tell("back", &json!({}));
    }

    /// The address of the page.
    #[track_caller]
    pub(super) fn address(&self) -> String {
        text(&self.call("GET", &self.path("url"), &Value::Null))
    }

    /// Clicks where a person would: on the middle of the first element that `selector` means.
    #[track_caller]
    pub(super) fn click(&self, selector: &str) {
        self.click_by("css selector", selector);
    }

    /// Clicks on the link of this text.
    #[track_caller]
    pub(super) fn click_link(&self, text: &str) {
        self.click_by("link text", text);
    }

    /// Runs the body of an async function in the page, and returns what it returns.
    #[track_caller]
    pub(super) fn run(&self, body: &str) -> Value {
        let script = format!("return (async () => {{ {body} }})();");
        self.tell("execute/sync", &json!({ "script": script, "args": [] }))
    }

    /// As [`Browser::run`], for text.
    #[track_caller]
    pub(super) fn read(&self, body: &str) -> String {
        text(&self.run(body))
    }

    /// Waits until an expression is true in the page.
    #[track_caller]
    pub(super) fn wait(&self, expression: &str) {
        wait_until(expression, SOON, || {
            self.run(&format!("return !!({expression});")) == true
        });
    }

    /// Becomes a telephone of this many points in width and height.
    #[track_caller]
    pub(super) fn become_phone(&self, width: u32, height: u32) {
        self.develop(
            "Emulation.setDeviceMetricsOverride",
            &json!({ "width": width, "height": height, "deviceScaleFactor": 3, "mobile": true }),
        );
    }

    /// Says that its user wants pages `light` or `dark`.
    #[track_caller]
    pub(super) fn prefer(&self, scheme: &str) {
        self.develop(
            "Emulation.setEmulatedMedia",
            &json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] }),
        );
    }

    /// What it complained of since it was last asked: files that did not load, scripts that failed.
    #[track_caller]
    pub(super) fn complaints(&self) -> Vec<String> {
        let entries = self.tell("se/log", &json!({ "type": "browser" }));
        let entries = entries.as_array().expect("a list of messages");
        entries
            .iter()
            .map(|entry| text(&entry["message"]))
            .collect()
    }

    #[track_caller]
    fn click_by(&self, using: &str, value: &str) {
        let element = self.tell("element", &json!({ "using": using, "value": value }));
        let (_, id) = element
            .as_object()
            .and_then(|object| object.iter().next())
            .expect("a reference");
        self.tell(&format!("element/{}/click", text(id)), &json!({}));
    }

    /// A command of Chromium's own protocol, for what WebDriver has none.
    #[track_caller]
    fn develop(&self, command: &str, parameters: &Value) {
        self.tell(
            "goog/cdp/execute",
            &json!({ "cmd": command, "params": parameters }),
        );
    }

    #[track_caller]
    fn tell(&self, command: &str, parameters: &Value) -> Value {
        self.call("POST", &self.path(command), parameters)
    }

    fn path(&self, command: &str) -> String {
        format!("/session/{}/{command}", self.session)
    }

    #[track_caller]
    fn call(&self, method: &str, path: &str, parameters: &Value) -> Value {
        let value = ask(self.at, method, path, parameters)
            .unwrap_or_else(|error| panic!("{method} {path}: {error}\n{}", self.driver));
        let error = &value["error"];
        assert!(
            !error.is_string(),
            "{method} {path} {parameters}\n{error}: {}",
            text(&value["message"])
        );
        value
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if !self.session.is_empty() {
            // The driver answers once the browser has ended. If it does not, both are killed.
            let path = format!("/session/{}", self.session);
            ask(self.at, "DELETE", &path, &Value::Null).ok();
        }
    }
}

/// The text of a value.
#[track_caller]
pub(super) fn text(value: &Value) -> String {
    match value.as_str() {
        Some(text) => text.to_owned(),
        None => panic!("{value} is no text"),
    }
}

/// A driver that listens. It gives up when the port that the system chose for it is taken in the other family, as may
/// happen beside tests with thousands of connections; then another one is tried.
fn started(chromedriver: &Path, profile: &Sandbox) -> Running {
    const TRIES: usize = 10;
    for _ in 0..TRIES {
        let mut driver = Command::new(chromedriver)
            .arg("--port=0")
            .env("HOME", profile.path())
            .start();
        let mut is_gone = false;
        wait_until("the driver's word", SOON, || {
            is_gone = !driver.is_running();
            is_gone || String::from_utf8_lossy(driver.stdout().as_ref()).contains(LISTENS)
        });
        if !is_gone {
            return driver;
        }
    }
    panic!("the driver found no port in {TRIES} tries");
}

const LISTENS: &str = "started successfully on port ";

/// Where a driver says that it listens.
#[track_caller]
fn port(driver: &Running) -> u16 {
    let told = driver.wait_stdout(LISTENS, SOON);
    let (_, rest) = told.split_once(LISTENS).expect("it was waited for");
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next();
    digits
        .and_then(|digits| digits.parse().ok())
        .unwrap_or_else(|| panic!("no port in {told:?}"))
}

/// Sends one command and returns the `value` of its answer, which may be an error.
fn ask(at: SocketAddr, method: &str, path: &str, parameters: &Value) -> Result<Value, String> {
    let body = if parameters.is_null() {
        String::new()
    } else {
        parameters.to_string()
    };
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {at}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    let exchange = || -> std::io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect(at)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(request.as_bytes())?;
        read_body(BufReader::new(stream))
    };
    let body = exchange().map_err(|error| error.to_string())?;
    let mut answer: Value = serde_json::from_slice(&body).map_err(|error| error.to_string())?;
    Ok(answer["value"].take())
}

/// Reads past the head of a reply, and as much after it as its length says.
fn read_body(mut reply: impl BufRead) -> std::io::Result<Vec<u8>> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        reply.read_line(&mut line)?;
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().map_err(std::io::Error::other)?;
        }
    }
    let mut body = vec![0; length];
    reply.read_exact(&mut body)?;
    Ok(body)
}
