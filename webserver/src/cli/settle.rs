//! What the options mean together: raw arguments → the library's [`Config`], with the checks that clap cannot make.

use std::collections::HashSet;
use std::hash::Hash;
use std::num::NonZeroUsize;
use std::thread::available_parallelism;

use webserver::config::{
    AccessConfig, AccessFormat, Config, Limits, Listen, SiteConfig, TlsConfig,
};

use super::args::Args;
use super::{Screen, UsageError, addresses, pairs};

/// Browsers refuse some ports, and below 1024 only root may listen.
const PORT: u16 = 8080;

impl Args {
    /// Raw options → what the server is told. `inherited` sockets are used instead of opening some.
    pub(super) fn config(
        self,
        inherited: Option<NonZeroUsize>,
        screen: Screen,
    ) -> Result<Config, UsageError> {
        Ok(Config {
            listen: self.listen(inherited)?,
            limits: self.limits(),
            access: self.access(screen)?,
            site: self.site()?,
            root: self.root,
            hosts: once_each("--vhost", self.vhost)?,
            tls: self
                .tls_cert
                .zip(self.tls_key)
                .map(|(cert, key)| TlsConfig { cert, key }),
            admin: self.admin,
            workers: self
                .workers
                .or_else(|| available_parallelism().ok())
                .unwrap_or(NonZeroUsize::MIN),
        })
    }

    fn listen(&self, inherited: Option<NonZeroUsize>) -> Result<Listen, UsageError> {
        if let Some(count) = inherited {
            let given = [
                (self.port.is_some(), "--port"),
                (!self.bind.is_empty(), "--bind"),
                (self.unix.is_some(), "--unix"),
            ];
            return match given.into_iter().find(|(given, _)| *given) {
                Some((_, option)) => Err(UsageError::SocketsInherited(option)),
                None => Ok(Listen::Inherited { count: count.get() }),
            };
        }
        Ok(match &self.unix {
            Some(path) => Listen::Unix {
                path: path.clone(),
                mode: self.unix_mode,
            },
            None => Listen::Tcp {
                addrs: addresses::addrs(&self.bind),
                port: self.port.unwrap_or(PORT),
            },
        })
    }

    const fn limits(&self) -> Limits {
        Limits {
            head_len: self.max_head,
            fields: self.max_fields,
            body_len: self.max_body,
            head_timeout: self.head_timeout,
            idle_timeout: self.idle_timeout,
            write_timeout: self.write_timeout,
            min_rate: self.min_rate,
            pipeline_len: self.max_pipeline.get(),
            connections: self.max_connections.get(),
            drain: self.drain,
        }
    }

    fn access(&self, screen: Screen) -> Result<AccessConfig, UsageError> {
        let format = match (self.log, &self.log_file) {
            (Some(form), _) => form.into(),
            // As those who read log files expect it.
            (None, Some(_)) => Some(AccessFormat::Combined),
            // Who starts a server by hand wants to see that it is asked; a line then fits the window.
            (None, None) if screen == Screen::Terminal => Some(AccessFormat::Common),
            (None, None) => None,
        };
        if format.is_none() && self.log_file.is_some() {
            return Err(UsageError::FileForNoLog);
        }
        Ok(AccessConfig {
            format,
            file: self.log_file.clone(),
            trusted_proxies: self.trust_proxy.clone(),
        })
    }

    fn site(&self) -> Result<SiteConfig, UsageError> {
        let answers_origins = |name: &&(String, String)| {
            let prefix = name.0.get(..ORIGINS.len());
            prefix.is_some_and(|prefix| prefix.eq_ignore_ascii_case(ORIGINS))
        };
        if self.cors
            && let Some((name, _)) = self.header.iter().find(answers_origins)
        {
            return Err(UsageError::HeaderAndCors(name.clone()));
        }
        Ok(SiteConfig {
            list: self.list,
            follow: self.follow,
            compress: self.compress,
            fresh: self.fresh,
            cache_len: self.cache_size,
            spa: self.spa.clone(),
            error_pages: once_each("--error-page", self.error_page.clone())?,
            cache_control: self.cache_control.clone(),
            headers: self.header.clone(),
            cors: self.cors,
            users: once_each("--basic-auth", users(&self.basic_auth)?)?,
            ..SiteConfig::default()
        })
    }
}

