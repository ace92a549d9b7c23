//! The real program on a real plugin: the C example, built by gcc.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const SOURCE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../plugin-abi/examples/c/hello.c"
);
const INCLUDE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../plugin-abi/include");

struct Place {
    directory: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        Self { directory }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Builds the C example with more arguments for gcc; `None` without gcc.
    fn plugin(&self, name: &str, more: &[&str]) -> Option<PathBuf> {
        let path = self.path(name);
        let output = Command::new("gcc")
            .args(["-std=c99", "-O2", "-shared", "-fPIC", "-fvisibility=hidden"])
            .args(["-Wl,-z,noexecstack", "-I", INCLUDE, "-o"])
            .arg(&path)
            .arg(SOURCE)
            .args(more)
            .output();
        match output {
            Ok(output) => {
                assert!(
                    output.status.success(),
                    "{}",
                    String::from_utf8_lossy(&output.stderr)
                );
                Some(path)
            }
            Err(_) => {
                mig_testkit::skip("no gcc");
                None
            }
        }
    }

    /// Makes a key pair and puts the public half into the key ring `keys`.
    fn key(&self, name: &str, kind: &str) -> PathBuf {
        let output = run(&["keygen", text(&self.path(name)), "--kind", kind]);
        assert!(output.status.success(), "{}", stderr(&output));
        let keys = self.path("keys");
        std::fs::create_dir_all(&keys).expect("key ring");
        std::fs::set_permissions(&keys, PermissionsExt::from_mode(0o755)).expect("mode");
        let public = format!("{name}.pub");
        std::fs::rename(self.path(&public), keys.join(&public)).expect("into the ring");
        self.path(&format!("{name}.key"))
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_mig-plugin"))
        .args(arguments)
        .env_remove("MIGPGPPASSPHRASE")
        .output()
        .expect("the program starts")
}

fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{}", stderr(output));
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The one line a failing command prints.
fn refusal(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert_eq!(
        output.status.code(),
        Some(1),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
    assert!(output.stdout.is_empty());
    let text = stderr(&output);
    assert_eq!(text.lines().count(), 1, "{text}");
    let line = text
        .strip_prefix("mig-plugin: ")
        .expect("the program's name");
    line.trim_end().to_owned()
}

#[test]
fn inspect_says_what_a_plugin_is() {
    let place = Place::new();
    let Some(plugin) = place.plugin("libhello.so", &[]) else {
        return;
    };
    let facts = stdout(&run(&["inspect", text(&plugin)]));
    for part in [
        "hello 1.0, published by MIG\n",
        "Kernel release and uptime; an example in C\n",
        "  abi           1.0, fingerprint accepted\n",
        "  operations    options, print, run\n",
        "  repeatable    yes\n",
        "  capabilities  none\n",
        "  libraries     libc.so.6\n",
        "  parameters    nouptime\n",
        "  signature     none\n",
    ] {
        assert!(facts.contains(part), "{part:?} in {facts}");
    }
    let json: serde_json::Value =
        serde_json::from_str(&stdout(&run(&["inspect", "--json", text(&plugin)]))).expect("JSON");
    assert_eq!(json["manifest"]["name"], "hello");
    assert_eq!(
        json["manifest"]["abi"]["fingerprint"],
        mig_plugin_abi::fingerprint::FINGERPRINT
    );
    assert_eq!(json["libraries"][0], "libc.so.6");
}

#[test]
fn inspect_never_executes_the_file() {
    let place = Place::new();
    let mark = place.path("executed");
    let constructor = place.path("constructor.c");
    let code = format!(
        "#include <stdio.h>\n__attribute__((constructor)) static void start(void) {{ fclose(fopen(\"{}\", \"w\")); }}\n",
        text(&mark)
    );
    std::fs::write(&constructor, code).expect("write");
    let Some(plugin) = place.plugin("libhello.so", &[text(&constructor)]) else {
        return;
    };
    assert!(stdout(&run(&["inspect", text(&plugin)])).starts_with("hello 1.0"));
    assert!(!mark.exists(), "its constructor has run");
}

#[test]
fn inspect_refuses_with_one_line() {
    let place = Place::new();
    let junk = place.path("junk.so");
    std::fs::write(&junk, "not a library").expect("write");
    let line = refusal(&["inspect", text(&junk)]);
    assert!(
        line.starts_with(&format!("{}: not a valid ELF", text(&junk))),
        "{line}"
    );
    let missing = place.path("missing.so");
    let line = refusal(&["inspect", text(&missing)]);
    assert!(
        line.starts_with(&format!("cannot read {}: No such file", text(&missing))),
        "{line}"
    );

    let Some(plugin) = place.plugin("libhello.so", &[]) else {
        return;
    };
    let line = refusal(&["inspect", text(&plugin), "--glibc", "2.0"]);
    assert!(
        line.contains("needs glibc 2.") && line.contains("has 2.0"),
        "{line}"
    );
    let line = refusal(&["inspect", text(&plugin), "--glibc", "two"]);
    assert_eq!(line, "--glibc two is not a version like 2.34");
    let runpath = place
        .plugin("librunpath.so", &["-Wl,-rpath,/tmp"])
        .expect("gcc");
    assert!(refusal(&["inspect", text(&runpath)]).contains("search path"));
    let stack = place
        .plugin("libstack.so", &["-Wl,-z,execstack"])
        .expect("gcc");
    assert!(refusal(&["inspect", text(&stack)]).contains("executable stack"));
    let mut bytes = std::fs::read(&plugin).expect("plugin");
    let fingerprint = mig_plugin_abi::fingerprint::FINGERPRINT.as_bytes();
    let at = bytes
        .windows(fingerprint.len())
        .position(|window| window == fingerprint)
        .expect("the fingerprint");
    bytes[at] ^= 1;
    let altered = place.path("libaltered.so");
    std::fs::write(&altered, bytes).expect("write");
    assert!(refusal(&["inspect", text(&altered)]).contains("fingerprint"));
}

#[test]
fn what_is_signed_verifies_with_either_kind_of_key() {
    let place = Place::new();
    let plugin = place.path("libany.so");
    std::fs::write(&plugin, b"the bytes of a plugin").expect("write");
    for kind in ["openpgp", "ed25519"] {
        let key = place.key(kind, kind);
        let mode = std::fs::metadata(&key).expect("key").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let signed = stdout(&run(&["sign", text(&plugin), "--key", text(&key)]));
        let verified = stdout(&run(&[
            "verify",
            text(&plugin),
            "--keyring",
            text(&place.path("keys")),
        ]));
        let signer = verified.trim_end();
        assert!(
            signer.starts_with(&format!("{}: signed by ", text(&plugin))),
            "{verified}"
        );
        assert!(signed.starts_with(signer), "{signed} names {verified}");
    }
}

#[test]
fn several_signatures_count_once_for_each_key() {
    let place = Place::new();
    let plugin = place.path("libany.so");
    std::fs::write(&plugin, b"the bytes of a plugin").expect("write");
    let (one, two) = (place.key("one", "openpgp"), place.key("two", "ed25519"));
    let keys = place.path("keys");
    let verify = [
        "verify",
        text(&plugin),
        "--keyring",
        text(&keys),
        "--required",
        "2",
    ];
    stdout(&run(&["sign", text(&plugin), "--key", text(&one)]));
    stdout(&run(&["sign", text(&plugin), "--key", text(&one), "--add"]));
    assert!(refusal(&verify).contains("1 of 2 required signatures"));
    stdout(&run(&["sign", text(&plugin), "--key", text(&two), "--add"]));
    assert_eq!(stdout(&run(&verify)).lines().count(), 2);
    // Without --add the file starts anew.
    stdout(&run(&["sign", text(&plugin), "--key", text(&two)]));
    assert!(refusal(&verify).contains("1 of 2 required signatures"));
}

#[test]
fn what_does_not_verify_says_why() {
    let place = Place::new();
    let plugin = place.path("libany.so");
    std::fs::write(&plugin, b"the bytes of a plugin").expect("write");
    let key = place.key("publisher", "openpgp");
    let keys = place.path("keys");
    let verify = ["verify", text(&plugin), "--keyring", text(&keys)];
    assert!(refusal(&verify).contains("is not signed (libany.so.sig is missing)"));
    stdout(&run(&["sign", text(&plugin), "--key", text(&key)]));
    stdout(&run(&verify));

    let empty = place.path("empty");
    std::fs::create_dir(&empty).expect("directory");
    let line = refusal(&["verify", text(&plugin), "--keyring", text(&empty)]);
    assert_eq!(
        line,
        format!(
            "{} holds no usable public key; copy the publisher's .pub file there",
            text(&empty)
        )
    );

    std::fs::write(&plugin, b"the bytes of a plugin!").expect("write");
    assert!(refusal(&verify).contains("altered"), "{}", refusal(&verify));
    std::fs::write(&plugin, b"the bytes of a plugin").expect("write");
    std::fs::write(place.path("libany.so.sig"), "").expect("write");
    assert!(refusal(&verify).contains("holds no signature"));
}

#[test]
fn keys_are_never_overwritten_and_wrong_ones_are_named() {
    let place = Place::new();
    let prefix = place.path("publisher");
    stdout(&run(&["keygen", text(&prefix)]));
    let line = refusal(&["keygen", text(&prefix)]);
    assert!(line.contains("publisher.pub exists already"), "{line}");
    let plugin = place.path("libany.so");
    std::fs::write(&plugin, b"x").expect("write");
    let public = place.path("publisher.pub");
    assert!(refusal(&["sign", text(&plugin), "--key", text(&public)]).contains("secret key"));
    let line = refusal(&["sign", text(&plugin), "--key", text(&plugin)]);
    assert!(
        line.ends_with("is neither an armored OpenPGP nor a PEM Ed25519 secret key"),
        "{line}"
    );
    assert!(!place.path("libany.so.sig").exists());
}

#[test]
fn openssl_can_check_a_bare_signature() {
    let place = Place::new();
    let plugin = place.path("libany.so");
    std::fs::write(&plugin, b"the bytes of a plugin").expect("write");
    let key = place.key("publisher", "ed25519");
    stdout(&run(&["sign", text(&plugin), "--key", text(&key)]));
    let script = r#"base64 -d "$1.sig" > "$1.raw" && openssl pkeyutl -verify -pubin -inkey "$2" -rawin -in "$1" -sigfile "$1.raw""#;
    let public = place.path("keys").join("publisher.pub");
    let output = Command::new("sh")
        .args(["-c", script, "sh", text(&plugin), text(&public)])
        .output()
        .expect("sh");
    if output.status.code() == Some(127) {
        mig_testkit::skip("no openssl");
        return;
    }
    assert!(output.status.success(), "{}", stderr(&output));
}

#[test]
fn wrong_usage_is_exit_code_one() {
    for arguments in [&[][..], &["dance"], &["sign", "x"], &["verify"]] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(!output.stderr.is_empty());
    }
    assert!(stdout(&run(&["--help"])).contains("inspect"));
    assert!(stdout(&run(&["--version"])).starts_with("mig-plugin "));
}
