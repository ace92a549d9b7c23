//! Which signatures count.

use mig_protocol::openpgp::{
    KeyError, VerifyError, armor_to_line, inspect_key, line_to_armor, line_to_packet,
};
use mig_protocol::{Action, Keyring, Time, parse_action, signing_string};
use proptest::prelude::*;
use sha2::{Digest, Sha256};

use crate::{at, data, text};

const VECTOR_FINGERPRINT: &str = "3828BBB5E3B923A93078EE8CFE7FB8600243F14D";
const VECTOR_KEY: &str = "-----BEGIN PGP PUBLIC KEY BLOCK-----

xsBNBGXgccABCAC4XGs9DGxlfU0PWJdv8WETt/p3U+CbLkLuKcpd74fL3Ma1cTGL
Q40aYwB5s3BQVZ7HKItjT0WJC8xVGFcUV+7vuOSx3QjJQx5b7ojAHub7o4br/PgI
D+s1YbN22554x09Y79D7YAw4JS6BlSu6oZsKz43+VgAWBJY5j58IiUmr3jRc9bfX
Sl9fUNj18HxYWDfs3NzVbPMhZblOS0Wnd2tA7u7xCTALftZBVw7hte3UzxU/In1c
4cMyuLFW9N6pIQu82Lez775vl+p+kkQIu1/ITjz+olsB2mSZJ5ceS9RHparg9PLJ
BmmtWM5sYQsylm0/qx0A+GhGRmEQyjzcMe8FABEBAAHNJE1JRyBUZXN0IFZlY3Rv
ciA8dmVjdG9yQGV4YW1wbGUubmV0PsLAYgQTAQgAFgUCZeBxwAkQ/n+4YAJD8U0C
GwMCGQEAAG0JCABIQG1nm1SejBSo5ZnEH+sOcgt9pFxi/OIuRNSRY6rFI9OEUYkr
AqK12DH9KonD1ZWs2mCTyui5dPrDaTY4j/5r/58LfLOHtC75r5DIuXL8aslXDmFD
R8F7jdl8DC4LdgB5uurgHfkirlXLByL77/qj8D5YVOhltyqZ7fGbGK2AmfeH1kLr
YN393Wn/k0c1dqmhgBY2n4hHDuN2l2rl32Ma3Sue02q7tyTp9gueKPzRZseP4cBi
Z0cBW5uy/VhJrHEX+kGyAW4Bt6E5IcclCjsoXhkj3O7rJ55WA+X/vEBfGQ2XGyls
9eWbJ9WYtcI30XgBTqhgdw5uA+QmGZKirT01
=vaqf
-----END PGP PUBLIC KEY BLOCK-----
";
const VECTOR_ACTION: &str = r#"{"name":"vector <1> & \"quoted\"","target":"tags->>'operator'='it'",
 "validfrom":"2024-03-01T12:00:00.5+02:00","expireafter":"2024-03-01T11:00:00Z",
 "operations":[{"module":"file","parameters":{"searches":{"s1":{"paths":["/etc"],
   "names":["^passwd$"],"options":{"maxdepth":2.0,"matchall":true}}}}}],"syntaxversion":2}"#;
const VECTOR_STRING: &str = r#"name=vector <1> & "quoted";target=tags->>'operator'='it';validfrom=1709287200;expireafter=%!s(int64=1709290800);operations=[{"module":"file","parameters":{"searches":{"s1":{"names":["^passwd$"],"options":{"matchall":true,"maxdepth":2},"paths":["/etc"]}}}}];"#;
const VECTOR_SIGNATURE: &str = "wsBcBAABCAAQBQJl4abkCRD+f7hgAkPxTQAAU9gIAHiIjAGVEB4WBeGG6/62XfX9VNNLeMG0zeiPwycf8SECiF+iB4BmwyCYFO7lLu5Yx2Vju7S7+wRZiW3sn7JqKxc12bihj0Y14Xqr0WFoyamx1y2AVU06F6asreq76JLvhzThn19zQUnlzMzjeS0fQlBaVazJ4n/sK7/WLQzUCXPFEaAtuWIoNzLc5Oin3lldgAN2cyIjm84IP67mDYCq/lrxI1lMBrWNMorALQlEAuzisa1PX96XH1HjvIg5kJigFW34ri0VzAeMShvcmUw9SUsq0kaMKCh/cLy8eMh2EH439bAm5CfeKl6iyLTB0mddTkaXexTO8zVskcP7OQ7ob/0==JRgI";

/// Shortly after the committed signatures were made.
fn then() -> Time {
    at("2024-03-01T10:05:00Z")
}

fn ring(keys: &[&str]) -> Keyring {
    let mut ring = Keyring::new();
    for key in keys {
        ring.add_armored(&data(&format!("{key}.pub.asc")))
            .unwrap_or_else(|error| panic!("{key}: {error}"));
    }
    ring
}

