//! The tests of a document, in their order.

use super::criteria::{Absence, Criteria, Criterion, relation};
use super::objects::Objects;
use crate::document::{Document, Test, shown};
use mig_plugin_patterns::matching::TextPattern;
use std::cmp::Ordering;
use std::collections::HashMap;

/// What came out for a test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It was evaluated.
    Known {
        /// Some criterion satisfies it.
        hastrue: bool,
        /// And every test that it depends on is true.
        master: bool,
    },
    /// It could not be. The text repeats the document at most.
    Error(String),
    /// The run ended before what it needs was known.
    Unknown,
}

/// The tests of a run.
pub struct Tests<'d> {
    document: &'d Document,
    by_id: HashMap<&'d str, usize>,
    states: Vec<State>,
}

#[derive(Debug, Clone, Default)]
struct State {
    started: bool,
    verdict: Option<Verdict>,
}

impl<'d> Tests<'d> {
    /// The tests of a validated document.
    pub fn new(document: &'d Document) -> Self {
        let mut by_id = HashMap::new();
        for (number, test) in document.tests.iter().enumerate() {
            by_id.entry(test.test.as_str()).or_insert(number);
        }
        Self {
            document,
            by_id,
            states: vec![State::default(); document.tests.len()],
        }
    }

    /// The test that stands for all of this identifier: the first.
    pub fn first(&self, number: usize) -> usize {
        self.by_id[self.document.tests[number].test.as_str()]
    }

    fn dependency(&self, number: usize, position: usize) -> Option<usize> {
        let name = self.document.tests[number].depends.get(position)?;
        self.by_id.get(name.as_str()).copied()
    }

    /// Tests that cannot be true, whatever files say: those whose fixed object
    /// says no, and those that depend on them.
    pub fn hopeless(&self, objects: &mut Objects<'_>) -> Vec<bool> {
        let count = self.document.tests.len();
        let mut dependents: Vec<Vec<usize>> = vec![Vec::new(); count];
        let mut hopeless = vec![false; count];
        let mut fallen = Vec::new();
        for (number, test) in self.document.tests.iter().enumerate() {
            for position in 0..test.depends.len() {
                if let Some(dependency) = self.dependency(number, position) {
                    dependents[dependency].push(number);
                }
            }
            let fixed = objects
                .number(&test.object)
                .filter(|&o| objects.is_fixed(o));
            if let Some(object) = fixed
                && judge(test, &objects.criteria(object), |_, _| {}) != Judged::Found(true)
            {
                hopeless[number] = true;
                fallen.push(number);
            }
        }
        while let Some(number) = fallen.pop() {
            for &dependent in &dependents[number] {
                if !std::mem::replace(&mut hopeless[dependent], true) {
                    fallen.push(dependent);
                }
            }
        }
        hopeless
    }

    /// Runs a test, and what it depends on before. Each test runs once; in a
    /// circle, a test that has begun counts as false.
    pub fn run(&mut self, number: usize, objects: &mut Objects<'_>) -> Verdict {
        let mut stack = Vec::new();
        if !std::mem::replace(&mut self.states[number].started, true) {
            stack.push((number, 0));
        }
        // A stack of its own: dependencies may be many thousands deep.
        while let Some((test, position)) = stack.pop() {
            if let Some(dependency) = self.dependency(test, position) {
                stack.push((test, position + 1));
                if !std::mem::replace(&mut self.states[dependency].started, true) {
                    stack.push((dependency, 0));
                }
                continue;
            }
            let verdict = self.evaluate(test, objects);
            self.states[test].verdict = Some(verdict);
        }
        self.states[number]
            .verdict
            .clone()
            .unwrap_or(Verdict::Unknown)
    }

