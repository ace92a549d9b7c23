//! Go's regular expression syntax (RE2 with Perl extensions), read by a parser
//! of its own and lowered into `regex-syntax`'s tree.
//!
//! Nothing here rewrites pattern *text*: what Go accepts and what Rust's engine
//! accepts differ in too many corners (`\<`, `[a&&b]`, `a**`, `{,5}`, Unicode
//! `\d`) for a textual translation to be trustworthy. The parser follows the
//! rules of Go's `regexp/syntax` with the flags that `regexp.Compile` uses; the
//! resulting [`Ast`] is lowered twice, see [`lower`].

mod ast;
mod class;
mod error;
mod escape;
mod flags;
pub mod lower;
mod parser;
mod unicode;

pub use ast::{Ast, Group, Position, Repeat};
pub use error::{ErrorKind, SyntaxError};
pub use parser::parse;

#[cfg(test)]
mod tests;
