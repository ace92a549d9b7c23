//! The primary of the database dies, and its standby takes its place.

use std::sync::Arc;

use mig_client::http::Api;
use mig_test_servers::{Postgres, Rabbit};

use crate::asking;
use crate::books::{Database, Posted};
use crate::large_site::LargeSite;
use crate::stage::{self, INVESTIGATOR, files, wait_until};

/// Agents that work meanwhile.
const AGENTS: usize = 30;
/// Where the standby is; the primary is at 127.0.0.1.
const STANDBY: &str = "127.0.0.2";
/// Actions that are posted while the database is away.
const MEANWHILE: usize = 4;

#[test]
fn a_database_that_fails_over_amid_transactions_costs_neither_an_action_nor_an_answer() {
    let Some(rabbit) = Rabbit::shared() else {
        return;
    };
    let Some(postgres) = Postgres::start() else {
        return;
    };
    let large = LargeSite::on(files(&[]), postgres, Arc::clone(&rabbit));
    let standby = large.postgres.start_standby(STANDBY);
    let hosts = format!("host = \"127.0.0.1,{STANDBY}\"");
    let encrypted = || ("sslmode = \"disable\"", "sslmode = \"require\"".to_owned());
    for file in ["scheduler.cfg", "api.cfg"] {
        let changes = [(&*stage::database_host(&large), hosts.clone()), encrypted()];
        stage::rewrite(&large.site, file, &changes);
    }
    // What a scheduler claimed whose answer was lost is free again after that.
    let soon = "[periodic]\ntakeover = \"10s\"\n[logging]".to_owned();
    stage::rewrite(&large.site, "scheduler.cfg", &[("[logging]", soon)]);
    let mut schedulers = ["first.log", "second.log"].map(|log| large.start_scheduler(log));
    let mut api = large.start_api("api.log");
    let swarm = stage::swarm(&large, AGENTS, "localhost");
    let before = Database::Postgres(&large.postgres);
    let said = |database: &Database<'_>| {
        let words = schedulers
            .each_ref()
            .map(|scheduler| scheduler.last_words());
        let report = serde_json::to_string(&swarm.report()).unwrap_or_default();
        format!(
            "{}\n{report}\n{}\n{}",
            database.open(),
            words.join("\n"),
            api.last_words()
        )
    };
    wait_until(
        "every agent being known",
        || said(&before),
        || before.online() == AGENTS as u64,
    );

    let posted = Posted::default();
    let ask = |label: &str, number: usize| {
        let client: Api = asking::api(&large.site, INVESTIGATOR);
        posted.post(
            &client,
            &stage::action(&large.site, &format!("{label} {number}")),
        )
    };
    stage::get_under_way(&posted, &before, |number| ask("before", number));
    std::thread::scope(|scope| {
        // These meet the primary, nobody, or the new one.
        for number in 0..MEANWHILE {
            let ask = &ask;
            scope.spawn(move || ask("meanwhile", number));
        }
        large.postgres.kill();
        standby.promote();
    });
    let after = Database::Postgres(&standby);
    let mut tries = 0;
    wait_until(
        "an action being accepted again",
        || said(&after),
        || {
            tries += 1;
            ask("after", tries)
        },
    );
    wait_until(
        "the end of every action",
        || said(&after),
        || after.is_settled() && swarm.is_settled(),
    );
    posted.check(&after, AGENTS, Some(&swarm));
    assert!(api.is_running() && schedulers.iter_mut().all(|one| one.is_running()));
}
