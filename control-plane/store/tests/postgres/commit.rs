//! A connection that is lost together with the answer to COMMIT, or with the
//! COMMIT itself: the caller is told what happened, and nothing happens twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use mig_protocol::{ActionStatus, Id, Permissions};
use mig_store::contract_tests::fixtures::{
    action, agent, answer, at, claimed, heard, start, stored,
};
use mig_store::{
    AnswerOutcome, DestroyOrder, NewInvestigator, PostgresAccess, PostgresStore, Signature, Store,
    StoreError,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::site::Site;

/// Long enough for a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

const PASS: u8 = 0;
/// The server gets the next COMMIT; its answer is lost.
const LOSE_ANSWER: u8 = 1;
/// The next COMMIT is lost.
const LOSE_COMMIT: u8 = 2;
/// As the other two, and from then on nothing passes.
const LOSE_ANSWER_AND_ALL: u8 = 3;
const LOSE_COMMIT_AND_ALL: u8 = 4;
const NOTHING: u8 = 5;

/// The network before the server.
struct Network {
    port: u16,
    order: Arc<AtomicU8>,
}

impl Network {
    async fn before(server: u16) -> Network {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("its address").port();
        let order = Arc::new(AtomicU8::new(PASS));
        let orders = Arc::clone(&order);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if orders.load(Ordering::SeqCst) == NOTHING {
                    continue;
                }
                tokio::spawn(carry(client, server, Arc::clone(&orders)));
            }
        });
        Network { port, order }
    }
}

