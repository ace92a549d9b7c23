//! Looking at files without executing them.

use std::path::Path;

use mig_host::inspect::{InspectError, Rules, inspect, inspect_with};
use proptest::prelude::*;

use crate::c_plugins::{Plugins, Source};

fn refusal(bytes: &[u8]) -> String {
    let error = inspect(bytes).expect_err("refused").to_string();
    assert!(!error.contains('\n'), "one line: {error}");
    error
}

fn bytes_of(path: &Path) -> Vec<u8> {
    std::fs::read(path).expect("the compiled file")
}

#[test]
fn a_proper_plugin_is_described() {
    let Some(plugins) = Plugins::new() else {
        return;
    };
    let file = plugins.add(&Source {
        flags: &["-lm", "-Wl,--no-as-needed"],
        ..Source::default()
    });
    let found = inspect(&bytes_of(&file)).expect("acceptable");
    assert_eq!(found.manifest.name, "cplug");
    assert_eq!(
        found.manifest_bytes.last(),
        Some(&b'}'),
        "without the NUL of C"
    );
    assert!(
        found.libraries.iter().any(|library| library == "libc.so.6"),
        "{found:?}"
    );
    assert!(found.glibc >= Some((2, 2)), "{:?}", found.glibc);
}

#[test]
fn everything_that_speaks_against_loading_has_its_line() {
    let Some(plugins) = Plugins::new() else {
        return;
    };
    let export = r#"__attribute__((visibility("default"))) void more(void) {}"#;
    let cases: &[(&str, Source<'_>, &str)] = &[
        (
            "export",
            Source {
                before: export,
                ..Source::default()
            },
            "exports `more`",
        ),
        (
            "library",
            Source {
                flags: &["-Wl,--no-as-needed", "-lresolv"],
                ..Source::default()
            },
            "libresolv.so.2`, which its manifest does not declare",
        ),
        (
            "runpath",
            Source {
                flags: &["-Wl,-rpath,/tmp,--enable-new-dtags"],
                ..Source::default()
            },
            "DT_RUNPATH",
        ),
        (
            "rpath",
            Source {
                flags: &["-Wl,-rpath,/tmp,--disable-new-dtags"],
                ..Source::default()
            },
            "DT_RPATH",
        ),
        (
            "stack",
            Source {
                flags: &["-Wl,-z,execstack"],
                ..Source::default()
            },
            "executable stack",
        ),
        (
            "audit",
            Source {
                flags: &["-Wl,--audit=libc.so.6"],
                ..Source::default()
            },
            "audit libraries",
        ),
        (
            "filter",
            Source {
                flags: &["-Wl,-F,libc.so.6"],
                ..Source::default()
            },
            "filter libraries",
        ),
        (
            "fingerprint",
            Source {
                fingerprint: "00",
                ..Source::default()
            },
            "fingerprint does not match",
        ),
        (
            "capability",
            Source {
                capabilities: "telepathy",
                ..Source::default()
            },
            "`telepathy`",
        ),
        (
            "kernel",
            Source {
                manifest: r#""requires":{"kernel":"99.1"},"#,
                ..Source::default()
            },
            "needs Linux 99.1",
        ),
        (
            "glibc",
            Source {
                manifest: r#""requires":{"glibc":"99.1"},"#,
                ..Source::default()
            },
            "needs glibc 99.1",
        ),
        (
            "name",
            Source {
                name: "Shout",
                ..Source::default()
            },
            "module name",
        ),
    ];
    for (what, source, part) in cases {
        let file = plugins.add(source);
        let said = refusal(&bytes_of(&file));
        assert!(said.contains(part), "{what}: {said}");
    }
    let nameless = plugins.compile("nameless", "int x;", &[]);
    assert!(refusal(&bytes_of(&nameless)).contains("no .mig.manifest section"));
    let mut silent = bytes_of(&plugins.add(&Source::default()));
    replace(&mut silent, b"mig_plugin_draft_1", b"gim_plugin_draft_1");
    assert!(refusal(&silent).contains("does not export `mig_plugin_draft_1`"));
    let mut old = bytes_of(&plugins.add(&Source::default()));
    replace(&mut old, br#""major":1"#, br#""major":9"#);
    assert!(refusal(&old).contains("built for plugin ABI 9"));
    let mut writable = bytes_of(&plugins.add(&Source::default()));
    make_code_writable(&mut writable);
    assert!(refusal(&writable).contains("writable and executable"));
    let mut foreign = bytes_of(&plugins.add(&Source::default()));
    foreign[18] = 21;
    assert!(refusal(&foreign).contains("this program runs on"));
}

/// Sets the write flag of every executable segment.
fn make_code_writable(bytes: &mut [u8]) {
    const HEADER: usize = 64;
    const SEGMENT: usize = 56;
    let count = usize::from(bytes[56]);
    for segment in bytes[HEADER..].chunks_mut(SEGMENT).take(count) {
        if segment[0] == 1 && segment[4] & 1 == 1 {
            segment[4] |= 2;
        }
    }
}

fn replace(bytes: &mut [u8], from: &[u8], to: &[u8]) {
    let mut replaced = 0;
    for at in 0..=bytes.len() - from.len() {
        if bytes[at..].starts_with(from) {
            bytes[at..at + from.len()].copy_from_slice(to);
            replaced += 1;
        }
    }
    assert!(replaced > 0, "nothing to replace");
}

#[test]
fn other_files_are_not_plugins() {
    for (bytes, part) in [
        (&b""[..], "not a valid ELF"),
        (b"#!/bin/sh\n", "not a valid ELF"),
        (b"\x7fELF", "not a valid ELF"),
        (&[0; 5000], "not a valid ELF"),
    ] {
        assert!(refusal(bytes).contains(part), "{bytes:?}");
    }
    let program = std::fs::read("/proc/self/exe").expect("this program");
    assert!(refusal(&program).contains("not a shared library"));
}

#[test]
fn the_host_decides_about_its_libraries_and_versions() {
    let Some(plugins) = Plugins::new() else {
        return;
    };
    let declared = Source {
        manifest: r#""libraries":["libresolv.so.2"],"#,
        flags: &["-Wl,--no-as-needed", "-lresolv"],
        ..Source::default()
    };
    let bytes = bytes_of(&plugins.add(&declared));
    let error = inspect(&bytes).expect_err("not allowed here").to_string();
    assert!(error.contains("which this host does not allow"), "{error}");
    let mut rules = Rules::of_this_host();
    rules.libraries.push("libresolv.so.2".to_owned());
    inspect_with(&bytes, &rules).expect("allowed");
    rules.glibc = Some((2, 1));
    let error = inspect_with(&bytes, &rules).expect_err("too old");
    assert!(
        matches!(error, InspectError::NewerGlibc { have: (2, 1), .. }),
        "{error}"
    );
    rules.glibc = None;
    let error = inspect_with(&bytes, &rules).expect_err("static");
    assert!(matches!(error, InspectError::StaticHost), "{error}");
}

#[test]
fn a_library_named_by_path_is_refused() {
    let Some(plugins) = Plugins::new() else {
        return;
    };
    let other = plugins.compile(
        "other",
        "int other(void) { return 1; }",
        &["-fvisibility=default"],
    );
    let path = other.to_str().expect("UTF-8");
    let file = plugins.add(&Source {
        flags: &["-Wl,--no-as-needed", path],
        ..Source::default()
    });
    assert!(refusal(&bytes_of(&file)).contains("by path"));
}

/// One plugin for all mutations.
fn victim() -> Option<&'static [u8]> {
    use std::sync::OnceLock;
    static VICTIM: OnceLock<Option<Vec<u8>>> = OnceLock::new();
    VICTIM
        .get_or_init(|| Plugins::new().map(|plugins| bytes_of(&plugins.add(&Source::default()))))
        .as_deref()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damaged_files_are_answered_and_never_a_panic(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u64>(), 0..9usize), 1..6),
        in_headers in any::<bool>(),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let Some(victim) = victim() else { return Ok(()) };
        let mut bytes = victim.to_vec();
        // Half of the damage goes where the structure is.
        let span = if in_headers { 2048 } else { bytes.len() };
        for (at, value, width) in damage {
            let at = at.index(span.min(bytes.len()));
            for (byte, new) in bytes[at..].iter_mut().zip(value.to_le_bytes()).take(width) {
                *byte = new;
            }
        }
        if let Some(cut) = cut {
            let length = cut.index(bytes.len());
            bytes.truncate(length);
        }
        if let Err(error) = inspect(&bytes) {
            prop_assert!(!error.to_string().contains('\n'));
        }
    }

    #[test]
    fn noise_behind_a_proper_header_is_answered(noise in prop::collection::vec(any::<u8>(), 0..4096)) {
        let Some(victim) = victim() else { return Ok(()) };
        let bytes = [&victim[..64], &noise].concat();
        prop_assert!(inspect(&bytes).is_err());
    }
}
