//! What is due: the machine does all of it at once whenever it is told anything.

use std::time::Instant;

use crate::client::event::Event;
use crate::client::home::alive::Due;
use crate::client::home::follow::Happening;
use crate::client::home::greeting::Step;
use crate::client::home::link::Link;
use crate::client::home::machine::Home;
use crate::client::home::output::Output;
use crate::client::io::Farewell;
use crate::client::roster::place;
use crate::name::MemberId;
use crate::wire::from_server::{Entry, EntryClient};
use crate::wire::to_server::ToServer;

/// What is due.
impl Home {
    /// Does all that is due now.
    pub(crate) fn run(&mut self, now: Instant) {
        if self.has_ended {
            return;
        }
        self.run_session(now);
        self.run_greeting(now);
        self.run_finding(now);
        self.run_letters(now);
        self.run_leaving(now);
        self.tell_happenings();
    }

    pub(crate) fn run_greeting(&mut self, now: Instant) {
        if self.carrier.addrs().is_empty() {
            self.run_unresolved(now);
            return;
        }
        while let Some(step) = self
            .greeting
            .as_mut()
            .and_then(|greeting| greeting.poll(now))
        {
            self.greeting_step(step);
        }
    }

    /// Nothing can be sent yet; the name is looked up again.
    pub(crate) fn run_unresolved(&mut self, now: Instant) {
        while let Some(step) = self
            .greeting
            .as_mut()
            .and_then(|greeting| greeting.poll(now))
        {
            if step == Step::Resolve {
                self.carrier.push(Output::Resolve);
            }
        }
    }

    pub(crate) fn greeting_step(&mut self, step: Step) {
        match step {
            Step::Hello => {
                let hello = self.hello();
                self.carrier.send_everywhere(&hello);
            }
            Step::Register(link, cookie) => self.register(link, cookie),
            Step::Race => _ = self.carrier.connect(),
            Step::Silent => {
                let event = Event::ServerSilent {
                    server: self.server(),
                    joined: self.has_joined,
                };
                let event = self.troubles.silent(event);
                self.show(event);
            }
            Step::Resolve => self.carrier.push(Output::Resolve),
        }
    }

    pub(crate) fn run_session(&mut self, now: Instant) {
        while let Some(due) = self
            .session
            .as_mut()
            .and_then(|session| session.alive.poll(now))
        {
            match due {
                Due::Alive => self.say_alive_by_link(now),
                Due::TryUdp => {
                    for place in 0..self.carrier.addrs().len() {
                        let addr = self.carrier.addrs()[place];
                        self.say_alive(now, Link::Udp(addr), None);
                    }
                }
                Due::Lost => self.lost(now),
            }
        }
        self.run_observer(now);
        let Some(member) = self.member() else {
            return;
        };
        if let Some(ask) = self.follow.poll_ask(now) {
            let counter = self.next_counter();
            let (have, cursor) = (ask.have, ask.cursor);
            self.say(&ToServer::Sync {
                member,
                counter,
                have,
                cursor,
            });
        }
        if let Some(reach) = self.own.poll(now) {
            let counter = self.next_counter();
            self.say(&ToServer::Reach {
                member,
                counter,
                reach,
            });
        }
    }

    pub(crate) fn run_observer(&mut self, now: Instant) {
        let Some(observer) = self
            .session
            .as_mut()
            .and_then(|session| session.observer.as_mut())
        else {
            return;
        };
        let was_over = observer.is_over();
        let asked = observer.poll(now);
        let is_given_up = observer.is_over() && !was_over;
        for (addr, nonce) in asked {
            let mut frame = Vec::new();
            ToServer::Observe { nonce }.encode(&mut frame);
            self.carrier.send(Link::Udp(addr), frame);
        }
        if is_given_up {
            self.take_mapping();
        }
    }

    pub(crate) fn run_finding(&mut self, now: Instant) {
        let due = self
            .finding
            .iter()
            .filter(|(_, finding)| finding.due <= now);
        let due: Vec<MemberId> = due.map(|(id, _)| id.clone()).collect();
        for id in due {
            let Some(finding) = self.finding.get_mut(&id) else {
                continue;
            };
            finding.due = now + finding.gap;
            finding.gap *= 2;
            let left = finding.left.checked_sub(1);
            finding.left = left.unwrap_or_default();
            match (left, self.member()) {
                (Some(_), Some(member)) => {
                    let counter = self.next_counter();
                    self.say(&ToServer::Find {
                        member,
                        counter,
                        id,
                    });
                }
                (Some(_), None) => {}
                (None, _) => {
                    self.finding.remove(&id);
                    self.carrier.push(Output::Nobody(id));
                }
            }
        }
    }

    pub(crate) fn run_letters(&mut self, now: Instant) {
        self.letters.give_up(now);
        while let Some(frame) = self.letters.poll_again(now) {
            self.say_sealed(frame);
        }
        while let Some(member) = self.member() {
            let Some((to, text)) = self.letters.poll_part() else {
                break;
            };
            let (counter, len) = (self.next_counter(), text.len());
            let letter = ToServer::Older {
                member,
                counter,
                to,
                text,
            };
            let Some(frame) = self.sealed(&letter) else {
                break;
            };
            self.letters.said(now, to, len, counter, frame.clone());
            self.say_sealed(frame);
        }
    }

    pub(crate) fn run_leaving(&mut self, now: Instant) {
        let Some(leaving) = &mut self.leaving else {
            return;
        };
        let Some(member) = self.session.as_ref().map(|session| session.member) else {
            return self.end(Farewell::Left);
        };
        if leaving.until <= now {
            self.end(Farewell::Left);
        } else if leaving.due <= now {
            leaving.due = now + leaving.gap;
            leaving.gap *= 2;
            let counter = self.next_counter();
            self.say(&ToServer::Leave { member, counter });
        }
    }

    pub(crate) fn tell_happenings(&mut self) {
        while let Some(happening) = self.follow.poll_happening() {
            let output = match happening {
                Happening::Here { entry, .. } if entry.id == self.id => {
                    self.tell_ourselves(&entry);
                    continue;
                }
                Happening::Gone { entry, .. } if entry.id == self.id => continue,
                Happening::Here { entry, before } => {
                    self.finding.remove(&entry.id);
                    let former = before
                        .as_ref()
                        .filter(|before| before.member != entry.member);
                    if let Some(former) = former {
                        self.letters.gone(former.member);
                    }
                    Output::Here { entry, before }
                }
                Happening::Gone { entry, how } => {
                    self.letters.gone(entry.member);
                    Output::Gone { entry, how }
                }
                Happening::Known => Output::RosterKnown,
            };
            self.carrier.push(output);
        }
        self.release_held();
        self.tell_letters();
    }

    pub(crate) fn tell_ourselves(&mut self, entry: &Entry) {
        if let EntryClient::Current { reach, .. } = &entry.client {
            self.own.confirmed(reach);
        }
        if !self.is_shown && self.member() == Some(entry.member) {
            self.is_shown = true;
            let at = place(entry, self.nat_ip());
            let id = self.id.clone();
            self.show(Some(Event::Here { id, at }));
        }
    }
}
