//! Taking the daemon's place and giving it back, with a kernel that can fail at
//! every step.

use super::*;
use crate::rules::{self, Names};

/// What the kernel would hold.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Held {
    status: Status,
    rules: Vec<Vec<u8>>,
}

#[derive(Debug, Clone)]
struct FakeKernel {
    held: Held,
    /// So many more requests succeed.
    until_failure: usize,
}

impl FakeKernel {
    fn new() -> Self {
        Self {
            held: Held {
                status: Status {
                    enabled: 0,
                    failure: 2,
                    rate_limit: 7,
                    backlog_limit: 64,
                    backlog_wait: Some(60_000),
                    ..Status::default()
                },
                rules: vec![b"one".to_vec(), b"two".to_vec()],
            },
            until_failure: usize::MAX,
        }
    }

    fn step(&mut self) -> Result<(), Error> {
        match self.until_failure.checked_sub(1) {
            Some(left) => {
                self.until_failure = left;
                Ok(())
            }
            None => {
                // Once.
                self.until_failure = usize::MAX;
                Err(refused(libc::ENOMEM))
            }
        }
    }
}

fn refused(number: i32) -> Error {
    Error::Refused(std::io::Error::from_raw_os_error(number))
}

impl Kernel for FakeKernel {
    fn status(&mut self) -> Result<Status, Error> {
        self.step()?;
        Ok(self.held.status)
    }

    fn set(&mut self, change: Change) -> Result<(), Error> {
        self.step()?;
        let status = &mut self.held.status;
        status.enabled = change.enabled.unwrap_or(status.enabled);
        status.failure = change.failure.unwrap_or(status.failure);
        status.pid = change.pid.unwrap_or(status.pid);
        status.rate_limit = change.rate_limit.unwrap_or(status.rate_limit);
        status.backlog_limit = change.backlog_limit.unwrap_or(status.backlog_limit);
        status.backlog_wait = change.backlog_wait.or(status.backlog_wait);
        Ok(())
    }

    fn rules(&mut self) -> Result<Vec<Vec<u8>>, Error> {
        self.step()?;
        Ok(self.held.rules.clone())
    }

    fn add(&mut self, rule: &[u8]) -> Result<(), Error> {
        self.step()?;
        if self.held.rules.iter().any(|held| held == rule) {
            return Err(refused(libc::EEXIST));
        }
        self.held.rules.push(rule.to_vec());
        Ok(())
    }

    fn delete(&mut self, rule: &[u8]) -> Result<(), Error> {
        self.step()?;
        let before = self.held.rules.len();
        self.held.rules.retain(|held| held != rule);
        match self.held.rules.len() < before {
            true => Ok(()),
            false => Err(refused(libc::ENOENT)),
        }
    }
}

const LIMITS: Limits = Limits {
    rate: 500,
    backlog: 1000,
    wait: 100,
};

fn some_rules() -> Vec<(String, KernelRule)> {
    let text = r#"{"audit_rules": [
        {"path": "/", "permission": "w", "key": "a"},
        {"path": "/", "permission": "w", "key": "a"},
        {"path": "/", "permission": "x", "key": "b"}]}"#;
    rules::compile(text, &Names::default())
        .expect("rules")
        .rules
}

#[test]
fn settings_and_rules_are_set_and_restored() {
    let directory = tempfile::tempdir().expect("a directory");
    let before = FakeKernel::new();
    let keeper = Keeper::new(Some(directory.path()));
    let taken = Control::take(
        before.clone(),
        keeper.clone(),
        LIMITS,
        &some_rules(),
        || Ok(()),
    );
    let Ok(mut control) = taken else {
        panic!("the place was not taken")
    };
    let now = &control.kernel.held;
    let status = now.status;
    assert_eq!(
        (
            status.enabled,
            status.rate_limit,
            status.backlog_limit,
            status.backlog_wait,
            status.failure
        ),
        (1, 500, 1000, Some(100), PRINT)
    );
    assert_eq!(now.rules.len(), 2, "one of three is the same as another");
    assert!(
        control
            .remarks
            .iter()
            .any(|line| line.contains("rule 2 (a) is left out"))
    );
    assert!(control.remarks.iter().any(|line| line.contains("panic")));
    assert!(keeper.left_behind().expect("a state").is_some());
    assert_eq!(control.give_back(), Vec::<String>::new());
    assert_eq!(control.kernel.held, before.held);
    assert_eq!(keeper.left_behind(), Ok(None));
}

