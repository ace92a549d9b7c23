//! Requests, and which packets answer them.

use super::echo::{HEADER, PAYLOAD, checksum};
use super::*;
use proptest::prelude::*;

fn echo(version: Version) -> Echo {
    Echo {
        version,
        identifier: Some(0x1234),
        sequence: 7,
        token: *b"\x01token\xff\x00",
    }
}

fn with_checksum(mut message: Vec<u8>) -> Vec<u8> {
    message[2..4].fill(0);
    let sum = checksum(&message);
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    message
}

/// The reply that a machine gives.
fn reply(echo: &Echo) -> Vec<u8> {
    let mut message = echo.packet().to_vec();
    message[0] = echo.version.reply();
    with_checksum(message)
}

/// An IPv4 packet with options of that many words.
fn ipv4(options: usize, content: &[u8]) -> Vec<u8> {
    let header = 20 + options * 4;
    let mut packet = vec![0; header];
    packet[0] = 0x40 | u8::try_from(header / 4).expect("short options");
    let total = u16::try_from(header + content.len()).expect("a short packet");
    packet[2..4].copy_from_slice(&total.to_be_bytes());
    packet[8] = 64;
    packet[9] = 1;
    packet.extend(content);
    packet
}

fn ipv6(content: &[u8]) -> Vec<u8> {
    let mut packet = vec![0; 40];
    packet[0] = 0x60;
    packet[6] = 58;
    packet.extend(content);
    packet
}

/// What a router says about a packet.
fn complaint(kind: u8, code: u8, about: &[u8]) -> Vec<u8> {
    let mut message = vec![kind, code, 0, 0, 0, 0, 0, 0];
    message.extend(about);
    with_checksum(message)
}

#[test]
fn a_request_has_the_size_of_the_originals_and_a_right_checksum() {
    let packet = echo(Version::V4).packet();
    assert_eq!(packet.len(), 53);
    assert_eq!(packet[..2], [8, 0]);
    assert_eq!(packet[4..8], [0x12, 0x34, 0, 7]);
    assert_eq!(packet[HEADER..][..8], *b"\x01token\xff\x00");
    assert!(packet.ends_with(b"Ping!Pi"));
    assert_eq!(checksum(&packet), 0);
    assert_eq!(echo(Version::V6).packet()[0], 128);
}

#[test]
fn the_checksum_is_that_of_rfc_1071() {
    // The example in its section 3, and an odd number of bytes.
    assert_eq!(
        checksum(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]),
        !0xddf2
    );
    assert_eq!(checksum(&[0x01]), !0x0100);
    assert_eq!(checksum(&[]), 0xffff);
}

#[test]
fn only_the_reply_to_the_request_is_a_reply() {
    for version in [Version::V4, Version::V6] {
        let echo = echo(version);
        let good = reply(&echo);
        assert_eq!(Answer::of_message(&good, &echo), Answer::Reply);
        // Whatever is changed, it is no longer ours: type, code, identifier,
        // sequence, token, filling.
        for index in [0, 1, 4, 5, 6, 7, 8, 15, 16, 52] {
            let mut other = good.clone();
            other[index] ^= 0x40;
            assert_eq!(Answer::of_message(&other, &echo), Answer::Other, "{index}");
        }
        for length in 0..good.len() {
            assert_eq!(Answer::of_message(&good[..length], &echo), Answer::Other);
        }
        let longer = [good.as_slice(), b"x"].concat();
        assert_eq!(Answer::of_message(&longer, &echo), Answer::Other);
        // Its own request, which a raw socket on loopback hears too.
        assert_eq!(Answer::of_message(&echo.packet(), &echo), Answer::Other);
    }
}

#[test]
fn an_identifier_that_the_kernel_chose_is_not_compared() {
    let mut echo = echo(Version::V4);
    let answer = reply(&echo);
    echo.identifier = None;
    assert_eq!(Answer::of_message(&answer, &echo), Answer::Reply);
    echo.sequence += 1;
    assert_eq!(Answer::of_message(&answer, &echo), Answer::Other);
}

