//! What the journal promises, crash by crash.

use std::fs;
use std::sync::{Arc, Mutex};

use super::*;

const NOW: i64 = 1_700_000_000;
const LATER: i64 = NOW + 1000;
const SPOOL: u64 = 1 << 20;

fn key(number: u8) -> ReplayKey {
    [number; 32]
}

fn notice(command: &[u8]) -> Vec<u8> {
    [b"dropped ", command].concat()
}

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn open(&self) -> Journal {
        self.open_with(SPOOL, NOW)
    }

    fn open_with(&self, spool: u64, now: i64) -> Journal {
        Journal::open(self.0.path(), spool, now).unwrap()
    }

    /// Also returns what lets the journal's steady clock go on.
    fn open_steady(&self) -> (Journal, impl Fn(Duration)) {
        let clock = Arc::new(Mutex::new(Duration::ZERO));
        let steady = Arc::clone(&clock);
        let steady = Box::new(move || *steady.lock().unwrap());
        let journal = Journal::open_by(self.0.path(), SPOOL, NOW, steady).unwrap();
        (journal, move |more| *clock.lock().unwrap() += more)
    }

    fn file(&self) -> PathBuf {
        self.0.path().join(FILE)
    }
}

fn accept(journal: &mut Journal, number: u8, id: u64) -> EntryId {
    let command = format!("command {id}");
    match journal
        .accept(&key(number), Id(id), LATER, NOW, command.as_bytes())
        .unwrap()
    {
        Arrival::New(entry) => entry,
        other => panic!("{other:?}"),
    }
}

fn finish(journal: &mut Journal, entry: EntryId, answer: &str) {
    journal.finish(entry, answer.into(), NOW, &notice).unwrap();
}

fn unsent(journal: &Journal) -> Vec<String> {
    let mut answers = Vec::new();
    let mut after = None;
    while let Some(entry) = journal.next_unsent(after) {
        answers.push(String::from_utf8(journal.answer(entry).unwrap().unwrap()).unwrap());
        after = Some(entry);
    }
    answers
}

#[test]
fn a_command_is_recognised_in_every_state_and_after_a_restart() {
    let place = Place::new();
    let mut journal = place.open();
    let entry = accept(&mut journal, 1, 10);
    for restart in [false, true] {
        if restart {
            journal = place.open();
        }
        assert_eq!(
            journal.known(&key(1), Id(10)),
            Some(Arrival::Running(entry))
        );
        assert_eq!(journal.known(&key(1), Id(11)), Some(Arrival::Replayed));
        assert_eq!(journal.known(&key(2), Id(10)), None);
    }
    finish(&mut journal, entry, "answer");
    for restart in [false, true] {
        if restart {
            journal = place.open();
        }
        assert_eq!(
            journal.known(&key(1), Id(10)),
            Some(Arrival::Answered(entry))
        );
        assert_eq!(journal.known(&key(1), Id(11)), Some(Arrival::Replayed));
        assert_eq!(unsent(&journal), ["answer"]);
    }
    journal.sent(entry, NOW);
    assert!(unsent(&journal).is_empty());
    // A redelivery brings the stored answer back.
    assert_eq!(
        journal.known(&key(1), Id(10)),
        Some(Arrival::Answered(entry))
    );
    assert_eq!(unsent(&journal), ["answer"]);
    let mut journal = place.open();
    assert!(unsent(&journal).is_empty());
    assert_eq!(journal.known(&key(1), Id(11)), Some(Arrival::Replayed));
}

#[test]
fn open_commands_come_back_with_what_had_started() {
    let place = Place::new();
    let mut journal = place.open();
    let one = accept(&mut journal, 1, 10);
    let two = accept(&mut journal, 2, 20);
    let three = accept(&mut journal, 3, 30);
    journal.start(one, 0, true).unwrap();
    journal.start(one, 2, false).unwrap();
    finish(&mut journal, two, "answer");
    drop(journal);
    let open = place.open().open_commands().unwrap();
    let expected = [
        Open {
            entry: one,
            command: b"command 10".into(),
            started: vec![0, 2],
        },
        Open {
            entry: three,
            command: b"command 30".into(),
            started: vec![],
        },
    ];
    assert_eq!(open, expected);
}

#[test]
fn keys_are_remembered_until_a_day_after_their_time_and_unsent_answers_beyond() {
    let place = Place::new();
    let (mut journal, run) = place.open_steady();
    let sent = accept(&mut journal, 1, 10);
    let waiting = accept(&mut journal, 2, 20);
    finish(&mut journal, sent, "one");
    finish(&mut journal, waiting, "two");
    journal.sent(sent, NOW);
    journal.tidy(LATER + 1);
    run(SURE - Duration::from_secs(1));
    journal.tidy(LATER + 1);
    assert!(journal.known(&key(1), Id(99)).is_some());
    run(Duration::from_secs(1));
    journal.tidy(LATER + 1);
    assert_eq!(journal.known(&key(1), Id(99)), None);
    assert_eq!(unsent(&journal), ["two"]);
    journal.sent(waiting, LATER + 1);
    run(SURE);
    journal.tidy(LATER + 1);
    assert_eq!(journal.known(&key(2), Id(99)), None);
}

