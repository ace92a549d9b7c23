//! Actions that are posted together, each after a moment of its own.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::thread::{Scope, ScopedJoinHandle};
use std::time::{Duration, Instant};

use mig_acceptance::Site;
use mig_protocol::{Action, Id};
use rand::RngExt;
use rand::rngs::StdRng;
use serde_json::json;

use crate::setup::asking::{action, api, post, sign};
use crate::setup::marks;

/// Longest moment before a post, and longest time of a lingering module.
const LONGEST_MS: u64 = 150;
/// About how long an action takes beside its module.
const OVERHEAD_MS: u64 = 150;

/// What an action asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The file module, which is part of the agent.
    File,
    /// A plugin that may be run again.
    Linger,
    /// A plugin that may not.
    Once,
}

/// One action to be.
#[derive(Clone, Debug)]
pub struct Wish {
    /// Unique in its site.
    pub name: String,
    pub kind: Kind,
    /// After the start of the batch.
    offset: Duration,
    /// How long its module takes.
    lingers: u64,
}

/// Actions to be posted together.
pub struct Batch {
    pub wishes: Vec<Wish>,
}

/// What became of the posts, by name of the action: nothing yet, the API's
/// answer, or that there was none.
#[derive(Default)]
pub struct Launched(Mutex<BTreeMap<String, Option<Result<Id, String>>>>);

impl Launched {
    fn note(&self, name: &str, outcome: Option<Result<Id, String>>) {
        let mut posts = self.0.lock().expect("nobody panics with the lock");
        posts.insert(name.to_owned(), outcome);
    }

    /// Whether the post of this action has begun.
    pub fn has_begun(&self, name: &str) -> bool {
        let posts = self.0.lock().expect("nobody panics with the lock");
        posts.contains_key(name)
    }

    /// The identifier that the API gave the action.
    pub fn accepted(&self, name: &str) -> Option<Id> {
        let posts = self.0.lock().expect("nobody panics with the lock");
        posts.get(name)?.as_ref()?.as_ref().ok().copied()
    }
}

/// Posts that are under way.
pub struct Launching<'scope>(Vec<ScopedJoinHandle<'scope, ()>>);

impl Launching<'_> {
    /// Waits until each was answered or failed.
    pub fn wait(self) {
        for thread in self.0 {
            thread.join().expect("a post");
        }
    }
}

impl Batch {
    /// Three to six actions of random kinds.
    pub fn choose(random: &mut StdRng, label: &str) -> Self {
        let count = random.random_range(3..=6);
        let wishes = (0..count).map(|number| Wish {
            name: format!("{label}.{number}"),
            kind: [Kind::File, Kind::Linger, Kind::Once][random.random_range(0..3)],
            offset: Duration::from_millis(random.random_range(0..LONGEST_MS)),
            lingers: random.random_range(0..LONGEST_MS),
        });
        Self {
            wishes: wishes.collect(),
        }
    }

    /// About how long it takes from the first post to the last answer.
    pub fn duration(&self) -> Duration {
        let ends = self
            .wishes
            .iter()
            .map(|wish| wish.offset + Duration::from_millis(wish.lingers));
        ends.max().unwrap_or_default() + Duration::from_millis(OVERHEAD_MS)
    }

    /// Posts every action from a thread of its own.
    pub fn launch<'scope>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
        site: &Site,
        launched: &'scope Launched,
    ) -> Launching<'scope> {
        let start = Instant::now();
        let threads = self.wishes.iter().map(|wish| {
            let action = sign(site, "ada", wish.action(site));
            let api = api(site, "ada");
            scope.spawn(move || {
                until(start + wish.offset);
                launched.note(&wish.name, None);
                let outcome = post(&api, &action).map_err(|error| error.to_string());
                launched.note(&wish.name, Some(outcome));
            })
        });
        Launching(threads.collect())
    }
}

impl Wish {
    fn action(&self, site: &Site) -> Action {
        let (module, parameters) = match self.kind {
            Kind::File => {
                let search = json!({"paths": [site.path("data")], "names": ["^passwd$"]});
                ("file", json!({"searches": {"s1": search}}))
            }
            Kind::Linger | Kind::Once => {
                let module = if self.kind == Kind::Once {
                    marks::ONCE
                } else {
                    marks::LINGER
                };
                let parameters = json!({
                    "file": marks::file(site),
                    "line": self.name,
                    "milliseconds": self.lingers,
                });
                (module, parameters)
            }
        };
        action(&self.name, module, parameters)
    }
}

/// Lets a moment come that was chosen at random. Nothing is waited for here: the
/// moment itself is what is tried.
pub fn until(moment: Instant) {
    loop {
        let now = Instant::now();
        if now >= moment {
            return;
        }
        std::thread::park_timeout(moment - now);
    }
}
