//! Each reason not to start is one line, and an exit code.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

use super::process::{Site, fatal};

#[test]
fn a_port_in_use_is_named() {
    let site = Site::new();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address");
    site.configure(&format!("[server]\nport = {}\n", address.port()));
    let error = fatal(&site.run(&[]));
    assert!(
        error.starts_with(&format!("the API cannot listen on {address}: ")),
        "{error}"
    );

    site.configure(&format!("[relay]\nlistenplain = {address}\n"));
    let error = fatal(&site.run(&[]));
    assert!(
        error.starts_with(&format!("relay: cannot listen on {address}: ")),
        "{error}"
    );
}

#[test]
fn a_missing_or_misspelt_key_is_named_with_its_line() {
    let site = Site::new();
    site.write_configuration(
        "[database]\npath = x\n[relay]\nlistenplain = 127.0.0.1:0\nagentpasword = x\n",
    );
    let error = fatal(&site.run(&[]));
    assert!(
        error.contains("server.cfg: line 5: unknown key `agentpasword`"),
        "{error}"
    );
    assert!(error.contains("`agentpassword`"), "{error}");
    site.write_configuration("[database]\npath = x\n[relay]\nlistenplain = 127.0.0.1:0\n");
    let error = fatal(&site.run(&["check"]));
    assert!(
        error.contains("[relay] agentpassword is missing"),
        "{error}"
    );
    fs::remove_file(site.path("server.cfg")).expect("removed");
    let error = fatal(&site.run(&[]));
    assert!(error.contains("server.cfg: No such file"), "{error}");
}

#[test]
fn a_directory_that_cannot_be_written_is_named() {
    if mig_testkit::is_root() {
        return mig_testkit::skip("root may write everywhere");
    }
    let site = Site::new();
    let directory = site.path("locked");
    fs::create_dir(&directory).expect("a directory");
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o500)).expect("permissions");
    let text = fs::read_to_string(site.path("server.cfg")).expect("configuration");
    let database = directory.join("mig.db");
    site.write_configuration(&text.replace(
        &site.path("mig.db").display().to_string(),
        &database.display().to_string(),
    ));
    let error = fatal(&site.run(&[]));
    assert!(error.contains("locked/mig.db"), "{error}");
    assert!(error.contains("Permission denied"), "{error}");
}

#[test]
fn a_database_directory_that_does_not_exist_is_named() {
    let site = Site::new();
    let text = fs::read_to_string(site.path("server.cfg")).expect("configuration");
    site.write_configuration(&text.replace("mig.db", "nowhere/mig.db"));
    let error = fatal(&site.run(&[]));
    assert!(error.contains("nowhere/mig.db"), "{error}");
}

#[test]
fn a_database_in_use_is_named() {
    let site = Site::new();
    let server = site.start();
    let error = fatal(&site.run(&["investigator", "list"]));
    assert!(error.contains("mig.db: the database is in use"), "{error}");
    server.stop();
}

#[test]
fn a_database_of_a_newer_program_is_refused() {
    let site = Site::new();
    site.create_investigator();
    // The schema's version is the big-endian number at offset 60 of the file.
    let path = site.path("mig.db");
    let mut bytes = fs::read(&path).expect("a database");
    bytes[60..64].copy_from_slice(&9999_u32.to_be_bytes());
    fs::write(&path, bytes).expect("changed");
    let error = fatal(&site.run(&[]));
    assert!(error.contains("schema version 9999"), "{error}");
}

#[test]
fn certificates_that_cannot_be_used_are_named() {
    let site = Site::new();
    let path = site.path("ada.asc");
    let path = path.display();
    site.configure(&format!("[server]\ncert = \"{path}\"\nkey = \"{path}\"\n"));
    let error = fatal(&site.run(&[]));
    assert!(
        error.contains("ada.asc") && error.contains("certificate"),
        "{error}"
    );
    site.configure("[server]\ncert = \"/nonexistent/cert\"\nkey = \"/nonexistent/key\"\n");
    let error = fatal(&site.run(&[]));
    assert!(
        error.starts_with("/nonexistent/cert: No such file"),
        "{error}"
    );
    // The relay's, also before the start.
    site.configure(&format!(
        "[relay]\nlisten = 127.0.0.1:0\ncert = \"{path}\"\nkey = \"{path}\"\nca = \"{path}\"\n"
    ));
    for task in [&["check"][..], &[]] {
        let error = fatal(&site.run(task));
        assert!(
            error.starts_with("relay: ") && error.contains("holds no PEM certificate"),
            "{error}"
        );
    }
}

#[test]
fn investigators_are_managed_from_the_command_line() {
    let site = Site::new();
    site.create_investigator();
    let key = site.path("ada.asc");
    let key = key.to_str().expect("UTF-8");
    let again = site.run(&["investigator", "create", "--name", "Ada", "--pubkey", key]);
    let error = fatal(&again);
    let fingerprint = site.key.fingerprint.to_string();
    assert!(
        error.contains(&fingerprint) && error.contains("already"),
        "{error}"
    );

    let list = || String::from_utf8(site.run(&["investigator", "list"]).stdout).expect("UTF-8");
    assert_eq!(
        list(),
        format!("1 active {fingerprint} Default,PermAdmin Ada\n")
    );
    let error = fatal(&site.run(&["investigator", "disable", "1"]));
    assert!(error.contains("last investigator"), "{error}");
    let error = fatal(&site.run(&["investigator", "disable", "2"]));
    assert!(error.contains("investigator 2 does not exist"), "{error}");
    let config = site.path("server.cfg");
    let error = fatal(&site.run(&[
        "investigator",
        "create",
        "--name",
        "x",
        "--pubkey",
        config.to_str().expect("UTF-8"),
    ]));
    assert!(error.starts_with("public key "), "{error}");
}

#[test]
fn the_version_is_printed() {
    let site = Site::new();
    let output = site.run(&["-V"]);
    assert!(output.status.success());
    assert!(output.stdout.starts_with(b"mig-server "));
}
