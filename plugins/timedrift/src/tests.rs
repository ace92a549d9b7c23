//! Runs on machines with configuration of their own.

use crate::module::{Surroundings, run_in};
use crate::server::Server;
use crate::{Parameters, TimedriftModule};
use mig_plugin_sdk::testing::FakeHost;
use mig_plugin_sdk::{Failure, Module, ResultDocument, Session};
use serde_json::{Value, json};
use std::cell::RefCell;
use std::fs;
use std::net::UdpSocket;
use std::path::PathBuf;
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

thread_local! {
    /// Root and public servers of the machine that a test plays.
    static MACHINE: RefCell<(PathBuf, Vec<Server>)> = const { RefCell::new((PathBuf::new(), Vec::new())) };
}

/// The module on that machine.
struct Elsewhere;

impl Module for Elsewhere {
    type Parameters = Parameters;
    const MANIFEST: &'static [u8] = TimedriftModule::MANIFEST;

    fn run(parameters: Parameters, session: &Session<'_>) -> Result<ResultDocument, Failure> {
        let (root, public) = MACHINE.with_borrow(Clone::clone);
        let surroundings = Surroundings {
            root: &root,
            public,
        };
        run_in(surroundings, &parameters, session)
    }
}

/// A socket where a server could be.
fn socket() -> (Server, UdpSocket) {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a loopback port");
    let port = socket.local_addr().expect("an address").port();
    let server = Server::with_port("127.0.0.1", port).expect("a server");
    (server, socket)
}

/// Whether nobody sent anything there.
fn never_asked(socket: &UdpSocket) -> bool {
    socket.set_nonblocking(true).expect("a mode");
    socket.recv(&mut [0; 8]).is_err()
}

/// A server that answers one question with the local time.
fn server() -> (Server, JoinHandle<()>) {
    let (server, socket) = socket();
    socket
        .set_read_timeout(Some(Duration::from_secs(60)))
        .expect("a timeout");
    let thread = std::thread::spawn(move || {
        let mut packet = [0; 48];
        let (_, from) = socket.recv_from(&mut packet).expect("a question");
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let seconds = since.expect("after 1970").as_secs() + 2_208_988_800;
        let time = u32::try_from(seconds & 0xffff_ffff).expect("32 bits");
        packet[0] = 3 << 3 | 4;
        packet[1] = 1;
        packet.copy_within(40..48, 24);
        packet[32..48].fill(0);
        // Whole seconds: servers without a fraction are servers.
        packet[32..36].copy_from_slice(&time.to_be_bytes());
        packet[40..44].copy_from_slice(&time.to_be_bytes());
        socket.send_to(&packet, from).expect("an answer");
    });
    (server, thread)
}

/// A run on a machine whose chrony has these servers, with public ones.
fn run_on(configured: &[&Server], public: &[&Server]) -> Value {
    let root = tempfile::tempdir().expect("a directory");
    fs::create_dir(root.path().join("etc")).expect("a folder");
    if !configured.is_empty() {
        let line = |server: &&Server| format!("server {} port {}\n", server.host, server.port);
        let text: String = configured.iter().map(line).collect();
        fs::write(root.path().join("etc/chrony.conf"), text).expect("a file");
    }
    let public = public.iter().map(|server| (*server).clone()).collect();
    MACHINE.set((root.path().to_owned(), public));
    let answer = FakeHost::new().run::<Elsewhere>(json!({"drift": "1m"}));
    answer.expect_result();
    answer.document()
}

fn hosts(document: &Value) -> Vec<String> {
    let servers = document["statistics"]["ntpstats"].as_array();
    let servers = servers.into_iter().flatten();
    servers
        .filter_map(|server| server["host"].as_str().map(str::to_owned))
        .collect()
}

#[test]
fn servers_of_the_machine_come_first_and_public_ones_only_without_them() {
    let (own, answering) = server();
    let (public, quiet) = socket();
    let document = run_on(&[&own], &[&public]);
    answering.join().expect("the server");
    assert_eq!(hosts(&document), [own.to_string()]);
    assert_eq!(document["success"], true);
    assert_eq!(document["elements"]["iswithindrift"], true);
    assert!(never_asked(&quiet));
}

#[test]
fn no_configuration_file_is_needed() {
    let (public, answering) = server();
    let document = run_on(&[], &[&public]);
    answering.join().expect("the server");
    assert_eq!(hosts(&document), [public.to_string()]);
    assert_eq!(document["success"], true);
    assert_eq!(
        document["errors"],
        Value::Null,
        "a missing file is no error"
    );
}

#[test]
fn public_servers_are_asked_when_the_machines_own_are_gone() {
    let (gone, closed) = socket();
    // Connected to somebody else, it keeps the port and refuses us.
    closed.connect("127.0.0.1:9").expect("another address");
    let (public, answering) = server();
    let document = run_on(&[&gone], &[&gone, &public]);
    answering.join().expect("the server");
    let wanted = [gone.to_string(), public.to_string()];
    assert_eq!(hosts(&document), wanted, "none is asked twice");
    assert_eq!(document["success"], true);
    let errors = document["errors"].as_array().expect("errors");
    assert_eq!(errors.len(), 1, "{errors:?}");
}

#[test]
fn an_unreadable_file_is_a_soft_error() {
    let root = tempfile::tempdir().expect("a directory");
    fs::create_dir_all(root.path().join("etc/ntp.conf")).expect("a folder instead of a file");
    let (public, answering) = server();
    MACHINE.set((root.path().to_owned(), vec![public]));
    let answer = FakeHost::new().run::<Elsewhere>(json!({"drift": "1m"}));
    answering.join().expect("the server");
    let document = answer.document();
    assert_eq!(document["success"], true);
    assert_eq!(
        document["errors"],
        json!(["/etc/ntp.conf: is not a plain file"])
    );
}

#[test]
fn nobody_to_ask_is_said() {
    let document = run_on(&[], &[]);
    assert_eq!(document["success"], false);
    assert_eq!(document["foundanything"], false);
    assert_eq!(document["elements"]["hascheckeddrift"], false);
    assert_eq!(document["elements"]["iswithindrift"], true);
    let error = document["errors"][0].as_str().expect("an error");
    assert!(error.starts_with("no NTP server answered"), "{error}");
}
