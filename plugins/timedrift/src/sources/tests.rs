//! Configuration files of every kind, and what is made of them.

use super::*;
use proptest::prelude::*;
use std::fs;
use tempfile::TempDir;

/// A machine with these files.
fn machine(files: &[(&str, &str)]) -> TempDir {
    let root = tempfile::tempdir().expect("a directory");
    for (path, text) in files {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("folders");
        fs::write(path, text).expect("a file");
    }
    root
}

fn names(found: &Found) -> Vec<String> {
    found.servers.iter().map(ToString::to_string).collect()
}

#[track_caller]
fn servers(files: &[(&str, &str)]) -> Vec<String> {
    let root = machine(files);
    let found = configured(root.path());
    assert_eq!(found.errors, Vec::<String>::new());
    names(&found)
}

#[test]
fn a_machine_without_configuration_is_no_error() {
    assert!(servers(&[]).is_empty());
    assert!(servers(&[("etc", "a file, not a folder")]).is_empty());
    assert_eq!(public().len(), 5);
}

#[test]
fn ntpd_names_servers_pools_and_peers() {
    let text = "# server old.example.net\ndriftfile /var/lib/ntp/drift\n\
        server ntp1.example.net iburst\n\tserver -6 ntp2.example.net # no\n\
        pool 2.debian.pool.ntp.org iburst\nSERVER 192.0.2.1\r\npeer 2001:db8::7\n\
        server 127.127.1.0\nfudge 127.127.1.0 stratum 10\nserver\nserver -4\n\
        server ntp1.example.net\nrestrict default\n";
    let wanted = [
        "ntp1.example.net",
        "ntp2.example.net",
        "2.debian.pool.ntp.org",
        "192.0.2.1",
        "2001:db8::7",
    ];
    assert_eq!(servers(&[("etc/ntp.conf", text)]), wanted);
    assert_eq!(servers(&[("etc/ntpsec/ntp.conf", text)]), wanted);
    let include = "includefile \"/etc/ntp.more\"\nincludefile /etc/ntp.conf\n";
    let files = [("etc/ntp.conf", include), ("etc/ntp.more", text)];
    assert_eq!(servers(&files), wanted, "and circles end");
    let text = "servers pool.example.net weight 5\nserver a.example.net\nlisten on *\n";
    assert_eq!(
        servers(&[("etc/openntpd/ntpd.conf", text)]),
        ["pool.example.net", "a.example.net"]
    );
}

#[test]
fn chrony_names_ports_directories_and_further_files() {
    let text = "! comment\n; comment\n% comment\n# comment\n\
        confdir /etc/chrony/conf.d /usr/share/nothing\n\
        sourcedir /run/chrony-dhcp\nsourcedir /etc/chrony/sources.d\n\
        Pool 2.debian.pool.ntp.org iburst\nserver 127.0.0.1 iburst port 1123\n\
        include /etc/chrony/more/x*.conf\ninclude /etc/chrony/chrony.conf\n\
        include /etc/chrony/none.conf\nmakestep 1 3\n";
    let files = [
        ("etc/chrony/chrony.conf", text),
        ("etc/chrony/conf.d/b.conf", "server b.example.net"),
        ("etc/chrony/conf.d/a.conf", "server a.example.net"),
        ("etc/chrony/conf.d/.a.conf", "server hidden.example.net"),
        ("etc/chrony/conf.d/a.conf.bak", "server old.example.net"),
        ("run/chrony-dhcp/eth0.sources", "server 192.0.2.9"),
        ("etc/chrony/sources.d/c.sources", "peer ::1 port 99"),
        ("etc/chrony/more/x1.conf", "server x1.example.net"),
        ("etc/chrony/more/y1.conf", "server y1.example.net"),
    ];
    assert_eq!(
        servers(&files),
        [
            "2.debian.pool.ntp.org",
            "127.0.0.1:1123",
            "a.example.net",
            "b.example.net",
            "192.0.2.9",
            "[::1]:99",
            "x1.example.net"
        ]
    );
    assert_eq!(
        servers(&[("etc/chrony.conf", "server red.example.net\n")]),
        ["red.example.net"]
    );
}

