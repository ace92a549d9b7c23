//! One public key with its sub-keys, and what its own signatures say about them.
//!
//! Everything that needs arithmetic is checked once, when the key is loaded; what
//! depends on the time is looked up when a signature is verified.

use pgp::composed::{Deserializable, SignedPublicKey, SignedPublicSubKey};
use pgp::packet::{PublicKey, PublicSubkey, Signature, SignatureType, SubpacketData};
use pgp::types::{KeyDetails, Tag};

use super::fingerprint::Fingerprint;
use super::policy;

/// Largest key file that is read; keys collect signatures of others.
const MAX_KEY: usize = 1 << 20;

/// Why a key was not loaded.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file is larger than any key.
    #[error("the key has {0} bytes, at most {MAX_KEY} are allowed")]
    TooLarge(usize),
    /// There is no armored public key block, or there are several.
    #[error("the text must hold exactly one armored public key block, it holds {0}")]
    Blocks(usize),
    /// The block is not a key.
    #[error("the key cannot be read: {0}")]
    Unreadable(String),
    /// The block holds no key or several.
    #[error("the block must hold exactly one key, it holds {0}")]
    Entities(usize),
    /// The key is not version 4, so it has no 40-digit fingerprint.
    #[error("the key is version {0}; only version 4 keys can sign actions")]
    Version(u8),
    /// Nothing on the key is signed by the key itself.
    #[error("key {0} has no valid signature of its own; export it again")]
    NoSelfSignature(Fingerprint),
}

/// What loading a key found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyReport {
    /// Who signs with it.
    pub fingerprint: Fingerprint,
    /// Its user ids as far as they are UTF-8.
    pub user_ids: Vec<String>,
    /// What a person should know: SHA-1, revoked, cannot sign.
    pub warnings: Vec<String>,
}

/// A key and what its signatures say.
pub(super) struct Certificate {
    pub(super) fingerprint: Fingerprint,
    pub(super) primary: PublicKey,
    pub(super) subkeys: Vec<Subkey>,
    pub(super) revoked: bool,
    /// Valid self-signatures that speak for the primary key.
    statements: Vec<Statement>,
}

/// A sub-key that may sign.
pub(super) struct Subkey {
    pub(super) key: PublicSubkey,
    pub(super) revoked: bool,
    /// Valid binding signatures.
    statements: Vec<Statement>,
}

/// What one valid self-signature says about a key.
#[derive(Clone, Copy)]
struct Statement {
    created: u32,
    /// When the signature itself ends, as Unix time.
    ends: Option<u64>,
    /// When the key ends, as Unix time.
    key_ends: Option<u64>,
    /// Key flags, if stated.
    may_sign: Option<bool>,
    /// On the user id that is marked as the primary one.
    on_primary_user: bool,
    /// On a user id rather than on the key itself.
    on_user: bool,
    /// Made with a hash that is accepted for listed keys only.
    weak: bool,
}

/// Whether a key may be used at some time.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Usable {
    Yes,
    Revoked,
    Expired { at: u64 },
    NotForSigning,
    Unbound,
}

/// Reads an armored public key and says what is known about it, without keeping
/// it.
///
/// # Errors
/// When a keyring would not load it.
pub fn inspect_key(armored: &[u8]) -> Result<KeyReport, KeyError> {
    Certificate::load(armored).map(|(_, report)| report)
}

impl Certificate {
    /// Reads exactly one armored block with exactly one key.
    pub(super) fn load(armored: &[u8]) -> Result<(Certificate, KeyReport), KeyError> {
        if armored.len() > MAX_KEY {
            return Err(KeyError::TooLarge(armored.len()));
        }
        let text = String::from_utf8_lossy(armored);
        let blocks = text
            .lines()
            .filter(|line| line.starts_with("-----BEGIN PGP PUBLIC KEY BLOCK-----"))
            .count();
        let foreign = text
            .lines()
            .filter(|line| line.starts_with("-----BEGIN "))
            .count();
        if blocks != 1 || foreign != 1 {
            return Err(KeyError::Blocks(blocks));
        }
        match only_key(armored) {
            Ok(Ok(key)) => Certificate::judge(&key),
            Ok(Err(count)) => Err(KeyError::Entities(count)),
            Err(error) => Err(KeyError::Unreadable(one_line(&error.to_string()))),
        }
    }

