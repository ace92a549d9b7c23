//! What was found so far.
//!
//! Finds wait for a while: a table that changed while it was read is read
//! again, and the owners of all sockets found are looked for at once. There is
//! a bound to what waits, so memory does not grow with the number of sockets.

use super::element::Element;
use crate::facts::{Neighbour, Socket};
use crate::owners::{self, Owners};
use crate::questions::{Caches, Number, Questions};
use mig_plugin_sdk::payload::assemble::place;
use mig_plugin_sdk::{Failure, Session};
use serde_json::{Map, Value};
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

/// Finds that wait before they are sent.
const MOST_WAITING: usize = 32_768;

/// Something that answers a question.
#[derive(Debug)]
struct Find {
    question: Number,
    namespace: Option<Arc<str>>,
    fact: Fact,
}

#[derive(Debug)]
enum Fact {
    Link(Box<str>),
    Address(IpAddr),
    Neighbour(Box<str>, IpAddr),
    Socket(Socket),
}

/// A state that [`Finds::rewind`] can go back to.
#[derive(Debug)]
pub struct Mark {
    waiting: usize,
    sent: u64,
    examined: u64,
}

/// The finds of a run.
pub struct Finds<'a> {
    questions: &'a Questions,
    session: Session<'a>,
    proc: &'a Path,
    localmac: Caches,
    neighbormac: Caches,
    waiting: Vec<Find>,
    sent: u64,
    examined: u64,
    owners_unknown: u64,
}

impl<'a> Finds<'a> {
    /// Nothing yet. Owners of sockets are looked for below `proc`.
    pub fn new(questions: &'a Questions, session: Session<'a>, proc: &'a Path) -> Self {
        Self {
            questions,
            session,
            proc,
            localmac: questions.localmac.caches(),
            neighbormac: questions.neighbormac.caches(),
            waiting: Vec::new(),
            sent: 0,
            examined: 0,
            owners_unknown: 0,
        }
    }

    /// The host.
    pub fn session(&self) -> Session<'a> {
        self.session
    }

    /// Elements that were sent.
    pub fn hits(&self) -> u64 {
        self.sent
    }

    /// Interfaces, addresses, neighbours and sockets that were looked at.
    pub fn examined(&self) -> u64 {
        self.examined
    }

    /// Sockets sent without their owner although some process has them open.
    pub fn owners_unknown(&self) -> u64 {
        self.owners_unknown
    }

    /// Looks at an interface.
    pub fn link(&mut self, namespace: Option<&Arc<str>>, mac: &str) {
        self.examined += 1;
        let waiting = &mut self.waiting;
        let questions = self.questions;
        questions
            .localmac
            .each(&mut self.localmac, mac, |question| {
                waiting.push(Find {
                    question,
                    namespace: namespace.cloned(),
                    fact: Fact::Link(mac.into()),
                });
            });
    }

    /// Looks at an address of an interface.
    pub fn address(&mut self, namespace: Option<&Arc<str>>, ip: IpAddr) {
        self.examined += 1;
        let waiting = &mut self.waiting;
        self.questions.localip.each(ip, |question| {
            waiting.push(Find {
                question,
                namespace: namespace.cloned(),
                fact: Fact::Address(ip),
            });
        });
    }

    /// Looks at a neighbour.
    pub fn neighbour(&mut self, namespace: &Arc<str>, neighbour: &Neighbour) {
        self.examined += 1;
        let waiting = &mut self.waiting;
        let mut found = |question| {
            waiting.push(Find {
                question,
                namespace: Some(Arc::clone(namespace)),
                fact: Fact::Neighbour(neighbour.mac.as_str().into(), neighbour.ip),
            });
        };
        let questions = self.questions;
        questions
            .neighbormac
            .each(&mut self.neighbormac, &neighbour.mac, &mut found);
        questions.neighborip.each(neighbour.ip, &mut found);
    }

    /// Looks at a socket.
    pub fn socket(&mut self, namespace: &Arc<str>, socket: &Socket) {
        self.examined += 1;
        let waiting = &mut self.waiting;
        let mut found = |question| {
            waiting.push(Find {
                question,
                namespace: Some(Arc::clone(namespace)),
                fact: Fact::Socket(*socket),
            });
        };
        let questions = self.questions;
        if !questions.only_connected || socket.has_peer() {
            questions.connectedip.each(socket.remote.0, &mut found);
        }
        if !questions.only_listening || socket.listens() {
            let numbers = questions.listeningport.get(&socket.local.1);
            numbers.into_iter().flatten().copied().for_each(&mut found);
        }
    }

    /// A state to go back to.
    pub fn mark(&self) -> Mark {
        Mark {
            waiting: self.waiting.len(),
            sent: self.sent,
            examined: self.examined,
        }
    }

    /// Forgets what came after the mark. False, and nothing forgotten, when
    /// some of it was sent already.
    pub fn rewind(&mut self, mark: &Mark) -> bool {
        if self.sent != mark.sent {
            return false;
        }
        self.waiting.truncate(mark.waiting);
        self.examined = mark.examined;
        true
    }

    /// Sends what waits when it has become much.
    ///
    /// # Errors
    /// When the run must end, or the host takes no more.
    pub fn relieve(&mut self) -> Result<(), Failure> {
        self.session.check()?;
        if self.waiting.len() >= MOST_WAITING {
            self.send()?;
        }
        Ok(())
    }

    /// Sends everything that waits. Once the run must end, owners are not
    /// looked for any more.
    ///
    /// # Errors
    /// When the host takes no more: the rest is dropped.
    pub fn send(&mut self) -> Result<(), Failure> {
        let waiting = std::mem::take(&mut self.waiting);
        let owners = self.owners_of(&waiting);
        for find in &waiting {
            self.send_one(find, &owners)?;
            self.sent += 1;
        }
        Ok(())
    }

    fn owners_of(&self, finds: &[Find]) -> Owners {
        let wanted: Vec<u64> = finds
            .iter()
            .filter_map(|find| match &find.fact {
                Fact::Socket(socket) if socket.inode != 0 => Some(socket.inode),
                _ => None,
            })
            .collect();
        if wanted.is_empty() {
            return Owners::new();
        }
        owners::find(self.proc, &wanted, &|| self.session.cancelled())
    }

    fn send_one(&mut self, find: &Find, owners: &Owners) -> Result<(), Failure> {
        let question = &self.questions.list[find.question as usize];
        let mut element = Element {
            namespace: find.namespace.as_deref(),
            ..Element::default()
        };
        match &find.fact {
            Fact::Link(mac) => element.localmacaddr = mac,
            Fact::Address(ip) => element.localaddr = ip.to_string(),
            Fact::Neighbour(mac, ip) => {
                element.remotemacaddr = mac;
                element.remoteaddr = ip.to_string();
            }
            Fact::Socket(socket) => {
                element.set_socket(question.kind, socket);
                match owners.get(&socket.inode) {
                    Some(owner) => element.set_owner(owner),
                    None => self.owners_unknown += u64::from(socket.inode != 0),
                }
            }
        }
        let place = place(&[question.kind.field(), &question.value]);
        self.session.element(&place, &element)
    }

    /// The value of `elements` before anything is put into it: every question
    /// with nothing found.
    pub fn empty_elements(questions: &Questions) -> Value {
        let mut elements = Map::new();
        for question in &questions.list {
            let kind = elements
                .entry(question.kind.field())
                .or_insert_with(|| Value::Object(Map::new()));
            if let Some(kind) = kind.as_object_mut() {
                kind.insert(question.value.clone(), Value::Null);
            }
        }
        Value::Object(elements)
    }
}
