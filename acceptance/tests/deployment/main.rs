//! `docs/deployment` taken at its word: every command is executed, every file
//! written, in the order of the pages, and at the end there is a site that answers.

mod links;
mod machine;
mod pages;
mod siem;
mod site;
