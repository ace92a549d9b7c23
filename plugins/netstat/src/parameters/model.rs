//! The parameter document, in the field order of the original.

use serde::{Deserialize, Serialize};

/// Parameters of a run. None at all is valid, and asks nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Parameters {
    /// Patterns for hardware addresses of interfaces, whatever their case.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub localmac: Vec<String>,
    /// Patterns for hardware addresses of neighbours, which are lower case.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub neighbormac: Vec<String>,
    /// Addresses or networks, for addresses of interfaces.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub localip: Vec<String>,
    /// Addresses or networks, for addresses of neighbours.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub neighborip: Vec<String>,
    /// Addresses or networks, for remote ends of sockets.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub connectedip: Vec<String>,
    /// Local ports of sockets, decimal.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub listeningport: Vec<String>,
    /// Look into every network namespace.
    pub namespaces: bool,
    /// `listeningport` leaves out sockets that do not wait for peers.
    #[serde(skip_serializing_if = "is_false")]
    pub onlylistening: bool,
    /// `connectedip` leaves out sockets that have no peer.
    #[serde(skip_serializing_if = "is_false")]
    pub onlyconnected: bool,
}

fn is_false(value: &bool) -> bool {
    !value
}
