//! Clocks that jump by hours, forwards and back, while something is under way.
//! What is over by the clock of the scheduler is over, as documented; an answer
//! that comes all the same counts; nothing runs twice; and when the clock is right
//! again, so is everything else.

use std::path::PathBuf;
use std::process::Command as Call;
use std::time::Duration;

use mig_acceptance::{Process, Site};
use mig_protocol::{Action, Command, Id, Time, to_go_json};
use serde_json::json;

use crate::asking;
use crate::drops::Drops;
use crate::hand::{Hand, order};
use crate::https::{Https, query};
use crate::stage::{INVESTIGATOR, PATIENCE, Stage};

const LIBRARY: &str = "faketime/libfaketimeMT.so.1";
const HOURS: i64 = 5;
/// The scheduler's are fewer when it is behind: by its own clock it has heard of all
/// agents so long ago when that is right again, and still has them for online.
const BEHIND: i64 = 2;
const EVERYBODY: &str = "queueloc LIKE 'linux.%'";

/// What programs take for the time of day, which can be set while they run.
pub struct Clock {
    library: PathBuf,
    /// How far it is off.
    file: PathBuf,
}

impl Clock {
    /// A clock that is right. `None`: the library is not installed, and the test
    /// has been reported as skipped.
    fn new(site: &Site, name: &str) -> Option<Self> {
        let found = std::fs::read_dir("/usr/lib").ok().and_then(|entries| {
            let mut files = entries.flatten().map(|entry| entry.path().join(LIBRARY));
            files.find(|file| file.is_file())
        });
        let Some(library) = found else {
            mig_testkit::skip("libfaketime is not installed");
            return None;
        };
        let file = site.path(&format!("{name}.clock"));
        let clock = Self { library, file };
        clock.set(0);
        Some(clock)
    }

    /// Sets it so many hours ahead.
    fn set(&self, hours: i64) {
        // By renaming: nobody may read half of it.
        let new = self.file.with_extension("new");
        std::fs::write(&new, format!("{:+}\n", hours * 3600)).unwrap();
        std::fs::rename(&new, &self.file).unwrap();
    }

    /// Makes a program that is to be started go by it.
    pub fn rule(&self, call: &mut Call) {
        call.env("LD_PRELOAD", &self.library)
            .env("FAKETIME_TIMESTAMP_FILE", &self.file)
            .env("FAKETIME_NO_CACHE", "1")
            // Pauses and timeouts are measured by clocks that nobody sets.
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .env("FAKETIME_DISABLE_SHM", "1")
            .env("NO_FAKE_STAT", "1");
    }
}

#[test]
fn clocks_that_jump_lose_nothing_on_postgresql_and_rabbitmq() {
    if let Some(stage) = Stage::large("10m") {
        clocks_that_jump_lose_nothing(&stage);
    }
}

#[test]
fn clocks_that_jump_lose_nothing_in_one_process() {
    clocks_that_jump_lose_nothing(&Stage::small());
}

fn clocks_that_jump_lose_nothing(stage: &Stage) {
    let clock = |name| Clock::new(stage.site(), name);
    let (Some(scheduler), Some(api), Some(own)) =
        (clock("scheduler"), clock("api"), clock("agent"))
    else {
        return;
    };
    let engines = stage.start_with(Some(&scheduler), Some(&api));
    // Where both are one process, they have one clock.
    let apart = engines.api.is_some();
    let mut site = Playing::start(stage, &own);

    site.all_answer("calm");
    the_scheduler_ahead(&mut site, &scheduler, apart);
    site.all_answer("after it was ahead");
    the_scheduler_behind(&mut site, &scheduler, apart);
    site.all_answer("after it was behind");
    if apart {
        the_api_ahead(stage, &api);
    }
    the_agent_ahead(&mut site, &own);
    the_agent_behind(&mut site, &own);
    site.all_answer("at the end");
    site.check();
}

/// An agent with a clock that jumps and one with a clock that is right.
struct Playing<'a> {
    stage: &'a Stage,
    agent: Process,
    queueloc: String,
    alice: Hand,
    /// What the agent ran.
    ran: Vec<String>,
}

