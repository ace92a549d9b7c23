//! The manifest of a module: UTF-8 JSON in its ELF section and in its table.

use crate::schema::{ResultSchema, Schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// Largest manifest that is read, in bytes.
pub const MAX_BYTES: usize = 1 << 20;

/// Most entries of `reads`.
pub const MAX_READS: usize = 64;

/// Libraries every plugin may need without declaring them: what the C runtime
/// and the unwinder consist of.
pub const RUNTIME_LIBRARIES: [&str; 7] = [
    "libc.so.6",
    "libgcc_s.so.1",
    "libm.so.6",
    "libpthread.so.0",
    "libdl.so.2",
    "librt.so.1",
    "ld-linux-x86-64.so.2",
];

/// Why a manifest is refused, in one line.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// Not UTF-8 JSON of the right shape.
    #[error("manifest is not valid: {0}")]
    Json(#[from] serde_json::Error),
    /// Too many bytes.
    #[error("manifest has {0} bytes; at most 1048576 are read")]
    TooLarge(usize),
    /// A name that cannot stand in an operation or a path.
    #[error("manifest: module name `{0}` must be 1-64 lower-case letters, digits, `_` or `-`")]
    Name(String),
    /// A required text is missing.
    #[error("manifest: `{0}` is missing")]
    Missing(&'static str),
    /// A capability that only persistent modules have.
    #[error(
        "manifest: only persistent modules have the capability `{0}`; say \"persistent\": true or leave it out"
    )]
    OnlyPersistent(String),
    /// A place in `reads` that is none.
    #[error(
        "manifest: `reads` has `{0}`; it takes up to 64 absolute paths without `.`, `..` and `//`"
    )]
    Reads(String),
    /// A version number that is not digits and dots.
    #[error("manifest: requires.{field} `{value}` is not a version like 2.34")]
    Version {
        /// `kernel` or `glibc`.
        field: &'static str,
        /// What stands there.
        value: String,
    },
}

/// What a module says about itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Name used in operations (`"module": "file"`), lower case.
    #[serde(default)]
    pub name: String,
    /// The module's own version, any text.
    #[serde(default)]
    pub version: String,
    /// Who publishes it.
    #[serde(default)]
    pub publisher: String,
    /// One sentence for lists of modules.
    #[serde(default)]
    pub description: String,
    /// The ABI it was built against.
    #[serde(default)]
    pub abi: Abi,
    /// What it can do, by operation name.
    #[serde(default)]
    pub operations: BTreeMap<String, Operation>,
    /// An interrupted run may be run again. False when not said.
    #[serde(default)]
    pub repeatable: bool,
    /// Has a long-lived `serve`; then `run` describes its queries.
    #[serde(default)]
    pub persistent: bool,
    /// What the sandbox must leave open for it.
    #[serde(default)]
    pub capabilities: Vec<Capability>,
    /// Files and directories that `run` and `serve` read without the capability
    /// to read everything: absolute paths, at most [`MAX_READS`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reads: Vec<String>,
    /// What it expects to need.
    #[serde(default)]
    pub resources: Resources,
    /// What the machine must offer at least.
    #[serde(default)]
    pub requires: Requirements,
    /// Shared libraries beyond [`RUNTIME_LIBRARIES`] that it links.
    #[serde(default)]
    pub libraries: Vec<String>,
    /// Examples of use, free form, shown by `describe`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub examples: Vec<Value>,
}

/// ABI a plugin was built against.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Abi {
    /// Major version.
    #[serde(default)]
    pub major: u16,
    /// Minor version.
    #[serde(default)]
    pub minor: u16,
    /// Fingerprint of that version's tables, as in the C header.
    #[serde(default)]
    pub fingerprint: String,
    /// Fingerprints of the minors before, from 0 on, so that an older host can
    /// see its own version as the prefix of this one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<String>,
}

/// One operation.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Operation {
    /// What it takes; for `serve`, the configuration file: an object of sections,
    /// each an object of keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<Schema>,
    /// What it answers; for `run`, the properties `elements` and `statistics`;
    /// for `serve`, an alert: an object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Schema>,
}

