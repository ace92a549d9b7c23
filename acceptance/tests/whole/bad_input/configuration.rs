//! Configuration files with mistakes: the program does not start, and says file,
//! key and remedy on one line.

use std::fmt::Display;

use crate::setup::{AGENT, Said, files};

/// The one line in which a program complains.
#[track_caller]
fn complaint<'a>(said: &'a Said, part: &str) -> &'a str {
    assert_ne!(said.code, 0, "{said:?}");
    assert_eq!(said.stdout, "", "{said:?}");
    let line = said.line_with(part);
    let others = said
        .stderr
        .lines()
        .filter(|other| *other != line && !other.contains("[info]"));
    assert_eq!(others.collect::<Vec<_>>(), [""; 0], "{said:?}");
    line
}

#[test]
fn a_mistake_in_a_configuration_stops_the_program_with_file_key_and_remedy() {
    let (site, _) = files();
    let server = |text: &dyn Display| {
        site.write("server.cfg", text).unwrap();
        let mut call = site.programs().tool("mig-server");
        Said::by(call.arg("-c").arg(site.path("server.cfg")))
    };
    let good = site.server_configuration();
    for (text, part) in [
        (
            good.clone().without("database", "path"),
            "server.cfg: [database] path is missing",
        ),
        (
            good.clone().without("relay", "agentpassword"),
            "server.cfg: [relay] agentpassword is missing",
        ),
        (
            good.clone().without("relay", "listen"),
            "server.cfg: [relay] listen is missing",
        ),
        (
            good.clone().set("relay", "lissen", "x"),
            "unknown key `lissen` in [relay]; did you mean `listen`?",
        ),
        (
            good.clone().set("databse", "path", "x"),
            "did you mean [database]?",
        ),
        (good.clone().set("server", "port", "high"), "port"),
        (
            good.clone().set("server", "port", "70000"),
            "70000 is not a port; write a number up to 65535",
        ),
        (
            good.clone().set("server", "ip", "here"),
            "`here` is not an address; write one such as 127.0.0.1",
        ),
        (
            good.clone().set("server", "cert", "/nonexistent/x.crt"),
            "/nonexistent/x.crt: No such file",
        ),
        (
            good.clone().set("relay", "ca", "/nonexistent/ca.crt"),
            "/nonexistent/ca.crt: No such file",
        ),
        (
            good.clone().without("server", "key"),
            "[server] key: is missing; it belongs to `cert`",
        ),
        (good.clone().set("periodic", "freq", "often"), "freq"),
        (good.clone().set("logging", "mode", "paper"), "paper"),
        (
            good.clone().set("agent", "whitelist", "/nonexistent/list"),
            "/nonexistent/list",
        ),
    ] {
        let said = server(&text);
        assert_eq!(said.code, 9, "{said:?}");
        assert!(complaint(&said, part).starts_with("FATAL: "), "{said:?}");
    }
    let said = server(&"[server\n");
    complaint(&said, "server.cfg: line 1: ");

    let agent = |text: &dyn Display| {
        site.write("agent.cfg", text).unwrap();
        let mut call = site.programs().agent();
        Said::by(call.arg("-f").arg("-c").arg(site.path("agent.cfg")))
    };
    let good = site.agent_configuration(AGENT).unwrap();
    for (text, part) in [
        (
            good.clone().without("agent", "relay"),
            "agent.cfg: [agent] relay is missing",
        ),
        (
            good.clone().set("agent", "relai", "x"),
            "unknown key `relai` in [agent]; did you mean `relay`?",
        ),
        (
            good.clone().set("modules", "alowunsigned", "on"),
            "did you mean `allowunsigned`?",
        ),
        (good.clone().set("agent", "checkin", "perhaps"), "checkin"),
        (
            good.clone().set("agent", "heartbeatfreq", "0s"),
            "heartbeatfreq",
        ),
        (
            good.clone().set("agent", "refreshenv", "often"),
            "refreshenv",
        ),
        (
            good.clone().set("agent", "clocktolerance", "1h"),
            "expected at most 5m",
        ),
        (
            good.clone().set("certs", "ca", "/nonexistent/ca.crt"),
            "[certs] ca = /nonexistent/ca.crt: No such file",
        ),
        (good.clone().set("logging", "level", "loud"), "loud"),
        (
            good.clone().set("limits", "memory", 5),
            "expected 1048576 bytes or more",
        ),
        (
            good.clone().set("modules", "requiredsignatures", 0),
            "expected 1 to 16",
        ),
    ] {
        let said = agent(&text);
        assert_eq!(said.code, 1, "{said:?}");
        assert!(
            complaint(&said, part).starts_with("mig-agent: "),
            "{said:?}"
        );
    }
    // Understood, but of no use: the agent does not start either.
    for (text, part) in [
        (good.clone().set("agent", "relay", "http://h/"), "relay"),
        (good.clone().without("certs", "key"), "[certs]"),
    ] {
        let said = agent(&text);
        assert_eq!(said.code, 1, "{said:?}");
        let line = said.line_with("[error]");
        assert!(line.contains(part), "{said:?}");
    }
    let said = Said::by(
        site.programs()
            .agent()
            .args(["-f", "-c", "/nonexistent/agent.cfg"]),
    );
    complaint(&said, "/nonexistent/agent.cfg");

    let client = |text: &dyn Display| {
        site.write("ada.migrc", text).unwrap();
        crate::setup::mig(&site, "ada", &["file", "-path", "/etc"])
    };
    let good = site.client_configuration("ada");
    for (text, part) in [
        (good.clone().without("api", "url"), "[api] url is missing"),
        (
            good.clone().set("api", "urll", "x"),
            "unknown key `urll` in [api]; did you mean `url`?",
        ),
        (
            good.clone().set("api", "url", "ftp://h"),
            "`ftp://h` is no http or https address",
        ),
        (good.clone().without("gpg", "keyfile"), "no signing key"),
        (
            good.clone().set("gpg", "keyfile", "/nonexistent/key"),
            "cannot read the key file /nonexistent/key",
        ),
        (
            good.clone().set("targets", "macro", "x"),
            "[targets] macro `x`: expected name:expression",
        ),
        (
            good.clone().set("api", "cacert", "/nonexistent/ca.crt"),
            "/nonexistent/ca.crt: No such file",
        ),
    ] {
        let said = client(&text);
        assert_eq!(said.code, 1, "{said:?}");
        said.line_with("error: ");
        assert!(said.stderr.contains(part), "{part}: {said:?}");
    }
}
