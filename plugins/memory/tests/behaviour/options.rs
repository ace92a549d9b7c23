//! The command line.

use mig_module_memory::MemoryModule;
use mig_plugin_sdk::abi::code;
use mig_plugin_sdk::testing::FakeHost;
use serde_json::{Value, json};

fn parameters(words: &[&str]) -> Value {
    let answer = FakeHost::new().options::<MemoryModule>(words);
    answer.expect_result()["parameters"].clone()
}

fn refusal(words: &[&str]) -> String {
    let answer = FakeHost::new().options::<MemoryModule>(words);
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
    let given = parameters(&["-name", "sshd$", "-content", "OpenSSH"]);
    let wanted = "{\"searches\":{\"s1\":{\"names\":[\"sshd$\"],\"contents\":[\"OpenSSH\"],\
         \"options\":{\"matchall\":true}}}}";
    assert_eq!(given.to_string(), wanted);
    assert_eq!(
        parameters(&["-matchany"]).to_string(),
        "{\"searches\":{\"s1\":{\"options\":{}}}}"
    );
}

#[test]
fn every_option_has_its_place() {
    let words = "-name a --name=b -lib c -bytes 0aFF -content d=e -content=f -offset 0x7f00 \
        -maxlength 5 -logfailures -matchall=true";
    let words: Vec<&str> = words.split_whitespace().collect();
    let wanted = json!({"names": ["a", "b"], "libraries": ["c"], "bytes": ["0aFF"],
        "contents": ["d=e", "f"], "options": {"offset": 0x7f00, "maxlength": 5,
        "logfailures": true, "matchall": true}});
    assert_eq!(parameters(&words)["searches"]["s1"], wanted);
    // As the original understood them, whatever its help said.
    let old = parameters(&["-maxdepth", "7", "-matchlimit", "8"]);
    let wanted = json!({"offset": 7, "maxlength": 8, "matchall": true});
    assert_eq!(old["searches"]["s1"]["options"], wanted);
}

#[test]
fn matchany_wins_whatever_the_order_and_defaults_are_those_of_whoever_asks() {
    for words in [&["-matchany", "-matchall"][..], &["-matchall", "-matchany"]] {
        assert_eq!(parameters(words)["searches"]["s1"]["options"], json!({}));
    }
    assert_eq!(
        parameters(&["-matchall=false"])["searches"]["s1"]["options"],
        json!({})
    );
    for (who, wanted) in [
        ("mig", json!({"matchall": true})),
        ("json", json!({})),
        ("console", json!({})),
    ] {
        let input = json!({"words": ["-name", "x"], "defaults": who});
        let answer = FakeHost::new().operation::<MemoryModule>("options", input);
        let options = &answer.expect_result()["parameters"]["searches"]["s1"]["options"];
        assert_eq!(*options, wanted, "{who}");
    }
}

#[test]
fn help_names_every_option() {
    for words in [&[][..], &["help"], &["-h"], &[""]] {
        let answer = FakeHost::new().options::<MemoryModule>(words);
        let help = answer.expect_result()["help"].as_str().unwrap().to_owned();
        for option in [
            "name",
            "lib",
            "bytes",
            "content",
            "matchall",
            "matchany",
            "offset",
            "maxlength",
            "logfailures",
        ] {
            assert!(
                help.contains(&format!("\n-{option} ")) || help.contains(&format!("\n-{option}\n")),
                "{option}"
            );
        }
        assert!(help.contains("\nex: "), "{help}");
    }
}

#[test]
fn mistakes_are_named() {
    let cases: [(&[&str], &str); 8] = [
        (&["-nosuch"], "unknown option -nosuch"),
        (&["-name"], "option -name needs a value"),
        (
            &["-offset", "deep"],
            "option -offset: `deep` is not a whole number from 0 on",
        ),
        (
            &["-maxlength", "-1"],
            "option -maxlength: `-1` is not a whole number from 0 on",
        ),
        (&["-matchall", "true"], "`true` is not an option"),
        (&["sshd"], "`sshd` is not an option"),
        (
            &["-bytes", "0x41"],
            "searches.s1.bytes: '0x41' is not a sequence of bytes",
        ),
        (
            &["-content", "a**"],
            "searches.s1.contents: 'a**' is not a regex",
        ),
    ];
    for (words, wanted) in cases {
        let message = refusal(words);
        assert!(message.contains(wanted), "{words:?}: {message}");
    }
}
