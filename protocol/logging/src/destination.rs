//! Standard error, a rotated file, or a syslog server.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::net::{TcpStream, UdpSocket};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use time::OffsetDateTime;
use time::macros::format_description;

use crate::line::Line;
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
        /// Whether it ends with a part of a line.
        torn: bool,
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
                    torn: false,
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

    /// Writes one line.
    fn write(&mut self, severity: Severity, text: &str) -> io::Result<()> {
        match self {
            Self::Stderr => writeln!(io::stderr(), "{} {text}", stamp()),
            Self::File {
                path,
                max_size,
                file,
                torn,
            } => {
                if *max_size > 0 && file.metadata().is_ok_and(|meta| meta.len() >= *max_size) {
                    let mut old = path.clone().into_os_string();
                    old.push(".1");
                    if std::fs::rename(&*path, &old).is_ok()
                        && let Ok(fresh) = append(path)
                    {
                        *file = fresh;
                        *torn = false;
                    }
                }
                let size = |file: &File| file.metadata().map_or(0, |meta| meta.len());
                let before = size(file);
                let end_of_torn = if *torn { "\n" } else { "" };
                let line = format!("{end_of_torn}{} {text}\n", stamp());
                let written = file.write_all(line.as_bytes());
                *torn = written.is_err() && (*torn || size(file) > before);
                written
            }
            Self::Udp { socket, tag } => socket
                .send(packet(severity, tag, text).as_bytes())
                .map(|_| ()),
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
                let Some(open) = stream else {
                    return Err(io::ErrorKind::NotConnected.into());
                };
                let line = format!("{}\n", packet(severity, tag, text));
                let written = open.write_all(line.as_bytes());
                if written.is_err() {
                    *stream = None;
                }
                written
            }
        }
    }
}

/// A destination, and what it did not take. A log that fails must not stop its
/// program, so failures end here; the next line that can be written follows one
/// that says how many are missing.
pub(crate) struct Output {
    destination: Destination,
    lost: u64,
    /// Why the last of them is missing.
    reason: String,
}

impl Output {
    pub(crate) fn new(destination: Destination) -> Self {
        Self {
            destination,
            lost: 0,
            reason: String::new(),
        }
    }

    /// Writes one line if that can be done; a lost syslog connection is tried again
    /// after a while.
    pub(crate) fn write(&mut self, severity: Severity, text: &str) {
        let written = self
            .tell_of_lost()
            .and_then(|()| self.destination.write(severity, text));
        if let Err(error) = written {
            self.lost += 1;
            self.reason = error.to_string();
        }
    }

    /// Makes room, for a test.
    #[cfg(test)]
    pub(crate) fn put(&mut self, room: File) {
        if let Destination::File { file, .. } = &mut self.destination {
            *file = room;
        }
    }

    fn tell_of_lost(&mut self) -> io::Result<()> {
        if self.lost == 0 {
            return Ok(());
        }
        let severity = Severity::Warning;
        let said = format!(
            "{} lines of the log are missing here: {}.",
            self.lost, self.reason
        );
        let line = Line::saying(said).render(severity);
        self.destination.write(severity, &line)?;
        self.lost = 0;
        Ok(())
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
