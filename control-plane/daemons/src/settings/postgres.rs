//! `[postgres]`, the same in both files.

use mig_store::{PostgresAccess, SslMode};

use super::SettingsError;
use super::reader::Reader;

/// What encryption alone is not.
pub(super) fn warning(file: &Reader, access: &PostgresAccess) -> Option<String> {
    let blind = access.sslmode == SslMode::Require && access.ca.is_none();
    blind.then(|| {
        format!(
            "{}: [postgres] sslmode = require encrypts, but whoever answers at {} is taken for the \
             database; write verify-full, and the authority's certificate as `ca`",
            file.0.file(),
            access.host
        )
    })
}

pub(super) fn read(file: &Reader) -> Result<PostgresAccess, SettingsError> {
    let required = |key| file.0.required("postgres", key).map(str::to_owned);
    let host = required("host")?;
    // A socket needs no password when the server knows who is at its other end.
    let password = if host.starts_with('/') {
        file.text("postgres", "password")
            .unwrap_or_default()
            .to_owned()
    } else {
        required("password")?
    };
    let sslmode = match file.text("postgres", "sslmode") {
        None => SslMode::VerifyFull,
        Some(text) => text
            .parse()
            .map_err(|problem: String| file.wrong("postgres", "sslmode", problem))?,
    };
    let maxconn = match file.0.integer("postgres", "maxconn") {
        None | Some(0) => None,
        Some(number) => Some(usize::try_from(number).map_err(|_| {
            file.wrong(
                "postgres",
                "maxconn",
                format!("{number} is not a number of connections"),
            )
        })?),
    };
    Ok(PostgresAccess {
        host,
        port: file.port("postgres", "port")?.unwrap_or(5432),
        dbname: required("dbname")?,
        user: required("user")?,
        password,
        sslmode,
        ca: file.0.path("postgres", "ca"),
        maxconn,
    })
}
