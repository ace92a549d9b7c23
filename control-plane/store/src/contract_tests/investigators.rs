//! Investigators.

use std::sync::Arc;

use mig_protocol::{Id, InvestigatorStatus, Permissions};

use super::fixtures::{at, ids, investigator};
use crate::{ApiKeyChange, InvestigatorUpdate, NewInvestigator, Store, StoreError};

fn without_key(name: &str, permissions: Permissions) -> NewInvestigator {
    NewInvestigator {
        name: name.into(),
        fingerprint: String::new(),
        public_key: Vec::new(),
        permissions,
        created: at(0),
    }
}

/// Fingerprints are stored upper case and found in any case.
pub async fn investigators_are_stored_and_found(store: Arc<dyn Store>) {
    let ada = investigator(&*store, "Ada", "aabb01").await;
    let robot = store
        .create_investigator(&without_key("robot", Permissions::NONE))
        .await
        .unwrap();
    assert_eq!((ada, robot), (Id(1), Id(2)));
    let got = store.investigator(ada).await.unwrap();
    assert_eq!(
        store.investigator_by_fingerprint("AaBb01").await.unwrap(),
        got
    );
    assert_eq!(got.pgpfingerprint, "AABB01");
    assert_eq!(got.publickey, b"key of Ada");
    assert_eq!(got.status, InvestigatorStatus::Active);
    assert_eq!((got.createdat, got.lastmodified), (at(0), at(0)));
    assert_eq!(got.permissions, Permissions::DEFAULT);
    assert!(got.apikey.is_empty() && got.privatekey.is_empty());
    assert_eq!(store.investigator(robot).await.unwrap().pgpfingerprint, "");

    let active = store.active_investigators().await.unwrap();
    assert_eq!(ids(&active, |investigator| investigator.id), [1]);
    assert_eq!(active[0].publickey, b"key of Ada");
    let update = InvestigatorUpdate {
        status: Some(InvestigatorStatus::Disabled),
        permissions: Some(Permissions::ALL),
        api_key: None,
    };
    store
        .update_investigator(ada, &update, at(9))
        .await
        .unwrap();
    assert_eq!(store.active_investigators().await.unwrap(), []);
    let got = store.investigator_by_fingerprint("aabb01").await.unwrap();
    assert_eq!(got.status, InvestigatorStatus::Disabled);
    assert_eq!(
        (got.permissions, got.lastmodified),
        (Permissions::ALL, at(9))
    );

    assert!(store.investigator(Id(9)).await.unwrap_err().is_not_found());
    assert!(
        store
            .investigator_by_fingerprint("")
            .await
            .unwrap_err()
            .is_not_found()
    );
    assert!(
        store
            .update_investigator(Id(9), &update, at(9))
            .await
            .unwrap_err()
            .is_not_found()
    );
}

/// Several may have none.
pub async fn one_key_belongs_to_one_investigator(store: Arc<dyn Store>) {
    investigator(&*store, "Ada", "aabb01").await;
    let again = NewInvestigator {
        fingerprint: "AABB01".into(),
        ..without_key("Eve", Permissions::NONE)
    };
    let error = store.create_investigator(&again).await.unwrap_err();
    assert!(matches!(error, StoreError::Duplicate { .. }), "{error}");
    assert_eq!(
        error.to_string(),
        "an investigator with key AABB01 exists already"
    );
    for _ in 0..2 {
        store
            .create_investigator(&without_key("robot", Permissions::NONE))
            .await
            .unwrap();
    }
}

/// Neither disabling nor taking the permission away may lock everybody out.
pub async fn the_last_manager_stays(store: Arc<dyn Store>) {
    let manager = without_key("manager", Permissions::ALL);
    let first = store.create_investigator(&manager).await.unwrap();
    let weaker = InvestigatorUpdate {
        permissions: Some(Permissions::DEFAULT),
        ..InvestigatorUpdate::default()
    };
    let disabled = InvestigatorUpdate {
        status: Some(InvestigatorStatus::Disabled),
        ..InvestigatorUpdate::default()
    };
    for update in [&weaker, &disabled] {
        let error = store
            .update_investigator(first, update, at(1))
            .await
            .unwrap_err();
        assert!(matches!(error, StoreError::LastAdmin), "{error}");
    }
    let got = store.investigator(first).await.unwrap();
    assert_eq!(
        (got.status, got.lastmodified),
        (InvestigatorStatus::Active, at(0))
    );
    let second = store.create_investigator(&manager).await.unwrap();
    store
        .update_investigator(first, &weaker, at(2))
        .await
        .unwrap();
    let error = store
        .update_investigator(second, &disabled, at(3))
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::LastAdmin), "{error}");
}

/// Only its hash is there to be stolen.
pub async fn an_api_key_is_set_replaced_and_removed(store: Arc<dyn Store>) {
    let ada = investigator(&*store, "Ada", "aabb01").await;
    let change = |change| InvestigatorUpdate {
        api_key: Some(change),
        ..Default::default()
    };
    let set = |byte: u8| {
        change(ApiKeyChange::Set {
            salt: vec![byte; 16],
            hash: vec![byte; 32],
        })
    };
    assert_eq!(store.api_keys().await.unwrap(), []);
    for byte in [1, 2] {
        store
            .update_investigator(ada, &set(byte), at(1))
            .await
            .unwrap();
        let keys = store.api_keys().await.unwrap();
        assert_eq!(keys.len(), 1);
        assert_eq!(
            (keys[0].investigator, &keys[0].salt[..]),
            (ada, &[byte; 16][..])
        );
        assert_eq!(keys[0].hash, [byte; 32]);
    }
    assert_eq!(store.investigator(ada).await.unwrap().apikey, "set");
    assert_eq!(store.active_investigators().await.unwrap()[0].apikey, "set");
    let status = |status| InvestigatorUpdate {
        status: Some(status),
        ..Default::default()
    };
    store
        .update_investigator(ada, &status(InvestigatorStatus::Disabled), at(2))
        .await
        .unwrap();
    assert_eq!(store.api_keys().await.unwrap(), []);
    store
        .update_investigator(ada, &status(InvestigatorStatus::Active), at(3))
        .await
        .unwrap();
    assert_eq!(store.api_keys().await.unwrap().len(), 1);
    store
        .update_investigator(ada, &change(ApiKeyChange::Remove), at(4))
        .await
        .unwrap();
    assert_eq!(store.api_keys().await.unwrap(), []);
    assert_eq!(store.investigator(ada).await.unwrap().apikey, "");
}
