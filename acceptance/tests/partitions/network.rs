//! Networks that are the test's own, and links that lose everything.
//!
//! Only a program of one thread may enter a user namespace, which an ordinary user
//! needs for a network of his own. So a test that wants one runs its own program
//! again, inside, with just itself. There it stays who it was: PostgreSQL refuses
//! root, also one who is root in a namespace only.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::sched::{CloneFlags, setns, unshare};

use crate::stage::PATIENCE;

/// Set for a program that runs inside.
const INSIDE: &str = "MIG_TEST_PARTITIONS_INSIDE";
/// What a cut link sends its packets to: a station that does not exist.
const NOBODY: &str = "02:00:00:00:00:ff";

/// A command that starts a program in a network of its own.
fn apart() -> Command {
    let mut apart = Command::new("unshare");
    apart.arg("--net");
    if !mig_testkit::is_root() {
        apart.args(["--user", "--map-current-user", "--keep-caps"]);
    }
    // It must not outlive the one that waits for it.
    apart.args(["--", "setpriv", "--pdeathsig", "KILL", "--"]);
    apart
}

/// Why there can be no network of its own here, if so.
fn hindrance() -> Option<String> {
    let mut probe = apart();
    probe.args([ip_program(), "link", "add", "type", "veth"]);
    match probe.output() {
        Ok(output) if output.status.success() => None,
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            Some(said.trim().replace('\n', "; "))
        }
        Err(error) => Some(format!("unshare: {error}")),
    }
}

/// Whether the calling test runs in a network of its own, and may go on. If not, it
/// is run there now, and this call fails as that does.
pub fn inside() -> bool {
    if std::env::var_os(INSIDE).is_some() {
        ip("link set lo up");
        return true;
    }
    if let Some(reason) = hindrance() {
        mig_testkit::skip(&format!("no network namespaces here: {reason}"));
        return false;
    }
    let thread = std::thread::current();
    let name = thread.name().expect("a thread named after its test");
    let output = apart()
        .arg(std::env::current_exe().expect("own program"))
        .args(["--exact", name, "--nocapture"])
        .env(INSIDE, "yes")
        .stdin(Stdio::null())
        .output()
        .expect("this program again");
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && stdout.contains("1 passed"),
        "{stdout}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    false
}

/// Where Debian keeps `ip`; an ordinary user's search path may lack it.
fn ip_program() -> &'static str {
    let places = ["/usr/sbin/ip", "/sbin/ip", "/usr/bin/ip"];
    let mut found = places.iter().filter(|place| Path::new(place).exists());
    found.next().copied().unwrap_or("ip")
}

/// Runs `ip` with these words.
#[track_caller]
fn ip(words: &str) {
    let mut call = Command::new(ip_program());
    let output = call.args(words.split_whitespace()).output();
    let output = output.expect("a program");
    assert!(output.status.success(), "ip {words}: {output:?}");
}

/// A network beside that of the test itself, as long as this value exists.
pub struct Network(File);

impl Network {
    /// A new one, where nobody can be reached.
    pub fn new() -> Self {
        let made = std::thread::spawn(|| {
            unshare(CloneFlags::CLONE_NEWNET).expect("a network");
            ip("link set lo up");
            File::open("/proc/thread-self/ns/net").expect("an open network")
        });
        Self(made.join().expect("a network"))
    }

    /// Does something in this network; threads and programs that it starts stay there.
    pub fn within<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        std::thread::scope(|scope| {
            let worker = scope.spawn(|| {
                setns(&self.0, CloneFlags::CLONE_NEWNET).expect("enter the network");
                work()
            });
            worker
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// The same call of a program, in this network.
    pub fn call(&self, call: &Command) -> Command {
        let mut within = Command::new("nsenter");
        within
            .arg(format!("--net={}", self.path()))
            .arg("--")
            .arg(call.get_program())
            .args(call.get_args());
        for (name, value) in call.get_envs() {
            match value {
                Some(value) => within.env(name, value),
                None => within.env_remove(name),
            };
        }
        within
    }

    fn path(&self) -> String {
        format!("/proc/{}/fd/{}", std::process::id(), self.0.as_raw_fd())
    }
}

/// A link between the test's network and another one.
pub struct Link<'a> {
    number: u8,
    other: &'a Network,
}

impl<'a> Link<'a> {
    /// Makes the link with this number, from 1 on.
    pub fn new(number: u8, other: &'a Network) -> Self {
        let link = Self { number, other };
        let (near, far) = (link.station(1), link.station(2));
        ip(&format!(
            "link add near{number} address {near} type veth peer name far{number} address {far}"
        ));
        ip(&format!("link set far{number} netns {}", other.path()));
        let up = |end: &str, last: u8| {
            ip(&format!(
                "addr add 198.18.{number}.{last}/24 dev {end}{number}"
            ));
            ip(&format!("link set {end}{number} up"));
        };
        up("near", 1);
        other.within(|| up("far", 2));
        link.heal();
        link
    }

    /// The address of the test's end of the link with this number.
    pub fn address(number: u8) -> String {
        format!("198.18.{number}.1")
    }

    /// How many TCP connections over this link each end has, as far as it knows: that
    /// of the test, and the other one.
    pub fn connections(&self) -> (usize, usize) {
        let established = |peer: u8| {
            let table = std::fs::read_to_string("/proc/thread-self/net/tcp").expect("a table");
            // Remote address, port and state, in hexadecimal.
            let peer = format!("{peer:02X}{:02X}12C6:", self.number);
            let lines = table.lines().map(|line| line.split_whitespace());
            lines
                .filter(|words| {
                    let mut words = words.clone().skip(2);
                    let remote = words.next().is_some_and(|remote| remote.starts_with(&peer));
                    remote && words.next() == Some("01")
                })
                .count()
        };
        (established(2), self.other.within(|| established(1)))
    }

    /// From now on all packets are lost, both ways. Nobody is told. There are
    /// connections then: that there are none any more says something later.
    pub fn cut(&self) {
        mig_testkit::wait_until("connections over the link", PATIENCE, || {
            let (near, far) = self.connections();
            near > 0 && far > 0
        });
        self.send_to(NOBODY, NOBODY);
    }

    /// From now on packets arrive again.
    pub fn heal(&self) {
        self.send_to(&self.station(2), &self.station(1));
    }

    fn station(&self, last: u8) -> String {
        format!("02:00:00:00:{:02x}:{last:02x}", self.number)
    }

    /// Sets where each end sends what is for the other one.
    fn send_to(&self, from_near: &str, from_far: &str) {
        let number = self.number;
        let set = |end: &str, last: u8, station: &str| {
            ip(&format!(
                "neigh replace 198.18.{number}.{last} lladdr {station} dev {end}{number} \
                 nud permanent"
            ));
        };
        set("near", 2, from_near);
        self.other.within(|| set("far", 1, from_far));
    }
}
