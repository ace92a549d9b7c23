//! The command line.

use mig_module_ping::PingModule;
use mig_plugin_sdk::abi::code;
use mig_plugin_sdk::testing::FakeHost;
use serde_json::{Value, json};

fn parameters(words: &[&str]) -> String {
    let answer = FakeHost::new().options::<PingModule>(words);
    answer.expect_result()["parameters"].to_string()
}

#[test]
fn a_command_line_becomes_the_original_parameters_to_the_byte() {
    let cases: &[(&[&str], &str)] = &[
        (
            &["-d", "192.0.2.7"],
            r#"{"destination":"192.0.2.7","destinationport":-1,"protocol":"icmp","count":3,"timeout":5}"#,
        ),
        (
            &["-t", "2"],
            r#"{"destination":"www.google.com","destinationport":-1,"protocol":"icmp","count":3,"timeout":2}"#,
        ),
        (
            &["-d", "h.example", "-dp", "53", "-p", "udp"],
            r#"{"destination":"h.example","destinationport":53,"protocol":"udp","count":3,"timeout":5}"#,
        ),
        (
            &["--d=::1", "-p=tcp", "-dp=443", "-c=10", "-t=1.5"],
            r#"{"destination":"::1","destinationport":443,"protocol":"tcp","count":10,"timeout":1.5}"#,
        ),
        // A port that is left out is the promised one.
        (
            &["-d", "h.example", "-p", "tcp"],
            r#"{"destination":"h.example","destinationport":80,"protocol":"tcp","count":3,"timeout":5}"#,
        ),
        // Zero is the default and left out.
        (
            &["-d", "h", "-p", "tcp", "-dp", "0", "-c", "0", "-t", "0"],
            r#"{"destination":"h","protocol":"tcp"}"#,
        ),
        // The last value counts.
        (
            &["-d", "a", "-d", "b", "-c", "1", "-c", "2"],
            r#"{"destination":"b","destinationport":-1,"protocol":"icmp","count":2,"timeout":5}"#,
        ),
    ];
    for (words, wanted) in cases {
        assert_eq!(parameters(words), *wanted, "{words:?}");
    }
}

#[test]
fn a_console_starts_from_nothing() {
    let words = ["-d", "h", "-p", "icmp"];
    for defaults in ["console", "json"] {
        let input = json!({"words": words, "defaults": defaults});
        let answer = FakeHost::new().operation::<PingModule>("options", input);
        assert_eq!(
            answer.expect_result()["parameters"],
            json!({"destination": "h", "protocol": "icmp"})
        );
    }
}

#[test]
fn help_explains_the_letters_that_mig_takes_for_itself() {
    for words in [&[][..], &["help"], &["-h"], &["-d", "h", "-help"]] {
        let answer = FakeHost::new().options::<PingModule>(words);
        let help = answer.expect_result()["help"].as_str().unwrap_or_default();
        for part in [
            "ex: -d www.example.net",
            "-p, -c and -t are options of mig too",
        ] {
            assert!(help.contains(part), "{words:?}: {help}");
        }
    }
}

#[test]
fn mistakes_are_named() {
    let cases: &[(&[&str], &str)] = &[
        (&["-x"], "unknown option -x"),
        (&["-d"], "option -d needs a value"),
        (&["-d", "h", "-dp", "http"], "`http` is not a number"),
        (
            &["-d", "h", "-c", "NaN"],
            "option -c: the number must be finite",
        ),
        (
            &["-d", "h", "-t=inf"],
            "option -t: the number must be finite",
        ),
        (&["-d", "h", "more"], "`more` is not an option"),
        (
            &["-d", "h", "-p", "sctp"],
            "`sctp` is none of icmp, tcp and udp",
        ),
        (&["-d", "a b"], "`a b` has a character that no DNS name has"),
        (
            &["-d", "h", "-p", "tcp", "-dp", "-1"],
            "-1 is not between 0 and 65535",
        ),
    ];
    for (words, wanted) in cases {
        let answer = FakeHost::new().options::<PingModule>(words);
        assert_eq!(answer.code, code::BAD_PARAMETERS, "{words:?}");
        let message = answer.message();
        assert!(message.contains(wanted), "{words:?}: {message}");
    }
}

#[test]
fn what_the_command_line_makes_is_accepted_as_it_is() {
    let words = ["-d", "127.0.0.1", "-p", "udp", "-dp", "9"];
    let parameters: Value = serde_json::from_str(&parameters(&words)).unwrap();
    let answer = FakeHost::new().operation::<PingModule>("validate", parameters);
    assert_eq!(answer.expect_result()["errors"], json!([]));
}
