//! What the user was told about the server, so that each trouble is told once and its end too.

use crate::client::event::Event;

/// The troubles there are.
#[derive(Debug, Default)]
pub(crate) struct Troubles {
    is_silent: bool,
    is_unresolved: bool,
    has_other_key: bool,
    refusal: Option<Event>,
}

impl Troubles {
    /// The server does not answer. No news if its name means nothing, or if something worse is known.
    pub(crate) fn silent(&mut self, event: Event) -> Option<Event> {
        let is_known =
            self.is_silent || self.is_unresolved || self.has_other_key || self.refusal.is_some();
        if is_known {
            return None;
        }
        self.is_silent = true;
        Some(event)
    }

    pub(crate) fn unresolved(&mut self, event: Event) -> Option<Event> {
        let is_news = !self.is_unresolved;
        self.is_unresolved = true;
        is_news.then_some(event)
    }

    pub(crate) fn resolved(&mut self) {
        self.is_unresolved = false;
    }

    pub(crate) fn other_key(&mut self) -> Option<Event> {
        let is_news = !self.has_other_key;
        self.has_other_key = true;
        is_news.then_some(Event::ServerKeyChanged)
    }

    pub(crate) fn key_trusted(&mut self) {
        self.has_other_key = false;
    }

    pub(crate) fn refused(&mut self, event: Event) -> Option<Event> {
        if self.refusal.as_ref() == Some(&event) {
            return None;
        }
        self.refusal = Some(event.clone());
        Some(event)
    }

    /// Whether the last that the server said is that the ID belongs to somebody else.
    pub(crate) fn is_taken(&self) -> bool {
        matches!(self.refusal, Some(Event::Taken(_)))
    }

    /// The server has taken us, or still knows us: all troubles are over. True if the user waits to hear it.
    pub(crate) fn over(&mut self) -> bool {
        std::mem::take(self).is_silent
    }
}
