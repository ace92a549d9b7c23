use std::io::Read;
use std::net::{TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::destination::{Destination, Output};

fn with_log(settings: &Settings, log: impl FnOnce()) {
    let layer = layer::LineLayer::new(settings, "mig-test").unwrap();
    let subscriber = tracing_subscriber::registry().with(layer);
    let _listening = mig_testkit::listen(subscriber);
    log();
}

fn file_settings(path: &std::path::Path, max_size: u64, level: Severity) -> Settings {
    Settings {
        mode: Mode::File {
            path: path.to_path_buf(),
            max_size,
        },
        level,
    }
}

/// The lines without their time stamps.
fn lines(path: &std::path::Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| {
            let (stamp, payload) = line.split_at("2024/03/01 10:00:00 ".len());
            assert_eq!(&stamp[4..5], "/", "{line}");
            payload.to_owned()
        })
        .collect()
}

#[test]
fn a_line_carries_the_ids_of_the_event_and_of_the_spans_around_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    with_log(&file_settings(&path, 0, Severity::Info), || {
        tracing::info!("plain");
        let outer = tracing::info_span!("command", action = 5u64, command = 7u64);
        let _guard = outer.enter();
        tracing::warn!(op = 9u64, "inside");
        tracing::info!(severity = "notice", agent = "a", "refined");
    });
    assert_eq!(
        lines(&path),
        [
            "- - - [info] plain",
            "9 5 7 [warning] inside",
            "- 5 7 [notice] refined agent=a"
        ]
    );
}

#[test]
fn only_lines_up_to_the_level_are_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    with_log(&file_settings(&path, 0, Severity::Notice), || {
        tracing::info!("dropped");
        tracing::info!(severity = "notice", "kept");
        tracing::error!("kept too");
    });
    assert_eq!(
        lines(&path),
        ["- - - [notice] kept", "- - - [error] kept too"]
    );
}

#[test]
fn an_emergency_is_written_whatever_the_level_and_keeps_its_rank() {
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mode = Mode::Syslog {
        host: "127.0.0.1".into(),
        port: udp.local_addr().unwrap().port(),
        protocol: Protocol::Udp,
    };
    let level = Severity::Emergency;
    with_log(&Settings { mode, level }, || {
        tracing::error!("less");
        tracing::error!(severity = "emergency", "most");
    });
    let mut datagram = [0; 200];
    let length = udp.recv(&mut datagram).unwrap();
    let text = String::from_utf8_lossy(&datagram[..length]);
    // Facility 3 and severity 0.
    assert!(text.starts_with("<24>mig-test["), "{text}");
    assert!(text.ends_with("]: - - - [emergency] most"), "{text}");
}

#[test]
fn what_libraries_say_is_for_developers() {
    let folder = tempfile::tempdir().unwrap();
    for (level, expected) in [
        (Severity::Info, vec![]),
        (Severity::Debug, vec!["- - - [debug] closed"]),
    ] {
        let path = folder.path().join(level.label());
        with_log(&file_settings(&path, 0, level), || {
            tracing::error!(target: "lapin::io_loop", "closed");
        });
        assert_eq!(lines(&path), expected);
    }
}

#[test]
fn a_name_with_line_breaks_and_escapes_stays_on_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    with_log(&file_settings(&path, 0, Severity::Info), || {
        tracing::info!(file = "a\nb\u{1b}[31m", "found");
    });
    assert_eq!(
        lines(&path),
        ["- - - [info] found file=a\u{fffd}b\u{fffd}[31m"]
    );
}

#[test]
fn a_full_file_is_rotated_once_and_is_not_readable_by_everybody() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    with_log(&file_settings(&path, 1, Severity::Info), || {
        for word in ["one", "two", "three"] {
            tracing::info!("{word}");
        }
    });
    assert_eq!(lines(&path), ["- - - [info] three"]);
    assert_eq!(lines(&folder.path().join("log.1")), ["- - - [info] two"]);
    assert_eq!(
        std::fs::metadata(&path).unwrap().permissions().mode() & 0o027,
        0
    );
}

#[test]
fn syslog_over_udp_and_tcp_carries_facility_severity_and_tag() {
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    for (protocol, port) in [
        (Protocol::Udp, udp.local_addr().unwrap().port()),
        (Protocol::Tcp, tcp.local_addr().unwrap().port()),
    ] {
        let mode = Mode::Syslog {
            host: "127.0.0.1".into(),
            port,
            protocol,
        };
        with_log(
            &Settings {
                mode,
                level: Severity::Info,
            },
            || tracing::warn!("seen"),
        );
    }
    let mut datagram = [0; 200];
    let length = udp.recv(&mut datagram).unwrap();
    let mut stream = String::new();
    tcp.accept().unwrap().0.read_to_string(&mut stream).unwrap();
    for text in [String::from_utf8_lossy(&datagram[..length]), stream.into()] {
        assert!(text.starts_with("<28>mig-test["), "{text}");
        assert!(
            text.trim_end().ends_with("]: - - - [warning] seen"),
            "{text}"
        );
    }
}

#[test]
fn a_section_that_makes_no_sense_is_refused_by_name() {
    let cases: [(Option<&str>, Option<&str>, &str); 4] = [
        (Some("printer"), None, "`printer`"),
        (None, Some("loud"), "`loud`"),
        (Some("file"), None, "`file`"),
        (Some("syslog"), None, "`host`"),
    ];
    for (mode, level, part) in cases {
        let error = Settings::from_values(mode, level, None, None, None, None, None).unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
    }
    assert_eq!(
        Settings::from_values(None, None, None, None, None, None, None).unwrap(),
        Settings::default()
    );
}

#[test]
fn a_lost_syslog_server_is_not_tried_for_every_line() {
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mode = Mode::Syslog {
        host: "127.0.0.1".to_owned(),
        port: server.local_addr().unwrap().port(),
        protocol: Protocol::Tcp,
    };
    let mut output = Output::new(Destination::open(&mode, "test").unwrap());
    server.set_nonblocking(true).unwrap();
    let mut connections = 0;
    let mut write = || {
        // Accepted and closed at once, so that writing fails soon after.
        connections += u32::from(server.accept().is_ok());
        output.write(Severity::Info, "line");
        connections
    };
    // Soon is when the kernel comes to it.
    let end = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while write() < 2 {
        assert!(std::time::Instant::now() < end, "it is not tried again");
        std::thread::yield_now();
    }
    for _ in 0..500 {
        assert_eq!(write(), 2, "the first one and one more");
    }
}

#[test]
fn lines_that_a_full_disk_did_not_take_are_counted_in_the_next_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let log = std::fs::File::create(&path).unwrap();
    let destination = Destination::File {
        path: path.clone(),
        max_size: 0,
        // A disk that is always full.
        file: std::fs::File::options()
            .write(true)
            .open("/dev/full")
            .unwrap(),
        torn: false,
    };
    let mut output = Output::new(destination);
    for _ in 0..3 {
        output.write(Severity::Info, "- - - [info] too much");
    }
    output.put(log);
    output.write(Severity::Info, "- - - [info] it fits");
    output.write(Severity::Info, "- - - [info] and this");
    let found = lines(&path);
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(
        found[0].starts_with("- - - [warning] 3 lines of the log are missing here: No space"),
        "{found:?}"
    );
    assert_eq!(
        found[1..],
        ["- - - [info] it fits", "- - - [info] and this"]
    );
}
