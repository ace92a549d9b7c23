//! Regular expressions as stored actions and investigators write them: Go's
//! syntax and meaning, on Rust's engine.
//!
//! Modules of every author want this, so it stands beside the SDK and knows
//! nothing of any module.
//!
//! | Folder | Knows |
//! |---|---|
//! | [`goregex`] | the syntax of Go's regular expressions |
//! | [`matching`] | compiled patterns over texts, lines, endless lines |

pub mod goregex;
pub mod matching;
