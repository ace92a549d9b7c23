//! What strangers may write: nothing of it is executed, refused in the middle of
//! a crowd, or changed on the way.

use mig_protocol::{Id, Operation, Time};
use mig_store::contract_tests::fixtures::{
    action, agent, answer, at, heard, ids, investigator, started, stored,
};
use mig_store::{HeartbeatOutcome, Search, Store};
use mig_target::Target;
use serde_json::json;

use super::site::Site;

const NASTY: [&str; 8] = [
    "'; DROP TABLE actions; --",
    "\\'; DROP TABLE agents; --",
    "$1 $$ DROP TABLE commands $$",
    "a\0b",
    "\\u0000",
    "\u{feff}é\u{2028}\u{10ffff}",
    "%_\\",
    "\r\n\t\u{1}",
];

#[tokio::test]
async fn hostile_text_is_stored_as_text_everywhere() {
    let Some(site) = Site::new().await else {
        return;
    };
    let store = site.store().await;
    for (text, number) in NASTY.iter().zip(1_u64..) {
        let signer = investigator(&*store, text, &format!("aa{number}")).await;
        let mut sender = agent(text, &format!("linux.{text}"), 1);
        sender.version = (*text).into();
        sender.mode = mig_protocol::AgentMode::from(String::from(*text));
        sender.environment.ident = (*text).into();
        sender.tags.insert((*text).into(), (*text).into());
        let row = heard(&*store, &sender, at(0)).await;
        assert_eq!(heard(&*store, &sender, at(1)).await, row, "{text:?}");

        let mut given = action(number, text);
        given.target = format!("name = '{text}'");
        given.description.author = (*text).into();
        given.threat.family = (*text).into();
        given.operations = Some(vec![Operation {
            module: (*text).into(),
            parameters: json!({*text: [text]}),
            ..Operation::default()
        }]);
        given.pgpsignatures = Some(vec![(*text).into()]);
        stored(&*store, &given, &[signer]).await;
        started(&*store, number, &[(number * 100, row, &sender.queueloc)]).await;
        let mut reply = answer(number * 100, &sender.queueloc, at(5));
        reply.results[0].elements = json!({*text: text});
        reply.results[0].errors = Some(vec![(*text).into()]);
        store
            .finish_commands(std::slice::from_ref(&reply))
            .await
            .unwrap();

        let command = store.command(Id(number * 100)).await.unwrap();
        assert_eq!(command.results(), reply.results, "{text:?}");
        let got = &command.action;
        assert_eq!((&got.name, &got.target), (&given.name, &given.target));
        assert_eq!(got.operations, given.operations);
        assert_eq!(
            (&got.threat, &got.description),
            (&given.threat, &given.description)
        );
        assert_eq!(got.pgpsignatures, given.pgpsignatures);
        let pattern = Search {
            action_name: Some((*text).into()),
            agent_name: Some((*text).into()),
            threat_family: Some((*text).into()),
            limit: 9,
            ..Search::default()
        };
        let found = store.search_commands(&pattern).await.unwrap();
        // A backslash escapes in a pattern.
        if !text.contains('\\') {
            assert_eq!(
                ids(&found, |command| command.id),
                [number * 100],
                "{text:?}"
            );
        }
    }
    // Conditions read all of it without stumbling.
    for target in [
        "id IN (select agentid from commands, json_array_elements(commands.results) as r \
         where actionid=4 and r#>>'{foundanything}' = 'true')",
        "environment->>'os' = 'linux' AND tags->>'operator' = 'it' AND pid = 1",
        "id IN (SELECT agentid FROM commands, actions WHERE actionid = actions.id AND \
         actions.threat->>'family' IS NOT NULL)",
    ] {
        let target = Target::parse(target).unwrap();
        let agents = store.agents_by_target(&target, at(9), 99).await.unwrap();
        assert!(!agents.is_empty(), "{target}");
    }
    let everything = Search {
        limit: 99,
        ..Search::default()
    };
    assert_eq!(
        store.search_actions(&everything).await.unwrap().len(),
        NASTY.len()
    );
}

