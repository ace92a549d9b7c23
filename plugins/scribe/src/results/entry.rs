//! Entries of the result, in the original's key order.

use crate::document::Tag;
use mig_plugin_patterns::matching::transcribe;
use mig_plugin_sdk::payload::rawpath;
use serde::Serialize;

/// What came out for one test.
#[derive(Debug, Default, Serialize)]
pub struct Entry<'d> {
    /// Its identifier.
    pub testid: &'d str,
    /// What people call it.
    pub name: &'d str,
    /// Free text of the document.
    pub description: &'d str,
    /// Words of the document.
    #[serde(skip_serializing_if = "<[Tag]>::is_empty")]
    pub tags: &'d [Tag],
    /// It could not be evaluated.
    pub iserror: bool,
    /// Why not.
    pub error: String,
    /// It is true, and so are all that it depends on.
    pub masterresult: bool,
    /// Some criterion satisfies it.
    pub hastrueresults: bool,
    /// One for each criterion.
    pub results: Option<Vec<SubResult>>,
}

/// What came out for one criterion.
#[derive(Debug, Serialize)]
pub struct SubResult {
    /// It satisfies the test.
    pub result: bool,
    /// A path, a package name or a text of the document.
    pub identifier: String,
    /// The exact bytes of a path that is not UTF-8, in base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rawpath: Option<String>,
}

impl SubResult {
    /// A result for an identifier of any bytes.
    pub fn new(result: bool, identifier: &[u8]) -> Self {
        let (_, rawpath) = rawpath::describe(identifier);
        Self {
            result,
            identifier: transcribe::text(identifier).into_owned(),
            rawpath,
        }
    }
}
