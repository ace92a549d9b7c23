//! The servers that a database may be at, and one of them reached.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use deadpool_postgres::Connect;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::task::JoinHandle;
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::{Client, Config, Connection, Error, Socket};

use super::access::PostgresAccess;
use super::failure::describe;

/// Longest wait for one server, from its name to the end of the login. The
/// driver's own limit ends with the TCP connection, and a machine that hangs
/// takes those.
const LONGEST: Duration = Duration::from_secs(10);

/// What comes of `work` in that time. By halves, the second of which begins when the
/// first is over: a machine that stands still, this one, loses one of them at most.
async fn within<F: Future>(longest: Duration, work: F) -> Option<F::Output> {
    let mut work = std::pin::pin!(work);
    for half in [longest / 2; 2] {
        if let Ok(done) = tokio::time::timeout(half, &mut work).await {
            return Some(done);
        }
    }
    None
}

/// Why there is no connection.
#[derive(Debug)]
pub(super) enum Unreached {
    /// The last server that said something said this.
    Refused(Error),
    /// None of them said anything.
    Silent,
}

impl std::fmt::Display for Unreached {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Unreached::Refused(error) => f.write_str(&describe(error)),
            Unreached::Silent => f.write_str(super::failure::SILENT),
        }
    }
}

/// The servers of a database: each is asked, however long the one before it was
/// silent.
pub(super) struct Hosts {
    configs: Vec<Config>,
    longest: Duration,
    /// The one that was good the last time; after a fail-over, nobody waits again
    /// and again for the machine that is gone.
    first: AtomicUsize,
}

impl Hosts {
    pub(super) fn new(access: &PostgresAccess, name: &str) -> Hosts {
        Hosts {
            configs: access.configs(name),
            longest: LONGEST,
            first: AtomicUsize::new(0),
        }
    }

    /// How long it takes at most until all of them were asked.
    pub(super) fn longest(&self) -> Duration {
        let hosts = u32::try_from(self.configs.len()).unwrap_or(u32::MAX);
        self.longest.saturating_mul(hosts)
    }

    /// A connection to the first of them that answers and takes changes.
    pub(super) async fn reach<T>(
        &self,
        tls: T,
    ) -> Result<(Client, Connection<Socket, T::Stream>), Unreached>
    where
        T: MakeTlsConnect<Socket> + Clone,
    {
        let first = self.first.load(Ordering::Relaxed);
        let mut said = Unreached::Silent;
        for turn in 0..self.configs.len() {
            let at = (first + turn) % self.configs.len();
            let connecting = self.configs[at].connect(tls.clone());
            match within(self.longest, connecting).await {
                Some(Ok(connected)) => {
                    self.first.store(at, Ordering::Relaxed);
                    return Ok(connected);
                }
                Some(Err(error)) => said = Unreached::Refused(error),
                None => {}
            }
        }
        Err(said)
    }
}

/// How the pool makes its connections.
pub(super) struct Connector<T> {
    pub(super) hosts: Hosts,
    pub(super) tls: T,
}

impl<T> Connect for Connector<T>
where
    T: MakeTlsConnect<Socket> + Clone + Sync + Send + 'static,
    T::Stream: Sync + Send,
    T::TlsConnect: Sync + Send,
    <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
{
    fn connect(&self, _: &Config) -> BoxFuture<'_, Result<(Client, JoinHandle<()>), Error>> {
        async {
            match self.hosts.reach(self.tls.clone()).await {
                // Its end is seen by whoever uses the client.
                Ok((client, connection)) => {
                    Ok((client, tokio::spawn(async move { drop(connection.await) })))
                }
                Err(Unreached::Refused(error)) => Err(error),
                // The driver has no error for that; the pool has, a moment later.
                Err(Unreached::Silent) => std::future::pending().await,
            }
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use std::task::Poll;

    use tokio::net::TcpListener;
    use tokio_postgres::NoTls;

    use super::*;

    /// Where the machine stood still, the time is over before what had been ready all
    /// along is looked at, one step after the other.
    #[tokio::test]
    async fn what_a_standstill_kept_from_going_on_goes_on() {
        let mut steps = 0;
        // Nobody wakes it but the clock.
        let work = std::future::poll_fn(|_| {
            steps += 1;
            if steps == 3 {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        });
        assert_eq!(within(Duration::from_millis(20), work).await, Some(()));
    }

    /// A server that takes connections and then says nothing, as a machine does
    /// whose disk hangs, keeps nobody from the next one.
    #[tokio::test]
    async fn a_server_that_hangs_during_the_login_is_given_up() {
        let hanging = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = |listener: &TcpListener| listener.local_addr().unwrap().port();
        let ends = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let ends_at = port(&ends);
        let config = |port: u16| {
            let mut config = Config::new();
            config.host("127.0.0.1").port(port).user("u");
            config
        };
        let hosts = Hosts {
            configs: vec![config(port(&hanging)), config(ends_at)],
            longest: Duration::from_secs(2),
            first: AtomicUsize::new(0),
        };
        let (outcome, ()) = tokio::join!(hosts.reach(NoTls), async {
            drop(ends.accept().await.unwrap());
        });
        assert!(matches!(outcome, Err(Unreached::Refused(_))));

        // And if no other one is there, that is what is said.
        let alone = Hosts {
            configs: vec![config(port(&hanging))],
            longest: Duration::from_millis(10),
            first: AtomicUsize::new(0),
        };
        let outcome = alone.reach(NoTls).await.map(|_| ()).unwrap_err();
        assert_eq!(outcome.to_string(), "it does not answer");
    }
}
