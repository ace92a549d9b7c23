//! Making signatures and keys.

use std::path::Path;
use std::process::{Command, Stdio};

use mig_protocol::openpgp::{
    GpgSigner, KeyFileSigner, SignError, Signer, generate_investigator_key, generate_scheduler_key,
    inspect_key, line_to_packet, sign_action,
};
use mig_protocol::{Action, Fingerprint, Keyring, Time, parse_action, signing_string};
use pgp::composed::{
    ArmorOptions, Deserializable, KeyType, SecretKeyParamsBuilder, SignedSecretKey,
};
use pgp::crypto::ecc_curve::ECCCurve;
use pgp::types::{PlainSecretParams, SecretParams, Timestamp};
use rand_core::OsRng;

use crate::at;

fn then() -> Time {
    at("2024-03-01T10:05:00Z")
}

fn ring_of(public: &str) -> Keyring {
    let mut ring = Keyring::new();
    ring.add_armored(public.as_bytes()).expect("a key");
    ring
}

#[test]
fn a_generated_key_signs_in_the_originals_form() {
    let investigator =
        generate_investigator_key("Ana <ana@example.net>", None, then()).expect("a key");
    let scheduler = generate_scheduler_key(then()).expect("a key");
    assert_eq!(
        inspect_key(scheduler.public.as_bytes())
            .expect("a key")
            .user_ids,
        ["migscheduler (MIG Scheduler action signing key) <scheduler@mig>"]
    );
    for (key, algorithm) in [(investigator, 22), (scheduler, 1)] {
        let report = inspect_key(key.public.as_bytes()).expect("a key");
        assert_eq!(
            (report.fingerprint, report.warnings),
            (key.fingerprint, vec![])
        );
        let signer = KeyFileSigner::from_armored(key.secret.as_bytes(), None).expect("a signer");
        assert_eq!(signer.fingerprint(), key.fingerprint);

        let mut action = crate::action();
        sign_action(&mut action, &signer, then()).expect("signs");
        assert_eq!(
            ring_of(&key.public).verify_action(&action, then()),
            Ok(vec![key.fingerprint])
        );

        // New-format packet, version 4, binary, algorithm, SHA-256; hashed:
        // creation time (5 bytes, type 2), issuer key id (9 bytes, type 16).
        let packet = line_to_packet(&action.signatures()[0]).expect("a packet");
        let body = if packet[1] < 192 {
            &packet[2..]
        } else {
            &packet[3..]
        };
        assert_eq!(packet[0], 0xc2);
        assert_eq!(body[..6], [4, 0, algorithm, 8, 0, 16]);
        assert_eq!(body[6..8], [5, 2]);
        assert_eq!(
            body[8..12],
            u32::try_from(then().unix_seconds())
                .expect("a time")
                .to_be_bytes()
        );
        assert_eq!(body[12..14], [9, 16]);
        assert_eq!(body[14..22], key.fingerprint.key_id());
        assert_eq!(body[22..24], [0, 0], "nothing unhashed");
        assert!(
            action.signatures()[0].as_bytes()[action.signatures()[0].len() - 5] == b'=',
            "with its checksum"
        );
    }
}

