//! Several test programs at a time, each with its output in one piece.

use std::collections::VecDeque;
use std::process::Command;
use std::sync::Mutex;

use super::program::{Company, Program};
use crate::building::{Outcome, run_aside};

/// Runs every program, at most so many at once, and returns the names of those
/// that failed.
pub fn all(
    programs: Vec<Program>,
    at_once: usize,
    command: impl Fn(&Program) -> Command + Sync,
) -> Outcome<Vec<String>> {
    let (alone, together): (Vec<_>, Vec<_>) = programs
        .into_iter()
        .partition(|program| program.company == Company::Alone);
    let (large, others): (VecDeque<_>, VecDeque<_>) = together
        .into_iter()
        .partition(|program| program.company == Company::NotLarge);
    let (large, others) = (Mutex::new(large), Mutex::new(others));
    let failed = Mutex::new(Vec::new());
    // Only this one takes the large ones, so no two of them meet.
    let first = || {
        run_from(&large, &command, &failed)?;
        run_from(&others, &command, &failed)
    };
    std::thread::scope(|scope| {
        let further: Vec<_> = (1..at_once)
            .map(|_| scope.spawn(|| run_from(&others, &command, &failed)))
            .collect();
        let mut outcome = first();
        for thread in further {
            let ended = thread.join().map_err(|_| "a thread panicked".to_owned());
            outcome = outcome.and(ended.flatten());
        }
        outcome
    })?;
    run_from(&Mutex::new(alone.into()), &command, &failed)?;
    let mut failed = failed.into_inner().unwrap_or_default();
    failed.sort();
    Ok(failed)
}

/// Runs programs from a queue until it is empty.
fn run_from(
    queue: &Mutex<VecDeque<Program>>,
    command: &impl Fn(&Program) -> Command,
    failed: &Mutex<Vec<String>>,
) -> Outcome<()> {
    loop {
        let next = queue.lock().map_err(|_| "a thread panicked")?.pop_front();
        let Some(program) = next else {
            return Ok(());
        };
        if !run_aside(&program.name(), &mut command(&program))? {
            let mut failed = failed.lock().map_err(|_| "a thread panicked")?;
            failed.push(program.name());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn program(name: &str, company: Company) -> Program {
        let mut program = Program::new(name.into(), "/".into());
        program.company = company;
        program
    }

    #[test]
    fn every_program_runs_once_and_the_failed_ones_are_named() {
        let calls = AtomicUsize::new(0);
        let programs = vec![
            program("/a", Company::NotLarge),
            program("/b", Company::NotLarge),
            program("/c", Company::Any),
            program("/d", Company::Any),
            program("/e", Company::Alone),
        ];
        let failed = all(programs, 3, |program| {
            calls.fetch_add(1, Ordering::Relaxed);
            let wrong = ["b", "e"].contains(&program.name().as_str());
            Command::new(if wrong { "false" } else { "true" })
        });
        assert_eq!(failed, Ok(vec!["b".to_owned(), "e".to_owned()]));
        assert_eq!(calls.into_inner(), 5);
    }

    /// Each program writes when it begins and ends into a log of the test.
    #[test]
    fn large_ones_never_meet_and_who_runs_alone_meets_nobody() {
        let directory = tempfile::tempdir().expect("a directory");
        let log = directory.path().join("log");
        let programs = vec![
            program("/large-1", Company::NotLarge),
            program("/large-2", Company::NotLarge),
            program("/any-1", Company::Any),
            program("/any-2", Company::Any),
            program("/alone-1", Company::Alone),
            program("/alone-2", Company::Alone),
        ];
        let failed = all(programs, 4, |program| {
            let mut command = Command::new("sh");
            command
                .args(["-c", "echo \"+$1\" >>\"$2\"; for i in 1 2 3 4 5; do (:); done; echo \"-$1\" >>\"$2\"", "sh"])
                .arg(program.name())
                .arg(&log);
            command
        });
        assert_eq!(failed, Ok(Vec::new()));
        let log = std::fs::read_to_string(&log).expect("the log");
        let mut running: Vec<&str> = Vec::new();
        for line in log.lines() {
            let (sign, name) = line.split_at(1);
            if sign == "-" {
                running.retain(|other| *other != name);
                continue;
            }
            running.push(name);
            let of = |kind: &str| running.iter().filter(|n| n.starts_with(kind)).count();
            assert!(of("large") <= 1, "{log}");
            assert!(of("alone") == 0 || running.len() == 1, "{log}");
        }
        assert_eq!(log.lines().count(), 12);
    }
}