#[test]
fn a_clock_that_was_ahead_makes_nothing_forgotten() {
    let place = Place::new();
    let (mut journal, run) = place.open_steady();
    let entry = accept(&mut journal, 1, 10);
    finish(&mut journal, entry, "one");
    journal.sent(entry, NOW);
    let years = 10 * 365 * 24 * 3600;
    for _ in 0..3 {
        journal.tidy(NOW + years);
        run(SURE - Duration::from_secs(1));
        journal.tidy(NOW + years);
        // It comes back; the next jump counts from its own beginning.
        journal.tidy(NOW);
    }
    assert_eq!(journal.known(&key(1), Id(99)), Some(Arrival::Replayed));
}

#[test]
fn what_is_long_over_is_forgotten_when_the_agent_starts() {
    let place = Place::new();
    let mut journal = place.open();
    let entry = accept(&mut journal, 1, 10);
    finish(&mut journal, entry, "one");
    journal.sent(entry, NOW);
    drop(journal);
    let mut journal = place.open_with(SPOOL, LATER + LONG_OVER);
    assert!(journal.known(&key(1), Id(99)).is_some());
    drop(journal);
    let mut journal = place.open_with(SPOOL, LATER + LONG_OVER + 1);
    assert_eq!(journal.known(&key(1), Id(99)), None);
}

#[test]
fn a_refusal_is_sent_once_and_forgotten() {
    let place = Place::new();
    let mut journal = place.open();
    journal.refuse(Id(10), b"no".into(), NOW, &notice).unwrap();
    drop(journal);
    let mut journal = place.open();
    assert_eq!(unsent(&journal), ["no"]);
    let entry = journal.next_unsent(None).unwrap();
    journal.sent(entry, NOW);
    assert!(unsent(&journal).is_empty());
    drop(journal);
    assert!(unsent(&place.open()).is_empty());
}

#[test]
fn a_full_spool_turns_the_oldest_results_into_notices() {
    let place = Place::new();
    let mut journal = place.open_with(100, NOW);
    for number in 1..=4 {
        let entry = accept(&mut journal, number, u64::from(number) * 10);
        finish(&mut journal, entry, &number.to_string().repeat(40));
    }
    let expected = [
        "dropped command 10".to_owned(),
        "dropped command 20".to_owned(),
        "3".repeat(40),
    ];
    // The fourth does not fit beside the third and two notices.
    let expected = [
        &expected[..2],
        &["dropped command 30".to_owned(), "4".repeat(40)],
    ]
    .concat();
    assert_eq!(unsent(&journal), expected);
    assert_eq!(journal.totals().dropped, 3);
    drop(journal);
    let journal = place.open_with(100, NOW);
    assert_eq!(unsent(&journal), expected);
    assert_eq!(
        journal.totals(),
        Totals {
            unsent: 4,
            unsent_bytes: 94,
            dropped: 3
        }
    );
}

#[test]
fn where_even_notices_do_not_fit_the_oldest_go_and_are_counted() {
    let place = Place::new();
    let mut journal = place.open_with(40, NOW);
    for number in 1..=4 {
        let entry = accept(&mut journal, number, 10);
        finish(&mut journal, entry, &"x".repeat(50));
    }
    assert_eq!(
        unsent(&journal),
        ["dropped command 10", "dropped command 10"]
    );
    assert_eq!(journal.totals().dropped, 6);
    // Their keys are still guarded.
    assert_eq!(journal.known(&key(1), Id(11)), Some(Arrival::Replayed));
    assert_eq!(journal.known(&key(1), Id(10)), Some(Arrival::Forgotten));
}

#[test]
fn a_file_cut_anywhere_keeps_every_whole_record() {
    let place = Place::new();
    let mut journal = place.open();
    let mut ends = Vec::new();
    for number in 1..=3 {
        let entry = accept(&mut journal, number, u64::from(number));
        ends.push((journal.end, usize::from(number), usize::from(number) - 1));
        finish(&mut journal, entry, "answer");
        ends.push((journal.end, usize::from(number), usize::from(number)));
    }
    drop(journal);
    let whole = fs::read(place.file()).unwrap();
    for cut in 0..=whole.len() {
        let copy = Place::new();
        fs::write(copy.file(), &whole[..cut]).unwrap();
        let mut journal = copy.open();
        let last = ends.iter().rfind(|(end, ..)| *end <= cut as u64);
        let (accepted, answered) =
            last.map_or((0, 0), |(_, accepted, answered)| (*accepted, *answered));
        assert_eq!(unsent(&journal).len(), answered, "cut at {cut}");
        assert_eq!(
            journal.open_commands().unwrap().len(),
            accepted - answered,
            "cut at {cut}"
        );
        assert_eq!(journal.condition().damaged, 0, "cut at {cut}");
        // And it goes on.
        let entry = accept(&mut journal, 9, 9);
        finish(&mut journal, entry, "later");
        drop(journal);
        assert_eq!(
            unsent(&copy.open()).last().map(String::as_str),
            Some("later"),
            "cut at {cut}"
        );
    }
}

