//! Much work, done in portions that the limits of a statement cannot stop.

use mig_protocol::{ActionStatus, Id};
use mig_store::contract_tests::fixtures::{action, agent, at, heard, started, stored};
use mig_store::{Pruned, Retention, Store};
use tokio_postgres::{Config, NoTls};

use super::site::Site;

/// So many actions with a command for one agent each.
async fn many_actions(store: &dyn Store, count: u64) -> Vec<Id> {
    let a = heard(store, &agent("a", "linux.a", 1), at(0)).await;
    let actions = 1..=count;
    for id in actions.clone() {
        stored(store, &action(id, "go"), &[]).await;
        started(store, id, &[(1000 + id, a, "linux.a")]).await;
    }
    actions.map(Id).collect()
}

#[tokio::test]
async fn what_is_over_ends_in_portions() {
    let Some(site) = Site::new().await else {
        return;
    };
    let store = site.store().await;
    let all = many_actions(&*store, 40).await;
    let (mut ended, mut commands, mut portions) = (Vec::new(), 0, 0);
    loop {
        let expired = store.expire_due(at(600)).await.unwrap();
        assert_eq!(expired.commands, expired.actions.len() as u64);
        commands += expired.commands;
        ended.extend(expired.actions);
        portions += 1;
        if !expired.more {
            break;
        }
    }
    assert_eq!((ended, commands), (all, 40));
    assert!(portions > 1, "all at once");
    let last = store.action(Id(40)).await.unwrap().action;
    assert_eq!(last.status, ActionStatus::Completed);
}

/// What somebody else has locked holds up neither the deletion nor whoever has it.
#[tokio::test]
async fn what_is_old_is_deleted_in_portions_around_what_is_in_use() {
    let Some(site) = Site::new().await else {
        return;
    };
    let store = site.store().await;
    let all = many_actions(&*store, 120).await;
    while store.expire_due(at(600)).await.unwrap().more {}
    let access = site.access();
    let (mut user, connection) = Config::new()
        .host(&access.host)
        .port(access.port)
        .dbname(&access.dbname)
        .user(&access.user)
        .password(&access.password)
        .connect(NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    let in_use = user.transaction().await.unwrap();
    in_use
        .execute("SELECT FROM actions WHERE id = 7 FOR UPDATE", &[])
        .await
        .unwrap();

    let old = Retention {
        before: at(1000),
        queues_before: at(1000),
    };
    let mut portions = Vec::new();
    loop {
        let pruned = store.prune(old).await.unwrap();
        assert_eq!(pruned.actions, pruned.commands);
        portions.push(pruned.actions);
        if !pruned.more {
            break;
        }
    }
    assert_eq!(portions.iter().sum::<u64>(), all.len() as u64 - 1);
    assert!(portions.len() > 1, "all at once");
    store.action(Id(7)).await.unwrap();
    in_use.rollback().await.unwrap();
    let rest = store.prune(old).await.unwrap();
    let expected = Pruned {
        actions: 1,
        commands: 1,
        ..Pruned::default()
    };
    assert_eq!(rest, expected);
}
