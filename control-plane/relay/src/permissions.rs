//! Permission patterns in RabbitMQ's form: one regular expression for each of
//! configure, write and read, searched for in the name of the exchange or queue
//! and anchored only where the pattern says so.

use crate::error::RelayError;
use crate::topology;
use regex::Regex;

/// The patterns of an account as written in the configuration. `{user}` stands
/// for the account's name, taken literally. An empty pattern allows nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PermissionPatterns {
    /// Declaring and deleting.
    pub configure: String,
    /// Publishing to an exchange, binding a queue.
    pub write: String,
    /// Consuming from a queue, binding to an exchange.
    pub read: String,
}

impl PermissionPatterns {
    /// Everything is allowed.
    pub fn all() -> Self {
        let all = || String::from(".*");
        Self {
            configure: all(),
            write: all(),
            read: all(),
        }
    }
}

/// What an operation needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    Configure,
    Write,
    Read,
}

impl Access {
    pub fn name(self) -> &'static str {
        match self {
            Self::Configure => "configure",
            Self::Write => "write",
            Self::Read => "read",
        }
    }
}

/// What one account may do.
#[derive(Debug)]
pub(crate) enum Permissions {
    /// Its compiled patterns.
    Patterns(Box<Compiled>),
    /// What an agent does with a queue of its own. Three patterns for each of
    /// thousands of agents would take far more memory than their connections.
    Agent(Box<str>),
}

/// Searched for in names.
#[derive(Debug)]
pub(crate) struct Compiled {
    configure: Option<Regex>,
    write: Option<Regex>,
    read: Option<Regex>,
}

impl Permissions {
    /// # Errors
    /// Names the account and the pattern that is not a regular expression.
    pub fn compile(user: &str, patterns: &PermissionPatterns) -> Result<Self, RelayError> {
        let one = |access: Access, pattern: &str| {
            if pattern.is_empty() {
                return Ok(None);
            }
            Regex::new(&pattern.replace("{user}", &regex::escape(user)))
                .map(Some)
                .map_err(|source| RelayError::Pattern {
                    user: user.into(),
                    access: access.name(),
                    pattern: pattern.into(),
                    source: Box::new(source),
                })
        };
        Ok(Self::Patterns(Box::new(Compiled {
            configure: one(Access::Configure, &patterns.configure)?,
            write: one(Access::Write, &patterns.write)?,
            read: one(Access::Read, &patterns.read)?,
        })))
    }

    /// Whether `name` may be accessed.
    pub fn allow(&self, access: Access, name: &str) -> bool {
        let patterns = match self {
            Self::Patterns(patterns) => patterns,
            Self::Agent(queue) => {
                let exchange = match access {
                    Access::Configure => None,
                    Access::Write => Some(topology::TO_SCHEDULERS),
                    Access::Read => Some(topology::TO_AGENTS),
                };
                return name == &**queue || exchange == Some(name);
            }
        };
        let pattern = match access {
            Access::Configure => &patterns.configure,
            Access::Write => &patterns.write,
            Access::Read => &patterns.read,
        };
        pattern
            .as_ref()
            .is_some_and(|pattern| pattern.is_match(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Access::{Configure, Read, Write};

    fn compile(user: &str, patterns: &PermissionPatterns) -> Permissions {
        Permissions::compile(user, patterns).expect("valid patterns")
    }

    #[test]
    fn agents_and_schedulers_may_do_exactly_their_part() {
        let agent = compile("agent", &topology::agent_permissions());
        let scheduler = compile("scheduler", &topology::scheduler_permissions());
        let table = [
            // access, name, agent, scheduler
            (Configure, "mig.agt.linux.host.x", true, true),
            (Configure, "mig.agt.freebsd.x", true, true),
            (Configure, "mig.agt.results", false, true),
            (Configure, "mig.agt.results.", false, true),
            (Configure, "mig.agt..results", false, true),
            (Configure, "toagents", false, true),
            (Configure, "toschedulers", false, true),
            (Configure, "mig.agtx", false, false),
            (Write, "toschedulers", true, false),
            (Write, "toagents", false, true),
            (Write, "amq.default", false, false),
            (Write, "mig.agt.linux.host.x", true, false),
            (Write, "mig.agt.results", false, true),
            (Read, "toagents", true, true),
            (Read, "toschedulers", false, true),
            (Read, "mig.agt.heartbeats", false, true),
            (Read, "mig.agt.results", false, true),
            (Read, "mig.agt.linux.host.x", true, false),
        ];
        for (access, name, for_agent, for_scheduler) in table {
            assert_eq!(
                agent.allow(access, name),
                for_agent,
                "agent {access:?} {name}"
            );
            assert_eq!(
                scheduler.allow(access, name),
                for_scheduler,
                "scheduler {access:?} {name}"
            );
        }
    }

    #[test]
    fn an_agent_with_a_queue_of_its_own_has_what_patterns_for_it_would_give() {
        let patterns = PermissionPatterns {
            configure: r"^mig\.agt\.{user}$".into(),
            write: r"^(toschedulers|mig\.agt\.{user})$".into(),
            read: r"^(toagents|mig\.agt\.{user})$".into(),
        };
        let expected = compile("linux.one", &patterns);
        let own = Permissions::Agent(topology::agent_queue("linux.one").into());
        for name in [
            "mig.agt.linux.one",
            "mig.agt.linux.two",
            "mig.agt.results",
            "toagents",
            "toschedulers",
            "toworkers",
            "amq.default",
        ] {
            for access in [Configure, Write, Read] {
                let allowed = own.allow(access, name);
                assert_eq!(allowed, expected.allow(access, name), "{access:?} {name}");
            }
        }
    }

    #[test]
    fn patterns_are_anchored_only_where_they_say_so() {
        let patterns = PermissionPatterns {
            configure: "log".into(),
            write: "^log".into(),
            read: String::new(),
        };
        let user = compile("u", &patterns);
        assert!(user.allow(Configure, "my-log-1"));
        assert!(!user.allow(Write, "my-log-1"));
        assert!(user.allow(Write, "log-1"));
        assert!(!user.allow(Read, ""));
    }

    #[test]
    fn the_user_hook_is_taken_literally() {
        let patterns = PermissionPatterns {
            configure: r"^mig\.agt\.{user}$".into(),
            ..PermissionPatterns::default()
        };
        let user = compile("a.b", &patterns);
        assert!(user.allow(Configure, "mig.agt.a.b"));
        assert!(!user.allow(Configure, "mig.agt.axb"));
    }

    #[test]
    fn a_broken_pattern_is_named() {
        let patterns = PermissionPatterns {
            write: "(".into(),
            ..PermissionPatterns::default()
        };
        let error = Permissions::compile("agent", &patterns).expect_err("a broken pattern");
        assert_eq!(
            error.to_string(),
            "the write pattern `(` of relay user `agent` is not a regular expression"
        );
    }
}
