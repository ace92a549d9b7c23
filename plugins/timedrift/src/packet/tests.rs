//! Which packets are answers, and what they say.

use super::answer::Times;
use super::*;
use proptest::prelude::*;
use std::time::Duration;

const NONCE: [u8; 8] = *b"\x01nonce\xff\x00";
const SECOND: i128 = 1_000_000_000;
/// 2024-05-17 08:30:09 UTC.
const NOW: i128 = 1_715_934_609 * SECOND;

/// What a good server answers.
fn answer(received: i128, sent: i128) -> Vec<u8> {
    let mut packet = vec![0; 48];
    packet[0] = 3 << 3 | 4;
    packet[1] = 2;
    packet[24..32].copy_from_slice(&NONCE);
    put(&mut packet, 32, received);
    put(&mut packet, 40, sent);
    packet
}

fn put(packet: &mut [u8], at: usize, time: i128) {
    let stamp = Timestamp::of_unix_nanoseconds(time).0;
    packet[at..at + 8].copy_from_slice(&stamp.to_be_bytes());
}

fn read(packet: &[u8]) -> Answer {
    Answer::of(packet, NONCE, Duration::from_secs(1))
}

#[test]
fn a_question_says_nothing_but_its_nonce() {
    let packet = question(NONCE);
    assert_eq!(packet[0], 0x1b);
    assert!(packet[1..40].iter().all(|byte| *byte == 0));
    assert_eq!(packet[40..], NONCE);
}

#[test]
fn an_answer_tells_two_times() {
    let wanted = Answer::Good(Times {
        received: NOW,
        sent: NOW + 5,
    });
    let good = answer(NOW, NOW + 5);
    assert_eq!(read(&good), wanted);
    // Extensions and signatures follow.
    assert_eq!(read(&[good.as_slice(), &[7; 20]].concat()), wanted);
    for version in 1..=4u8 {
        let mut other = good.clone();
        other[0] = version << 3 | 4;
        assert_eq!(read(&other), wanted);
    }
    // A leap second is announced.
    let mut leap = good.clone();
    leap[0] |= 1 << 6;
    assert_eq!(read(&leap), wanted);
}

#[test]
fn what_is_no_answer_to_the_question_is_not_listened_to() {
    let good = answer(NOW, NOW);
    for length in 0..48 {
        assert_eq!(read(&good[..length]), Answer::NotOurs);
    }
    for index in 24..32 {
        let mut other = good.clone();
        other[index] ^= 1;
        assert_eq!(read(&other), Answer::NotOurs);
    }
    let mut empty = good;
    empty[24..32].fill(0);
    assert_eq!(read(&empty), Answer::NotOurs);
}

#[test]
fn useless_servers_are_refused_with_the_reason() {
    let change = |at: usize, bytes: &[u8]| {
        let mut packet = answer(NOW, NOW);
        packet[at..at + bytes.len()].copy_from_slice(bytes);
        packet
    };
    let unsynchronized = "says that its own clock is not synchronized";
    let far = "is more than 16s away from its own source of time";
    let contradiction = "answered with times that contradict each other";
    let cases = [
        (
            change(0, &[3 << 3 | 3]),
            "answered with mode 3 instead of 4",
        ),
        (
            change(0, &[3 << 3 | 5]),
            "answered with mode 5 instead of 4",
        ),
        (change(0, &[4]), "answered with NTP version 0"),
        (change(0, &[7 << 3 | 4]), "answered with NTP version 7"),
        (change(0, &[3 << 6 | 3 << 3 | 4]), unsynchronized),
        (change(1, &[16]), unsynchronized),
        (change(1, &[255]), unsynchronized),
        (change(1, &[0]), "refuses to serve: no reason given"),
        (change(4, &[0, 32, 0, 0]), far),
        (change(8, &[0, 16, 0, 0]), far),
        (change(4, &[255; 8]), far),
        (change(32, &[0; 8]), "answered without a time"),
        (change(40, &[0; 8]), "answered without a time"),
        (answer(NOW, NOW - 1), contradiction),
        (answer(NOW, NOW + 3 * SECOND), contradiction),
    ];
    for (packet, reason) in cases {
        assert_eq!(read(&packet), Answer::Useless(reason.to_owned()));
    }
    for (code, reason) in [
        (b"RATE", "refuses to serve: RATE, it was asked too often"),
        (b"DENY", "refuses to serve: DENY, access is denied"),
        (b"\x1b[2J", "refuses to serve: 2J"),
        (b"X\0\0\xff", "refuses to serve: X"),
    ] {
        let mut packet = change(1, &[0]);
        packet[12..16].copy_from_slice(code);
        assert_eq!(read(&packet), Answer::Useless(reason.to_owned()));
    }
}

