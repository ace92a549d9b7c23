//! Users, virtual hosts and alarms of a running broker.

use std::io::Write;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{COOKIE, Ports, Rabbit};
use crate::{STARTING, printed};

impl Rabbit {
    /// A new virtual host in which `guest` may do everything.
    pub fn new_vhost(self: &Arc<Self>) -> VirtualHost {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let name = format!("mig{}", NEXT.fetch_add(1, Ordering::Relaxed));
        self.add_vhost(&name);
        self.set_permissions("guest", &name, [".*", ".*", ".*"]);
        VirtualHost {
            broker: Arc::clone(self),
            name,
        }
    }

    /// Adds a virtual host that nobody may use yet.
    pub fn add_vhost(&self, name: &str) {
        self.eval(&format!("ok = rabbit_vhost:add({}, {ACTOR})", binary(name)));
    }

    /// Adds a user without permissions.
    pub fn add_user(&self, name: &str, password: &str) {
        self.eval(&format!(
            "ok = rabbit_auth_backend_internal:add_user({}, {}, {ACTOR})",
            binary(name),
            binary(password)
        ));
    }

    /// Sets what a user may configure, write and read in a virtual host.
    pub fn set_permissions(&self, user: &str, vhost: &str, patterns: [&str; 3]) {
        let [configure, write, read] = patterns.map(binary);
        self.eval(&format!(
            "ok = rabbit_auth_backend_internal:set_permissions({}, {}, {configure}, {write}, {read}, {ACTOR})",
            binary(user),
            binary(vhost)
        ));
    }

    /// Evaluates an Erlang expression in the broker and returns its value as
    /// text; takes milliseconds where [`Rabbit::ctl`] takes half a second.
    ///
    /// # Panics
    /// When the evaluation fails.
    pub fn eval(&self, expression: &str) -> String {
        let mut answer = Err(String::new());
        mig_testkit::wait_until("an evaluation in the broker", STARTING, || {
            answer = self.call(self.running().ports, expression);
            // Nothing was evaluated: a busy node does not greet in time.
            !matches!(&answer, Err(why) if why.contains("failed to connect to node"))
        });
        answer.unwrap_or_else(|why| panic!("{expression}: {why}"))
    }

    /// Runs `rabbitmqctl` with these words and returns what it prints.
    ///
    /// # Panics
    /// When it fails.
    pub fn ctl(&self, words: &[&str]) -> String {
        let mut answer = Err(String::new());
        mig_testkit::wait_until("rabbitmqctl reaches the broker", STARTING, || {
            let mut command = self.command(self.programs.join("rabbitmqctl"));
            answer = printed(command.arg("--quiet").args(words));
            // As above, in its words.
            !matches!(&answer, Err(why) if why.contains("unable to perform an operation on node"))
        });
        answer.unwrap_or_else(|error| panic!("{error}"))
    }

    /// Raises (true) or ends the alarm for memory, at which publishers are held
    /// up. Only for an instance of one's own.
    pub fn memory_alarm(&self, raised: bool) {
        let fraction = if raised { "0.0000001" } else { "0.6" };
        self.eval(&format!(
            "vm_memory_monitor:set_vm_memory_high_watermark({fraction})"
        ));
        mig_testkit::wait_until("the alarm changes", STARTING, || {
            (self.eval("rabbit_alarm:get_alarms()") != "[]") == raised
        });
    }

    /// Ends every connection, as a restarting load balancer would.
    ///
    /// # Panics
    /// When there was none to end.
    pub fn close_connections(&self) {
        // Some end by themselves meanwhile.
        let closed = self.eval(
            "length([C || C <- rabbit_networking:connections(), \
             (catch rabbit_networking:close_connection(C, \"closed by a test\")) =:= ok])",
        );
        assert_ne!(closed, "0", "no connection was closed");
    }

    /// An evaluation; what it answers instead when it fails.
    pub(super) fn call(&self, ports: Ports, expression: &str) -> Result<String, String> {
        let failed = |error: std::io::Error| format!("erl_call: {error}");
        let mut call = self.command_with("/usr/bin/erl_call".into(), ports);
        let mut child = call
            .args(["-sname", &self.node, "-c", COOKIE, "-e"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        let mut input = child.stdin.take().expect("piped");
        // It may have ended without reading; its answer says why.
        let _ = writeln!(input, "{expression}.");
        drop(input);
        let output = child.wait_with_output().map_err(failed)?;
        let answer = String::from_utf8_lossy(&output.stdout);
        answer
            .strip_prefix("{ok, ")
            .and_then(|rest| rest.trim_end().strip_suffix('}'))
            .map(str::to_owned)
            .ok_or_else(|| format!("{answer}{}", String::from_utf8_lossy(&output.stderr)))
    }
}

/// A virtual host that exists as long as this value.
pub struct VirtualHost {
    broker: Arc<Rabbit>,
    name: String,
}

impl VirtualHost {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its broker.
    pub fn broker(&self) -> &Arc<Rabbit> {
        &self.broker
    }
}

impl Drop for VirtualHost {
    fn drop(&mut self) {
        // A panic here would hide the one of the test.
        if !std::thread::panicking() {
            let name = binary(&self.name);
            self.broker
                .eval(&format!("rabbit_vhost:delete({name}, {ACTOR})"));
        }
    }
}

/// Who does it, for the broker's log.
const ACTOR: &str = "<<\"test\">>";

/// Text as an Erlang binary.
fn binary(text: &str) -> String {
    let bytes: Vec<String> = text.bytes().map(|byte| byte.to_string()).collect();
    format!("<<{}>>", bytes.join(","))
}
