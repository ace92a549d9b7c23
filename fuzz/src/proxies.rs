//! What proxies answer, and what configuration and environment say about them.

use mig_agent::proxy::{Proxy, from_environment, read_answer};

/// The first byte chooses between an answer to CONNECT and texts that lines
/// separate: a proxy, a list of exceptions, a host.
pub fn proxies(data: &[u8]) {
    let Some((choice, rest)) = data.split_first() else { return };
    if *choice == 0 {
        let opens = read_answer(rest, "proxy:1").is_ok();
        let complete = rest.ends_with(b"\r\n\r\n") || rest.ends_with(b"\n\n");
        assert!(!opens || (complete && rest.starts_with(b"HTTP/1.") && rest[9] == b'2'));
        return;
    }
    let text = String::from_utf8_lossy(rest);
    let mut lines = text.splitn(3, '\n');
    let mut next = || lines.next().unwrap_or_default().to_owned();
    let (proxy, excepted, host) = (next(), next(), next());
    if let Ok(proxy) = Proxy::parse(&proxy) {
        let again = Proxy::parse(proxy.place()).expect("what is shown can be read");
        assert_eq!(again.place(), proxy.place());
    }
    let _ = from_environment("http", &host, 443, |name| match name {
        "HTTP_PROXY" => Some(proxy.clone()),
        "NO_PROXY" => Some(excepted.clone()),
        _ => None,
    });
}
