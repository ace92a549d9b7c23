//! The form of a document. Unknown keys are ignored; a source or evaluator
//! whose fields are all unset counts as absent.

use serde::{Deserialize, Deserializer, Serialize};

/// A policy document.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Document {
    /// Text to put into objects, applied in this order.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "is_default")]
    pub variables: Vec<Variable>,
    /// Sources of data.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "is_default")]
    pub objects: Vec<Object>,
    /// What is asked of them.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "is_default")]
    pub tests: Vec<Test>,
}

/// `${key}` stands for the value.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Variable {
    /// What stands between `${` and `}`.
    #[serde(deserialize_with = "or_default")]
    pub key: String,
    /// What takes its place.
    #[serde(deserialize_with = "or_default")]
    pub value: String,
}

/// A source of data: an identifier and one of five kinds of source.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Object {
    /// Its identifier, unlike those of all others.
    #[serde(deserialize_with = "or_default")]
    pub object: String,
    /// Installed packages.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "is_default")]
    pub package: PackageSource,
    /// Groups of a pattern over lines of files.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "is_default")]
    pub filecontent: FileContent,
    /// A group of a pattern over names of files.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "is_default")]
    pub filename: FileName,
    /// Whether files have a line.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "is_default")]
    pub hasline: HasLine,
    /// Fixed values.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "is_default")]
    pub raw: Raw,
}

/// The source of an object that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source<'a> {
    /// Installed packages.
    Package(&'a PackageSource),
    /// Groups of a pattern over lines.
    FileContent(&'a FileContent),
    /// A group of a pattern over names.
    FileName(&'a FileName),
    /// Fixed values.
    Raw(&'a Raw),
    /// Whether files have a line.
    HasLine(&'a HasLine),
}

impl Object {
    /// The first source that is there. Whether it is complete is another
    /// matter: what tells is the name of a package, the path of files, and any
    /// identifier of fixed values.
    pub fn source(&self) -> Option<Source<'_>> {
        if !self.package.name.is_empty() {
            Some(Source::Package(&self.package))
        } else if !self.filecontent.path.is_empty() {
            Some(Source::FileContent(&self.filecontent))
        } else if !self.filename.path.is_empty() {
            Some(Source::FileName(&self.filename))
        } else if !self.raw.identifiers.is_empty() {
            Some(Source::Raw(&self.raw))
        } else if !self.hasline.path.is_empty() {
            Some(Source::HasLine(&self.hasline))
        } else {
            None
        }
    }

    /// The objects that it imports; only contents of files do.
    pub fn imports(&self) -> &[String] {
        match self.source() {
            Some(Source::FileContent(source)) => &source.import_chain,
            _ => &[],
        }
    }
}

/// Installed packages by name: the value is the version.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PackageSource {
    /// The exact name, or a label when there is `collectmatch`.
    #[serde(deserialize_with = "or_default")]
    pub name: String,
    /// A pattern for names.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "is_default")]
    pub collectmatch: String,
    /// Only the highest version counts.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "is_default")]
    pub onlynewest: bool,
}

/// Lines of files: each group of each matching line is a value.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FileContent {
    /// Directory to start in, or a file.
    #[serde(deserialize_with = "or_default")]
    pub path: String,
    /// Pattern for base names.
    #[serde(deserialize_with = "or_default")]
    pub file: String,
    /// Pattern for lines.
    #[serde(deserialize_with = "or_default")]
    pub expression: String,
    /// Joins the values of each file into one, with this between them.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "is_default")]
    pub concat: String,
    /// Objects whose values are added to each file that matched.
    #[serde(
        rename = "import-chain",
        deserialize_with = "or_default",
        skip_serializing_if = "is_default"
    )]
    pub import_chain: Vec<String>,
}

/// Names of files: group 1 of the pattern is the value.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FileName {
    /// Directory to start in, or a file.
    #[serde(deserialize_with = "or_default")]
    pub path: String,
    /// Pattern for base names, with a group.
    #[serde(deserialize_with = "or_default")]
    pub file: String,
}

/// Whether files have a matching line: the value is `true` or `false`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HasLine {
    /// Directory to start in, or a file.
    #[serde(deserialize_with = "or_default")]
    pub path: String,
    /// Pattern for base names.
    #[serde(deserialize_with = "or_default")]
    pub file: String,
    /// Pattern for lines.
    #[serde(deserialize_with = "or_default")]
    pub expression: String,
}

/// Fixed values.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Raw {
    /// The values with their identifiers.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "is_default")]
    pub identifiers: Vec<Identifier>,
}

/// One fixed value.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Identifier {
    /// What results call it.
    #[serde(deserialize_with = "or_default")]
    pub identifier: String,
    /// The value.
    #[serde(deserialize_with = "or_default")]
    pub value: String,
}

/// What is asked of the values of an object.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Test {
    /// Its identifier.
    #[serde(deserialize_with = "or_default")]
    pub test: String,
    /// What people call it; the identifier if empty.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "is_default")]
    pub name: String,
    /// The object.
    #[serde(deserialize_with = "or_default")]
    pub object: String,
    /// Free text.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "is_default")]
    pub description: String,
    /// Compares versions.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "is_default")]
    pub evr: Evr,
    /// Matches a pattern.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "is_default")]
    pub regexp: Regexp,
    /// Compares texts.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "is_default")]
    pub exactmatch: ExactMatch,
    /// Tests that must be true as well.
    #[serde(
        rename = "if",
        deserialize_with = "or_default",
        skip_serializing_if = "is_default"
    )]
    pub depends: Vec<String>,
    /// Copied to the results.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "is_default")]
    pub tags: Vec<Tag>,
    /// For test suites of engines; without effect.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "is_default")]
    pub expectedresult: bool,
    /// For test suites of engines; without effect.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "is_default")]
    pub expecterror: bool,
}

/// How the version that was found relates to a given one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Evr {
    /// `<`, `>` or `=`.
    #[serde(deserialize_with = "or_default")]
    pub operation: String,
    /// The given version.
    #[serde(deserialize_with = "or_default")]
    pub value: String,
}

/// A pattern, not anchored.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Regexp {
    /// The pattern.
    #[serde(deserialize_with = "or_default")]
    pub value: String,
}

/// Equality of texts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ExactMatch {
    /// The text.
    #[serde(deserialize_with = "or_default")]
    pub value: String,
}

/// A word for those who read results.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tag {
    /// Its key.
    #[serde(deserialize_with = "or_default")]
    pub key: String,
    /// Its value.
    #[serde(deserialize_with = "or_default")]
    pub value: String,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Nothing given is the same as not given.
fn or_default<'de, D, T>(input: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(input)?.unwrap_or_default())
}