    fn evaluate(&self, number: usize, objects: &mut Objects<'_>) -> Verdict {
        let test = &self.document.tests[number];
        let mut allowed = true;
        for (position, name) in test.depends.iter().enumerate() {
            let dependency = self.dependency(number, position);
            match dependency.and_then(|test| self.states[test].verdict.as_ref()) {
                Some(Verdict::Error(_)) => {
                    let name = shown(name);
                    return Verdict::Error(format!("a test dependency failed (\"{name}\")"));
                }
                Some(Verdict::Unknown) => return Verdict::Unknown,
                Some(Verdict::Known { master, .. }) => allowed &= master,
                // It has begun and waits for this one.
                None => allowed = false,
            }
        }
        match self.judge(number, objects, |_, _| {}) {
            Judged::Found(hastrue) => Verdict::Known {
                hastrue,
                master: hastrue && allowed,
            },
            Judged::Error(error) => Verdict::Error(error),
            Judged::Unknown => Verdict::Unknown,
        }
    }

    /// Judges all criteria of a test; `each` hears of every single one.
    pub fn judge(
        &self,
        number: usize,
        objects: &mut Objects<'_>,
        each: impl FnMut(&Criterion, bool),
    ) -> Judged {
        let test = &self.document.tests[number];
        match objects.number(&test.object) {
            Some(object) => judge(test, &objects.criteria(object), each),
            None => Judged::Error(format!("unknown object \"{}\"", shown(&test.object))),
        }
    }
}

/// What all criteria together say.
#[derive(Debug, PartialEq, Eq)]
pub enum Judged {
    /// Whether some satisfies the test.
    Found(bool),
    /// One could not be evaluated, or there are none for a reason.
    Error(String),
    /// They are not known.
    Unknown,
}

fn judge(test: &Test, criteria: &Criteria, mut each: impl FnMut(&Criterion, bool)) -> Judged {
    let criteria = match criteria {
        Ok(criteria) => criteria,
        Err(Absence::Error(error)) => return Judged::Error(error.to_string()),
        Err(Absence::Unknown) => return Judged::Unknown,
    };
    // Without criteria the test is false, whatever it asks.
    if criteria.is_empty() {
        return Judged::Found(false);
    }
    let mut evaluator = match Evaluator::new(test) {
        Ok(evaluator) => evaluator,
        Err(error) => return Judged::Error(error),
    };
    let mut found = false;
    for criterion in criteria.iter() {
        match evaluator.holds(criterion) {
            Ok(holds) => {
                found |= holds;
                each(criterion, holds);
            }
            Err(error) => return Judged::Error(error),
        }
    }
    Judged::Found(found)
}

/// What a test asks of each criterion.
enum Evaluator<'t> {
    Version(Ordering, &'t str),
    Pattern(Box<(TextPattern, regex_automata::meta::Cache)>),
    Exact(&'t str),
    /// Nothing: to be there is enough.
    Presence,
}

impl<'t> Evaluator<'t> {
    fn new(test: &'t Test) -> Result<Self, String> {
        if !test.evr.value.is_empty() {
            let wanted = match test.evr.operation.as_str() {
                "<" => Ordering::Less,
                ">" => Ordering::Greater,
                "=" => Ordering::Equal,
                other => return Err(format!("invalid evr operation {}", shown(other))),
            };
            return Ok(Self::Version(wanted, &test.evr.value));
        }
        if !test.regexp.value.is_empty() {
            let pattern = TextPattern::new(&test.regexp.value)
                .map_err(|error| format!("regexp: {}", shown(&error.to_string())))?;
            let cache = pattern.cache();
            return Ok(Self::Pattern(Box::new((pattern, cache))));
        }
        Ok(match test.exactmatch.value.as_str() {
            "" => Self::Presence,
            value => Self::Exact(value),
        })
    }

    fn holds(&mut self, criterion: &Criterion) -> Result<bool, String> {
        match self {
            Self::Version(wanted, value) => relation(criterion, value)
                .map(|found| found == *wanted)
                .map_err(|error| error.to_string()),
            Self::Pattern(pattern) => {
                let (pattern, cache) = pattern.as_mut();
                Ok(pattern.is_match(cache, &criterion.value))
            }
            Self::Exact(value) => Ok(value.as_bytes() == &*criterion.value),
            Self::Presence => Ok(true),
        }
    }
}
