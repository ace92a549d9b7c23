//! Taking encoded keys apart and putting them together.

use super::PublicKey;
use super::kind::{Curve, Field, plain};
use super::wire::{Reader, put_number, put_string, without_zeros};

/// First byte of a point with both coordinates.
const UNCOMPRESSED: u8 = 4;
/// Bytes of an Ed25519 key.
const ED25519: usize = 32;

impl PublicKey {
    /// Reads an encoded key or certificate; the whole of it must make sense.
    pub fn from_blob(blob: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(blob);
        let ((name, fields), is_certificate) = plain(reader.string()?)?;
        if is_certificate {
            // The nonce.
            reader.string()?;
        }
        let mut out = Vec::with_capacity(blob.len());
        put_string(&mut out, name.as_bytes());
        for field in fields {
            copy(*field, reader.string()?, &mut out)?;
        }
        if is_certificate {
            skip_certificate(&mut reader)?;
        }
        reader.is_at_end().then_some(Self { blob: out })
    }

    /// An RSA key from its exponent and modulus, big-endian.
    pub fn rsa(exponent: &[u8], modulus: &[u8]) -> Option<Self> {
        Self::of_numbers("ssh-rsa", &[exponent, modulus])
    }

    /// A DSA key from p, q, g and y, big-endian.
    pub fn dsa(numbers: &[&[u8]; 4]) -> Option<Self> {
        Self::of_numbers("ssh-dss", numbers)
    }

    /// An Ed25519 key.
    pub fn ed25519(key: &[u8]) -> Option<Self> {
        Self::of("ssh-ed25519", &[Field::Ed25519], &[key])
    }

    /// A key on a curve from its point, not compressed.
    pub fn ecdsa(curve: Curve, point: &[u8]) -> Option<Self> {
        let fields = [Field::Curve(curve), Field::Point(curve)];
        Self::of(curve.kind(), &fields, &[curve.name().as_bytes(), point])
    }

    fn of(name: &str, fields: &[Field], values: &[&[u8]]) -> Option<Self> {
        let mut blob = Vec::new();
        put_string(&mut blob, name.as_bytes());
        for (field, value) in fields.iter().zip(values) {
            copy(*field, value, &mut blob)?;
        }
        Some(Self { blob })
    }

    fn of_numbers(name: &str, numbers: &[&[u8]]) -> Option<Self> {
        let mut blob = Vec::new();
        put_string(&mut blob, name.as_bytes());
        for number in numbers {
            if without_zeros(number).is_empty() {
                return None;
            }
            put_number(&mut blob, number);
        }
        Some(Self { blob })
    }
}

/// Appends one part in its proper form, if it is one.
fn copy(field: Field, value: &[u8], out: &mut Vec<u8>) -> Option<()> {
    match field {
        Field::Number => {
            let negative = value.first().is_some_and(|first| first & 0x80 != 0);
            if negative || without_zeros(value).is_empty() {
                return None;
            }
            put_number(out, value);
            return Some(());
        }
        Field::Curve(curve) if value != curve.name().as_bytes() => return None,
        Field::Point(curve) => {
            let length = 1 + 2 * curve.coordinate();
            if value.len() != length || value.first() != Some(&UNCOMPRESSED) {
                return None;
            }
        }
        Field::Ed25519 if value.len() != ED25519 => return None,
        Field::Curve(_) | Field::Ed25519 | Field::Application => {}
    }
    put_string(out, value);
    Some(())
}

/// What stands behind the key in a certificate (OpenSSH's PROTOCOL.certkeys):
/// serial number, type, identifier, principals, both ends of its validity,
/// critical options, extensions, a reserved string, the key that signed and the
/// signature.
fn skip_certificate(reader: &mut Reader<'_>) -> Option<()> {
    reader.take(8 + 4)?;
    reader.string()?;
    reader.string()?;
    reader.take(8 + 8)?;
    for _ in 0..5 {
        reader.string()?;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blob(parts: &[&[u8]]) -> Vec<u8> {
        let mut out = Vec::new();
        parts.iter().for_each(|part| put_string(&mut out, part));
        out
    }

    #[test]
    fn numbers_are_written_anew_in_their_shortest_form() {
        let loose = blob(&[b"ssh-rsa", b"\0\0\x03", b"\0\0\0\xC5"]);
        let tight = blob(&[b"ssh-rsa", b"\x03", b"\0\xC5"]);
        assert_eq!(PublicKey::from_blob(&loose).unwrap().blob(), tight);
        assert_eq!(PublicKey::rsa(b"\x03", b"\xC5").unwrap().blob(), tight);
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let point = [4; 65];
        let cases: &[&[&[u8]]] = &[
            &[b"ssh-rsa", b"\x03"],
            &[b"ssh-rsa", b"\x03", b""],
            &[b"ssh-rsa", b"\x83", b"\x05"],
            &[b"ssh-rsa", b"\x03", b"\x05", b"\x05"],
            &[b"ssh-ed25519", &[0; 31]],
            &[b"ssh-ed25519", &[0; 33]],
            &[b"ecdsa-sha2-nistp256", b"nistp384", &point],
            &[b"ecdsa-sha2-nistp256", b"nistp256", &point[..64]],
            &[b"ecdsa-sha2-nistp256", b"nistp256", &[2; 65]],
            &[b"ssh-new", b"\x03"],
            &[b"ssh-rsa-cert-v01@openssh.com", b"nonce", b"\x03", b"\x05"],
        ];
        for parts in cases {
            assert_eq!(PublicKey::from_blob(&blob(parts)), None, "{parts:?}");
        }
        assert!(
            PublicKey::from_blob(&blob(&[b"ecdsa-sha2-nistp256", b"nistp256", &point])).is_some()
        );
        assert_eq!(PublicKey::rsa(b"\0", b"\x05"), None);
        assert_eq!(PublicKey::ed25519(b"short"), None);
    }

    #[test]
    fn a_certificate_counts_as_the_key_in_it() {
        let mut certificate = blob(&[b"ssh-ed25519-cert-v01@openssh.com", b"nonce", &[7; 32]]);
        certificate.extend([0; 12]);
        certificate.extend(blob(&[b"name", b""]));
        certificate.extend([0; 16]);
        certificate.extend(blob(&[b"", b"", b"", b"ca", b"signature"]));
        let plain = PublicKey::ed25519(&[7; 32]);
        assert!(plain.is_some());
        assert_eq!(PublicKey::from_blob(&certificate), plain);
        for length in 0..certificate.len() {
            assert_eq!(PublicKey::from_blob(&certificate[..length]), None);
        }
        certificate.push(0);
        assert_eq!(PublicKey::from_blob(&certificate), None);
    }
}
