//! Programs in namespaces of their own, as `unshare` makes them: for root right
//! away, for an ordinary user within a user namespace where that is allowed.

use std::process::{Command, Stdio};

/// The same call, but in new namespaces of these kinds (`--net`, `--mount`) and
/// after a piece of shell script has set them up. `None` when this system does
/// not allow it.
pub fn apart(kinds: &[&str], setup: &str, call: &Command) -> Option<Command> {
    let unshare = || {
        let mut unshare = Command::new("unshare");
        if !mig_testkit::is_root() {
            unshare.arg("--map-root-user");
        }
        unshare.args(kinds);
        unshare
    };
    let allowed = unshare()
        .arg("true")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !allowed {
        return None;
    }
    let mut apart = unshare();
    apart
        .args(["sh", "-c", &format!("set -e\n{setup}\nexec \"$@\""), "sh"])
        .arg(call.get_program())
        .args(call.get_args());
    for (name, value) in call.get_envs() {
        match value {
            Some(value) => apart.env(name, value),
            None => apart.env_remove(name),
        };
    }
    Some(apart)
}
