//! The question, and which answers count.

use super::Timestamp;
use std::time::Duration;

/// Bytes of a packet without extensions.
const LENGTH: usize = 48;
/// Room for a packet with extensions, which are not looked at.
pub const LARGEST: usize = 1024;
/// No leap second announced, version 3, mode "client".
const CLIENT: u8 = 3 << 3 | 3;
/// The mode of an answer.
const SERVER: u8 = 4;
/// The leap indicator of a clock that is not synchronized.
const ALARM: u8 = 3;
/// Strata from here on mean "not synchronized".
const UNSYNCHRONIZED: u8 = 16;
/// The farthest that a server may be from its own source, in 1/65536 s: 16 s
/// (MAXDISP of RFC 5905).
const FARTHEST: u64 = 16 << 16;

/// A question. The nonce stands where the client's own time would: servers
/// repeat it, so that nobody who did not see the question can answer it, and
/// nobody learns the local time from it.
pub fn question(nonce: [u8; 8]) -> [u8; LENGTH] {
    let mut packet = [0; LENGTH];
    packet[0] = CLIENT;
    packet[40..48].copy_from_slice(&nonce);
    packet
}

/// What a server says about the time, in nanoseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// When the question arrived.
    pub received: i128,
    /// When the answer left.
    pub sent: i128,
}

impl Times {
    /// How far the local clock is ahead of the server's, in nanoseconds.
    ///
    /// `asked` is the local time of the question, `took` the time until the
    /// answer by a clock that nobody sets. If both ways took equally long, this
    /// is exact; it is never off by more than half the time on the way.
    pub fn ahead(&self, asked: i128, took: Duration) -> i128 {
        let answered = asked + nanoseconds(took);
        ((asked - self.received) + (answered - self.sent)) / 2
    }
}

fn nanoseconds(time: Duration) -> i128 {
    i128::try_from(time.as_nanos()).unwrap_or(i128::MAX)
}

/// What a packet is for the one who asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// An answer that counts.
    Good(Times),
    /// An answer to the question from a server that is of no use; why.
    Useless(String),
    /// Not an answer to the question: forged, late or damaged.
    NotOurs,
}

impl Answer {
    /// Reads a packet that came `took` after the question with that nonce.
    pub fn of(packet: &[u8], nonce: [u8; 8], took: Duration) -> Self {
        let Some(packet) = packet.first_chunk::<LENGTH>() else {
            return Self::NotOurs;
        };
        if timestamp(packet, 24) != nonce {
            return Self::NotOurs;
        }
        match judged(packet, took) {
            Ok(times) => Self::Good(times),
            Err(reason) => Self::Useless(reason),
        }
    }
}

fn timestamp(packet: &[u8; LENGTH], at: usize) -> [u8; 8] {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&packet[at..at + 8]);
    bytes
}

/// A 32-bit number.
fn word(packet: &[u8; LENGTH], at: usize) -> u64 {
    let mut bytes = [0; 4];
    bytes.copy_from_slice(&packet[at..at + 4]);
    u64::from(u32::from_be_bytes(bytes))
}

/// The checks of RFC 4330, section 5, and RFC 5905, appendix A.5.1.
fn judged(packet: &[u8; LENGTH], took: Duration) -> Result<Times, String> {
    let (leap, version, mode) = (packet[0] >> 6, packet[0] >> 3 & 7, packet[0] & 7);
    let stratum = packet[1];
    if mode != SERVER {
        return Err(format!("answered with mode {mode} instead of 4"));
    }
    if !(1..=4).contains(&version) {
        return Err(format!("answered with NTP version {version}"));
    }
    if stratum == 0 {
        return Err(format!("refuses to serve: {}", kiss(&packet[12..16])));
    }
    if leap == ALARM || stratum >= UNSYNCHRONIZED {
        return Err("says that its own clock is not synchronized".to_owned());
    }
    if word(packet, 4) / 2 + word(packet, 8) >= FARTHEST {
        return Err("is more than 16s away from its own source of time".to_owned());
    }
    let received = Timestamp::known(timestamp(packet, 32));
    let sent = Timestamp::known(timestamp(packet, 40));
    let (Some(received), Some(sent)) = (received, sent) else {
        return Err("answered without a time".to_owned());
    };
    let times = Times {
        received: received.unix_nanoseconds(),
        sent: sent.unix_nanoseconds(),
    };
    // The wait includes what the server did; clocks differ a little in speed,
    // and cheap servers round.
    let inside = times.sent - times.received;
    if inside < 0 || inside > nanoseconds(took) + 1_000_000_000 {
        return Err("answered with times that contradict each other".to_owned());
    }
    Ok(times)
}

/// The code of a "kiss of death": `RATE`, `DENY`. Whatever is no ASCII letter
/// or digit is left out: it comes from the network.
fn kiss(code: &[u8]) -> String {
    let shown: String = code
        .iter()
        .filter(|byte| byte.is_ascii_alphanumeric())
        .map(|byte| char::from(*byte))
        .collect();
    match shown.as_str() {
        "" => "no reason given".to_owned(),
        "RATE" => "RATE, it was asked too often".to_owned(),
        "DENY" | "RSTR" => format!("{shown}, access is denied"),
        _ => shown,
    }
}

/// Reads bytes as an answer. For fuzzing: the first eight are the nonce.
pub fn read_anything(data: &[u8]) {
    let (start, packet) = data.split_at_checked(8).unwrap_or((&[], data));
    let mut nonce = [0; 8];
    nonce[..start.len()].copy_from_slice(start);
    for took in [Duration::ZERO, Duration::from_secs(5)] {
        if let Answer::Good(times) = Answer::of(packet, nonce, took) {
            assert_eq!(packet[24..32], nonce);
            assert!(times.sent >= times.received);
            // Any local time, from before 1970 to beyond 9999.
            for asked in [-(1 << 90), 0, times.received, 1 << 90] {
                let _ = times.ahead(asked, took);
            }
        }
    }
}
