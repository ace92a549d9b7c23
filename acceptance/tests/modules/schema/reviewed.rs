//! The texts that leave a machine in extra privacy mode as they are, and why
//! each of them may. A new open text in a manifest needs a line here, and with
//! it a decision.

/// By module: the place in its result, and the reason.
pub const OPEN_TEXTS: [(&str, &[(&str, &str)]); 14] = [
    ("agentdestroy", &[]),
    ("audit", &[]),
    ("dispatch", &[]),
    ("example", &[("elements.lookeduphost.{}", ASKED)]),
    ("examplepersist", &[("elements.string", ASKED)]),
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
    ("fswatch", &[]),
    (
        "memory",
        &[
            ("elements.{}", LABEL),
            ("elements.*[].search.description", ASKED),
            ("elements.*[].search.names[]", ASKED),
            ("elements.*[].search.libraries[]", ASKED),
            ("elements.*[].search.bytes[]", ASKED),
            ("elements.*[].search.contents[]", ASKED),
            ("statistics.exectime", TIME),
        ],
    ),
    (
        "netstat",
        &[
            ("elements.localmac.{}", ASKED),
            ("elements.localmac.*[].namespace", NAMESPACE),
            ("elements.localip.{}", ASKED),
            ("elements.localip.*[].localaddr", OWN),
            ("elements.localip.*[].namespace", NAMESPACE),
            ("elements.neighbormac.{}", ASKED),
            ("elements.neighbormac.*[].namespace", NAMESPACE),
            ("elements.neighborip.{}", ASKED),
            ("elements.neighborip.*[].namespace", NAMESPACE),
            ("elements.connectedip.{}", ASKED),
            ("elements.connectedip.*[].localaddr", OWN),
            ("elements.connectedip.*[].namespace", NAMESPACE),
            ("elements.listeningport.{}", ASKED),
            ("elements.listeningport.*[].localaddr", OWN),
            ("elements.listeningport.*[].namespace", NAMESPACE),
            ("statistics.exectime", TIME),
        ],
    ),
    ("ping", &[("elements.protocol", ASKED)]),
    ("pkg", &[("statistics.execruntime", TIME)]),
    (
        "scribe",
        &[
            ("elements.results[].testid", LABEL),
            ("elements.results[].name", ASKED),
            ("elements.results[].description", ASKED),
            ("elements.results[].error", DOCUMENTS_WORDS),
            ("elements.results[].tags[].key", ASKED),
            ("elements.results[].tags[].value", ASKED),
            ("statistics.execruntime", TIME),
        ],
    ),
    ("sshkey", &[]),
    (
        "timedrift",
        &[
            ("elements.localtime", TIME),
            ("statistics.exectime", TIME),
            ("statistics.ntpstats[].time", TIME),
            ("statistics.ntpstats[].latency", TIME),
            ("statistics.ntpstats[].drift", TIME),
        ],
    ),
];

// As in the original. Masked, every entry without an error would seem to have
// one: its text is empty.
const DOCUMENTS_WORDS: &str = "made of the document's words and constants only, which \
    `mig-module-scribe::errors_of_tests_carry_nothing_of_the_host` shows";
const ASKED: &str = "the investigator wrote it into the question";
const LABEL: &str = "the investigator's own label for a part of the question";
const OWN: &str = "the machine's own address, which every heartbeat of its agent tells";
const NAMESPACE: &str = "a number that the kernel gave, or the word default";
const TIME: &str = "a time or a duration";
const HASH: &str = "a hash tells whoever knows the content, as the original's does";
