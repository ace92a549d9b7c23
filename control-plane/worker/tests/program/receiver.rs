//! A webhook that answers as told and keeps what it gets.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use serde_json::Value;

use crate::site::DEADLINE;

/// One request.
pub struct Request {
    pub head: String,
    pub document: Value,
}

pub struct Webhook {
    pub port: u16,
    requests: Receiver<Request>,
    /// Answers to come; afterwards all is well.
    answers: Arc<Mutex<Vec<&'static str>>>,
}

impl Webhook {
    /// Gives these answers, one for each request, and success to all others.
    pub fn answering(answers: &[&'static str]) -> Webhook {
        Webhook::start(answers, None)
    }

    /// The same over TLS.
    pub fn over_tls(config: Arc<rustls::ServerConfig>) -> Webhook {
        Webhook::start(&[], Some(config))
    }

    fn start(answers: &[&'static str], tls: Option<Arc<rustls::ServerConfig>>) -> Webhook {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let answers: Vec<_> = answers.iter().rev().copied().collect();
        let answers = Arc::new(Mutex::new(answers));
        let (sender, requests) = channel();
        let coming = Arc::clone(&answers);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A client that went away has nothing to say.
                let _ = match &tls {
                    None => serve(stream, &coming, &sender),
                    Some(config) => {
                        let session = rustls::ServerConnection::new(Arc::clone(config));
                        let session = session.expect("a session");
                        let stream = rustls::StreamOwned::new(session, stream);
                        serve(stream, &coming, &sender)
                    }
                };
            }
        });
        Webhook {
            port,
            requests,
            answers,
        }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/mig", self.port)
    }

    pub fn next(&self) -> Request {
        self.requests.recv_timeout(DEADLINE).expect("a request")
    }

    /// Nothing came beside what was taken.
    pub fn is_quiet(&self) -> bool {
        self.requests.try_recv().is_err()
    }

    pub fn will_answer(&self, answer: &'static str) {
        self.answers.lock().expect("answers").insert(0, answer);
    }
}

/// An answer that never comes.
pub const SILENCE: &str = "";

fn serve(
    stream: impl Read + Write,
    answers: &Mutex<Vec<&'static str>>,
    sender: &Sender<Request>,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head)? == 0 {
            return Ok(());
        }
    }
    let length = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse().ok())
        .unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let answer = answers.lock().expect("answers").pop();
    let document = serde_json::from_slice(&body).expect("a JSON document");
    // A test that ended takes no more.
    let _ = sender.send(Request { head, document });
    let answer = answer.unwrap_or("200 OK\r\n");
    if answer == SILENCE {
        // Until the client gives up.
        reader.read_to_end(&mut body)?;
        return Ok(());
    }
    let stream = reader.get_mut();
    write!(
        stream,
        "HTTP/1.1 {answer}content-length: 0\r\nconnection: close\r\n\r\n"
    )?;
    stream.flush()
}
