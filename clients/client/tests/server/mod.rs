//! An HTTP server of a few lines, one request per connection.

#![allow(dead_code)] // Each test program uses a part of it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

/// What the server answers.
pub struct Reply {
    status: u16,
    headers: String,
    body: String,
}

impl Reply {
    pub fn new(status: u16, body: String) -> Reply {
        Reply {
            status,
            headers: String::new(),
            body,
        }
    }

    pub fn with(mut self, header: &str, value: &str) -> Reply {
        self.headers.push_str(&format!("{header}: {value}\r\n"));
        self
    }
}

/// Collection+JSON with one item that holds this data.
pub fn collection(data: Vec<Value>) -> Reply {
    let body = json!({"collection": {"version": "1.0", "href": "h", "items": [{"data": data}],
        "template": {}, "error": {}}});
    Reply::new(200, body.to_string())
}

/// Serves until the test ends.
pub struct Server {
    /// Base URL with a final slash.
    pub url: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// `answer` gets the path with its query, and the number of the request
    /// from 0.
    pub fn start(answer: impl Fn(&str, u32) -> Reply + Send + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}/", listener.local_addr().expect("an address"));
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = requests.clone();
        std::thread::spawn(move || {
            for (number, connection) in (0..).zip(listener.incoming()) {
                let mut connection = connection.expect("a connection");
                let mut request = BufReader::new(connection.try_clone().expect("a copy"));
                let (mut first, mut length) = (String::new(), 0);
                request.read_line(&mut first).expect("a request");
                for line in request.by_ref().lines() {
                    let line = line.expect("text").to_ascii_lowercase();
                    if let Some(value) = line.strip_prefix("content-length:") {
                        length = value.trim().parse().expect("a length");
                    }
                    if line.is_empty() {
                        break;
                    }
                }
                std::io::copy(&mut request.take(length), &mut std::io::sink()).expect("a body");
                let path = first.split(' ').nth(1).expect("a path").to_owned();
                let Reply {
                    status,
                    headers,
                    body,
                } = answer(&path, number);
                seen.lock().expect("the list").push(path);
                let length = body.len();
                // The client may have gone.
                let _ = write!(
                    connection,
                    "HTTP/1.1 {status} X\r\n{headers}Content-Length: {length}\r\n\
                     Connection: close\r\n\r\n{body}"
                );
            }
        });
        Server { url, requests }
    }

    /// The paths asked for so far.
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().expect("the list").clone()
    }

    /// A query parameter that needs no decoding.
    pub fn parameter(path: &str, name: &str) -> Option<String> {
        let query = path.split_once('?')?.1;
        let found = query
            .split('&')
            .find_map(|pair| pair.split_once('=').filter(|(n, _)| *n == name));
        found.map(|(_, value)| value.to_owned())
    }
}
