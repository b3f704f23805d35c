//! What a user is told at the start: where the files are to be found, as addresses to click, as a QR code for a phone,
//! and in a browser.
//!
//! All of it goes to stderr, since the access log may be on stdout. Nothing here is needed to serve: what fails is told
//! or left out.

use std::io::{IsTerminal, stderr};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use common::style::Style;
use common::{exit, quote, streams};
use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;

use crate::config::{Config, Listen};

/// Whether the page is shown to the user, besides its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// Its address alone is printed.
    AddressOnly,
    /// A QR code too, and a browser is opened.
    CodeAndBrowser,
}

/// What is known before the server listens.
#[derive(Clone, Debug)]
pub struct Announcer {
    /// `Serving 'www'`
    serving: String,
    /// Where, if that is no address.
    place: Option<String>,
    scheme: Scheme,
    opening: Opening,
    style: Style,
    /// Whether the address that is told leads to nothing.
    is_bare: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme {
    Http,
    Https,
}

impl Announcer {
    /// For a server that is told this.
    #[must_use]
    pub fn new(config: &Config, opening: Opening, style: Style) -> Self {
        let place = match &config.listen {
            Listen::Tcp { .. } => None,
            Listen::Unix { path, .. } => Some(format!("on the socket {}", quote::always(path))),
            Listen::Inherited { .. } => Some("on the sockets that were handed over".to_owned()),
        };
        Self {
            serving: format!("Serving {}", quote::always(&config.root)),
            place,
            scheme: if config.tls.is_some() {
                Scheme::Https
            } else {
                Scheme::Http
            },
            opening,
            style,
            is_bare: !config.site.list
                && config.site.spa.is_none()
                && !config.root.join("index.html").exists(),
        }
    }

    /// Tells of a server that listens on these addresses, and is looked after at `admin`. Does not wait for a browser.
    pub fn announce(&self, addrs: &[SocketAddr], admin: Option<SocketAddr>) {
        let links = Links::of(self.scheme, addrs, &own_addrs());
        let told = self.lines(&links).into_iter().chain(admin.map(metrics));
        for line in told {
            streams::notice(&line);
        }
        if self.is_bare {
            streams::notice("There is no index.html in it; --list shows what there is");
        }
        if self.opening == Opening::CodeAndBrowser {
            if let Some(code) = links
                .elsewhere
                .first()
                .and_then(|link| code(link, self.style))
            {
                streams::notice(&code);
            }
            if let Some(link) = links.here.first().or_else(|| links.elsewhere.first()) {
                open(link);
            }
        }
        if stderr().is_terminal() {
            streams::notice("Press Ctrl-C to stop");
        }
    }

    fn lines(&self, links: &Links) -> Vec<String> {
        let serving = &self.serving;
        if let Some(place) = &self.place {
            return vec![format!("{serving} {place}")];
        }
        let here = links.here.iter().map(|link| (link, ""));
        let elsewhere = links
            .elsewhere
            .iter()
            .map(|link| (link, ", for other devices"));
        let lines = here
            .chain(elsewhere)
            .enumerate()
            .map(|(index, (link, whom))| match index {
                0 => format!("{serving} at {link}"),
                _ => format!("  and at {link}{whom}"),
            });
        lines.collect()
    }
}

/// Where the server is looked after, which only this tells if the system chose the port.
fn metrics(admin: SocketAddr) -> String {
    format!("Health and metrics at http://{admin}/-/metrics")
}

/// The addresses of the start page, each once.
#[derive(Debug, Default, PartialEq, Eq)]
struct Links {
    /// Those that lead there from this machine alone.
    here: Vec<String>,
    /// Those that lead there from others too.
    elsewhere: Vec<String>,
}

impl Links {
    /// `own` are the addresses that other devices know this machine by.
    fn of(scheme: Scheme, addrs: &[SocketAddr], own: &[IpAddr]) -> Self {
        let mut links = Self::default();
        for addr in addrs {
            let link = |host: &str| scheme.link(host, addr.port());
            let ip = addr.ip();
            if ip.is_unspecified() {
                push(&mut links.here, link("localhost"));
                // The socket of all IPv6 addresses is one of IPv4 too unless there are others.
                let hears = |own: &IpAddr| {
                    own.is_ipv4() == ip.is_ipv4() || ip.is_ipv6() && addrs.len() == 1
                };
                for own in own.iter().filter(|own| hears(own)) {
                    push(&mut links.elsewhere, link(&host(*own)));
                }
            } else if is_all_of_localhost(*addr, addrs) {
                push(&mut links.here, link("localhost"));
            } else if ip.is_loopback() {
                push(&mut links.here, link(&host(ip)));
            } else {
                push(&mut links.elsewhere, link(&host(ip)));
            }
        }
        links
    }
}

impl Scheme {
    fn link(self, host: &str, port: u16) -> String {
        match (self, port) {
            (Self::Http, 80) => format!("http://{host}/"),
            (Self::Http, _) => format!("http://{host}:{port}/"),
            (Self::Https, 443) => format!("https://{host}/"),
            (Self::Https, _) => format!("https://{host}:{port}/"),
        }
    }
}

fn push(links: &mut Vec<String>, link: String) {
    if !links.contains(&link) {
        links.push(link);
    }
}

/// Whether an address and another of the list are both that `localhost` means.
fn is_all_of_localhost(addr: SocketAddr, addrs: &[SocketAddr]) -> bool {
    let both = [
        IpAddr::from(Ipv4Addr::LOCALHOST),
        Ipv6Addr::LOCALHOST.into(),
    ];
    both.contains(&addr.ip())
        && both
            .iter()
            .all(|&ip| addrs.contains(&SocketAddr::new(ip, addr.port())))
}

fn host(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    }
}