/// Signs many texts: in one of some hundred signatures, a value starts with a
/// zero byte, which its packet leaves out.
#[test]
fn keys_of_every_accepted_kind_sign_and_verify() {
    let kinds = [
        (KeyType::Ed25519Legacy, 500),
        (KeyType::Ed25519, 500),
        (KeyType::Ed448, 5),
        (KeyType::ECDSA(ECCCurve::P256), 20),
        (KeyType::ECDSA(ECCCurve::P384), 5),
        (KeyType::ECDSA(ECCCurve::P521), 5),
    ];
    for (kind, texts) in kinds {
        let secret = SecretKeyParamsBuilder::default()
            .key_type(kind.clone())
            .can_certify(true)
            .can_sign(true)
            .created_at(Timestamp::from_secs(1_709_287_200))
            .primary_user_id("Ana <ana@example.net>".to_owned())
            .build()
            .expect("parameters")
            .generate(OsRng)
            .expect("a key");
        let armored = |key: pgp::errors::Result<Vec<u8>>| key.expect("armor");
        let public = secret.to_public_key();
        let mut ring = Keyring::new();
        ring.add_armored(&armored(public.to_armored_bytes(ArmorOptions::default())))
            .expect("a key");
        let secret = armored(secret.to_armored_bytes(ArmorOptions::default()));
        let signer = KeyFileSigner::from_armored(&secret, None).expect("a signer");
        for number in 0..texts {
            let text = format!("text {number}");
            let line = signer.sign_line(text.as_bytes(), then()).expect("signs");
            assert_eq!(
                ring.verify_line(text.as_bytes(), &line, then()),
                Ok(signer.fingerprint()),
                "{kind:?}: {text}"
            );
        }
    }
}

#[test]
fn a_second_signer_signs_the_same_text() {
    let keys = ["Ana <a@example.net>", "Ben <b@example.net>"]
        .map(|name| generate_investigator_key(name, None, then()).expect("a key"));
    let mut action = parse_action(
        br#"{"name":"n","target":"t","operations":[{"module":"file","parameters":{"b":1,"a":[2.0]},"want_compressed":true}]}"#,
    )
    .expect("an action");
    let mut ring = Keyring::new();
    for key in &keys {
        let signer = KeyFileSigner::from_armored(key.secret.as_bytes(), None).expect("a signer");
        sign_action(&mut action, &signer, then()).expect("signs");
        ring.add_armored(key.public.as_bytes()).expect("a key");
    }
    assert!(
        action.operations()[0].is_compressed,
        "compressed before the first signature"
    );
    let travelled =
        parse_action(&mig_protocol::to_go_json(&action).expect("json")).expect("an action");
    assert_eq!(
        ring.verify_action(&travelled, then()),
        Ok(keys.map(|key| key.fingerprint).to_vec())
    );
}

#[test]
fn what_would_be_rounded_or_ambiguous_is_not_signed() {
    let key = generate_investigator_key("Ana <a@example.net>", None, then()).expect("a key");
    let signer = KeyFileSigner::from_armored(key.secret.as_bytes(), None).expect("a signer");
    for json in [
        &br#"{"name":"n","operations":[{"parameters":9007199254740993}]}"#[..],
        br#"{"name":"n;target=all"}"#,
    ] {
        let mut action = parse_action(json).expect("an action");
        assert!(matches!(
            sign_action(&mut action, &signer, then()),
            Err(SignError::Refused(_))
        ));
        assert!(action.signatures().is_empty());
    }
}

#[test]
fn a_locked_key_opens_with_its_passphrase_only() {
    let key = generate_investigator_key("Ana <a@example.net>", Some("correct horse"), then())
        .expect("a key");
    for wrong in [None, Some(""), Some("battery staple")] {
        let error = KeyFileSigner::from_armored(key.secret.as_bytes(), wrong).expect_err("locked");
        assert!(
            matches!(error, SignError::Passphrase(fingerprint) if fingerprint == key.fingerprint),
            "{error}"
        );
    }
    let signer =
        KeyFileSigner::from_armored(key.secret.as_bytes(), Some("correct horse")).expect("opens");
    let line = signer.sign_line(b"text", then()).expect("signs");
    assert_eq!(
        ring_of(&key.public).verify_line(b"text", &line, then()),
        Ok(key.fingerprint)
    );
    assert!(!format!("{signer:?}{key:?}").contains("PRIVATE"));
}

