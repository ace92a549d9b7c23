//! `mig-scheduler database`: creating the database, bringing it up to date, and
//! saying how it is.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use mig_store::postgres::administer::{self, AdminAccess, Created, Migrated};
use mig_store::{PostgresAccess, SslMode};

use crate::life::StartError;
use crate::settings::SchedulerSettings;

/// The variable of PostgreSQL's own programs.
const PASSWORD: &str = "PGPASSWORD";
/// Where Debian's server has its socket.
const SOCKET: &str = "/var/run/postgresql";

/// What to do with the database.
#[derive(Debug, Subcommand)]
pub enum DatabaseTask {
    /// Create database and roles, and print the credentials and the sections
    /// `[postgres]` of both configuration files. Run again it completes what is
    /// missing.
    ///
    /// Locally, as the system user `postgres`: `mig-scheduler database create`,
    /// with `--print-host db.example.org` when the programs run elsewhere.
    /// Remotely: `PGPASSWORD=... mig-scheduler database create --host db.example.org`.
    Create {
        /// How to reach the server.
        #[command(flatten)]
        server: Server,
        /// Role to do it as: a superuser, or one that may create roles and
        /// databases.
        #[arg(long = "as", value_name = "ROLE", default_value = "postgres")]
        role: String,
        /// Also give roles that exist new passwords.
        #[arg(long)]
        new_passwords: bool,
        /// How schedulers and APIs will reach it.
        #[command(flatten)]
        printed: Printed,
    },
    /// Bring a database to the schema of this program, one of the original too.
    Migrate {
        /// How to reach the server.
        #[command(flatten)]
        server: Server,
        /// Role to do it as: the owner, or a superuser.
        #[arg(long = "as", value_name = "ROLE", default_value = "migadmin")]
        role: String,
    },
    /// Say which schema the database of the configuration file has.
    Status,
}

/// How an administrator reaches the server. The password is taken from
/// PGPASSWORD or a file, never from the command line, which everybody sees.
#[derive(Debug, Args)]
pub struct Server {
    /// Name, address, or directory of the server's socket.
    #[arg(long, default_value = SOCKET)]
    host: String,
    /// Port.
    #[arg(long, default_value_t = 5432)]
    port: u16,
    /// Name of the database.
    #[arg(long, default_value = "mig")]
    dbname: String,
    /// disable, require or verify-full; by default verify-full, and nothing over
    /// a socket.
    #[arg(long)]
    sslmode: Option<SslMode>,
    /// Authority of the server's certificate, PEM.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// File with the password; by default it is in PGPASSWORD, if there is one.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

/// What the printed sections say instead of how the administrator came here.
#[derive(Debug, Args)]
pub struct Printed {
    /// Host in the printed sections, when schedulers and APIs reach the server by
    /// another one than --host.
    #[arg(long, value_name = "HOST")]
    print_host: Option<String>,
    /// Authority in the printed sections, when its certificate lies elsewhere on
    /// their machines than --ca says.
    #[arg(long, value_name = "FILE")]
    print_ca: Option<PathBuf>,
}

/// Whether a host is the directory of a socket.
fn is_socket(host: &str) -> bool {
    host.starts_with('/')
}

impl Server {
    fn sslmode(&self) -> SslMode {
        self.sslmode_for(&self.host)
    }

    /// What was asked for counts for hosts that are reached in the same way.
    fn sslmode_for(&self, host: &str) -> SslMode {
        match self.sslmode {
            Some(sslmode) if is_socket(host) == is_socket(&self.host) => sslmode,
            _ if is_socket(host) => SslMode::Disable,
            _ => SslMode::VerifyFull,
        }
    }

    fn password(&self) -> Result<String, StartError> {
        match &self.password_file {
            None => Ok(std::env::var(PASSWORD).unwrap_or_default()),
            Some(path) => match std::fs::read_to_string(path) {
                Ok(text) => Ok(text.trim_end_matches(['\r', '\n']).to_owned()),
                Err(error) => Err(StartError::File {
                    path: path.clone(),
                    problem: error.to_string(),
                }),
            },
        }
    }

    fn admin(&self, role: &str) -> Result<AdminAccess, StartError> {
        Ok(AdminAccess {
            host: self.host.clone(),
            port: self.port,
            user: role.to_owned(),
            password: self.password()?,
            sslmode: self.sslmode(),
            ca: self.ca.clone(),
        })
    }

    fn access(&self, role: &str) -> Result<PostgresAccess, StartError> {
        let admin = self.admin(role)?;
        Ok(PostgresAccess {
            host: admin.host,
            port: admin.port,
            dbname: self.dbname.clone(),
            user: admin.user,
            password: admin.password,
            sslmode: admin.sslmode,
            ca: admin.ca,
            maxconn: None,
        })
    }