/// Hints, not claims: the host's own limits hold anyway. Absent is "no idea".
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Resources {
    /// Bytes of memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<u64>,
    /// Seconds of wall time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wall: Option<u64>,
    /// Seconds of processor time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<u64>,
    /// Open descriptors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub descriptors: Option<u64>,
    /// Bytes of output.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<u64>,
}

/// Least versions, as digits and dots; absent is any.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Requirements {
    /// Linux kernel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kernel: Option<String>,
    /// GNU C library.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub glibc: Option<String>,
}

/// What a module needs from the system. What is not listed is closed to it.
/// The manifest says it in words; `docs/plugins.md` explains each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Capability {
    /// `filesystem-read`: reading any file, whoever owns it.
    FilesystemRead,
    /// `filesystem-write`: changing and removing what the user of the host may
    /// change and remove.
    FilesystemWrite,
    /// `network`: sockets of any family that need no privilege, netlink's
    /// included, and the files that name resolution reads.
    Network,
    /// `raw-network`: raw and packet sockets.
    RawNetwork,
    /// `network-namespaces`: entering other network namespaces; brings
    /// `network`.
    NetworkNamespaces,
    /// `process-information`: reading what `/proc` says of any process.
    ProcessInformation,
    /// `ptrace`: memory and state of other processes.
    Ptrace,
    /// `netlink-audit`: the kernel's audit stream.
    NetlinkAudit,
    /// `processes`: starting programs.
    Processes,
    /// `signal`: signals to other processes.
    Signal,
    /// `state-directory`: a directory of its own to keep files in, the only one
    /// it may write to. Persistent modules only.
    StateDirectory,
    /// `alerts`: gets the alerts of the other persistent modules. Persistent
    /// modules only.
    Alerts,
    /// Something this version does not know, and therefore cannot grant.
    Other(String),
}

impl Capability {
    const NAMES: [(&'static str, Capability); 12] = [
        ("filesystem-read", Capability::FilesystemRead),
        ("filesystem-write", Capability::FilesystemWrite),
        ("network", Capability::Network),
        ("raw-network", Capability::RawNetwork),
        ("network-namespaces", Capability::NetworkNamespaces),
        ("process-information", Capability::ProcessInformation),
        ("ptrace", Capability::Ptrace),
        ("netlink-audit", Capability::NetlinkAudit),
        ("processes", Capability::Processes),
        ("signal", Capability::Signal),
        ("state-directory", Capability::StateDirectory),
        ("alerts", Capability::Alerts),
    ];

    /// The word in the manifest.
    pub fn as_str(&self) -> &str {
        match self {
            Capability::Other(name) => name,
            known => Self::NAMES
                .iter()
                .find(|(_, capability)| capability == known)
                .map_or("", |(name, _)| name),
        }
    }
}

impl From<String> for Capability {
    fn from(name: String) -> Self {
        Self::NAMES
            .into_iter()
            .find(|(known, _)| *known == name)
            .map_or(Capability::Other(name), |(_, capability)| capability)
    }
}

impl From<Capability> for String {
    fn from(capability: Capability) -> Self {
        capability.as_str().to_owned()
    }
}

impl Manifest {
    /// Reads a manifest. Trailing NUL bytes are ignored, because a C string
    /// literal brings one.
    ///
    /// # Errors
    /// One line that says what is wrong.
    pub fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        let length = bytes
            .iter()
            .rposition(|byte| *byte != 0)
            .map_or(0, |at| at + 1);
        let bytes = &bytes[..length];
        if bytes.len() > MAX_BYTES {
            return Err(ManifestError::TooLarge(bytes.len()));
        }
        let manifest: Self = serde_json::from_slice(bytes)?;
        manifest.check()?;
        Ok(manifest)
    }

