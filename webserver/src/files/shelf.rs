//! What one worker remembers of a site: files with their prepared heads, folders, pages made, and what is not there.
//!
//! Rule: what is remembered is given out without a look for [`SiteConfig::fresh`] at most. A flood of paths that do
//! not exist takes little memory and drives out no file.
//!
//! [`SiteConfig::fresh`]: crate::config::SiteConfig::fresh

use std::collections::HashMap;
use std::io;
use std::rc::Rc;
use std::sync::Arc;

use foldhash::fast::RandomState;

use crate::files::cache::{Cache, Weight};
use crate::files::entry::{About, Entry};
use crate::files::folders::{Folders, split};
use crate::files::mime;
use crate::files::root::{Facts, Found, Kind, OpenFile};
use crate::files::sidecar;
use crate::files::site::{INDEX, Site};
use crate::http::accept::Coding;

/// What is found at a path.
#[derive(Clone, Debug)]
pub enum Resource {
    /// A file, or the index file of a folder.
    File(Rc<Entry>),
    /// A folder, asked for without the slash that its relative links need.
    Unslashed,
    /// A folder without an index file.
    Folder,
    /// Nothing.
    Missing,
    /// Something that may not be served.
    Refused,
}

/// The moment of a request.
#[derive(Clone, Copy, Debug, Default)]
pub struct Moment {
    /// Milliseconds since the worker began.
    pub ms: u64,
    /// Nanoseconds since 1970 began.
    pub wall_nanos: i128,
    /// The number of the job that the request has waited for, if any: what came of this one or a later one was seen
    /// after the request had come.
    pub waited_for: Option<u64>,
    /// Whether the request is not to wait for anything: it has waited long enough, or there is too much to do.
    pub answers_now: bool,
}

/// A site as one worker knows it.
#[derive(Debug)]
pub struct Shelf {
    site: Arc<Site>,
    fresh_ms: u64,
    known: Cache<Known>,
    missing: HashMap<Box<[u8]>, u64, RandomState>,
    folders: Folders,
    pages: Cache<Page>,
    latest: Latest,
    lookups: Lookups,
}

/// What came of the last job. Whoever waited for it gets it from here if it is too heavy to be remembered, or if a file
/// that has just changed is looked at anew: otherwise the same job would be done again and again.
#[derive(Debug, Default)]
enum Latest {
    #[default]
    Nothing,
    Page {
        key: Box<[u8]>,
        bytes: Arc<[u8]>,
        job: u64,
    },
    Form {
        path: Box<[u8]>,
        facts: Facts,
        coding: Coding,
        made: Option<Arc<[u8]>>,
    },
}

/// A page that was made, and when.
#[derive(Debug)]
struct Page {
    bytes: Arc<[u8]>,
    made: u64,
    /// The number of the job that made it.
    job: u64,
}

/// How often paths were looked up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lookups {
    /// What was remembered was given out.
    pub remembered: u64,
    /// The disk was looked at.
    pub looked: u64,
}

#[derive(Debug)]
struct Known {
    resource: Resource,
    /// When it was last looked at.
    checked: u64,
    /// The path of the file beneath the root, where it is not the one that was asked for.
    file: Option<Box<[u8]>>,
    /// The compressed forms that lie beside the file.
    beside: Vec<(Coding, Facts)>,
    /// The file's folder when it was last seen that nothing lies beside the file, if the folder's facts tell of every
    /// change since.
    folder: Option<Facts>,
}

/// Paths known to lead nowhere, at most; then all are forgotten. They are looked at again after a moment anyhow.
const MISSING_MAX: usize = 1024;

/// Bytes of such a path, at most. Longer ones are looked up each time.
const MISSING_LEN: usize = 256;

impl Shelf {
    /// An empty shelf with room for so many bytes.
    #[must_use]
    pub fn new(site: Arc<Site>, len: u64) -> Self {
        let site_files = site.config.cache_files;
        // Most of the room is for files; pages are made anew every moment.
        let pages = Weight {
            bytes: len / 4,
            files: 0,
        };
        let bound = Weight {
            bytes: len - pages.bytes,
            files: site_files - site_files / 4,
        };
        Self {
            fresh_ms: u64::try_from(site.config.fresh.as_millis()).unwrap_or(u64::MAX),
            site,
            known: Cache::new(bound),
            missing: HashMap::default(),
            folders: Folders::new(site_files / 4),
            pages: Cache::new(pages),
            latest: Latest::Nothing,
            lookups: Lookups::default(),
        }
    }

