//! Actions as people have them lying around, obsolete pieces included, run by
//! `mig-agent -i`.

use std::path::Path;

use mig_acceptance::Site;
use serde_json::{Value, json};

use crate::setup::{AGENT, Said, files};

/// A site of which nothing but a listening socket runs.
struct Quiet {
    site: Site,
    port: u16,
    _listener: std::net::TcpListener,
}

impl Quiet {
    fn new() -> Self {
        let (site, _) = files();
        let configuration = site.agent_configuration(AGENT).unwrap();
        site.write("agent.cfg", configuration).unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a socket");
        let port = listener.local_addr().expect("its address").port();
        Self {
            site,
            port,
            _listener: listener,
        }
    }

    fn data(&self) -> String {
        self.site.path("data").display().to_string()
    }

    /// Runs an action of `tests/data/actions`; its results and exit code.
    fn run(&self, name: &str) -> (i32, Vec<Value>) {
        let own = Path::new(env!("CARGO_MANIFEST_DIR"));
        let path = own.join("tests/data/actions").join(name);
        let text = std::fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
            .replace("DIRECTORY", &self.data())
            .replace("PORT", &self.port.to_string());
        let file = self.site.write("action.json", text).unwrap();
        let mut call = self.site.programs().agent();
        call.arg("-c").arg(self.site.path("agent.cfg")).arg("-i");
        let said = Said::by(call.arg(&file));
        let results = serde_json::from_str(&said.stdout);
        (
            said.code,
            results.unwrap_or_else(|error| panic!("{error}: {said:?}")),
        )
    }
}

/// The paths that a search found, without the empty ones.
fn found<'a>(result: &'a Value, label: &str) -> Vec<&'a str> {
    let entries = result["elements"][label].as_array();
    let paths = entries.into_iter().flatten();
    paths
        .filter_map(|entry| entry["file"].as_str())
        .filter(|path| !path.is_empty())
        .collect()
}

#[test]
fn an_action_with_four_modules_is_answered_by_each() {
    let quiet = Quiet::new();
    std::fs::write(quiet.site.path("data/shadow"), "root:!:1::::::\n").unwrap();
    let (code, results) = quiet.run("integration.json");
    assert_eq!((code, results.len()), (0, 4), "{results:?}");
    let data = quiet.data();
    assert_eq!(found(&results[0], "s1"), [format!("{data}/passwd")]);
    assert_eq!(found(&results[0], "shadow"), [format!("{data}/shadow")]);
    let listening = &results[1]["elements"]["listeningport"][quiet.port.to_string()];
    assert_eq!(listening[0]["localport"], quiet.port, "{}", results[1]);
    assert!(
        results[1]["elements"]["connectedip"]
            .get("0.0.0.0/0")
            .is_some(),
        "{}",
        results[1]
    );
    assert_eq!(results[2]["elements"]["protocol"], "tcp", "{}", results[2]);
    assert_eq!(
        results[2]["elements"]["latencies"].as_array().map(Vec::len),
        Some(2)
    );
    assert_eq!(results[2]["foundanything"], true, "{}", results[2]);
    assert!(
        results[3]["elements"]["localtime"].is_string(),
        "{}",
        results[3]
    );
}

#[test]
fn every_kind_of_search_and_question_keeps_its_place_in_the_answer() {
    let quiet = Quiet::new();
    // The MD5 of the action is that of this text.
    std::fs::write(quiet.site.path("data/binary"), "hello, binary\n").unwrap();
    std::fs::write(quiet.site.path("data/known_hosts"), "").unwrap();
    let (code, results) = quiet.run("everything.json");
    // An agent that is not there cannot be ended, the others are answered.
    assert_eq!((code, results.len()), (1, 3), "{results:?}");
    let data = quiet.data();
    let elements = results[0]["elements"].as_object().expect("searches");
    let labels: Vec<&str> = elements.keys().map(String::as_str).collect();
    assert_eq!(labels, ["s1", "s2", "s3", "s4", "s5", "s6", "s7"]);
    assert_eq!(found(&results[0], "s1"), [format!("{data}/binary")]);
    assert_eq!(found(&results[0], "s5"), [format!("{data}/known_hosts")]);
    for label in ["s2", "s3", "s4", "s6", "s7"] {
        assert!(
            found(&results[0], label).is_empty(),
            "{label}: {}",
            results[0]
        );
        // A placeholder for each check without a match, or one for all.
        let count = if label == "s3" { 3 } else { 1 };
        let entries = results[0]["elements"][label].as_array();
        assert_eq!(
            entries.map(Vec::len),
            Some(count),
            "{label}: {}",
            results[0]
        );
    }
    assert!(
        results[0]["errors"].to_string().contains("/nowhere"),
        "{}",
        results[0]
    );

    let network = results[1]["elements"].as_object().expect("questions");
    let kinds: Vec<&str> = network.keys().map(String::as_str).collect();
    // Members are sorted on this way out, as the original's are.
    assert_eq!(
        kinds,
        [
            "connectedip",
            "listeningport",
            "localip",
            "localmac",
            "neighborip",
            "neighbormac"
        ]
    );
    assert_eq!(network["connectedip"], json!({"203.0.113.0/24": null}));
    assert_eq!(network["neighborip"], json!({"203.0.113.6": null}));
    let loopback = network["localip"]["127.0.0.0/8"].to_string();
    assert!(loopback.contains("127.0.0.1"), "{loopback}");

    assert_eq!(results[2]["success"], false, "{}", results[2]);
    let reason = results[2]["errors"].to_string();
    assert!(reason.contains("2147483646"), "{reason}");
}

