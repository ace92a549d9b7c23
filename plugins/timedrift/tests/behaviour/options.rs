//! The command line.

use mig_module_timedrift::TimedriftModule;
use mig_plugin_sdk::abi::code;
use mig_plugin_sdk::testing::FakeHost;

#[test]
fn a_command_line_becomes_the_original_parameters_to_the_byte() {
    let cases: &[(&[&str], &str)] = &[
        (&[], r#"{"drift":""}"#),
        (&["-drift", "5s"], r#"{"drift":"5s"}"#),
        (&["--drift=1m30s"], r#"{"drift":"1m30s"}"#),
        (&["-drift", "1s", "-drift", "250ms"], r#"{"drift":"250ms"}"#),
        (
            &["-server", "a.example", "-drift", "5s", "-server=[::1]:99"],
            r#"{"drift":"5s","servers":["a.example","[::1]:99"]}"#,
        ),
    ];
    for (words, wanted) in cases {
        let answer = FakeHost::new().options::<TimedriftModule>(words);
        let parameters = answer.expect_result()["parameters"].to_string();
        assert_eq!(parameters, *wanted, "{words:?}");
    }
}

#[test]
fn help_names_every_option() {
    for words in [&["help"][..], &["-h"], &["-drift", "5s", "--help"]] {
        let answer = FakeHost::new().options::<TimedriftModule>(words);
        let help = answer.expect_result()["help"].as_str().unwrap_or_default();
        for part in ["-drift <duration>", "-server <host>", "\nex: -drift 5s\n"] {
            assert!(help.contains(part), "{words:?}: {help}");
        }
    }
}

#[test]
fn mistakes_are_named() {
    let cases: &[(&[&str], &str)] = &[
        (&["-drift"], "option -drift needs a value"),
        (&["-drift", ""], "option -drift: the value is empty"),
        (&["-drift="], "option -drift: the value is empty"),
        (&["-drift", "5"], "`5` lacks a unit"),
        (&["-drift", "five"], "`five` is not a duration"),
        (&["-drift", "5s", "more"], "`more` is not an option"),
        (&["-x"], "unknown option -x"),
        (&["-drift", "5s", "-server", "a b"], "`a b` has a character"),
        (
            &["-server", "a"],
            "are asked only with a drift to compare with",
        ),
    ];
    for (words, wanted) in cases {
        let answer = FakeHost::new().options::<TimedriftModule>(words);
        assert_eq!(answer.code, code::BAD_PARAMETERS, "{words:?}");
        let message = answer.message();
        assert!(message.contains(wanted), "{words:?}: {message}");
    }
}
