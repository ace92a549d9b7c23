//! A small HTTP server that can be told to fail, stall, refuse and restart. It
//! keeps every request it has read.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long anything may take before the test fails.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Request {
    pub line: String,
    /// Names in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: String,
    /// Whether it was answered with 2xx.
    pub taken: bool,
    /// When it came.
    pub at: Instant,
}

/// What the server does with a request.
#[derive(Debug, Clone)]
pub enum Answer {
    /// Status, further header lines, text.
    Status(u16, &'static str, String),
    /// Nothing, until the client gives up.
    Stall,
    /// The connection is closed without a word.
    HangUp,
}

/// Takes it.
pub fn ok() -> Answer {
    Answer::Status(200, "", String::new())
}

/// Answers with a status and nothing else.
pub fn status(code: u16) -> Answer {
    Answer::Status(code, "", "because".to_owned())
}

type Decide = dyn Fn(&Request) -> Answer + Send + Sync;

struct State {
    requests: Mutex<Vec<Request>>,
    script: Mutex<VecDeque<Answer>>,
    decide: Box<Decide>,
    changed: Condvar,
    stopping: AtomicBool,
    tls: Option<Arc<rustls::ServerConfig>>,
    connections: Mutex<Vec<TcpStream>>,
}

/// A running server; it stops when it is dropped.
pub struct Server {
    address: SocketAddr,
    state: Arc<State>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Answers with the script's answers first, then takes everything.
    pub fn with(script: Vec<Answer>) -> Self {
        Self::build(0, script, Box::new(|_| ok()), None)
    }

    /// Takes everything, on a port that was in use before or will be again.
    pub fn again_at(port: u16) -> Self {
        Self::build(port, Vec::new(), Box::new(|_| ok()), None)
    }

    /// Looks at each request.
    pub fn that(decide: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Self {
        Self::build(0, Vec::new(), Box::new(decide), None)
    }

    /// Speaks TLS and takes everything.
    pub fn secure(config: rustls::ServerConfig) -> Self {
        Self::build(0, Vec::new(), Box::new(|_| ok()), Some(Arc::new(config)))
    }

    fn build(
        port: u16,
        script: Vec<Answer>,
        decide: Box<Decide>,
        tls: Option<Arc<rustls::ServerConfig>>,
    ) -> Self {
        // A process that another test starts may have the socket of an earlier server
        // at this port until it is executed.
        let mut bound = None;
        mig_testkit::wait_until("a loopback port", PATIENCE, || {
            bound = TcpListener::bind(("127.0.0.1", port)).ok();
            bound.is_some()
        });
        let listener = bound.expect("a loopback port");
        let address = listener.local_addr().expect("its address");
        let state = Arc::new(State {
            requests: Mutex::default(),
            script: Mutex::new(script.into()),
            decide,
            changed: Condvar::new(),
            stopping: AtomicBool::new(false),
            tls,
            connections: Mutex::default(),
        });
        let theirs = Arc::clone(&state);
        let thread = std::thread::spawn(move || accept(&listener, &theirs));
        Self {
            address,
            state,
            thread: Some(thread),
        }
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Its address with a path.
    pub fn url(&self) -> String {
        let scheme = self.state.tls.as_ref().map_or("http", |_| "https");
        format!("{scheme}://localhost:{}/alerts", self.port())
    }

    /// Every request so far, once there are at least so many.
    pub fn requests(&self, least: usize) -> Vec<Request> {
        self.wait(least, |_| true)
    }

    /// The requests that were taken, once there are at least so many.
    pub fn taken(&self, least: usize) -> Vec<Request> {
        self.wait(least, |request| request.taken)
    }

    /// The bodies of these.
    pub fn bodies(&self, least: usize) -> Vec<String> {
        self.taken(least).into_iter().map(|r| r.body).collect()
    }

    fn wait(&self, least: usize, wanted: impl Fn(&Request) -> bool) -> Vec<Request> {
        let end = Instant::now() + PATIENCE;
        let mut requests = self.state.requests.lock().unwrap();
        loop {
            let found: Vec<Request> = requests.iter().filter(|r| wanted(r)).cloned().collect();
            if found.len() >= least {
                return found;
            }
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{} of {least} requests came", found.len());
            requests = self.state.changed.wait_timeout(requests, left).unwrap().0;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.state.stopping.store(true, Ordering::SeqCst);
        // Wakes the one that accepts.
        let _connected = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join();
        }
        for connection in self.state.connections.lock().unwrap().drain(..) {
            let _closed = connection.shutdown(std::net::Shutdown::Both);
        }
    }
}

fn accept(listener: &TcpListener, state: &Arc<State>) {
    for stream in listener.incoming() {
        if state.stopping.load(Ordering::SeqCst) {
            return;
        }
        let Ok(stream) = stream else { continue };
        state
            .connections
            .lock()
            .unwrap()
            .push(stream.try_clone().expect("another handle"));
        let state = Arc::clone(state);
        std::thread::spawn(move || {
            let raw = stream.try_clone().expect("another handle");
            match &state.tls {
                None => talk(stream, &state),
                Some(config) => {
                    let session = rustls::ServerConnection::new(Arc::clone(config)).unwrap();
                    talk(rustls::StreamOwned::new(session, stream), &state);
                }
            }
            // The server keeps a handle of its own, which would keep it open.
            let _closed = raw.shutdown(std::net::Shutdown::Both);
        });
    }
}

fn talk<S: Read + Write>(stream: S, state: &State) {
    let mut stream = BufReader::new(stream);
    while let Some(mut request) = read(&mut stream) {
        let scripted = state.script.lock().unwrap().pop_front();
        let answer = scripted.unwrap_or_else(|| (state.decide)(&request));
        request.taken = matches!(answer, Answer::Status(200..300, ..));
        state
            .requests
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(request);
        state.changed.notify_all();
        match answer {
            Answer::Status(code, headers, text) => {
                let reply = format!(
                    "HTTP/1.1 {code} Said\r\n{headers}content-length: {}\r\n\r\n{text}",
                    text.len()
                );
                if stream.get_mut().write_all(reply.as_bytes()).is_err() {
                    return;
                }
            }
            Answer::Stall => {
                // Until the other side closes.
                let _more = stream.read(&mut [0; 1]);
                return;
            }
            Answer::HangUp => return,
        }
    }
}

fn read<S: Read>(stream: &mut BufReader<S>) -> Option<Request> {
    let mut line = String::new();
    stream
        .read_line(&mut line)
        .ok()
        .filter(|count| *count > 0)?;
    let mut headers = BTreeMap::new();
    loop {
        let mut header = String::new();
        stream
            .read_line(&mut header)
            .ok()
            .filter(|count| *count > 0)?;
        let Some((name, value)) = header.trim_end().split_once(':') else {
            break;
        };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers
        .get("content-length")
        .map_or(0, |n| n.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some(Request {
        line: line.trim_end().to_owned(),
        headers,
        body: String::from_utf8(body).expect("a body in UTF-8"),
        taken: false,
        at: Instant::now(),
    })
}
