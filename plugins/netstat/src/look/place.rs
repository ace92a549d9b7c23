//! One namespace: netlink first, `/proc` for what netlink does not tell.

use super::Look;
use crate::facts::{Family, Protocol};
use crate::netlink::{
    End, Listener, Malformed, Request, Subsystem, Trouble, diagnosis, dump, route,
};
use crate::proc_net::{self, LineListener, LocalAddresses};
use crate::questions::Kind;
use crate::results::Finds;
use mig_plugin_sdk::Failure;
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// How often a table is read that changes meanwhile.
const ATTEMPTS: u32 = 3;

/// A namespace, as the calling thread sees it.
pub struct Place {
    /// How results call it.
    pub label: Arc<str>,
    /// Whether this process is in it.
    pub own: bool,
    /// Its tables: some `/proc/PID/net`.
    pub tables: PathBuf,
    /// Why netlink cannot be asked, when the thread is not in it.
    pub closed: Option<String>,
}

impl Place {
    /// What is found about the machine's own interfaces carries the namespace
    /// only when that is another one: the original never had it there.
    fn of_interfaces(&self) -> Option<Arc<str>> {
        (!self.own).then(|| Arc::clone(&self.label))
    }
}

/// Passes entries of a table on to the finds.
struct Ear<'e, 'f, D> {
    finds: &'e mut Finds<'f>,
    decode: D,
}