/// The committed action with some of the committed signatures.
fn signed(signatures: &[&str]) -> Action {
    let line = |name: &&str| {
        armor_to_line(&text(&format!("{name}.sig")))
            .unwrap_or_else(|error| panic!("{name}: {error}"))
    };
    Action {
        pgpsignatures: Some(signatures.iter().map(line).collect()),
        ..crate::action()
    }
}

/// Verifies one committed signature with the committed key of that name.
fn verdict(key: &str, signature: &str, now: Time) -> Result<String, VerifyError> {
    let verified = ring(&[key]).verify_action(&signed(&[signature]), now);
    verified
        .map(|signers| signers[0].to_string())
        .map_err(|refused| refused.reason)
}

#[test]
fn a_signature_of_the_original_verifies() {
    let action = parse_action(VECTOR_ACTION.as_bytes()).expect("an action");
    assert_eq!(signing_string(&action), VECTOR_STRING);
    assert_eq!(VECTOR_STRING.len(), 257);
    let digest = hex::encode(Sha256::digest(VECTOR_STRING));
    assert_eq!(
        digest,
        "a20e8c3bbf39003fa6a01d9ba553a6b2d0cfbefa57da1f3a4a3bb29480c560e0"
    );

    let mut ring = Keyring::new();
    let report = ring.add_armored(VECTOR_KEY.as_bytes()).expect("a key");
    assert_eq!(report.fingerprint.to_string(), VECTOR_FINGERPRINT);
    assert_eq!(
        (report.user_ids, report.warnings),
        (
            vec!["MIG Test Vector <vector@example.net>".to_owned()],
            vec![]
        )
    );
    let action = Action {
        pgpsignatures: Some(vec![VECTOR_SIGNATURE.to_owned()]),
        ..action
    };
    assert_eq!(
        ring.verify_action(&action, then()).expect("verifies")[0].to_string(),
        VECTOR_FINGERPRINT
    );
    assert_eq!(
        armor_to_line(&line_to_armor(VECTOR_SIGNATURE).expect("armor")).as_deref(),
        Ok(VECTOR_SIGNATURE)
    );
}

#[test]
fn signatures_by_gnupg_verify_and_name_the_primary_key() {
    let cases = [
        ("rsa", "rsa", "9C79E86DEA74C2BDE509991D374B45D168A42851"),
        (
            "rsa",
            "rsa-text",
            "9C79E86DEA74C2BDE509991D374B45D168A42851",
        ),
        ("ed", "ed", "EE0434D1A96DBBB0A9C27AC2927611A06419D02F"),
        (
            "ed-shortvalue",
            "ed-short-r",
            "7631867F8F82A46D2F65F014127AA00F8CDFFC4A",
        ),
        (
            "ed-shortvalue",
            "ed-short-s",
            "7631867F8F82A46D2F65F014127AA00F8CDFFC4A",
        ),
        // Made by the sub-key.
        (
            "master",
            "master",
            "ED23E38B4E5ED966F6158D8F9394750D6C0637C5",
        ),
        ("old", "old", "4DA879BA07DAB6AC6BD49C5BB2ACE70B9D8E94C6"),
        ("short", "short", "7D80FF81D1C6B4769AB0FCBC00CBCB5C7C405C5C"),
        ("gone", "gone", "E67EA989D898AED0CCB0EB732FF99D953FF7CEE2"),
    ];
    for (key, signature, fingerprint) in cases {
        assert_eq!(
            verdict(key, signature, then()).as_deref(),
            Ok(fingerprint),
            "{key}"
        );
    }
    let signers = ring(&["ed", "rsa", "old"])
        .verify_action(&signed(&["rsa", "ed"]), then())
        .expect("verifies");
    assert_eq!(
        signers.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [cases[0].2, cases[2].2]
    );
}

#[test]
fn policy_refuses_what_is_weak_expired_or_revoked() {
    let cases: [(&str, &str, &str, &str); 7] = [
        ("dsa", "dsa", "2024-03-01T10:05:00Z", "DSA keys are refused"),
        (
            "rsa",
            "rsa-sha1",
            "2024-03-01T10:05:00Z",
            "SHA1 are refused",
        ),
        ("gone-revoked", "gone", "2024-03-01T10:05:00Z", "is revoked"),
        (
            "short",
            "short",
            "2024-03-03T10:05:00Z",
            "expired at 2024-03-02T",
        ),
        (
            "rsa",
            "rsa-expiring",
            "2035-03-01T10:05:00Z",
            "expired at 2034-01",
        ),
        (
            "rsa",
            "ed",
            "2024-03-01T10:05:00Z",
            "signature made by unknown entity: key 927611A06419D02F",
        ),
        (
            "rsa",
            "master",
            "2024-03-01T10:05:00Z",
            "signature made by unknown entity: key 809139F91FBDA85A",
        ),
    ];
    for (key, signature, now, expected) in cases {
        let error = verdict(key, signature, at(now))
            .expect_err(expected)
            .to_string();
        assert!(
            error
                .to_uppercase()
                .replace('-', "")
                .contains(&expected.to_uppercase().replace('-', "")),
            "{key}: {error}"
        );
        assert_eq!(error.lines().count(), 1);
    }
    assert!(verdict("rsa", "rsa-expiring", then()).is_ok());
}

