//! The command line.

use mig_module_file::FileModule;
use mig_plugin_sdk::abi::code;
use mig_plugin_sdk::testing::FakeHost;
use serde_json::{Value, json};

fn parameters(words: &[&str]) -> Value {
    let answer = FakeHost::new().options::<FileModule>(words);
    answer.expect_result()["parameters"].clone()
}

fn refusal(words: &[&str]) -> String {
    let answer = FakeHost::new().options::<FileModule>(words);
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
    let given = parameters(&["-path", "/etc", "-name", "^passwd$", "-size", "<100k"]);
    let wanted = "{\"searches\":{\"s1\":{\"paths\":[\"/etc\"],\"names\":[\"^passwd$\"],\
         \"sizes\":[\"<100k\"],\"options\":{\"maxdepth\":1000,\"maxerrors\":30,\
         \"matchall\":true,\"macroal\":false,\"mismatch\":null,\"matchlimit\":1000}}}}";
    assert_eq!(given.to_string(), wanted);
}

#[test]
fn every_option_has_its_place() {
    let words = "-path /a --path=/b -name n -size 1 -mode m -mtime <1d -content c -content=d=e \
        -md5 00000000000000000000000000000000 \
        -sha1 0000000000000000000000000000000000000000 -mismatch name -mismatch=size \
        -maxdepth 2.5 -maxerrors=0 -matchlimit 7 -matchlimit 8 -macroal -returnsha256=true \
        -decompress --verbose -matchall=false";
    let mut words: Vec<&str> = words.split_whitespace().collect();
    let (sha2, sha3) = ("1".repeat(64), "2".repeat(56));
    words.extend(["-sha2", &sha2, "-sha3", &sha3]);
    let wanted = json!({"paths": ["/a", "/b"], "contents": ["c", "d=e"], "names": ["n"],
        "sizes": ["1"], "modes": ["m"], "mtimes": ["<1d"],
        "md5": ["00000000000000000000000000000000"],
        "sha1": ["0000000000000000000000000000000000000000"], "sha2": [sha2], "sha3": [sha3],
        "options": {"maxdepth": 2.5, "maxerrors": 0, "matchall": false, "macroal": true,
            "mismatch": ["name", "size"], "matchlimit": 8, "returnsha256": true,
            "decompress": true}});
    assert_eq!(
        parameters(&words)["searches"]["s1"].to_string(),
        wanted.to_string()
    );
}

#[test]
fn matchany_wins_whatever_the_order() {
    for words in [
        ["-path", "/", "-matchany", "-matchall"],
        ["-path", "/", "-matchall", "-matchany"],
    ] {
        assert_eq!(
            parameters(&words)["searches"]["s1"]["options"]["matchall"],
            false
        );
    }
    let words = ["-path", "/", "-matchany=false"];
    assert_eq!(
        parameters(&words)["searches"]["s1"]["options"]["matchall"],
        true
    );
}

#[test]
fn defaults_are_those_of_whoever_asks() {
    for (defaults, depth, errors, all, limit) in [
        ("mig", 1000, 30, true, 1000),
        ("json", 0, 0, false, 0),
        ("console", 30, 0, true, 1000),
    ] {
        let input = json!({"words": ["-path", "/"], "defaults": defaults});
        let answer = FakeHost::new().operation::<FileModule>("options", input);
        let options = &answer.expect_result()["parameters"]["searches"]["s1"]["options"];
        assert_eq!(options["maxdepth"], depth, "{defaults}");
        assert_eq!(options["maxerrors"], errors, "{defaults}");
        assert_eq!(options["matchall"], all, "{defaults}");
        assert_eq!(options["matchlimit"], limit, "{defaults}");
    }
}

#[test]
fn help_is_given_when_asked_for_or_when_nothing_is_said() {
    for words in [&[][..], &[""], &["help"], &["-h"], &["-path", "/", "-help"]] {
        let answer = FakeHost::new().options::<FileModule>(words);
        let help = answer.expect_result()["help"].as_str().unwrap();
        for option in [
            "path",
            "name",
            "size",
            "mode",
            "mtime",
            "content",
            "md5",
            "sha1",
            "sha2",
            "sha3",
            "maxdepth",
            "matchall",
            "matchany",
            "macroal",
            "mismatch",
            "matchlimit",
            "maxerrors",
            "returnsha256",
            "decompress",
            "verbose",
        ] {
            assert!(
                help.contains(&format!("\n-{option} ")),
                "{option} is missing in the help"
            );
        }
    }
}

#[test]
fn mistakes_are_named() {
    let cases: [(&[&str], &str); 9] = [
        (&["-path", "/", "-nosuch"], "unknown option -nosuch"),
        (&["-path"], "option -path needs a value"),
        (
            &["-path", "/", "-maxdepth", "deep"],
            "option -maxdepth: `deep` is not a number",
        ),
        (
            &["-path", "/", "-maxdepth", "inf"],
            "option -maxdepth: the number must be finite",
        ),
        (
            &["-path", "/", "-matchall", "true", "-macroal"],
            "`true` is not an option",
        ),
        (
            &["-path", "/", "-macroal=maybe"],
            "option -macroal: `maybe` is neither true nor false",
        ),
        (&["/etc"], "`/etc` is not an option"),
        (
            &["-name", "x"],
            "searches.s1.paths: needs at least one path",
        ),
        (
            &["-path", "/", "-name", "a**"],
            "searches.s1.names: 'a**' is not a regex",
        ),
    ];
    for (words, wanted) in cases {
        let message = refusal(words);
        assert!(message.contains(wanted), "{words:?}: {message}");
    }
}
