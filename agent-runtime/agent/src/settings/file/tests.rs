//! What a configuration file may say.

use super::*;

fn settings(text: &str) -> Result<Settings, String> {
    let file = mig_config::parse("agent.cfg", text, SECTIONS).map_err(|error| error.to_string())?;
    read(&file).map_err(|error| error.to_string())
}

const RELAY: &str = "[agent]\nrelay = amqp://u:p@h/mig\n";

#[test]
fn absent_keys_keep_their_documented_defaults() {
    let settings = settings(RELAY).unwrap();
    assert_eq!(settings.relay, "amqp://u:p@h/mig");
    assert_eq!(settings.api, "http://localhost:1664/api/v1/");
    assert_eq!(settings.socket, "127.0.0.1:51664");
    assert_eq!(settings.heartbeat, Duration::from_secs(300));
    assert_eq!(settings.module_timeout, Duration::from_secs(300));
    assert_eq!(settings.refresh, Duration::from_secs(300));
    assert!(settings.immortal && settings.install_service && settings.spawn_persistent);
    assert!(settings.discover_public_ip && settings.discover_aws);
    assert!(!settings.checkin && !settings.privacy && !settings.only_verify_key);
    assert!(!settings.heartbeat_over_http && !settings.modules.allow_unsigned);
    assert_eq!(settings.history, 15);
    assert_eq!(settings.logging, Logging::default());
    assert_eq!(settings.limits.memory, 256 << 20);
    assert_eq!(settings.limits.output, 16 << 20);
    assert_eq!(settings.clock_tolerance, Duration::from_secs(60));
    assert_eq!(settings.spool, 64 << 20);
}

#[test]
fn every_key_is_understood() {
    let text = "[agent]\nrelay=amqp://h/\napi=https://a/api/v1\nsocket=\"\"\nheartbeatfreq=30s\n\
                moduletimeout=1m\nisimmortal=off\ninstallservice=off\ndiscoverpublicip=no\n\
                discoverawsmeta=0\ncheckin\nextraprivacymode\nonlyverifypubkey\nnopersistmods\n\
                refreshenv=\"\"\nproxies=p1:3128, p2:3128\ntags=operator:it\ntags=url:http://x:1\n\
                tags=bare\ntags=:x\nheartbeatvia=api\nrelayauth=certificate\nqueuetype=quorum\nrundirectory=/run/m\nkeyring=/k\nacl=/a\n\
                clocktolerance=5m\nconcurrentoperations=2\nspoolsize=0x100000\n\
                [stats]\nmaxactions=0\n[logging]\nlevel=debug\n\
                [modules]\npath=/p1\npath=/p2\nallowunsigned\nrequiredsignatures=2\nkeyring=/pk\n\
                enable=file, pkg\nenable=netstat\n[limits]\nmemory=33554432\ncputime=10s\n\
                descriptors=64\noutput=65536\n";
    let settings = settings(text).unwrap();
    assert_eq!(
        (settings.api.as_str(), settings.socket.as_str()),
        ("https://a/api/v1/", "")
    );
    assert_eq!(settings.refresh, Duration::ZERO);
    let proxies: Vec<_> = settings.proxies.iter().map(Proxy::place).collect();
    assert_eq!(proxies, ["p1:3128", "p2:3128"]);
    assert!(settings.certificate_login && settings.quorum_queue);
    let tags: Vec<_> = settings
        .tags
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    assert_eq!(
        tags,
        [("bare", ""), ("operator", "it"), ("url", "http://x:1")]
    );
    assert!(settings.checkin && settings.privacy && settings.only_verify_key);
    assert!(!settings.immortal && !settings.spawn_persistent && settings.heartbeat_over_http);
    assert_eq!(
        (
            settings.history,
            settings.concurrent_operations,
            settings.spool
        ),
        (0, 2, 1 << 20)
    );
    assert_eq!(
        settings.modules.directories[..2],
        [Path::new("/p1"), Path::new("/p2")]
    );
    assert_eq!(settings.modules.required_signatures, 2);
    let names: Vec<String> = ["file", "pkg", "netstat"].map(str::to_owned).into();
    assert_eq!(settings.modules.modules, Some(names));
    assert_eq!(settings.limits.cpu, Some(Duration::from_secs(10)));
    assert_eq!(
        (
            settings.limits.memory,
            settings.limits.descriptors,
            settings.limits.output
        ),
        (32 << 20, 64, 65536)
    );
}

