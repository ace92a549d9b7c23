//! One question to one server.

use crate::packet::{Answer, LARGEST, question};
use crate::server::Server;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

/// How long a server may take, with all its addresses together.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How often waiting looks whether somebody still wants to know.
const SLICE: Duration = Duration::from_millis(40);
/// Addresses of one name that are tried.
const ADDRESSES: usize = 4;
/// Packets that are no answers, after which a server is given up: somebody
/// sends them to keep us busy.
const MOST_FORGED: u32 = 10_000;

/// What a server says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measurement {
    /// Its time when it answered, in nanoseconds since 1970.
    pub time: i128,
    /// From question to answer.
    pub latency: Duration,
    /// How far the local clock is ahead, in nanoseconds; at most 292 years.
    pub ahead: i64,
}

/// Asks once. A name with several addresses stands for one server: the next
/// address is tried when one is out of reach.
///
/// # Errors
/// Why there is no measurement, for people.
pub fn ask(server: &Server, stop: &AtomicBool) -> Result<Measurement, String> {
    let addresses = (server.host.as_str(), server.port)
        .to_socket_addrs()
        .map_err(|error| format!("cannot be resolved: {error}"))?;
    let end = Instant::now() + TIMEOUT;
    let mut last = "has no address".to_owned();
    for address in addresses.take(ADDRESSES) {
        match ask_address(address, end, stop) {
            Ok(outcome) => return outcome,
            Err(error) => last = format!("cannot be reached: {error}"),
        }
    }
    Err(last)
}

/// The outer error means that another address may do better.
fn ask_address(
    address: SocketAddr,
    end: Instant,
    stop: &AtomicBool,
) -> io::Result<Result<Measurement, String>> {
    let any: SocketAddr = match address {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any)?;
    // Connected, so the kernel drops what comes from elsewhere, and reports
    // what routers say.
    socket.connect(address)?;
    socket.set_read_timeout(Some(SLICE))?;
    let mut nonce = [0; 8];
    getrandom::fill(&mut nonce).map_err(io::Error::other)?;
    let packet = question(nonce);
    let asked = unix_nanoseconds(SystemTime::now());
    let started = Instant::now();
    socket.send(&packet)?;
    let mut buffer = [0; LARGEST];
    let mut forged = 0;
    loop {
        if stop.load(Ordering::Relaxed) {
            return Ok(Err(super::NOT_WAITED_FOR.to_owned()));
        }
        if Instant::now() >= end {
            return Ok(Err(silence(forged)));
        }
        let length = match socket.recv(&mut buffer) {
            Ok(length) => length,
            Err(error) if is_nothing_yet(&error) => continue,
            Err(error) => return Err(error),
        };
        let latency = started.elapsed();
        match Answer::of(&buffer[..length], nonce, latency) {
            Answer::Good(times) => {
                let ahead = times.ahead(asked, latency);
                let most = i128::from(i64::MAX);
                return Ok(Ok(Measurement {
                    time: times.sent,
                    latency,
                    ahead: ahead.clamp(-most, most) as i64,
                }));
            }
            Answer::Useless(reason) => return Ok(Err(reason)),
            Answer::NotOurs => forged += 1,
        }
        if forged == MOST_FORGED {
            return Ok(Err(silence(forged)));
        }
    }
}

fn silence(forged: u32) -> String {
    match forged {
        0 => "did not answer within 5s".to_owned(),
        forged => format!("did not answer; {forged} packets did not belong to the question"),
    }
}

fn is_nothing_yet(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted
    )
}

/// Nanoseconds since 1970, also of a clock that is before that.
pub fn unix_nanoseconds(time: SystemTime) -> i128 {
    let nanoseconds = |time: Duration| i128::try_from(time.as_nanos()).unwrap_or(i128::MAX);
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => nanoseconds(after),
        Err(before) => -nanoseconds(before.duration()),
    }
}
