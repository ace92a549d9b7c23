//! A real HTTP proxy, good or bad.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What a proxy does with whoever asks it.
#[derive(Clone, Debug)]
pub enum Manner {
    /// Opens tunnels, and hands on requests in the clear.
    Serves,
    /// The same for who shows this value of `Proxy-Authorization`.
    ServesOnly(&'static str),
    /// Answers with these bytes and closes.
    Says(Vec<u8>),
    /// Never answers.
    Stalls,
    /// Opens tunnels that lead to somebody who talks nonsense.
    Misleads,
}

pub struct TestProxy {
    address: String,
    seen: Arc<Seen>,
    cut: watch::Sender<bool>,
}

#[derive(Default)]
struct Seen {
    asked: AtomicUsize,
    tunnels: AtomicUsize,
    heads: Mutex<Vec<String>>,
}

impl TestProxy {
    pub async fn start(manner: Manner) -> Self {
        Self::leading_to(manner, None).await
    }

    /// With `target` every tunnel leads there, whatever was asked for.
    pub async fn leading_to(manner: Manner, target: Option<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let seen = Arc::new(Seen::default());
        let (cut, when_cut) = watch::channel(false);
        let counters = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (manner, target) = (manner.clone(), target.clone());
                let (counters, mut when_cut) = (Arc::clone(&counters), when_cut.clone());
                tokio::spawn(async move {
                    counters.asked.fetch_add(1, Ordering::SeqCst);
                    tokio::select! {
                        served = serve(client, manner, target, &counters) => drop(served),
                        _ = when_cut.wait_for(|cut| *cut) => {}
                    }
                });
            }
        });
        Self { address, seen, cut }
    }

    /// `host:port`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Connections so far.
    pub fn asked(&self) -> usize {
        self.seen.asked.load(Ordering::SeqCst)
    }

    /// Tunnels opened so far.
    pub fn tunnels(&self) -> usize {
        self.seen.tunnels.load(Ordering::SeqCst)
    }

    /// What it was asked, each up to the empty line.
    pub fn heads(&self) -> Vec<String> {
        self.seen.heads.lock().unwrap().clone()
    }

    /// Breaks every connection, and each one that comes from now on.
    pub fn cut(&self) {
        self.cut.send_replace(true);
    }
}

async fn serve(
    mut client: TcpStream,
    manner: Manner,
    target: Option<String>,
    seen: &Seen,
) -> io::Result<()> {
    let head = head(&mut client).await?;
    seen.heads.lock().unwrap().push(head.clone());
    let line = head.lines().next().unwrap_or_default().to_owned();
    match manner {
        Manner::Stalls => std::future::pending().await,
        Manner::Says(bytes) => {
            client.write_all(&bytes).await?;
            client.shutdown().await
        }
        Manner::ServesOnly(account) if !shows(&head, account) => {
            client
                .write_all(
                    b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n",
                )
                .await
        }
        Manner::Misleads => {
            let nonsense = b"HTTP/1.1 200 OK\r\n\r\nwe do not speak your language";
            client.write_all(nonsense).await?;
            client.shutdown().await
        }
        Manner::Serves | Manner::ServesOnly(_) => match line.strip_prefix("CONNECT ") {
            Some(rest) => {
                let asked = rest.split(' ').next().unwrap_or_default();
                assert!(head.contains(&format!("\r\nHost: {asked}\r\n")), "{head}");
                let mut server = TcpStream::connect(target.as_deref().unwrap_or(asked)).await?;
                seen.tunnels.fetch_add(1, Ordering::SeqCst);
                let answer = b"HTTP/1.1 200 Connection established\r\nVia: 1.1 test\r\n\r\n";
                client.write_all(answer).await?;
                tokio::io::copy_bidirectional(&mut client, &mut server).await?;
                Ok(())
            }
            None => hand_on(client, &head, target).await,
        },
    }
}

/// Whether the request shows this account. Names of fields have no case.
fn shows(head: &str, account: &str) -> bool {
    head.lines()
        .filter_map(|line| line.split_once(": "))
        .any(|(name, value)| name.eq_ignore_ascii_case("proxy-authorization") && value == account)
}

/// A request in the clear, with the whole address in its first line.
async fn hand_on(mut client: TcpStream, head: &str, target: Option<String>) -> io::Result<()> {
    let url = head.split(' ').nth(1).unwrap_or_default();
    let rest = url.strip_prefix("http://").expect("an absolute address");
    let (place, _) = rest.split_once('/').expect("a path");
    let mut server = TcpStream::connect(target.as_deref().unwrap_or(place)).await?;
    let plain = head.replacen(&format!("http://{place}"), "", 1);
    server.write_all(plain.as_bytes()).await?;
    tokio::io::copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}

/// Reads up to an empty line.
pub async fn head(stream: &mut (impl AsyncReadExt + Unpin)) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}
