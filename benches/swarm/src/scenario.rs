//! How agents behave, and how many of them.

use std::fmt;
use std::str::FromStr;

use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

/// How an agent behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scenario {
    /// As agents do: connects some time after the start, works, reconnects with
    /// growing pauses.
    Steady,
    /// Connects at the moment of the start, with all others of its kind, and at
    /// once when it was cut off.
    BootStorm,
    /// Loses its connection every few moments, without a word.
    Flap,
    /// Takes its time before it takes a command and before it answers.
    Slow,
    /// Lets commands come and neither acknowledges nor answers them.
    Silent,
    /// Answers, and tells lies before and after.
    Lying,
    /// Has a clock that is off: by less than agents tolerate, by hours into the
    /// future, or by hours into the past.
    ClockSkewed,
}

impl Scenario {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Steady,
        Self::BootStorm,
        Self::Flap,
        Self::Slow,
        Self::Silent,
        Self::Lying,
        Self::ClockSkewed,
    ];

    /// As the command line has it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Steady => "steady",
            Self::BootStorm => "boot-storm",
            Self::Flap => "flap",
            Self::Slow => "slow",
            Self::Silent => "silent",
            Self::Lying => "lying",
            Self::ClockSkewed => "clock-skewed",
        }
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Scenarios with their shares: `steady=90,slow=5,lying=5`. A word without a
/// share has one share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mix(Vec<(Scenario, u32)>);

/// Why a text is no mix.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MixError {
    /// An unknown word.
    #[error(
        "there is no scenario `{0}`; take steady, boot-storm, flap, slow, silent, lying or clock-skewed"
    )]
    Scenario(String),
    /// A share that is no number.
    #[error(
        "the share `{0}` is not a number from 1 to 1000000; write for instance steady=90,slow=10"
    )]
    Share(String),
    /// The same word twice.
    #[error("`{0}` stands there twice; write each scenario once")]
    Twice(Scenario),
}

impl Mix {
    /// All agents behave alike.
    pub fn only(scenario: Scenario) -> Self {
        Self(vec![(scenario, 1)])
    }

    /// What each of `agents` agents does: as many of each kind as their shares
    /// say, in an order that `seed` decides.
    pub fn assign(&self, agents: usize, seed: u64) -> Vec<Scenario> {
        let total: u64 = self.0.iter().map(|(_, share)| u64::from(*share)).sum();
        let (mut assigned, mut before) = (Vec::with_capacity(agents), 0);
        for (scenario, share) in &self.0 {
            before += u64::from(*share);
            // Rounded on the running sum, so that nobody is left over.
            let until = (before * agents as u64).div_ceil(total.max(1)) as usize;
            assigned.resize(until.clamp(assigned.len(), agents), *scenario);
        }
        assigned.shuffle(&mut StdRng::seed_from_u64(seed));
        assigned
    }
}

impl FromStr for Mix {
    type Err = MixError;

    fn from_str(text: &str) -> Result<Self, MixError> {
        let mut mix: Vec<(Scenario, u32)> = Vec::new();
        for part in text.split(',').map(str::trim) {
            let (word, share) = part.split_once('=').unwrap_or((part, "1"));
            let scenario = Scenario::ALL
                .into_iter()
                .find(|scenario| scenario.word() == word)
                .ok_or_else(|| MixError::Scenario(word.to_owned()))?;
            let share = share
                .parse()
                .ok()
                .filter(|share| (1..=1_000_000).contains(share))
                .ok_or_else(|| MixError::Share(share.to_owned()))?;
            if mix.iter().any(|(known, _)| *known == scenario) {
                return Err(MixError::Twice(scenario));
            }
            mix.push((scenario, share));
        }
        Ok(Self(mix))
    }
}

impl fmt::Display for Mix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (scenario, share)) in self.0.iter().enumerate() {
            let comma = if place == 0 { "" } else { "," };
            write!(f, "{comma}{scenario}={share}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(assigned: &[Scenario], scenario: Scenario) -> usize {
        assigned.iter().filter(|one| **one == scenario).count()
    }

    #[test]
    fn a_mix_is_assigned_by_shares_and_the_same_for_the_same_seed() {
        let mix: Mix = "steady=90, slow=5,lying=5".parse().unwrap();
        let assigned = mix.assign(200, 7);
        assert_eq!(assigned.len(), 200);
        assert_eq!(count(&assigned, Scenario::Steady), 180);
        assert_eq!(count(&assigned, Scenario::Slow), 10);
        assert_eq!(count(&assigned, Scenario::Lying), 10);
        assert_eq!(assigned, mix.assign(200, 7));
        assert_ne!(assigned, mix.assign(200, 8));
        for agents in 0..50 {
            assert_eq!(mix.assign(agents, 1).len(), agents);
        }
    }

    #[test]
    fn every_word_is_read_back_as_it_is_written() {
        let words: Vec<&str> = Scenario::ALL.map(Scenario::word).to_vec();
        let mix: Mix = words.join(",").parse().unwrap();
        assert_eq!(mix.to_string().parse(), Ok(mix));
        for (text, part) in [
            ("quick", "there is no scenario `quick`"),
            ("steady=0", "the share `0`"),
            ("steady=x", "the share `x`"),
            ("", "there is no scenario ``"),
            ("flap,flap=2", "`flap` stands there twice"),
        ] {
            let error = text.parse::<Mix>().unwrap_err().to_string();
            assert!(error.starts_with(part), "{error}");
        }
    }
}
