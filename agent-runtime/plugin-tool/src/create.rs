//! A new module from the template: a crate that builds anywhere.

use crate::arguments::New;
use crate::error::Error;
use crate::files;
use mig_plugin_abi::fingerprint::FINGERPRINT;
use mig_plugin_payload::manifest::valid_name;
use std::path::Path;

/// Name of the template's module, replaced by that of the new one.
const NAME: &str = "sample";
/// Name of the template's type.
const TYPE: &str = "Sample";

/// Where each file goes, and what stands in it.
const FILES: [(&str, &str); 4] = [
    ("Cargo.toml", include_str!("../template/Cargo.toml")),
    (".gitignore", include_str!("../template/gitignore")),
    ("manifest.json", include_str!("../template/manifest.json")),
    ("src/lib.rs", include_str!("../template/src/lib.rs")),
];

/// The same for a persistent module.
const PERSISTENT_FILES: [(&str, &str); 4] = [
    ("Cargo.toml", include_str!("../template/Cargo.toml")),
    (".gitignore", include_str!("../template/gitignore")),
    (
        "manifest.json",
        include_str!("../template/persistent/manifest.json"),
    ),
    (
        "src/lib.rs",
        include_str!("../template/persistent/src/lib.rs"),
    ),
];

/// Writes the files of the new module.
pub fn run(options: &New) -> Result<String, Error> {
    let type_name = type_name(&options.name);
    if !valid_name(&options.name) || type_name.is_empty() {
        return Err(Error::Name(options.name.clone()));
    }
    let read = |path: &Path, source| Error::Read {
        path: path.to_owned(),
        source,
    };
    let sdk = options.sdk.canonicalize();
    let sdk = sdk.map_err(|source| read(&options.sdk, source))?;
    let sdk_manifest = sdk.join("Cargo.toml");
    std::fs::metadata(&sdk_manifest).map_err(|source| read(&sdk_manifest, source))?;

    let directory = Path::new(&options.name);
    let created = |source: std::io::Error| match source.kind() {
        std::io::ErrorKind::AlreadyExists => Error::Exists(directory.to_owned()),
        _ => Error::Write {
            path: directory.to_owned(),
            source,
        },
    };
    std::fs::create_dir(directory).map_err(created)?;
    std::fs::create_dir(directory.join("src")).map_err(created)?;
    let files = match options.persistent {
        true => PERSISTENT_FILES,
        false => FILES,
    };
    for (path, template) in files {
        let text = template
            .replace(TYPE, &type_name)
            .replace(NAME, &options.name)
            .replace("FINGERPRINT", FINGERPRINT)
            .replace("\"PUBLISHER\"", &quoted(&options.publisher))
            .replace("\"SDK\"", &quoted(&sdk.to_string_lossy()));
        files::create(&directory.join(path), text.as_bytes(), 0o644)?;
    }
    Ok(format!(
        "{0}/ is ready; in it run\n  cargo test\n  cargo build --release\n  mig-plugin check target/release/lib{1}.so\n",
        directory.display(),
        options.name.replace('-', "_"),
    ))
}

/// Text as a string of JSON, which TOML reads as well.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// `disk-usage` is `DiskUsage`; empty when no letter starts it.
fn type_name(name: &str) -> String {
    let words = name.split(['-', '_']).filter(|word| !word.is_empty());
    let joined: String = words
        .flat_map(|word| {
            let (first, rest) = word.split_at(1);
            [first.to_ascii_uppercase(), rest.to_owned()]
        })
        .collect();
    if joined.starts_with(|first: char| first.is_ascii_alphabetic()) {
        joined
    } else {
        String::new()
    }
}
