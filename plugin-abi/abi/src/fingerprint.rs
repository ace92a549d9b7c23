//! Fingerprints of the tables' layout, one per minor version.
//!
//! A fingerprint is the SHA-256 of a text that lists every struct with its
//! alignment and every field with offset and size, as far as the version knows
//! them (the tests compute it from the structs). A changed layout therefore
//! cannot ship under an old number unnoticed, and a plugin built against
//! changed headers is refused before it is loaded.

/// What one version of the ABI looked like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shipped {
    /// Major version.
    pub major: u16,
    /// Minor version.
    pub minor: u16,
    /// Fingerprint on 64-bit systems, in hex.
    pub fingerprint: &'static str,
    /// Size of [`crate::MigPlugin`] in that version, in bytes.
    pub plugin_size: usize,
    /// Size of [`crate::MigHost`] in that version, in bytes.
    pub host_size: usize,
}

/// Every version ever shipped, oldest first. Lines are only ever added.
pub const SHIPPED: [Shipped; 1] = [Shipped {
    major: 1,
    minor: 0,
    fingerprint: "99ecbf43afc70de9537dad7ddd4b45be022ee7d9c1f5359cc7946c58c0f610bc",
    plugin_size: 56,
    host_size: 64,
}];

/// Fingerprint of the version this crate describes: what a manifest says.
pub const FINGERPRINT: &str = SHIPPED[SHIPPED.len() - 1].fingerprint;

/// Why a plugin's ABI is not this host's, in one line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// A major version this host does not serve.
    #[error("built for plugin ABI {plugin}; this program serves major version {host}")]
    Major {
        /// The plugin's major version.
        plugin: u16,
        /// The host's.
        host: u16,
    },
    /// The tables the plugin was built with are not the published ones.
    #[error(
        "ABI fingerprint does not match version {major}.{minor}; rebuild it with the published header or SDK"
    )]
    Fingerprint {
        /// The version it claims.
        major: u16,
        /// The version it claims.
        minor: u16,
    },
    /// A newer minor that does not say how it contains ours.
    #[error(
        "built for plugin ABI {major}.{plugin}, whose prefix is not this program's {major}.{host}; update this program"
    )]
    Prefix {
        /// Common major version.
        major: u16,
        /// The plugin's minor version.
        plugin: u16,
        /// The host's.
        host: u16,
    },
    /// A table smaller than its version.
    #[error("plugin table has {size} bytes; version {major}.{minor} has {least}")]
    TooSmall {
        /// Size the table states.
        size: usize,
        /// The version it claims.
        major: u16,
        /// The version it claims.
        minor: u16,
        /// Size of that version.
        least: usize,
    },
}

/// Decides whether a plugin built for `major.minor` with this fingerprint may
/// be loaded. `earlier` are the fingerprints of the minors before its own,
/// from 0 on.
///
/// A minor this crate knows must have its published fingerprint. A newer minor
/// is accepted when its fingerprint for our newest minor is ours: then its
/// tables start with all that we know.
///
/// # Errors
/// What does not fit.
pub fn accept<S: AsRef<str>>(
    major: u16,
    minor: u16,
    fingerprint: &str,
    earlier: &[S],
) -> Result<(), Mismatch> {
    accept_by(&SHIPPED, major, minor, fingerprint, earlier)
}

fn accept_by<S: AsRef<str>>(
    shipped: &[Shipped],
    major: u16,
    minor: u16,
    fingerprint: &str,
    earlier: &[S],
) -> Result<(), Mismatch> {
    let Some(newest) = shipped.iter().rfind(|version| version.major == major) else {
        return Err(Mismatch::Major {
            plugin: major,
            host: crate::ABI_MAJOR,
        });
    };
    let known = shipped
        .iter()
        .find(|version| version.major == major && version.minor == minor);
    let same = |known: &Shipped, given: &str| known.fingerprint.eq_ignore_ascii_case(given);
    match known {
        Some(known) if same(known, fingerprint) => Ok(()),
        None if minor > newest.minor => match earlier.get(usize::from(newest.minor)) {
            Some(prefix) if same(newest, prefix.as_ref()) => Ok(()),
            _ => Err(Mismatch::Prefix {
                major,
                plugin: minor,
                host: newest.minor,
            }),
        },
        _ => Err(Mismatch::Fingerprint { major, minor }),
    }
}

/// Checks the size that a loaded table states against its version.
///
/// # Errors
/// When the table cannot hold the fields of its version.
pub fn accept_size(major: u16, minor: u16, size: usize) -> Result<(), Mismatch> {
    // Of a newer minor we use what our newest has.
    let known = SHIPPED
        .iter()
        .rfind(|version| version.major == major && version.minor <= minor);
    match known {
        Some(version) if size < version.plugin_size => Err(Mismatch::TooSmall {
            size,
            major,
            minor,
            least: version.plugin_size,
        }),
        Some(_) => Ok(()),
        None => Err(Mismatch::Major {
            plugin: major,
            host: crate::ABI_MAJOR,
        }),
    }
}

#[cfg(test)]
mod tests;
