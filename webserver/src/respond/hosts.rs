//! Which site a request is for: by the host that it names.

use std::sync::Arc;

use crate::files::shelf::{Lookups, Shelf};
use crate::files::site::Site;
use crate::http::host;

/// The sites, as one worker knows them. The first is for every host that has none of its own.
#[derive(Debug)]
pub(super) struct Hosts {
    shelves: Vec<Shelf>,
    names: Vec<(String, usize)>,
}

impl Hosts {
    /// `len` bytes of memory for each site.
    pub(super) fn new(sites: &[(Option<String>, Arc<Site>)], len: u64) -> Self {
        let names = sites.iter().enumerate();
        Self {
            shelves: sites
                .iter()
                .map(|(_, site)| Shelf::new(Arc::clone(site), len))
                .collect(),
            names: names
                .filter_map(|(number, (name, _))| Some((name.clone()?, number)))
                .collect(),
        }
    }

    /// The number of the site for a host, given with or without a port (RFC 9110 §7.2).
    pub(super) fn find(&self, authority: &[u8]) -> usize {
        if self.names.is_empty() {
            return 0;
        }
        let name = host::name(authority);
        let name = name.strip_suffix(b".").unwrap_or(name);
        let found = self
            .names
            .iter()
            .find(|(known, _)| name.eq_ignore_ascii_case(known.as_bytes()));
        found.map_or(0, |(_, number)| *number)
    }

    /// How often paths were looked up on all of them.
    pub(super) fn lookups(&self) -> Lookups {
        self.shelves
            .iter()
            .map(Shelf::lookups)
            .fold(Lookups::default(), |sum, of_one| Lookups {
                remembered: sum.remembered + of_one.remembered,
                looked: sum.looked + of_one.looked,
            })
    }

    /// All sites.
    pub(super) fn shelves(&mut self) -> impl Iterator<Item = &mut Shelf> {
        self.shelves.iter_mut()
    }

    /// The site with this number.
    pub(super) fn shelf(&mut self, number: usize) -> &mut Shelf {
        &mut self.shelves[number]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_have_their_own_sites() {
        let hosts = Hosts {
            shelves: Vec::new(),
            names: vec![("a.example".to_owned(), 1), ("[::1]".to_owned(), 2)],
        };
        let rows = [
            ("a.example", 1),
            ("A.Example.:80", 1),
            ("[::1]:8080", 2),
            ("a.example:", 1),
            ("b.example", 0),
            ("", 0),
        ];
        for (host, number) in rows {
            assert_eq!(hosts.find(host.as_bytes()), number, "{host}");
        }
    }
}
