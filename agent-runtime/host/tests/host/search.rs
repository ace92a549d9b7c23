//! Finding plugins: who owns them, who signed them, which one counts.

use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

use mig_host::{Ending, ModuleStore, Origin, StoreOptions};
use mig_protocol::Time;
use mig_protocol::openpgp::{KeyFileSigner, Signer, generate_investigator_key};
use serde_json::json;

use crate::c_plugins::{Plugins, Source};
use crate::setup::{STATICS, job, run};

/// A publisher whose public key lies in a key ring directory.
struct Publisher(KeyFileSigner);

impl Publisher {
    fn new(ring: &Path, name: &str) -> Self {
        let key = generate_investigator_key(name, None, Time::now()).expect("generate");
        std::fs::write(ring.join(format!("{name}.asc")), &key.public).expect("write key");
        Self(KeyFileSigner::from_armored(key.secret.as_bytes(), None).expect("signer"))
    }

    /// Adds a signature beside the file.
    fn sign(&self, file: &Path) {
        let bytes = std::fs::read(file).expect("plugin");
        let line = self.0.sign_line(&bytes, Time::now()).expect("sign");
        let beside = signature_of(file);
        let before = std::fs::read_to_string(&beside).unwrap_or_default();
        std::fs::write(beside, format!("{before}{line}\n")).expect("write signature");
    }
}

fn signature_of(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".sig");
    name.into()
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("set mode");
}

/// The refusals of a store, as lines.
fn refusals(store: &ModuleStore) -> Vec<String> {
    let lines: Vec<_> = store.refused().iter().map(ToString::to_string).collect();
    assert!(lines.iter().all(|line| !line.contains('\n')), "{lines:?}");
    lines
}

/// Opens a store that must refuse the plugin, and gives the line.
fn refusal(options: &StoreOptions) -> String {
    let store = ModuleStore::open(STATICS, options);
    assert!(store.get("cplug").is_none(), "must be refused");
    let lines = refusals(&store);
    assert_eq!(lines.len(), 1, "{lines:?}");
    lines.into_iter().next().unwrap_or_default()
}

#[test]
fn a_plugin_needs_as_many_distinct_signers_as_are_required() {
    let Some(plugins) = Plugins::new() else {
        return;
    };
    let ring = tempfile::tempdir().expect("tempdir");
    let file = plugins.add(&Source::default());
    let options = |required| StoreOptions {
        directories: vec![plugins.directory().to_owned()],
        required_signatures: required,
        keyring_directory: Some(ring.path().to_owned()),
        ..StoreOptions::default()
    };
    let alice = Publisher::new(ring.path(), "alice");
    let bob = Publisher::new(ring.path(), "bob");
    let stranger_ring = tempfile::tempdir().expect("tempdir");
    let stranger = Publisher::new(stranger_ring.path(), "stranger");

    assert!(refusal(&options(1)).contains("cplug.so: is not signed (cplug.so.sig is missing)"));
    stranger.sign(&file);
    assert!(refusal(&options(1)).contains("unknown entity"));
    alice.sign(&file);
    let store = ModuleStore::open(STATICS, &options(1));
    assert_eq!(refusals(&store), [""; 0]);
    let module = store.get("cplug").expect("loaded");
    assert_eq!(
        module.origin,
        Origin::Dynamic {
            path: file.clone(),
            unsigned: false
        }
    );
    assert_eq!(module.signers, [alice.0.fingerprint().to_string()]);
    let outcome = run(&store, &job("cplug", json!(null)));
    assert_eq!(outcome.ending, Ending::Done, "{:?}", outcome.reason);

    alice.sign(&file);
    assert!(refusal(&options(2)).contains("1 of 2 required"));
    bob.sign(&file);
    assert!(
        ModuleStore::open(STATICS, &options(2))
            .get("cplug")
            .is_some()
    );

    let mut bytes = std::fs::read(&file).expect("read");
    *bytes.last_mut().expect("bytes") ^= 1;
    std::fs::write(&file, bytes).expect("alter");
    assert!(refusal(&options(1)).contains("required signatures are valid"));
    // A signature that does not fit is no missing signature.
    let lenient = StoreOptions {
        allow_unsigned: true,
        ..options(1)
    };
    assert!(refusal(&lenient).contains("required signatures are valid"));
    std::fs::remove_file(signature_of(&file)).expect("remove");
    assert!(ModuleStore::open(STATICS, &lenient).get("cplug").is_some());
}

#[test]
fn what_others_may_change_is_refused() {
    let Some(plugins) = Plugins::new() else {
        return;
    };
    let file = plugins.add(&Source::default());
    let options = plugins.options();
    set_mode(&file, 0o664);
    assert!(refusal(&options).contains("chmod go-w"), "group");
    set_mode(&file, 0o646);
    assert!(refusal(&options).contains("chmod go-w"), "others");
    set_mode(&file, 0o644);
    set_mode(plugins.directory(), 0o777);
    assert!(refusal(&options).contains("chmod go-w"), "directory");
    set_mode(plugins.directory(), 0o1777);
    assert!(refusal(&options).contains("chmod go-w"), "sticky directory");
    set_mode(plugins.directory(), 0o755);
    assert!(ModuleStore::open(STATICS, &options).get("cplug").is_some());
}