    /// The site itself.
    #[must_use]
    pub const fn site(&self) -> &Arc<Site> {
        &self.site
    }

    /// Finds what is at a path, as it comes from the request's target.
    ///
    /// # Errors
    /// If the system cannot tell: out of descriptors, or a disk fails.
    pub fn find(&mut self, path: &[u8], now: Moment) -> io::Result<Resource> {
        let fresh_ms = self.fresh_ms;
        if let Some(known) = self.known.get(path) {
            if is_fresh(known.checked, fresh_ms, now) {
                self.lookups.remembered += 1;
                return Ok(known.resource.clone());
            }
            self.lookups.looked += 1;
            if let Some(checked) =
                known.checked_again(path, &self.site, &mut self.folders, fresh_ms, now)?
            {
                known.checked = checked;
                return Ok(known.resource.clone());
            }
            self.known.remove(path);
        } else if let Some(checked) = self.missing.get(path)
            && is_fresh(*checked, fresh_ms, now)
        {
            self.lookups.remembered += 1;
            return Ok(Resource::Missing);
        } else {
            self.lookups.looked += 1;
        }
        self.look(path, now)
    }

    /// How often paths were looked up until now.
    #[must_use]
    pub const fn lookups(&self) -> Lookups {
        self.lookups
    }

    /// A page that was made for a request such as this.
    pub fn page(&mut self, key: &[u8], now: Moment) -> Option<Arc<[u8]>> {
        match &self.latest {
            Latest::Page {
                key: of,
                bytes,
                job,
            } if **of == *key && now.waited_for.is_some_and(|waited| *job >= waited) => {
                return Some(Arc::clone(bytes));
            }
            Latest::Nothing | Latest::Page { .. } | Latest::Form { .. } => {}
        }
        let page = self.pages.get(key)?;
        let was_waited_for = now.waited_for.is_some_and(|job| page.job >= job);
        (was_waited_for || is_fresh(page.made, self.fresh_ms, now)).then(|| Arc::clone(&page.bytes))
    }

    /// Remembers a page that a job has made.
    pub fn keep_page(&mut self, key: &[u8], bytes: Arc<[u8]>, job: u64, now: Moment) {
        let weight = Weight {
            bytes: bytes.len() as u64,
            files: 0,
        };
        self.latest = Latest::Page {
            key: key.into(),
            bytes: Arc::clone(&bytes),
            job,
        };
        let made = now.ms;
        self.pages.insert(key, Page { bytes, made, job }, weight);
    }

    /// Lets go of what came of the last job, once those who waited for it had it.
    pub fn let_go(&mut self) {
        self.latest = Latest::Nothing;
    }

    /// Adds to a file's forms one that was made of it, or that it was not worth making.
    pub fn keep_form(
        &mut self,
        path: &[u8],
        facts: &Facts,
        coding: Coding,
        made: Option<Arc<[u8]>>,
        now: Moment,
    ) {
        self.latest = Latest::Form {
            path: path.into(),
            facts: *facts,
            coding,
            made: made.clone(),
        };
        let Some(known) = self.known.get(path) else {
            return;
        };
        let Resource::File(entry) = &known.resource else {
            return;
        };
        if entry.facts != *facts || entry.form(coding).is_some() {
            return;
        }
        let about = About {
            path: known.file.as_deref().unwrap_or(path),
            rules: &self.site.rules,
            varies: true,
            now_nanos: now.wall_nanos,
        };
        entry.add(coding, made, &about);
        let weight = entry.weight();
        let known = Known {
            resource: Resource::File(Rc::clone(entry)),
            checked: known.checked,
            file: known.file.take(),
            folder: known.folder,
            beside: std::mem::take(&mut known.beside),
        };
        // Anew, since it weighs more now.
        self.known.insert(path, known, weight);
    }

