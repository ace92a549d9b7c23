//! Check-in mode, as cron runs it: connect, work off the queue, answer, end.

mod site;

use mig_protocol::json::parse_heartbeat;
use mig_protocol::{AgentMode, CommandStatus};
use mig_relay::topology::RESULTS;
use serde_json::json;
use site::api::TestApi;
use site::{Running, Site, until};
use tokio::net::TcpListener;

/// A check-in of the agent with modules for tests.
fn checkin(site: &mut Site) -> Running {
    site.agent_with_test_modules_and(&["-m", "agent-checkin"])
}

/// A check-in that runs the command of [`send_waiting`]. On a busy machine one may
/// hear nothing for three seconds and leave; then there is another one.
async fn checkin_at_work(site: &mut Site) -> Running {
    let started = site.path("started");
    for _ in 0..20 {
        let mut running = checkin(site);
        until("the module to start", || {
            started.exists() || !running.is_running()
        })
        .await;
        if started.exists() {
            return running;
        }
        assert_eq!(running.wait(), Some(0), "{}", running.log());
    }
    panic!("no check-in takes the command");
}

/// Check-ins until the relay has no command left, for the same reason; what they
/// said.
async fn work_off(site: &mut Site) -> String {
    let mut said = String::new();
    for _ in 0..20 {
        let mut running = checkin(site);
        assert_eq!(running.wait(), Some(0), "{}", running.log());
        said += &running.log();
        if site.waiting().await == 0 {
            return said;
        }
    }
    panic!("a command is left with the relay: {said}");
}

/// Has the agent's queue declared, by an agent that takes less time than a
/// check-in.
async fn known(site: &mut Site) {
    let mut agent = site.agent_with_test_modules();
    site.heartbeat().await;
    agent.kill();
}