#[test]
fn obsolete_keys_mean_nothing_and_break_nothing() {
    let (code, results) = Quiet::new().run("obsolete.json");
    assert_eq!((code, results.len()), (0, 2), "{results:?}");
    for result in &results {
        assert_eq!(result["success"], true, "{result}");
        assert_eq!(result["foundanything"], false, "{result}");
    }
    // A search without any check has no findings, not even an empty one; no
    // search at all has none either.
    assert_eq!(results[0]["elements"], json!({"uptime": null}));
    assert_eq!(results[1]["elements"], json!({}));
}

#[test]
fn a_module_nobody_has_leaves_the_others_alone() {
    let quiet = Quiet::new();
    let (code, results) = quiet.run("unknown-module.json");
    assert_eq!((code, results.len()), (1, 2), "{results:?}");
    assert_eq!(
        results[0]["errors"],
        json!(["module 'connected' is not available"])
    );
    assert_eq!(results[0]["success"], false);
    assert_eq!(found(&results[1], "names"), [quiet.data() + "/passwd"]);
}

#[test]
fn labels_may_hold_slashes_and_dots_and_paths_single_files() {
    let quiet = Quiet::new();
    let (code, results) = quiet.run("labels.json");
    assert_eq!(code, 0, "{results:?}");
    assert_eq!(
        found(&results[0], "/etc/init.d/~hidden"),
        [quiet.data() + "/passwd"]
    );
    assert!(found(&results[0], "usr/bin/.sshd").is_empty());
    let errors = results[0]["errors"].to_string();
    assert!(errors.contains("no-such-file"), "{errors}");
}

#[test]
fn a_star_in_a_path_is_literal_so_every_such_path_fails_to_open() {
    let quiet = Quiet::new();
    let (code, results) = quiet.run("literal-star.json");
    assert_eq!(code, 0, "{results:?}");
    assert!(found(&results[0], "backdoors").is_empty());
    assert_eq!(results[0]["foundanything"], false);
    let errors = results[0]["errors"].as_array().expect("errors");
    assert_eq!(errors.len(), 2, "{errors:?}");
    for (error, path) in errors.iter().zip(["/*", "/sub/*"]) {
        let path = quiet.data() + path;
        assert!(
            error.as_str().unwrap_or_default().contains(&path),
            "{error}"
        );
    }
}

#[test]
fn an_old_dump_with_zero_times_and_no_signatures_runs() {
    let quiet = Quiet::new();
    let (code, results) = quiet.run("old-dump.json");
    assert_eq!(code, 0, "{results:?}");
    assert_eq!(found(&results[0], "names"), [quiet.data() + "/passwd"]);
    // Each name that was not found has its placeholder.
    let entries = results[0]["elements"]["names"]
        .as_array()
        .expect("findings");
    assert_eq!(entries.len(), 2, "{entries:?}");
}

#[test]
fn indicators_of_any_kind_are_found_each_on_its_own() {
    let quiet = Quiet::new();
    let (code, results) = quiet.run("indicators.json");
    assert_eq!(code, 0, "{results:?}");
    let path = quiet.data() + "/passwd";
    // Once for its name, once for its content.
    assert_eq!(found(&results[0], "iocs"), [path.clone(), path]);
    assert_eq!(
        results[0]["elements"]["iocs"].as_array().map(Vec::len),
        Some(5)
    );
    let asked = results[1]["elements"]["connectedip"]
        .as_object()
        .expect("addresses");
    let asked: Vec<&str> = asked.keys().map(String::as_str).collect();
    // An address that was given twice is answered once.
    assert_eq!(asked.len(), 3, "{asked:?}");
}
