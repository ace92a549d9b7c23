//! Standard error, a rotated file, or a syslog server.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::net::{TcpStream, UdpSocket};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use time::OffsetDateTime;
use time::macros::format_description;

use crate::{LoggingError, Mode, Protocol, Severity};

/// The daemon facility, as the original's programs use.
const FACILITY: u8 = 3;
/// Longest wait for a syslog server: a log must not stall its program.
const SYSLOG_TIMEOUT: Duration = Duration::from_secs(2);
/// Least time between two attempts to reach a lost syslog server: each may take
/// [`SYSLOG_TIMEOUT`], and whoever logs waits for it.
const SYSLOG_RETRY: Duration = Duration::from_secs(30);

/// Where lines go.
pub(crate) enum Destination {
    Stderr,
    File {
        path: PathBuf,
        max_size: u64,
        file: File,
    },
    Udp {
        socket: UdpSocket,
        tag: String,
    },
    Tcp {
        host: String,
        port: u16,
        stream: Option<TcpStream>,
        /// When a lost connection may be tried again.
        retry: Instant,
        tag: String,
    },
}

impl Destination {
    pub(crate) fn open(mode: &Mode, program: &str) -> Result<Self, LoggingError> {
        match mode {
            Mode::Stdout => Ok(Self::Stderr),
            Mode::File { path, max_size } => match append(path) {
                Ok(file) => Ok(Self::File {
                    path: path.clone(),
                    max_size: *max_size,
                    file,
                }),
                Err(source) => Err(LoggingError::File {
                    path: path.clone(),
                    source,
                }),
            },
            Mode::Syslog {
                host,
                port,
                protocol,
            } => {
                let tag = format!("{program}[{}]", std::process::id());
                let opened = match protocol {
                    Protocol::Udp => udp(host, *port).map(|socket| Self::Udp { socket, tag }),
                    Protocol::Tcp => tcp(host, *port).map(|stream| Self::Tcp {
                        host: host.clone(),
                        port: *port,
                        stream: Some(stream),
                        retry: Instant::now(),
                        tag,
                    }),
                };
                opened.map_err(|source| LoggingError::Syslog {
                    host: host.clone(),
                    port: *port,
                    source,
                })
            }
        }
    }

    /// Writes one line. A destination that fails must not stop the program, so
    /// failures end here; a lost syslog connection is tried again after a while.
    pub(crate) fn write(&mut self, severity: Severity, text: &str) {
        match self {
            Self::Stderr => {
                let _ = writeln!(io::stderr(), "{} {text}", stamp());
            }
            Self::File {
                path,
                max_size,
                file,
            } => {
                if *max_size > 0 && file.metadata().is_ok_and(|meta| meta.len() >= *max_size) {
                    let mut old = path.clone().into_os_string();
                    old.push(".1");
                    if std::fs::rename(&*path, &old).is_ok()
                        && let Ok(fresh) = append(path)
                    {
                        *file = fresh;
                    }
                }
                let _ = file.write_all(format!("{} {text}\n", stamp()).as_bytes());
            }
            Self::Udp { socket, tag } => {
                let _ = socket.send(packet(severity, tag, text).as_bytes());
            }
            Self::Tcp {
                host,
                port,
                stream,
                retry,
                tag,
            } => {
                if stream.is_none() && Instant::now() >= *retry {
                    *stream = tcp(host, *port).ok();
                    *retry = Instant::now() + SYSLOG_RETRY;
                }
                let line = format!("{}\n", packet(severity, tag, text));
                if let Some(open) = stream
                    && open.write_all(line.as_bytes()).is_err()
                {
                    *stream = None;
                }
            }
        }
    }
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o640)
        .open(path)
}

fn udp(host: &str, port: u16) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(("0.0.0.0", 0)).or_else(|_| UdpSocket::bind(("::", 0)))?;
    socket.connect((host, port))?;
    Ok(socket)
}

fn tcp(host: &str, port: u16) -> io::Result<TcpStream> {
    use std::net::ToSocketAddrs;
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in (host, port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, SYSLOG_TIMEOUT) {
            Ok(stream) => {
                stream.set_write_timeout(Some(SYSLOG_TIMEOUT))?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// A syslog message (RFC 3164 without the time, which servers add).
fn packet(severity: Severity, tag: &str, text: &str) -> String {
    format!("<{}>{tag}: {text}", FACILITY * 8 + severity as u8)
}

/// Local date and time, `2024/03/01 10:00:00`; UTC where the offset is unknown.
fn stamp() -> String {
    let now = OffsetDateTime::now_local().unwrap_or_else(|_| OffsetDateTime::now_utc());
    now.format(format_description!(
        "[year]/[month]/[day] [hour]:[minute]:[second]"
    ))
    .unwrap_or_default()
}
