//! A database that moves from one server to another.

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use mig_protocol::Time;
use mig_store::postgres::administer;
use mig_store::{Changes, PostgresAccess, PostgresStore, Store, Wake};
use mig_testkit::Silent;
use tokio::time::timeout;

use super::site::Site;

/// Long enough for a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A machine that is off, before the server of a site.
struct Off {
    machine: Silent,
    access: PostgresAccess,
}

impl Off {
    fn before(site: &Site) -> Off {
        // An address of its own, so that the port of another server is free there.
        static LAST: AtomicU8 = AtomicU8::new(1);
        let host = [127, 0, 33, LAST.fetch_add(1, Ordering::Relaxed)];
        let machine = Silent::listen_at((host, site.access().port).into());
        let host = format!("{}, 127.0.0.1", machine.address().ip());
        let access = PostgresAccess {
            host,
            ..site.access()
        };
        Off { machine, access }
    }

    /// What comes of work that asked the machine first. Who asks is seen for the
    /// seconds until it gives up, and who stood still for all of them asks again.
    async fn asked_by<T>(&self, work: impl AsyncFn(PostgresAccess) -> T) -> T {
        for _ in 0..5 {
            let before = waiting_for(self.machine.address());
            let (mut asked, mut work) = (false, pin!(work(self.access.clone())));
            let outcome = loop {
                if let Ok(outcome) = timeout(Duration::from_millis(5), &mut work).await {
                    break outcome;
                }
                asked |= !waiting_for(self.machine.address()).is_subset(&before);
            };
            if asked {
                return outcome;
            }
        }
        panic!("the machine that is off was not asked");
    }
}

/// Where those are that asked for a connection to this address and have no answer.
fn waiting_for(address: SocketAddr) -> HashSet<String> {
    const SYN_SENT: &str = "02";
    let IpAddr::V4(host) = address.ip() else {
        panic!("{address} is not of IPv4");
    };
    // As the kernel writes it.
    let host = u32::from_ne_bytes(host.octets());
    let address = format!("{host:08X}:{:04X}", address.port());
    let table = std::fs::read_to_string("/proc/thread-self/net/tcp").unwrap();
    let from = |line: &str| {
        let mut columns = line.split_whitespace().skip(1);
        let from = columns.next()?.to_owned();
        (columns.next()? == address && columns.next()? == SYN_SENT).then_some(from)
    };
    table.lines().filter_map(from).collect()
}

/// The first server is gone without a word; everything that connects finds the
/// second one.
#[tokio::test]
async fn a_silent_server_does_not_hide_the_next_one() {
    let Some(site) = Site::new().await else {
        return;
    };
    let (gone, also_gone) = (Off::before(&site), Off::before(&site));
    let (store, status) = tokio::join!(
        gone.asked_by(PostgresStore::connect),
        also_gone.asked_by(async |access| administer::status(&access).await),
    );
    let store = store.unwrap();
    assert_eq!(status.unwrap().from, status_of(&site).await);
    store.issue_ids(1, Time::ZERO).await.unwrap();
    // Who follows has a connection of its own.
    let heard = gone.asked_by(async |_| {
        let (wake, changes) = (Wake::new(), Changes::new());
        let mut listener = changes.subscribe();
        let _following = store.follow(wake, changes);
        listener.recv().await.unwrap()
    });
    assert_eq!(heard.await, Changes::ANY);
}

async fn status_of(site: &Site) -> i64 {
    administer::status(&site.access()).await.unwrap().from
}

/// Behind one address another server has taken over, and the one that a program
/// is connected to takes no changes any more.
#[tokio::test]
async fn a_server_that_takes_no_changes_any_more_is_left() {
    let Some(site) = Site::new().await else {
        return;
    };
    let server = site.database.server();
    let only_reads = |words: &str| {
        let name = site.database.name();
        server.sql("postgres", &format!("ALTER DATABASE {name} {words}"));
    };
    only_reads("SET default_transaction_read_only = on");
    // Over the socket nobody is asked whether it takes changes.
    let access = PostgresAccess {
        host: server.socket_dir().display().to_string(),
        ..site.access()
    };
    let store = PostgresStore::connect(access).await.unwrap();
    let connected = || -> HashSet<String> {
        let connected = site.database.sql(
            "SELECT pid FROM pg_stat_activity
             WHERE application_name = 'mig' AND datname = current_database()",
        );
        connected.lines().map(str::to_owned).collect()
    };
    let first = connected();
    assert!(!first.is_empty(), "nobody is connected");
    // For new connections only.
    only_reads("RESET default_transaction_read_only");
    store.issue_ids(1, Time::ZERO).await.unwrap();
    // The server may take a moment to see that it was left.
    let left = async {
        while !connected().is_disjoint(&first) {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, left)
        .await
        .expect("the first one is left");
}
