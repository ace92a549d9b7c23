//! Asking a proxy for a tunnel with CONNECT.

use std::io;
use std::time::Duration;

use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::Proxy;

/// Time for the whole of a proxy's answer.
const ANSWER: Duration = Duration::from_secs(5);
/// Longest head of an answer, in bytes.
const LONGEST: usize = 8 << 10;
/// Of the answer, the bytes that are shown to people.
const SHOWN: usize = 120;

/// Why there is no tunnel.
#[derive(Debug, Error)]
pub enum TunnelError {
    /// It said no.
    #[error("the proxy {proxy} refuses: {answer}")]
    Refused {
        /// `host:port` of the proxy.
        proxy: String,
        /// The first line of its answer.
        answer: String,
    },
    /// What it said is no answer to CONNECT.
    #[error("{proxy} does not answer like an HTTP proxy: {answer}")]
    Nonsense {
        /// `host:port` of the proxy.
        proxy: String,
        /// How the answer begins.
        answer: String,
    },
    /// It says nothing, or goes on for ever.
    #[error("the proxy {0} does not answer within 5 s")]
    Silent(String),
    /// The connection broke.
    #[error("the proxy {proxy} closes the connection: {source}")]
    Broken {
        /// `host:port` of the proxy.
        proxy: String,
        /// What the operating system said.
        source: io::Error,
    },
}

/// Turns a connection to a proxy into one to `target`, which is `host:port`.
/// Exactly the answer is read, so that nothing of it is taken for what comes
/// through the tunnel.
///
/// # Errors
/// The proxy refuses, does not answer, or talks nonsense.
pub async fn open_tunnel<S>(stream: &mut S, proxy: &Proxy, target: &str) -> Result<(), TunnelError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n");
    if let Some(authorization) = proxy.authorization() {
        request.push_str(&format!("Proxy-Authorization: {authorization}\r\n"));
    }
    request.push_str("\r\n");
    let exchange = async {
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        while !is_complete(&answer) && answer.len() < LONGEST && may_be_http(&answer) {
            // Byte by byte: what follows belongs to the tunnel.
            answer.push(stream.read_u8().await?);
        }
        Ok::<_, io::Error>(answer)
    };
    let place = || proxy.place().to_owned();
    match tokio::time::timeout(ANSWER, exchange).await {
        Ok(Ok(answer)) => read_answer(&answer, proxy.place()),
        Ok(Err(source)) => Err(TunnelError::Broken {
            proxy: place(),
            source,
        }),
        Err(_) => Err(TunnelError::Silent(place())),
    }
}

/// Judges the head of a proxy's answer to CONNECT: complete and 2xx opens the
/// tunnel.
///
/// # Errors
/// It is something else.
pub fn read_answer(answer: &[u8], proxy: &str) -> Result<(), TunnelError> {
    let line = answer
        .split(|byte| matches!(byte, b'\r' | b'\n'))
        .next()
        .unwrap_or_default();
    let shown = || {
        String::from_utf8_lossy(&line[..line.len().min(SHOWN)])
            .escape_debug()
            .to_string()
    };
    let proxy = || proxy.to_owned();
    let Some(status) = status(line).filter(|_| is_complete(answer)) else {
        let answer = match answer.len() >= LONGEST {
            true => format!(
                "more than {LONGEST} bytes of header, which begin with `{}`",
                shown()
            ),
            false => format!("`{}`", shown()),
        };
        return Err(TunnelError::Nonsense {
            proxy: proxy(),
            answer,
        });
    };
    if status == b'2' {
        return Ok(());
    }
    Err(TunnelError::Refused {
        proxy: proxy(),
        answer: shown(),
    })
}

/// First digit of the status: of `HTTP/1.x ddd`, the tenth byte.
fn status(line: &[u8]) -> Option<u8> {
    let (version, rest) = line.split_at_checked(9)?;
    let number = rest.get(..3)?;
    let ends = rest.get(3).is_none_or(|byte| *byte == b' ');
    let versioned = version.starts_with(b"HTTP/1.") && version[8] == b' ';
    (versioned && ends && number.iter().all(u8::is_ascii_digit)).then(|| number[0])
}

fn is_complete(answer: &[u8]) -> bool {
    answer.ends_with(b"\r\n\r\n") || answer.ends_with(b"\n\n")
}

