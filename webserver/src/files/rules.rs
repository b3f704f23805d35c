//! What the owner of a site wants said in every reply, or in those about certain paths. Pure.

use globset::{GlobBuilder, GlobMatcher};

use crate::config::SiteConfig;
use crate::error::ConfigError;

/// Fields that are added to replies, written once.
#[derive(Debug)]
pub struct Rules {
    cache_control: Vec<(GlobMatcher, Box<[u8]>)>,
    everywhere: Vec<u8>,
    /// Whether the site is for some only.
    is_private: bool,
}

/// What only some may see is not kept by caches that others share, nor shown by a browser once it may not be seen.
const PRIVATE: &[u8] = b"Cache-Control: private, no-cache\r\n";

impl Rules {
    /// Reads the patterns.
    ///
    /// # Errors
    /// If a pattern is none.
    pub fn new(config: &SiteConfig) -> Result<Self, ConfigError> {
        let mut everywhere = Vec::new();
        if config.cors {
            everywhere.extend_from_slice(CORS);
        }
        for (name, value) in &config.headers {
            everywhere.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        let cache_control = config
            .cache_control
            .iter()
            .map(|(pattern, value)| {
                let field = format!("Cache-Control: {value}\r\n").into_bytes();
                Ok((matcher(pattern)?, field.into_boxed_slice()))
            })
            .collect::<Result<_, ConfigError>>()?;
        Ok(Self {
            cache_control,
            everywhere,
            is_private: !config.users.is_empty(),
        })
    }

    /// The fields of every reply, those that tell of errors included.
    #[must_use]
    pub fn everywhere(&self) -> &[u8] {
        &self.everywhere
    }

    /// Adds the fields of a reply that gives the file at a path.
    pub fn put_for(&self, path: &[u8], head: &mut Vec<u8>) {
        let path = String::from_utf8_lossy(path);
        let path = path.trim_start_matches('/');
        let first = self
            .cache_control
            .iter()
            .find(|(glob, _)| glob.is_match(path));
        if let Some((_, field)) = first {
            head.extend_from_slice(field);
        } else if self.is_private {
            head.extend_from_slice(PRIVATE);
        }
        head.extend_from_slice(&self.everywhere);
    }
}

/// Which replies pages of other origins may read, and what of them.
const CORS: &[u8] = b"Access-Control-Allow-Origin: *\r\n\
    Access-Control-Expose-Headers: Accept-Ranges, Content-Encoding, Content-Length, Content-Range, ETag\r\n";

/// `*.js` is a file of any folder, as in `.gitignore`; a pattern with a slash begins at the root.
fn matcher(pattern: &str) -> Result<GlobMatcher, ConfigError> {
    let anchored = match pattern.strip_prefix('/') {
        Some(rest) => rest.to_owned(),
        None if pattern.contains('/') => pattern.to_owned(),
        None => format!("**/{pattern}"),
    };
    let glob = GlobBuilder::new(&anchored).literal_separator(true).build();
    match glob {
        Ok(glob) => Ok(glob.compile_matcher()),
        Err(error) => Err(ConfigError::Pattern {
            pattern: pattern.to_owned(),
            reason: error.kind().to_string(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_pattern_that_matches_counts() {
        let rules = Rules::new(&SiteConfig {
            cache_control: [
                ("*.html", "no-cache"),
                ("/assets/**", "max-age=31536000, immutable"),
                ("img/*.png", "max-age=60"),
                ("*", "max-age=1"),
            ]
            .map(|(pattern, value)| (pattern.to_owned(), value.to_owned()))
            .into(),
            headers: vec![("X-Served-By".to_owned(), "me".to_owned())],
            ..SiteConfig::default()
        })
        .unwrap();
        let rows: [(&str, &str, &str); 7] = [
            ("at the root", "/index.html", "no-cache"),
            ("in any folder", "/a/b/index.html", "no-cache"),
            ("order decides", "/assets/a.html", "no-cache"),
            (
                "folders deep",
                "/assets/x/y.js",
                "max-age=31536000, immutable",
            ),
            ("anchored", "/img/a.png", "max-age=60"),
            ("not elsewhere", "/x/img/a.png", "max-age=1"),
            ("names that are not UTF-8", "/\u{fffd}", "max-age=1"),
        ];
        for (name, path, value) in rows {
            let mut head = Vec::new();
            rules.put_for(path.as_bytes(), &mut head);
            let expected = format!("Cache-Control: {value}\r\nX-Served-By: me\r\n");
            assert_eq!(String::from_utf8(head).unwrap(), expected, "{name}");
        }
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        let config = SiteConfig {
            cache_control: vec![("a[".to_owned(), "x".to_owned())],
            ..SiteConfig::default()
        };
        let error = Rules::new(&config).unwrap_err();
        assert!(error.to_string().contains("a["), "{error}");
    }
}