const ORIGINS: &str = "Access-Control-";

fn users(given: &[String]) -> Result<Vec<(String, String)>, UsageError> {
    let checked = given.iter().map(|text| {
        let (user, hash) = pairs::user(text).ok_or(UsageError::NoUser)?;
        if pairs::is_bcrypt(&hash) {
            Ok((user, hash))
        } else {
            Err(UsageError::NoHash { user })
        }
    });
    checked.collect()
}

/// The pairs, unless a name is there twice.
fn once_each<Name: Clone + Eq + Hash + ToString, Value>(
    option: &'static str,
    pairs: Vec<(Name, Value)>,
) -> Result<Vec<(Name, Value)>, UsageError> {
    let mut seen = HashSet::new();
    match pairs.iter().find(|(name, _)| !seen.insert(name.clone())) {
        Some((name, _)) => Err(UsageError::Twice {
            option,
            name: name.to_string(),
        }),
        None => Ok(pairs),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::time::Duration;

    use clap::{CommandFactory, Parser};

    use super::*;

    const HASH: &str = "$2y$05$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234";

    #[test]
    fn the_defaults_are_those_of_the_library() {
        let config = config(&[]).unwrap();
        assert_eq!(config.root, PathBuf::from("www"));
        assert!(
            matches!(&config.listen, Listen::Tcp { addrs, port: 8080 } if addrs.is_empty()),
            "{:?}",
            config.listen
        );
        // Debug shows every field, so one that is added to the library is compared too.
        assert_eq!(
            format!("{:?}", config.limits),
            format!("{:?}", Limits::default())
        );
        assert_eq!(
            format!("{:?}", config.site),
            format!("{:?}", SiteConfig::default())
        );
        assert!(config.hosts.is_empty() && config.tls.is_none() && config.admin.is_none());
        assert_eq!(Some(config.workers), available_parallelism().ok());
    }

    #[test]
    fn options_reach_the_config() {
        type Row<'a> = (&'a [&'a str], fn(&Config) -> bool);
        let rows: [Row<'_>; 34] = [
            (&["site"], |config| config.root.as_os_str() == "site"),
            (&["--", "--list"], |config| {
                config.root.as_os_str() == "--list"
            }),
            (&["-p", "0"], |config| {
                matches!(config.listen, Listen::Tcp { port: 0, .. })
            }),
            (
                &["-b", "localhost", "--bind=10.0.0.1"],
                |config| matches!(&config.listen, Listen::Tcp { addrs, .. } if addrs.len() == 3),
            ),
            (
                &["--unix", "s"],
                |config| matches!(&config.listen, Listen::Unix { path, mode: 0o660 } if path.as_os_str() == "s"),
            ),
            (&["--unix", "s", "--unix-mode", "600"], |config| {
                matches!(config.listen, Listen::Unix { mode: 0o600, .. })
            }),
            (&["--tls-cert", "c", "--tls-key", "k"], |config| {
                config
                    .tls
                    .as_ref()
                    .is_some_and(|tls| tls.cert.as_os_str() == "c" && tls.key.as_os_str() == "k")
            }),
            (&["--vhost", "A.b=c", "--vhost", "d=e"], |config| {
                config.hosts == [("a.b".into(), "c".into()), ("d".into(), "e".into())]
            }),
            (&["--list"], |config| config.site.list),
            (&["-l", "."], |config| {
                config.site.list && config.root.as_os_str() == "."
            }),
            (&["--follow"], |config| config.site.follow),
            (&["--compress"], |config| config.site.compress),
            (&["--fresh", "500ms"], |config| {
                config.site.fresh == Duration::from_millis(500)
            }),
            (&["--fresh", "0"], |config| config.site.fresh.is_zero()),
            (&["--cache-size", "1G"], |config| {
                config.site.cache_len == 1 << 30
            }),
            (&["--spa", "/index.html"], |config| {
                config.site.spa.as_deref() == Some("index.html")
            }),
            (
                &["--error-page", "404=a.html", "--error-page", "500=b.html"],
                |config| {
                    config.site.error_pages == [(404, "a.html".into()), (500, "b.html".into())]
                },
            ),
            (
                &["--cache-control", "*=a", "--cache-control", "*=b"],
                |config| {
                    config.site.cache_control
                        == [("*".into(), "a".into()), ("*".into(), "b".into())]
                },
            ),
            (&["--header", "A=b", "--header", "A=c"], |config| {
                config.site.headers == [("A".into(), "b".into()), ("A".into(), "c".into())]
            }),
            (&["--cors"], |config| config.site.cors),
            (
                &["--header", "Access-Control-Allow-Origin=https://a"],
                |config| config.site.headers.len() == 1,
            ),
            (&["--max-head", "32K"], |config| {
                config.limits.head_len == 32 << 10
            }),
            (&["--max-fields", "50"], |config| config.limits.fields == 50),
            (&["--max-body", "0"], |config| config.limits.body_len == 0),
            (&["--head-timeout", "5", "--idle-timeout", "1m"], |config| {
                (config.limits.head_timeout, config.limits.idle_timeout)
                    == (Duration::from_secs(5), Duration::from_secs(60))
            }),
            (&["--write-timeout", "9s", "--min-rate", "1K/s"], |config| {
                (config.limits.write_timeout, config.limits.min_rate)
                    == (Duration::from_secs(9), 1024)
            }),
            (&["--max-pipeline", "2M"], |config| {
                config.limits.pipeline_len == 2 << 20
            }),
            (&["--max-connections", "7"], |config| {
                config.limits.connections == 7
            }),
            (&["--drain", "0"], |config| config.limits.drain.is_zero()),
            (&["--workers", "3"], |config| config.workers.get() == 3),
            (&["--admin", "9090"], |config| {
                config
                    .admin
                    .is_some_and(|addr| addr.to_string() == "127.0.0.1:9090")
            }),
            (
                &["--trust-proxy", "10.0.0.0/8", "--trust-proxy", "::1"],
                |config| config.access.trusted_proxies.len() == 2,
            ),
            (&["--basic-auth", USER], |config| {
                config.site.users == [("alice".into(), HASH.into())]
            }),
            (&["-p1", "-p", "2"], |config| {
                matches!(config.listen, Listen::Tcp { port: 2, .. })
            }),
        ];
        for (arguments, holds) in rows {
            let config = config(arguments).unwrap_or_else(|error| panic!("{arguments:?}: {error}"));
            assert!(holds(&config), "{arguments:?}: {config:?}");
        }
    }

    const USER: &str = "alice:$2y$05$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234";

    #[test]
    fn the_log_depends_on_where_it_goes() {
        use AccessFormat::{Combined, Common, Json};
        let rows: [(&str, &[&str], Screen, Option<AccessFormat>); 8] = [
            ("by hand", &[], Screen::Terminal, Some(Common)),
            ("elsewhere", &[], Screen::Other, None),
            (
                "in a file",
                &["--log-file", "f"],
                Screen::Other,
                Some(Combined),
            ),
            (
                "in a file, by hand",
                &["--log-file", "f"],
                Screen::Terminal,
                Some(Combined),
            ),
            ("off", &["--log", "off"], Screen::Terminal, None),
            (
                "asked for",
                &["--log", "combined"],
                Screen::Other,
                Some(Combined),
            ),
            (
                "asked for, in a file",
                &["--log=json", "--log-file=f"],
                Screen::Other,
                Some(Json),
            ),
            (
                "asked for by hand",
                &["--log", "json"],
                Screen::Terminal,
                Some(Json),
            ),
        ];
        for (name, arguments, screen, expected) in rows {
            let config = parse(arguments).config(None, screen).unwrap();
            assert_eq!(config.access.format, expected, "{name}");
        }
    }

    #[test]
    fn sockets_that_are_open_already_are_used() {
        let two = NonZeroUsize::new(2);
        let config = parse(&[]).config(two, Screen::Other).unwrap();
        assert!(matches!(config.listen, Listen::Inherited { count: 2 }));
        for (arguments, option) in [
            (&["--port", "8080"][..], "--port"),
            (&["--bind", "::1"], "--bind"),
            (&["--unix", "s"], "--unix"),
        ] {
            let error = parse(arguments).config(two, Screen::Other).err();
            assert_eq!(error, Some(UsageError::SocketsInherited(option)));
        }
    }

    #[test]
    fn wrong_command_lines() {
        let twice = |option, name: &str| UsageError::Twice {
            option,
            name: name.into(),
        };
        let check = |arguments: &[&str], expected: UsageError| {
            assert_eq!(config(arguments).err(), Some(expected), "{arguments:?}");
        };
        check(&["--basic-auth", "secret"], UsageError::NoUser);
        check(&["--basic-auth", ":secret"], UsageError::NoUser);
        check(
            &["--basic-auth", "bob:secret"],
            UsageError::NoHash { user: "bob".into() },
        );
        check(
            &["--basic-auth", USER, "--basic-auth", USER],
            twice("--basic-auth", "alice"),
        );
        check(&["--vhost", "a=b", "--vhost", "A=c"], twice("--vhost", "a"));
        check(
            &["--error-page", "404=a", "--error-page", "404=b"],
            twice("--error-page", "404"),
        );
        check(
            &["--log", "off", "--log-file", "f"],
            UsageError::FileForNoLog,
        );
        check(
            &["--cors", "--header", "access-control-max-age=5"],
            UsageError::HeaderAndCors("access-control-max-age".into()),
        );

        for arguments in [
            &["a", "b"][..],
            &["--unix", "s", "--port", "1"],
            &["--unix", "s", "--bind", "::1"],
            &["--unix", "s", "--open"],
            &["--unix-mode", "600"],
            &["--tls-cert", "c"],
            &["--tls-key", "k"],
            &["--port", "65536"],
            &["--bind", "::1:80:"],
            &["--log", "loud"],
            &["--head-timeout", "0"],
            &["--max-fields", "101"],
            &["--header", "Content-Length=5"],
            &["--workers", "0"],
            &["--port"],
            &["--nonsense"],
        ] {
            let whole = [&["webserver"], arguments].concat();
            assert!(Args::try_parse_from(whole).is_err(), "{arguments:?}");
        }
    }

    #[test]
    fn a_password_is_never_repeated() {
        for given in ["secret", ":secret", "bob:secret"] {
            let error = config(&["--basic-auth", given]).unwrap_err();
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }

    #[test]
    fn help_tells_every_option_and_default() {
        let mut command = Args::command();
        command.clone().debug_assert();
        let help = command.render_long_help().to_string();
        for option in command
            .get_arguments()
            .filter(|option| !option.is_positional())
        {
            let takes_value = option.get_action().takes_values();
            let text = option
                .get_long_help()
                .or_else(|| option.get_help())
                .unwrap()
                .to_string();
            let tells = text.contains("[default:")
                || !option.get_default_values().is_empty()
                || NO_DEFAULT.contains(&option.get_id().as_str());
            assert!(!takes_value || tells, "{}: {text}", option.get_id());
        }
        assert!(help.contains("\nExamples:\n") && help.contains("\nExit status:\n"));
        assert!(
            help.lines().all(|line| line.chars().count() <= 120),
            "{help}"
        );
    }

    /// Absent unless given, as their help says or their names do.
    const NO_DEFAULT: [&str; 15] = [
        "unix",
        "tls_cert",
        "tls_key",
        "vhost",
        "spa",
        "error_page",
        "cache_control",
        "header",
        "basic_auth",
        "log_file",
        "trust_proxy",
        "admin",
        "completions",
        "help",
        "version",
    ];

    fn parse(arguments: &[&str]) -> Args {
        let arguments = std::iter::once("webserver").chain(arguments.iter().copied());
        Args::try_parse_from(arguments).unwrap_or_else(|error| panic!("{error}"))
    }

    fn config(arguments: &[&str]) -> Result<Config, UsageError> {
        parse(arguments).config(None, Screen::Other)
    }
}
