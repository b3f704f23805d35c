//! What is measured: who asks for what, over how many connections, and what we set out to reach.

use crate::client::Reply;
use crate::servers::Log;
use crate::site::Page;

/// One comparison.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    /// As given to `--rows`.
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    /// Processor time of ours for a request, as a part of nginx's: at most this.
    pub(crate) goal: Option<f64>,
    pub(crate) connections: usize,
    pub(crate) ask: Ask,
    pub(crate) log: Log,
}

/// What the clients ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    /// One file, again and again.
    File(Page),
    /// The same in batches of [`BATCH`] requests, all sent before the first reply.
    Batches(Page),
    /// The same over a new connection each time.
    Once(Page),
    /// The same, in the version that the client already has.
    Unchanged(Page),
    /// A file that is not there.
    Missing,
    /// One of the 10,000 files.
    Many,
    /// Nothing any more, after one file for each connection.
    StayIdle,
}

/// Requests in a pipelined batch; known to `wrk.lua` too.
const BATCH: usize = 16;

/// All rows, in the order of the tables.
pub(crate) const ROWS: [Row; 13] = [
    row(
        "1k@64",
        "1 KB, 64 connections",
        0.62,
        64,
        Ask::File(Page::KB1),
    ),
    row(
        "1k@512",
        "1 KB, 512 connections",
        0.62,
        512,
        Ask::File(Page::KB1),
    ),
    row("1k@2", "1 KB, 2 connections", 0.85, 2, Ask::File(Page::KB1)),
    row(
        "10k@64",
        "10 KB, 64 connections",
        0.65,
        64,
        Ask::File(Page::KB10),
    ),
    row(
        "100k@64",
        "100 KB, 64 connections",
        0.65,
        64,
        Ask::File(Page::KB100),
    ),
    row(
        "10m@8",
        "10 MB, 8 connections",
        0.75,
        8,
        Ask::File(Page::MB10),
    ),
    row(
        "many@64",
        "10,000 files of 1 KB at random",
        0.65,
        64,
        Ask::Many,
    ),
    row(
        "304@64",
        "not modified (304)",
        0.80,
        64,
        Ask::Unchanged(Page::KB1),
    ),
    row("404@64", "not found (404)", 0.80, 64, Ask::Missing),
    row(
        "close@64",
        "a connection for each request",
        0.80,
        64,
        Ask::Once(Page::KB1),
    ),
    row(
        "pipe16@64",
        "16 requests in flight on each connection",
        0.12,
        64,
        Ask::Batches(Page::KB1),
    ),
    Row {
        log: Log::Combined,
        ..row(
            "logged@64",
            "1 KB, 64 connections, all requests logged",
            0.60,
            64,
            Ask::File(Page::KB1),
        )
    },
    Row {
        goal: None,
        ..row(
            "idle",
            "10,000 idle connections",
            0.0,
            10_000,
            Ask::StayIdle,
        )
    },
];

const fn row(
    id: &'static str,
    title: &'static str,
    goal: f64,
    connections: usize,
    ask: Ask,
) -> Row {
    Row {
        id,
        title,
        goal: Some(goal),
        connections,
        ask,
        log: Log::Off,
    }
}

impl Row {
    /// The row of this name.
    ///
    /// # Errors
    /// Says which names there are.
    pub(crate) fn named(id: &str) -> Result<Self, String> {
        let found = ROWS.iter().find(|row| row.id == id);
        found.copied().ok_or_else(|| {
            let ids: Vec<&str> = ROWS.iter().map(|row| row.id).collect();
            format!("the rows are {}", ids.join(", "))
        })
    }

    /// Replies that may be under way when the load stops.
    pub(crate) fn in_flight(&self) -> usize {
        self.connections * self.ask.batch()
    }
}

impl Ask {
    /// Pages to check before the load; of many, a few.
    pub(crate) fn pages(self) -> Vec<Page> {
        match self {
            Self::File(page) | Self::Batches(page) | Self::Once(page) | Self::Unchanged(page) => {
                vec![page]
            }
            Self::Missing => Vec::new(),
            Self::Many => [0, 1, 4_999, 9_999].map(Page::Nth).to_vec(),
            Self::StayIdle => vec![Page::KB1],
        }
    }

    /// Requests sent in one write.
    pub(crate) fn batch(self) -> usize {
        if let Self::Batches(_) = self {
            BATCH
        } else {
            1
        }
    }

    /// The path to ask for; of many, the first.
    pub(crate) fn path(self) -> String {
        let page = self.pages().first().copied();
        page.map_or_else(|| String::from("/missing.bin"), Page::path)
    }

    /// Request headers besides Host. `known` is a reply of the same server with the file.
    pub(crate) fn headers(self, known: Option<&Reply>) -> Vec<(&'static str, String)> {
        match self {
            Self::Once(_) => vec![("Connection", String::from("close"))],
            // As a browser does: both, where the server gave both.
            Self::Unchanged(_) => {
                let pairs = [
                    ("If-None-Match", "etag"),
                    ("If-Modified-Since", "last-modified"),
                ];
                let given = pairs
                    .into_iter()
                    .filter_map(|(asked, given)| Some((asked, known?.header(given)?.to_owned())));
                given.collect()
            }
            Self::File(_) | Self::Batches(_) | Self::Missing | Self::Many | Self::StayIdle => {
                Vec::new()
            }
        }
    }

    /// The status of every reply.
    pub(crate) fn status(self) -> u16 {
        match self {
            Self::Unchanged(_) => 304,
            Self::Missing => 404,
            Self::File(_) | Self::Batches(_) | Self::Once(_) | Self::Many | Self::StayIdle => 200,
        }
    }

    /// How `wrk.lua` calls it.
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::Batches(_) => "batch",
            Self::Many => "many",
            Self::File(_) | Self::Once(_) | Self::Unchanged(_) | Self::Missing | Self::StayIdle => {
                "one"
            }
        }
    }
}
