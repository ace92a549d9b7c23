//! The agent looks into networks other than its own.

use super::stage::{self, Other, namespace_of};
use crate::setup::Machine;
use serde_json::{Value, json};
use std::net::TcpListener;
use std::process::Command;

/// The elements of one question that are of one namespace; `None` for those
/// without.
fn of(document: &Value, kind: &str, value: &str, namespace: Option<&str>) -> Vec<Value> {
    let found = document["elements"][kind][value].as_array();
    let same = |element: &&Value| element["namespace"].as_str() == namespace;
    found.into_iter().flatten().filter(same).cloned().collect()
}

/// Plays the part of somebody in another network who listens; says at which
/// port.
fn listen_elsewhere() {
    stage::furnish();
    let listener = TcpListener::bind("192.0.2.1:0").expect("a listener");
    stage::keep(listener.local_addr().expect("its address").port());
}

#[test]
fn every_namespace_is_looked_into_from_the_inside() {
    if stage::part().as_deref() == Some("elsewhere") {
        return listen_elsewhere();
    }
    if !stage::inside() {
        return;
    }
    stage::ip("link set lo up");
    let other = Other::start("elsewhere");
    let port = &other.word;
    let (here, there) = (namespace_of("self"), namespace_of(other.pid()));
    let listener = TcpListener::bind(("127.0.0.1", port.parse().unwrap())).expect("a listener");
    let machine = Machine::new();
    let parameters = json!({
        "localmac": ["^02:00:00:00:aa:01$"], "localip": ["192.0.2.1", "127.0.0.1"],
        "neighbormac": ["^02"], "neighborip": ["2001:db8:aa::/64"],
        "connectedip": ["0.0.0.0/0"], "listeningport": [port], "namespaces": true,
    });
    let document = machine.run("netstat", &parameters);
    let found = |kind, value, namespace| of(&document, kind, value, Some(namespace));
    // The other network, with everything it has.
    let mac = json!([{"localmacaddr": "02:00:00:00:aa:01", "namespace": there}]);
    assert_eq!(json!(found("localmac", "^02:00:00:00:aa:01$", &there)), mac);
    assert_eq!(found("localip", "192.0.2.1", &there).len(), 1);
    assert_eq!(found("neighbormac", "^02", &there).len(), 2);
    let v6 = json!([{"remotemacaddr": "02:00:00:00:00:06", "remoteaddr": "2001:db8:aa::6",
        "namespace": there}]);
    assert_eq!(json!(found("neighborip", "2001:db8:aa::/64", &there)), v6);
    let ports = found("listeningport", port, &there);
    assert_eq!(ports.len(), 1, "{document}");
    assert_eq!(ports[0]["localaddr"], "192.0.2.1");
    assert_eq!(ports[0]["pid"], other.pid());
    assert!(
        ports[0]["process"]
            .as_str()
            .is_some_and(|name| name.contains("modules"))
    );
    // The own one has its number in this mode; interfaces have none, as always.
    assert_eq!(
        found("listeningport", port, &here)[0]["pid"],
        std::process::id()
    );
    assert_eq!(
        of(&document, "localip", "127.0.0.1", None),
        [json!({"localaddr": "127.0.0.1"})]
    );
    assert!(document["statistics"]["namespaces"].as_u64() >= Some(2));

    // And without the mode nothing of the other.
    let document = machine.run("netstat", &json!({"listeningport": [port]}));
    let found = document["elements"]["listeningport"][port]
        .as_array()
        .cloned()
        .unwrap();
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0]["namespace"], "default");
    drop(listener);

    let said = machine.mig("netstat", &["-lp", port, "-namespaces"]);
    let line = format!(
        "found listening port {port} for netstat listeningport:'{port}' namespace:[{there}]"
    );
    assert!(said.stdout.lines().any(|said| said == line), "{said:?}");
}

#[test]
fn namespaces_that_no_process_is_in_are_found_by_their_mount() {
    if !stage::inside() {
        return;
    }
    let machine = Machine::new();
    let mount = machine.directory().join("a net");
    std::fs::write(&mount, "").expect("a file to mount on");
    let mut net = std::ffi::OsString::from("--net=");
    net.push(&mount);
    stage::run(Command::new("unshare").arg(&net).arg("true"));
    let go = |words: &str| {
        let mut go = Command::new("nsenter");
        go.arg(&net).arg("ip").args(words.split_whitespace());
        go.env("PATH", "/usr/sbin:/sbin:/usr/bin:/bin");
        stage::run(&mut go);
    };
    go("link set lo up");
    go("addr add 198.51.100.9/32 dev lo");
    let document = machine.run(
        "netstat",
        &json!({"localip": ["198.51.100.9"], "namespaces": true}),
    );
    let number = std::os::unix::fs::MetadataExt::ino(&mount.metadata().expect("a namespace"));
    let wanted = json!([{"localaddr": "198.51.100.9", "namespace": format!("net:[{number}]")}]);
    assert_eq!(document["elements"]["localip"]["198.51.100.9"], wanted);
    stage::run(Command::new("umount").arg(&mount));
}

