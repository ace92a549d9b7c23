//! Passwords of accounts: kept plain or as PBKDF2-HMAC-SHA-256, compared in
//! constant time.

use crate::error::RelayError;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};

const SCHEME: &str = "pbkdf2-sha256";
const DEFAULT_ITERATIONS: u32 = 100_000;
const MAX_ITERATIONS: u32 = 10_000_000;

/// A password as configured. Its debug form hides it.
#[derive(Clone)]
pub enum Password {
    /// As in a configuration file that only the relay can read.
    Plain(String),
    /// None: only a certificate lets in.
    None,
    /// Salted and hashed.
    Hashed {
        /// Rounds of PBKDF2.
        iterations: u32,
        /// Salt, 16 random bytes when made here.
        salt: Vec<u8>,
        /// The derived key.
        hash: [u8; 32],
    },
}

impl Password {
    /// Reads `pbkdf2-sha256$ITERATIONS$SALT$HASH` (standard base64); anything
    /// without that prefix is a plain password.
    ///
    /// # Errors
    /// When the prefix is there and the rest is not.
    pub fn parse(text: &str) -> Result<Self, RelayError> {
        let Some(rest) = text
            .strip_prefix(SCHEME)
            .and_then(|rest| rest.strip_prefix('$'))
        else {
            return Ok(Self::Plain(text.into()));
        };
        // The text is a secret, or close to one: only its scheme is repeated.
        let bad = || RelayError::PasswordHash(format!("{SCHEME}$…"));
        let mut parts = rest.split('$');
        let (Some(iterations), Some(salt), Some(hash), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(bad());
        };
        let iterations = iterations.parse().map_err(|_| bad())?;
        if !(1..=MAX_ITERATIONS).contains(&iterations) {
            return Err(bad());
        }
        Ok(Self::Hashed {
            iterations,
            salt: STANDARD.decode(salt).map_err(|_| bad())?,
            hash: STANDARD
                .decode(hash)
                .ok()
                .and_then(|bytes| bytes.try_into().ok())
                .ok_or_else(bad)?,
        })
    }

    /// Hashes `password` with a fresh salt.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub fn hash(password: &str) -> Result<Self, RelayError> {
        let salt = random::<16>()?.to_vec();
        Ok(Self::Hashed {
            iterations: DEFAULT_ITERATIONS,
            hash: derive(password, &salt, DEFAULT_ITERATIONS),
            salt,
        })
    }

    /// The text that [`Password::parse`] reads; `None` for a plain password.
    pub fn hashed_text(&self) -> Option<String> {
        match self {
            Self::Plain(_) | Self::None => None,
            Self::Hashed {
                iterations,
                salt,
                hash,
            } => Some(format!(
                "{SCHEME}${iterations}${}${}",
                STANDARD.encode(salt),
                STANDARD.encode(hash)
            )),
        }
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain(_) => "Password::Plain(…)",
            Self::None => "Password::None",
            Self::Hashed { .. } => "Password::Hashed(…)",
        })
    }
}

fn derive(password: &str, salt: &[u8], iterations: u32) -> [u8; 32] {
    pbkdf2::pbkdf2_hmac_array::<Sha256, 32>(password.as_bytes(), salt, iterations)
}

pub(crate) fn random<const N: usize>() -> Result<[u8; N], RelayError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| RelayError::Random(error.to_string()))?;
    Ok(bytes)
}

/// Checks logins. A hash is computed once per account and password, off the
/// network thread; a fleet that reconnects costs one MAC per agent.
pub(crate) struct PasswordCheck {
    /// Key of the MACs, new in each process.
    key: [u8; 64],
    /// Last good password of each account, as MAC.
    known: Mutex<HashMap<String, [u8; 32]>>,
}

impl PasswordCheck {
    pub fn new() -> Result<Self, RelayError> {
        Ok(Self {
            key: random()?,
            known: Mutex::new(HashMap::new()),
        })
    }

