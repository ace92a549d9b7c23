//! Policy documents: their form, how they are read and what they must satisfy.

mod model;
mod read;
mod shown;
mod validate;
mod variables;
#[cfg(feature = "yaml")]
mod yaml;

pub use model::{
    Document, Evr, ExactMatch, FileContent, FileName, HasLine, Identifier, Object, PackageSource,
    Raw, Regexp, Source, Tag, Test, Variable,
};
pub use read::read;
pub use shown::shown;
pub use validate::validate;
pub use variables::{expand, expand_root, refers_to_root};