impl<'a> Playing<'a> {
    fn start(stage: &'a Stage, clock: &Clock) -> Self {
        let site = stage.site();
        let configuration = match stage {
            Stage::Large(large) => large.agent_configuration("agent"),
            Stage::Small(site, _) => site.agent_configuration("agent").unwrap(),
        };
        // The relay hangs up on whoever says nothing for four times as long, and a
        // clock of hours ago takes no certificate: nobody could come back with it.
        let configuration = configuration.set("agent", "heartbeatfreq", "10s");
        site.write("agent.cfg", configuration).unwrap();
        std::fs::create_dir(site.path("agent")).unwrap();
        let mut call = site.programs().agent();
        call.arg("-f").arg("-c").arg(site.path("agent.cfg"));
        clock.rule(&mut call);
        let agent = Process::start("mig-agent", &mut call, &site.path("agent.log")).unwrap();
        let alice = Hand::join(&stage.relay(), "alice");
        let other = "SELECT queueloc FROM agents WHERE queueloc <> 'linux.alice'";
        stage.wait_until("the agent being known", || !stage.rows(other).is_empty());
        let queueloc = stage.rows(other)[0].clone();
        let playing = Self {
            stage,
            agent,
            queueloc,
            alice,
            ran: Vec::new(),
        };
        playing.wait_for_both();
        playing
    }

    /// Both say that they live, as they do by themselves.
    fn wait_for_both(&self) {
        let online = "SELECT count(*) FROM agents WHERE status = 'online'";
        self.stage.wait_until("both being online", || {
            self.alice.say_alive();
            self.stage.number(online) == 2
        });
    }

    fn action(&self, name: &str, hours: u64) -> Action {
        let directory = self.stage.site().directory();
        let search = json!({"paths": [directory], "names": ["^acl\\.cfg$"],
            "options": {"maxdepth": 1}});
        let mut action = asking::action(name, "file", json!({"searches": {"s": search}}));
        action.target = EVERYBODY.into();
        action.expireafter = action.expireafter + Duration::from_secs(hours * 3600);
        asking::sign(self.stage.site(), INVESTIGATOR, action)
    }

    fn post(&self, name: &str) -> Id {
        asking::post(&self.stage.client(), &self.action(name, 0)).unwrap()
    }

    /// Asks both, who answer.
    fn all_answer(&mut self, name: &str) {
        self.wait_for_both();
        let action = self.post(name);
        let asked = self.alice.next_command();
        self.alice.answer(&asked, json!({}));
        self.stage.wait_for_end(action, "completed");
        self.expect(action, "success", "success");
        self.ran.push(name.to_owned());
    }

    fn expect(&self, action: Id, alice: &str, agent: &str) {
        let of = |queueloc: &str| self.stage.command(action, queueloc);
        let (by_alice, by_agent) = (of("linux.alice"), of(&self.queueloc));
        assert_eq!(by_alice.status, alice, "{by_alice:?}");
        assert_eq!(
            by_agent.status,
            agent,
            "{by_agent:?}\n{}",
            self.agent.last_words()
        );
    }

    /// Waits for what becomes of a command.
    fn wait_for(&self, action: Id, queueloc: &str, status: &str) {
        let query = format!(
            "SELECT status FROM commands WHERE actionid = {} AND queueloc = '{queueloc}'",
            action.0
        );
        let what = format!("{action} for {queueloc} becoming {status}");
        self.stage
            .wait_until(&what, || self.stage.rows(&query).concat() == status);
    }

    /// Posts with a token of the time that the API takes it to be.
    fn post_at(&self, hours: i64, action: &Action) -> Id {
        let mut api = Https::at(self.stage.site(), hours * 3600);
        let body = query(&[("action", &asking::text_of(action))]);
        let form = "application/x-www-form-urlencoded";
        let reply = api.post("action/create/", form, body.as_bytes());
        assert_eq!(reply.status, 202, "{}", reply.text());
        let posted = reply.first();
        Id(posted["id"].as_u64().expect("an identifier"))
    }