#[test]
fn a_killed_run_leaves_the_state_of_before_to_the_next() {
    let directory = tempfile::tempdir().expect("a directory");
    let before = FakeKernel::new();
    let keeper = Keeper::new(Some(directory.path()));
    let mut kernel = before.clone();
    for _ in 0..2 {
        let taken = Control::take(kernel, keeper.clone(), LIMITS, &some_rules(), || Ok(()));
        let Ok(control) = taken else {
            panic!("the place was not taken")
        };
        // Killed: nothing is given back.
        kernel = control.kernel;
    }
    assert_ne!(kernel.held, before.held);
    let Ok(mut control) = Control::take(kernel, keeper.clone(), LIMITS, &[], || Ok(())) else {
        panic!("the place was not taken")
    };
    assert!(
        control
            .remarks
            .iter()
            .any(|line| line.contains("an earlier run"))
    );
    assert_eq!(control.give_back(), Vec::<String>::new());
    assert_eq!(control.kernel.held, before.held);
}

#[test]
fn a_state_of_another_boot_is_no_longer_true() {
    let directory = tempfile::tempdir().expect("a directory");
    let keeper = Keeper::new(Some(directory.path()));
    let mut saved = Saved::of(&Status::default(), &[vec![1, 2]]);
    keeper.keep(&saved).expect("kept");
    assert_eq!(keeper.left_behind(), Ok(Some(saved.clone())));
    saved.boot = "another".into();
    keeper.keep(&saved).expect("kept");
    assert_eq!(keeper.left_behind(), Ok(None));
    std::fs::write(directory.path().join("previous-state.json"), "{").expect("written");
    assert!(keeper.left_behind().is_err());
}

#[test]
fn a_failure_at_any_step_changes_nothing_for_good() {
    let before = FakeKernel::new();
    let mut failures = 0;
    for steps in 0.. {
        let kernel = FakeKernel {
            until_failure: steps,
            ..before.clone()
        };
        match Control::take(kernel, Keeper::new(None), LIMITS, &some_rules(), || Ok(())) {
            Err((Obstacle::Failed(line), kernel)) => {
                failures += 1;
                assert!(!line.contains('\n') && !line.is_empty());
                assert_eq!(kernel.held, before.held, "after {steps} steps: {line}");
            }
            Err((other, _)) => panic!("{other:?}"),
            Ok(_) => break,
        }
    }
    assert!(failures > 8, "only {failures} steps can fail");
}

#[test]
fn who_is_in_the_way_is_told_and_nothing_is_changed() {
    let directory = tempfile::tempdir().expect("a directory");
    let keeper = Keeper::new(Some(directory.path()));
    let mut kernel = FakeKernel::new();
    kernel.held.status.pid = 77;
    let taken = Control::take(kernel.clone(), keeper.clone(), LIMITS, &[], || {
        Err(refused(libc::EEXIST))
    });
    let Err((Obstacle::Owned(77), after)) = taken else {
        panic!("the place was taken")
    };
    assert_eq!(after.held, kernel.held);
    assert_eq!(keeper.left_behind(), Ok(None));
    let saved = Saved::of(&Status::default(), &[]);
    keeper.keep(&saved).expect("kept");
    let taken = Control::take(kernel.clone(), keeper.clone(), LIMITS, &[], || {
        Err(refused(libc::ENOMEM))
    });
    assert!(matches!(taken, Err((Obstacle::Failed(_), _))));
    assert_eq!(
        keeper.left_behind(),
        Ok(Some(saved)),
        "still to be restored"
    );
    kernel.held.status.enabled = IMMUTABLE;
    let taken = Control::take(kernel.clone(), Keeper::new(None), LIMITS, &[], || Ok(()));
    let Err((Obstacle::Immutable, after)) = taken else {
        panic!("the place was taken")
    };
    assert_eq!(after.held, kernel.held);
}

#[test]
fn the_status_of_an_old_kernel_is_shorter() {
    let words =
        |words: &[u32]| -> Vec<u8> { words.iter().flat_map(|word| word.to_ne_bytes()).collect() };
    let status = Status::read(&words(&[0, 1, 1, 42, 5, 64, 3, 2]));
    assert_eq!(
        (status.pid, status.lost, status.backlog, status.backlog_wait),
        (42, 3, 2, None)
    );
    let status = Status::read(&words(&[0, 1, 1, 42, 5, 64, 3, 2, 0x7f, 60_000, 0]));
    assert_eq!(status.backlog_wait, Some(60_000));
    let change = Change {
        pid: Some(42),
        backlog_wait: Some(9),
        ..Change::default()
    };
    assert_eq!(
        change.to_bytes(),
        words(&[0x24, 0, 0, 42, 0, 0, 0, 0, 0, 9, 0])
    );
}