#[test]
fn one_bad_signature_refuses_the_action_whatever_the_others_say() {
    let ring = ring(&["rsa", "ed"]);
    let refused = ring
        .verify_action(&signed(&["rsa", "ed", "old"]), then())
        .expect_err("old is unknown");
    assert_eq!(refused.number, 3);
    assert!(
        refused
            .to_string()
            .starts_with("signature 3: signature made by unknown entity"),
        "{refused}"
    );

    let mut altered = signed(&["rsa", "ed"]);
    altered.target.push(' ');
    let refused = ring.verify_action(&altered, then()).expect_err("altered");
    assert!(matches!(refused.reason, VerifyError::Bad(_)), "{refused}");
    assert_eq!(
        ring.verify_action(&crate::action(), then()),
        Ok(vec![]),
        "no signature, no signer"
    );
}

#[test]
fn an_action_cannot_make_a_verifier_work_for_long() {
    let mut action = signed(&["ed"]);
    action.pgpsignatures = Some(vec![action.signatures()[0].clone(); 65]);
    let refused = ring(&["ed"])
        .verify_action(&action, then())
        .expect_err("too many");
    assert_eq!(refused.reason, VerifyError::TooMany);
}

#[test]
fn every_signed_part_counts_and_no_other() {
    let ring = ring(&["rsa"]);
    type Change = fn(&mut Action);
    let signed_parts: [Change; 5] = [
        |action| action.name.push('x'),
        |action| action.validfrom = at("2024-03-01T10:00:01Z"),
        |action| action.expireafter = at("2024-03-01T10:10:01Z"),
        |action| {
            action.operations.as_mut().expect("operations")[0]
                .module
                .push('x')
        },
        |action| action.operations = Some(vec![]),
    ];
    for change in signed_parts {
        let mut action = signed(&["rsa"]);
        change(&mut action);
        assert!(ring.verify_action(&action, then()).is_err());
    }
    let unsigned_parts: [Change; 3] = [
        |action| action.id = 7.into(),
        |action| action.description.author.clear(),
        |action| action.validfrom = at("2024-03-01T10:00:00.9Z"),
    ];
    for change in unsigned_parts {
        let mut action = signed(&["rsa"]);
        change(&mut action);
        assert!(ring.verify_action(&action, then()).is_ok());
    }
}

#[test]
fn what_is_not_one_signature_of_a_document_is_refused() {
    let ring = ring(&["rsa"]);
    let packet = line_to_packet(&signed(&["rsa"]).signatures()[0]).expect("a packet");
    let twice = [packet.clone(), packet.clone()].concat();
    let trailed = [packet.clone(), vec![0]].concat();
    let cut = packet[..packet.len() - 1].to_vec();
    for broken in [
        twice,
        trailed,
        cut,
        vec![],
        vec![0xff],
        b"text".to_vec(),
        packet[1..].to_vec(),
    ] {
        let error = ring
            .verify_packet(b"x", &broken, then())
            .expect_err("malformed");
        assert!(matches!(error, VerifyError::Malformed(_)), "{error}");
    }
    // What a key says about keys must not pass as a signature of a document. Here the
    // digest would not fit either, but it does not come to that.
    let mut other_type = packet.clone();
    let position = other_type
        .windows(3)
        .position(|bytes| bytes == [4, 0, 1])
        .expect("version 4, binary, RSA")
        + 1;
    for (kind, name) in [
        (0x10, "CertGeneric"),
        (0x13, "CertPositive"),
        (0x18, "SubkeyBinding"),
        (0x1f, "Key"),
        (0x20, "KeyRevocation"),
        (0x40, "Timestamp"),
        (0x50, "ThirdParty"),
    ] {
        other_type[position] = kind;
        let reason = format!("a signature of type {name} is not a signature of a document");
        assert_eq!(
            ring.verify_packet(b"x", &other_type, then()),
            Err(VerifyError::Unacceptable(reason))
        );
    }
}

