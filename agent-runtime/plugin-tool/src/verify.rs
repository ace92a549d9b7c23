//! Checking signatures the way an agent does.

use crate::arguments::Verify;
use crate::error::Error;
use crate::files;
use mig_host::inspect::MAX_PLUGIN_BYTES;
use mig_host::signature::{PluginKeys, SignatureError, verify};
use mig_protocol::Time;

/// Largest signature file, in bytes.
const MAX_SIGNATURES: u64 = 64 << 10;

/// Names the signers when there are enough of them.
pub fn run(options: &Verify) -> Result<String, Error> {
    let content = files::read(&options.file, MAX_PLUGIN_BYTES)?;
    let path = files::with_suffix(&options.file, ".sig");
    if !path.exists() {
        let name = path.file_name().unwrap_or_default();
        return Err(Error::Signature {
            path: options.file.clone(),
            source: SignatureError::Missing {
                name: name.to_string_lossy().into_owned(),
            },
        });
    }
    let signatures = files::read(&path, MAX_SIGNATURES)?;
    let (keys, remarks) = PluginKeys::load(&options.keyring);
    for remark in remarks {
        eprintln!("mig-plugin: {}: {}", remark.path.display(), remark.reason);
    }
    if keys.is_empty() {
        return Err(Error::NoKeys(options.keyring.clone()));
    }
    let signers =
        verify(&content, &signatures, &keys, options.required, Time::now()).map_err(|source| {
            Error::Signature {
                path: options.file.clone(),
                source,
            }
        })?;
    let mut text = String::new();
    for signer in signers {
        text.push_str(&format!("{}: signed by {signer}\n", options.file.display()));
    }
    Ok(text)
}