    /// The section of a configuration file with which a role logs in.
    fn section(&self, printed: &Printed, role: &str, password: Option<&str>) -> String {
        let host = printed.print_host.as_ref().unwrap_or(&self.host);
        let sslmode = self.sslmode_for(host);
        let ca = printed.print_ca.as_ref().or(self.ca.as_ref());
        let mut text = format!(
            "[postgres]\nhost = \"{}\"\nport = {}\ndbname = \"{}\"\nuser = \"{role}\"\n",
            escaped(host),
            self.port,
            escaped(&self.dbname)
        );
        // Writing to a string does not fail.
        let _ = match password {
            Some(password) => writeln!(text, "password = \"{password}\""),
            None => writeln!(text, "; password = the one it had before"),
        };
        let _ = writeln!(text, "sslmode = \"{sslmode}\"");
        if let Some(ca) = ca.filter(|_| sslmode != SslMode::Disable) {
            let _ = writeln!(text, "ca = \"{}\"", escaped(&ca.display().to_string()));
        }
        text
    }
}

/// A value of a configuration file between quotes.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

/// Carries out a task; `config` counts for the status only.
///
/// # Errors
/// One line that says what is wrong.
pub async fn run(config: &Path, task: &DatabaseTask) -> Result<(), StartError> {
    match task {
        DatabaseTask::Create {
            server,
            role,
            new_passwords,
            printed,
        } => {
            let admin = server.admin(role)?;
            let access = server.access(role)?;
            say_taking_over(&access).await;
            let created = administer::create(&admin, &server.dbname, *new_passwords).await?;
            print!("{}", report(server, printed, &created));
            say_remarks(&access).await;
        }
        DatabaseTask::Migrate { server, role } => {
            let access = server.access(role)?;
            say_taking_over(&access).await;
            let migrated = administer::migrate(&access).await?;
            println!("{}: {}", server.dbname, change(&migrated));
            say_remarks(&access).await;
        }
        DatabaseTask::Status => {
            let settings = SchedulerSettings::load(config)?;
            let status = administer::status(&settings.postgres).await?;
            println!("{}: {}", settings.postgres, state(&status));
            say_remarks(&settings.postgres).await;
        }
    }
    Ok(())
}

/// Says what will take a while, before it does.
async fn say_taking_over(access: &PostgresAccess) {
    // Whatever is wrong with the database, the task itself says.
    if let Ok(Some(size)) = administer::size_of_original(access).await {
        eprintln!(
            "notice: {} is a database of the original with {size}, whose tables are written anew \
             in one transaction; that takes a while, and as much free space again",
            access.dbname
        );
    }
}

/// What is to be known of a database although it works.
async fn say_remarks(access: &PostgresAccess) {
    let remarks = administer::remarks(access)
        .await
        .unwrap_or_else(|error| vec![mig_logging::causes(&error)]);
    for remark in remarks {
        eprintln!("warning: {remark}");
    }
}

/// What was created, in comments, and the sections for both files: the whole can
/// be pasted.
fn report(server: &Server, printed: &Printed, created: &Created) -> String {
    let done = if created.new { "created" } else { "was there" };
    let mut text = format!(
        "; database {}: {done}, {}\n",
        server.dbname,
        change(&created.migrated)
    );
    for credential in &created.credentials {
        let _ = match &credential.password {
            Some(password) => writeln!(text, "; role {}: password {password}", credential.role),
            None => writeln!(
                text,
                "; role {}: was there and keeps its password; --new-passwords changes it",
                credential.role
            ),
        };
    }
    for (file, role) in [("scheduler.cfg", "migscheduler"), ("api.cfg", "migapi")] {
        let credential = created.credentials.iter().find(|one| one.role == role);
        let password = credential.and_then(|one| one.password.as_deref());
        let _ = write!(
            text,
            "\n; {file}\n{}",
            server.section(printed, role, password)
        );
    }
    text
}

fn change(migrated: &Migrated) -> String {
    match migrated {
        Migrated {
            adopted: true, to, ..
        } => {
            format!("a database of the original, taken over as schema version {to}")
        }
        Migrated { from, to, .. } if from == to => format!("schema version {to} already"),
        Migrated { from: 0, to, .. } => format!("schema version {to}"),
        Migrated { from, to, .. } => format!("schema version {to} instead of {from}"),
    }
}

fn state(status: &Migrated) -> String {
    const REMEDY: &str = "run `mig-scheduler database migrate`";
    match status {
        Migrated { adopted: true, .. } => format!("a database of the original; {REMEDY}"),
        Migrated { from: 0, .. } => format!("empty; {REMEDY}"),
        Migrated { from, to, .. } if from < to => {
            format!("schema version {from}, this program needs {to}; {REMEDY}")
        }
        Migrated { from, to, .. } if from > to => {
            format!("schema version {from}, this program knows up to {to}; use a newer program")
        }
        Migrated { from, .. } => format!("schema version {from}, up to date"),
    }
}