#[test]
fn keyrings_take_exactly_one_key_each_and_say_what_is_weak() {
    let report = |name: &str| inspect_key(&data(&format!("{name}.pub.asc"))).expect(name);
    assert!(
        report("rsa").warnings.is_empty()
            && report("ed").warnings.is_empty()
            && report("master").warnings.is_empty()
    );
    assert!(report("old").warnings[0].contains("SHA-1"));
    assert!(report("gone-revoked").warnings[0].contains("revoked"));
    assert!(report("dsa").warnings[0].contains("DSA"));

    assert!(matches!(
        inspect_key(&data("two.pub.asc")),
        Err(KeyError::Entities(2))
    ));
    let both = [data("rsa.pub.asc"), data("ed.pub.asc")].concat();
    assert!(matches!(inspect_key(&both), Err(KeyError::Blocks(2))));
    assert!(matches!(inspect_key(b"no key"), Err(KeyError::Blocks(0))));
    assert!(matches!(
        inspect_key(&data("rsa.sig")),
        Err(KeyError::Blocks(0))
    ));
    assert!(matches!(
        inspect_key(&vec![b'x'; 2 << 20]),
        Err(KeyError::TooLarge(_))
    ));
    let mut damaged = text("rsa.pub.asc");
    let middle = damaged.len() / 2;
    damaged.replace_range(
        middle..=middle,
        if &damaged[middle..=middle] == "A" {
            "B"
        } else {
            "A"
        },
    );
    assert!(inspect_key(damaged.as_bytes()).is_err());
}

#[test]
fn of_two_copies_of_a_key_the_revoked_one_counts() {
    for order in [["gone", "gone-revoked"], ["gone-revoked", "gone"]] {
        let ring = ring(&order);
        assert_eq!(ring.len(), 1);
        let refused = ring
            .verify_action(&signed(&["gone"]), then())
            .expect_err("revoked");
        assert!(
            matches!(refused.reason, VerifyError::KeyRevoked(_)),
            "{refused}"
        );
    }
    let mut ring = ring(&["rsa", "ed"]);
    let first = ring.fingerprints().next().expect("a key");
    assert!(ring.remove(&first) && !ring.remove(&first));
    assert_eq!(ring.len(), 1);
    assert!(format!("{ring:?}").contains("EE0434D1A96DBBB0A9C27AC2927611A06419D02F"));
}

#[test]
fn a_directory_of_keys_loads_with_a_remark_for_each_bad_or_weak_file() {
    let directory = tempfile::tempdir().expect("a directory");
    for key in ["rsa", "ed", "old", "two"] {
        let name = format!("{key}.pub.asc");
        std::fs::write(directory.path().join(&name), data(&name)).expect("write");
    }
    std::fs::write(directory.path().join("notes"), "not a key").expect("write");
    std::fs::create_dir(directory.path().join("subdirectory")).expect("create");
    let (ring, remarks) = Keyring::load_directory(directory.path()).expect("loads");
    assert_eq!(ring.len(), 3);
    let told: Vec<_> = remarks
        .iter()
        .map(|remark| {
            (
                remark
                    .path
                    .file_name()
                    .expect("a name")
                    .to_string_lossy()
                    .into_owned(),
                remark.skipped,
            )
        })
        .collect();
    let expected = [
        ("notes", true),
        ("old.pub.asc", false),
        ("subdirectory", true),
        ("two.pub.asc", true),
    ];
    assert_eq!(
        told,
        expected.map(|(name, skipped)| (name.to_owned(), skipped))
    );

    let missing = Keyring::load_directory(&directory.path().join("none")).expect_err("missing");
    assert_eq!(missing.source.kind(), std::io::ErrorKind::NotFound);
    assert!(missing.to_string().contains("/none: "), "{missing}");
}

proptest! {
    #[test]
    fn a_damaged_signature_never_verifies(at in 0_usize..1000, bit in 0_u8..8) {
        let action = signed(&["ed"]);
        let data = signing_string(&action);
        let mut packet = line_to_packet(&action.signatures()[0]).expect("a packet");
        // The unhashed part only hints at the key, and lengths have several
        // spellings, so the damage is done to the hashed part and to the number
        // at the end.
        let hashed = 2..8 + usize::from(u16::from_be_bytes([packet[6], packet[7]]));
        let number = packet.len() - 24..packet.len();
        let places: Vec<usize> = hashed.chain(number).collect();
        packet[places[at % places.len()]] ^= 1 << bit;
        prop_assert!(ring(&["ed"]).verify_packet(data.as_bytes(), &packet, then()).is_err());
    }

    #[test]
    fn any_bytes_as_key_or_signature_are_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let ring = ring(&["ed"]);
        prop_assert!(ring.verify_packet(b"x", &bytes, then()).is_err());
        let mut armored = b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n".to_vec();
        armored.extend_from_slice(base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &bytes).as_bytes());
        armored.extend_from_slice(b"\n-----END PGP PUBLIC KEY BLOCK-----\n");
        prop_assert!(inspect_key(&armored).is_err());
    }
}
