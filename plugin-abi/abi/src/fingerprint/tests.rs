use super::*;
use crate::{MigBytes, MigHost, MigPlugin};
use sha2::{Digest, Sha256};
use std::mem::{align_of, offset_of, size_of};

/// One field: name, offset, size, and the minor version that brought it.
type Field = (&'static str, usize, usize, u16);

/// Size of the field that a projection selects.
fn size_of_field<T, F>(_: fn(&T) -> &F) -> usize {
    size_of::<F>()
}

macro_rules! fields {
    ($table:ident: $($field:ident since $minor:literal),+ $(,)?) => {{
        // Every field must be listed: a pattern without `..` makes sure.
        let _complete = |table: &$table| { let $table { $($field: _),+ } = table; };
        [$((
            stringify!($field),
            offset_of!($table, $field),
            size_of_field(|table: &$table| &table.$field),
            $minor,
        )),+]
    }};
}

/// The text whose hash is the fingerprint of a minor version.
fn layout(minor: u16) -> String {
    let bytes: &[Field] = &fields!(MigBytes: ptr since 0, len since 0);
    let host: &[Field] = &fields!(MigHost:
        size since 0, abi_major since 0, abi_minor since 0, reserved since 0, context since 0,
        log since 0, emit since 0, progress since 0, cancelled since 0, get_service since 0,
    );
    let plugin: &[Field] = &fields!(MigPlugin:
        size since 0, abi_major since 0, abi_minor since 0, reserved since 0,
        capabilities since 0, manifest since 0, call since 0, serve since 0,
    );
    let mut text = format!("mig plugin abi {}\n", crate::ABI_MAJOR);
    for (name, align, fields) in [
        ("MigBytes", align_of::<MigBytes>(), bytes),
        ("MigHost", align_of::<MigHost>(), host),
        ("MigPlugin", align_of::<MigPlugin>(), plugin),
    ] {
        text.push_str(&format!("{name} align {align}\n"));
        for (field, offset, size, since) in fields {
            if *since <= minor {
                text.push_str(&format!("{field} at {offset} size {size}\n"));
            }
        }
    }
    text
}

#[test]
#[cfg(target_pointer_width = "64")]
fn every_shipped_fingerprint_is_that_of_the_structs() {
    for version in SHIPPED {
        let text = layout(version.minor);
        let computed = hex::encode(Sha256::digest(text.as_bytes()));
        assert_eq!(
            version.fingerprint, computed,
            "the layout of {}.{} changed:\n{text}",
            version.major, version.minor
        );
    }
}

#[test]
#[cfg(target_pointer_width = "64")]
fn the_newest_version_has_the_sizes_of_the_structs() {
    let newest = SHIPPED.last().expect("a version");
    assert_eq!(
        (newest.major, newest.minor),
        (crate::ABI_MAJOR, crate::ABI_MINOR)
    );
    assert_eq!(newest.plugin_size, size_of::<MigPlugin>());
    assert_eq!(newest.host_size, size_of::<MigHost>());
}

const OLD: Shipped = Shipped {
    major: 1,
    minor: 0,
    fingerprint: "aa",
    plugin_size: 64,
    host_size: 64,
};
const NEW: Shipped = Shipped {
    major: 1,
    minor: 1,
    fingerprint: "bb",
    plugin_size: 72,
    host_size: 64,
};

#[test]
fn a_version_is_accepted_by_its_own_fingerprint_or_as_a_prefix() {
    let none: [&str; 0] = [];
    let fingerprint = |major, minor| Err(Mismatch::Fingerprint { major, minor });
    for (major, minor, given, earlier, expected) in [
        (1, 0, "aa", &none[..], Ok(())),
        (1, 0, "AA", &none[..], Ok(())),
        (1, 1, "bb", &["aa"][..], Ok(())),
        (1, 1, "aa", &["aa"][..], fingerprint(1, 1)),
        (1, 0, "bb", &none[..], fingerprint(1, 0)),
        (1, 2, "cc", &["aa", "bb"][..], Ok(())),
        (
            1,
            2,
            "cc",
            &["aa"][..],
            Err(Mismatch::Prefix {
                major: 1,
                plugin: 2,
                host: 1,
            }),
        ),
        (
            1,
            2,
            "cc",
            &["aa", "xx"][..],
            Err(Mismatch::Prefix {
                major: 1,
                plugin: 2,
                host: 1,
            }),
        ),
        (
            2,
            0,
            "aa",
            &none[..],
            Err(Mismatch::Major { plugin: 2, host: 1 }),
        ),
    ] {
        assert_eq!(
            accept_by(&[OLD, NEW], major, minor, given, earlier),
            expected,
            "{major}.{minor} {given}"
        );
    }
}

#[test]
fn a_table_smaller_than_its_version_is_refused() {
    assert_eq!(accept_size(1, 0, size_of::<MigPlugin>()), Ok(()));
    assert_eq!(accept_size(1, 7, size_of::<MigPlugin>() + 8), Ok(()));
    assert!(matches!(
        accept_size(1, 0, 16),
        Err(Mismatch::TooSmall { size: 16, .. })
    ));
    assert!(matches!(
        accept_size(3, 0, 64),
        Err(Mismatch::Major { plugin: 3, .. })
    ));
}
