//! Key pairs for publishers.

use crate::arguments::{Keygen, Kind};
use crate::error::Error;
use crate::{files, secret_key};
use ed25519_dalek::SigningKey;
use mig_protocol::Time;
use mig_protocol::openpgp::generate_investigator_key;

/// Writes a new key pair; existing files are left alone.
pub fn run(options: &Keygen) -> Result<String, Error> {
    let (secret, public) = match options.kind {
        Kind::Openpgp => {
            let key = generate_investigator_key(&options.user_id, None, Time::now())
                .map_err(Error::Generate)?;
            (key.secret, key.public)
        }
        Kind::Ed25519 => {
            let mut seed = [0; 32];
            getrandom::fill(&mut seed).map_err(Error::Random)?;
            secret_key::to_pem(&SigningKey::from_bytes(&seed))
        }
    };
    let secret_path = files::with_suffix(&options.prefix, ".key");
    let public_path = files::with_suffix(&options.prefix, ".pub");
    if public_path.exists() {
        return Err(Error::Exists(public_path));
    }
    files::create(&secret_path, secret.as_bytes(), 0o600)?;
    files::create(&public_path, public.as_bytes(), 0o644)?;
    Ok(format!(
        "secret key in {} (keep it off the endpoints)\npublic key in {} (copy it to {} on the endpoints)\n",
        secret_path.display(),
        public_path.display(),
        crate::arguments::KEYRING,
    ))
}
