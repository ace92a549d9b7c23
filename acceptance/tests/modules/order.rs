//! The order of keys in what `mig-agent -m` writes: that of the original, which
//! programs that compare text rely on. What is stored is sorted.

use std::path::Path;

use serde_json::{Value, json};

use crate::setup::Machine;

fn keys(value: &Value) -> Vec<&str> {
    let members = value.as_object().expect("an object");
    members.keys().map(String::as_str).collect()
}

#[test]
fn keys_come_in_the_order_of_the_original() {
    let machine = Machine::new();
    let result = [
        "foundanything",
        "success",
        "elements",
        "statistics",
        "errors",
    ];
    let closed =
        json!({"destination": "127.0.0.1", "destinationport": 1, "protocol": "tcp", "count": 1});
    let document = machine.run("ping", &closed);
    assert_eq!(keys(&document), result);
    let wanted = ["latencies", "protocol", "resolvedhost", "failures"];
    assert_eq!(keys(&document["elements"]), wanted);

    let key =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins/sshkey/tests/data/keys/rsa.pub");
    let document = machine.run("sshkey", &json!({"paths": [key]}));
    let wanted = [
        "fingerprint_md5",
        "fingerprint_sha256",
        "path",
        "encrypted",
        "type",
    ];
    assert_eq!(keys(&document["elements"]["keys"][0]), wanted);

    // Nobody answers there.
    let drift = json!({"drift": "5s", "servers": ["127.0.0.1:1"]});
    let document = machine.run("timedrift", &drift);
    let wanted = ["hascheckeddrift", "iswithindrift", "localtime"];
    assert_eq!(keys(&document["elements"]), wanted);
    assert_eq!(keys(&document["statistics"]), ["exectime", "ntpstats"]);
    let wanted = ["host", "time", "latency", "drift", "reachable"];
    assert_eq!(keys(&document["statistics"]["ntpstats"][0]), wanted);

    let home = machine.directory();
    let search = json!({"searches": {"s": {"paths": [home], "names": ["cfg"]}}});
    let document = machine.run("file", &search);
    let wanted = ["file", "search", "fileinfo"];
    assert_eq!(keys(&document["elements"]["s"][0]), wanted);
    let wanted = ["filescount", "openfailed", "totalhits", "exectime"];
    assert_eq!(keys(&document["statistics"]), wanted);
}
