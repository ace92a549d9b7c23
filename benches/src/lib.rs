//! Measurements. Each is a program of its own, makes its own data, compares its
//! answers with the peer's before any time counts, and prints medians.
//!
//! | Program | Compares |
//! |---|---|
//! | `audit-bench` | the `audit` module under load with auditd |
//! | `file-bench` | the `file` module with fd, ripgrep and `openssl dgst` |
//! | `memory-bench` | the `memory` module with a bare read of the same memory and yara |
//! | `tree-bench` | nothing: a tree of a million files, by every module that searches for files |

pub mod process;
pub mod statistics;