    /// An action of a day for nobody: schedulers look at the clock then, and not
    /// only when a minute is over.
    fn wake(&self, hours: i64) {
        let mut action = asking::action("wake", "file", json!({"searches": {}}));
        action.target = "name = 'nobody'".into();
        action.expireafter = action.expireafter + Duration::from_secs(86_400);
        let day = Duration::from_secs(86_400);
        action.validfrom = action.validfrom.saturating_sub(day);
        let action = asking::sign(self.stage.site(), INVESTIGATOR, action);
        let id = self.post_at(hours, &action);
        self.stage.wait_for_end(id, "invalid");
    }

    /// Nothing was answered or run twice, nothing is open.
    fn check(&self) {
        let stage = self.stage;
        let open = "SELECT count(*) FROM commands WHERE status IN ('sent', 'expired')";
        assert_eq!(stage.number(open), 0);
        let open = "SELECT count(*) FROM actions WHERE status NOT IN ('completed', 'invalid')";
        assert_eq!(stage.number(open), 0);
        assert_eq!(stage.number("SELECT count(*) FROM outbox"), 0);
        let log = self.agent.log();
        for name in &self.ran {
            let accepted = log.matches(&format!("accepted `{name}`")).count();
            assert_eq!(accepted, 1, "{name}: {log}");
        }
    }
}

/// What is under way is over, and its late answers count; whoever says that he
/// lives says so hours ago, and is offline until the clock is right.
fn the_scheduler_ahead(site: &mut Playing<'_>, clock: &Clock, apart: bool) {
    let stage = site.stage;
    let hours = if apart { 0 } else { HOURS };
    let held = site.post("held while it jumped ahead");
    let asked = site.alice.next_command();
    site.wait_for(held, &site.queueloc, "success");
    let before = Drops::reported(stage);
    clock.set(HOURS);
    site.wake(hours);
    site.wait_for(held, "linux.alice", "expired");
    stage.wait_for_end(held, "completed");
    site.alice.say_alive();
    stage.wait_until("its being counted", || {
        Drops::reported(stage).heartbeats_refused > before.heartbeats_refused
    });
    let online = "SELECT count(*) FROM agents WHERE status IN ('online', 'idle')";
    stage.wait_until("both being offline", || stage.number(online) == 0);
    site.alice.answer(&asked, json!({"late": true}));
    site.wait_for(held, "linux.alice", "success");
    site.alice.answer(&asked, json!({"late": "twice"}));
    stage.wait_until("the second one being dropped", || {
        Drops::reported(stage).repeated > before.repeated
    });
    clock.set(0);
    site.wait_for_both();
    site.expect(held, "success", "success");
    let kept = stage.command(held, "linux.alice");
    assert_eq!(kept.results[0]["elements"]["late"], true, "{kept:?}");
    site.ran.push("held while it jumped ahead".into());
}

/// What is under way goes on; what starts by then waits, and starts when the clock
/// is right, not hours later.
fn the_scheduler_behind(site: &mut Playing<'_>, clock: &Clock, apart: bool) {
    let stage = site.stage;
    let held = site.post("held while it jumped back");
    let asked = site.alice.next_command();
    clock.set(-BEHIND);
    if !apart {
        nobody_is_let_in(stage);
    }
    site.alice.answer(&asked, json!({}));
    stage.wait_for_end(held, "completed");
    site.expect(held, "success", "success");
    site.ran.push("held while it jumped back".into());
    if !apart {
        nobody_is_let_in(stage);
        clock.set(0);
        assert_eq!(Https::to(stage.site()).get("dashboard").status, 200);
        return;
    }
    let early = site.post_at(0, &site.action("early", 0));
    site.wake(0);
    assert_eq!(stage.status_of(early), "pending");
    clock.set(0);
    site.wake(0);
    let asked = site.alice.next_command();
    site.alice.answer(&asked, json!({}));
    stage.wait_for_end(early, "completed");
    site.expect(early, "success", "success");
    site.ran.push("early".into());
}

