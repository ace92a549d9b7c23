//! The file with accounts of single agents, of further workers, and of further virtual
//! hosts, one a line:
//!
//! ```text
//! # name             what it is           password, unless a certificate lets it in
//! web1.example.org   agent linux.3k9…
//! old.example.org    agent linux.p2c…     pbkdf2-sha256$…
//! siem               worker               pbkdf2-sha256$…
//! tickets            vhost tickets        pbkdf2-sha256$…
//! ```
//!
//! Such an agent may use its own queue and no other. The account of a further virtual
//! host may do everything there, and does not get into the main one.

use crate::error::RelayError;
use crate::password::Password;
use crate::vhost::{VhostId, Vhosts};
use std::collections::HashMap;
use std::path::Path;

/// Longest name of a queue.
const LONGEST_QUEUE: usize = 255;

/// Who an account of the file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Role {
    /// The agent with this queue.
    Agent(Box<str>),
    Worker,
    /// Whoever has this virtual host, which is not the main one.
    Vhost(VhostId),
}

/// What the rest of the configuration says, and the file has to fit.
#[derive(Debug, Clone)]
pub(crate) struct Surroundings {
    /// Names of accounts that the configuration gives to others.
    pub taken: Vec<String>,
    /// Without them everybody needs a password.
    pub certificates: bool,
    pub vhosts: Vhosts,
}

#[derive(Debug)]
pub(crate) struct Entry {
    pub role: Role,
    pub password: Password,
}

/// The accounts by their names.
#[derive(Debug, Default)]
pub(crate) struct Roster(pub HashMap<String, Entry>);

impl Roster {
    /// Reads the file.
    ///
    /// # Errors
    /// Names the line and what to write there.
    pub fn read(path: &Path, around: &Surroundings) -> Result<Self, RelayError> {
        let text = std::fs::read_to_string(path).map_err(|source| RelayError::ReadFile {
            path: path.to_owned(),
            source,
        })?;
        let mut roster = Self::default();
        for (number, line) in (1..).zip(text.lines()) {
            let words: Vec<&str> = line.split_whitespace().collect();
            if words.first().is_none_or(|word| word.starts_with('#')) {
                continue;
            }
            let wrong = |problem: String| RelayError::Roster {
                path: path.to_owned(),
                line: number,
                problem,
            };
            let (name, entry) = entry(&words, &around.vhosts).map_err(wrong)?;
            if matches!(entry.password, Password::None) && !around.certificates {
                return Err(wrong(format!(
                    "`{name}` has no password, and certificates let nobody in; add one, or turn \
                     `external` on"
                )));
            }
            if around.taken.iter().any(|other| other == name) {
                return Err(wrong(format!(
                    "`{name}` is an account of the configuration file; choose another name"
                )));
            }
            if roster.0.insert(name.to_owned(), entry).is_some() {
                return Err(wrong(format!("`{name}` is there twice; keep one")));
            }
        }
        Ok(roster)
    }

    pub fn has_workers(&self) -> bool {
        self.0.values().any(|entry| entry.role == Role::Worker)
    }
}

fn entry<'a>(words: &[&'a str], vhosts: &Vhosts) -> Result<(&'a str, Entry), String> {
    let (name, role, rest) = match words {
        [name, "agent", queueloc, rest @ ..] => (*name, Role::Agent(queue(queueloc)?), rest),
        [name, "vhost", vhost, rest @ ..] => (*name, Role::Vhost(further(vhost, vhosts)?), rest),
        [name, "worker", rest @ ..] => (*name, Role::Worker, rest),
        _ => {
            return Err(
                "is none of `NAME agent QUEUELOC`, `NAME worker`, `NAME vhost VHOST`".to_owned(),
            );
        }
    };
    let password = match rest {
        [] => Password::None,
        [password] => Password::parse(password).map_err(|error| error.to_string())?,
        _ => return Err("has words after the password; passwords here have no spaces".to_owned()),
    };
    Ok((name, Entry { role, password }))
}