/// Whether what came so far can become an answer of HTTP: others are not waited
/// for.
fn may_be_http(answer: &[u8]) -> bool {
    let begins = b"HTTP/1.";
    let compared = answer.len().min(begins.len());
    answer[..compared] == begins[..compared]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy() -> Proxy {
        Proxy::parse("u:p@proxy:3128").unwrap()
    }

    /// What comes of asking a proxy that says this, and what follows in the
    /// tunnel.
    async fn asking(answer: &[u8]) -> (Result<(), TunnelError>, String) {
        let (mut near, mut far) = tokio::io::duplex(64 << 10);
        far.write_all(answer).await.unwrap();
        let outcome = open_tunnel(&mut near, &proxy(), "relay:5671").await;
        drop(near);
        let mut asked = String::new();
        far.read_to_string(&mut asked).await.unwrap();
        (outcome, asked)
    }

    #[tokio::test]
    async fn the_question_names_target_and_account() {
        let (outcome, asked) = asking(b"HTTP/1.1 200 OK\r\n\r\n").await;
        outcome.unwrap();
        assert_eq!(
            asked,
            "CONNECT relay:5671 HTTP/1.1\r\nHost: relay:5671\r\n\
             Proxy-Authorization: Basic dTpw\r\n\r\n"
        );
    }

    #[test]
    fn only_a_complete_2xx_answer_opens_a_tunnel() {
        let judged = |answer: &str| match read_answer(answer.as_bytes(), "p:1") {
            Ok(()) => "opens",
            Err(TunnelError::Refused { .. }) => "refused",
            Err(_) => "nonsense",
        };
        for (answer, outcome) in [
            ("HTTP/1.1 200 Connection established\r\n\r\n", "opens"),
            ("HTTP/1.0 200\r\n\r\n", "opens"),
            ("HTTP/1.0 200 OK\nVia: x\n\n", "opens"),
            ("HTTP/1.1 299 OK\r\nVia: x\r\n\r\n", "opens"),
            (
                "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n",
                "refused",
            ),
            ("HTTP/1.1 100 Continue\r\n\r\n", "refused"),
            ("HTTP/1.1 2\r\n\r\n", "nonsense"),
            ("HTTP/1.1 2000\r\n\r\n", "nonsense"),
            ("HTTP/1.1 200 OK\r\n", "nonsense"),
            ("HTTP/2 200 OK\r\n\r\n", "nonsense"),
            ("SSH-2.0-x\r\n\r\n", "nonsense"),
            ("", "nonsense"),
        ] {
            assert_eq!(judged(answer), outcome, "{answer:?}");
        }
    }

    #[tokio::test]
    async fn what_follows_the_answer_stays_in_the_tunnel() {
        let (mut near, mut far) = tokio::io::duplex(4096);
        far.write_all(b"HTTP/1.1 200 OK\r\nVia: x\r\n\r\nAMQP")
            .await
            .unwrap();
        open_tunnel(&mut near, &proxy(), "relay:5671")
            .await
            .unwrap();
        let mut first = [0; 4];
        near.read_exact(&mut first).await.unwrap();
        assert_eq!(&first, b"AMQP");
    }

    #[tokio::test]
    async fn nonsense_and_endless_headers_are_not_read_to_the_end() {
        let (outcome, _) = asking(b"220 mail.example.net ESMTP").await;
        let message = outcome.unwrap_err().to_string();
        assert_eq!(
            message,
            "proxy:3128 does not answer like an HTTP proxy: `2`"
        );
        let endless = [b"HTTP/1.1 200 OK\r\nX: ".as_slice(), &vec![b'x'; LONGEST]].concat();
        let (outcome, _) = asking(&endless).await;
        let message = outcome.unwrap_err().to_string();
        assert!(
            message.contains("more than 8192 bytes of header"),
            "{message}"
        );
        // Control characters of a stranger do not reach the log.
        let (outcome, _) = asking(b"HTTP/1.1 403 \x1b[31mno\r\n\r\n").await;
        let message = outcome.unwrap_err().to_string();
        assert_eq!(
            message,
            "the proxy proxy:3128 refuses: HTTP/1.1 403 \\u{1b}[31mno"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_proxy_that_stalls_or_dies_in_the_middle_is_given_up() {
        let (mut near, mut far) = tokio::io::duplex(4096);
        far.write_all(b"HTTP/1.1 200 O").await.unwrap();
        let outcome = open_tunnel(&mut near, &proxy(), "relay:5671").await;
        assert!(
            matches!(outcome, Err(TunnelError::Silent(_))),
            "{outcome:?}"
        );
        drop(far);
        let (mut near, mut far) = tokio::io::duplex(4096);
        far.write_all(b"HTTP/1.1 200 O").await.unwrap();
        far.shutdown().await.unwrap();
        let outcome = open_tunnel(&mut near, &proxy(), "relay:5671").await;
        assert!(
            matches!(outcome, Err(TunnelError::Broken { .. })),
            "{outcome:?}"
        );
    }
}