/// By a clock that is behind, of which tokens are neither those of now nor those of
/// its own time: no key was there yet.
fn nobody_is_let_in(stage: &Stage) {
    for hours in [0, -BEHIND] {
        let reply = Https::at(stage.site(), hours * 3600).get("dashboard");
        assert_eq!(reply.status, 401, "{hours} hours off: {}", reply.text());
    }
}

/// It lets nobody in whose time differs by hours, and takes nothing half.
fn the_api_ahead(stage: &Stage, clock: &Clock) {
    let status = || Https::to(stage.site()).get("dashboard").status;
    assert_eq!(status(), 200);
    for hours in [HOURS, -HOURS] {
        clock.set(hours);
        assert_eq!(status(), 401, "{hours} hours off");
        clock.set(0);
        assert_eq!(status(), 200);
    }
}

/// It refuses what is over by its clock, and remembers what it ran when the clock
/// is right again.
fn the_agent_ahead(site: &mut Playing<'_>, clock: &Clock) {
    let stage = site.stage;
    clock.set(HOURS);
    let action = site.post("for one that is ahead");
    let asked = site.alice.next_command();
    site.alice.answer(&asked, json!({}));
    stage.wait_for_end(action, "completed");
    site.expect(action, "success", "failed");
    clock.set(0);
    site.all_answer("after the agent was ahead");
    // Whoever has the scheduler's account sends again what was answered long ago.
    if let Some(relay) = scheduler_account(stage) {
        let ids = format!(
            "SELECT commands.id FROM commands JOIN actions ON actions.id = actionid \
             WHERE actions.name = 'calm' AND queueloc = '{}'",
            site.queueloc
        );
        let id = &stage.rows(&ids)[0];
        let answer = stage.client().get("command", &[("commandid", id)]).unwrap();
        let command: Command = answer.documents("command").unwrap().remove(0);
        let again = Command {
            results: None,
            ..command
        };
        let other = Command {
            id: Id(again.id.0 + 500_000),
            ..again.clone()
        };
        for command in [again, other] {
            order(&relay, &site.queueloc, &to_go_json(&command).expect("JSON"));
        }
        // Each agent takes its commands one after the other.
        site.all_answer("after the replay");
    }
}

/// What is not valid yet by its clock it refuses; what it says is too old to
/// count, and counted.
fn the_agent_behind(site: &mut Playing<'_>, clock: &Clock) {
    let stage = site.stage;
    let refused = Drops::reported(stage).heartbeats_refused;
    clock.set(-HOURS);
    let action = site.post("for one that is behind");
    let asked = site.alice.next_command();
    site.alice.answer(&asked, json!({}));
    stage.wait_for_end(action, "completed");
    site.expect(action, "success", "failed");
    stage.wait_until("its heartbeats being counted", || {
        Drops::reported(stage).heartbeats_refused > refused
    });
    clock.set(0);
}

/// Where there is an account of the scheduler that others could have.
fn scheduler_account(stage: &Stage) -> Option<String> {
    let Stage::Large(large) = stage else {
        return None;
    };
    let (agent, scheduler) = (large.account("agent"), large.account("scheduler"));
    Some(stage.relay().replace(&agent, &scheduler))
}

/// The library that sets the clocks does so, or all of this would prove nothing.
#[test]
fn a_clock_that_is_set_is_off() {
    let stage = Stage::small();
    let Some(clock) = Clock::new(stage.site(), "trial") else {
        return;
    };
    for hours in [0, HOURS, -HOURS] {
        clock.set(hours);
        let mut call = Call::new("date");
        clock.rule(call.args(["-u", "+%s"]));
        let shown = String::from_utf8(call.output().unwrap().stdout).unwrap();
        let shown: i64 = shown.trim().parse().unwrap();
        let off = shown - Time::now().unix_seconds() - hours * 3600;
        let most = i64::try_from(PATIENCE.as_secs()).unwrap();
        assert!(off.abs() < most, "off by {off} s more than {hours} hours");
    }
}
