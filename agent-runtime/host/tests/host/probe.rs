//! A linked module that does whatever a test tells it to.

use std::net::TcpListener;
use std::time::Duration;

use mig_plugin_sdk::{Defaults, Failure, Module, Options, ResultDocument, Session, declare_plugin};
use serde::{Deserialize, Serialize};
use serde_json::json;

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Parameters {
    act: String,
    count: u64,
    path: String,
}

pub struct Probe;

impl Module for Probe {
    type Parameters = Parameters;
    const MANIFEST: &'static [u8] = include_bytes!("probe.json");

    fn run(parameters: Parameters, session: &Session<'_>) -> Result<ResultDocument, Failure> {
        let mut errors = Vec::new();
        match parameters.act.as_str() {
            "stream" => {
                for index in 0..parameters.count {
                    let place = if index % 2 == 0 {
                        "/elements/even"
                    } else {
                        "/elements/odd"
                    };
                    session.element(place, &json!({"name": format!("n{index}"), "size": index}))?;
                }
            }
            "panic" => panic!("as it was told"),
            "abort" => std::process::abort(),
            "exit" => std::process::exit(3),
            "overflow the stack" => errors.push(dig(0).to_string()),
            "allocate" => {
                let mut held = Vec::new();
                loop {
                    session.check()?;
                    held.push(vec![1u8; 1 << 20]);
                    session.progress(held.len() as u64, 0);
                }
            }
            "loop" => {
                session.element("/elements/even", &json!({"name": "before", "size": 1}))?;
                loop {
                    std::hint::spin_loop();
                }
            }
            "wait" => {
                session.element("/elements/even", &json!({"name": "first", "size": 1}))?;
                session.element("/elements/even", &json!({"name": "second", "size": 2}))?;
                session.progress(2, 2);
                while !session.cancelled() {
                    std::thread::park_timeout(Duration::from_millis(2));
                }
                return Err(Failure::cancelled().with_partial(ResultDocument {
                    foundanything: true,
                    statistics: json!({"seen": 2}),
                    ..ResultDocument::default()
                }));
            }
            "log" => {
                session.warning("first\nline \u{1b}[31m");
                session.progress(1, 3);
            }
            "print" => println!("stray output of a module"),
            "undeclared" => {
                return Ok(ResultDocument {
                    success: true,
                    elements: json!({"even": [{"name": "x", "secret": "y"}]}),
                    ..ResultDocument::default()
                });
            }
            "elsewhere" => session.element("/elements/nowhere", &json!({"name": "x"}))?,
            "errors" => errors.push(format!("cannot read {}", parameters.path)),
            "fail" => return Err(Failure::unsupported(format!("no {} here", parameters.path))),
            "read" => errors.extend(error_of(std::fs::read(&parameters.path))),
            "write" => errors.extend(error_of(std::fs::write(&parameters.path, "x"))),
            "listen" => errors.extend(error_of(TcpListener::bind("127.0.0.1:0"))),
            "spawn" => {
                errors.extend(error_of(std::process::Command::new("/bin/true").status()));
            }
            "threads" => {
                let threads: Vec<_> = (0..4).map(|n| std::thread::spawn(move || n)).collect();
                let sum: u64 = threads.into_iter().filter_map(|t| t.join().ok()).sum();
                errors.push(sum.to_string());
            }
            "environment" => {
                let mut names: Vec<_> = std::env::vars().map(|(name, _)| name).collect();
                names.sort();
                errors.push(names.join(" "));
            }
            "open descriptors" => {
                let open = (0..1024).filter(|fd| is_open(*fd)).map(|fd| fd.to_string());
                errors.push(open.collect::<Vec<_>>().join(" "));
            }
            other => return Err(Failure::bad_parameters("act", format!("what is {other}?"))),
        }
        Ok(ResultDocument {
            foundanything: parameters.count > 0,
            success: true,
            elements: json!({"even": null, "odd": []}),
            statistics: json!({"seen": parameters.count}),
            errors: (!errors.is_empty()).then_some(errors),
        })
    }

    fn options(words: &[String], _: Defaults) -> Result<Options<Parameters>, Failure> {
        match words.first().map(String::as_str) {
            Some("help") => Ok(Options::Help("do what?".to_owned())),
            Some("-read") => Err(Failure::bad_parameters(
                "-read",
                format!("{:?}", std::fs::read("/etc/passwd").map(drop)),
            )),
            Some("-hang") => loop {
                std::hint::spin_loop();
            },
            Some(act) => Ok(Options::Parameters(Parameters {
                act: act.to_owned(),
                ..Parameters::default()
            })),
            None => Err(Failure::bad_parameters("words", "say what to do")),
        }
    }

    fn print(result: &ResultDocument, _: bool) -> Result<Vec<String>, Failure> {
        Ok(vec![format!("\u{1b}[2J{}", result.elements)])
    }
}

declare_plugin!(Probe);

fn error_of<T>(result: std::io::Result<T>) -> Option<String> {
    result.err().map(|error| format!("{:?}", error.kind()))
}

fn is_open(fd: i32) -> bool {
    // SAFETY: F_GETFD only looks a number up.
    unsafe { libc::fcntl(fd, libc::F_GETFD) >= 0 }
}

#[allow(unconditional_recursion)]
fn dig(depth: u64) -> u64 {
    let room = [depth; 512];
    std::hint::black_box(&room);
    dig(depth + 1) + room[0]
}
