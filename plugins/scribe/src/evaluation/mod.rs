//! From a document to true and false.

mod criteria;
pub mod evr;
mod imports;
mod objects;
mod run;
mod tests;

pub use run::evaluate;
