//! The `timedrift` module.

use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use mig_testkit::wait_until;

use crate::namespaces::apart;
use crate::setup::{Machine, fed};

/// How long servers are asked again that were not heard in time.
const PATIENCE: Duration = Duration::from_secs(120);

/// An NTP server on loopback whose clock is ahead of ours.
struct Responder {
    port: u16,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Responder {
    fn ahead(seconds: i64) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a loopback port");
        let port = socket.local_addr().expect("an address").port();
        let slice = Some(Duration::from_millis(20));
        socket.set_read_timeout(slice).expect("a timeout");
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut packet = [0; 48];
            while !stopped.load(Ordering::Relaxed) {
                let Ok((_, from)) = socket.recv_from(&mut packet) else {
                    continue;
                };
                let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
                let since = since.expect("a time after 1970");
                let seconds = i64::try_from(since.as_secs()).expect("seconds") + seconds;
                let seconds = (seconds + 2_208_988_800).rem_euclid(1 << 32);
                let fraction = (u64::from(since.subsec_nanos()) << 32) / 1_000_000_000;
                let stamp = (u64::try_from(seconds).expect("32 bits") << 32) + fraction;
                packet[0] = (packet[0] & 0x38) | 4;
                packet[1] = 1;
                packet.copy_within(40..48, 24);
                packet[32..40].copy_from_slice(&stamp.to_be_bytes());
                packet[40..48].copy_from_slice(&stamp.to_be_bytes());
                // Who asked may be gone.
                let _ = socket.send_to(&packet, from);
            }
        });
        Self {
            port,
            stop,
            thread: Some(thread),
        }
    }

    fn name(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What the module answers when each server was heard, which has five seconds for that:
/// on a busy machine it is asked again.
fn heard(mut ask: impl FnMut() -> Value) -> Value {
    let mut document = Value::Null;
    wait_until("an answer of each server", PATIENCE, || {
        document = ask();
        let statistics = document["statistics"]["ntpstats"].as_array();
        let mut statistics = statistics.into_iter().flatten();
        statistics.all(|server| server["reachable"] == true)
    });
    document
}

#[test]
fn the_local_time_needs_nobody() {
    let machine = Machine::new();
    let document = machine.run("timedrift", &json!({}));
    assert_eq!(document["foundanything"], true);
    assert_eq!(document["success"], true);
    let local = document["elements"]["localtime"]
        .as_str()
        .unwrap_or_default();
    let said = machine.mig("timedrift", &[]);
    assert_eq!(said.code, 0, "{said:?}");
    // The same year at least, unless it just ended.
    let year = format!("local time is {}", &local[..3]);
    assert!(said.stdout.contains(&year), "{said:?}");
}

#[test]
fn several_servers_are_asked_and_the_verdict_is_printed() {
    let machine = Machine::new();
    let (right, also_right, wrong) = (
        Responder::ahead(0),
        Responder::ahead(0),
        Responder::ahead(7200),
    );
    let names = [right.name(), also_right.name(), wrong.name()];
    let parameters = json!({"drift": "30m", "servers": names});
    let document = heard(|| machine.run("timedrift", &parameters));
    assert_eq!(document["foundanything"], false, "{document}");
    assert_eq!(document["success"], true);
    assert_eq!(document["elements"]["iswithindrift"], true);
    let statistics = document["statistics"]["ntpstats"].as_array();
    assert_eq!(statistics.map_or(0, Vec::len), 3, "{document}");
    let drift = document["statistics"]["ntpstats"][2]["drift"].as_str();
    assert!(drift.is_some_and(|drift| drift.starts_with("-1h59m5") || drift.starts_with("-2h0m")));
    let within = "local time is within acceptable drift from NTP servers";
    let mut lines = Vec::new();
    wait_until(within, PATIENCE, || {
        lines = machine.printed("timedrift", &parameters);
        lines[1] == within
    });
    assert!(lines.contains(&"timedrift module has succeeded".to_owned()));

    let words = ["-drift", "30m", "-server", &wrong.name()];
    let line = format!("Local time is behind ntp host {} by ", wrong.name());
    let mut said = machine.mig("timedrift", &words);
    wait_until(&line, PATIENCE, || {
        let told = said.stdout.contains(&line);
        if !told {
            said = machine.mig("timedrift", &words);
        }
        told
    });
    assert_eq!(said.code, 0, "{said:?}");
    let out = "local time is out of sync from NTP servers";
    assert!(said.stdout.contains(out), "{said:?}");
    let said = machine.mig("timedrift", &["-drift", "soon"]);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.stderr.contains("`soon` is not a duration"), "{said:?}");
}

#[test]
fn privacy_mode_hides_servers() {
    let machine = Machine::private();
    let server = Responder::ahead(7200);
    let parameters = json!({"drift": "1s", "servers": [server.name()]});
    let document = heard(|| machine.run("timedrift", &parameters));
    assert_eq!(document["foundanything"], true);
    assert_eq!(document["elements"]["drifts"], json!(["masked"]));
    let statistic = &document["statistics"]["ntpstats"][0];
    assert_eq!(statistic["host"], "masked");
    assert_eq!(statistic["reachable"], true);
    assert!(!document.to_string().contains("127.0.0.1"), "{document}");
}

/// Runs the module where `/etc` is another directory; `None` when that is not
/// allowed.
fn run_with_etc(machine: &Machine, etc: &Path, parameters: &Value) -> Option<Value> {
    let setup = format!("mount --bind '{}' /etc", etc.display());
    let mut call = apart(&["--mount"], &setup, &machine.agent("timedrift"))?;
    let message = json!({"class": "parameters", "parameters": parameters}).to_string();
    let said = fed(&mut call, &message);
    let document = serde_json::from_str(&said.stdout);
    Some(document.unwrap_or_else(|error| panic!("{error}: {said:?}")))
}

