//! Tokens and API keys.

use std::collections::HashSet;
use std::time::Duration;

use mig_protocol::apikey::{StoredKey, generate_api_key, is_well_formed, random_alphanumerics};
use mig_protocol::openpgp::{KeyFileSigner, Signer, generate_investigator_key};
use mig_protocol::token::{DEFAULT_DURATION, TokenError, create_token, verify_token};
use mig_protocol::{Id, Keyring, Time};

use crate::at;

fn signer() -> (KeyFileSigner, Keyring) {
    let key = generate_investigator_key("Ana <ana@example.net>", None, at("2024-03-01T09:00:00Z"))
        .expect("a key");
    let mut ring = Keyring::new();
    ring.add_armored(key.public.as_bytes()).expect("a key");
    (
        KeyFileSigner::from_armored(key.secret.as_bytes(), None).expect("a signer"),
        ring,
    )
}

#[test]
fn a_token_authenticates_its_signer_within_its_window() {
    let (signer, ring) = signer();
    let made = at("2024-03-01T10:00:00.75Z");
    let token = create_token(&signer, made, Id(28_044_140_937_216)).expect("a token");
    assert!(
        token.starts_with("1;2024-03-01T10:00:00Z;28044140937216;w"),
        "{token}"
    );
    let verdict = |now: &str| verify_token(&token, &ring, at(now), DEFAULT_DURATION);
    for inside in [
        "2024-03-01T10:00:00Z",
        "2024-03-01T09:50:00Z",
        "2024-03-01T10:10:00Z",
    ] {
        assert_eq!(verdict(inside), Ok(signer.fingerprint()), "{inside}");
    }
    for outside in ["2024-03-01T09:49:59Z", "2024-03-01T10:10:01Z"] {
        assert!(
            matches!(verdict(outside), Err(TokenError::OutsideWindow { .. })),
            "{outside}"
        );
    }
    assert!(
        verify_token(
            &token,
            &ring,
            at("2024-03-01T10:00:02Z"),
            Duration::from_secs(1)
        )
        .is_err()
    );
    assert!(matches!(
        verify_token(&token, &Keyring::new(), made, DEFAULT_DURATION),
        Err(TokenError::Signature(_))
    ));
}

#[test]
fn the_signature_covers_what_precedes_it_and_a_newline() {
    let (signer, ring) = signer();
    let now = at("2024-03-01T10:00:00Z");
    let with = |stated: &str, end: &str| {
        let line = signer
            .sign_line(format!("{stated}{end}").as_bytes(), now)
            .expect("signs");
        verify_token(&format!("{stated};{line}"), &ring, now, DEFAULT_DURATION)
    };
    assert!(with("1;2024-03-01T10:00:00Z;7", "\n").is_ok());
    assert!(
        with("1;2024-03-01T10:00:00.5Z;any nonce", "\n").is_ok(),
        "a fraction is part of the text"
    );
    assert!(matches!(
        with("1;2024-03-01T10:00:00Z;7", ""),
        Err(TokenError::Signature(_))
    ));
    assert!(matches!(
        with("2;2024-03-01T10:00:00Z;7", "\n"),
        Err(TokenError::Version(_))
    ));
    assert!(matches!(
        with("1;2024-03-01T10:00:00+00:00;7", "\n"),
        Err(TokenError::Time(_))
    ));
    assert!(matches!(
        with("1;2024-03-01;7", "\n"),
        Err(TokenError::Time(_))
    ));
    assert!(matches!(
        with("1;2024-03-01T10:00:00Z;7;8", "\n"),
        Err(TokenError::Form)
    ));
    for broken in [
        "",
        "1;2;3",
        ";;;",
        "1;2024-03-01T10:00:00Z;7;",
        &"1;".repeat(9000),
    ] {
        assert!(
            verify_token(broken, &ring, now, DEFAULT_DURATION).is_err(),
            "{broken}"
        );
    }
}

#[test]
fn an_api_key_matches_what_was_stored_of_it() {
    let key = generate_api_key().expect("a key");
    assert!(is_well_formed(&key), "{key}");
    let stored = StoredKey::new(&key).expect("a hash");
    assert!(stored.matches(&key));
    assert!(!stored.matches(&key.to_lowercase().replace('a', "b")) && !stored.matches(""));
    assert_ne!(
        StoredKey::new(&key).expect("a hash").hash,
        stored.hash,
        "salted"
    );
    let back = StoredKey::from_columns(&stored.hash, &stored.salt).expect("the right lengths");
    assert!(back.matches(&key));
    assert!(StoredKey::from_columns(&stored.hash[1..], &stored.salt).is_none());
    assert!(!format!("{stored:?}").contains("salt"));
}

#[test]
fn stored_keys_of_the_original_match() {
    // PBKDF2-HMAC-SHA256 with 4096 iterations and 32 bytes, as computed by
    // Python's hashlib.
    let hash = hex::decode("0b40281c374abbc187f6654a754c6f1aa1c93b7e82b2794b60bcec7459ca993f")
        .expect("hex");
    let salt = *b"0123456789abcdef";
    let stored = StoredKey::from_columns(&hash, &salt).expect("the right lengths");
    assert!(stored.matches("AbCdEfGhIjKlMnOpQrStUvWxYz012345"));
}

#[test]
fn random_texts_use_the_whole_alphabet_and_do_not_repeat() {
    let text = random_alphanumerics(20_000).expect("random");
    assert_eq!(text.len(), 20_000);
    assert_eq!(text.chars().collect::<HashSet<_>>().len(), 62);
    assert!(text.chars().all(|letter| letter.is_ascii_alphanumeric()));
    let keys: HashSet<_> = (0..100)
        .map(|_| generate_api_key().expect("a key"))
        .collect();
    assert_eq!(keys.len(), 100);
    assert_eq!(random_alphanumerics(0).expect("nothing"), "");
    assert!(!is_well_formed("short") && !is_well_formed(&"é".repeat(16)));
    assert!(Time::now() > Time::ZERO);
}