/// Sends a command that runs until `until` exists, which is not there yet.
async fn send_waiting(site: &mut Site, id: u64) {
    let parameters = json!({"started": site.path("started"), "until": site.path("until")});
    let action = site.signed("wait", parameters);
    site.send(id, action).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_that_waits_is_worked_off_without_persistent_modules() {
    let mut site = Site::new().await;
    // As the configuration says it, too.
    site.configure("checkin = on");
    site.configure_module("watcher", "");
    let mut first = site.agent_with_test_modules();
    assert_eq!(site.heartbeat().await.mode, AgentMode::Checkin);
    assert_eq!(first.wait(), Some(0));
    for id in 1..=20 {
        let action = site.signed("absent", json!({}));
        site.send(id, action).await;
    }
    let order = site.signed("watcher", json!({"order": "say"}));
    site.send(21, order).await;
    let said = work_off(&mut site).await;
    for id in 1..=20 {
        assert_eq!(site.answer(id).await.status, CommandStatus::Failed);
    }
    let answer = site.answer(21).await;
    let reason = &answer.results()[0].errors()[0];
    assert!(
        reason.contains("persistent modules are turned off"),
        "{reason}"
    );
    assert!(!said.contains("is at work"), "{said}");
    assert_eq!(site.further_answers().await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_check_ins_at_once_are_one_too_many() {
    let mut site = Site::new().await;
    known(&mut site).await;
    send_waiting(&mut site, 7).await;
    let mut first = checkin_at_work(&mut site).await;
    let mut second = checkin(&mut site);
    assert_eq!(second.wait(), Some(1));
    assert!(
        second.log().contains("another mig-agent uses"),
        "{}",
        second.log()
    );
    assert!(first.is_running());
    std::fs::write(site.path("until"), "").unwrap();
    assert_eq!(site.answer(7).await.status, CommandStatus::Success);
    assert_eq!(first.wait(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_check_in_has_begun_survives_the_loss_of_the_relay() {
    let mut site = Site::new().await;
    known(&mut site).await;
    send_waiting(&mut site, 7).await;
    let mut running = checkin_at_work(&mut site).await;
    site.stop_relay().await;
    until("the loss to be noticed", || {
        running.log().contains("trying again")
    })
    .await;
    std::fs::write(site.path("until"), "").unwrap();
    site.start_relay().await;
    site.connect_scheduler().await;
    assert_eq!(site.answer(7).await.status, CommandStatus::Success);
    assert_eq!(running.wait(), Some(0), "{}", running.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_check_in_is_made_good_by_the_next() {
    let mut site = Site::new().await;
    known(&mut site).await;
    send_waiting(&mut site, 7).await;
    let mut first = checkin_at_work(&mut site).await;
    first.kill();
    std::fs::write(site.path("until"), "").unwrap();
    let mut second = checkin(&mut site);
    assert_eq!(site.answer(7).await.status, CommandStatus::Success);
    assert_eq!(second.wait(), Some(0), "{}", second.log());
    // Where the first did not come to acknowledge it, the relay delivers it again, and
    // the same answer may be sent again.
    let said = second.log();
    let again = said.matches("the stored result is sent again").count();
    assert!(site.further_answers().await <= again, "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_time_of_a_check_in_is_bounded_and_what_is_left_goes_with_the_next() {
    let mut site = Site::new().await;
    known(&mut site).await;
    let absent = site.signed("absent", json!({}));
    site.send(7, absent).await;
    // Nobody takes the answer, so this one cannot come to an end. Where the log
    // goes to a file, cron's mail has the reason all the same.
    site.delete_queue(RESULTS).await;
    let log = site.path("file.log");
    site.configure(&format!(
        "moduletimeout = 8s\n[logging]\nmode = file\nfile = \"{}\"",
        log.display()
    ));
    let mut first = checkin(&mut site);
    let mut code = first.wait();
    // A busy machine may need all that time for the way to the relay, or let it hear
    // nothing for three seconds.
    let too_late = |running: &Running| running.log().contains("the relay was not reached within");
    while too_late(&first) || site.waiting().await > 0 {
        assert_eq!(code, Some(i32::from(too_late(&first))), "{}", first.log());
        first = checkin(&mut site);
        code = first.wait();
    }
    assert_eq!(code, Some(0), "{}", first.log());
    let said = first.log();
    assert!(
        said.contains("mig-agent: the time for a check-in is over"),
        "{said}"
    );
    site.connect_scheduler().await;
    site.configure("");
    work_off(&mut site).await;
    assert_eq!(site.answer(7).await.status, CommandStatus::Failed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_that_says_nothing_fails_the_check_in_in_time() {
    let mut site = Site::new().await;
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let place = silent.local_addr().unwrap();
    site.configure_for(&format!("amqp://agent:a@{place}/mig"), "moduletimeout = 2s");
    let mut agent = checkin(&mut site);
    assert_eq!(agent.wait(), Some(1));
    let log = agent.log();
    assert!(log.contains("the relay was not reached within"), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_in_posts_its_heartbeat_where_they_go_to_the_api() {
    let mut site = Site::new().await;
    let mut api = TestApi::start("200 OK").await;
    site.configure(&format!("heartbeatvia = api\napi = \"{}\"", api.url()));
    let mut agent = checkin(&mut site);
    let (_, body) = api.heartbeats.recv().await.unwrap();
    assert_eq!(parse_heartbeat(&body).unwrap().mode, AgentMode::Checkin);
    assert_eq!(agent.wait(), Some(0), "{}", agent.log());
    // One that cannot be posted is no reason not to work.
    let gone = format!("http://127.0.0.1:{}/api/v1/", mig_testkit::free_port());
    site.configure(&format!("heartbeatvia = api\napi = \"{gone}\""));
    let mut agent = checkin(&mut site);
    assert_eq!(agent.wait(), Some(0), "{}", agent.log());
}

/// It does not wait for room; the next one finds the command.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_in_without_room_leaves_the_command_with_the_relay() {
    if !mig_testkit::own_mounts() {
        return;
    }
    let mut site = Site::new().await;
    let disk = mig_testkit::SmallDisk::new(8);
    std::fs::create_dir(disk.path().join("run")).unwrap();
    std::os::unix::fs::symlink(disk.path().join("run"), site.run_directory()).unwrap();
    known(&mut site).await;
    send_waiting(&mut site, 1).await;
    let mut first = checkin_at_work(&mut site).await;
    disk.fill();
    // More than the last page of the journal has room for.
    let action = site.signed("absent", json!({"much": "x".repeat(10_000)}));
    site.send(2, action).await;
    until("the refusal of the disk", || {
        first.log().contains("stays with the relay")
    })
    .await;
    std::fs::write(site.path("until"), "").unwrap();
    assert_eq!(first.wait(), Some(0), "{}", first.log());
    assert_eq!(site.answer(1).await.status, CommandStatus::Success);
    assert_eq!(site.further_answers().await, 0);
    disk.make_room();
    work_off(&mut site).await;
    assert_eq!(site.answer(2).await.status, CommandStatus::Failed);
    assert_eq!(site.further_answers().await, 0);
}