    fn mac(&self, text: &str) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new(&self.key.into());
        mac.update(text.as_bytes());
        mac
    }

    /// Comparing MACs under a key nobody knows tells nothing by its time.
    fn same(&self, a: &str, b: &[u8; 32]) -> bool {
        self.mac(a).verify_slice(b).is_ok()
    }

    fn tag(&self, text: &str) -> [u8; 32] {
        self.mac(text).finalize().into_bytes().into()
    }

    /// Whether `given` is the password. An account that does not exist
    /// (`expected` is `None`) takes as long as a hashed one.
    pub async fn verify(
        self: Arc<Self>,
        user: String,
        expected: Option<Password>,
        given: String,
    ) -> bool {
        if given.is_empty() {
            // As RabbitMQ: an empty password is none, whatever is configured.
            return false;
        }
        let (iterations, salt, hash, exists) = match expected {
            Some(Password::Plain(expected)) => return self.same(&given, &self.tag(&expected)),
            Some(Password::Hashed {
                iterations,
                salt,
                hash,
            }) => (iterations, salt, hash, true),
            Some(Password::None) | None => (DEFAULT_ITERATIONS, vec![0; 16], [0; 32], false),
        };
        let known = self.known.lock().ok().and_then(|k| k.get(&user).copied());
        if known.is_some_and(|known| self.same(&given, &known)) {
            return true;
        }
        let text = given.clone();
        let derived = tokio::task::spawn_blocking(move || derive(&text, &salt, iterations));
        let Ok(derived) = derived.await else {
            return false;
        };
        let expected = self.tag(&STANDARD.encode(hash));
        let good = self.same(&STANDARD.encode(derived), &expected) && exists;
        if good && let Ok(mut known) = self.known.lock() {
            known.insert(user, self.tag(&given));
        }
        good
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_survives_its_text_form() {
        let hashed = Password::hash("secret").expect("a hash");
        let text = hashed.hashed_text().expect("text");
        let again = Password::parse(&text).expect("the same hash");
        assert_eq!(again.hashed_text(), Some(text));
        assert_eq!(format!("{again:?}"), "Password::Hashed(…)");
    }

    #[test]
    fn broken_hashes_are_refused_and_not_repeated() {
        for text in [
            "pbkdf2-sha256$",
            "pbkdf2-sha256$x$AAAA$AAAA",
            "pbkdf2-sha256$0$AAAA$AAAA",
            "pbkdf2-sha256$1$AAAA$c2VjcmV0",
            "pbkdf2-sha256$1$AAAA$c2VjcmV0$",
        ] {
            let error = Password::parse(text).expect_err(text).to_string();
            assert!(!error.contains("c2VjcmV0"), "{error}");
        }
        assert!(matches!(
            Password::parse("a$b"),
            Ok(Password::Plain(text)) if text == "a$b"
        ));
    }

    #[tokio::test]
    async fn only_the_right_password_of_an_existing_account_passes() {
        let check = Arc::new(PasswordCheck::new().expect("random numbers"));
        let verify = |user: &str, expected: Option<Password>, given: &str| {
            check.clone().verify(user.into(), expected, given.into())
        };
        let plain = Some(Password::Plain("secret".into()));
        let hashed = Some(Password::Hashed {
            iterations: 2,
            salt: b"salt".to_vec(),
            hash: derive("secret", b"salt", 2),
        });
        for expected in [plain, hashed] {
            assert!(!verify("u", expected.clone(), "wrong").await);
            assert!(verify("u", expected.clone(), "secret").await);
            // The second time is answered from memory, and so is no other.
            assert!(verify("u", expected.clone(), "secret").await);
            assert!(!verify("u", expected.clone(), "secre").await);
            assert!(!verify("u", expected, "").await);
        }
        assert!(!verify("nobody", None, "secret").await);
        for expected in [Password::Plain(String::new()), Password::None] {
            assert!(!verify("empty", Some(expected), "").await);
        }
    }
}
