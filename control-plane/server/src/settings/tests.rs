use super::*;

fn read(text: &str) -> Result<Settings, SettingsError> {
    let file = mig_config::parse("server.cfg", text, keys::SECTIONS)?;
    Settings::from_file(&Reader(&file))
}

const SMALLEST: &str = "[relay]\nlistenplain = 127.0.0.1:0\nagentpassword = secret\n[database]\npath = /var/lib/mig/mig.db\n";

#[test]
fn what_the_file_leaves_out_has_defaults() {
    let settings = read(SMALLEST).expect("a good file");
    assert_eq!(settings.server.listen.to_string(), "127.0.0.1:1664");
    assert_eq!(settings.server.base_route, "/api/v1");
    assert!(settings.authentication.enabled);
    assert_eq!(settings.authentication.token_duration.as_secs(), 600);
    assert_eq!(settings.relay.database, Path::new("/var/lib/mig/relay.db"));
    assert_eq!(settings.relay.vhost, "mig");
    assert_eq!(settings.retention, None);
    assert_eq!(settings.agents.timeout.as_secs(), 1200);
}

#[test]
fn a_server_that_is_open_to_everybody_says_so() {
    assert!(read(SMALLEST).expect("a good file").warnings.is_empty());
    let open = read(&format!("{SMALLEST}[authentication]\nenabled = off\n"));
    let warnings = open.expect("a good file").warnings;
    assert!(warnings[0].contains("everybody"), "{warnings:?}");
    let ending = read(&format!(
        "{SMALLEST}[agent]\nkilldupagents = on\nkillkey = /k\n"
    ));
    let warnings = ending.expect("a good file").warnings;
    assert!(warnings[0].contains("heartbeats"), "{warnings:?}");
}

#[test]
fn the_annotated_sample_is_valid() {
    let sample = include_str!("../../../../conf/mig-server.cfg");
    let settings = read(sample).expect("a good file");
    assert_eq!(settings.relay.listen.len(), 1);
    assert!(settings.relay.tls.is_some());
    assert!(settings.server.tls.is_some());
}

#[test]
fn each_mistake_is_one_line_that_names_file_and_key() {
    let table = [
        ("", "server.cfg: [database] path is missing"),
        (
            "[database]\npath = x",
            "server.cfg: [relay] listen is missing",
        ),
        (
            "[database]\npath = x\n[relay]\nlisten = 127.0.0.1:0",
            "server.cfg: [relay] cert is missing",
        ),
        (
            "[database]\npath = x\n[relay]\nlistenplain = 127.0.0.1:0",
            "server.cfg: [relay] agentpassword is missing",
        ),
        (
            "[database]\npath = x\n[relay]\nlistenplain = localhost",
            "server.cfg: [relay] listenplain: `localhost` is not an address with port",
        ),
        (
            "[database]\npaht = x",
            "server.cfg: line 2: unknown key `paht`",
        ),
        ("[databse]\npath = x", "server.cfg: line 1: unknown section"),
    ];
    for (text, start) in table {
        let error = read(text).expect_err(text).to_string();
        assert!(error.starts_with(start), "{error}");
        assert!(!error.contains('\n'), "{error}");
    }
    let more = [
        ("[server]\nip = here\n", "server.cfg: [server] ip: `here`"),
        (
            "[server]\nport = 70000\n",
            "server.cfg: [server] port: 70000",
        ),
        (
            "[server]\ncert = x\n",
            "server.cfg: [server] key: is missing",
        ),
        (
            "[server]\nclientpublicip = y\n",
            "server.cfg: [server] clientpublicip: `y`",
        ),
        (
            "[relay]\nworkeruser = w\n",
            "server.cfg: [relay] workerpassword: is missing; it belongs to `workeruser`",
        ),
        (
            "[relay]\nworkeruser = agent\nworkerpassword = x\n",
            "server.cfg: [relay] workeruser: `agent` is somebody else's name",
        ),
        (
            "[relay]\nexternal = commonname\n",
            "server.cfg: [relay] external: needs certificates",
        ),
        (
            "[relay]\nexternal = name\n",
            "server.cfg: [relay] external: `name` is no name in a certificate",
        ),
        (
            "[relay]\ndiskfreelimit = -1\n",
            "server.cfg: [relay] diskfreelimit: is not a number of bytes",
        ),
        (
            "[server]\nconnections = 9\n",
            "server.cfg: [server] connections: 9 is too few; write 10 or more",
        ),
        (
            "[relay]\nconnections = 9\n",
            "server.cfg: [relay] connections: 9 is too few; write 10 or more",
        ),
        (
            "[relay]\nconnectionsperaddress = -1\n",
            "server.cfg: [relay] connectionsperaddress: -1 is too few",
        ),
        ("[logging]\nlevel = loud\n", "server.cfg: [logging]: "),
        (
            "[logging]\nmode = syslog\nport = 99999\n",
            "server.cfg: [logging] port: ",
        ),
    ];
    for (text, start) in more {
        let error = read(&format!("{SMALLEST}{text}"))
            .expect_err(text)
            .to_string();
        assert!(error.starts_with(start), "{error}");
    }
}

#[test]
fn workers_and_certificates_are_for_sites_that_ask_for_them() {
    let relay = |text: &str| {
        read(&format!("{SMALLEST}[relay]\n{text}"))
            .expect(text)
            .relay
    };
    let plain = relay("");
    assert!(plain.worker.is_none() && plain.external.is_none() && plain.disk_free.is_none());
    let worker = relay("workerpassword = secret\n")
        .worker
        .expect("an account");
    assert_eq!(worker.user, "worker");
    assert_eq!(worker.password.as_deref(), Some("secret"));
    let worker = relay("workeruser = w\nworkerpassword = x\n").worker;
    assert_eq!(worker.expect("an account").user, "w");
    assert_eq!(relay("diskfreelimit = 1000\n").disk_free, Some(1000));
    assert_eq!(relay("external = off\n").external, None);
    // With certificates, accounts need no password.
    let text = "[relay]\nlisten = 127.0.0.1:0\ncert = c\nkey = k\nca = a\nworkeruser = w\n\
                external = commonname\n[database]\npath = /var/lib/mig/mig.db\n";
    let relay = read(text).expect("a good file").relay;
    assert_eq!(relay.external, Some(mig_relay::CertificateName::CommonName));
    assert!(relay.agent.password.is_none());
    // Nor does the one that agents share when they have others.
    let text = "[relay]\nlistenplain = 127.0.0.1:0\naccounts = /etc/mig/relay-accounts\n\
                [database]\npath = /var/lib/mig/mig.db\n";
    let own = read(text).expect("a good file").relay;
    assert!(own.agent.password.is_none());
    assert_eq!(
        own.accounts.as_deref(),
        Some(Path::new("/etc/mig/relay-accounts"))
    );
    assert!(relay.worker.expect("an account").password.is_none());
}

#[test]
fn connections_are_limited_as_the_file_says() {
    let limits = |text: &str| {
        let mut limits = mig_relay::Limits::default();
        let settings = read(&format!("{SMALLEST}[relay]\n{text}")).expect(text);
        settings.relay.limit(&mut limits);
        (limits.max_connections, limits.max_connections_per_address)
    };
    // What the sample says is the default.
    assert_eq!(limits(""), (8192, 2048));
    assert_eq!(limits("connections = 40000\n"), (40_000, 2048));
    assert_eq!(limits("connectionsperaddress = 8000\n"), (8192, 8000));
}
