//! The keys of the configuration file.

use mig_config::{Kind, LOGGING, Section, key};

/// All sections. Names that the original's API and scheduler files have mean the
/// same here.
pub const SECTIONS: &[Section] = &[
    Section {
        name: "server",
        keys: &[
            key("ip", Kind::Text),
            key("port", Kind::Integer),
            key("host", Kind::Text),
            key("baseroute", Kind::Text),
            key("clientpublicip", Kind::Text),
            key("cert", Kind::Path),
            key("key", Kind::Path),
            key("connections", Kind::Integer),
        ],
    },
    Section {
        name: "authentication",
        keys: &[
            key("enabled", Kind::Bool),
            key("tokenduration", Kind::Duration),
        ],
    },
    Section {
        name: "relay",
        keys: &[
            key("listen", Kind::List),
            key("listenplain", Kind::List),
            key("cert", Kind::Path),
            key("key", Kind::Path),
            key("ca", Kind::Path),
            key("crl", Kind::Path),
            key("vhost", Kind::Text),
            key("vhosts", Kind::List),
            key("agentuser", Kind::Text),
            key("agentpassword", Kind::Text),
            key("workeruser", Kind::Text),
            key("workerpassword", Kind::Text),
            key("external", Kind::Text),
            key("accounts", Kind::Path),
            key("connections", Kind::Integer),
            key("connectionsperaddress", Kind::Integer),
            key("diskfreelimit", Kind::Integer),
            key("database", Kind::Path),
        ],
    },
    Section {
        name: "database",
        keys: &[key("path", Kind::Path), key("retention", Kind::Duration)],
    },
    Section {
        name: "agent",
        keys: &[
            key("timeout", Kind::Duration),
            key("heartbeatfreq", Kind::Duration),
            key("whitelist", Kind::Path),
            key("httpheartbeats", Kind::Bool),
            key("detectmultiagents", Kind::Bool),
            key("killdupagents", Kind::Bool),
            key("killkey", Kind::Path),
        ],
    },
    Section {
        name: "periodic",
        keys: &[
            key("freq", Kind::Duration),
            key("queuescleanupfreq", Kind::Duration),
        ],
    },
    LOGGING,
];