#[test]
fn the_first_of_several_directories_wins_a_name() {
    let files = [
        ("etc/chrony.conf", "confdir /etc/one /etc/two"),
        ("etc/one/b.conf", "server one.example.net"),
        ("etc/two/b.conf", "server two.example.net"),
        ("etc/two/a.conf", "server a.example.net"),
    ];
    assert_eq!(servers(&files), ["a.example.net", "one.example.net"]);
}

#[test]
fn timesyncd_has_lists_additions_and_a_fallback() {
    let text = "[Time]\n#NTP=old.example.net\nNTP=a.example.net  b.example.net\n\
        FallbackNTP=never.example.net\n[Other]\nNTP=other.example.net\n";
    assert_eq!(
        servers(&[("etc/systemd/timesyncd.conf", text)]),
        ["a.example.net", "b.example.net"]
    );
    let files = [
        ("etc/systemd/timesyncd.conf", text),
        (
            "usr/lib/systemd/timesyncd.conf",
            "[Time]\nNTP=never.example.net",
        ),
        (
            "run/systemd/timesyncd.conf.d/20-x.conf",
            "[Time]\nNTP=c.example.net\nNTP = d.example.net\n",
        ),
        (
            "usr/lib/systemd/timesyncd.conf.d/10-reset.conf",
            "[Time]\nNTP=\n",
        ),
        (
            "usr/lib/systemd/timesyncd.conf.d/20-x.conf",
            "[Time]\nNTP=hidden.example.net\n",
        ),
    ];
    assert_eq!(servers(&files), ["c.example.net", "d.example.net"]);
    let fallback = "[Time]\nFallbackNTP=0.example.net\n";
    assert_eq!(
        servers(&[("usr/lib/systemd/timesyncd.conf", fallback)]),
        ["0.example.net"]
    );
    let beside = [
        ("etc/systemd/timesyncd.conf", fallback),
        ("etc/ntp.conf", "server 0.example.net\nserver 1.example.net"),
    ];
    assert_eq!(servers(&beside), ["0.example.net", "1.example.net"]);
}

#[test]
fn what_cannot_be_understood_is_named_and_keeps_nothing_back() {
    let long = "x".repeat(10_000);
    let text = format!(
        "server \u{1b}[2J\nserver good.example.net\nserver 192.0.2.300\nserver {long}\n\
         server \u{fffd}\n"
    );
    let root = machine(&[
        ("etc/ntp.conf", &text),
        (
            "etc/chrony.conf",
            "server a.example.net port 0\nserver b port http",
        ),
    ]);
    let found = configured(root.path());
    assert_eq!(names(&found), ["good.example.net"]);
    let wanted = [
        "/etc/ntp.conf: line 1: server `\\u{1b}[2J` has a character that no DNS name has",
        "/etc/ntp.conf: line 3: server `192.0.2.300` is not an IPv4 address",
        "/etc/ntp.conf: line 4: server `xxx",
        "/etc/ntp.conf: line 5: server `",
        "/etc/chrony.conf: line 1: server `a.example.net` has port 0",
        "/etc/chrony.conf: line 2: server `b` has no port from 1 to 65535",
    ];
    assert_eq!(found.errors.len(), wanted.len(), "{:?}", found.errors);
    for (error, wanted) in found.errors.iter().zip(wanted) {
        assert!(error.starts_with(wanted), "{error}");
        assert!(error.len() < 200, "{error}");
    }
}

