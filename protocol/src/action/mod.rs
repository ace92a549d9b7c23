//! What is done with an action: the text that is signed, compression of
//! parameters, validation.

mod compression;
mod signing_string;
mod validation;

pub use compression::{DEFAULT_EXPANDED, ExpandError, compress_parameters, expand_parameters};
pub use signing_string::{
    SigningRefusal, canonical_operations, check_signable, check_unambiguous, replay_key,
    signing_string,
};
pub use validation::{Invalid, validate, validate_for_agent};