#[test]
fn the_machines_own_servers_are_found_and_its_time_zone_known() {
    let machine = Machine::new();
    let server = Responder::ahead(0);
    let etc = machine.directory().join("etc");
    std::fs::create_dir_all(etc.join("chrony/conf.d")).expect("folders");
    std::fs::create_dir_all(etc.join("ntp.conf")).expect("a folder instead of a file");
    std::fs::write(
        etc.join("chrony/chrony.conf"),
        "confdir /etc/chrony/conf.d\n",
    )
    .expect("a file");
    std::fs::write(
        etc.join("chrony/conf.d/own.conf"),
        format!("pool 127.0.0.1 port {} iburst\n", server.port),
    )
    .expect("a file");
    let zone = "/usr/share/zoneinfo/Asia/Kolkata";
    std::os::unix::fs::symlink(zone, etc.join("localtime")).expect("a link");
    let ask = || run_with_etc(&machine, &etc, &json!({"drift": "10m"}));
    if ask().is_none() {
        return mig_testkit::skip("no mount namespaces here");
    }
    let document = heard(|| ask().expect("a mount namespace, as before"));
    assert_eq!(document["success"], true, "{document}");
    assert_eq!(document["elements"]["iswithindrift"], true);
    let statistics = document["statistics"]["ntpstats"].as_array();
    assert_eq!(statistics.map_or(0, Vec::len), 1, "{document}");
    assert_eq!(document["statistics"]["ntpstats"][0]["host"], server.name());
    assert_eq!(
        document["errors"],
        json!(["/etc/ntp.conf: is not a plain file"])
    );
    let local = document["elements"]["localtime"]
        .as_str()
        .unwrap_or_default();
    let known = Path::new(zone).exists();
    assert_eq!(local.ends_with("+05:30"), known, "{document}");
}

#[test]
fn without_network_and_configuration_there_is_no_verdict() {
    let machine = Machine::new();
    let mut call = match apart(&["--net"], "", &machine.agent("timedrift")) {
        Some(call) => call,
        None => return mig_testkit::skip("no network namespaces here"),
    };
    let said = fed(
        &mut call,
        r#"{"class":"parameters","parameters":{"drift":"5s"}}"#,
    );
    let document: Value = serde_json::from_str(&said.stdout).expect("a document");
    assert_eq!(document["success"], false);
    assert_eq!(document["foundanything"], false);
    assert_eq!(document["elements"]["hascheckeddrift"], false);
    assert_eq!(document["elements"]["iswithindrift"], true);
    let statistics = document["statistics"]["ntpstats"].as_array();
    let statistics = statistics.unwrap_or_else(|| panic!("{document}"));
    assert!(
        statistics
            .iter()
            .any(|server| server["host"] == "time.nist.gov")
    );
    assert!(statistics.iter().all(|server| server["reachable"] == false));
    let text = document["errors"].to_string();
    assert!(
        text.contains("ntp host time.nist.gov cannot be resolved: "),
        "{text}"
    );
    assert!(text.contains("no NTP server answered"), "{text}");
}

/// chrony's daemon: installed, or unpacked by `cargo xtask test` beside what
/// cargo builds.
fn chronyd() -> Option<PathBuf> {
    let test = std::env::current_exe().ok()?;
    let unpacked = test.ancestors().nth(3)?.join("peers/usr/sbin/chronyd");
    let places = [unpacked, PathBuf::from("/usr/sbin/chronyd")];
    places.into_iter().find(|path| path.is_file())
}

#[test]
fn a_real_server_is_understood() {
    let Some(program) = chronyd() else {
        return mig_testkit::skip("chronyd is not here (Debian package chrony)");
    };
    let machine = Machine::new();
    // None that the system gives to whoever asks for any before chronyd has it.
    let port = mig_testkit::free_port();
    let configuration = machine.directory().join("chrony.conf");
    let pid = machine.directory().join("chronyd.pid");
    std::fs::write(
        &configuration,
        format!(
            "local stratum 1\nallow 127.0.0.1\nbindaddress 127.0.0.1\nport {port}\ncmdport 0\n\
             bindcmdaddress /\npidfile {}\n",
            pid.display()
        ),
    )
    .expect("a file");
    // -x: it never touches the clock. It wants to be root, at least of a user
    // namespace.
    let mut call = Command::new(program);
    call.args(["-x", "-d", "-u", "root", "-f"])
        .arg(&configuration);
    let Some(mut call) = apart(&["--ipc"], "", &call) else {
        return mig_testkit::skip("no user namespaces here, and chronyd wants to be root");
    };
    call.stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut server = mig_testkit::spawn(&mut call).expect("chronyd");
    let parameters = json!({"drift": "1m", "servers": [format!("127.0.0.1:{port}")]});
    let mut document = Value::Null;
    // The same clock: apart by less than a second, if neither was kept waiting.
    wait_until("an answer of chronyd", PATIENCE, || {
        document = machine.run("timedrift", &parameters);
        let drift = document["statistics"]["ntpstats"][0]["drift"].as_str();
        let small = |drift: &str| ["µs", "ns", "ms"].iter().any(|end| drift.ends_with(end));
        document["success"] == true && drift.is_some_and(small)
    });
    server.kill().expect("its end");
    server.wait().expect("its end");
    assert_eq!(document["elements"]["iswithindrift"], true, "{document}");
    assert_eq!(document["errors"], json!(null), "{document}");
}