async fn carry(mut client: TcpStream, server: u16, order: Arc<AtomicU8>) {
    let Ok(mut server) = TcpStream::connect(("127.0.0.1", server)).await else {
        return;
    };
    let (mut asked, mut answered) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
    loop {
        tokio::select! {
            read = client.read(&mut asked) => {
                let Ok(length @ 1..) = read else { return };
                let bytes = &asked[..length];
                let commit = bytes.windows(7).any(|word| word == b"COMMIT\0");
                let what = if commit { order.load(Ordering::SeqCst) } else { PASS };
                let lose = [LOSE_COMMIT, LOSE_COMMIT_AND_ALL].contains(&what);
                if !lose && server.write_all(bytes).await.is_err() {
                    return;
                }
                // Committed when it says so; nobody hears of it.
                let lose_answer = [LOSE_ANSWER, LOSE_ANSWER_AND_ALL].contains(&what);
                if lose_answer && !committed(&mut server).await {
                    return;
                }
                // Done as ordered, before anybody can notice.
                match what {
                    PASS => {}
                    LOSE_ANSWER | LOSE_COMMIT => return order.store(PASS, Ordering::SeqCst),
                    _ => return order.store(NOTHING, Ordering::SeqCst),
                }
            }
            read = server.read(&mut answered) => {
                let Ok(length @ 1..) = read else { return };
                if client.write_all(&answered[..length]).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// Whether the server said that it has committed. What it had to say before that may
/// come by itself.
async fn committed(server: &mut TcpStream) -> bool {
    let (mut said, mut more) = (Vec::new(), vec![0; 64 * 1024]);
    while !said.windows(7).any(|word| word == b"COMMIT\0") {
        let Ok(Ok(length @ 1..)) = timeout(PATIENCE, server.read(&mut more)).await else {
            return false;
        };
        said.extend_from_slice(&more[..length]);
    }
    true
}

/// A store with one connection, which goes through a network of its own.
async fn behind_a_network(site: &Site) -> (Network, PostgresStore) {
    let network = Network::before(site.access().port).await;
    let access = PostgresAccess {
        port: network.port,
        maxconn: Some(1),
        ..site.access()
    };
    let store = PostgresStore::connect(access).await.expect("connected");
    (network, store)
}

#[tokio::test]
async fn a_commit_whose_answer_is_lost_is_told_truly() {
    let Some(site) = Site::new().await else {
        return;
    };
    let (network, store) = behind_a_network(&site).await;
    for (number, what) in (0..).zip([LOSE_ANSWER, LOSE_COMMIT]) {
        let base = 1000 * (number + 1);
        let lose = || network.order.store(what, Ordering::SeqCst);
        let lost = || {
            assert_eq!(
                network.order.load(Ordering::SeqCst),
                PASS,
                "nothing was lost"
            )
        };

        // Somebody without a key cannot be told apart by it.
        let new = |fingerprint: &str| NewInvestigator {
            name: format!("Ada {number}"),
            fingerprint: fingerprint.into(),
            public_key: Vec::new(),
            permissions: Permissions::DEFAULT,
            created: at(number),
        };
        lose();
        let keyless = store.create_investigator(&new("")).await.expect("created");
        lost();
        lose();
        let fingerprint = format!("aa{number}");
        let ada = store.create_investigator(&new(&fingerprint)).await;
        let ada = ada.expect("created");
        lost();
        assert_ne!(ada, keyless);
        let again = store.create_investigator(&new(&fingerprint)).await;
        assert!(matches!(again, Err(StoreError::Duplicate { .. })));

        let old = heard(&store, &agent("a", "linux.a", 10 + number), at(0)).await;
        let signature = Signature {
            investigator: ada,
            signature: "s".into(),
        };
        let id = base.unsigned_abs();
        lose();
        let one = std::slice::from_ref(&signature);
        store
            .create_action(&action(id, "go"), one)
            .await
            .expect("stored");
        lost();
        let found = store.action(Id(id)).await.expect("stored").action;
        assert_eq!((found.investigators.len(), found.name.as_str()), (1, "go"));
        // Somebody else's action of that identifier stays an error.
        let other = store.create_action(&action(id, "another"), one).await;
        assert!(matches!(other, Err(StoreError::Duplicate { .. })));

        assert_eq!(claimed(&store, at(1)).await, [Id(id)]);
        lose();
        let commands = [(id + 1, old, "linux.a")];
        store
            .start_action(&start(id, &commands))
            .await
            .expect("started");
        lost();
        let found = store.action(Id(id)).await.expect("stored").action;
        assert_eq!(
            (found.status, found.counters.sent),
            (ActionStatus::Inflight, 1)
        );
        let again = store.start_action(&start(id, &commands)).await;
        assert!(matches!(again, Err(StoreError::Conflict { .. })));

        // Given twice at once, it is stored once, and the action is told complete.
        let given = || vec![answer(id + 1, "linux.a", at(2)); 2];
        lose();
        let outcomes = store.finish_commands(&given()).await.expect("stored");
        lost();
        let first = AnswerOutcome::Stored {
            action: Id(id),
            replaced_expired: false,
            completed: true,
        };
        let again = AnswerOutcome::AlreadyAnswered { action: Id(id) };
        assert_eq!(outcomes, [first, again]);
        let outcomes = store.finish_commands(&given()).await.expect("answered");
        assert_eq!(outcomes, [again, again]);

        stored(&store, &action(id + 2, "no"), &[]).await;
        lose();
        let refused = store.invalidate_action(Id(id + 2), "why", at(2)).await;
        refused.expect("invalidated");
        lost();
        let again = store.invalidate_action(Id(id + 2), "why", at(2)).await;
        assert!(matches!(again, Err(StoreError::Conflict { .. })));

        let order = DestroyOrder {
            agent: old,
            destroyed_before: store.agent(old).await.expect("stored").destructiontime,
            action: action(id + 3, "Kill agent a"),
            signer: fingerprint,
            now: at(3),
        };
        lose();
        store.destroy_agent(&order).await.expect("ordered");
        lost();
        store.action(Id(id + 3)).await.expect("stored");
        store
            .invalidate_action(Id(id + 3), "done", at(4))
            .await
            .expect("ended");

        // A claim may not be run again, or others would be taken instead. That it
        // is unknown is said, and what was claimed is free again after a while.
        stored(&store, &action(id + 4, "claimed"), &[]).await;
        lose();
        let claim = mig_store::Claim {
            now: at(5),
            abandoned_before: at(0),
            limit: 9,
        };
        let error = store.claim_actions(&claim).await.expect_err("unknown");
        lost();
        assert!(matches!(error, StoreError::Unsure { .. }), "{error}");
        let later = mig_store::Claim {
            now: at(6),
            abandoned_before: at(6),
            ..claim
        };
        // The server may take a moment to see that nobody is there any more, and passes
        // over what is locked until then.
        let taken = async {
            loop {
                let taken = store.claim_actions(&later).await.expect("claimed");
                if !taken.is_empty() {
                    return taken;
                }
            }
        };
        let taken = timeout(PATIENCE, taken).await.expect("free in time");
        assert_eq!(taken.len(), 1);
        store
            .invalidate_action(Id(id + 4), "done", at(7))
            .await
            .expect("ended");
    }
    let twice = site.database.sql(
        "SELECT count(*) FROM investigators UNION ALL SELECT count(*) FROM actions
         UNION ALL SELECT count(*) FROM signatures UNION ALL SELECT count(*) FROM commands",
    );
    assert_eq!(
        twice.split_whitespace().collect::<Vec<_>>(),
        ["4", "8", "4", "2"]
    );
}

/// The database stays away: what may be stored and what is not are told apart by
/// nobody, and neither is denied.
#[tokio::test]
async fn a_commit_of_which_nobody_can_be_asked_is_not_denied() {
    let Some(site) = Site::new().await else {
        return;
    };
    let direct = site.store().await;
    let posted = async |id: u64, what: u8| {
        let (network, store) = behind_a_network(&site).await;
        network.order.store(what, Ordering::SeqCst);
        let outcome = store.create_action(&action(id, "go"), &[]).await;
        assert_eq!(network.order.load(Ordering::SeqCst), NOTHING);
        let error = outcome.expect_err("nobody can know");
        assert!(matches!(error, StoreError::Unsure { .. }), "{error}");
        assert!(error.is_away() && error.to_string().contains("not known"));
        // Before anything was at its end, it is certain.
        let error = store.create_action(&action(id + 10, "go"), &[]).await;
        let error = error.expect_err("away");
        assert!(matches!(error, StoreError::Unreachable { .. }), "{error}");
        [id, id + 10].map(Id)
    };
    let (answer, commit) = tokio::join!(
        posted(1, LOSE_ANSWER_AND_ALL),
        posted(2, LOSE_COMMIT_AND_ALL)
    );
    direct.action(answer[0]).await.expect("stored");
    for id in [answer[1], commit[0], commit[1]] {
        let missing = direct.action(id).await.expect_err("never stored");
        assert!(missing.is_not_found(), "{missing}");
    }
}
