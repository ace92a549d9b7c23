//! One thing an action asks a module to do.

use serde::Serialize;
use serde_json::Value;

use super::is_default;
use crate::json::decode::SignedValue;
use crate::json::members::decode_members;

/// One operation of an action.
///
/// Reading one normalises its parameters to what the signature covers: keys
/// sorted, numbers the doubles the signing string shows.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Operation {
    /// Name of the module; case-sensitive.
    pub module: String,
    /// What the module is asked, in its own terms; base64 text of gzipped JSON
    /// when compressed.
    pub parameters: Value,
    /// The parameters are compressed and must be expanded before use.
    #[serde(skip_serializing_if = "is_default")]
    pub is_compressed: bool,
    /// The author asks the client to compress the parameters before signing.
    #[serde(skip_serializing_if = "is_default")]
    pub want_compressed: bool,
}

decode_members!(Operation {
    "module" => module,
    "parameters" => parameters via SignedValue,
    "is_compressed" => is_compressed,
    "want_compressed" => want_compressed,
});
