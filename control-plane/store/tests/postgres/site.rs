//! Databases for tests.

use std::sync::Arc;

use mig_store::postgres::administer;
use mig_store::{PostgresAccess, PostgresStore, SslMode};
use mig_test_servers::{Database, Postgres};

/// A database of its own on the server that all tests share, with the newest
/// schema.
pub struct Site {
    pub database: Database,
}

impl Site {
    /// `None` when there is no PostgreSQL; the test is skipped then.
    pub async fn new() -> Option<Site> {
        let site = Site::empty(&Postgres::shared()?);
        administer::migrate(&site.access()).await.expect("migrated");
        Some(site)
    }

    /// Without a schema.
    pub fn empty(server: &Arc<Postgres>) -> Site {
        Site {
            database: server.new_database(),
        }
    }

    /// As the superuser.
    pub fn access(&self) -> PostgresAccess {
        let server = self.database.server();
        PostgresAccess {
            host: "127.0.0.1".into(),
            port: server.port(),
            dbname: self.database.name().into(),
            user: server.superuser().into(),
            password: server.password().into(),
            sslmode: SslMode::Disable,
            ca: None,
            maxconn: Some(4),
        }
    }

    /// Another process's view of the database.
    pub async fn store(&self) -> Arc<PostgresStore> {
        let store = PostgresStore::connect(self.access()).await;
        Arc::new(store.expect("connected"))
    }
}
