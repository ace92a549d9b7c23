//! Where data come from: files and packages of the host.

pub mod content;
pub mod files;
pub mod lines;
pub mod packages;
pub mod pattern;
mod reader;

pub use files::{Files, Place, Reading, Request};
pub use packages::Packages;