#[test]
fn hostile_files_cost_little() {
    let many: String = (0..1000)
        .map(|n| format!("server n{n}.example.net\n"))
        .collect();
    let root = machine(&[("etc/ntp.conf", &many)]);
    let found = configured(root.path());
    assert_eq!(found.servers.len(), 32);
    assert_eq!(
        found.errors,
        ["only the first 32 configured servers are used"]
    );

    let circle: String = (0..500)
        .map(|n| format!("include /etc/more/{n}\n"))
        .collect();
    let root = machine(&[("etc/chrony.conf", &circle)]);
    fs::create_dir(root.path().join("etc/more")).expect("a folder");
    for n in 0..500 {
        fs::write(root.path().join(format!("etc/more/{n}")), &circle).expect("a file");
    }
    assert_eq!(configured(root.path()), Found::default());

    // A folder, an endless device, a link to itself, a file that never ends.
    let root = machine(&[("etc/ntpsec/ntp.conf/x", "")]);
    std::os::unix::fs::symlink("/dev/zero", root.path().join("etc/ntp.conf")).expect("a link");
    std::os::unix::fs::symlink("ntpd.conf", root.path().join("etc/ntpd.conf")).expect("a link");
    let sparse = fs::File::create(root.path().join("etc/chrony.conf")).expect("a file");
    sparse.set_len(1 << 40).expect("a sparse file");
    let found = configured(root.path());
    assert!(found.servers.is_empty());
    assert_eq!(found.errors.len(), 4, "{:?}", found.errors);
    assert_eq!(found.errors[0], "/etc/ntp.conf: is not a plain file");
    assert_eq!(found.errors[1], "/etc/ntpsec/ntp.conf: is not a plain file");
    assert!(found.errors[2].starts_with("/etc/ntpd.conf: "));
    let cut = "/etc/chrony.conf: only its first 256 KiB are read";
    assert_eq!(found.errors[3], cut);
}

#[test]
fn a_line_that_is_cut_off_names_no_server() {
    // The limit falls behind `server s`.
    for (kept, wanted) in [("server a\n", vec!["a"]), ("", vec![])] {
        let room = (256 << 10) - kept.len() - "server s".len() - 1;
        let filling = format!("{}\n", "#".repeat(room));
        let whole = format!("{kept}{filling}server second.example.net\n");
        let root = machine(&[("etc/ntp.conf", &whole)]);
        let found = configured(root.path());
        assert_eq!(names(&found), wanted);
        assert_eq!(
            found.errors,
            ["/etc/ntp.conf: only its first 256 KiB are read"]
        );
    }
}

#[test]
fn many_useless_lines_are_counted_instead_of_repeated() {
    let many = "server [\n".repeat(20_000);
    let root = machine(&[("etc/ntp.conf", &many)]);
    let found = configured(root.path());
    assert_eq!(found.errors.len(), 17);
    let last = "19984 more lines of configuration files name no server";
    assert_eq!(found.errors[16], last);
}

#[test]
fn a_pipe_does_not_block() {
    let root = machine(&[("etc/x", "")]);
    let path = root.path().join("etc/ntp.conf");
    let path = std::ffi::CString::new(path.to_str().expect("UTF-8")).expect("no NUL");
    // SAFETY: the path is NUL-terminated.
    assert_eq!(unsafe { libc::mkfifo(path.as_ptr(), 0o600) }, 0);
    let found = configured(root.path());
    assert_eq!(found.errors, ["/etc/ntp.conf: is not a plain file"]);
}

proptest! {
    #[test]
    fn any_text_is_read(
        text in "((server|pool|NTP=|\\[Time\\]|include|[ \n=\\[\\].:a-z0-9-]|.){0,30}\n){0,8}",
    ) {
        read_anything(text.as_bytes());
    }
}

/// The worker opens what the manifest names, and libraries.
#[test]
fn every_file_that_is_looked_for_is_one_that_the_manifest_names() {
    let manifest: serde_json::Value =
        serde_json::from_slice(include_bytes!("../../manifest.json")).expect("JSON");
    let reads: Vec<&str> = manifest["reads"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|path| path.as_str())
        .collect();
    let mut wanted: Vec<String> = Vec::new();
    for path in ntpd::PATHS.iter().chain(chrony::PATHS) {
        wanted.push((*path).to_owned());
    }
    for folder in timesyncd::FOLDERS {
        wanted.push(format!("{folder}/{}", timesyncd::NAME));
        wanted.push(format!("{folder}/{}.d", timesyncd::NAME));
    }
    for path in wanted {
        let named = reads.contains(&path.as_str()) || path.starts_with("/usr/lib/");
        assert!(named, "{path}");
    }
}