    fn judge(key: &SignedPublicKey) -> Result<(Certificate, KeyReport), KeyError> {
        let fingerprint = match key.fingerprint() {
            pgp::types::Fingerprint::V4(bytes) => Fingerprint(bytes),
            _ => return Err(KeyError::Version(key.version().into())),
        };
        let primary = &key.primary_key;
        let mut statements = Vec::new();

        for signature in &key.details.direct_signatures {
            if binds(signature)
                && signature.typ() == Some(SignatureType::Key)
                && signature.verify_key(primary).is_ok()
            {
                statements.push(Statement::of(signature, primary));
            }
        }
        for user in &key.details.users {
            let valid = |signature: &&Signature| {
                signature
                    .verify_certification(primary, Tag::UserId, &user.id)
                    .is_ok()
            };
            let revoked_at = user
                .signatures
                .iter()
                .filter(|signature| signature.typ() == Some(SignatureType::CertRevocation))
                .filter(valid)
                .filter_map(|signature| signature.created())
                .max();
            for signature in &user.signatures {
                let certifies = signature.typ() != Some(SignatureType::CertRevocation);
                if !certifies
                    || !binds(signature)
                    || !valid(&signature)
                    || signature.created() <= revoked_at
                {
                    continue;
                }
                statements.push(Statement {
                    on_user: true,
                    ..Statement::of(signature, primary)
                });
            }
        }
        if statements.is_empty() {
            return Err(KeyError::NoSelfSignature(fingerprint));
        }

        let certificate = Certificate {
            fingerprint,
            primary: primary.clone(),
            subkeys: key
                .public_subkeys
                .iter()
                .map(|subkey| Subkey::judge(primary, subkey))
                .collect(),
            revoked: is_revoked(key, fingerprint),
            statements,
        };
        let report = KeyReport {
            fingerprint,
            user_ids: key
                .details
                .users
                .iter()
                .filter_map(|user| user.id.as_str().map(one_line))
                .collect(),
            warnings: certificate.warnings(),
        };
        Ok((certificate, report))
    }

    fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        let latest = self
            .statements
            .iter()
            .max_by_key(|statement| statement.created);
        let weak = latest.is_some_and(|statement| statement.weak);
        if self.revoked {
            warnings.push("the key is revoked; its signatures are refused".to_owned());
        }
        if weak {
            warnings.push(
                "the key binds its parts with SHA-1; accepted because it is listed, renew it"
                    .to_owned(),
            );
        }
        if !policy::algorithm_signs_data(self.primary.algorithm()) {
            let name = policy::algorithm_name(self.primary.algorithm());
            warnings.push(format!(
                "signatures of {name} keys are refused; make an Ed25519 or RSA key"
            ));
        }
        warnings
    }

    /// Whether the primary key may sign at `now`, in Unix seconds.
    pub(super) fn primary_usable(&self, now: i64) -> Usable {
        if self.revoked {
            Usable::Revoked
        } else {
            judge_statements(&self.statements, now, true)
        }
    }

    /// Whether the sub-key may sign at `now`: it needs a living primary key.
    pub(super) fn subkey_usable(&self, subkey: &Subkey, now: i64) -> Usable {
        match self.primary_usable(now) {
            Usable::Yes | Usable::NotForSigning if subkey.revoked => Usable::Revoked,
            Usable::Yes | Usable::NotForSigning => judge_statements(&subkey.statements, now, false),
            other => other,
        }
    }

    /// The latest time the key said something about itself; of two copies the
    /// later one counts.
    pub(super) fn latest_statement(&self) -> u32 {
        self.statements
            .iter()
            .map(|statement| statement.created)
            .max()
            .unwrap_or(0)
    }
}