/// The addresses from which this machine would speak to the world. Nothing is sent: the system only looks up the way.
fn own_addrs() -> Vec<IpAddr> {
    // Addresses of documentation (RFC 5737, RFC 3849), to which there is no way but the usual one.
    let somewhere = [
        (
            IpAddr::from(Ipv4Addr::UNSPECIFIED),
            IpAddr::from([192, 0, 2, 1]),
        ),
        (
            Ipv6Addr::UNSPECIFIED.into(),
            [0x2001, 0xdb8, 0, 0, 0, 0, 0, 1].into(),
        ),
    ];
    let own = somewhere.into_iter().filter_map(|(any, there)| {
        let socket = UdpSocket::bind((any, 0)).ok()?;
        socket.connect((there, 9)).ok()?;
        Some(socket.local_addr().ok()?.ip())
    });
    own.filter(|ip| !ip.is_loopback() && !ip.is_unspecified())
        .collect()
}

/// A QR code, two rows of it in each line. Without colours it suits dark terminals: there it is light that is drawn.
fn code(link: &str, style: Style) -> Option<String> {
    let code = QrCode::new(link).ok()?;
    let (dark, light) = if style.dark_on_light("").is_some() {
        (Dense1x2::Dark, Dense1x2::Light)
    } else {
        (Dense1x2::Light, Dense1x2::Dark)
    };
    let drawn = code
        .render::<Dense1x2>()
        .dark_color(dark)
        .light_color(light)
        .module_dimensions(1, 1)
        .build();
    let lines = drawn
        .lines()
        .map(|line| style.dark_on_light(line).unwrap_or_else(|| line.to_owned()));
    Some(lines.collect::<Vec<_>>().join("\n"))
}

/// Opens a link in a browser, which goes on when the server ends, and gets no Ctrl-C.
fn open(link: &str) {
    let started = Command::new(OPENER)
        .arg(link)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn();
    match started {
        Ok(mut opener) => {
            // So that nothing is left of it when it ends; without a thread, something is.
            let reaper = std::thread::Builder::new().name("browser".into());
            let _ = reaper.spawn(move || opener.wait());
        }
        Err(error) => {
            let reason = exit::io_message(&error);
            streams::notice(&format!(
                "webserver: cannot open a browser with {OPENER}: {reason}"
            ));
        }
    }
}

const OPENER: &str = if cfg!(target_os = "macos") {
    "open"
} else {
    "xdg-open"
};

#[cfg(test)]
mod tests {
    use common::style::ColorChoice;

    use super::*;

