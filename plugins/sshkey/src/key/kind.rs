//! The kinds of keys that OpenSSH knows, and what each consists of.

/// One part of an encoded key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// A positive number of any length.
    Number,
    /// The name of the curve.
    Curve(Curve),
    /// A point of it, not compressed.
    Point(Curve),
    /// The 32 bytes of an Ed25519 key.
    Ed25519,
    /// The application of a key that lives in a token.
    Application,
}

/// An elliptic curve of NIST.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Curve {
    /// P-256.
    P256,
    /// P-384.
    P384,
    /// P-521.
    P521,
}

impl Curve {
    /// Its name in keys.
    pub fn name(self) -> &'static str {
        match self {
            Self::P256 => "nistp256",
            Self::P384 => "nistp384",
            Self::P521 => "nistp521",
        }
    }

    /// The kind of its keys.
    pub fn kind(self) -> &'static str {
        match self {
            Self::P256 => "ecdsa-sha2-nistp256",
            Self::P384 => "ecdsa-sha2-nistp384",
            Self::P521 => "ecdsa-sha2-nistp521",
        }
    }

    /// Bytes of a coordinate.
    pub fn coordinate(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }
}

use Field::{Application, Ed25519, Number, Point};

type Kind = (&'static str, &'static [Field]);

/// Plain kinds, with what follows the name.
const KINDS: [Kind; 8] = [
    ("ssh-rsa", &[Number, Number]),
    ("ssh-dss", &[Number, Number, Number, Number]),
    ("ssh-ed25519", &[Ed25519]),
    (
        "ecdsa-sha2-nistp256",
        &[Field::Curve(Curve::P256), Point(Curve::P256)],
    ),
    (
        "ecdsa-sha2-nistp384",
        &[Field::Curve(Curve::P384), Point(Curve::P384)],
    ),
    (
        "ecdsa-sha2-nistp521",
        &[Field::Curve(Curve::P521), Point(Curve::P521)],
    ),
    ("sk-ssh-ed25519@openssh.com", &[Ed25519, Application]),
    (
        "sk-ecdsa-sha2-nistp256@openssh.com",
        &[Field::Curve(Curve::P256), Point(Curve::P256), Application],
    ),
];

/// What certificates of a kind add to its name. Kinds that are OpenSSH's own
/// keep their domain behind it.
const CERTIFICATE: &str = "-cert-v01@openssh.com";
const DOMAIN: &str = "@openssh.com";

/// The plain kind behind a name, and whether the name is that of certificates.
pub fn plain(name: &[u8]) -> Option<(Kind, bool)> {
    let name = std::str::from_utf8(name).ok()?;
    KINDS.into_iter().find_map(|kind| {
        if kind.0 == name {
            return Some((kind, false));
        }
        let base = kind.0.strip_suffix(DOMAIN).unwrap_or(kind.0);
        (name.strip_prefix(base)? == CERTIFICATE).then_some((kind, true))
    })
}

/// Whether a word names a kind of keys or certificates.
pub fn is_kind(name: &[u8]) -> bool {
    plain(name).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_belong_to_their_kind() {
        for (name, kind, certificate) in [
            ("ssh-rsa", "ssh-rsa", false),
            ("ssh-rsa-cert-v01@openssh.com", "ssh-rsa", true),
            (
                "ecdsa-sha2-nistp521-cert-v01@openssh.com",
                "ecdsa-sha2-nistp521",
                true,
            ),
            (
                "sk-ssh-ed25519@openssh.com",
                "sk-ssh-ed25519@openssh.com",
                false,
            ),
            (
                "sk-ssh-ed25519-cert-v01@openssh.com",
                "sk-ssh-ed25519@openssh.com",
                true,
            ),
            (
                "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com",
                "sk-ecdsa-sha2-nistp256@openssh.com",
                true,
            ),
        ] {
            let found = plain(name.as_bytes()).map(|(kind, certificate)| (kind.0, certificate));
            assert_eq!(found, Some((kind, certificate)), "{name}");
        }
        for name in [
            "",
            "ssh",
            "ssh-rsa2",
            "rsa-sha2-256",
            "ssh-rsa-cert-v00@openssh.com",
            "SSH-RSA",
        ] {
            assert!(!is_kind(name.as_bytes()), "{name}");
        }
    }
}