    fn check(&self) -> Result<(), ManifestError> {
        if !valid_name(&self.name) {
            if self.name.is_empty() {
                return Err(ManifestError::Missing("name"));
            }
            let shown = self.name.escape_debug().take(80).collect();
            return Err(ManifestError::Name(shown));
        }
        if self.version.is_empty() {
            return Err(ManifestError::Missing("version"));
        }
        if self.abi.major == 0 {
            return Err(ManifestError::Missing("abi.major"));
        }
        if self.abi.fingerprint.is_empty() {
            return Err(ManifestError::Missing("abi.fingerprint"));
        }
        if !self.operations.contains_key("run") && !self.persistent {
            return Err(ManifestError::Missing("operations.run"));
        }
        if self.persistent && !self.operations.contains_key("serve") {
            return Err(ManifestError::Missing("operations.serve"));
        }
        let only_persistent = [Capability::StateDirectory, Capability::Alerts];
        if let Some(capability) = only_persistent.iter().find(|one| self.needs(one))
            && !self.persistent
        {
            return Err(ManifestError::OnlyPersistent(
                capability.as_str().to_owned(),
            ));
        }
        let beyond = self.reads.get(MAX_READS);
        if let Some(path) = beyond.or_else(|| self.reads.iter().find(|path| !is_place(path))) {
            let shown = path.escape_debug().take(80).collect();
            return Err(ManifestError::Reads(shown));
        }
        for (field, value) in [
            ("kernel", &self.requires.kernel),
            ("glibc", &self.requires.glibc),
        ] {
            if let Some(value) = value
                && parse_version(value).is_none()
            {
                return Err(ManifestError::Version {
                    field,
                    value: value.escape_debug().take(80).collect(),
                });
            }
        }
        Ok(())
    }

    /// True when the module lists this operation.
    pub fn has_operation(&self, operation: &str) -> bool {
        self.operations.contains_key(operation)
    }

    /// Schema of the parameters of `run`.
    pub fn parameters(&self) -> Option<&Schema> {
        self.operations.get("run")?.parameters.as_ref()
    }

    /// Schema of the configuration file of a persistent module.
    pub fn configuration(&self) -> Option<&Schema> {
        self.operations.get("serve")?.parameters.as_ref()
    }

    /// The files that a configuration names under keys whose schema says
    /// `"x-mig-opens": true`; the host opens them for the module.
    pub fn named_files(&self, configuration: &Value) -> Vec<String> {
        let mut files = Vec::new();
        for (section, keys) in self
            .configuration()
            .into_iter()
            .flat_map(Schema::properties)
        {
            for (key, schema) in keys.properties() {
                let value = &configuration[section][key];
                match (schema.opens(), value) {
                    (true, Value::String(path)) => files.push(path.clone()),
                    (true, Value::Array(paths)) => {
                        let texts = paths.iter().filter_map(Value::as_str);
                        files.extend(texts.map(str::to_owned));
                    }
                    _ => {}
                }
            }
        }
        files.retain(|path| is_place(path));
        files
    }

    /// True when its configuration may name files that are opened for it.
    pub fn names_files(&self) -> bool {
        self.configuration()
            .into_iter()
            .flat_map(Schema::properties)
            .flat_map(|(_, keys)| keys.properties())
            .any(|(_, schema)| schema.opens())
    }

    /// Schema of an alert of a persistent module, with its privacy classes.
    pub fn alert(&self) -> Option<&Schema> {
        self.operations.get("serve")?.result.as_ref()
    }

    /// Schema of the whole result document of `run`: what the module declares
    /// for `elements` and `statistics`, in the frame all results share.
    pub fn result(&self) -> ResultSchema {
        ResultSchema::new(
            self.operations
                .get("run")
                .and_then(|run| run.result.as_ref()),
        )
    }

    /// True when the module asks for this.
    pub fn needs(&self, capability: &Capability) -> bool {
        self.capabilities.contains(capability)
    }

    /// True when a shared library may be linked: declared or part of the runtime.
    pub fn allows_library(&self, library: &str) -> bool {
        RUNTIME_LIBRARIES.contains(&library) || self.libraries.iter().any(|name| name == library)
    }
}

/// True for an absolute path that says where it leads, and not to everything.
fn is_place(path: &str) -> bool {
    let parts = path.strip_prefix('/').map(|rest| rest.split('/'));
    parts.is_some_and(|mut parts| parts.all(|part| !matches!(part, "" | "." | "..")))
        && !path.chars().any(char::is_control)
}

/// True for what may name a module.
pub fn valid_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte))
}

/// The numbers of a version like `2.34`; `None` for anything else. Compare the
/// lists to compare versions.
pub fn parse_version(text: &str) -> Option<Vec<u32>> {
    text.split('.').map(|part| part.parse().ok()).collect()
}
