//! What the scheduler says it dropped.

use crate::stage::Stage;

/// The counts of its last report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drops {
    pub malformed: usize,
    pub unknown: usize,
    pub foreign: usize,
    pub repeated: usize,
    pub heartbeats_malformed: usize,
    pub heartbeats_refused: usize,
}

impl Drops {
    /// As the scheduler last reported them.
    pub fn reported(stage: &Stage) -> Self {
        let log = stage.scheduler_log();
        let said = log.rsplit_once("Dropped since the start: ");
        let said = said.map_or("", |(_, rest)| rest.lines().next().unwrap_or_default());
        let before = |words: &str| -> usize {
            let number = said.split_once(words).map_or("", |(before, _)| before);
            let number = number.rsplit(' ').next().unwrap_or_default();
            number.parse().unwrap_or_default()
        };
        Self {
            malformed: before(" answers malformed"),
            unknown: before(" unknown"),
            foreign: before(" from another agent"),
            repeated: before(" given before"),
            heartbeats_malformed: before(" heartbeats malformed"),
            heartbeats_refused: before(" refused"),
        }
    }

    /// Waits until the scheduler has counted exactly so much.
    pub fn wait_for(self, stage: &Stage) {
        self.wait_until_counted(stage, 0);
    }

    /// Waits until the scheduler has counted so much, and each kind at most so many
    /// times more: what was not acknowledged when a connection was lost comes again.
    pub fn wait_until_counted(self, stage: &Stage, again: usize) {
        let mut last = Self::default();
        stage.wait_until(&format!("the report of {self:?}"), || {
            let reported = Self::reported(stage);
            if reported != last {
                println!("reported: {reported:?}");
                last = reported;
            }
            let pairs = self.counts().into_iter().zip(reported.counts());
            let mut kinds = pairs.map(|(told, counted)| counted.checked_sub(told));
            kinds.all(|more| more.is_some_and(|more| more <= again))
        });
    }

    fn counts(self) -> [usize; 6] {
        [
            self.malformed,
            self.unknown,
            self.foreign,
            self.repeated,
            self.heartbeats_malformed,
            self.heartbeats_refused,
        ]
    }
}
