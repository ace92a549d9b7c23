//! For fuzzers: foreign bytes through everything that reads them.

use crate::certificate_name::account_name;
use crate::codec::{decode_content_header, decode_method};
use crate::config::CertificateName;
use crate::frame_guard::{FrameKind, HEADER, OVERHEAD, Scan, scan};

/// Reads `bytes` as the frames of a client would be read, guard first, codec
/// second, and returns how many frames were understood. Must never panic,
/// whatever the bytes.
pub fn read_frames(bytes: &[u8], frame_max: usize) -> usize {
    let mut rest = bytes;
    let mut understood = 0;
    while let Ok(Scan::Frame { kind, payload, .. }) = scan(rest, frame_max) {
        let body = &rest[HEADER..HEADER + payload];
        let good = match kind {
            FrameKind::Method => decode_method(body).is_ok(),
            FrameKind::Header => decode_content_header(body).is_ok(),
            FrameKind::Body | FrameKind::Heartbeat => true,
        };
        understood += usize::from(good);
        rest = &rest[payload + OVERHEAD..];
    }
    understood
}

/// Reads `bytes` as a certificate, for each kind of name in it, and returns how
/// many were found. Must never panic, whatever the bytes.
pub fn read_certificate_names(bytes: &[u8]) -> usize {
    let kinds = [
        CertificateName::CommonName,
        CertificateName::DistinguishedName,
        CertificateName::SubjectAlternativeName,
    ];
    let names = kinds.iter().filter_map(|kind| account_name(bytes, *kind));
    names.count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{HEARTBEAT, encode_method};
    use amq_protocol::protocol::{AMQPClass, channel};
    use proptest::prelude::*;

    #[test]
    fn frames_are_counted() {
        let open = AMQPClass::Channel(channel::AMQPMethod::Open(channel::Open {}));
        let mut bytes = encode_method(1, &open);
        bytes.extend(HEARTBEAT);
        bytes.extend(&encode_method(1, &open)[..5]);
        assert_eq!(read_frames(&bytes, 4096), 2);
    }

    #[test]
    fn names_of_certificates_are_counted() {
        let certificate = include_bytes!("../../../fuzz/seeds/certificate/agent.der");
        assert_eq!(read_certificate_names(certificate), 3);
        // Wherever it is damaged.
        for at in 0..certificate.len() {
            let mut damaged = certificate.to_vec();
            damaged[at] ^= 0x81;
            read_certificate_names(&damaged);
            read_certificate_names(&damaged[..at]);
        }
    }

    proptest! {
        #[test]
        fn foreign_bytes_never_panic(
            kind in prop_oneof![Just(1_u8), Just(2), Just(3), Just(8), any::<u8>()],
            class in prop_oneof![Just(10_u8), Just(20), Just(40), Just(50), Just(60), any::<u8>()],
            method in (0..13_u8).prop_map(|m| m * 10 + m % 2),
            arguments in proptest::collection::vec(any::<u8>(), 0..300),
        ) {
            let mut bytes = vec![kind, 0, 1];
            bytes.extend((arguments.len() as u32 + 4).to_be_bytes());
            bytes.extend([0, class, 0, method]);
            bytes.extend(arguments);
            bytes.push(0xCE);
            read_frames(&bytes, 4096);
        }
    }
}
