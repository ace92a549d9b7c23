//! What comes back. A raw socket hears everything that reaches the machine,
//! answers to other programs and forgeries included.

use super::echo::{Echo, HEADER, Version, checksum};

/// What a packet means for one echo request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// The machine answered.
    Reply,
    /// Somebody on the way says that the request does not get there.
    Unreachable,
    /// Nothing of ours.
    Other,
}

impl Answer {
    /// Reads what a raw IPv4 socket delivers: an IP header, then ICMP.
    pub fn of_ipv4(packet: &[u8], echo: &Echo) -> Self {
        match ipv4_content(packet, Rest::Whole) {
            Some(message) if checksum(message) == 0 => Self::of_message(message, echo),
            _ => Self::Other,
        }
    }

    /// Reads a message without IP header: what a raw ICMPv6 socket and the echo
    /// sockets of both protocols deliver. The kernel has checked its checksum.
    pub fn of_message(message: &[u8], echo: &Echo) -> Self {
        let Some((header, payload)) = message.split_at_checked(HEADER) else {
            return Self::Other;
        };
        let (kind, code) = (header[0], header[1]);
        if kind == echo.version.reply() {
            let ours = code == 0 && numbers_match(header, echo) && payload == echo.payload();
            return if ours { Self::Reply } else { Self::Other };
        }
        if echo.version.says_unreachable(kind, code) && is_ours(payload, echo) {
            return Self::Unreachable;
        }
        Self::Other
    }
}

fn numbers_match(header: &[u8], echo: &Echo) -> bool {
    let identifier = u16::from_be_bytes([header[4], header[5]]);
    let sequence = u16::from_be_bytes([header[6], header[7]]);
    echo.identifier.is_none_or(|wanted| wanted == identifier) && sequence == echo.sequence
}

/// Whether the beginning of a packet that somebody sends back is our request.
fn is_ours(returned: &[u8], echo: &Echo) -> bool {
    let message = match echo.version {
        Version::V4 => ipv4_content(returned, Rest::MayBeCut),
        Version::V6 => ipv6_content(returned),
    };
    // Eight bytes are all that must come back; more must be ours too.
    let Some((header, payload)) = message.and_then(|message| message.split_at_checked(HEADER))
    else {
        return false;
    };
    let shown = payload.len().min(echo.payload().len());
    header[0] == echo.version.request()
        && numbers_match(header, echo)
        && payload[..shown] == echo.payload()[..shown]
}

/// Whether a packet must be there to its end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rest {
    Whole,
    MayBeCut,
}

/// The ICMP message in an IPv4 packet.
fn ipv4_content(packet: &[u8], rest: Rest) -> Option<&[u8]> {
    let first = *packet.first()?;
    let header = usize::from(first & 0x0f) * 4;
    if first >> 4 != 4 || header < 20 || packet.len() < header {
        return None;
    }
    if packet[9] != Version::V4.protocol() {
        return None;
    }
    // Later fragments do not start with an ICMP header.
    let fragment = u16::from_be_bytes([packet[6], packet[7]]) & 0x1fff;
    if fragment != 0 {
        return None;
    }
    let total = usize::from(u16::from_be_bytes([packet[2], packet[3]]));
    match packet.get(header..total) {
        Some(content) => Some(content),
        None if rest == Rest::MayBeCut => packet.get(header..),
        None => None,
    }
}

/// The ICMPv6 message in an IPv6 packet without further headers, as ours are.
fn ipv6_content(packet: &[u8]) -> Option<&[u8]> {
    const HEADER: usize = 40;
    let first = *packet.first()?;
    if first >> 4 != 6 || *packet.get(6)? != Version::V6.protocol() {
        return None;
    }
    packet.get(HEADER..)
}

/// Reads bytes in every way there is. For fuzzing.
pub fn read_anything(data: &[u8]) {
    let (start, rest) = data.split_at_checked(3).unwrap_or((&[0, 0, 0], data));
    for version in [Version::V4, Version::V6] {
        for identifier in [None, Some(u16::from(start[0]))] {
            let echo = Echo {
                version,
                identifier,
                sequence: u16::from_be_bytes([start[1], start[2]]),
                token: [start[0]; 8],
            };
            // What is not our own request must never look like an answer
            // unless it carries the token.
            let knows_token = |bytes: &[u8]| bytes.windows(8).any(|part| part == echo.token);
            let bare = Answer::of_message(rest, &echo);
            assert!(bare != Answer::Reply || knows_token(rest));
            let wrapped = Answer::of_ipv4(rest, &echo);
            assert!(wrapped != Answer::Reply || knows_token(rest));
        }
    }
}
