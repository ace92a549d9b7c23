//! Signatures on one line and in armor.

use mig_protocol::openpgp::{
    ArmorError, armor_to_line, line_to_armor, line_to_packet, packet_to_line,
};
use proptest::prelude::*;

use crate::text;

fn line() -> String {
    armor_to_line(&text("rsa.sig")).expect("a line")
}

#[test]
fn a_missing_checksum_is_accepted_and_a_wrong_one_is_not() {
    let line = line();
    let body = &line[..line.len() - 5];
    assert_eq!(line_to_packet(body), line_to_packet(&line));
    assert_eq!(
        packet_to_line(&line_to_packet(body).expect("a packet")),
        line,
        "it is always written"
    );
    assert_eq!(
        line_to_packet(&format!("{body}=AAAA")),
        Err(ArmorError::Checksum)
    );
    for broken in [
        "",
        "=",
        "====",
        "=AAAA",
        "A",
        "AAAA\nAAAA",
        "AA AA",
        "\u{e9}AAAA",
        "AAAA=\u{e9}AA",
    ] {
        assert!(line_to_packet(broken).is_err(), "{broken}");
    }
    assert!(matches!(
        line_to_packet(&"A".repeat(9000)),
        Err(ArmorError::TooLong(9000))
    ));
}

#[test]
fn armor_is_taken_off_with_either_line_ending_and_put_on_with_64_columns() {
    let armor = text("rsa.sig");
    let line = armor_to_line(&armor).expect("a line");
    assert_eq!(
        armor_to_line(&armor.replace('\n', "\r\n")).as_deref(),
        Ok(line.as_str())
    );
    let again = line_to_armor(&line).expect("armor");
    assert!(
        again.starts_with("-----BEGIN PGP SIGNATURE-----\n\n")
            && again.ends_with("\n-----END PGP SIGNATURE-----")
    );
    assert_eq!(again.lines().nth(2).map(str::len), Some(64));
    assert_eq!(armor_to_line(&again).as_deref(), Ok(line.as_str()));
    for broken in [
        "",
        "-----BEGIN PGP SIGNATURE-----",
        "x\n\nAAAA",
        "\n\n-----END",
    ] {
        assert!(armor_to_line(broken).is_err(), "{broken}");
    }
}

proptest! {
    #[test]
    fn any_packet_survives_the_line_and_the_armor(packet in prop::collection::vec(any::<u8>(), 1..600)) {
        let line = packet_to_line(&packet);
        prop_assert_eq!(line_to_packet(&line), Ok(packet.clone()));
        let body = &line[..line.len() - 5];
        prop_assert_eq!(line_to_packet(body), Ok(packet), "also without its checksum");
        let armor = line_to_armor(&line).expect("armor");
        prop_assert!(armor.lines().all(|line| line.len() <= 64));
        prop_assert_eq!(armor_to_line(&armor), Ok(line));
    }
}
