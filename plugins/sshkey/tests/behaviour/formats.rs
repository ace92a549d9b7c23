//! Every format of keys, against what `ssh-keygen` once said about them.

use crate::support::{Home, attempt, fixture_directory, fixtures, keys, known, run};
use serde_json::{Value, json};

#[test]
fn keys_of_every_format_are_found_with_their_fingerprints() {
    let directory = fixture_directory();
    let document = run(json!({"paths": [directory]}));
    assert_eq!(document["foundanything"], true);
    let found = keys(&document);
    let listed = fixtures();
    for fixture in &listed {
        let path = directory.join(fixture.name);
        let wanted = json!({
            "fingerprint_md5": fixture.md5,
            "fingerprint_sha256": fixture.sha256,
            "path": path,
            "encrypted": fixture.encrypted,
            "type": fixture.kind,
        });
        let of_file: Vec<&Value> = found
            .iter()
            .filter(|key| key["path"] == wanted["path"])
            .collect();
        assert_eq!(of_file, [&wanted], "{}", fixture.name);
    }
    assert_eq!(found.len(), listed.len());
}

#[test]
fn every_fixture_is_listed() {
    let mut names: Vec<String> = std::fs::read_dir(fixture_directory())
        .expect("fixtures")
        .map(|entry| {
            entry
                .expect("a name")
                .file_name()
                .into_string()
                .expect("text")
        })
        .collect();
    names.sort();
    let mut listed: Vec<&str> = fixtures().iter().map(|fixture| fixture.name).collect();
    listed.sort_unstable();
    assert_eq!(names, listed);
}

#[test]
fn a_public_half_that_is_not_in_the_file_is_said_to_be_unknown() {
    let home = Home::of("key", include_bytes!("../data/keys/dsa.PKCS8"));
    let document = home.search();
    let wanted = format!(
        "{}: the file does not hold the public half of the key, so its fingerprints are unknown",
        home.text("key")
    );
    assert_eq!(document["errors"], json!([wanted]));
    assert_eq!(keys(&document)[0]["fingerprint_sha256"], "");
}

#[test]
fn a_result_is_the_original_s_to_the_byte() {
    let key = known();
    let home = Home::of("id.pub", key.line);
    let path = home.text("id.pub");
    let wanted = format!(
        r#"{{"foundanything":true,"success":true,"elements":{{"keys":[{{"fingerprint_md5":"{}","fingerprint_sha256":"{}","path":"{path}","encrypted":false,"type":"public"}}]}},"statistics":null,"errors":null}}"#,
        key.md5, key.sha256
    );
    assert_eq!(home.search().to_string(), wanted);
}

#[test]
fn nothing_found_is_null() {
    let home = Home::of("notes", "nothing here\n");
    let wanted = r#"{"foundanything":false,"success":true,"elements":{"keys":null},"statistics":null,"errors":null}"#;
    assert_eq!(home.search().to_string(), wanted);
}

#[test]
fn all_keys_of_a_file_are_found_in_their_order() {
    let lines = ["rsa", "ecdsa256", "ed25519"].map(|name| {
        std::fs::read_to_string(fixture_directory().join(format!("{name}.pub"))).expect("a key")
    });
    let home = Home::of("all.pub", format!("# mine\n\n{}\nwords\n", lines.concat()));
    let found: Vec<Value> = keys(&home.search())
        .iter()
        .map(|key| key["fingerprint_md5"].clone())
        .collect();
    let wanted: Vec<&str> = ["rsa.pub", "ecdsa256.pub", "ed25519.pub"]
        .iter()
        .map(|name| {
            fixtures()
                .into_iter()
                .find(|f| f.name == *name)
                .expect("listed")
                .md5
        })
        .collect();
    assert_eq!(found, wanted);
}

#[test]
fn several_private_keys_in_a_file_are_each_found() {
    let blocks = ["rsa.PEM", "ed25519.openssh-encrypted", "ecdsa256.PEM"]
        .map(|name| std::fs::read_to_string(fixture_directory().join(name)).expect("a key"));
    let home = Home::of("all.pem", blocks.concat());
    let document = home.search();
    let encrypted: Vec<bool> = keys(&document)
        .iter()
        .map(|key| key["encrypted"].as_bool().expect("a flag"))
        .collect();
    assert_eq!(encrypted, [false, true, false]);
    assert!(keys(&document).iter().all(|key| key["type"] == "private"));
}

#[test]
fn files_with_line_ends_of_other_systems_are_read() {
    for fixture in fixtures() {
        let text = std::fs::read_to_string(fixture_directory().join(fixture.name)).expect("a key");
        let home = Home::of("key", text.replace('\n', "\r\n"));
        let found = keys(&home.search());
        assert_eq!(found.len(), 1, "{}", fixture.name);
        assert_eq!(
            found[0]["fingerprint_sha256"], fixture.sha256,
            "{}",
            fixture.name
        );
    }
}

#[test]
fn no_part_of_a_private_key_is_in_any_answer() {
    let answer = attempt(json!({"paths": [fixture_directory()]}));
    let everything = format!("{answer:?}");
    for fixture in fixtures()
        .iter()
        .filter(|fixture| fixture.kind == "private")
    {
        let path = fixture_directory().join(fixture.name);
        let text = std::fs::read_to_string(path).expect("a key");
        let lines = text
            .lines()
            .filter(|line| line.len() > 40 && !line.contains(' '));
        for line in lines {
            assert!(!everything.contains(&line[..24]), "{}", fixture.name);
        }
    }
}

#[test]
fn links_are_followed_and_directories_searched_as_deep_as_asked() {
    let key = known();
    let home = Home::of("a/b/c/deep.pub", key.line);
    home.file("top.pub", key.line);
    std::os::unix::fs::symlink(home.path().join("top.pub"), home.path().join("link.pub"))
        .expect("a link");
    let paths = |depth: u32| -> Vec<String> {
        keys(&run(json!({"paths": [home.path()], "maxdepth": depth})))
            .iter()
            .map(|key| key["path"].as_str().expect("a path").to_owned())
            .collect()
    };
    let top = [home.text("link.pub"), home.text("top.pub")];
    assert_eq!(paths(1), top);
    assert_eq!(paths(3), top);
    let all = [&top[..], &[home.text("a/b/c/deep.pub")]].concat();
    assert_eq!(paths(4), all);
    assert_eq!(paths(0), all, "zero stands for eight levels");
}

#[test]
fn the_usual_depth_is_eight() {
    let key = known();
    let home = Home::of("1/2/3/4/5/6/7/seven.pub", key.line);
    home.file("1/2/3/4/5/6/7/8/eight.pub", key.line);
    let found = keys(&home.search());
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["path"], home.text("1/2/3/4/5/6/7/seven.pub"));
}
