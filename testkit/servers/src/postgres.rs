//! A private PostgreSQL.

mod cluster;
mod standby;

use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::{Certificates, STARTING, ending, kept, owner, printed, tail};

const SUPERUSER: &str = "postgres";
const PASSWORD: &str = "correct horse";

/// A private PostgreSQL server. TLS is on and optional over TCP, where it wants
/// a password; its socket trusts everybody who reaches it.
pub struct Postgres {
    programs: PathBuf,
    directory: TempDir,
    certificates: Certificates,
    /// Where it listens.
    addresses: Vec<String>,
    running: Mutex<Running>,
}

struct Running {
    child: Option<Child>,
    port: u16,
}

static SHARED: Mutex<Weak<Postgres>> = Mutex::new(Weak::new());

impl Postgres {
    /// The instance that the tests of this program share. `None` when the
    /// package is not installed; the test is then reported as skipped.
    pub fn shared() -> Option<Arc<Postgres>> {
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(server) = shared.upgrade() {
            return Some(server);
        }
        let server = Arc::new(Postgres::start()?);
        *shared = Arc::downgrade(&server);
        kept::keep(Arc::clone(&server) as _);
        Some(server)
    }

    /// An instance for one test. `None` when the package is not installed; the
    /// test is then reported as skipped.
    ///
    /// # Panics
    /// When the server does not start; the message has the end of its log.
    pub fn start() -> Option<Postgres> {
        Postgres::start_at(&[])
    }

    /// The same, listening at these addresses beside 127.0.0.1: for a network
    /// namespace that is the test's own.
    ///
    /// # Panics
    /// As [`Postgres::start`].
    pub fn start_at(addresses: &[&str]) -> Option<Postgres> {
        let Some(programs) = programs() else {
            mig_testkit::skip("postgresql is not installed");
            return None;
        };
        let directory = owner::directory("mig-pg");
        let certificates = Certificates::make(directory.path(), addresses);
        let data = directory.path().join("data");
        cluster::make(&programs, directory.path(), &data);
        admit_everywhere(&data.join("pg_hba.conf"));
        let server = Postgres {
            programs,
            directory,
            certificates,
            addresses: listening(addresses),
            running: Mutex::new(Running {
                child: None,
                port: 0,
            }),
        };
        server.launch(&mut server.running());
        Some(server)
    }

    /// The TCP port on 127.0.0.1; also after [`Postgres::restart`].
    pub fn port(&self) -> u16 {
        self.running().port
    }

