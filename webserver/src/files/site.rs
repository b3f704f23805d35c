//! One folder that is served, with all that is said about how. Made at the start, shared by all workers.

use std::path::{Path, PathBuf};

use crate::config::SiteConfig;
use crate::error::ConfigError;
use crate::files::root::{Kind, Links, Root};
use crate::files::rules::Rules;
use crate::http::accept::Coding;

/// A folder and its rules.
#[derive(Debug)]
pub struct Site {
    /// The way to what is in the folder.
    pub root: Root,
    /// Fields of replies.
    pub rules: Rules,
    /// What of the folder is served.
    pub config: SiteConfig,
}

/// Names of files that are a folder's page, and compressed forms of a file, by what is added to its name. The order
/// is that of [`Coding`]'s preference.
pub const INDEX: &[u8] = b"index.html";

/// What is added to a file's name to name its compressed forms.
pub const BESIDE: [(Coding, &[u8]); 3] = [
    (Coding::Zstd, b".zst"),
    (Coding::Brotli, b".br"),
    (Coding::Gzip, b".gz"),
];

impl Site {
    /// Opens the folder and checks that the pages the owner speaks of are in it.
    ///
    /// # Errors
    /// If it cannot be served as told.
    pub fn open(path: &Path, config: &SiteConfig) -> Result<Self, ConfigError> {
        let links = if config.follow { Links::Anywhere } else { Links::Within };
        let root = Root::open(path, links).map_err(|source| ConfigError::Root {
            path: PathBuf::from(path),
            source,
        })?;
        let rules = Rules::new(config)?;
        let pages = config.error_pages.iter().map(|(_, page)| page);
        for page in pages.chain(&config.spa) {
            match root.facts(&page_path(page)) {
                Ok(Some((Kind::File, _))) => {}
                _ => return Err(ConfigError::Page { path: page.clone() }),
            }
        }
        Ok(Self {
            root,
            rules,
            config: config.clone(),
        })
    }
}

/// Where a page is beneath the root that was named without or with a slash in front.
#[must_use]
pub fn page_path(page: &str) -> Vec<u8> {
    format!("/{}", page.trim_start_matches('/')).into_bytes()
}
