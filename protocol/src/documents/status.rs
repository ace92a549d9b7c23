//! The words that say where an action, a command or an agent stands.

/// Declares a set of words. A word from a newer or older peer is kept as
/// `Other`, so that it can be shown; the empty word is "not set".
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$word_doc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$word_doc])* $variant,)+
            /// A word this version does not know, kept as it came; empty when
            /// not set.
            Other(String),
        }

        impl $name {
            /// The word as the wire has it.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $word,)+
                    Self::Other(word) => word,
                }
            }

            /// True when not set.
            pub fn is_empty(&self) -> bool {
                self.as_str().is_empty()
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::Other(String::new())
            }
        }

        impl From<&str> for $name {
            fn from(word: &str) -> Self {
                match word {
                    $($word => Self::$variant,)+
                    other => Self::Other(other.to_owned()),
                }
            }
        }

        impl From<String> for $name {
            fn from(word: String) -> Self {
                Self::from(word.as_str())
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl PartialEq<&str> for $name {
            fn eq(&self, word: &&str) -> bool {
                self.as_str() == *word
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Ok(Self::from(String::deserialize(deserializer)?))
            }
        }
    };
}

words! {
    /// Where an action stands.
    ActionStatus {
        /// Accepted by the API, waiting for the scheduler.
        Pending = "pending",
        /// Claimed by a scheduler.
        Scheduled = "scheduled",
        /// Targets are being resolved and commands created.
        Preparing = "preparing",
        /// At least one command was handed to the relay.
        Inflight = "inflight",
        /// Every command reached a terminal status.
        Completed = "completed",
        /// Expired before scheduling, or matched no agent.
        Invalid = "invalid",
    }
}

impl ActionStatus {
    /// True while more may happen to the action.
    pub fn is_running(&self) -> bool {
        matches!(
            self,
            Self::Pending | Self::Scheduled | Self::Preparing | Self::Inflight
        )
    }
}

words! {
    /// Where a command stands.
    CommandStatus {
        /// Created by the scheduler; no answer yet.
        Sent = "sent",
        /// Every module ended normally and printed a valid result.
        Success = "success",
        /// Refused by the agent, or a module could not run.
        Failed = "failed",
        /// A module was killed at its time limit.
        Timeout = "timeout",
        /// No answer before the action's expiry.
        Expired = "expired",
        /// Defined and counted; the original never assigns it.
        Cancelled = "cancelled",
    }
}

impl CommandStatus {
    /// True when no further answer is expected.
    pub fn is_terminal(&self) -> bool {
        matches!(
            self,
            Self::Success | Self::Failed | Self::Timeout | Self::Expired | Self::Cancelled
        )
    }
}

words! {
    /// Whether an investigator may sign and log in.
    InvestigatorStatus {
        /// May.
        Active = "active",
        /// May not.
        Disabled = "disabled",
    }
}

words! {
    /// Where an agent's row stands in the database.
    AgentStatus {
        /// Heartbeats arrive.
        Online = "online",
        /// Heartbeats are late.
        Idle = "idle",
        /// Heartbeats stopped, or the row was superseded.
        Offline = "offline",
        /// A kill order was issued.
        Destroyed = "destroyed",
        /// Historic.
        Upgraded = "upgraded",
    }
}

words! {
    /// How an agent runs.
    AgentMode {
        /// Permanently.
        Daemon = "daemon",
        /// Started from time to time to fetch its commands.
        Checkin = "checkin",
    }
}
