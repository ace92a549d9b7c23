//! The token by which an investigator authenticates to the API: the header
//! `X-PGPAUTHORIZATION`.
//!
//! ```text
//! 1;<UTC time>;<nonce>;<one-line signature over what precedes, plus a newline>
//! ```

use std::time::Duration;

use crate::openpgp::{Fingerprint, Keyring, VerifyError};
use crate::timestamp::Time;

/// Name of the header.
pub const HEADER: &str = "X-PGPAUTHORIZATION";

/// How far a token's time may be from the server's clock, in either direction,
/// unless configured.
pub const DEFAULT_DURATION: Duration = Duration::from_secs(600);

/// Longest token that is looked at.
const MAX_TOKEN: usize = 10_000;

/// Why a token does not authenticate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It has not exactly four parts, or is absurdly long.
    #[error("the token must have the form 1;<time>;<nonce>;<signature>")]
    Form,
    /// It is of another version.
    #[error("the token has version `{0}`, only version 1 is known")]
    Version(String),
    /// Its time is not a UTC time.
    #[error("the token's time `{0}` is not of the form 2024-03-01T10:00:00Z")]
    Time(String),
    /// It is too old, or from the future.
    #[error("the token's time {time} is more than {} s from the server's {now}; check both clocks", allowed.as_secs())]
    OutsideWindow {
        /// The token's time.
        time: Time,
        /// The server's time.
        now: Time,
        /// How far apart they may be.
        allowed: Duration,
    },
    /// Its signature does not count.
    #[error(transparent)]
    Signature(#[from] VerifyError),
}

/// Makes a token. `nonce` is by convention an identifier; servers do not look at
/// it.
///
/// # Errors
/// When the key cannot be used.
#[cfg(feature = "sign")]
pub fn create_token(
    signer: &dyn crate::openpgp::Signer,
    now: Time,
    nonce: crate::Id,
) -> Result<String, crate::openpgp::SignError> {
    let stated = format!("1;{};{nonce}", Time::from_unix(now.unix_seconds()));
    let signature = signer.sign_line(format!("{stated}\n").as_bytes(), now)?;
    Ok(format!("{stated};{signature}"))
}

/// Verifies a token against the keys of active investigators and returns the
/// signer. `allowed` is how far its time may be from `now`.
///
/// # Errors
/// When it does not authenticate anybody.
pub fn verify_token(
    token: &str,
    keyring: &Keyring,
    now: Time,
    allowed: Duration,
) -> Result<Fingerprint, TokenError> {
    if token.len() > MAX_TOKEN {
        return Err(TokenError::Form);
    }
    let parts: Vec<&str> = token.split(';').collect();
    let [version, time, _nonce, signature] = parts[..] else {
        return Err(TokenError::Form);
    };
    let shown = |text: &str| {
        text.chars()
            .take(40)
            .collect::<String>()
            .escape_debug()
            .to_string()
    };
    if version != "1" {
        return Err(TokenError::Version(shown(version)));
    }
    let stated_time = Time::parse(time)
        .ok()
        .filter(|_| time.ends_with('Z'))
        .ok_or_else(|| TokenError::Time(shown(time)))?;
    if now.since(stated_time) > allowed || stated_time.since(now) > allowed {
        return Err(TokenError::OutsideWindow {
            time: stated_time,
            now,
            allowed,
        });
    }
    let stated = &token[..token.len() - signature.len() - 1];
    Ok(keyring.verify_line(format!("{stated}\n").as_bytes(), signature, now)?)
}
