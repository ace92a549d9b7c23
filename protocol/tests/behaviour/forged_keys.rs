//! Keys that somebody tampered with, and signatures of unusual form.

use mig_protocol::Keyring;
use mig_protocol::openpgp::{
    KeyError, KeyFileSigner, Signer, VerifyError, armor_to_line, inspect_key,
};
use pgp::composed::{
    ArmorOptions, Deserializable, EncryptionCaps, KeyType, SecretKeyParamsBuilder, SignedPublicKey,
    SignedSecretKey,
};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{
    Notation, PacketTrait, Signature, SignatureConfig, SignatureType, Subpacket, SubpacketData,
};
use pgp::ser::Serialize;
use pgp::types::{Duration, KeyDetails, Password, SigningKey, Timestamp, VerifyingKey};
use rand_core::OsRng;

use crate::{at, data, text};

const CREATED: u32 = 1_709_287_200;

fn public(name: &str) -> SignedPublicKey {
    SignedPublicKey::from_armor_single(data(name).as_slice())
        .expect("a key")
        .0
}

fn armored(key: &SignedPublicKey) -> Vec<u8> {
    key.to_armored_bytes(ArmorOptions::default())
        .expect("armor")
}

fn secret(can_sign: bool) -> SignedSecretKey {
    SecretKeyParamsBuilder::default()
        .key_type(KeyType::Ed25519Legacy)
        .can_certify(true)
        .can_sign(can_sign)
        .can_encrypt(EncryptionCaps::None)
        .created_at(Timestamp::from_secs(CREATED))
        .primary_user_id("Ana <ana@example.net>".to_owned())
        .build()
        .expect("parameters")
        .generate(OsRng)
        .expect("a key")
}

/// The verdict about a signature by a fresh key with these hashed sub-packets
/// after its creation time; `issuer` names the key or does not.
fn verdict(
    created: u32,
    issuer: impl Fn(&SignedSecretKey) -> Option<SubpacketData>,
    extra: Vec<Subpacket>,
) -> Result<(), VerifyError> {
    let secret = secret(true);
    let key = &secret.primary_key;
    let created = SubpacketData::SignatureCreationTime(Timestamp::from_secs(created));
    let mut config = SignatureConfig::v4(
        SignatureType::Binary,
        key.algorithm(),
        HashAlgorithm::Sha256,
    );
    config.hashed_subpackets = [Some(created), issuer(&secret)]
        .into_iter()
        .flatten()
        .map(|data| Subpacket::regular(data).expect("a packet"))
        .chain(extra)
        .collect();
    let signature = config
        .sign(key, &Password::empty(), &b"text"[..])
        .expect("signs");
    let mut packet = Vec::new();
    signature
        .to_writer_with_header(&mut packet)
        .expect("writes");

    let mut ring = Keyring::new();
    ring.add_armored(&armored(&secret.to_public_key()))
        .expect("a key");
    ring.verify_packet(b"text", &packet, at("2024-03-01T10:05:00Z"))
        .map(|_| ())
}

fn by_fingerprint(secret: &SignedSecretKey) -> Option<SubpacketData> {
    Some(SubpacketData::IssuerFingerprint(
        secret.primary_key.fingerprint(),
    ))
}

#[test]
fn a_sub_key_that_did_not_consent_does_not_sign_for_the_key() {
    let mut key = public("master.pub.asc");
    let mut ring = Keyring::new();
    ring.add_armored(&armored(&key)).expect("a key");
    let line = armor_to_line(&text("master.sig")).expect("a line");
    let signed = text("action.signing-string");
    assert!(
        ring.verify_line(signed.as_bytes(), &line, at("2024-03-01T10:05:00Z"))
            .is_ok()
    );

    // Without the sub-key's own signature anybody could adopt a foreign key.
    let binding = &mut key.public_subkeys[0].signatures[0];
    let embedded = |packet: &Subpacket| matches!(packet.data, SubpacketData::EmbeddedSignature(_));
    let place = binding
        .config()
        .expect("known")
        .unhashed_subpackets()
        .position(embedded)
        .expect("GnuPG puts it there");
    binding.unhashed_subpacket_remove(place).expect("removes");
    let mut ring = Keyring::new();
    ring.add_armored(&armored(&key))
        .expect("the primary key is still good");
    let error = ring
        .verify_line(signed.as_bytes(), &line, at("2024-03-01T10:05:00Z"))
        .expect_err("refused");
    assert!(matches!(error, VerifyError::KeyNotForSigning(_)), "{error}");
}

