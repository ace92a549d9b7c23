//! Signing a plugin file.

use crate::arguments::Sign;
use crate::error::Error;
use crate::files;
use crate::secret_key::SecretKey;
use mig_host::inspect::MAX_PLUGIN_BYTES;

/// Largest signature file that is kept when one is added, in bytes.
const MAX_SIGNATURES: u64 = 64 << 10;

/// Writes `FILE.sig`.
pub fn run(options: &Sign) -> Result<String, Error> {
    let key = SecretKey::read(&options.key)?;
    let content = files::read(&options.file, MAX_PLUGIN_BYTES)?;
    let signature = key.sign(&content).map_err(|source| Error::Key {
        path: options.key.clone(),
        source,
    })?;
    let path = files::with_suffix(&options.file, ".sig");
    let mut all = Vec::new();
    if options.add && path.exists() {
        all = files::read(&path, MAX_SIGNATURES)?;
        if !all.ends_with(b"\n") {
            all.push(b'\n');
        }
    }
    all.extend_from_slice(signature.as_bytes());
    files::replace(&path, &all)?;
    Ok(format!(
        "{}: signed by {}, signature in {}\n",
        options.file.display(),
        key.name(),
        path.display()
    ))
}
