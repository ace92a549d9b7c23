//! Hears what other processes do.

use std::time::Duration;

use futures_util::{Stream, StreamExt, stream};
use mig_protocol::Id;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_postgres::{AsyncMessage, Connection, NoTls, Notification};

use super::access::PostgresAccess;
use super::failure::describe;
use super::hosts::{Hosts, Unreached};
use super::notify::{CHANGED, SEEN, WAKE};
use super::tls::Tls;
use crate::signals::{Changes, Wake};

/// Longest pause between two tries to connect.
const LONGEST: Duration = Duration::from_secs(5);

/// How often a quiet connection is asked whether it still is one.
const PING: Duration = Duration::from_secs(20);

/// Follows the database as long as it exists.
#[derive(Debug)]
pub struct Following(JoinHandle<()>);

impl Drop for Following {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Following {
    pub(super) fn start(access: &PostgresAccess, wake: Wake, changes: Changes) -> Following {
        let follower = Follower {
            access: access.clone(),
            hosts: Hosts::new(access, "mig follows"),
            wake,
            changes,
        };
        Following(tokio::spawn(follower.run()))
    }
}

struct Follower {
    access: PostgresAccess,
    hosts: Hosts,
    wake: Wake,
    changes: Changes,
}

impl Follower {
    async fn run(self) {
        let mut pause = Duration::from_millis(50);
        loop {
            let mut heard = false;
            let end = self.connected(&mut heard).await;
            if heard {
                pause = Duration::from_millis(50);
            }
            tracing::warn!("news of {} do not arrive, trying again: {end}", self.access);
            tokio::time::sleep(pause.mul_f64(rand::random_range(0.5..1.0))).await;
            pause = (pause * 2).min(LONGEST);
        }
    }

    /// Listens until the connection ends; says why.
    async fn connected(&self, heard: &mut bool) -> String {
        // Read anew every time: certificates are renewed.
        let tls = match self.access.tls() {
            Ok(tls) => tls,
            Err(error) => return error.to_string(),
        };
        let (client, mut news, driver) = match connect(&self.hosts, &tls).await {
            Ok(connected) => connected,
            Err(error) => return error.to_string(),
        };
        let _driver = Following(driver);
        let listen = format!("LISTEN {WAKE}; LISTEN {CHANGED}; LISTEN {SEEN}");
        if let Err(error) = client.batch_execute(&listen).await {
            return describe(&error);
        }
        *heard = true;
        // From here on nothing is missed; what was before, nobody knows.
        self.everything();
        loop {
            match tokio::time::timeout(PING, news.recv()).await {
                Ok(Some(Ok(notification))) => self.pass_on(&notification),
                Ok(Some(Err(error))) => return describe(&error),
                Ok(None) => return "the connection was closed".into(),
                Err(_) => match tokio::time::timeout(PING, client.batch_execute("")).await {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => return describe(&error),
                    Err(_) => return "the connection is dead".into(),
                },
            }
        }
    }

    fn everything(&self) {
        self.wake.forget_missed();
        self.wake.wake();
        self.changes.everything_changed();
    }

    fn pass_on(&self, notification: &Notification) {
        match (notification.channel(), notification.payload()) {
            (WAKE, _) => self.wake.wake(),
            (CHANGED, action) => match action.parse() {
                Ok(action) => self.changes.changed(Id(action)),
                Err(_) => self.changes.everything_changed(),
            },
            (SEEN, "") => {
                self.wake.forget_missed();
                self.wake.wake();
            }
            (SEEN, queueloc) => self.wake.agent_seen(queueloc),
            _ => {}
        }
    }
}

type News = mpsc::UnboundedReceiver<Result<Notification, tokio_postgres::Error>>;

async fn connect(
    hosts: &Hosts,
    tls: &Tls,
) -> Result<(tokio_postgres::Client, News, JoinHandle<()>), Unreached> {
    Ok(match tls.connector() {
        Some(tls) => {
            let (client, connection) = hosts.reach(tls).await?;
            let (news, driver) = drive(connection);
            (client, news, driver)
        }
        None => {
            let (client, connection) = hosts.reach(NoTls).await?;
            let (news, driver) = drive(connection);
            (client, news, driver)
        }
    })
}

/// Runs a connection and hands out its notifications.
fn drive<S, T>(mut connection: Connection<S, T>) -> (News, JoinHandle<()>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    // What follows only sets flags, so nothing piles up here.
    let (sender, news) = mpsc::unbounded_channel();
    let driver = tokio::spawn(async move {
        let mut messages = std::pin::pin!(messages(&mut connection));
        while let Some(message) = messages.next().await {
            let sent = match message {
                Ok(AsyncMessage::Notification(notification)) => sender.send(Ok(notification)),
                Ok(_) => Ok(()),
                Err(error) => {
                    // Over, and it would say so again and again without waiting.
                    let _ = sender.send(Err(error));
                    return;
                }
            };
            if sent.is_err() {
                return;
            }
        }
    });
    (news, driver)
}

fn messages<S, T>(
    connection: &mut Connection<S, T>,
) -> impl Stream<Item = Result<AsyncMessage, tokio_postgres::Error>>
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    stream::poll_fn(move |context| connection.poll_message(context))
}
