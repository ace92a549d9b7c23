//! What a document must satisfy. Each complaint begins with the identifier of
//! the object or test.

use super::{Document, Object, Source, Test, shown};
use mig_plugin_patterns::goregex;
use mig_plugin_sdk::FieldError;
use std::collections::HashSet;

/// Complaints that are worth listing.
const MOST: usize = 100;

/// Checks a document; the complaints come in the order of the document.
pub fn validate(document: &Document) -> Vec<FieldError> {
    let mut check = Check::default();
    check.objects(document);
    check.tests(document);
    check.complaints
}

#[derive(Default)]
struct Check {
    complaints: Vec<FieldError>,
}

/// Why a pattern is none, if so.
fn objection(field: &str, pattern: &str) -> Option<String> {
    let error = goregex::parse(pattern).err()?;
    let (pattern, error) = (shown(pattern), shown(&error.to_string()));
    Some(format!("{field}: `{pattern}` is not a regex: {error}"))
}

impl Check {
    fn complain(&mut self, place: &str, number: usize, id: &str, message: &str) {
        let field = format!("scribedoc.{place}[{number}]");
        self.complaints
            .push(FieldError::new(field, format!("{}: {message}", shown(id))));
    }

    fn objects(&mut self, document: &Document) {
        let mut ids = HashSet::new();
        let all: HashSet<&str> = document.objects.iter().map(|o| o.object.as_str()).collect();
        for (number, object) in document.objects.iter().enumerate() {
            if self.complaints.len() >= MOST {
                return;
            }
            let id = object.object.as_str();
            let mut complain = |message: &str| self.complain("objects", number, id, message);
            if id.is_empty() {
                complain("an object needs an identifier in `object`");
                continue;
            }
            if !ids.insert(id) {
                complain("another object has this identifier already");
            }
            for message in object_complaints(object, &all) {
                complain(&message);
            }
        }
    }

    fn tests(&mut self, document: &Document) {
        let all: HashSet<&str> = document.tests.iter().map(|t| t.test.as_str()).collect();
        for (number, test) in document.tests.iter().enumerate() {
            if self.complaints.len() >= MOST {
                return;
            }
            for message in test_complaints(test, &all) {
                self.complain("tests", number, &test.test, &message);
            }
        }
    }
}

fn object_complaints(object: &Object, all: &HashSet<&str>) -> Vec<String> {
    let Some(source) = object.source() else {
        return vec!["no valid source interface".to_owned()];
    };
    let mut complaints = Vec::new();
    let mut needs = |fields: &[(&str, &str)]| {
        for (field, value) in fields {
            if value.is_empty() {
                complaints.push(format!("{field} must not be empty"));
            }
        }
    };
    match source {
        Source::Package(package) => {
            complaints.extend(objection("package.collectmatch", &package.collectmatch));
        }
        Source::FileContent(content) => {
            needs(&[
                ("filecontent.file", &content.file),
                ("filecontent.expression", &content.expression),
            ]);
            complaints.extend(objection("filecontent.file", &content.file));
            complaints.extend(objection("filecontent.expression", &content.expression));
            for name in &content.import_chain {
                if !all.contains(name.as_str()) {
                    complaints.push(format!(
                        "filecontent.import-chain: there is no object `{}`",
                        shown(name)
                    ));
                }
            }
        }
        // The pattern is looked at when the object is prepared: a bad one is an
        // error of the tests on it only.
        Source::FileName(name) => needs(&[("filename.file", &name.file)]),
        Source::HasLine(line) => {
            needs(&[
                ("hasline.file", &line.file),
                ("hasline.expression", &line.expression),
            ]);
            complaints.extend(objection("hasline.file", &line.file));
            complaints.extend(objection("hasline.expression", &line.expression));
        }
        Source::Raw(raw) => {
            for (number, pair) in raw.identifiers.iter().enumerate() {
                if pair.identifier.is_empty() || pair.value.is_empty() {
                    complaints.push(format!(
                        "raw.identifiers[{number}] needs an identifier and a value"
                    ));
                }
            }
        }
    }
    complaints
}

fn test_complaints(test: &Test, all: &HashSet<&str>) -> Vec<String> {
    if test.test.is_empty() {
        return vec!["a test needs an identifier in `test`".to_owned()];
    }
    let mut complaints = Vec::new();
    for name in &test.depends {
        if *name == test.test {
            complaints.push("if: a test cannot depend on itself".to_owned());
        } else if !all.contains(name.as_str()) {
            complaints.push(format!("if: there is no test `{}`", shown(name)));
        }
    }
    if test
        .tags
        .iter()
        .any(|tag| tag.key.contains('"') || tag.value.contains('"'))
    {
        complaints.push("tags: keys and values must not contain double quotes".to_owned());
    }
    // Only the evaluator that counts: the first with a value.
    if !test.evr.value.is_empty() {
        if !matches!(test.evr.operation.as_str(), "<" | ">" | "=") {
            complaints.push(format!(
                "invalid evr operation {}; it is one of <, > and =",
                shown(&test.evr.operation)
            ));
        }
    } else if !test.regexp.value.is_empty() {
        complaints.extend(objection("regexp", &test.regexp.value));
    }
    complaints
}