    /// Looks at what is there, and remembers it.
    fn look(&mut self, path: &[u8], now: Moment) -> io::Result<Resource> {
        let mut file = None;
        let mut found = self.site.root.find(path)?;
        if let Found::Folder(_) = found
            && path.ends_with(b"/")
        {
            let index = [path, INDEX].concat();
            let page = self.site.root.find(&index)?;
            // A folder of that name is no page.
            if !matches!(page, Found::Missing | Found::Folder(_)) {
                found = page;
            }
            file = Some(index.into_boxed_slice());
        }
        let mut beside = Vec::new();
        let resource = match found {
            Found::File(open) => {
                let (entry, forms) = self.enter(open, path, file.as_deref(), now)?;
                beside = forms;
                Resource::File(Rc::new(entry))
            }
            Found::Folder(_) if path.ends_with(b"/") => Resource::Folder,
            Found::Folder(_) => Resource::Unslashed,
            Found::Refused => Resource::Refused,
            Found::Missing => {
                if path.len() <= MISSING_LEN {
                    if self.missing.len() >= MISSING_MAX {
                        self.missing.clear();
                    }
                    self.missing.insert(path.into(), now.ms);
                }
                return Ok(Resource::Missing);
            }
        };
        let weight = if let Resource::File(entry) = &resource {
            entry.weight()
        } else {
            Weight::default()
        };
        let known = Known {
            resource: resource.clone(),
            checked: now.ms,
            file,
            beside,
            folder: None,
        };
        self.known.insert(path, known, weight);
        Ok(resource)
    }

    /// Makes an entry of the file that was found at a path, or at another one instead, and its compressed forms.
    fn enter(
        &self,
        open: OpenFile,
        asked: &[u8],
        file: Option<&[u8]>,
        now: Moment,
    ) -> io::Result<(Entry, Vec<(Coding, Facts)>)> {
        let path = file.unwrap_or(asked);
        let forms = sidecar::open(&self.site.root, path, &open.facts)?;
        let facts = forms
            .iter()
            .map(|(coding, form)| (*coding, form.facts))
            .collect();
        let may_be_made =
            self.site.config.compress && mime::is_compressible(mime::content_type(path));
        let about = About {
            path,
            rules: &self.site.rules,
            varies: may_be_made || !forms.is_empty(),
            now_nanos: now.wall_nanos,
        };
        let entry = Entry::new(open, forms, &about)?;
        if let Latest::Form {
            path: of,
            facts,
            coding,
            made,
        } = &self.latest
            && **of == *asked
            && *facts == entry.facts
            && entry.form(*coding).is_none()
        {
            entry.add(*coding, made.clone(), &about);
        }
        Ok((entry, facts))
    }
}

impl Known {
    /// Looks whether it is still as it was. If so, tells since when that is known.
    fn checked_again(
        &mut self,
        path: &[u8],
        site: &Site,
        folders: &mut Folders,
        fresh_ms: u64,
        now: Moment,
    ) -> io::Result<Option<u64>> {
        let Resource::File(entry) = &self.resource else {
            return Ok(None);
        };
        if entry.is_racy {
            return Ok(None);
        }
        let path = self.file.as_deref().unwrap_or(path);
        let (folder, name) = split(path);
        let held = folders.hold(&site.root, folder, fresh_ms, now.ms);
        if let Some(held) = held
            && self.folder == Some(held.folder.facts())
            && held.folder.file(name) == Some(entry.facts)
        {
            return Ok(Some(held.checked));
        }
        let is_same = site.root.facts(path)? == Some((Kind::File, entry.facts))
            && sidecar::look(&site.root, path, &entry.facts)? == self.beside;
        if !is_same {
            return Ok(None);
        }
        let is_bare = self.beside.is_empty() && !sidecar::is_any(&site.root, path)?;
        self.folder = held
            .map(|held| held.folder.facts())
            .filter(|folder| is_bare && !folder.is_racy_at(now.wall_nanos));
        Ok(Some(now.ms))
    }
}

/// Whether what was looked at then may be taken for true now.
fn is_fresh(checked: u64, fresh_ms: u64, now: Moment) -> bool {
    now.ms.saturating_sub(checked) < fresh_ms
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "files are as old as the system's clock says"
)]
mod tests;