#[test]
fn a_thread_cannot_hide_in_a_namespace_of_its_own() {
    if !stage::inside() {
        return;
    }
    let (tell, told) = std::sync::mpsc::channel();
    let (stay, stays) = std::sync::mpsc::channel::<()>();
    let thread = std::thread::spawn(move || {
        nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET).expect("another network");
        stage::ip("link set lo up");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
        let port = listener.local_addr().expect("its address").port();
        tell.send((namespace_of("thread-self"), port.to_string()))
            .expect("a listener");
        let _ = stays.recv();
    });
    let (namespace, port) = told.recv().expect("the thread");
    assert_ne!(namespace, namespace_of("self"));
    let machine = Machine::new();
    let parameters = json!({"listeningport": [port], "namespaces": true});
    let document = machine.run("netstat", &parameters);
    let found = of(&document, "listeningport", &port, Some(&namespace));
    assert_eq!(found.len(), 1, "{document}");
    assert_eq!(found[0]["pid"], std::process::id());
    drop(stay);
    thread.join().expect("the thread");
}

#[test]
fn a_namespace_that_only_an_open_file_keeps_is_found() {
    if !stage::inside() {
        return;
    }
    let file = std::thread::spawn(|| {
        nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET).expect("another network");
        stage::ip("link set lo up");
        stage::ip("addr add 198.51.100.10/32 dev lo");
        std::fs::File::open("/proc/thread-self/ns/net").expect("the namespace")
    });
    // The thread is gone, and its network stays.
    let file = file.join().expect("the thread");
    let number = std::os::unix::fs::MetadataExt::ino(&file.metadata().expect("a namespace"));
    let parameters = json!({"localip": ["198.51.100.10"], "namespaces": true});
    let document = Machine::new().run("netstat", &parameters);
    let wanted = json!([{"localaddr": "198.51.100.10", "namespace": format!("net:[{number}]")}]);
    assert_eq!(document["elements"]["localip"]["198.51.100.10"], wanted);
}

/// Root looks into the network of somebody else as into his own. An ordinary
/// user cannot, and is told so; what `/proc` shows of it he sees all the same.
#[test]
fn a_namespace_of_somebody_else_is_looked_into_as_far_as_it_is_permitted() {
    if stage::part().is_some() {
        return listen_elsewhere();
    }
    if !stage::possible() {
        return;
    }
    let other = Other::start("elsewhere");
    let port = &other.word;
    let there = namespace_of(other.pid());
    let machine = Machine::new();
    let parameters = json!({
        "localmac": ["^02:00:00:00:aa:01$"], "localip": ["192.0.2.0/24"],
        "neighborip": ["192.0.2.5", "2001:db8:aa::6"], "listeningport": [port],
        "namespaces": true,
    });
    let document = machine.run("netstat", &parameters);
    let count = |kind, value: &str| of(&document, kind, value, Some(&there)).len();
    assert_eq!(document["success"], true);
    assert_eq!(count("localip", "192.0.2.0/24"), 1, "{document}");
    assert_eq!(count("neighborip", "192.0.2.5"), 1, "{document}");
    let ports = of(&document, "listeningport", port, Some(&there));
    assert_eq!(ports.len(), 1, "{document}");
    assert_eq!(
        (&ports[0]["state"], &ports[0]["pid"]),
        (&json!("listen"), &json!(other.pid()))
    );

    let errors = document["errors"].as_array().cloned().unwrap_or_default();
    let prefix = format!("namespace {there}: ");
    let mut errors: Vec<&str> = errors
        .iter()
        .filter_map(|error| error.as_str()?.strip_prefix(&prefix))
        .collect();
    errors.sort_unstable();
    let only_from_inside =
        count("localmac", "^02:00:00:00:aa:01$") + count("neighborip", "2001:db8:aa::6");
    if mig_testkit::is_root() {
        assert_eq!((only_from_inside, errors), (2, vec![]));
        return;
    }
    assert_eq!(only_from_inside, 0);
    let reason = "it cannot be entered (Operation not permitted (os error 1); it takes root with \
                  CAP_SYS_ADMIN)";
    assert_eq!(
        errors,
        [
            format!("IPv6 neighbours cannot be read: {reason}"),
            format!("hardware addresses of interfaces cannot be read: {reason}"),
        ]
    );
}
