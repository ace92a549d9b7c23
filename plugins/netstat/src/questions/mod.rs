//! The questions of a run, compiled: all of one kind are put to a fact at once.

mod macs;
mod networks;

pub use macs::{Caches, Patterns};
pub use networks::{Network, Networks};

use crate::parameters::{self, Parameters};
use mig_plugin_sdk::FieldError;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A kind of question, in the order of results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Hardware address of an interface.
    LocalMac,
    /// Address of an interface.
    LocalIp,
    /// Hardware address of a neighbour.
    NeighborMac,
    /// Address of a neighbour.
    NeighborIp,
    /// Remote end of a socket.
    ConnectedIp,
    /// Local port of a socket.
    ListeningPort,
}

impl Kind {
    /// The field of parameters and results.
    pub fn field(self) -> &'static str {
        match self {
            Self::LocalMac => "localmac",
            Self::LocalIp => "localip",
            Self::NeighborMac => "neighbormac",
            Self::NeighborIp => "neighborip",
            Self::ConnectedIp => "connectedip",
            Self::ListeningPort => "listeningport",
        }
    }
}

/// Number of a question in [`Questions::list`].
pub type Number = u32;

/// One question, as it was asked.
#[derive(Debug)]
pub struct Question {
    /// Its kind.
    pub kind: Kind,
    /// Pattern, address, network or port.
    pub value: String,
}

/// All questions of a run, each once, sorted by kind and value.
#[derive(Debug)]
pub struct Questions {
    /// The questions by number.
    pub list: Vec<Question>,
    /// For hardware addresses of interfaces.
    pub localmac: Patterns,
    /// For addresses of interfaces.
    pub localip: Networks,
    /// For hardware addresses of neighbours.
    pub neighbormac: Patterns,
    /// For addresses of neighbours.
    pub neighborip: Networks,
    /// For remote ends.
    pub connectedip: Networks,
    /// For local ports.
    pub listeningport: HashMap<u16, Vec<Number>>,
    /// Ports of sockets that wait for peers only.
    pub only_listening: bool,
    /// Remote ends of sockets that have a peer only.
    pub only_connected: bool,
}

impl Questions {
    /// Compiles the questions of a parameter document.
    ///
    /// # Errors
    /// When a value is not what its field wants, or a pattern is too large.
    pub fn new(parameters: &Parameters) -> Result<Self, FieldError> {
        let mut of_kind: BTreeMap<Kind, BTreeSet<&String>> = BTreeMap::new();
        for (kind, values) in [
            (Kind::LocalMac, &parameters.localmac),
            (Kind::LocalIp, &parameters.localip),
            (Kind::NeighborMac, &parameters.neighbormac),
            (Kind::NeighborIp, &parameters.neighborip),
            (Kind::ConnectedIp, &parameters.connectedip),
            (Kind::ListeningPort, &parameters.listeningport),
        ] {
            if !values.is_empty() {
                of_kind.insert(kind, values.iter().collect());
            }
        }
        let mut questions = Self {
            list: Vec::new(),
            localmac: Patterns::default(),
            localip: Networks::default(),
            neighbormac: Patterns::default(),
            neighborip: Networks::default(),
            connectedip: Networks::default(),
            listeningport: HashMap::new(),
            only_listening: parameters.onlylistening,
            only_connected: parameters.onlyconnected,
        };
        for (kind, values) in of_kind {
            for value in values {
                questions.add(kind, value)?;
            }
        }
        Ok(questions)
    }

    fn add(&mut self, kind: Kind, value: &str) -> Result<(), FieldError> {
        let complain = |reason: String| FieldError::new(kind.field(), reason);
        let number = Number::try_from(self.list.len())
            .map_err(|_| complain("too many questions".to_owned()))?;
        let network = || Network::parse(value).map_err(|reason| complain(reason.to_owned()));
        match kind {
            Kind::LocalMac => {
                // Interfaces have always been asked for without regard to case.
                let pattern = format!("(?i){value}");
                let added = self.localmac.add(&pattern, number);
                added.map_err(|error| complain(error.to_string()))?;
            }
            Kind::NeighborMac => {
                let added = self.neighbormac.add(value, number);
                added.map_err(|error| complain(error.to_string()))?;
            }
            Kind::LocalIp => self.localip.add(network()?, number),
            Kind::NeighborIp => self.neighborip.add(network()?, number),
            Kind::ConnectedIp => self.connectedip.add(network()?, number),
            Kind::ListeningPort => {
                let port = parameters::port(value)
                    .ok_or_else(|| complain(format!("'{value}' is not a port")))?;
                self.listeningport.entry(port).or_default().push(number);
            }
        }
        self.list.push(Question {
            kind,
            value: value.to_owned(),
        });
        Ok(())
    }

    /// Whether any question is of one of these kinds.
    pub fn ask(&self, kinds: &[Kind]) -> bool {
        self.list
            .iter()
            .any(|question| kinds.contains(&question.kind))
    }
}
