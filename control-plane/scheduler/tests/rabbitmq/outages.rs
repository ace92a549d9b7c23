//! What may happen to RabbitMQ.

use std::time::Duration;

use mig_protocol::{ActionStatus, to_go_json};

use crate::fleet::record;
use crate::site::eventually;
use crate::trial::Trial;

type Test = Option<()>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_orderly_restart_costs_nothing() {
    async fn test() -> Test {
        let mut trial = Trial::start(|_| {}).await?;
        // Those of another test may take a moment to end.
        eventually("two connections over TLS", || async {
            let encrypted = trial.broker.rabbit.eval(
                "length([1 || C <- rabbit_networking:connections(), \
                 (catch rabbit_networking:connection_info(C, [ssl, user])) \
                 =:= [{ssl, true}, {user, <<\"scheduler\">>}]])",
            );
            (encrypted == "2").then_some(())
        })
        .await;

        trial.post().await;
        trial.arrived(1).await;
        trial.broker.change(|rabbit| rabbit.stop()).await;
        // The site goes on without a relay as far as it can.
        let meanwhile = trial.post().await;
        trial.site.status(meanwhile, ActionStatus::Inflight).await;
        trial.broker.change(|rabbit| rabbit.restart()).await;
        trial.post().await;
        trial.complete().await;
        Some(())
    }
    test().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_loses_no_command_and_no_answer_that_was_confirmed() {
    async fn test() -> Test {
        let (mut trial, database) = Trial::without_answers().await?;
        trial.fleet.pause().await;
        let id = trial.post().await;
        // Before that the outbox is empty as well.
        trial.site.status(id, ActionStatus::Inflight).await;
        trial.published().await;
        // The commands are RabbitMQ's alone now.
        trial.broker.change(|rabbit| rabbit.kill()).await;
        // More answers than a scheduler is given before it has stored some.
        for _ in 0..3 {
            let id = trial.post().await;
            trial.site.status(id, ActionStatus::Inflight).await;
        }
        trial.broker.change(|rabbit| rabbit.restart()).await;
        trial.published().await;
        trial.fleet.resume();
        // And so are the answers, some of which nobody else has seen.
        trial.answered().await;
        trial.broker.change(|rabbit| rabbit.kill()).await;
        database.come_back();
        trial.broker.change(|rabbit| rabbit.restart()).await;
        trial.complete().await;
        Some(())
    }
    test().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silence_is_noticed_by_heartbeats() {
    async fn test() -> Test {
        let mut trial = Trial::start(|config| {
            config.relay.heartbeat = Duration::from_secs(1);
            config.relay.timeout = Duration::from_secs(5);
        })
        .await?;
        trial.post().await;
        trial.arrived(1).await;
        let before = trial.site.scheduler().counts().connections;
        trial.broker.rabbit.freeze(true);
        trial.post().await;
        eventually("the silence to be noticed", || async {
            (!trial.site.scheduler().is_connected()).then_some(())
        })
        .await;
        trial.broker.rabbit.freeze(false);
        trial.connected_again(before).await;
        trial.complete().await;
        Some(())
    }
    test().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_memory_alarm_delays_commands_and_nothing_else() {
    async fn test() -> Test {
        let mut trial = Trial::start(|_| {}).await?;
        trial
            .broker
            .change(|rabbit| rabbit.memory_alarm(true))
            .await;
        trial.post().await;
        eventually("the alarm to be noticed", || async {
            let blocked = trial.site.scheduler().counts().relay_blocked;
            (blocked == 1).then_some(())
        })
        .await;
        // What agents had sent before is taken off RabbitMQ's hands; they cannot
        // send now either, so it puts a message into the queue itself.
        let body = to_go_json(&record(1000)).expect("JSON");
        let bytes: Vec<String> = body.iter().map(u8::to_string).collect();
        trial.broker.rabbit.eval(&format!(
            "rabbit_basic:publish(rabbit_misc:r(<<\"mig\">>, exchange, \
             <<\"toschedulers\">>), <<\"mig.agt.heartbeats\">>, [], <<{}>>)",
            bytes.join(",")
        ));
        trial.site.known(&record(1000).queueloc).await;
        assert_eq!(trial.fleet.arrived(), 0);

        trial
            .broker
            .change(|rabbit| rabbit.memory_alarm(false))
            .await;
        trial.arrived(trial.fleet.size).await;
        // On the connections it had all the time.
        assert_eq!(trial.site.scheduler().counts().connections, 1);
        trial.complete().await;
        Some(())
    }
    test().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deleted_queues_and_closed_connections_are_made_again() {
    async fn test() -> Test {
        let mut trial = Trial::start(|_| {}).await?;
        trial.post().await;
        trial.arrived(trial.fleet.size).await;
        let before = trial.site.scheduler().counts().connections;
        trial
            .broker
            .change(|rabbit| rabbit.close_connections())
            .await;
        trial.connected_again(before).await;
        trial.post().await;
        trial.arrived(2 * trial.fleet.size).await;
        let id = trial.post().await;
        trial.site.status(id, ActionStatus::Completed).await;

        let before = trial.site.scheduler().counts().connections;
        trial.broker.rabbit.eval(
            "{ok, Q} = rabbit_amqqueue:lookup(rabbit_misc:r(<<\"mig\">>, queue, \
             <<\"mig.agt.results\">>)), \
             element(1, rabbit_amqqueue:delete(Q, false, false, <<\"test\">>))",
        );
        trial.connected_again(before).await;
        trial.post().await;
        trial.complete().await;
        Some(())
    }
    test().await;
}
