//! An NTP server whose clock and manners a test chooses.

use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

/// From 1900 to 1970 in seconds.
const EPOCH: i128 = 2_208_988_800;
const SECOND: i128 = 1_000_000_000;

/// Listens on a loopback port until it is dropped.
pub struct Responder {
    pub port: u16,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<u32>>,
}

impl Responder {
    /// Answers each question with what `answer` makes of it.
    pub fn new(mut answer: impl FnMut(&[u8]) -> Vec<Vec<u8>> + Send + 'static) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a loopback port");
        let port = socket.local_addr().expect("an address").port();
        socket
            .set_read_timeout(Some(Duration::from_millis(20)))
            .expect("a timeout");
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut questions = 0;
            let mut buffer = [0; 1024];
            while !stopped.load(Ordering::Relaxed) {
                let Ok((length, from)) = socket.recv_from(&mut buffer) else {
                    continue;
                };
                questions += 1;
                for packet in answer(&buffer[..length]) {
                    // Who asked may be gone.
                    let _ = socket.send_to(&packet, from);
                }
            }
            questions
        });
        Self {
            port,
            stop,
            thread: Some(thread),
        }
    }

    /// A good server whose clock is that many nanoseconds ahead of ours.
    pub fn ahead(nanoseconds: i128) -> Self {
        Self::new(move |question| vec![good(question, nanoseconds)])
    }

    /// One that never answers.
    pub fn silent() -> Self {
        Self::new(|_| Vec::new())
    }

    /// `127.0.0.1:port`.
    pub fn name(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Stops; how many questions came.
    pub fn questions(mut self) -> u32 {
        self.stop.store(true, Ordering::Relaxed);
        self.thread
            .take()
            .map_or(0, |thread| thread.join().expect("the server"))
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// Nanoseconds since 1970.
pub fn now() -> i128 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    i128::try_from(since.expect("a time after 1970").as_nanos()).expect("not too far")
}

/// The answer of a server whose clock is that far ahead.
pub fn good(question: &[u8], ahead: i128) -> Vec<u8> {
    let mut packet = vec![0; 48];
    packet[0] = (question[0] & 0x38) | 4;
    packet[1] = 2;
    packet[12..16].copy_from_slice(b"TEST");
    packet[24..32].copy_from_slice(&question[40..48]);
    let time = stamp(now() + ahead);
    packet[32..40].copy_from_slice(&time);
    packet[40..48].copy_from_slice(&time);
    packet
}

/// A time as NTP writes it.
pub fn stamp(nanoseconds: i128) -> [u8; 8] {
    let seconds = (nanoseconds.div_euclid(SECOND) + EPOCH).rem_euclid(1 << 32);
    let fraction = (nanoseconds.rem_euclid(SECOND) << 32) / SECOND;
    let stamp = u64::try_from((seconds << 32) + fraction).expect("64 bits");
    stamp.to_be_bytes()
}
