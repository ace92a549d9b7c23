//! The commands of whoever runs the database.

use std::process::Output;

use mig_testkit::wait_until;

use super::process::{DEADLINE, Site, fatal, good};

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
    let tls = format!(
        "sslmode = \"verify-full\"\nca = \"{}\"\n",
        site.postgres.ca().display()
    );
    assert_eq!(output.matches(&tls).count(), 2, "{output}");
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

    let renewed = printed(&site.create_database_with(&["--new-passwords"]));
    let api = site
        .api()
        .args(["investigator", "list"])
        .output()
        .expect("runs");
    assert!(fatal(&api).contains("password"), "{api:?}");
    site.configure(&renewed, "");
    assert_eq!(list(), "");

    // For programs beside the database it is as its administrator reaches it.
    let beside = printed(&site.administer("create", &[]));
    let socket = site.postgres.socket_dir();
    let host = format!("host = \"{}\"", socket.display());
    assert_eq!(beside.matches(&host).count(), 2, "{beside}");
    assert_eq!(beside.matches("sslmode = \"disable\"").count(), 2);
    assert!(!beside.contains("\nca = "), "{beside}");

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
    let remote = |password: &str, more: &[&str]| {
        let mut command = site.scheduler();
        command.args(words).arg(&ca).args(more);
        let output = command.env("PGPASSWORD", password).output();
        output.expect("the program runs")
    };
    let error = fatal(&remote("wrong", &[]));
    assert!(
        error.contains("localhost") && error.contains("password"),
        "{error}"
    );
    let output = printed(&remote(site.postgres.password(), &[]));
    let authority = format!("ca = \"{}\"", ca.display());
    assert!(output.contains("sslmode = \"verify-full\""), "{output}");
    assert_eq!(output.matches(&authority).count(), 2, "{output}");

    let socket = ["--sslmode", "require", "--print-host", "/run/postgresql"];
    let beside = printed(&remote(site.postgres.password(), &socket));
    assert_eq!(beside.matches("sslmode = \"disable\"").count(), 2);
    assert!(!beside.contains("\nca = "), "{beside}");
    let other = ["--sslmode", "require", "--print-host", "db.example.org"];
    let other = printed(&remote(site.postgres.password(), &other));
    assert_eq!(other.matches("sslmode = \"require\"").count(), 2);

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

/// What a database of the original is, as far as a program can see.
const ORIGINAL: &str = include_str!("../../../store/tests/postgres/data/original.sql");

/// Why the server refuses something is part of the line, and so is the remedy.
#[test]
fn what_the_server_refuses_is_said_with_its_reason() {
    let Some(site) = Site::bare() else { return };
    let sql = |database: &str, statements: &str| site.postgres.sql(database, statements);
    let run = |task: &str, role: &str| {
        let socket = site.postgres.socket_dir();
        let mut command = site.scheduler();
        command
            .args(["database", task, "--as", role, "--host"])
            .arg(socket);
        command.args(["--port", &site.postgres.port().to_string()]);
        command.output().expect("the program runs")
    };
    sql(
        "postgres",
        "CREATE ROLE nobody LOGIN; CREATE ROLE migadmin LOGIN",
    );
    let error = fatal(&run("create", "nobody"));
    assert!(error.contains("permission denied"), "{error}");

    sql("postgres", "CREATE DATABASE mig OWNER migadmin");
    sql("mig", &format!("SET ROLE migadmin; {ORIGINAL}"));
    sql("mig", "ALTER TABLE agents_stats OWNER TO postgres");
    let refused = run("migrate", "migadmin");
    assert_eq!(refused.status.code(), Some(9), "{refused:?}");
    let error = String::from_utf8(refused.stderr).expect("UTF-8");
    let error = error.lines().last().expect("a reason");
    assert!(
        error.contains("let postgres run `ALTER TABLE agents_stats OWNER TO migadmin`"),
        "{error}"
    );

    // A superuser may; it takes a while, and something is left to do.
    let output = good(&run("migrate", "postgres"));
    let said = String::from_utf8(output.stderr).expect("UTF-8");
    let lines: Vec<_> = said.lines().collect();
    assert_eq!(lines.len(), 2, "{said}");
    assert!(
        lines[0].starts_with("notice: mig is a database of the original with ")
            && lines[0].ends_with("that takes a while, and as much free space again"),
        "{said}"
    );
    assert!(
        lines[1].starts_with("warning: the private key of investigator migscheduler lies in"),
        "{said}"
    );
}

/// A fail-over that may lose what was confirmed is no surprise.
#[test]
fn a_standby_nobody_waits_for_is_warned_of() {
    let Some(site) = Site::bare() else { return };
    let output = printed(&site.create_database());
    let one = "host = \"localhost\"";
    assert_eq!(output.matches(one).count(), 2, "{output}");
    site.configure(&output.replace(one, "host = \"localhost,localhost\""), "");
    let status = || {
        let output = site.scheduler().args(["database", "status"]).output();
        String::from_utf8(good(&output.expect("runs")).stderr).expect("UTF-8")
    };
    let warning = "a fail-over can lose accepted actions and stored answers; set \
                   synchronous_standby_names on each";
    assert!(status().contains(warning), "{}", status());
    let api = site.start_api();
    wait_until("the log has it", DEADLINE, || {
        site.read("api.log").contains(warning)
    });
    drop(api);
    let scheduler = site.start_scheduler();
    wait_until("the log has it", DEADLINE, || {
        site.read("scheduler.log").contains(warning)
    });
    drop(scheduler);

    site.configure(&output, "");
    assert_eq!(status(), "");
}