#[test]
fn a_directory_above_that_others_may_change_is_refused() {
    let Some(plugins) = Plugins::new() else {
        return;
    };
    let file = plugins.add(&Source::default());
    let below = plugins.directory().join("open/modules");
    std::fs::create_dir_all(&below).expect("directories");
    std::fs::rename(&file, below.join("cplug.so")).expect("move");
    let options = StoreOptions {
        directories: vec![below.clone()],
        ..plugins.options()
    };
    set_mode(&plugins.directory().join("open"), 0o777);
    assert!(refusal(&options).contains("open can be written"));
    set_mode(&plugins.directory().join("open"), 0o755);
    // A link does not hide where the file really is.
    let real = plugins.directory().join("elsewhere");
    std::fs::create_dir(&real).expect("directory");
    std::fs::rename(below.join("cplug.so"), real.join("real.so")).expect("move");
    std::os::unix::fs::symlink(real.join("real.so"), below.join("cplug.so")).expect("link");
    assert!(ModuleStore::open(STATICS, &options).get("cplug").is_some());
    set_mode(&real, 0o777);
    assert!(refusal(&options).contains("elsewhere can be written"));
}

#[test]
fn a_file_of_somebody_else_is_refused() {
    if !mig_testkit::is_root() {
        return mig_testkit::skip("needs root to give files away");
    }
    let Some(plugins) = Plugins::new() else {
        return;
    };
    let file = plugins.add(&Source::default());
    chown(&file, Some(65534), None).expect("chown");
    assert!(refusal(&plugins.options()).contains("is owned by user 65534; give it to root"));
    chown(&file, Some(0), None).expect("chown");
    chown(plugins.directory(), Some(65534), None).expect("chown");
    assert!(refusal(&plugins.options()).contains("is owned by user 65534"));
}

#[test]
fn keys_that_others_may_change_do_not_count() {
    let Some(plugins) = Plugins::new() else {
        return;
    };
    let ring = tempfile::tempdir().expect("tempdir");
    let file = plugins.add(&Source::default());
    Publisher::new(ring.path(), "alice").sign(&file);
    let options = StoreOptions {
        allow_unsigned: false,
        keyring_directory: Some(ring.path().to_owned()),
        ..plugins.options()
    };
    assert!(ModuleStore::open(STATICS, &options).get("cplug").is_some());
    set_mode(&ring.path().join("alice.asc"), 0o666);
    let store = ModuleStore::open(STATICS, &options);
    assert!(store.get("cplug").is_none());
    assert!(
        refusals(&store)[0].contains("skipped"),
        "{:?}",
        refusals(&store)
    );
    set_mode(&ring.path().join("alice.asc"), 0o644);
    set_mode(ring.path(), 0o777);
    assert!(ModuleStore::open(STATICS, &options).get("cplug").is_none());
}

#[test]
fn of_several_modules_with_one_name_the_first_counts() {
    let Some(first) = Plugins::new() else { return };
    let second = Plugins::new().expect("there was a compiler");
    first.add(&Source::default());
    second.add(&Source::default());
    second.add(&Source {
        name: "probe",
        ..Source::default()
    });
    let missing = first.directory().join("missing");
    let options = StoreOptions {
        directories: vec![
            missing,
            first.directory().to_owned(),
            second.directory().to_owned(),
        ],
        ..first.options()
    };
    let store = ModuleStore::open(STATICS, &options);
    assert_eq!(store.get("probe").expect("linked").origin, Origin::Static);
    let lines = refusals(&store);
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(
        lines[0].contains("`cplug` is already provided by"),
        "{lines:?}"
    );
    assert!(
        lines[1].contains("`probe` is already provided by this program"),
        "{lines:?}"
    );
}

#[test]
fn only_chosen_modules_count_and_missing_ones_are_named() {
    let Some(plugins) = Plugins::new() else {
        return;
    };
    plugins.add(&Source::default());
    std::fs::write(plugins.directory().join("libbroken.so"), "broken").expect("write");
    std::fs::write(plugins.directory().join("README"), "no plugin").expect("write");
    let options = StoreOptions {
        modules: Some(vec![
            "example".to_owned(),
            "broken".to_owned(),
            "absent".to_owned(),
        ]),
        ..plugins.options()
    };
    let store = ModuleStore::open(STATICS, &options);
    let names: Vec<_> = store
        .modules()
        .map(|module| module.manifest.name.as_str())
        .collect();
    assert_eq!(names, ["example"]);
    let lines = refusals(&store);
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(
        lines[0].contains("libbroken.so: not a valid ELF"),
        "{lines:?}"
    );
    assert!(
        lines[1].contains("module `absent` is configured but not installed"),
        "{lines:?}"
    );
}

#[test]
fn a_file_that_is_too_large_is_not_read() {
    let Some(plugins) = Plugins::new() else {
        return;
    };
    let huge = std::fs::File::create(plugins.directory().join("huge.so")).expect("create");
    huge.set_len(1 << 40).expect("sparse");
    set_mode(&plugins.directory().join("huge.so"), 0o644);
    std::fs::create_dir(plugins.directory().join("folder.so")).expect("directory");
    let lines = refusals(&plugins.store());
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].contains("not a regular file"), "{lines:?}");
    assert!(lines[1].contains("larger than 64 MiB"), "{lines:?}");
}
