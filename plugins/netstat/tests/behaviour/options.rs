//! The command line.

use mig_module_netstat::NetstatModule;
use mig_plugin_sdk::abi::code;
use mig_plugin_sdk::testing::FakeHost;
use serde_json::Value;

fn parameters(words: &[&str]) -> Value {
    let answer = FakeHost::new().options::<NetstatModule>(words);
    answer.expect_result()["parameters"].clone()
}

fn refusal(words: &[&str]) -> String {
    let answer = FakeHost::new().options::<NetstatModule>(words);
    assert_eq!(
        answer.code,
        code::BAD_PARAMETERS,
        "{words:?}: {:?}",
        answer.result
    );
    answer.message().to_owned()
}

#[test]
fn a_command_line_becomes_the_original_parameters_to_the_byte() {
    let words = ["-lp", "5672", "-li", "127.0.0.1", "-ci", "127.0.0.1"];
    let wanted = "{\"localip\":[\"127.0.0.1\"],\"connectedip\":[\"127.0.0.1\"],\
         \"listeningport\":[\"5672\"],\"namespaces\":false}";
    assert_eq!(parameters(&words).to_string(), wanted);
}

#[test]
fn every_option_has_its_place_and_lists_accumulate() {
    let words = "-lm ^8C --nm=^02 -li 10.0.0.0/8 -li ::1 -ni 192.0.2.1 -ci=198.51.100.7 -lp 22 \
                 -lp 443 -namespaces -onlylistening -onlyconnected";
    let words: Vec<&str> = words.split_whitespace().collect();
    let wanted = "{\"localmac\":[\"^8C\"],\"neighbormac\":[\"^02\"],\
         \"localip\":[\"10.0.0.0/8\",\"::1\"],\"neighborip\":[\"192.0.2.1\"],\
         \"connectedip\":[\"198.51.100.7\"],\"listeningport\":[\"22\",\"443\"],\
         \"namespaces\":true,\"onlylistening\":true,\"onlyconnected\":true}";
    assert_eq!(parameters(&words).to_string(), wanted);
    let words = ["-lp", "1", "-namespaces=false", "-onlylistening=false"];
    assert_eq!(
        parameters(&words).to_string(),
        "{\"listeningport\":[\"1\"],\"namespaces\":false}"
    );
}

#[test]
fn help_is_printed_for_help_and_for_no_word_at_all() {
    for words in [&["help"][..], &[], &["-lp", "22", "-h"]] {
        let answer = FakeHost::new().options::<NetstatModule>(words);
        let help = answer.expect_result()["help"]
            .as_str()
            .expect("a help text");
        for option in [
            "-lm",
            "-nm",
            "-li",
            "-ni",
            "-ci",
            "-lp",
            "-namespaces",
            "-onlylistening",
            "-onlyconnected",
        ] {
            assert!(help.contains(&format!("\n{option} ")), "{option} in {help}");
        }
        assert!(help.lines().any(|line| line.starts_with("ex: ")), "{help}");
        assert!(help.lines().all(|line| line.len() <= 80), "{help}");
    }
}

#[test]
fn refusals_name_the_option_or_the_field() {
    for (words, parts) in [
        (&["-lx", "1"][..], &["-lx"][..]),
        (&["-lp"], &["-lp"]),
        (&["22"], &["22"]),
        (&["-lp", "22", "leftover"], &["leftover"]),
        (&["-namespaces=maybe"], &["-namespaces", "maybe"]),
        (
            &["-lp", "70000"],
            &["listeningport", "70000", "between 1 and 65535"],
        ),
        (&["-lp", "http"], &["listeningport", "http"]),
        (&["-li", "10.0.0.0/33"], &["localip", "10.0.0.0/33", "CIDR"]),
        (
            &["-ci", "example.net"],
            &["connectedip", "example.net", "IP address"],
        ),
        (&["-nm", "("], &["neighbormac", "("]),
    ] {
        let message = refusal(words);
        for part in parts {
            assert!(message.contains(part), "{words:?}: {message}");
        }
        assert!(!message.contains('\n'), "{message}");
    }
}