/// The queue of an agent, which none of the schedulers' may be.
fn queue(queueloc: &str) -> Result<Box<str>, String> {
    let queue = crate::topology::agent_queue(queueloc);
    let of_an_agent = queueloc
        .split_once('.')
        .is_some_and(|(system, identity)| !system.is_empty() && !identity.is_empty());
    if !of_an_agent || queueloc.starts_with("mig.agt.") || queue.len() > LONGEST_QUEUE {
        return Err(format!(
            "`{queueloc}` is no queueloc; write system and identity, such as linux.3k9…"
        ));
    }
    Ok(queue.into())
}

/// One of the virtual hosts beside the main one.
fn further(name: &str, vhosts: &Vhosts) -> Result<VhostId, String> {
    let Some(vhost) = vhosts.find(name) else {
        return Err(format!(
            "there is no virtual host `{name}`; add it to `vhosts` of the configuration file"
        ));
    };
    if vhost.id == VhostId::MAIN {
        return Err(format!(
            "`{name}` is the main virtual host, which nobody has to himself; name another"
        ));
    }
    Ok(vhost.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn around(certificates: bool) -> Surroundings {
        Surroundings {
            taken: vec!["scheduler".to_owned()],
            certificates,
            vhosts: Vhosts::new("mig", &["tickets".to_owned()]),
        }
    }

    fn read(text: &str, certificates: bool) -> Result<Roster, String> {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("accounts");
        std::fs::write(&path, text).expect("written");
        Roster::read(&path, &around(certificates)).map_err(|error| error.to_string())
    }

    #[test]
    fn accounts_are_read_with_and_without_passwords() {
        let text = "# who\n\n web1.example.org  agent linux.3k9\nold agent windows.x secret\n\
                    siem\tworker\n  # nobody\ntickets vhost tickets secret\n";
        let roster = read(text, true).expect("a good file");
        assert_eq!(roster.0.len(), 4);
        assert!(roster.has_workers());
        let web1 = &roster.0["web1.example.org"];
        assert_eq!(web1.role, Role::Agent("mig.agt.linux.3k9".into()));
        assert!(matches!(web1.password, Password::None));
        assert_eq!(roster.0["tickets"].role, Role::Vhost(VhostId(1)));
        let old = &roster.0["old"];
        assert!(matches!(&old.password, Password::Plain(word) if word == "secret"));
        assert!(!read("", false).expect("nobody").has_workers());
    }

    #[test]
    fn each_mistake_is_named_with_its_line() {
        for (text, said) in [
            (
                "a agent linux.x\nb agent linux.y",
                "line 1: `a` has no password",
            ),
            ("\na agent results x", "line 2: `results` is no queueloc"),
            (
                "a agent mig.agt.linux.x x",
                "line 1: `mig.agt.linux.x` is no",
            ),
            ("a agent linux. x", "line 1: `linux.` is no queueloc"),
            ("a agent", "line 1: is none of"),
            ("a admin x", "line 1: is none of"),
            ("a vhost x y", "line 1: there is no virtual host `x`"),
            ("a vhost mig y", "line 1: `mig` is the main"),
            ("a vhost tickets", "line 1: `a` has no password"),
            ("a worker x y", "line 1: has words after"),
            (
                "a worker pbkdf2-sha256$x",
                "line 1: `pbkdf2-sha256$…` is not",
            ),
            ("a worker x\na worker y", "line 2: `a` is there twice"),
            ("scheduler worker x", "line 1: `scheduler` is an account of"),
        ] {
            let error = read(text, false).expect_err(text);
            assert!(error.contains(said) && !error.contains('\n'), "{error}");
        }
        let missing = Roster::read(Path::new("/nonexistent/accounts"), &around(true));
        let error = missing.expect_err("no file").to_string();
        assert!(
            error.starts_with("cannot read /nonexistent/accounts"),
            "{error}"
        );
    }
}