#[test]
fn a_time_without_a_fraction_is_a_time() {
    let packet = answer(NOW, NOW);
    assert_eq!(packet[44..48], [0; 4], "a whole second");
    assert!(matches!(read(&packet), Answer::Good(_)));
}

#[test]
fn the_era_after_2036_is_understood() {
    let cases: [(u64, i128); 6] = [
        // The first time that NTP can be trusted with here, in 1968.
        (0x8000_0000_0000_0000, -61_505_152),
        (2_208_988_800 << 32, 0),
        (0xffff_ffff_0000_0000, 2_085_978_495),
        // 2036-02-07 06:28:16 UTC and the half second after it.
        (0x0000_0000_8000_0000, 2_085_978_496),
        (0x0000_0001_0000_0000, 2_085_978_497),
        (0x7fff_ffff_0000_0000, 4_233_462_143),
    ];
    for (stamp, seconds) in cases {
        let fraction = if stamp == 0x8000_0000 { SECOND / 2 } else { 0 };
        let wanted = seconds * SECOND + fraction;
        assert_eq!(Timestamp(stamp).unix_nanoseconds(), wanted, "{stamp:x}");
    }
}

#[test]
fn the_way_is_taken_out_of_the_difference() {
    // Half a second each way, one second in the server, local clock 100 s ahead.
    let times = Times {
        received: NOW + SECOND / 2,
        sent: NOW + 3 * SECOND / 2,
    };
    let asked = NOW + 100 * SECOND;
    assert_eq!(times.ahead(asked, Duration::from_secs(2)), 100 * SECOND);
    let asked = NOW - 100 * SECOND;
    assert_eq!(times.ahead(asked, Duration::from_secs(2)), -100 * SECOND);
}

proptest! {
    #[test]
    fn times_read_back(nanoseconds in -61_505_152 * SECOND + 1..4_233_462_143 * SECOND) {
        let stamp = Timestamp::of_unix_nanoseconds(nanoseconds);
        prop_assert_eq!(stamp.unix_nanoseconds(), nanoseconds);
    }

    #[test]
    fn the_difference_is_off_by_no_more_than_half_the_way(
        ahead in -1_000_000 * SECOND..1_000_000 * SECOND,
        there in 0..SECOND, inside in 0..SECOND, back in 0..SECOND,
    ) {
        let asked = NOW + ahead;
        let times = Times { received: NOW + there, sent: NOW + there + inside };
        let took = u64::try_from(there + inside + back).expect("a few seconds");
        let measured = times.ahead(asked, Duration::from_nanos(took));
        prop_assert!((measured - ahead).abs() <= (there + back) / 2 + 1);
    }

    #[test]
    fn any_bytes_are_answered(
        mut bytes in proptest::collection::vec(any::<u8>(), 0..120), ours: bool,
    ) {
        if ours && bytes.len() >= 56 {
            let (nonce, packet) = bytes.split_at_mut(8);
            packet[24..32].copy_from_slice(nonce);
        }
        read_anything(&bytes);
    }
}
