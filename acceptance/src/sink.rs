//! An HTTP server that takes records, as a site's collector of alerts would.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use crate::Outcome;

/// Largest body that is taken, in bytes.
const LARGEST: usize = 4 << 20;

/// A server on a port of the loopback interface. It ends when dropped.
pub struct Sink {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    bodies: Mutex<Vec<String>>,
    ending: AtomicBool,
}

impl Sink {
    /// Listens.
    ///
    /// # Errors
    /// When there is no port.
    pub fn start() -> Outcome<Self> {
        Self::at((Ipv4Addr::LOCALHOST, 0).into())
    }

    /// Listens at this address. Where that is in a network of its own, the value has
    /// to be made and dropped there.
    ///
    /// # Errors
    /// When it cannot be had.
    pub fn at(address: SocketAddr) -> Outcome<Self> {
        let failed = |error: std::io::Error| format!("no HTTP server: {error}");
        let listener = TcpListener::bind(address).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            for connection in listener.incoming().map_while(Result::ok) {
                if theirs.ending.load(Ordering::SeqCst) {
                    return;
                }
                let theirs = Arc::clone(&theirs);
                // A connection that breaks off has sent nothing that counts.
                std::thread::spawn(move || answer(&connection, &theirs));
            }
        });
        Ok(Self {
            address,
            shared,
            thread: Some(thread),
        })
    }

    /// Where records are sent to.
    pub fn url(&self) -> String {
        format!("http://{}/alerts", self.address)
    }

    /// The bodies of all requests so far.
    pub fn bodies(&self) -> Vec<String> {
        self.shared.lock().clone()
    }

    /// Whether a body has all these parts.
    pub fn has(&self, parts: &[&str]) -> bool {
        let has = |body: &String| parts.iter().all(|part| body.contains(part));
        self.shared.lock().iter().any(has)
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.shared.ending.store(true, Ordering::SeqCst);
        // Wakes the thread that waits for connections.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<String>> {
        self.bodies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes the requests of one connection.
fn answer(connection: &TcpStream, shared: &Shared) -> Option<()> {
    let mut reader = BufReader::new(connection);
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            let line = line.trim().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().ok()?;
            }
        }
        if length > LARGEST {
            return None;
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let body = String::from_utf8(body).ok()?;
        // It counts before the sender knows that it arrived.
        shared.lock().push(body);
        let mut connection = connection;
        connection
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            .ok()?;
    }
}
