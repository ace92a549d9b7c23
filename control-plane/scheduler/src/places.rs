//! Where the nodes of a relay are: `host` of a configuration names one or several.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use crate::config::RelayAccess;

/// One node of the relay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Host name or address, without brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// What is no host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no host; write a name or address, or several separated by commas, each with `:PORT` \
     where its port is another one"
)]
pub struct NoPlace(String);

/// The nodes that `hosts` names, in its order; `port` is that of those that name none.
///
/// # Errors
/// One of them is neither a host nor a host with a port.
pub fn places(hosts: &str, port: u16) -> Result<Vec<Place>, NoPlace> {
    let hosts = hosts.split(',').map(str::trim);
    hosts
        .map(|text| place(text, port).ok_or_else(|| NoPlace(text.to_owned())))
        .collect()
}

impl RelayAccess {
    /// The nodes of the relay.
    ///
    /// # Errors
    /// As [`places`].
    pub fn places(&self) -> Result<Vec<Place>, NoPlace> {
        places(&self.host, self.port)
    }

    /// The nodes, for people.
    pub fn shown_places(&self) -> String {
        match self.places() {
            Ok(places) => {
                let shown: Vec<_> = places.iter().map(Place::to_string).collect();
                shown.join(", ")
            }
            Err(_) => self.host.clone(),
        }
    }
}

/// The node that could be used last. Whoever connects again begins with it, instead
/// of waiting each time for one before it that is off or hangs.
#[derive(Debug, Default)]
pub struct LastGood(Mutex<Option<Place>>);

impl LastGood {
    /// This node could be used.
    pub(crate) fn is(&self, place: Place) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(place);
    }

    /// The nodes in the order in which they are tried: around from the last good one.
    pub(crate) fn first(&self, mut places: Vec<Place>) -> Vec<Place> {
        let good = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = good
            .as_ref()
            .and_then(|good| places.iter().position(|place| place == good));
        places.rotate_left(at.unwrap_or(0));
        places
    }
}

fn place(text: &str, usual: u16) -> Option<Place> {
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest.split_once(']')?;
        let port = match rest {
            "" => None,
            _ => Some(rest.strip_prefix(':')?),
        };
        (host, port)
    } else {
        match text.split_once(':') {
            // More than one colon: an address without brackets.
            Some((_, port)) if port.contains(':') => (text, None),
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        }
    };
    let port = match port {
        None => usual,
        Some(port) => port.parse().ok().filter(|port| *port != 0)?,
    };
    let host = host.to_owned();
    let is_host = !host.is_empty() && !host.contains(char::is_whitespace);
    is_host.then_some(Place { host, port })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_read_with_their_ports_or_with_the_usual_one() {
        for (text, expected) in [
            ("mq", Some(("mq", 5671))),
            ("mq:5673", Some(("mq", 5673))),
            ("192.0.2.1:99", Some(("192.0.2.1", 99))),
            ("::1", Some(("::1", 5671))),
            ("[::1]", Some(("::1", 5671))),
            ("[2001:db8::1]:99", Some(("2001:db8::1", 99))),
            ("", None),
            ("mq:", None),
            ("mq:0", None),
            ("mq:65536", None),
            ("two words", None),
            ("[::1", None),
            ("[::1]99", None),
            (":99", None),
        ] {
            let read = place(text, 5671);
            let read = read.as_ref().map(|place| (place.host.as_str(), place.port));
            assert_eq!(read, expected, "{text}");
        }
    }

    #[test]
    fn what_could_be_used_last_is_tried_first() {
        let all = |hosts| places(hosts, 5671).expect("hosts");
        let last = LastGood::default();
        assert_eq!(last.first(all("a,b,c")), all("a,b,c"));
        last.is(all("b").remove(0));
        assert_eq!(last.first(all("a,b,c")), all("b,c,a"));
        assert_eq!(last.first(all("c,d")), all("c,d"));
    }
}
