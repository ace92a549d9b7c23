//! The example of embedding works as it stands.

#[path = "../../examples/embed.rs"]
#[allow(dead_code, reason = "its main is not called here")]
mod embed;

#[test]
fn a_third_party_embeds_the_host() {
    let directory = tempfile::tempdir().expect("tempdir");
    std::fs::write(directory.path().join("junk.so"), "not a plugin").expect("write");
    let text = embed::investigate(vec![directory.path().to_owned()]).expect("an answer");
    let host = host_name();
    assert!(text.starts_with("module example "), "{text}");
    assert!(text.contains("junk.so: is not signed"), "{text}");
    assert!(text.contains(&host), "{text}");
}

fn host_name() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .expect("host name")
        .trim()
        .to_owned()
}
