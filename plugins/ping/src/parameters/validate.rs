//! What parameters must satisfy beyond their types, and what they come to.

use super::{Parameters, Protocol};
use mig_plugin_sdk::numbers::whole_part;
use mig_plugin_sdk::texts::shown;
use mig_plugin_sdk::{FieldError, hosts};
use std::time::Duration;

/// The port that the original's documentation promises when none is given.
pub const DEFAULT_PORT: u16 = 80;
const DEFAULT_COUNT: u16 = 3;
const DEFAULT_TIMEOUT: u16 = 5;
/// Most attempts of a run. With the pause between them they take 100 s when
/// each is answered at once.
const MAX_COUNT: u16 = 1_000;
/// Longest wait for an answer in seconds: what a whole run gets by default.
const MAX_TIMEOUT: u16 = 300;

/// Parameters with every default filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// As it was written.
    pub destination: String,
    /// How to ask.
    pub protocol: Protocol,
    /// Where; 0 for icmp.
    pub port: u16,
    /// How often.
    pub count: u16,
    /// How long to wait for each answer.
    pub timeout: Duration,
}

impl Plan {
    /// What valid parameters come to.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub fn new(parameters: &Parameters) -> Result<Self, Vec<FieldError>> {
        let mut complaints = Vec::new();
        if let Some(reason) = hosts::objection(&parameters.destination) {
            let destination = shown(&parameters.destination);
            let message = format!("`{destination}` {reason}");
            complaints.push(FieldError::new("destination", message));
        }
        let protocol = Protocol::named(&parameters.protocol);
        if protocol.is_none() {
            let message = format!(
                "`{}` is none of icmp, tcp and udp",
                shown(&parameters.protocol)
            );
            complaints.push(FieldError::new("protocol", message));
        }
        let mut number = |field: &str, value: f64, most: u16, default: u16| {
            let whole = whole_part(value).and_then(|whole| u16::try_from(whole).ok());
            match whole {
                Some(0) => default,
                Some(whole) if whole <= most => whole,
                _ => {
                    let message = format!("{value} is not between 0 and {most}");
                    complaints.push(FieldError::new(field, message));
                    default
                }
            }
        };
        let port = match protocol {
            Some(protocol) if protocol.has_ports() => number(
                "destinationport",
                parameters.destinationport,
                u16::MAX,
                DEFAULT_PORT,
            ),
            _ => 0,
        };
        let count = number("count", parameters.count, MAX_COUNT, DEFAULT_COUNT);
        let timeout = number("timeout", parameters.timeout, MAX_TIMEOUT, DEFAULT_TIMEOUT);
        match protocol {
            Some(protocol) if complaints.is_empty() => Ok(Self {
                destination: parameters.destination.clone(),
                protocol,
                port,
                count,
                timeout: Duration::from_secs(u64::from(timeout)),
            }),
            _ => Err(complaints),
        }
    }
}

/// Everything that is wrong with the parameters. Names are not looked up: that
/// is the endpoint's business, and the client may know other names.
pub fn validate(parameters: &Parameters) -> Vec<FieldError> {
    Plan::new(parameters).err().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(port: f64, count: f64, timeout: f64) -> (u16, u16, u64) {
        let plan = Plan::new(&Parameters {
            destination: "192.0.2.7".to_owned(),
            destinationport: port,
            protocol: "tcp".to_owned(),
            count,
            timeout,
        });
        let plan = plan.unwrap_or_else(|complaints| panic!("{complaints:?}"));
        (plan.port, plan.count, plan.timeout.as_secs())
    }

    #[test]
    fn nothing_is_the_default_and_fractions_are_cut_off() {
        assert_eq!(plan(0.0, 0.0, 0.0), (80, 3, 5));
        assert_eq!(plan(0.9, 0.9, 0.9), (80, 3, 5));
        assert_eq!(plan(443.9, 2.5, 1.9), (443, 2, 1));
        assert_eq!(plan(65535.0, 1000.0, 300.9), (65535, 1000, 300));
    }

    #[test]
    fn icmp_has_no_ports() {
        let plan = Plan::new(&Parameters {
            destination: "::1".to_owned(),
            destinationport: -1.0,
            protocol: "icmp".to_owned(),
            ..Parameters::default()
        });
        assert_eq!(plan.expect("a plan").port, 0);
    }
}
