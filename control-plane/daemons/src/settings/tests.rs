use std::time::Duration;

use mig_api::ClientAddress;
use mig_config::Section;
use mig_scheduler::QueueKind;
use mig_store::SslMode;

use super::reader::Reader;
use super::{ApiSettings, SchedulerSettings, SettingsError, keys};

fn parse(name: &str, text: &str, sections: &[Section]) -> Result<Reader, SettingsError> {
    Ok(Reader(mig_config::parse(name, text, sections)?))
}

fn scheduler(text: &str) -> Result<SchedulerSettings, SettingsError> {
    SchedulerSettings::read(&parse("scheduler.cfg", text, keys::SCHEDULER)?)
}

fn api(text: &str) -> Result<ApiSettings, SettingsError> {
    ApiSettings::read(&parse("api.cfg", text, keys::API)?)
}

const POSTGRES: &str =
    "[postgres]\nhost = db\ndbname = mig\nuser = u\npassword = p\nsslmode = disable\n";
const MQ: &str = "[mq]\nhost = relay\nuser = scheduler\npass = p\n";

/// As a site of the original has it, with the keys and values of its sample.
const ORIGINAL_SCHEDULER: &str = r#"
[agent]
    timeout = "20m"
    heartbeatfreq = "5m"
    whitelist = "/var/cache/mig/agents_whitelist.txt"
    detectmultiagents = true
    killdupagents = false
    logactions = false
[collector]
    freq = "1s"
[periodic]
    freq = "87s"
    deleteafter = "72h"
    queuescleanupfreq = "24h"
[directories]
    spool = "/var/cache/mig/"
    tmp = "/var/tmp/"
[postgres]
    host = "127.0.0.1"
    port = 5432
    dbname = "mig"
    user = "migscheduler"
    password = "123456"
    sslmode = "disable"
    maxconn = 10
[mq]
    host = "127.0.0.1"
    port = 5672
    user = "guest"
    pass = "guest"
    vhost = "mig"
    usetls = false
    cacert = "/etc/mig/ca.crt"
    tlscert = "/etc/mig/scheduler.crt"
    tlskey = "/etc/mig/scheduler.key"
    timeout = "600s"
[logging]
    mode = "stdout"
    level = "debug"
    host = "localhost"
    port = 514
    protocol = "udp"
[debug]
    heartbeats = off
"#;

const ORIGINAL_API: &str = r#"
[authentication]
    enabled = on
    tokenduration = "10m"
[manifest]
    requiredsignatures = 2
[server]
    ip = "127.0.0.1"
    port = 12345
    host = "http://localhost:12345"
    baseroute = "/api/v1"
    clientpublicip = "x-forwarded-for:2"
[postgres]
    host = "127.0.0.1"
    port = 5432
    dbname = "mig"
    user = "migapi"
    password = "123456"
    sslmode = "disable"
[logging]
    mode = "stdout"
    level = "debug"
"#;

#[test]
fn the_originals_scheduler_file_is_understood() {
    let settings = scheduler(ORIGINAL_SCHEDULER).expect("a good file");
    let postgres = &settings.postgres;
    assert_eq!((postgres.host.as_str(), postgres.port), ("127.0.0.1", 5432));
    assert_eq!(
        (postgres.user.as_str(), postgres.maxconn),
        ("migscheduler", Some(10))
    );
    assert_eq!(postgres.sslmode, SslMode::Disable);
    let mq = &settings.mq;
    assert_eq!(
        (mq.host.as_str(), mq.port, mq.vhost.as_str()),
        ("127.0.0.1", 5672, "mig")
    );
    assert_eq!((mq.user.as_str(), mq.password.as_str()), ("guest", "guest"));
    assert!(mq.tls.is_none());
    assert_eq!(mq.timeout, Duration::from_secs(60));
    assert_eq!(settings.agent_timeout, Duration::from_secs(1200));
    assert_eq!(settings.periodic, Duration::from_secs(87));
    assert_eq!(
        settings.retention, None,
        "a spool was cleaned, never the database"
    );
    assert!(settings.whitelist.is_some());
    assert!(settings.warnings.is_empty());
    for key in [
        "[collector] freq",
        "[directories] spool",
        "[directories] tmp",
        "[periodic] deleteafter",
        "[debug] heartbeats",
    ] {
        let about = |notice: &&String| notice.starts_with(&format!("scheduler.cfg: {key} has no"));
        assert!(
            settings.notices.iter().any(|notice| about(&notice)),
            "{key}"
        );
    }
    assert_eq!(settings.notices.len(), 5);
    assert!(settings.detect_duplicates && settings.kill_key.is_none());
    assert_eq!(settings.queue_cleanup, Some(Duration::from_secs(86_400)));
    let killing = ORIGINAL_SCHEDULER.replace("killdupagents = false", "killdupagents = true");
    let settings = scheduler(&killing).expect("a good file");
    assert!(
        settings.warnings[0].contains("killdupagents has no effect without killkey"),
        "{:?}",
        settings.warnings
    );
    let with_key = "killdupagents = true\n    killkey = \"/etc/mig/kill.key\"";
    let killing = ORIGINAL_SCHEDULER
        .replace("killdupagents = false", with_key)
        .replace("queuescleanupfreq = \"24h\"", "queuescleanupfreq = \"0s\"")
        .replace("detectmultiagents = true", "detectmultiagents = false");
    let settings = scheduler(&killing).expect("a good file");
    assert_eq!(
        settings.warnings,
        ["scheduler.cfg: [agent] killdupagents has no effect without detectmultiagents"]
    );
    assert_eq!(settings.kill_key, Some("/etc/mig/kill.key".into()));
    assert!(!settings.detect_duplicates && settings.queue_cleanup.is_none());
}