#[test]
fn a_mistake_rejects_the_file_in_one_line() {
    for (text, expected) in [
        (
            "[agent]\n",
            "agent.cfg: [agent] relay is missing; the program cannot start without it",
        ),
        (
            "[agent]\nrelai=x\n",
            "agent.cfg: line 2: unknown key `relai` in [agent]; did you mean `relay`?",
        ),
        (
            "[agent]\nrelay=x\n[stats]\nmaxactions=31\n",
            "agent.cfg: [stats] maxactions is `31`; expected 0 to 30",
        ),
        (
            "[agent]\nrelay=x\nheartbeatfreq=0\n",
            "agent.cfg: [agent] heartbeatfreq is `0`; expected a time span such as 300s",
        ),
        (
            "[agent]\nrelay=x\nheartbeatvia=pigeon\n",
            "agent.cfg: [agent] heartbeatvia is `pigeon`; expected relay or api",
        ),
        (
            "[agent]\nrelay=x\nqueuetype=stream\n",
            "agent.cfg: [agent] queuetype is `stream`; expected classic or quorum",
        ),
        (
            "[agent]\nrelay=x\nrelayauth=card\n",
            "agent.cfg: [agent] relayauth is `card`; expected password or certificate",
        ),
        (
            "[agent]\nrelay=x\nproxies=\"a:1, u:hunter2@b:x\"\n",
            "agent.cfg: [agent] proxies is `b:x`; expected host:port or user:password@host:port",
        ),
        (
            "[agent]\nrelay=x\nclocktolerance=1h\n",
            "agent.cfg: [agent] clocktolerance is `3600s`; expected at most 5m",
        ),
        (
            "[agent]\nrelay=x\n[certs]\nca=/nowhere/ca.crt\n",
            "agent.cfg: [certs] ca = /nowhere/ca.crt: No such file or directory (os error 2)",
        ),
    ] {
        assert_eq!(settings(text).err().as_deref(), Some(expected), "{text}");
    }
    let error = settings("[agent]\nrelay=x\nrefreshenv=often\n").unwrap_err();
    assert!(
        error.starts_with("agent.cfg: [agent] refreshenv: ") && !error.contains('\n'),
        "{error}"
    );
    let error = settings("[agent]\nrelay=x\n[logging]\nlevel=loud\n").unwrap_err();
    assert!(
        error.contains("[logging]") && error.contains("loud"),
        "{error}"
    );
}

#[test]
fn the_sample_configuration_is_valid_and_shows_the_defaults() {
    let sample = include_str!("../../../../../conf/mig-agent.cfg");
    mig_config::parse("mig-agent.cfg", sample, SECTIONS).unwrap();
    // With every commented key switched on it is still valid.
    let all: String = sample
        .lines()
        .map(|line| match line.strip_prefix("; ") {
            Some(rest)
                if rest
                    .split_once(" = ")
                    .is_some_and(|(key, _)| key.chars().all(|c| c.is_ascii_lowercase())) =>
            {
                rest
            }
            _ => line,
        })
        .map(|line| format!("{line}\n"))
        .collect();
    let file = mig_config::parse("mig-agent.cfg", &all, SECTIONS).unwrap();
    for section in SECTIONS {
        for key in section.keys {
            let shown = file.has(section.name, key.name) || key.name == "facility";
            assert!(
                shown,
                "[{}] {} is not in the sample",
                section.name, key.name
            );
        }
    }
    // What is commented out is what the agent does without it.
    let without = all.lines().filter(|line| {
        !line.starts_with("ca =") && !line.starts_with("cert =") && !line.starts_with("key =")
    });
    let file = mig_config::parse("a", &without.collect::<Vec<_>>().join("\n"), SECTIONS).unwrap();
    let (shown, plain) = (read(&file).unwrap(), Settings::default());
    assert_eq!(shown.heartbeat, plain.heartbeat);
    assert_eq!(shown.module_timeout, plain.module_timeout);
    assert_eq!(shown.socket, plain.socket);
    assert_eq!(shown.api, plain.api);
    assert_eq!(shown.refresh, plain.refresh);
    assert_eq!(shown.limits, plain.limits);
    assert_eq!(shown.history, plain.history);
    assert_eq!(shown.spool, plain.spool);
    assert_eq!(shown.record, plain.record);
    assert_eq!(shown.clock_tolerance, plain.clock_tolerance);
    assert_eq!(shown.concurrent_operations, plain.concurrent_operations);
    assert_eq!(
        (shown.run_directory, shown.keyring, shown.acl),
        (plain.run_directory, plain.keyring, plain.acl)
    );
    assert_eq!(shown.module_configuration, plain.module_configuration);
    assert_eq!(
        (shown.immortal, shown.install_service, shown.checkin),
        (true, true, false)
    );
    assert!(!shown.privacy && !shown.only_verify_key && shown.spawn_persistent);
}
