//! One folder that is served, with all that is said about how. Made at the start, shared by all workers.

use std::path::{Path, PathBuf};

use crate::config::SiteConfig;
use crate::error::ConfigError;
use crate::files::root::{Kind, Links, Root};
use crate::files::rules::Rules;

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

/// The file that is a folder's page.
pub const INDEX: &[u8] = b"index.html";

impl Site {
    /// Opens the folder and checks that the pages the owner speaks of are in it.
    ///
    /// # Errors
    /// If it cannot be served as told.
    pub fn open(path: &Path, config: &SiteConfig) -> Result<Self, ConfigError> {
        let links = if config.follow {
            Links::Anywhere
        } else {
            Links::Within
        };
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