#[test]
fn raw_packets_have_headers_of_any_length_and_a_checksum() {
    let echo = echo(Version::V4);
    let good = reply(&echo);
    for options in [0, 1, 10] {
        assert_eq!(Answer::of_ipv4(&ipv4(options, &good), &echo), Answer::Reply);
    }
    // Padding of the link is not part of the packet.
    let mut padded = ipv4(0, &good);
    padded.extend([0; 7]);
    assert_eq!(Answer::of_ipv4(&padded, &echo), Answer::Reply);

    let mut damaged = ipv4(0, &good);
    damaged[22] ^= 1;
    assert_eq!(Answer::of_ipv4(&damaged, &echo), Answer::Other);
    for (index, value) in [
        (0, 0x65),
        (0, 0x44),
        (0, 0x4f),
        (9, 17),
        (7, 1),
        (3, 255),
        (3, 10),
    ] {
        let mut other = ipv4(0, &good);
        other[index] = value;
        assert_eq!(Answer::of_ipv4(&other, &echo), Answer::Other, "{index}");
    }
    for length in 0..20 + good.len() {
        assert_eq!(
            Answer::of_ipv4(&ipv4(0, &good)[..length], &echo),
            Answer::Other
        );
    }
}

#[test]
fn what_routers_say_counts_when_it_is_about_the_request() {
    let request = echo(Version::V4);
    let sent = ipv4(0, &request.packet());
    for (kind, code) in [(3, 0), (3, 1), (3, 3), (3, 13), (11, 0), (11, 1)] {
        for shown in [28, 36, sent.len()] {
            let message = complaint(kind, code, &sent[..shown]);
            let packet = ipv4(0, &message);
            assert_eq!(Answer::of_ipv4(&packet, &request), Answer::Unreachable);
        }
    }
    let other_program = Echo {
        identifier: Some(0x4321),
        ..request.clone()
    };
    let other_attempt = Echo {
        sequence: 6,
        ..request.clone()
    };
    let other_token = Echo {
        token: [9; 8],
        ..request.clone()
    };
    for other in [other_program, other_attempt, other_token] {
        let message = complaint(3, 1, &ipv4(0, &other.packet()));
        assert_eq!(Answer::of_message(&message, &request), Answer::Other);
    }
    // A reply in it, too little of it, something else, too big.
    let cases = [
        complaint(3, 1, &ipv4(0, &reply(&request))),
        complaint(3, 1, &sent[..27]),
        complaint(3, 1, &[]),
        complaint(3, 4, &sent),
        complaint(5, 1, &sent),
    ];
    for message in cases {
        assert_eq!(Answer::of_message(&message, &request), Answer::Other);
    }
}

#[test]
fn what_routers_of_ipv6_say_counts_too() {
    let request = echo(Version::V6);
    let sent = ipv6(&request.packet());
    for (kind, code) in [(1, 0), (1, 1), (1, 3), (1, 4), (3, 0)] {
        let message = complaint(kind, code, &sent);
        assert_eq!(Answer::of_message(&message, &request), Answer::Unreachable);
    }
    let mut wrapped = sent.clone();
    wrapped[6] = 17;
    let cases = [
        complaint(2, 0, &sent),
        complaint(1, 0, &wrapped),
        complaint(1, 0, &sent[..47]),
        complaint(1, 0, &ipv4(0, &request.packet())),
    ];
    for message in cases {
        assert_eq!(Answer::of_message(&message, &request), Answer::Other);
    }
}

proptest! {
    #[test]
    fn a_reply_is_recognised_whatever_the_numbers(
        v6: bool, identifier: u16, sequence: u16, token: [u8; 8], options in 0usize..=10,
    ) {
        let version = if v6 { Version::V6 } else { Version::V4 };
        let echo = Echo { version, identifier: Some(identifier), sequence, token };
        let packet = echo.packet();
        prop_assert_eq!(packet.len(), HEADER + PAYLOAD);
        prop_assert_eq!(checksum(&packet), 0);
        prop_assert_eq!(Answer::of_message(&reply(&echo), &echo), Answer::Reply);
        if !v6 {
            prop_assert_eq!(Answer::of_ipv4(&ipv4(options, &reply(&echo)), &echo), Answer::Reply);
        }
    }

    #[test]
    fn any_single_damage_of_a_packet_is_noticed(index in 0usize..53, bit in 0u8..8) {
        let echo = echo(Version::V4);
        let mut message = reply(&echo);
        message[index] ^= 1 << bit;
        prop_assert_eq!(Answer::of_ipv4(&ipv4(0, &message), &echo), Answer::Other);
    }

    #[test]
    fn any_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        read_anything(&bytes);
    }
}
