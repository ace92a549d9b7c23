//! Compressed parameters: JSON, gzipped, as base64 text in their place.

use std::io::{Read, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use serde_json::Value;

use crate::documents::Operation;
use crate::json::{Limits, ReadError, canonical_json, parse_value};

/// How large parameters may become when expanded, unless told otherwise: 16 MiB.
pub const DEFAULT_EXPANDED: usize = 16 << 20;

/// Why compressed parameters were not expanded.
#[derive(Debug, thiserror::Error)]
pub enum ExpandError {
    /// The parameters are flagged as compressed but are not a text.
    #[error("operation for module `{module}`: compressed parameters must be a text")]
    NotText {
        /// The module.
        module: String,
    },
    /// The text is not base64.
    #[error("operation for module `{module}`: compressed parameters are not base64")]
    Base64 {
        /// The module.
        module: String,
    },
    /// What the base64 holds is not gzip.
    #[error("operation for module `{module}`: compressed parameters are not gzip")]
    Gzip {
        /// The module.
        module: String,
        /// What the decoder says.
        #[source]
        source: std::io::Error,
    },
    /// They expand to more than allowed.
    #[error("operation for module `{module}`: parameters expand to more than {limit} bytes")]
    TooLarge {
        /// The module.
        module: String,
        /// The limit.
        limit: usize,
    },
    /// What was compressed is not JSON, or too deep.
    #[error("operation for module `{module}`: expanded parameters: {source}")]
    Json {
        /// The module.
        module: String,
        /// What is wrong.
        source: ReadError,
    },
}

/// Compresses the parameters of an operation whose author asked for it and that
/// is not compressed yet; leaves others alone. To be called before signing,
/// because the signature covers the base64 text.
pub fn compress_parameters(operation: &mut Operation) {
    if !operation.want_compressed || operation.is_compressed {
        return;
    }
    let json = canonical_json(&operation.parameters);
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    // Writing to memory cannot fail.
    if encoder.write_all(json.as_bytes()).is_ok()
        && let Ok(packed) = encoder.finish()
    {
        operation.parameters = Value::String(STANDARD.encode(packed));
        operation.is_compressed = true;
    }
}

/// The parameters a module gets: as they are, or expanded to at most `limit`
/// bytes of JSON when compressed.
///
/// # Errors
/// When they are flagged as compressed but do not expand to JSON within the
/// limit.
pub fn expand_parameters(operation: &Operation, limit: usize) -> Result<Value, ExpandError> {
    if !operation.is_compressed {
        return Ok(operation.parameters.clone());
    }
    let module = || operation.module.clone();
    let Value::String(text) = &operation.parameters else {
        return Err(ExpandError::NotText { module: module() });
    };
    let text: Vec<u8> = text
        .bytes()
        .filter(|byte| !matches!(byte, b'\r' | b'\n'))
        .collect();
    let packed = STANDARD
        .decode(text)
        .map_err(|_| ExpandError::Base64 { module: module() })?;

    let mut json = Vec::new();
    MultiGzDecoder::new(packed.as_slice())
        .take(limit as u64 + 1)
        .read_to_end(&mut json)
        .map_err(|source| ExpandError::Gzip {
            module: module(),
            source,
        })?;
    if json.len() > limit {
        return Err(ExpandError::TooLarge {
            module: module(),
            limit,
        });
    }
    let limits = Limits {
        bytes: limit,
        ..Limits::DOCUMENT
    };
    parse_value(&json, &limits).map_err(|source| ExpandError::Json {
        module: module(),
        source,
    })
}