#[test]
fn damage_in_the_middle_costs_what_it_hit_and_is_told() {
    let place = Place::new();
    let mut journal = place.open();
    let mut starts = Vec::new();
    for number in 1..=3 {
        starts.push(usize::try_from(journal.end).unwrap());
        accept(&mut journal, number, u64::from(number));
    }
    let end = usize::try_from(journal.end).unwrap();
    drop(journal);
    let whole = fs::read(place.file()).unwrap();
    for at in starts[1]..starts[2] {
        let copy = Place::new();
        let mut bytes = whole.clone();
        bytes[at] ^= 0x55;
        fs::write(copy.file(), &bytes).unwrap();
        let journal = copy.open();
        let open = journal.open_commands().unwrap();
        let commands: Vec<_> = open.iter().map(|open| open.command.as_slice()).collect();
        assert_eq!(
            commands,
            [b"command 1", b"command 3"],
            "damage at {at} of {end}"
        );
        assert!(journal.condition().damaged > 0);
        drop(journal);
        assert_eq!(copy.open().condition(), Condition::default());
    }
}

#[test]
fn the_file_does_not_grow_with_history() {
    let place = Place::new();
    let mut journal = place.open();
    let answer = "x".repeat(100_000);
    for round in 0..100_u64 {
        let mut replay = [0; 32];
        replay[..8].copy_from_slice(&round.to_le_bytes());
        let Arrival::New(entry) = journal
            .accept(&replay, Id(round + 1), LATER, NOW, b"command")
            .unwrap()
        else {
            panic!("a new command");
        };
        finish(&mut journal, entry, &answer);
        journal.sent(entry, NOW);
        assert!(fs::metadata(place.file()).unwrap().len() < 2 << 20);
    }
    for round in 0..100_u64 {
        let mut replay = [0; 32];
        replay[..8].copy_from_slice(&round.to_le_bytes());
        assert_eq!(journal.known(&replay, Id(999)), Some(Arrival::Replayed));
    }
}

#[test]
fn a_rewritten_file_says_the_same() {
    let place = Place::new();
    let mut journal = place.open();
    let sent = accept(&mut journal, 1, 10);
    finish(&mut journal, sent, "sent");
    journal.sent(sent, NOW);
    let open = accept(&mut journal, 2, 20);
    journal.start(open, 1, true).unwrap();
    let waiting = accept(&mut journal, 3, 30);
    finish(&mut journal, waiting, "waiting");
    journal.live = journal.live_size();
    journal.compact().unwrap();
    for restart in [false, true] {
        if restart {
            journal = place.open();
        }
        assert_eq!(journal.end, fs::metadata(place.file()).unwrap().len());
        assert_eq!(unsent(&journal), ["waiting"]);
        let commands = journal.open_commands().unwrap();
        assert_eq!(
            (
                commands.len(),
                commands[0].entry,
                commands[0].started.as_slice()
            ),
            (1, open, &[1][..])
        );
        assert_eq!(journal.known(&key(1), Id(11)), Some(Arrival::Replayed));
    }
    assert_eq!(
        journal.known(&key(1), Id(10)),
        Some(Arrival::Answered(sent))
    );
    assert_eq!(journal.answer(sent).unwrap().as_deref(), Some(&b"sent"[..]));
}

#[test]
fn a_disk_that_refuses_accepts_no_command_but_loses_no_answer() {
    let place = Place::new();
    let mut journal = place.open();
    let entry = accept(&mut journal, 1, 10);
    // Only read from now on, as on a full or read-only disk.
    journal.only_read(true);
    let refused = journal.accept(&key(2), Id(20), LATER, NOW, b"command");
    let message = refused.unwrap_err().to_string();
    assert!(
        message.contains(FILE) && message.contains("free space"),
        "{message}"
    );
    assert_eq!(journal.known(&key(2), Id(20)), None);
    assert!(
        journal
            .finish(entry, b"answer".into(), NOW, &notice)
            .is_err()
    );
    assert_eq!(unsent(&journal), ["answer"]);
    assert!(journal.refuse(Id(20), b"no".into(), NOW, &notice).is_err());
    assert_eq!(unsent(&journal), ["answer", "no"]);
}

#[test]
fn a_directory_that_is_not_there_is_named() {
    let message = Journal::open(Path::new("/nonexistent/run"), SPOOL, NOW)
        .err()
        .unwrap()
        .to_string();
    assert!(
        message.contains("/nonexistent/run") && !message.contains('\n'),
        "{message}"
    );
}

#[test]
fn an_answer_that_cannot_be_sent_becomes_a_notice_and_then_nothing() {
    let place = Place::new();
    let mut journal = place.open();
    let entry = accept(&mut journal, 1, 10);
    finish(&mut journal, entry, "answer");
    journal.shorten(entry, &notice);
    assert_eq!(unsent(&journal), ["dropped command 10"]);
    journal.shorten(entry, &notice);
    assert!(unsent(&journal).is_empty());
    assert_eq!(journal.totals().dropped, 2);
    drop(journal);
    assert_eq!(place.open().totals().dropped, 2);
}
