//! Network namespaces to play in.
//!
//! Only a program of one thread may leave its user namespace, and an ordinary
//! user must do that to get a network of his own. So a test that wants one runs
//! its own program again, inside, with just itself.

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

/// Environment variable with the part that a program plays.
const PART: &str = "MIG_TEST_NETSTAT_PART";

/// The part that this program plays; none when it was started as usual.
pub fn part() -> Option<String> {
    std::env::var(PART).ok()
}

/// The name of the calling test.
fn own_name() -> String {
    let thread = std::thread::current();
    thread
        .name()
        .expect("a thread named after its test")
        .to_owned()
}

/// A command that starts a program in new namespaces: of the network, of mounts,
/// and for an ordinary user of users, where he is root.
fn unshare() -> Command {
    let mut unshare = Command::new("unshare");
    unshare.args(["--net", "--mount"]);
    if !mig_testkit::is_root() {
        unshare.args(["--user", "--map-root-user"]);
    }
    unshare.arg("--");
    unshare
}

/// This program again, with just the calling test, in new namespaces.
fn again(part: &str) -> Command {
    let mut again = unshare();
    again
        .arg(std::env::current_exe().expect("own program"))
        .args(["--exact", &own_name(), "--nocapture"])
        .env(PART, part)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    again
}

/// Why there can be no network of its own here, if so.
fn hindrance() -> Option<String> {
    let mut probe = unshare();
    probe.args([&ip_program(), "link", "add", "type", "veth"]);
    match probe.output() {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(
            String::from_utf8_lossy(&output.stderr)
                .trim()
                .replace('\n', "; "),
        ),
        Err(error) => Some(format!("unshare: {error}")),
    }
}

/// Where Debian keeps `ip`; an ordinary user's search path may lack it.
fn ip_program() -> String {
    let places = ["/usr/sbin/ip", "/sbin/ip", "/usr/bin/ip"];
    let found = places.iter().find(|place| PathBuf::from(place).exists());
    (*found.unwrap_or(&"ip")).to_owned()
}

/// Whether the calling test runs in a network of its own, and may go on. If not,
/// it is run there now, and this call fails as that does.
pub fn inside() -> bool {
    if part().is_some() {
        return true;
    }
    if let Some(reason) = hindrance() {
        mig_testkit::skip(&format!("no network namespaces here: {reason}"));
        return false;
    }
    let output = again("inside").output().expect("this program again");
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && stdout.contains("1 passed"),
        "{stdout}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    false
}

/// Whether somebody else can have a network; otherwise the calling test is
/// skipped.
pub fn possible() -> bool {
    let hindrance = hindrance();
    if let Some(reason) = &hindrance {
        mig_testkit::skip(&format!("no network namespaces here: {reason}"));
    }
    hindrance.is_none()
}

/// Runs `ip` with these words.
#[track_caller]
pub fn ip(words: &str) {
    run(Command::new(ip_program()).args(words.split_whitespace()));
}

/// Runs a program to a good end.
#[track_caller]
pub fn run(command: &mut Command) {
    let output = command.output().expect("a program");
    assert!(output.status.success(), "{command:?}: {output:?}");
}

/// Interfaces with addresses and neighbours: `v0` with 192.0.2.1/24 and
/// 2001:db8:aa::1/64, and a neighbour in each that stays.
pub fn furnish() {
    ip("link set lo up");
    ip("link add v0 address 02:00:00:00:aa:01 type veth peer name v1 address 02:00:00:00:aa:02");
    ip("link set v0 up");
    ip("link set v1 up");
    ip("addr add 192.0.2.1/24 dev v0");
    ip("addr add 2001:db8:aa::1/64 dev v0 nodad");
    mig_testkit::wait_until("an address", Duration::from_secs(30), settled);
    ip("neigh add 192.0.2.5 lladdr 02:00:00:00:00:05 dev v0 nud permanent");
    ip("neigh add 2001:db8:aa::6 lladdr 02:00:00:00:00:06 dev v0 nud permanent");
}

/// Whether the kernel is done with the address 2001:db8:aa::1. It gets around to
/// that when it likes; asking by sending something would leave a neighbour.
fn settled() -> bool {
    const ADDRESS: &str = "20010db800aa00000000000000000001";
    const TENTATIVE: u8 = 0x40;
    let table =
        |name: &str| std::fs::read_to_string(format!("/proc/self/net/{name}")).expect("a table");
    let route = format!("{ADDRESS} 80 ");
    let routed = table("ipv6_route")
        .lines()
        .any(|line| line.starts_with(&route));
    let usable = table("if_inet6").lines().any(|line| {
        let flags = line.split_whitespace().nth(4);
        let flags = flags.and_then(|flags| u8::from_str_radix(flags, 16).ok());
        line.starts_with(ADDRESS) && flags.is_some_and(|flags| flags & TENTATIVE == 0)
    });
    routed && usable
}

/// The number of a network namespace as results write it.
pub fn namespace_of(process: impl std::fmt::Display) -> String {
    let link = std::fs::read_link(format!("/proc/{process}/ns/net")).expect("a namespace");
    link.to_str().expect("a text").to_owned()
}

/// Somebody in another network.
pub struct Other {
    child: Child,
    _stdin: Option<ChildStdin>,
    /// What it had to say.
    pub word: String,
}

impl Other {
    /// Runs the calling test again in another network, where it plays the part
    /// of [`keep`]; returns once that is ready.
    pub fn start(part: &str) -> Self {
        let mut child = again(part).spawn().expect("this program again");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let word = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("ready ").map(str::to_owned))
            .expect("the other to be ready");
        // What else it says goes nowhere, but must not block it.
        std::thread::spawn(move || lines.for_each(drop));
        Self {
            _stdin: child.stdin.take(),
            child,
            word,
        }
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Tells whoever started this program that it is ready, and stays until then.
pub fn keep(word: impl std::fmt::Display) {
    println!("\nready {word}");
    let _ = std::io::stdin().read(&mut [0]);
}
