//! The keys of both files: all of the original's, and ours.

use mig_config::{Key, Kind, LOGGING, Section, key};

const POSTGRES: &[Key] = &[
    key("host", Kind::Text),
    key("port", Kind::Integer),
    key("dbname", Kind::Text),
    key("user", Kind::Text),
    key("password", Kind::Text),
    key("sslmode", Kind::Text),
    key("maxconn", Kind::Integer),
    // Ours.
    key("ca", Kind::Path),
];

/// `scheduler.cfg`.
pub const SCHEDULER: &[Section] = &[
    Section {
        name: "agent",
        keys: &[
            key("timeout", Kind::Duration),
            key("heartbeatfreq", Kind::Duration),
            key("whitelist", Kind::Path),
            key("detectmultiagents", Kind::Bool),
            key("killdupagents", Kind::Bool),
            key("logactions", Kind::Bool),
            // Ours.
            key("killkey", Kind::Path),
        ],
    },
    Section {
        name: "collector",
        keys: &[key("freq", Kind::Duration)],
    },
    Section {
        name: "periodic",
        keys: &[
            key("freq", Kind::Duration),
            key("deleteafter", Kind::Duration),
            key("queuescleanupfreq", Kind::Duration),
            // Ours.
            key("retention", Kind::Duration),
            key("takeover", Kind::Duration),
        ],
    },
    Section {
        name: "directories",
        keys: &[key("spool", Kind::Path), key("tmp", Kind::Path)],
    },
    Section {
        name: "postgres",
        keys: POSTGRES,
    },
    Section {
        name: "mq",
        keys: &[
            key("host", Kind::Text),
            key("port", Kind::Integer),
            key("user", Kind::Text),
            key("pass", Kind::Text),
            key("vhost", Kind::Text),
            key("usetls", Kind::Bool),
            key("cacert", Kind::Path),
            key("tlscert", Kind::Path),
            key("tlskey", Kind::Path),
            key("timeout", Kind::Duration),
            // Ours.
            key("queues", Kind::Text),
            key("events", Kind::Bool),
        ],
    },
    LOGGING,
    Section {
        name: "debug",
        keys: &[key("heartbeats", Kind::Bool)],
    },
];

/// `api.cfg`.
pub const API: &[Section] = &[
    Section {
        name: "authentication",
        keys: &[
            key("enabled", Kind::Bool),
            key("tokenduration", Kind::Duration),
        ],
    },
    Section {
        name: "manifest",
        keys: &[key("requiredsignatures", Kind::Integer)],
    },
    Section {
        name: "server",
        keys: &[
            key("ip", Kind::Text),
            key("port", Kind::Integer),
            key("host", Kind::Text),
            key("baseroute", Kind::Text),
            key("clientpublicip", Kind::Text),
            // Ours.
            key("cert", Kind::Path),
            key("key", Kind::Path),
            key("connections", Kind::Integer),
        ],
    },
    // Ours.
    Section {
        name: "agent",
        keys: &[
            key("whitelist", Kind::Path),
            key("httpheartbeats", Kind::Bool),
        ],
    },
    Section {
        name: "postgres",
        keys: POSTGRES,
    },
    LOGGING,
];
