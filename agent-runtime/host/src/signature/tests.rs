use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signer as _, SigningKey};
use mig_protocol::Time;
use mig_protocol::openpgp::{
    GeneratedKey, KeyFileSigner, Signer, generate_investigator_key, line_to_armor,
};

use super::*;

const FILE: &[u8] = b"the bytes of a plugin";

struct Publisher {
    key: GeneratedKey,
    signer: KeyFileSigner,
}

fn publisher(name: &str, now: Time) -> Publisher {
    let key = generate_investigator_key(name, None, now).expect("generate");
    let signer = KeyFileSigner::from_armored(key.secret.as_bytes(), None).expect("signer");
    Publisher { key, signer }
}

fn bare(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

fn ring(parts: &[&[u8]]) -> PluginKeys {
    let mut keys = PluginKeys::new();
    for part in parts {
        keys.add(part).expect("a key");
    }
    keys
}

#[test]
fn every_written_form_of_a_signature_counts() {
    let now = Time::now();
    let publisher = publisher("Publisher <p@example.net>", now);
    let bare = bare(7);
    let line = publisher.signer.sign_line(FILE, now).expect("sign");
    let packet = publisher.signer.sign_packet(FILE, now).expect("sign");
    let armor = line_to_armor(&line).expect("armor");
    let raw = bare.sign(FILE).to_bytes();
    let key_line = STANDARD.encode(bare.verifying_key().to_bytes());
    let pem = format!(
        "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
        STANDARD.encode(
            [
                &[0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0][..],
                &bare.verifying_key().to_bytes()
            ]
            .concat()
        )
    );
    let openpgp = PublisherKey::OpenPgp(publisher.key.fingerprint);
    let ed25519 = PublisherKey::Ed25519(bare.verifying_key().to_bytes());
    let cases: [(&str, Vec<u8>, Vec<PublisherKey>); 6] = [
        ("one line", format!("{line}\n").into_bytes(), vec![openpgp]),
        ("armor", armor.clone().into_bytes(), vec![openpgp]),
        ("packet", packet, vec![openpgp]),
        ("raw", raw.to_vec(), vec![ed25519]),
        ("base64", STANDARD.encode(raw).into_bytes(), vec![ed25519]),
        (
            "several",
            format!("{armor}\n\n{}\n{line}\n", STANDARD.encode(raw)).into_bytes(),
            vec![openpgp, ed25519],
        ),
    ];
    for key in [key_line.as_bytes(), pem.as_bytes()] {
        let keys = ring(&[publisher.key.public.as_bytes(), key]);
        for (name, signatures, expected) in &cases {
            let signers = verify(FILE, signatures, &keys, 1, now);
            assert_eq!(&signers.expect(name), expected, "{name}");
        }
    }
}

#[test]
fn what_does_not_count_says_why() {
    let now = Time::now();
    let known = publisher("Known <k@example.net>", now);
    let stranger = publisher("Stranger <s@example.net>", now);
    let keys = ring(&[
        known.key.public.as_bytes(),
        STANDARD
            .encode(bare(7).verifying_key().to_bytes())
            .as_bytes(),
    ]);
    let line = known.signer.sign_line(FILE, now).expect("sign");
    let other = stranger.signer.sign_line(FILE, now).expect("sign");
    let elsewhere = known.signer.sign_line(b"another file", now).expect("sign");
    let foreign_raw = STANDARD.encode(bare(8).sign(FILE).to_bytes());
    for (name, signatures, required, part) in [
        ("empty", String::new(), 1, "holds no signature"),
        ("noise", "not base64!".to_owned(), 1, "not base64"),
        ("stranger", other, 1, "unknown entity"),
        ("another file", elsewhere, 1, "altered"),
        (
            "foreign ed25519",
            foreign_raw,
            1,
            "fits none of the plugin keys",
        ),
        (
            "same signer twice",
            format!("{line}\n{line}"),
            2,
            "1 of 2 required",
        ),
        ("nothing required", "AAAA".to_owned(), 0, "0 of 1 required"),
    ] {
        let error = verify(FILE, signatures.as_bytes(), &keys, required, now)
            .expect_err(name)
            .to_string();
        assert!(error.contains(part), "{name}: {error}");
        assert!(!error.contains('\n'), "{name}: {error}");
    }
}

#[test]
fn a_key_file_that_holds_no_key_is_named() {
    let directory = tempfile::tempdir().expect("tempdir");
    std::fs::write(directory.path().join("junk"), "hello").expect("write");
    let good = STANDARD.encode(bare(1).verifying_key().to_bytes());
    std::fs::write(directory.path().join("good.pub"), good).expect("write");
    let (keys, remarks) = PluginKeys::load(directory.path());
    assert_eq!(keys.len(), 1);
    assert_eq!(remarks.len(), 1, "{remarks:?}");
    assert!(remarks[0].path.ends_with("junk"));
    let (none, remarks) = PluginKeys::load(&directory.path().join("missing"));
    assert!(none.is_empty());
    assert_eq!(remarks.len(), 1);
}