impl<'f, D> Listener for Ear<'_, 'f, D>
where
    D: FnMut(&mut Finds<'f>, u16, &[u8]) -> Result<(), Malformed>,
{
    fn hear(&mut self, kind: u16, payload: &[u8]) -> Result<(), Malformed> {
        (self.decode)(self.finds, kind, payload)
    }

    fn rest(&mut self) -> Result<(), Failure> {
        self.finds.relieve()
    }
}

impl<'f, D> LineListener for Ear<'_, 'f, D>
where
    D: FnMut(&mut Finds<'f>, &[u8]) -> Result<(), Malformed>,
{
    fn line(&mut self, line: &[u8]) -> Result<(), Malformed> {
        (self.decode)(self.finds, line)
    }

    fn rest(&mut self) -> Result<(), Failure> {
        self.finds.relieve()
    }
}

impl<'f> Look<'_, 'f> {
    /// Puts all questions to one namespace.
    pub(super) fn place(&mut self, place: &Place) -> Result<(), Failure> {
        if self.questions.ask(&[Kind::LocalMac]) {
            self.links(place)?;
        }
        if self.questions.ask(&[Kind::LocalIp]) {
            self.addresses(place)?;
        }
        if self.questions.ask(&[Kind::NeighborMac, Kind::NeighborIp]) {
            self.neighbours(place)?;
        }
        if self
            .questions
            .ask(&[Kind::ConnectedIp, Kind::ListeningPort])
        {
            self.sockets(place)?;
        }
        Ok(())
    }

    fn complain(&mut self, place: &Place, text: &str) {
        self.errors
            .add(format!("namespace {}: {text}", place.label));
    }

    fn links(&mut self, place: &Place) -> Result<(), Failure> {
        let namespace = place.of_interfaces();
        let asked = self.ask(place, Subsystem::Route, &route::links(), {
            |finds, kind, payload| {
                if let Some(mac) = route::link(kind, payload)? {
                    finds.link(namespace.as_ref(), &mac);
                }
                Ok(())
            }
        });
        if let Some(trouble) = soft(asked)? {
            let text = format!("hardware addresses of interfaces cannot be read: {trouble}");
            self.complain(place, &text);
        }
        Ok(())
    }

    fn addresses(&mut self, place: &Place) -> Result<(), Failure> {
        let namespace = place.of_interfaces();
        let asked = self.ask(place, Subsystem::Route, &route::addresses(), {
            |finds, kind, payload| {
                if let Some(ip) = route::address(kind, payload)? {
                    finds.address(namespace.as_ref(), ip);
                }
                Ok(())
            }
        });
        let Some(trouble) = soft(asked)? else {
            return Ok(());
        };
        let mut trie = LocalAddresses::default();
        let v4 = self.table(place, "fib_trie", |finds, line| {
            if let Some(ip) = trie.line(line)? {
                finds.address(namespace.as_ref(), ip);
            }
            Ok(())
        });
        self.told(place, "IPv4 addresses", v4, &trouble)?;
        let v6 = self.table(place, "if_inet6", |finds, line| {
            finds.address(namespace.as_ref(), proc_net::if_inet6(line)?);
            Ok(())
        });
        // A kernel without IPv6 has no such table.
        if !absent(&v6) {
            self.told(place, "IPv6 addresses", v6, &trouble)?;
        }
        Ok(())
    }

    fn neighbours(&mut self, place: &Place) -> Result<(), Failure> {
        let asked = self.ask(place, Subsystem::Route, &route::neighbours(), {
            |finds, kind, payload| {
                if let Some(neighbour) = route::neighbour(kind, payload)? {
                    finds.neighbour(&place.label, &neighbour);
                }
                Ok(())
            }
        });
        let Some(trouble) = soft(asked)? else {
            return Ok(());
        };
        let v4 = self.table(place, "arp", |finds, line| {
            if let Some(neighbour) = proc_net::neighbour(line)? {
                finds.neighbour(&place.label, &neighbour);
            }
            Ok(())
        });
        self.told(place, "IPv4 neighbours", v4, &trouble)?;
        self.complain(place, &format!("IPv6 neighbours cannot be read: {trouble}"));
        Ok(())
    }

    fn sockets(&mut self, place: &Place) -> Result<(), Failure> {
        // What cannot be read has one reason; it is told once.
        let mut missing = Vec::new();
        let mut reason = None;
        for protocol in Protocol::ALL {
            for family in Family::ALL {
                if let Some(trouble) = self.sockets_of(place, protocol, family)? {
                    missing.push(table_name(protocol, family));
                    reason.get_or_insert(trouble);
                }
            }
        }
        if let Some(reason) = reason {
            let missing = missing.join(", ");
            self.complain(
                place,
                &format!("sockets ({missing}) cannot be read: {reason}"),
            );
        }
        Ok(())
    }

    /// The sockets of one table; what went wrong when they cannot be read.
    fn sockets_of(
        &mut self,
        place: &Place,
        protocol: Protocol,
        family: Family,
    ) -> Result<Option<String>, Failure> {
        let request = diagnosis::sockets(protocol, family);
        let asked = self.ask(place, Subsystem::Diagnosis, &request, {
            |finds, kind, payload| {
                if let Some(socket) = diagnosis::socket(kind, payload, protocol)? {
                    finds.socket(&place.label, &socket);
                }
                Ok(())
            }
        });
        let Some(trouble) = soft(asked)? else {
            return Ok(None);
        };
        let name = table_name(protocol, family);
        let read = self.table(place, &name, |finds, line| {
            if let Some(socket) = proc_net::socket(line, protocol, family)? {
                finds.socket(&place.label, &socket);
            }
            Ok(())
        });
        // Kernels come without IPv6 and without UDP-Lite, but not without TCP
        // and UDP.
        let may_be_absent = family == Family::V6 || protocol == Protocol::UdpLite;
        if may_be_absent && absent(&read) && place.tables.is_dir() {
            return Ok(None);
        }
        match read {
            Ok(0) => Ok(None),
            Ok(damaged) => Ok(Some(format!("{damaged} damaged lines"))),
            Err(Trouble::Stopped(failure)) => Err(failure),
            Err(second) => Ok(Some(format!("{trouble}; {name}: {second}"))),
        }
    }

    /// Asks netlink, again if the answer changed meanwhile. On trouble nothing
    /// of the answer is left in the finds.
    fn ask(
        &mut self,
        place: &Place,
        subsystem: Subsystem,
        request: &Request,
        mut decode: impl FnMut(&mut Finds<'f>, u16, &[u8]) -> Result<(), Malformed>,
    ) -> Result<(), Trouble> {
        if let Some(reason) = &place.closed {
            return Err(Trouble::Closed(reason.clone()));
        }
        let mark = self.finds.mark();
        for attempt in 1..=ATTEMPTS {
            let mut transport = (self.system.open)(subsystem)?;
            let mut ear = Ear {
                finds: &mut *self.finds,
                decode: &mut decode,
            };
            let end = dump(&mut *transport, request, &mut ear);
            let told = match end {
                Ok(End::Whole) => return Ok(()),
                Err(Trouble::Stopped(failure)) => return Err(Trouble::Stopped(failure)),
                Ok(End::Changed) if attempt == ATTEMPTS => {
                    "a table changed while it was read; entries may be missing or come twice"
                        .to_owned()
                }
                Ok(End::Changed) if self.finds.rewind(&mark) => continue,
                Ok(End::Changed) => {
                    "a large table changed while it was read; entries may be missing or come twice"
                        .to_owned()
                }
                Err(trouble) if self.finds.rewind(&mark) => return Err(trouble),
                // So much was found that a part is with the host already.
                Err(trouble) => format!("the rest of a large table is missing: {trouble}"),
            };
            self.complain(place, &told);
            return Ok(());
        }
        Ok(())
    }

    /// Reads a table below `/proc` and returns how many lines were damaged.
    fn table(
        &mut self,
        place: &Place,
        name: &str,
        decode: impl FnMut(&mut Finds<'f>, &[u8]) -> Result<(), Malformed>,
    ) -> Result<u64, Trouble> {
        let table = File::open(place.tables.join(name))?;
        let mut ear = Ear {
            finds: &mut *self.finds,
            decode,
        };
        proc_net::read(table, &mut ear)
    }

    /// What became of a table that had to stand in after `first` trouble.
    fn told(
        &mut self,
        place: &Place,
        what: &str,
        read: Result<u64, Trouble>,
        first: &Trouble,
    ) -> Result<(), Failure> {
        match read {
            Ok(0) => {}
            Ok(damaged) => {
                let text = format!("{what}: {damaged} damaged lines were left out");
                self.complain(place, &text);
            }
            Err(Trouble::Stopped(failure)) => return Err(failure),
            Err(second) => {
                let text = format!("{what} cannot be read: {first}; {second}");
                self.complain(place, &text);
            }
        }
        Ok(())
    }
}

/// The name of a table of sockets in `/proc/net`.
fn table_name(protocol: Protocol, family: Family) -> String {
    let suffix = if family == Family::V6 { "6" } else { "" };
    format!("{}{suffix}", protocol.word())
}

/// Trouble that something else may help with, apart from the end of the run.
fn soft(asked: Result<(), Trouble>) -> Result<Option<Trouble>, Failure> {
    match asked {
        Ok(()) => Ok(None),
        Err(Trouble::Stopped(failure)) => Err(failure),
        Err(trouble) => Ok(Some(trouble)),
    }
}

/// Whether there is no such table.
fn absent(read: &Result<u64, Trouble>) -> bool {
    matches!(read, Err(Trouble::System(error)) if error.kind() == io::ErrorKind::NotFound)
}