#[test]
fn what_is_not_a_secret_key_is_refused_by_name() {
    let directory = tempfile::tempdir().expect("a directory");
    let missing = directory.path().join("missing.asc");
    let error = KeyFileSigner::from_file(&missing, None)
        .expect_err("missing")
        .to_string();
    assert!(error.contains("missing.asc"), "{error}");
    for wrong in [crate::data("rsa.pub.asc"), b"text".to_vec(), vec![]] {
        assert!(matches!(
            KeyFileSigner::from_armored(&wrong, None),
            Err(SignError::NotSecretKey(_))
        ));
    }
    let key = generate_investigator_key("Ana <a@example.net>", None, then()).expect("a key");
    std::fs::write(&missing, &key.secret).expect("write");
    assert_eq!(
        KeyFileSigner::from_file(&missing, None)
            .expect("a signer")
            .fingerprint(),
        key.fingerprint
    );
}

/// Runs a command that must succeed and returns what it prints.
fn printed_by(command: &mut Command) -> String {
    let output = command.output().expect("it runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {errors}");
    String::from_utf8(output.stdout).expect("text")
}

/// GnuPG's home for one test; its agent ends with it.
struct GpgHome(tempfile::TempDir);

impl GpgHome {
    /// None, reported as a skip, when there is no gpg.
    fn new() -> Option<GpgHome> {
        if Command::new("gpg")
            .arg("--version")
            .stdout(Stdio::null())
            .status()
            .is_err()
        {
            mig_testkit::skip("gpg is not installed");
            return None;
        }
        let home = GpgHome(
            tempfile::Builder::new()
                .prefix("gpg")
                .tempdir()
                .expect("a directory"),
        );
        let open = <std::fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o700);
        std::fs::set_permissions(home.path(), open).expect("chmod");
        // gpg waits five seconds for an agent that it starts itself; this is over
        // when the agent listens.
        let agent = Command::new("gpg-agent")
            .arg("--homedir")
            .arg(home.path())
            .args(["--quiet", "--daemon"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        assert!(agent.expect("an agent").success());
        Some(home)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn import(&self, armored: &str, passphrase: &str) {
        let file = self.path().join("import.asc");
        std::fs::write(&file, armored).expect("write");
        let quiet = [
            "--batch",
            "--pinentry-mode",
            "loopback",
            "--passphrase",
            passphrase,
        ];
        printed_by(self.gpg(&quiet).arg("--import").arg(&file));
    }

    fn gpg(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("gpg");
        command
            .arg("--homedir")
            .arg(self.path())
            .args(arguments)
            .stdin(Stdio::null());
        command
    }
}

impl Drop for GpgHome {
    fn drop(&mut self) {
        let _ = Command::new("gpgconf")
            .arg("--homedir")
            .arg(self.path())
            .args(["--kill", "all"])
            .status();
    }
}

#[test]
fn the_primes_of_a_generated_key_stand_in_the_order_that_gpg_relies_on() {
    for _ in 0..4 {
        let key = generate_scheduler_key(then()).expect("a key");
        let (key, _) = SignedSecretKey::from_string(&key.secret).expect("a secret key");
        let SecretParams::Plain(PlainSecretParams::RSA(rsa)) = key.primary_key.secret_params()
        else {
            panic!("a scheduler's key is RSA without a passphrase");
        };
        let (_, p, q, _) = rsa.to_bytes();
        assert!((p.len(), p) < (q.len(), q));
    }
}

#[test]
fn gpg_signs_with_keys_made_here_and_verifies_what_is_signed_here() {
    let Some(home) = GpgHome::new() else { return };
    for (key, passphrase) in [
        (
            generate_investigator_key("Ana <a@example.net>", None, then()).expect("a key"),
            None,
        ),
        (
            generate_investigator_key("Ben <b@example.net>", Some("open sesame"), then())
                .expect("a key"),
            Some("open sesame"),
        ),
        (generate_scheduler_key(then()).expect("a key"), None),
    ] {
        home.import(&key.secret, passphrase.unwrap_or_default());
        let mut by_gpg = GpgSigner::new(Some(home.path()), key.fingerprint);
        if let Some(passphrase) = passphrase {
            by_gpg = by_gpg.with_passphrase(passphrase);
        }
        let mut action = crate::action();
        sign_action(&mut action, &by_gpg, Time::now()).expect("gpg signs");
        assert_eq!(
            ring_of(&key.public).verify_action(&action, Time::now()),
            Ok(vec![key.fingerprint])
        );

        let signer =
            KeyFileSigner::from_armored(key.secret.as_bytes(), passphrase).expect("a signer");
        let (text, signature) = (home.path().join("text"), home.path().join("text.sig"));
        let signed = signing_string(&action);
        std::fs::write(&text, &signed).expect("write");
        std::fs::write(
            &signature,
            signer
                .sign_packet(signed.as_bytes(), then())
                .expect("signs"),
        )
        .expect("write");
        printed_by(home.gpg(&["--verify"]).arg(&signature).arg(&text));
    }
}

#[test]
fn gpg_signs_with_a_curve_that_needs_a_longer_hash() {
    let Some(home) = GpgHome::new() else { return };
    let user = "Cleo <c@example.net>";
    let make = ["--batch", "--passphrase", "", "--quick-gen-key"];
    printed_by(home.gpg(&make).args([user, "nistp384", "sign"]));
    let public = printed_by(&mut home.gpg(&["--armor", "--export", user]));
    let key = inspect_key(public.as_bytes()).expect("a key").fingerprint;
    let mut action = crate::action();
    sign_action(
        &mut action,
        &GpgSigner::new(Some(home.path()), key),
        Time::now(),
    )
    .expect("gpg signs");
    assert_eq!(
        ring_of(&public).verify_action(&action, Time::now()),
        Ok(vec![key])
    );
}

#[test]
fn a_signing_sub_key_in_gpg_counts_for_its_primary_key() {
    let Some(home) = GpgHome::new() else { return };
    let quiet = [
        "--batch",
        "--quiet",
        "--pinentry-mode",
        "loopback",
        "--passphrase",
        "",
    ];
    let run = |arguments: &[&str]| printed_by(home.gpg(&quiet).args(arguments));
    run(&[
        "--quick-gen-key",
        "Master <m@example.net>",
        "ed25519",
        "cert",
        "never",
    ]);
    let listing = run(&["--with-colons", "--list-keys"]);
    let fingerprint = listing
        .lines()
        .find_map(|line| line.strip_prefix("fpr:::::::::"))
        .expect("a fingerprint")
        .trim_end_matches(':');
    run(&["--quick-add-key", fingerprint, "ed25519", "sign", "never"]);
    let public = run(&["--armor", "--export", fingerprint]);

    let primary: Fingerprint = fingerprint.parse().expect("a fingerprint");
    let mut action = crate::action();
    sign_action(
        &mut action,
        &GpgSigner::new(Some(home.path()), primary),
        Time::now(),
    )
    .expect("gpg signs");
    assert_eq!(
        ring_of(&public).verify_action(&action, Time::now()),
        Ok(vec![primary])
    );

    let stub = run(&["--armor", "--export-secret-subkeys", fingerprint]);
    let error = KeyFileSigner::from_armored(stub.as_bytes(), None).expect_err("a stub");
    assert!(matches!(error, SignError::NoSecret(_)), "{error}");
}

#[test]
fn gpgs_reasons_are_passed_on_in_one_line() {
    let nobody = Fingerprint([7; 20]);
    let missing = GpgSigner::new(None, nobody).with_program("/nonexistent/gpg");
    let error = missing
        .sign_packet(b"text", then())
        .expect_err("missing")
        .to_string();
    assert!(
        error.contains("/nonexistent/gpg") && error.contains("install GnuPG"),
        "{error}"
    );

    let Some(home) = GpgHome::new() else { return };
    let error = GpgSigner::new(Some(home.path()), nobody)
        .sign_packet(b"text", then())
        .expect_err("unknown")
        .to_string();
    assert!(
        error.contains("0707070707070707") && error.lines().count() == 1,
        "{error}"
    );
    assert_eq!(Action::default().signatures().len(), 0);
}
