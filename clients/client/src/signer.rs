//! The investigator's key: for actions, and for the tokens of requests.

use std::sync::Arc;

use mig_protocol::openpgp::{Fingerprint, GpgSigner, KeyFileSigner, Signer};
use mig_protocol::token::create_token;
use mig_protocol::{Action, Id, Time};

use crate::configuration::{Configuration, KeySource};
use crate::error::ClientError;
use crate::http::Credentials;

/// Environment variable that holds the passphrase of the key.
pub const PASSPHRASE: &str = "MIGPGPPASSPHRASE";

/// A key that can sign, shared by the launch and the requests.
pub type Key = Arc<dyn Signer + Send + Sync>;

/// Opens the configured key.
///
/// # Errors
/// When none is configured or it cannot be used.
pub fn open(configuration: &Configuration) -> Result<Key, ClientError> {
    let passphrase = std::env::var(PASSPHRASE).ok();
    match &configuration.key {
        Some(KeySource::File(path)) => {
            let signer = KeyFileSigner::from_file(path, passphrase.as_deref()).map_err(signing)?;
            Ok(Arc::new(signer))
        }
        Some(KeySource::Gpg { home, keyid }) => {
            let fingerprint = keyid.parse::<Fingerprint>().map_err(|_| {
                ClientError::Configuration(format!(
                    "{}: [gpg] keyid `{keyid}` is no fingerprint of 40 hexadecimal digits",
                    configuration.file
                ))
            })?;
            let signer = GpgSigner::new(home.as_deref(), fingerprint);
            Ok(match passphrase {
                Some(passphrase) => Arc::new(signer.with_passphrase(passphrase)),
                None => Arc::new(signer),
            })
        }
        None => Err(ClientError::Configuration(format!(
            "{}: no signing key; set keyfile, or home and keyid, in [gpg]",
            configuration.file
        ))),
    }
}

/// How requests are authenticated when nothing else is signed: with the API key
/// if one is configured, and the signing key is then not touched.
///
/// # Errors
/// As [`open`], when there is no API key.
pub fn credentials(configuration: &Configuration) -> Result<Box<dyn Credentials>, ClientError> {
    match &configuration.api_key {
        Some(api_key) => Ok(Box::new(ApiKey(api_key.clone()))),
        None => Ok(Box::new(Tokens(open(configuration)?))),
    }
}

/// Adds a signature to an action, compressing its parameters first where their
/// author asked for it.
///
/// # Errors
/// When the action is ambiguous or the key cannot be used.
pub fn sign_action(key: &Key, action: &mut Action) -> Result<(), ClientError> {
    mig_protocol::openpgp::sign_action(action, key.as_ref(), Time::now()).map_err(signing)
}

/// Requests carry a token signed with the key.
pub struct Tokens(pub Key);

impl Credentials for Tokens {
    fn header(&self) -> Result<(&'static str, String), ClientError> {
        let now = Time::now();
        let token = create_token(self.0.as_ref(), now, Id::first_at(now)).map_err(signing)?;
        Ok(("X-PGPAUTHORIZATION", token))
    }

    fn renewable(&self) -> bool {
        true
    }
}

/// Requests carry an API key.
pub struct ApiKey(pub String);

impl Credentials for ApiKey {
    fn header(&self) -> Result<(&'static str, String), ClientError> {
        Ok(("X-MIGAPIKEY", self.0.clone()))
    }

    fn renewable(&self) -> bool {
        false
    }
}

fn signing(error: mig_protocol::openpgp::SignError) -> ClientError {
    ClientError::Signing(error.to_string())
}
