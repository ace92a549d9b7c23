//! Saying what a plugin file is, without executing any of it.

use crate::arguments::Inspect;
use crate::error::Error;
use crate::files;
use mig_host::inspect::{Inspection, MAX_PLUGIN_BYTES, Rules, inspect_with};
use mig_plugin_payload::Schema;
use mig_plugin_payload::manifest::parse_version;
use serde_json::json;
use std::path::Path;

/// Describes the file, or gives the reason why it would be refused.
pub fn run(options: &Inspect) -> Result<String, Error> {
    let rules = rules(options)?;
    let bytes = files::read(&options.file, MAX_PLUGIN_BYTES)?;
    let inspection = inspect_with(&bytes, &rules).map_err(|source| Error::Refused {
        path: options.file.clone(),
        source,
    })?;
    Ok(if options.json {
        as_json(&inspection)
    } else {
        as_text(&inspection, &options.file)
    })
}

/// This machine's rules, with what the command line puts in their place.
fn rules(options: &Inspect) -> Result<Rules, Error> {
    let mut rules = Rules::of_this_host();
    let version = |option, value: &String| {
        parse_version(value).ok_or_else(|| Error::Version {
            option,
            value: value.clone(),
        })
    };
    if let Some(value) = &options.glibc {
        let numbers = version("glibc", value)?;
        let number = |index: usize| numbers.get(index).copied().unwrap_or(0);
        rules.glibc = Some((number(0), number(1)));
    }
    if let Some(value) = &options.kernel {
        rules.kernel = version("kernel", value)?;
    }
    Ok(rules)
}

fn as_json(inspection: &Inspection) -> String {
    let facts = json!({
        "manifest": inspection.manifest,
        "libraries": inspection.libraries,
        "glibc": inspection.glibc.map(|(major, minor)| format!("{major}.{minor}")),
    });
    format!("{facts:#}\n")
}

fn as_text(inspection: &Inspection, file: &Path) -> String {
    let manifest = &inspection.manifest;
    let publisher = match manifest.publisher.as_str() {
        "" => "nobody named".to_owned(),
        name => shown(name),
    };
    let mut text = format!(
        "{} {}, published by {publisher}\n",
        manifest.name,
        shown(&manifest.version)
    );
    if !manifest.description.is_empty() {
        text.push_str(&format!("{}\n", shown(&manifest.description)));
    }
    let abi = &manifest.abi;
    let operations: Vec<_> = manifest.operations.keys().map(|name| shown(name)).collect();
    let capabilities: Vec<_> = manifest
        .capabilities
        .iter()
        .map(|c| shown(c.as_str()))
        .collect();
    let signature = files::with_suffix(file, ".sig");
    let signature = if signature.exists() {
        format!("{} (see mig-plugin verify)", signature.display())
    } else {
        "none".to_owned()
    };
    for (what, value) in [
        (
            "abi",
            format!("{}.{}, fingerprint accepted", abi.major, abi.minor),
        ),
        ("operations", listed(&operations)),
        (
            "kind",
            if manifest.persistent {
                "persistent"
            } else {
                "one-shot"
            }
            .to_owned(),
        ),
        (
            "repeatable",
            if manifest.repeatable { "yes" } else { "no" }.to_owned(),
        ),
        ("capabilities", listed(&capabilities)),
        ("needs", needs(inspection)),
        ("libraries", listed(&inspection.libraries)),
        ("parameters", names(manifest.parameters())),
        ("signature", signature),
    ] {
        text.push_str(&format!("  {what:13} {value}\n"));
    }
    if !manifest.reads.is_empty() {
        let reads: Vec<_> = manifest.reads.iter().map(|path| shown(path)).collect();
        text.push_str(&format!("  {:13} {}\n", "reads", listed(&reads)));
    }
    if manifest.persistent {
        let sections = names(manifest.configuration());
        text.push_str(&format!("  {:13} {sections}\n", "configuration"));
        text.push_str(&format!("  {:13} {}\n", "alerts", names(manifest.alert())));
    }
    text
}

fn needs(inspection: &Inspection) -> String {
    let requires = &inspection.manifest.requires;
    let mut needs = Vec::new();
    if let Some(kernel) = &requires.kernel {
        needs.push(format!("Linux {}", shown(kernel)));
    }
    match (&requires.glibc, inspection.glibc) {
        (Some(declared), Some((major, minor))) => {
            needs.push(format!("glibc {} (links {major}.{minor})", shown(declared)));
        }
        (Some(declared), None) => needs.push(format!("glibc {}", shown(declared))),
        (None, Some((major, minor))) => needs.push(format!("glibc {major}.{minor}")),
        (None, None) => {}
    }
    listed(&needs)
}

/// Names of what a schema describes.
fn names(schema: Option<&Schema>) -> String {
    let names: Vec<String> = schema
        .map(|schema| schema.properties().map(|(name, _)| shown(name)).collect())
        .unwrap_or_default();
    listed(&names)
}

fn listed(items: &[String]) -> String {
    if items.is_empty() {
        "none".to_owned()
    } else {
        items.join(", ")
    }
}

/// Foreign text: no control characters, not too long.
fn shown(text: &str) -> String {
    text.chars()
        .take(200)
        .flat_map(char::escape_debug)
        .collect::<String>()
        .replace("\\'", "'")
        .replace("\\\"", "\"")
}
