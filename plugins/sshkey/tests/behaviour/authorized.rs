//! `authorized_keys` and its like.

use crate::support::{Home, keys, known};
use serde_json::{Value, json};

fn kinds(document: &Value) -> Vec<String> {
    keys(document)
        .iter()
        .map(|key| key["type"].as_str().expect("a type").to_owned())
        .collect()
}

#[test]
fn every_key_that_may_log_in_is_an_entry() {
    let key = known();
    let text = format!(
        "# people\n\n{0}\n  {0}\n\t \nrestrict,command=\"echo \\\"hi there\\\"\" {0}\n#{0}\n\
         from=\"*.example.net\",no-pty {0} with a comment\n",
        key.line
    );
    for name in ["authorized_keys", ".ssh/authorized_keys2"] {
        let home = Home::of(name, &text);
        let document = home.search();
        assert_eq!(kinds(&document), ["authorizedkeys"; 4], "{name}");
        assert_eq!(
            document["errors"],
            Value::Null,
            "comments and blanks are no noise"
        );
        for entry in keys(&document) {
            assert_eq!(entry["fingerprint_md5"], key.md5);
            assert_eq!(entry["path"], home.text(name));
            assert_eq!(entry["encrypted"], false);
        }
    }
}

#[test]
fn files_whose_lines_all_start_with_options_are_found() {
    let key = known();
    let home = Home::of("authorized_keys", format!("no-pty {}\n", key.line));
    assert_eq!(kinds(&home.search()), ["authorizedkeys"]);
    // Under any other name, too, if they are options that sshd knows.
    let home = Home::of("keys.d/alice", format!("no-pty {}\n", key.line));
    assert_eq!(kinds(&home.search()), ["public"]);
}

#[test]
fn lines_that_cannot_be_read_are_one_error_per_file() {
    let key = known();
    let text = format!("garbage\n{}\nmore garbage\nssh-rsa AAAAcut\n", key.line);
    let home = Home::of("authorized_keys", &text);
    let document = home.search();
    assert_eq!(kinds(&document), ["authorizedkeys"]);
    let wanted = format!("{} contained unparsable data", home.text("authorized_keys"));
    assert_eq!(document["errors"], json!([wanted]));
    // Other files may hold anything.
    let home = Home::of("notes", &text);
    let document = home.search();
    assert_eq!(kinds(&document), ["public"]);
    assert_eq!(document["errors"], Value::Null);
}

#[test]
fn known_hosts_are_not_taken_for_keys_of_people() {
    let key = known();
    let text = format!(
        "host {0}\n192.0.2.7 {0}\n|1|aGFzaA==|aGFzaA== {0}\n[h]:22 {0}\n",
        key.line
    );
    let home = Home::of("known_hosts", text);
    assert_eq!(kinds(&home.search()), [""; 0]);
}
