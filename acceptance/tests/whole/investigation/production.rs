//! The same on the engines of a large site: PostgreSQL, RabbitMQ, two schedulers
//! and an API as programs of their own.

#[path = "../../large_site/mod.rs"]
mod large_site;

use crate::setup::{AGENT, files, mig};
use large_site::LargeSite;

#[test]
fn the_engines_of_a_large_site_answer_as_the_small_one_does() {
    let Some(large) = LargeSite::prepare(files().0) else {
        return;
    };
    let mut schedulers = ["first.log", "second.log"].map(|log| large.start_scheduler(log));
    let mut api = large.start_api("api.log");
    let mut agent = large.start_agent(AGENT);
    let site = &large.site;
    let names = site.wait_until_online(&mut agent, "ada", 1);
    let names = names.unwrap_or_else(|error| panic!("{error}\n{}", api.last_words()));

    let data = site.path("data").display().to_string();
    let words = ["file", "-path", &data, "-name", "^passwd$"];
    let said = mig(site, "ada", &words);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(
        said.stdout
            .starts_with(&format!("{} {data}/passwd", names[0])),
        "{said:?}"
    );
    said.line_with("1 sent, 1 done, 1 succeeded");

    // With one scheduler less it goes on, and a signal ends what is left.
    schedulers[0].kill().unwrap();
    let said = mig(site, "ada", &words);
    said.line_with("1 sent, 1 done, 1 succeeded");
    agent.stop().unwrap();
    api.stop().unwrap();
    schedulers[1].stop().unwrap();
}
