//! What only the network can tell: the address the API sees, and what the
//! cloud says about the instance.

use std::net::IpAddr;
use std::time::Duration;

use http::Method;
use mig_protocol::Aws;

use crate::http::{Ask, ways_to};
use crate::proxy::Proxy;

/// Where AWS keeps an instance's metadata.
const AWS: &str = "http://169.254.169.254";
/// Longest value taken from the metadata service.
const MAX_VALUE: usize = 1024;

/// Most time for one way to the API.
const WAY: Duration = Duration::from_secs(5);
/// Most time for a connection to the metadata service; an answer may take twice that.
const METADATA: Duration = Duration::from_secs(1);

/// The address the API sees this host under; none when it cannot be asked.
/// Tried through each proxy, then directly. Whatever is not exactly an address
/// is not one: a proxy may answer with a page of its own.
pub async fn public_address(
    api: &str,
    proxies: &[Proxy],
    authority: Option<&[u8]>,
) -> Option<String> {
    public_address_within(WAY, api, proxies, authority).await
}

async fn public_address_within(
    way: Duration,
    api: &str,
    proxies: &[Proxy],
    authority: Option<&[u8]>,
) -> Option<String> {
    let url = format!("{}/ip", api.trim_end_matches('/'));
    for proxy in ways_to(&url, proxies) {
        let mut ask = Ask::get(&url);
        ask.proxy = proxy.as_ref();
        ask.total = way;
        ask.extra_ca = authority;
        let answer = match ask.send().await {
            Ok((_, body)) => String::from_utf8(body).unwrap_or_default(),
            Err(error) => {
                tracing::debug!("{url} does not tell the public address: {error}");
                continue;
            }
        };
        if let Ok(address) = answer.trim().parse::<IpAddr>() {
            return Some(address.to_string());
        }
    }
    None
}

/// Whether the firmware says that this is an AWS instance. Anywhere else the
/// metadata address is nobody's, or somebody else's.
pub fn on_aws() -> bool {
    let says = |path: &str, word: &str| {
        std::fs::read_to_string(path)
            .is_ok_and(|text| text.trim_start().to_ascii_lowercase().starts_with(word))
    };
    says("/sys/class/dmi/id/sys_vendor", "amazon ec2") || says("/sys/hypervisor/uuid", "ec2")
}

/// Metadata of an AWS instance; all empty when any of it cannot be read.
pub async fn aws() -> Aws {
    aws_from(AWS, METADATA).await.unwrap_or_default()
}

/// A session token is asked for first: without one the service can be reached
/// through any program here that fetches addresses for others.
async fn aws_from(base: &str, limit: Duration) -> Option<Aws> {
    let token_url = format!("{base}/latest/api/token");
    let mut ask = Ask::get(&token_url);
    ask.method = Method::PUT;
    ask.headers = &[("X-aws-ec2-metadata-token-ttl-seconds", "60")];
    ask.connect = limit;
    ask.total = 2 * limit;
    let token = match ask.send().await.ok()? {
        (status, token) if status.is_success() => String::from_utf8(token).ok()?,
        _ => return None,
    };
    let headers = [("X-aws-ec2-metadata-token", token.as_str())];
    let value = async |name: &str| {
        let url = format!("{base}/latest/meta-data/{name}");
        let mut ask = Ask::get(&url);
        ask.headers = &headers;
        ask.connect = limit;
        ask.total = 2 * limit;
        let (status, body) = ask.send().await.ok()?;
        let text = String::from_utf8(body).ok()?;
        (status.is_success() && text.len() <= MAX_VALUE).then_some(text)
    };
    Some(Aws {
        instanceid: value("instance-id").await?,
        localipv4: value("local-ipv4").await?,
        amiid: value("ami-id").await?,
        instancetype: value("instance-type").await?,
    })
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// Enough also for a machine that stands still for a while.
    const PATIENCE: Duration = Duration::from_secs(60);

    /// Answers each request with what `reply` makes of its head.
    async fn server(reply: impl Fn(&str) -> String + Send + 'static) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    let Ok(byte) = stream.read_u8().await else {
                        break;
                    };
                    head.push(byte);
                }
                let body = reply(&String::from_utf8_lossy(&head));
                let _ = stream.write_all(body.as_bytes()).await;
            }
        });
        base
    }

    fn ok(body: &str) -> String {
        format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        )
    }

    #[tokio::test]
    async fn metadata_is_read_with_a_session_token() {
        let base = server(|head| {
            if head.starts_with("PUT /latest/api/token ") {
                return ok("secret");
            }
            assert!(head.contains("x-aws-ec2-metadata-token: secret"), "{head}");
            ok(
                match head.split(' ').nth(1).unwrap().rsplit('/').next().unwrap() {
                    "instance-id" => "i-1",
                    "local-ipv4" => "192.0.2.1",
                    "ami-id" => "ami-1",
                    _ => "t3.micro",
                },
            )
        })
        .await;
        let aws = aws_from(&base, PATIENCE).await.unwrap();
        assert_eq!(
            (aws.instanceid.as_str(), aws.instancetype.as_str()),
            ("i-1", "t3.micro")
        );
    }

    #[tokio::test]
    async fn any_failure_leaves_all_of_it_empty() {
        let base = server(|head| {
            if head.contains("ami-id") {
                return "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".into();
            }
            ok("x")
        })
        .await;
        assert_eq!(aws_from(&base, PATIENCE).await, None);
    }

    #[tokio::test]
    async fn the_public_address_is_an_address_or_nothing() {
        let base = server(|_| ok("198.51.100.9\n")).await;
        let asking = public_address_within(PATIENCE, &base, &[], None);
        assert_eq!(asking.await.as_deref(), Some("198.51.100.9"));
        let base = server(|_| ok("<html>")).await;
        let asking = public_address_within(PATIENCE, &base, &[], None);
        assert_eq!(asking.await, None);
    }
}
