//! A second server that has everything the first one committed.

use std::sync::Mutex;

use super::{Postgres, Running, SUPERUSER};
use crate::{Certificates, STARTING, owner, printed};

impl Postgres {
    /// Starts a standby of this server at another address of this machine, on the
    /// same port, and waits until no transaction is committed without it. Only for
    /// an instance of one's own.
    ///
    /// # Panics
    /// When it does not start, or never is in step.
    pub fn start_standby(&self, address: &str) -> Postgres {
        let directory = owner::directory("mig-pg");
        let certificates = Certificates::make(directory.path(), &[address]);
        printed(
            owner::command(&self.programs.join("pg_basebackup"), directory.path())
                .arg("--pgdata")
                .arg(directory.path().join("data"))
                .arg("--host")
                .arg(self.socket_dir())
                .args(["--port", &self.port().to_string()])
                .args(["--username", SUPERUSER, "--checkpoint", "fast", "--no-sync"])
                .args(["--wal-method", "stream", "--write-recovery-conf"]),
        )
        .expect("pg_basebackup");
        let standby = Postgres {
            programs: self.programs.clone(),
            directory,
            certificates,
            addresses: vec![address.to_owned()],
            running: Mutex::new(Running {
                child: None,
                port: self.port(),
            }),
        };
        standby.launch(&mut standby.running());
        self.sql(
            SUPERUSER,
            "ALTER SYSTEM SET synchronous_standby_names = '*'",
        );
        self.sql(SUPERUSER, "SELECT pg_reload_conf()");
        mig_testkit::wait_until("the standby being in step", STARTING, || {
            let state = "SELECT sync_state FROM pg_stat_replication";
            self.sql(SUPERUSER, state).trim() == "sync"
        });
        standby
    }

    /// Makes a standby the primary, and waits until it takes changes.
    ///
    /// # Panics
    /// When it does not become the primary.
    pub fn promote(&self) {
        let promoted = self.sql(SUPERUSER, "SELECT pg_promote(true, 120)");
        assert_eq!(promoted.trim(), "t", "{}", crate::tail(&self.log()));
    }
}