#[test]
fn encryption_to_nobody_known_is_warned_of() {
    let blind = |text: &str| text.replace("sslmode = \"disable\"", "sslmode = \"require\"");
    let known =
        |text: &str| text.replace("\"require\"", "\"require\"\n    ca = \"/etc/mig/ca.crt\"");
    let (one, other) = (blind(ORIGINAL_SCHEDULER), blind(ORIGINAL_API));
    for warnings in [
        scheduler(&one).expect("a good file").warnings,
        api(&other).expect("a good file").warnings,
    ] {
        let about = |warning: &&String| warning.contains("verify-full") && warning.contains("`ca`");
        assert_eq!(warnings.iter().filter(about).count(), 1, "{warnings:?}");
    }
    assert!(
        scheduler(&known(&one))
            .expect("a good file")
            .warnings
            .is_empty()
    );
    let closed = known(&other) + "[agent]\nhttpheartbeats = off\n";
    assert!(api(&closed).expect("a good file").warnings.is_empty());
}

#[test]
fn the_originals_api_file_is_understood() {
    let settings = api(ORIGINAL_API).expect("a good file");
    assert_eq!(settings.listen.to_string(), "127.0.0.1:12345");
    assert_eq!(settings.host.as_deref(), Some("http://localhost:12345"));
    assert_eq!(settings.base_route, "/api/v1");
    assert_eq!(settings.client_address, ClientAddress::Forwarded(2));
    assert_eq!(settings.token_duration, Duration::from_secs(600));
    assert!(settings.authentication && settings.http_heartbeats);
    assert_eq!(settings.postgres.user, "migapi");
    assert_eq!(settings.postgres.maxconn, None);
    assert_eq!(settings.notices.len(), 1);
}

#[test]
fn the_annotated_samples_are_valid() {
    let settings = scheduler(include_str!("../../../../conf/scheduler.cfg")).expect("a good file");
    let tls = settings.mq.tls.expect("TLS");
    assert!(tls.identity.is_some());
    assert!(settings.notices.is_empty());
    let settings = api(include_str!("../../../../conf/api.cfg")).expect("a good file");
    assert_eq!(settings.listen.port(), 1664);
    assert!(settings.notices.is_empty());
}

/// A key commented out in a sample has the default it shows.
#[test]
fn what_the_files_leave_out_has_the_defaults_of_the_samples() {
    let settings = scheduler(&format!("{POSTGRES}{MQ}")).expect("a good file");
    assert_eq!(settings.postgres.port, 5432);
    assert_eq!(
        (settings.mq.port, settings.mq.vhost.as_str()),
        (5672, "mig")
    );
    assert_eq!(settings.heartbeat_frequency, Duration::from_secs(300));
    assert_eq!(settings.takeover, Duration::from_secs(60));
    assert!(!settings.log_commands && !settings.mq.events);
    assert_eq!(settings.mq.queues, QueueKind::Classic);
    assert!(settings.whitelist.is_none());
    let tls = scheduler(&format!("{POSTGRES}{MQ}usetls = true\ncacert = /ca\n"));
    assert_eq!(tls.expect("a good file").mq.port, 5671);
    let settings = api(POSTGRES).expect("a good file");
    assert_eq!(settings.listen.to_string(), "127.0.0.1:1664");
    assert_eq!(settings.base_route, "/api/v1");
    assert!(settings.authentication, "never open by omission");
    assert_eq!(settings.connections, None);
    let open = api(&format!("{POSTGRES}[authentication]\nenabled = off\n")).expect("a good file");
    assert!(!open.authentication && open.warnings[0].contains("everybody"));
    let strict = api(&POSTGRES.replace("sslmode = disable\n", "")).expect("a good file");
    assert_eq!(strict.postgres.sslmode, SslMode::VerifyFull);
    let socket = POSTGRES.replace("host = db", "host = /run/postgresql");
    let socket = api(&socket.replace("password = p\n", "")).expect("a good file");
    assert_eq!(socket.postgres.password, "");
}

