//! The `audit` module: it takes the place of the audit daemon, loads rules into
//! the kernel, and turns each event into an alert. Where another daemon has the
//! place it listens beside it.
//!
//! | Folder | Knows |
//! |---|---|
//! | `rules` | the rule file, and the kernel's form of a rule |
//! | `netlink` | messages to and from the audit subsystem |
//! | `control` | settings, rules, and giving everything back as it was |
//! | `events` | from records to events: reassembly, names for numbers |
//! | `sys` | sockets |

mod configuration;
mod control;
mod events;
mod module;
mod netlink;
#[doc(hidden)]
pub mod probe;
mod rules;
mod sys;
mod watching;

pub use configuration::Configuration;
pub use module::{AuditModule, Parameters};

mig_plugin_sdk::declare_plugin!(persistent AuditModule);

/// Entries for the fuzz targets of rule files and of what the kernel sends.
#[doc(hidden)]
pub mod fuzzing {
    pub use crate::events::fuzzing::audit_records;
    use crate::netlink::message::Message;
    use crate::rules::kernel::KernelRule;
    use crate::rules::{self, Names};

    /// Reads bytes as a rule file; what is compiled must read back as what it
    /// is.
    pub fn rules(data: &[u8]) {
        let Ok(text) = std::str::from_utf8(data) else {
            return;
        };
        for (_, rule) in rules::compile(text, &Names::default())
            .map(|compiled| compiled.rules)
            .unwrap_or_default()
        {
            assert_eq!(KernelRule::from_bytes(&rule.to_bytes()), Some(rule));
        }
    }

    /// Reads bytes as a message and as a rule of the kernel.
    pub fn messages(data: &[u8]) {
        let _any = Message::read(data).map(|message| message.error());
        let _any = KernelRule::from_bytes(data);
    }
}