    #[test]
    fn links() {
        let own = ["192.168.0.9", "2001:db8::9"];
        type Row<'a> = (&'a str, &'a [&'a str], &'a [&'a str], &'a [&'a str]);
        let rows: [Row<'_>; 9] = [
            (
                "everywhere",
                &["[::]:8080"],
                &["http://localhost:8080/"],
                &["http://192.168.0.9:8080/", "http://[2001:db8::9]:8080/"],
            ),
            (
                "everywhere, by two sockets",
                &["[::]:8080", "0.0.0.0:8080"],
                &["http://localhost:8080/"],
                &["http://[2001:db8::9]:8080/", "http://192.168.0.9:8080/"],
            ),
            (
                "all of IPv4",
                &["0.0.0.0:8080"],
                &["http://localhost:8080/"],
                &["http://192.168.0.9:8080/"],
            ),
            (
                "this machine",
                &["[::1]:8080", "127.0.0.1:8080"],
                &["http://localhost:8080/"],
                &[],
            ),
            (
                "half of it",
                &["127.0.0.1:8080"],
                &["http://127.0.0.1:8080/"],
                &[],
            ),
            (
                "its halves on two ports",
                &["[::1]:1", "127.0.0.1:2"],
                &["http://[::1]:1/", "http://127.0.0.1:2/"],
                &[],
            ),
            (
                "another of its addresses",
                &["127.0.0.2:8080"],
                &["http://127.0.0.2:8080/"],
                &[],
            ),
            (
                "one address",
                &["10.0.0.1:8080"],
                &[],
                &["http://10.0.0.1:8080/"],
            ),
            (
                "the usual port",
                &["10.0.0.1:80"],
                &[],
                &["http://10.0.0.1/"],
            ),
        ];
        for (name, addrs, here, elsewhere) in rows {
            let addrs: Vec<SocketAddr> = addrs.iter().map(|addr| addr.parse().unwrap()).collect();
            let links = Links::of(Scheme::Http, &addrs, &own.map(|addr| addr.parse().unwrap()));
            assert_eq!(
                (&*links.here, &*links.elsewhere),
                (&*owned(here), &*owned(elsewhere)),
                "{name}"
            );
        }
        assert_eq!(Scheme::Https.link("a", 443), "https://a/");
        assert_eq!(Scheme::Https.link("a", 80), "https://a:80/");
    }

    #[test]
    fn what_is_told() {
        let links = Links {
            here: owned(&["http://localhost:1/"]),
            elsewhere: owned(&["http://10.0.0.1:1/"]),
        };
        let mut announcer = announcer();
        assert_eq!(
            announcer.lines(&links),
            [
                "Serving 'www' at http://localhost:1/",
                "  and at http://10.0.0.1:1/, for other devices"
            ]
        );
        announcer.place = Some("on the socket 's'".into());
        assert_eq!(
            announcer.lines(&Links::default()),
            ["Serving 'www' on the socket 's'"]
        );
        assert_eq!(
            metrics("[::1]:9".parse().unwrap()),
            "Health and metrics at http://[::1]:9/-/metrics"
        );
    }

    #[test]
    fn codes_are_square_and_dark_on_light() {
        let file = tempfile::tempfile().unwrap();
        let plain = code(
            "http://10.0.0.1:8080/",
            Style::new(ColorChoice::Never, &file),
        )
        .unwrap();
        let widths: Vec<usize> = plain.lines().map(|line| line.chars().count()).collect();
        assert!(
            widths
                .iter()
                .all(|&width| width.div_ceil(2) == widths.len()),
            "{widths:?}"
        );
        // Without colours the margin is drawn, for it is light.
        assert!(plain.starts_with("█████"), "{plain}");

        let coloured = code(
            "http://10.0.0.1:8080/",
            Style::new(ColorChoice::Always, &file),
        )
        .unwrap();
        let lines: Vec<&str> = coloured.lines().collect();
        assert_eq!(lines.len(), widths.len());
        assert!(
            lines
                .iter()
                .all(|line| line.starts_with("\x1b[30;107m") && line.ends_with("\x1b[0m"))
        );
        assert!(
            lines[0].starts_with("\x1b[30;107m     "),
            "the margin is left out"
        );
    }

    #[test]
    fn own_addresses_are_of_use_to_others() {
        for ip in own_addrs() {
            assert!(!ip.is_loopback() && !ip.is_unspecified(), "{ip}");
        }
    }

    fn announcer() -> Announcer {
        Announcer {
            is_bare: false,
            serving: "Serving 'www'".into(),
            place: None,
            scheme: Scheme::Http,
            opening: Opening::AddressOnly,
            style: Style::new(ColorChoice::Never, &stderr()),
        }
    }

    fn owned(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|&text| text.to_owned()).collect()
    }
}
