//! One key to a line, as in `id_rsa.pub` and `authorized_keys` (sshd(8),
//! AUTHORIZED_KEYS FILE FORMAT): perhaps options, a kind, base64, a comment.

use crate::encoding::decode;
use crate::key::{PublicKey, is_kind};

/// What a line holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// Nothing, or a comment.
    Empty,
    /// A key.
    Key(PublicKey),
    /// Something else.
    Other,
}

/// Which words may stand before a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Options {
    /// Any.
    Any,
    /// Those that `sshd` knows: elsewhere the first word of a line with a key
    /// may be the name of a host.
    Known,
}

/// Options of `sshd`, in small letters.
const KNOWN: [&str; 22] = [
    "agent-forwarding",
    "cert-authority",
    "command",
    "environment",
    "expiry-time",
    "from",
    "no-agent-forwarding",
    "no-port-forwarding",
    "no-pty",
    "no-touch-required",
    "no-user-rc",
    "no-x11-forwarding",
    "permitlisten",
    "permitopen",
    "port-forwarding",
    "principals",
    "pty",
    "restrict",
    "tunnel",
    "user-rc",
    "verify-required",
    "x11-forwarding",
];

/// Reads a line.
pub fn read(line: &[u8], options: Options) -> Line {
    let line = line.trim_ascii();
    if line.is_empty() || line.starts_with(b"#") {
        return Line::Empty;
    }
    if let Some(key) = key(line) {
        return Line::Key(key);
    }
    let (words, rest) = split_options(line);
    if options == Options::Known && !is_known(words) {
        return Line::Other;
    }
    key(rest.trim_ascii_start()).map_or(Line::Other, Line::Key)
}

/// A key at the start of a line.
fn key(line: &[u8]) -> Option<PublicKey> {
    let mut words = line
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty());
    let kind = words.next()?;
    if !is_kind(kind) {
        return None;
    }
    let blob = decode(words.next()?)?;
    // The kind stands in the key once more.
    if crate::key::Reader::new(&blob).string() != Some(kind) {
        return None;
    }
    PublicKey::from_blob(&blob)
}

/// Splits at the first blank that is not between quotes. A backslash in front of
/// a quote makes it an ordinary character.
fn split_options(line: &[u8]) -> (&[u8], &[u8]) {
    let mut quoted = false;
    let mut escaped = false;
    for (place, byte) in line.iter().enumerate() {
        match byte {
            b' ' | b'\t' if !quoted => return line.split_at(place),
            b'"' if !escaped => quoted = !quoted,
            _ => {}
        }
        escaped = *byte == b'\\';
    }
    (line, &[])
}

/// Whether the first of some options is one that `sshd` knows.
fn is_known(options: &[u8]) -> bool {
    let end = options.iter().position(|byte| matches!(byte, b',' | b'='));
    let name = &options[..end.unwrap_or(options.len())];
    KNOWN
        .iter()
        .any(|known| known.as_bytes().eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH";

    fn is_key(line: &str, options: Options) -> bool {
        matches!(read(line.as_bytes(), options), Line::Key(_))
    }

    #[test]
    fn options_may_hold_quotes_blanks_and_anything() {
        for options in [
            "",
            "  \t",
            "no-pty ",
            "restrict,pty\t",
            "from=\"*.example.net,!pc.example.net\" ",
            "command=\"dump /home\",no-pty ",
            r#"command="echo \"ssh-rsa AAAA\" # x",restrict "#,
            "CERT-authority,principals=\"a,b\" ",
            "tunnel=\"0\",command=\"sh /etc/netstart tun0\"    ",
        ] {
            for comment in ["", " user@host", " two words # of comment"] {
                let line = format!("{options}{KEY}{comment}");
                assert!(is_key(&line, Options::Any), "{line}");
                assert!(is_key(&line, Options::Known), "{line}");
            }
        }
    }

    #[test]
    fn names_of_hosts_are_no_options() {
        for host in [
            "host",
            "192.0.2.7",
            "|1|abc=|def=",
            "[host]:22",
            "@cert-authority *.net",
        ] {
            let line = format!("{host} {KEY}");
            assert!(!is_key(&line, Options::Known), "{line}");
        }
        assert!(is_key(&format!("new-option=1 {KEY}"), Options::Any));
    }

    #[test]
    fn blanks_and_comments_are_no_noise() {
        for line in ["", "  ", "\t\r", "#", "# ssh-rsa AAAA", "   # note"] {
            assert_eq!(read(line.as_bytes(), Options::Any), Line::Empty, "{line}");
        }
    }

    #[test]
    fn what_is_no_key_is_said_to_be_none() {
        let (kind, blob) = KEY.split_once(' ').unwrap();
        for line in [
            "words",
            kind,
            &format!("ssh-rsa {blob}"),
            &format!("{kind} {}", &blob[..20]),
            &format!("{kind} *{blob}"),
            &format!("no-pty,{KEY}"),
            &format!("command=\"x {KEY}"),
            "1024 35 123456789 user@host",
        ] {
            assert_eq!(read(line.as_bytes(), Options::Any), Line::Other, "{line}");
        }
        assert_eq!(read(b"\xFF\xFE \x00", Options::Any), Line::Other);
    }
}