#[test]
fn a_foreign_sub_key_cannot_be_pasted_onto_a_key() {
    let mut key = public("rsa.pub.asc");
    key.public_subkeys = public("master.pub.asc").public_subkeys;
    let mut ring = Keyring::new();
    ring.add_armored(&armored(&key))
        .expect("the primary key is still good");
    let line = armor_to_line(&text("master.sig")).expect("a line");
    let signed = text("action.signing-string");
    assert!(
        ring.verify_line(signed.as_bytes(), &line, at("2024-03-01T10:05:00Z"))
            .is_err()
    );
}

#[test]
fn a_key_needs_a_user_that_it_certified_itself() {
    let mut bare = public("rsa.pub.asc");
    bare.details.users.clear();
    assert!(matches!(
        inspect_key(&armored(&bare)),
        Err(KeyError::NoSelfSignature(_))
    ));

    let mut foreign = public("rsa.pub.asc");
    foreign.details.users = public("old.pub.asc").details.users;
    assert!(matches!(
        inspect_key(&armored(&foreign)),
        Err(KeyError::NoSelfSignature(_))
    ));

    let mut renamed = public("rsa.pub.asc");
    renamed.details.users[0].id = public("ed.pub.asc").details.users[0].id.clone();
    assert!(matches!(
        inspect_key(&armored(&renamed)),
        Err(KeyError::NoSelfSignature(_))
    ));
}

#[test]
fn a_revocation_by_another_key_leaves_a_doubt_that_counts() {
    let mut doubtful = public("rsa.pub.asc");
    doubtful.details.revocation_signatures =
        public("gone-revoked.pub.asc").details.revocation_signatures;
    assert!(inspect_key(&armored(&doubtful)).expect("a key").warnings[0].contains("revoked"));
}

#[test]
fn a_key_that_may_only_certify_does_not_sign() {
    let secret = secret(false);
    let signer = KeyFileSigner::from_armored(
        &secret
            .to_armored_bytes(ArmorOptions::default())
            .expect("armor"),
        None,
    )
    .expect("a signer");
    let mut ring = Keyring::new();
    ring.add_armored(&armored(&secret.to_public_key()))
        .expect("a key");
    let now = at("2024-03-01T10:05:00Z");
    let line = signer.sign_line(b"text", now).expect("signs");
    assert!(matches!(
        ring.verify_line(b"text", &line, now),
        Err(VerifyError::KeyNotForSigning(_))
    ));
}

#[test]
fn a_signature_must_name_a_key_of_the_ring() {
    let by_key_id = |secret: &SignedSecretKey| {
        Some(SubpacketData::IssuerKeyId(
            secret.primary_key.legacy_key_id(),
        ))
    };
    assert_eq!(verdict(CREATED, by_key_id, vec![]), Ok(()));
    assert_eq!(verdict(CREATED, by_fingerprint, vec![]), Ok(()));
    assert_eq!(
        verdict(CREATED, |_| None, vec![]),
        Err(VerifyError::NoIssuer)
    );
    let stranger = secret(true);
    let by_stranger = verdict(CREATED, |_| by_fingerprint(&stranger), vec![]);
    assert!(matches!(by_stranger, Err(VerifyError::UnknownKey { .. })));
}

