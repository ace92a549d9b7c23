//! The parameter document, in the original's field order.

use mig_plugin_sdk::numbers::{is_zero, whole_when_possible};
use serde::{Deserialize, Serialize};

/// Parameters of a run. Numbers are doubles; fractions are cut off.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Parameters {
    /// IPv4 address, IPv6 address or host name.
    pub destination: String,
    /// Port for tcp and udp, 0 for the default, 80. Without meaning for icmp.
    #[serde(
        serialize_with = "whole_when_possible",
        skip_serializing_if = "is_zero"
    )]
    pub destinationport: f64,
    /// `icmp`, `tcp` or `udp`.
    pub protocol: String,
    /// Attempts, 0 for the default, 3.
    #[serde(
        serialize_with = "whole_when_possible",
        skip_serializing_if = "is_zero"
    )]
    pub count: f64,
    /// Seconds to wait for each answer, 0 for the default, 5.
    #[serde(
        serialize_with = "whole_when_possible",
        skip_serializing_if = "is_zero"
    )]
    pub timeout: f64,
}

/// How to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// Echo requests.
    Icmp,
    /// Connecting and hanging up.
    Tcp,
    /// A datagram, hoping for an answer.
    Udp,
}

impl Protocol {
    /// The protocol of that name, lower case.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "icmp" => Some(Self::Icmp),
            "tcp" => Some(Self::Tcp),
            "udp" => Some(Self::Udp),
            _ => None,
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Icmp => "icmp",
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }

    /// Whether it has ports.
    pub fn has_ports(self) -> bool {
        self != Self::Icmp
    }
}