/// Names longer than an index entry may be.
#[tokio::test]
async fn nothing_is_too_long() {
    let Some(site) = Site::new().await else {
        return;
    };
    let store = site.store().await;
    // Not compressible.
    let noise: String = (0..20_000_u64)
        .map(|number| {
            char::from(b'a' + (number.wrapping_mul(number ^ 0x5deece66d) >> 7) as u8 % 26)
        })
        .collect();
    let long = agent(&noise, &noise, i64::MAX);
    let outcomes = store
        .record_heartbeats(
            &[
                agent("a", "linux.a", 1),
                long.clone(),
                agent("b", "linux.b", 1),
            ],
            at(0),
        )
        .await
        .unwrap();
    assert!(
        outcomes
            .iter()
            .all(|one| matches!(one, HeartbeatOutcome::New(_)))
    );
    let row = heard(&*store, &long, at(1)).await;
    assert_eq!(outcomes[1], HeartbeatOutcome::New(row));
    let mut given = action(1, &noise);
    given.target = noise.clone();
    stored(&*store, &given, &[]).await;
    started(&*store, 1, &[(10, row, &noise)]).await;
    // Its name is too long for a notification as well.
    heard(&*store, &long, at(2)).await;
    assert_eq!(store.command(Id(10)).await.unwrap().action.target, noise);
}

/// Two names that anybody may look up, whose MD5 is the same.
#[tokio::test]
async fn agents_whose_names_have_one_digest_are_two() {
    let Some(site) = Site::new().await else {
        return;
    };
    let store = site.store().await;
    let named = |letter: char| {
        let name = format!(
            "TEXTCOLLBYfGiJUETHQ4h{letter}cKSMd5zYpgqf1YRDhkmxHkhPWptrkoyz28wnI9V0aHeAuaKnak"
        );
        agent("a", &name, 1)
    };
    let both = [named('A'), named('E')];
    let digests = format!(
        "SELECT md5('{}') = md5('{}')",
        both[0].queueloc, both[1].queueloc
    );
    assert_eq!(site.database.sql(&digests).trim(), "t");
    let first = store.record_heartbeats(&both, at(0)).await.unwrap();
    let [HeartbeatOutcome::New(a), HeartbeatOutcome::New(b)] = first[..] else {
        panic!("{first:?}");
    };
    assert_ne!(a, b);
    let again = store.record_heartbeats(&both, at(1)).await.unwrap();
    assert_eq!(
        again,
        [HeartbeatOutcome::Known(a), HeartbeatOutcome::Known(b)]
    );
}

#[tokio::test]
async fn times_of_all_years_survive() {
    let Some(site) = Site::new().await else {
        return;
    };
    let store = site.store().await;
    let times = [
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00Z",
        "0009-01-11T11:11:11.000000011Z",
        "1999-12-31T23:59:59.999999999Z",
        "2024-02-29T12:00:00.123456+05:30",
        "9998-01-11T11:11:11.000000011Z",
        "9999-12-31T23:59:59.999999Z",
    ];
    for (text, number) in times.iter().zip(1..) {
        let time = Time::parse(text).unwrap();
        let mut given = action(number, "time");
        given.validfrom = time;
        given.expireafter = time;
        given.starttime = time;
        stored(&*store, &given, &[]).await;
        let got = store.action(Id(number)).await.unwrap().action;
        let expected = time.to_utc().truncated_to_micros();
        assert_eq!(
            (got.validfrom, got.expireafter, got.starttime),
            (expected, expected, expected),
            "{text}"
        );
    }
}

/// A rule that the database has of its own, or a value that it cannot hold: who
/// stores it knows that another try is in vain.
#[tokio::test]
async fn what_the_database_will_never_take_is_told_from_what_it_cannot_take_now() {
    let Some(site) = Site::new().await else {
        return;
    };
    let store = site.store().await;
    let signer = investigator(&*store, "Ada", "aa").await;
    let row = heard(&*store, &agent("a", "linux.a", 1), at(0)).await;
    stored(&*store, &action(1, "one"), &[signer]).await;
    started(&*store, 1, &[(10, row, "linux.a")]).await;
    site.database
        .sql("ALTER TABLE commands ADD CONSTRAINT picky CHECK (results::text NOT LIKE '%poison%')");
    let mut reply = answer(10, "linux.a", at(5));
    reply.results[0].elements = json!("poison");
    let refused = store.finish_commands(&[reply]).await.unwrap_err();
    assert!(refused.is_refused(), "{refused:?}");
    // Whatever else is wrong may be right again in a while.
    site.database.sql("ALTER TABLE outbox RENAME TO elsewhere");
    let later = answer(10, "linux.a", at(5));
    let failed = store
        .finish_commands(std::slice::from_ref(&later))
        .await
        .unwrap_err();
    assert!(!failed.is_refused(), "{failed:?}");
    site.database.sql("ALTER TABLE elsewhere RENAME TO outbox");
    store.finish_commands(&[later]).await.unwrap();
}
