//! Following the pages, block by block.

use std::time::{Duration, Instant};

use crate::machine::{Ended, Homes, Machine, Who, hindrance};
use crate::pages::{self, Block, Kind, Way};
use crate::siem::Siem;

/// How long something that comes by itself is waited for.
const PATIENCE: Duration = Duration::from_secs(120);
/// What stands for passwords on the pages, and one that needs to be quoted nowhere.
const PLACEHOLDER: &str = "CHANGE-ME";
const WORD: &str = "pigeon";

#[test]
fn the_pages_lead_to_an_embedded_site_and_its_first_investigation() {
    follow(Way::Embedded);
}

#[test]
fn the_pages_lead_to_a_large_site_and_its_first_investigation() {
    follow(Way::Large);
}

fn follow(way: Way) {
    if let Some(hindrance) = hindrance() {
        mig_testkit::skip(&hindrance);
        return;
    }
    let homes = Homes::prepare();
    let mut first = Machine::start(0, &homes);
    let siem = Siem::start(&first);
    let mut second = None;
    for page in pages::of(way) {
        let blocks = pages::blocks(&page, &pages::read(&page), way);
        for block in blocks.unwrap_or_else(|problem| panic!("{problem}")) {
            let began = Instant::now();
            let machine = if block.second {
                second.get_or_insert_with(|| {
                    let mut second = Machine::start(1, &homes);
                    first.connect(&mut second);
                    second
                })
            } else {
                &mut first
            };
            carry_out(machine, &block);
            println!("{way:?} {} {:?}", block.place, began.elapsed());
        }
    }
    // The pages turn the webhook on before they ask for the second time.
    mig_testkit::wait_until("the event of a result", PATIENCE, || {
        siem.has(&["command.results", "needle.txt"])
    });
}

fn carry_out(machine: &mut Machine, block: &Block) {
    let text = block.text.replace(PLACEHOLDER, WORD);
    match &block.kind {
        Kind::File(path) => machine.write(path, &text),
        Kind::Commands { repeat, output } => {
            let end = Instant::now() + PATIENCE;
            loop {
                let ended = machine.run(Who::Ada, &text);
                let Some(complaint) = complaint(&ended, output) else {
                    return;
                };
                if *repeat && Instant::now() < end {
                    continue;
                }
                let place = &block.place;
                let said = ended.output;
                let logs = machine.logs();
                panic!("{place}: {complaint}\n{text}\nwhich said:\n{said}\nlogs:\n{logs}");
            }
        }
    }
}

fn complaint(ended: &Ended, output: &[String]) -> Option<String> {
    if !ended.success {
        return Some("failed".to_owned());
    }
    let missing = pages::missing(&ended.output, output)?;
    Some(format!("did not print `{missing}`"))
}
