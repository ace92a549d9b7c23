//! The ways in which an agent can run.

use mig_testkit::wait_until;

use crate::setup::database::Database;
use crate::setup::{AGENT, PATIENCE, Said, Whole, files};

#[test]
fn an_agent_that_checks_in_does_what_waits_and_leaves() {
    let mut whole = Whole::start();
    whole.agent.stop().unwrap();
    let database = Database::of(whole.site.directory());
    let asked = std::thread::scope(|scope| {
        let asking = scope.spawn(|| {
            whole.mig(&[
                "file",
                "-e",
                "60s",
                "-path",
                &whole.data(),
                "-name",
                "^passwd$",
            ])
        });
        wait_until("the command being sent", PATIENCE, || {
            database.commands().len() == 1 && database.outbox().is_empty()
        });
        // A relay that is kept from delivering for three seconds has nothing for the
        // agent, which then leaves, and comes again as cron would have it.
        while !asking.is_finished() {
            let mut call = whole.site.programs().agent();
            call.arg("-c").arg(whole.site.path("agent.cfg"));
            let said = Said::by(call.args(["-m", "agent-checkin"]));
            assert_eq!(said.code, 0, "{said:?}");
        }
        asking.join().expect("mig")
    });
    assert_eq!(asked.code, 0, "{asked:?}");
    asked.line_with("1 agent has found results");
}

#[test]
fn an_agent_puts_itself_in_the_background_and_beats_over_http() {
    let (site, _) = files();
    let _server = site.start_server().unwrap();
    let configuration = site
        .agent_configuration(AGENT)
        .unwrap()
        .set("agent", "heartbeatvia", "api")
        .set("logging", "mode", "file")
        .set("logging", "file", site.path("agent.log").display());
    site.write("agent.cfg", configuration).unwrap();
    std::fs::create_dir(site.path(AGENT)).unwrap();
    let call = |words: &[&str]| {
        let mut call = site.programs().agent();
        Said::by(call.arg("-c").arg(site.path("agent.cfg")).args(words))
    };
    let said = call(&[]);
    assert_eq!(said.code, 0, "{said:?}");
    let line = said.line_with("mig-agent runs with pid ");
    let pid = line.rsplit(' ').next().expect("a process").to_owned();
    // From here on it must be stopped, whatever else is found.
    let stopping = Stopping(&call);
    let online = || {
        let mut search = site.programs().tool("mig-agent-search");
        search.arg("-c").arg(site.path("ada.migrc"));
        let said = Said::by(search.args(["-t", "status='online'"]));
        said.code == 0 && said.stdout.contains(&format!("; {pid}; "))
    };
    wait_until("being online", PATIENCE, online);
    wait_until("the status page", PATIENCE, || {
        call(&["-q", "pid"]).stdout.trim() == pid
    });
    let data = site.path("data");
    let words = ["file", "-path", data.to_str().unwrap(), "-name", "^passwd$"];
    let said = crate::setup::mig(&site, "ada", &words);
    assert_eq!(said.code, 0, "{said:?}");
    said.line_with("1 agent has found results");
    drop(stopping);
    // Whoever inherits it may not look at once, or never, that it has ended.
    wait_until("its end", PATIENCE, || {
        std::fs::read_to_string(format!("/proc/{pid}/stat"))
            .map_or(true, |state| state.contains(") Z "))
    });
}

/// Asks the agent to stop when it goes.
struct Stopping<'a>(&'a dyn Fn(&[&str]) -> Said);

impl Drop for Stopping<'_> {
    fn drop(&mut self) {
        let said = (self.0)(&["-q", "shutdown"]);
        if said.code != 0 {
            eprintln!("the agent does not stop: {said:?}");
        }
    }
}