#[test]
fn times_and_critical_notations_of_a_signature_count() {
    assert!(matches!(
        verdict(CREATED - 1, by_fingerprint, vec![]),
        Err(VerifyError::OlderThanKey(_))
    ));

    let lasting = |seconds| {
        let data = SubpacketData::SignatureExpirationTime(Duration::from_secs(seconds));
        verdict(
            CREATED,
            by_fingerprint,
            vec![Subpacket::critical(data).expect("a packet")],
        )
    };
    assert_eq!(lasting(300), Ok(()));
    assert_eq!(lasting(0), Ok(()), "zero means never");
    assert!(matches!(
        lasting(299),
        Err(VerifyError::SignatureExpired { .. })
    ));

    let notation = SubpacketData::Notation(Notation {
        readable: true,
        name: "a@b".into(),
        value: "c".into(),
    });
    let ignorable = Subpacket::regular(notation.clone()).expect("a packet");
    assert_eq!(verdict(CREATED, by_fingerprint, vec![ignorable]), Ok(()));
    let critical = Subpacket::critical(notation).expect("a packet");
    let refused = verdict(CREATED, by_fingerprint, vec![critical]);
    assert!(matches!(refused, Err(VerifyError::Unacceptable(_))));
}

/// What a signature with this configuration signs, where it is of these bytes.
fn digest(config: &SignatureConfig, signed: &[u8]) -> Box<[u8]> {
    let mut hasher = config.hash_alg.new_hasher().expect("a hash");
    hasher.update(signed);
    let length = config.hash_signature_data(&mut hasher).expect("hashes");
    hasher.update(&config.trailer(length).expect("a trailer"));
    hasher.finalize()
}

/// Refused for its type and nothing else, as everything else about it fits.
fn refused_for_its_type(key: &SignedPublicKey, document: &[u8], signature: &Signature) {
    let config = signature.config().expect("known");
    let bytes = signature.signature().expect("known");
    key.primary_key
        .verify(config.hash_alg, &digest(config, document), bytes)
        .expect("the key did sign these bytes");
    let mut packet = Vec::new();
    signature
        .to_writer_with_header(&mut packet)
        .expect("writes");
    let mut ring = Keyring::new();
    ring.add_armored(&armored(key)).expect("a key");
    let reason = format!(
        "a signature of type {:?} is not a signature of a document",
        config.typ()
    );
    assert_eq!(
        ring.verify_packet(document, &packet, at("2024-03-01T10:05:00Z")),
        Err(VerifyError::Unacceptable(reason))
    );
}

#[test]
fn what_a_key_signed_in_another_sense_is_no_document_of_its_owner() {
    // Its own certification, of the key and the name as they are hashed for it.
    let key = public("rsa.pub.asc");
    let user = &key.details.users[0];
    let certification = &user.signatures[0];
    assert_eq!(certification.typ(), Some(SignatureType::CertPositive));
    let body = key.primary_key.to_bytes().expect("bytes");
    let name = user.id.id();
    let mut document = vec![0x99];
    document.extend(u16::try_from(body.len()).expect("short").to_be_bytes());
    document.extend(body);
    document.push(0xB4);
    document.extend(u32::try_from(name.len()).expect("short").to_be_bytes());
    document.extend(name);
    refused_for_its_type(&key, &document, certification);

    // A time stamp. Of such a one only the first byte is hashed, so it would hold for
    // every document that begins with it.
    let secret = secret(true);
    let owner = &secret.primary_key;
    let hash = HashAlgorithm::Sha256;
    let mut config = SignatureConfig::v4(SignatureType::Timestamp, owner.algorithm(), hash);
    let created = SubpacketData::SignatureCreationTime(Timestamp::from_secs(CREATED));
    config.hashed_subpackets = [Some(created), by_fingerprint(&secret)]
        .into_iter()
        .flatten()
        .map(|data| Subpacket::regular(data).expect("a packet"))
        .collect();
    let digest = digest(&config, b"t");
    let bytes = owner
        .sign(&Password::empty(), hash, &digest)
        .expect("signs");
    let stamp = Signature::from_config(config, [digest[0], digest[1]], bytes).expect("fits");
    refused_for_its_type(&secret.to_public_key(), b"t", &stamp);
}