#[test]
fn each_mistake_is_one_line_that_names_file_and_key() {
    let both = format!("{POSTGRES}{MQ}");
    let schedulers = [
        (String::new(), "scheduler.cfg: [postgres] host is missing"),
        (POSTGRES.to_owned(), "scheduler.cfg: [mq] host is missing"),
        (
            both.replace("password = p\n", ""),
            "scheduler.cfg: [postgres] password is missing",
        ),
        (
            both.replace("pass = p\n", ""),
            "scheduler.cfg: [mq] pass is missing",
        ),
        (
            both.replace("sslmode = disable", "sslmode = maybe"),
            "scheduler.cfg: [postgres] sslmode: `maybe`",
        ),
        (
            format!("{both}port = 70000\n"),
            "scheduler.cfg: [mq] port: 70000",
        ),
        (
            both.replace("host = relay", "host = relay, other:x"),
            "scheduler.cfg: [mq] host: `other:x` is no host",
        ),
        (
            format!("{both}queues = big\n"),
            "scheduler.cfg: [mq] queues: `big`",
        ),
        (
            format!("{both}usetls = on\n"),
            "scheduler.cfg: [mq] cacert is missing",
        ),
        (
            format!("{both}usetls = on\ncacert = /ca\ntlscert = /c\n"),
            "scheduler.cfg: [mq] tlskey: is missing",
        ),
        (
            format!("{both}passwrod = x\n"),
            "scheduler.cfg: line 11: unknown key `passwrod`",
        ),
        (
            format!("{both}[colector]\n"),
            "scheduler.cfg: line 11: unknown section",
        ),
        (
            POSTGRES.replace("host = db", "maxconn = -1\nhost = db"),
            "scheduler.cfg: [postgres] maxconn: -1",
        ),
        (
            format!("{both}[agent]\ntimeout = soon\n"),
            "scheduler.cfg: line 12: ",
        ),
        (
            format!("{both}[logging]\nlevel = loud\n"),
            "scheduler.cfg: [logging]: ",
        ),
    ];
    for (text, start) in schedulers {
        let error = scheduler(&text).expect_err(&text).to_string();
        assert!(error.starts_with(start), "{error}");
        assert!(!error.contains('\n'), "{error}");
    }
    let apis = [
        ("[server]\nip = here\n", "api.cfg: [server] ip: `here`"),
        ("[server]\nport = -1\n", "api.cfg: [server] port: -1"),
        (
            "[server]\nconnections = 9\n",
            "api.cfg: [server] connections: 9 is too few",
        ),
        ("[server]\ncert = x\n", "api.cfg: [server] key: is missing"),
        (
            "[server]\nclientpublicip = y\n",
            "api.cfg: [server] clientpublicip: `y`",
        ),
        ("[mq]\nhost = x\n", "api.cfg: line 7: unknown section"),
    ];
    for (text, start) in apis {
        let error = api(&format!("{POSTGRES}{text}"))
            .expect_err(text)
            .to_string();
        assert!(error.starts_with(start), "{error}");
    }
}

/// An original's file cannot name a whitelist, nor turn heartbeats off.
#[test]
fn heartbeats_that_anybody_may_post_are_warned_of() {
    let warnings = |text: &str| {
        api(&format!("{ORIGINAL_API}{text}"))
            .expect("a good file")
            .warnings
    };
    let open = warnings("");
    assert!(
        open.iter()
            .any(|warning| warning.contains("[agent] httpheartbeats is on")),
        "{open:?}"
    );
    for closed in ["httpheartbeats = off", "whitelist = /etc/mig/whitelist"] {
        let warnings = warnings(&format!("[agent]\n{closed}\n"));
        assert!(warnings.is_empty(), "{warnings:?}");
    }
}
