//! The PostgreSQL store: the contract, and what only a shared database can get
//! wrong.

mod adoption;
mod commit;
mod creating;
mod fail_over;
mod faults;
mod hostile;
mod portions;
mod roles;
mod sharing;
mod site;
mod targets;

mod contract {
    use std::sync::Arc;

    use mig_store::Store;

    use super::site::Site;

    /// An empty store in a database of its own.
    async fn make() -> Option<(Arc<dyn Store>, Site)> {
        let site = Site::new().await?;
        Some((site.store().await, site))
    }

    mig_store::contract_tests!(make);
}
