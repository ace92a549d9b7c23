//! The commands of whoever runs the database.

use std::process::Output;

use super::process::{Site, fatal, good};

fn printed(output: &Output) -> String {
    String::from_utf8(good(output).stdout).expect("UTF-8")
}

#[test]
fn the_database_is_created_and_the_printed_sections_work_as_they_are() {
    let Some(site) = Site::bare() else { return };
    let output = printed(&site.create_database());
    assert!(
        output.starts_with("; database mig: created, schema version "),
        "{output}"
    );
    for role in ["migadmin", "migscheduler", "migapi"] {
        assert!(
            output.contains(&format!("; role {role}: password ")),
            "{output}"
        );
    }
    site.configure(&output, "");
    let status = || {
        printed(
            &site
                .scheduler()
                .args(["database", "status"])
                .output()
                .expect("runs"),
        )
    };
    assert!(status().ends_with(", up to date\n"), "{}", status());
    let list = || {
        let output = site.api().args(["investigator", "list"]).output();
        printed(&output.expect("runs"))
    };
    assert_eq!(list(), "");

    // Again: nothing changes, and what was printed before is still good.
    let again = printed(&site.create_database());
    assert!(
        again.starts_with("; database mig: was there, schema version "),
        "{again}"
    );
    assert!(
        again.contains("; role migapi: was there and keeps its password"),
        "{again}"
    );
    assert!(
        again.contains("; password = the one it had before"),
        "{again}"
    );
    assert_eq!(list(), "");

    let renewed = printed(&site.administer("create", &["--new-passwords"]));
    let api = site
        .api()
        .args(["investigator", "list"])
        .output()
        .expect("runs");
    assert!(fatal(&api).contains("password"), "{api:?}");
    site.configure(&renewed, "");
    assert_eq!(list(), "");

    let migrated = printed(&site.administer("migrate", &[]));
    assert!(migrated.starts_with("mig: schema version "), "{migrated}");
}

#[test]
fn a_database_is_created_remotely_with_a_password_from_outside_the_command_line() {
    let Some(site) = Site::bare() else { return };
    let port = site.postgres.port().to_string();
    let words = [
        "database",
        "create",
        "--host",
        "localhost",
        "--port",
        &port,
        "--ca",
    ];
    let ca = site.postgres.ca();
    let remote = |password: &str| {
        let mut command = site.scheduler();
        command.args(words).arg(&ca).env("PGPASSWORD", password);
        command.output().expect("the program runs")
    };
    let error = fatal(&remote("wrong"));
    assert!(
        error.contains("localhost") && error.contains("password"),
        "{error}"
    );
    let output = printed(&remote(site.postgres.password()));
    let authority = format!("ca = \"{}\"", ca.display());
    assert!(output.contains("sslmode = \"verify-full\""), "{output}");
    assert_eq!(output.matches(&authority).count(), 2, "{output}");

    // The password of the owner, from a file.
    let password = output
        .lines()
        .find_map(|line| line.strip_prefix("; role migadmin: password "));
    site.write("password", &format!("{}\n", password.expect("a password")));
    let migrate = [
        "database",
        "migrate",
        "--host",
        "localhost",
        "--port",
        &port,
        "--ca",
    ];
    let output = site
        .scheduler()
        .args(migrate)
        .arg(&ca)
        .arg("--password-file")
        .arg(site.path("password"))
        .output()
        .expect("the program runs");
    assert!(printed(&output).ends_with(" already\n"), "{output:?}");
}

#[test]
fn a_database_without_a_schema_is_refused_with_the_remedy() {
    let Some(site) = Site::bare() else { return };
    let output = printed(&site.create_database());
    site.configure(&output, "");
    site.postgres.sql("mig", "DROP OWNED BY migadmin CASCADE");
    site.postgres.sql(
        "mig",
        "GRANT USAGE ON SCHEMA public TO migapi, migscheduler",
    );
    for mut program in [site.api(), site.scheduler()] {
        let error = fatal(&program.output().expect("the program runs"));
        assert!(error.contains("mig-scheduler database migrate"), "{error}");
    }
    let status = site
        .scheduler()
        .args(["database", "status"])
        .output()
        .expect("runs");
    assert!(printed(&status).contains("empty; run `mig-scheduler database migrate`"));
}
