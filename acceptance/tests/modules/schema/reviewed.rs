//! The texts that leave a machine in extra privacy mode as they are, and why
//! each of them may. A new open text in a manifest needs a line here, and with
//! it a decision.

/// By module: the place in its result, and the reason.
pub const OPEN_TEXTS: [(&str, &[(&str, &str)]); 10] = [
    ("agentdestroy", &[]),
    ("example", &[("elements.lookeduphost.{}", ASKED)]),
    (
        "file",
        &[
            ("elements.{}", LABEL),
            ("elements.*[].search.description", ASKED),
            ("elements.*[].search.contents[]", ASKED),
            ("elements.*[].search.names[]", ASKED),
            ("elements.*[].search.sizes[]", ASKED),
            ("elements.*[].search.modes[]", ASKED),
            ("elements.*[].search.mtimes[]", ASKED),
            ("elements.*[].search.md5[]", ASKED),
            ("elements.*[].search.sha1[]", ASKED),
            ("elements.*[].search.sha2[]", ASKED),
            ("elements.*[].search.sha3[]", ASKED),
            ("elements.*[].search.options.mismatch[]", ASKED),
            ("elements.*[].search.options.debug", ASKED),
            ("elements.*[].fileinfo.mode", "type and permissions"),
            ("elements.*[].fileinfo.lastmodified", TIME),
            ("elements.*[].fileinfo.sha256", HASH),
            ("statistics.exectime", TIME),
        ],
    ),
    ("memory", &[]),
    ("netstat", &[]),
    ("ping", &[("elements.protocol", ASKED)]),
    ("pkg", &[]),
    ("scribe", &[]),
    ("sshkey", &[]),
    ("timedrift", &[]),
];

const ASKED: &str = "the investigator wrote it into the question";
const LABEL: &str = "the investigator's own label for a part of the question";
const TIME: &str = "a time or a duration";
const HASH: &str = "a hash tells whoever knows the content, as the original's does";
