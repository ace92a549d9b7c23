//! A machine in namespaces, on which the pages can be followed as they are: with
//! its own files where they are expected, the usual ports, and the real programs.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use tempfile::TempDir;

/// The most that one block may take.
const PATIENCE: Duration = Duration::from_secs(240);
/// Names and addresses of the machines; each knows both. The pages speak of the
/// first one by its name.
const MACHINES: [(&str, &str); 2] = [
    ("web1.example.org", FIRST_ADDRESS),
    ("web2.example.org", "192.0.2.2"),
];
/// Where the first machine is.
pub const FIRST_ADDRESS: &str = "192.0.2.1";
/// The user whose home directory the pages start in.
const ADA: u32 = 4711;
/// How to get namespaces: all the processes in them end with the first of them.
const NAMESPACES: [&str; 8] = [
    "--mount",
    "--net",
    "--pid",
    "--uts",
    "--ipc",
    "--fork",
    "--kill-child",
    "--mount-proc",
];

/// Who runs a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// The user whose home directory the pages start in.
    Ada,
    /// The test itself.
    Root,
}

/// How a script ended.
#[derive(Debug)]
pub struct Ended {
    /// Whether it succeeded.
    pub success: bool,
    /// What it printed, both streams.
    pub output: String,
}

/// The home directories, the same on all machines: what the pages say is copied from
/// one to another is in them.
pub struct Homes(TempDir);

impl Homes {
    /// With one that is empty.
    pub fn prepare() -> Self {
        let homes = directory("mig-homes");
        let ada = homes.path().join("ada");
        std::fs::create_dir(&ada).expect("a directory");
        std::os::unix::fs::chown(&ada, Some(ADA), Some(ADA)).expect("chown");
        Self(homes)
    }
}

/// An empty directory that everybody may enter.
fn directory(prefix: &str) -> TempDir {
    let directory = tempfile::Builder::new()
        .prefix(prefix)
        .tempdir()
        .expect("a directory");
    let open = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(directory.path(), open).expect("permissions");
    directory
}

/// A machine that runs.
pub struct Machine {
    orders: Option<ChildStdin>,
    answers: Receiver<String>,
    process: Child,
    stage: TempDir,
    scripts: u32,
}