impl Subkey {
    fn judge(primary: &PublicKey, subkey: &SignedPublicSubKey) -> Subkey {
        let mut statements = Vec::new();
        let mut revoked = false;
        for signature in &subkey.signatures {
            let bound = binds(signature)
                && signature
                    .verify_subkey_binding(primary, &subkey.key)
                    .is_ok();
            match signature.typ() {
                Some(SignatureType::SubkeyRevocation) if bound => revoked = true,
                Some(SignatureType::SubkeyBinding) if bound => {
                    // Without the sub-key's own consent anybody could adopt
                    // somebody else's signing key as his own.
                    let consents = signature.embedded_signature().is_some_and(|back| {
                        binds(back)
                            && back
                                .verify_primary_key_binding(&subkey.key, primary)
                                .is_ok()
                    });
                    let mut statement = Statement::of(signature, &subkey.key);
                    statement.may_sign = Some(consents && statement.may_sign.unwrap_or(true));
                    statements.push(statement);
                }
                _ => {}
            }
        }
        Subkey {
            key: subkey.key.clone(),
            revoked,
            statements,
        }
    }
}

impl Statement {
    fn of(signature: &Signature, key: &impl KeyDetails) -> Statement {
        let created = signature.created().map_or(0, |time| time.as_secs());
        let after = |start: u32, seconds: u32| {
            (seconds != 0).then(|| u64::from(start) + u64::from(seconds))
        };
        let flags = signature.config().and_then(|config| {
            config
                .hashed_subpackets()
                .find_map(|packet| match &packet.data {
                    SubpacketData::KeyFlags(flags) => Some(flags.sign()),
                    _ => None,
                })
        });
        Statement {
            created,
            ends: signature
                .signature_expiration_time()
                .and_then(|time| after(created, time.as_secs())),
            key_ends: signature
                .key_expiration_time()
                .and_then(|time| after(key.created_at().as_secs(), time.as_secs())),
            may_sign: flags,
            on_primary_user: signature.is_primary(),
            on_user: false,
            weak: !signature.hash_alg().is_some_and(policy::hash_protects_data),
        }
    }
}

/// What the statements that hold at `now` say together: the latest on the
/// primary user id decides, what it leaves open the latest on the key itself.
fn judge_statements(statements: &[Statement], now: i64, primary: bool) -> Usable {
    let past = |end: u64| i64::try_from(end).is_ok_and(|end| now > end);
    let living = || {
        statements
            .iter()
            .filter(|statement| !statement.ends.is_some_and(past))
    };
    let on_user = living()
        .filter(|statement| statement.on_user)
        .max_by_key(|s| (s.on_primary_user, s.created));
    let on_key = living()
        .filter(|statement| !statement.on_user)
        .max_by_key(|s| s.created);
    let Some(first) = on_user.or(on_key) else {
        return match statements
            .iter()
            .filter_map(|statement| statement.ends)
            .max()
        {
            Some(at) => Usable::Expired { at },
            None => Usable::Unbound,
        };
    };
    let second = on_key.unwrap_or(first);
    if let Some(at) = first.key_ends.or(second.key_ends).filter(|end| past(*end)) {
        return Usable::Expired { at };
    }
    // Old primary keys state no flags at all and may do everything.
    if first.may_sign.or(second.may_sign).unwrap_or(primary) {
        Usable::Yes
    } else {
        Usable::NotForSigning
    }
}

/// True when the signature's hash may bind keys.
fn binds(signature: &Signature) -> bool {
    signature.hash_alg().is_some_and(policy::hash_binds_keys)
}

/// A revocation counts when it verifies, and also when it is by another key: a
/// designated revoker cannot be checked here, and a key in doubt is not used.
fn is_revoked(key: &SignedPublicKey, fingerprint: Fingerprint) -> bool {
    key.details.revocation_signatures.iter().any(|signature| {
        let own = signature
            .issuer_key_id()
            .iter()
            .any(|id| id.as_ref() == fingerprint.key_id())
            || signature
                .issuer_fingerprint()
                .iter()
                .any(|issuer| issuer.as_bytes() == fingerprint.0);
        !own || signature.verify_key(&key.primary_key).is_ok()
    })
}

/// The only key of an armored block; otherwise how many there are, where 2 stands
/// for several.
pub(super) fn only_key<K: Deserializable>(armored: &[u8]) -> pgp::errors::Result<Result<K, usize>> {
    let (keys, _) = K::from_armor_many(armored)?;
    let mut keys = keys.take(2).collect::<Result<Vec<_>, _>>()?;
    let count = keys.len();
    Ok(keys.pop().filter(|_| count == 1).ok_or(count))
}

/// Text from a key or a parser, fit for one line of a log.
pub(super) fn one_line(text: &str) -> String {
    text.chars()
        .take(200)
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .collect()
}