    /// Name of the superuser.
    pub fn superuser(&self) -> &'static str {
        SUPERUSER
    }

    /// The superuser's password.
    pub fn password(&self) -> &'static str {
        PASSWORD
    }

    /// The directory of the socket.
    pub fn socket_dir(&self) -> &Path {
        self.directory.path()
    }

    /// The authority that signed the server's certificate, which is for
    /// `localhost` and `127.0.0.1`; PEM.
    pub fn ca(&self) -> PathBuf {
        self.certificates.ca()
    }

    /// A new empty database.
    pub fn new_database(self: &Arc<Self>) -> Database {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let name = format!("mig{}", NEXT.fetch_add(1, Ordering::Relaxed));
        // The other template is busy while the server cleans up in it, and on a busy
        // machine for longer than PostgreSQL waits.
        let statement = format!("CREATE DATABASE {name} TEMPLATE template0");
        self.sql(SUPERUSER, &statement);
        Database {
            server: Arc::clone(self),
            name,
        }
    }

    /// Executes SQL in a database as the superuser, through the socket, and
    /// returns the rows: a line each, columns separated by `|`.
    ///
    /// # Panics
    /// When the server refuses it.
    pub fn sql(&self, database: &str, statements: &str) -> String {
        self.try_sql(database, statements)
            .unwrap_or_else(|error| panic!("{error}"))
    }

    fn try_sql(&self, database: &str, statements: &str) -> Result<String, String> {
        let mut command = Command::new(self.programs.join("psql"));
        command
            .args(["--no-psqlrc", "--tuples-only", "--no-align", "--quiet"])
            .args(["--set", "ON_ERROR_STOP=1", "--username", SUPERUSER])
            .arg("--host")
            .arg(self.socket_dir())
            .args(["--port", &self.port().to_string()])
            .args(["--dbname", database, "--command", statements]);
        printed(&mut command)
    }

    /// Kills the server as a crash would, and waits until it is gone with all its
    /// processes: nothing is committed any more. Only for an instance of one's own.
    ///
    /// # Panics
    /// When it had ended already; the message has the end of its log.
    pub fn kill(&self) {
        let child = self.running().child.take().expect("it runs");
        ending::crash(child, &self.log());
        ending::wait_until_left(&self.data());
    }

    /// Stops the server; open connections are ended. Only for an instance of
    /// one's own.
    pub fn stop(&self) {
        self.end(Signal::SIGINT);
    }

    /// Starts the server again after [`Postgres::kill`] or [`Postgres::stop`],
    /// with the same data on the same port.
    ///
    /// # Panics
    /// When it does not start.
    pub fn restart(&self) {
        let mut running = self.running();
        assert!(running.child.is_none(), "it runs");
        self.launch(&mut running);
    }

    fn end(&self, signal: Signal) {
        if let Some(mut child) = self.running().child.take() {
            ending::signal(&child, signal);
            child.wait().expect("wait");
        }
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    fn log(&self) -> PathBuf {
        self.directory.path().join("log")
    }

    fn running(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn launch(&self, running: &mut Running) {
        let end = Instant::now() + STARTING;
        let known = running.port;
        loop {
            // Somebody else may take the port meanwhile: then another one, but
            // after a restart clients know the old one.
            running.port = match known {
                0 => mig_testkit::free_port(),
                known => known,
            };
            let child = mig_testkit::spawn_until(&mut self.server(running.port), Signal::SIGQUIT);
            let mut child = child.expect("PostgreSQL starts");
            if self.answers(&mut child, running.port, end) {
                running.child = Some(child);
                return;
            }
            assert!(
                Instant::now() < end,
                "PostgreSQL does not start: {}",
                tail(&self.log())
            );
            std::thread::park_timeout(Duration::from_millis(50));
        }
    }

    /// Waits until the server answers; false when it ended instead.
    fn answers(&self, child: &mut Child, port: u16, end: Instant) -> bool {
        loop {
            if child.try_wait().expect("wait").is_some() {
                return false;
            }
            let ready = Command::new(self.programs.join("pg_isready"))
                .arg("--quiet")
                .arg("--host")
                .arg(self.socket_dir())
                .args(["--port", &port.to_string()])
                .status();
            if ready.is_ok_and(|status| status.success()) {
                return true;
            }
            if Instant::now() > end {
                let _ = child.kill();
                let _ = child.wait();
                return false;
            }
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }

    fn server(&self, port: u16) -> Command {
        let directory = self.directory.path();
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.log())
            .expect("a log");
        let mut command = owner::command(&self.programs.join("postgres"), directory);
        command.arg("-D").arg(self.data());
        // Nothing here survives the machine, so nothing is forced to the disk; a
        // killed process loses nothing by that, since what was committed has been
        // written all the same.
        let settings = [
            format!("listen_addresses={}", self.addresses.join(",")),
            format!("port={port}"),
            format!("unix_socket_directories={}", directory.display()),
            "max_connections=200".to_owned(),
            "shared_buffers=32MB".to_owned(),
            "fsync=off".to_owned(),
            "full_page_writes=off".to_owned(),
            "ssl=on".to_owned(),
            format!("ssl_ca_file={}", self.ca().display()),
            format!(
                "ssl_cert_file={}",
                self.certificates.certificate("server").display()
            ),
            format!("ssl_key_file={}", self.certificates.key("server").display()),
        ];
        for setting in settings {
            command.arg("-c").arg(setting);
        }
        command
            .stdin(std::process::Stdio::null())
            .stdout(log.try_clone().expect("a log"))
            .stderr(log);
        command
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.end(Signal::SIGQUIT);
    }
}

/// A database that exists as long as this value.
pub struct Database {
    server: Arc<Postgres>,
    name: String,
}

impl Database {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its server.
    pub fn server(&self) -> &Arc<Postgres> {
        &self.server
    }

    /// As [`Postgres::sql`], in this database.
    ///
    /// # Panics
    /// When the server refuses it.
    pub fn sql(&self, statements: &str) -> String {
        self.server.sql(&self.name, statements)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // It goes with the server anyway, and a busy machine may not end its
        // connections in the five seconds that PostgreSQL allows.
        let _ = self.server.try_sql(
            SUPERUSER,
            &format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name),
        );
    }
}

/// 127.0.0.1 and these addresses.
fn listening(addresses: &[&str]) -> Vec<String> {
    let all = ["127.0.0.1"].iter().chain(addresses);
    all.map(|&address| address.to_owned()).collect()
}

/// Wants the password from whatever address somebody comes.
fn admit_everywhere(file: &Path) {
    use std::io::Write;
    let opened = std::fs::File::options().append(true).open(file);
    let mut opened = opened.unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    opened
        .write_all(b"host all all all scram-sha-256\n")
        .expect("write");
}

/// Where Debian puts the programs of the newest version that is installed.
fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    versions
        .filter_map(|entry| {
            let name = entry.ok()?.file_name();
            let version: u32 = name.to_str()?.parse().ok()?;
            let programs = Path::new("/usr/lib/postgresql").join(name).join("bin");
            programs
                .join("postgres")
                .exists()
                .then_some((version, programs))
        })
        .max()
        .map(|(_, programs)| programs)
}