/// Why there can be no such machine, if so.
pub fn hindrance() -> Option<String> {
    if !mig_testkit::is_root() {
        return Some("only root has several users in a namespace".to_owned());
    }
    let programs = [
        "/usr/bin/unshare",
        "/usr/bin/nsenter",
        "/usr/bin/gpg",
        "/usr/bin/curl",
        "/usr/bin/openssl",
        "/usr/sbin/ip",
        "/usr/sbin/useradd",
        "/usr/sbin/rabbitmqctl",
        "/usr/bin/pg_createcluster",
    ];
    if let Some(absent) = programs.iter().find(|program| !Path::new(program).exists()) {
        return Some(format!("there is no {absent}"));
    }
    let probe = Command::new("unshare")
        .args(NAMESPACES)
        .arg("true")
        .output();
    match probe {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(format!(
            "no namespaces here: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        )),
        Err(error) => Some(format!("unshare: {error}")),
    }
}

impl Machine {
    /// Starts the first or the second one, with the programs that were built together
    /// with the test.
    ///
    /// # Panics
    /// When it does not start; the message says why.
    pub fn start(number: usize, homes: &Homes) -> Self {
        let (name, address) = MACHINES[number];
        let stage = directory("mig-machine");
        let parts = [
            ("init.sh", include_str!("init.sh")),
            ("sudo.sh", include_str!("sudo.sh")),
            ("systemctl.sh", include_str!("systemctl.sh")),
            ("protect.sh", include_str!("protect.sh")),
            ("apt-get.sh", include_str!("apt-get.sh")),
        ];
        for (name, text) in parts {
            std::fs::write(stage.path().join(name), text).expect("a script");
        }
        let programs = mig_acceptance::Programs::beside_test().expect("programs");
        let programs = programs.tool_path("mig");
        let complaints = std::fs::File::create(stage.path().join("init.out")).expect("a file");
        let mut process = Command::new("unshare")
            .args(NAMESPACES)
            .arg("sh")
            .arg(stage.path().join("init.sh"))
            .arg(stage.path())
            .arg(programs.parent().expect("their directory"))
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../pki-scripts"))
            .arg(homes.0.path())
            .args([name, address])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(complaints)
            .spawn()
            .expect("unshare starts");
        let lines = BufReader::new(process.stdout.take().expect("a pipe")).lines();
        let (told, answers) = channel();
        std::thread::spawn(move || {
            // Nobody listens any more: nothing is left to be told.
            lines
                .map_while(Result::ok)
                .try_for_each(|line| told.send(line))
        });
        let orders = process.stdin.take();
        let machine = Self {
            orders,
            answers,
            process,
            stage,
            scripts: 0,
        };
        if machine.answers.recv_timeout(PATIENCE).as_deref() != Ok("ready") {
            let said = std::fs::read_to_string(machine.stage.path().join("init.out"));
            panic!("the machine does not start: {}", said.expect("a file"));
        }
        machine
    }

    /// Runs a script of the shell to its end.
    ///
    /// # Panics
    /// When it does not end.
    pub fn run(&mut self, who: Who, text: &str) -> Ended {
        self.scripts += 1;
        let name = format!("script{}", self.scripts);
        let script = self.stage.path().join(&name);
        std::fs::write(&script, text).expect("a script");
        let who = match who {
            Who::Ada => "ada",
            Who::Root => "root",
        };
        let orders = self.orders.as_mut().expect("it runs");
        writeln!(orders, "{who} {name}").expect("an order");
        let answer = self.answers.recv_timeout(PATIENCE);
        let output = std::fs::read(out(&script)).unwrap_or_default();
        let output = String::from_utf8_lossy(&output).into_owned();
        let answer = answer.unwrap_or_else(|_| panic!("no end of\n{text}\nwhich said\n{output}"));
        Ended {
            success: answer == "ended 0",
            output,
        }
    }

    /// Writes a file as an administrator's editor does: one that is there keeps its
    /// owner and who may read it.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn write(&mut self, path: &str, text: &str) {
        let (path, who) = match path.strip_prefix("~/") {
            Some(name) => (format!("/home/ada/{name}"), Who::Ada),
            None => (path.to_owned(), Who::Root),
        };
        std::fs::write(self.stage.path().join("file"), text).expect("a file");
        let script = format!("mkdir -p \"$(dirname '{path}')\"\ncat /mnt/stage/file >'{path}'\n");
        let ended = self.run(who, &script);
        assert!(ended.success, "{path}: {}", ended.output);
    }

    /// Lays a cable from the first machine to the second one.
    ///
    /// # Panics
    /// When that fails.
    pub fn connect(&mut self, second: &mut Machine) {
        let other = second.first_process();
        self.ip(&format!(
            "link add second type veth peer name first netns {other}"
        ));
        self.ip("link set second up");
        second.ip("link set first up");
        let [(_, here), (_, there)] = MACHINES;
        self.ip(&format!("route add {there} dev second src {here}"));
        second.ip(&format!("route add {here} dev first src {there}"));
    }

    /// Calls `ip` in the network of this machine.
    fn ip(&self, words: &str) {
        let output = Command::new("nsenter")
            .arg(format!("--net={}", self.network().display()))
            .arg("ip")
            .args(words.split_whitespace())
            .output()
            .expect("nsenter");
        assert!(output.status.success(), "ip {words}: {output:?}");
    }

    /// Its network, to be entered.
    pub fn network(&self) -> PathBuf {
        format!("/proc/{}/ns/net", self.first_process()).into()
    }

    /// The first of its processes, as seen from here.
    fn first_process(&self) -> u32 {
        let unshare = self.process.id();
        let children = format!("/proc/{unshare}/task/{unshare}/children");
        let children = std::fs::read_to_string(children).expect("its children");
        let first = children.split_whitespace().next().expect("a child");
        first.parse().expect("a number")
    }

    /// The ends of the services' logs, for people.
    pub fn logs(&mut self) -> String {
        let script = "tail -n 25 /var/log/service-*.log /var/log/postgresql/*.log \
                      /var/log/rabbitmq/*.log 2>/dev/null";
        self.run(Who::Root, script).output
    }
}

fn out(script: &Path) -> PathBuf {
    script.with_extension("out")
}

impl Drop for Machine {
    fn drop(&mut self) {
        // Without orders its first process ends, and all the others with it.
        drop(self.orders.take());
        let _ = self.process.wait();
    }
}
