//! Which searches a directory belongs to, and how deep it lies for each.

use crate::checks::Plan;
use std::sync::{Arc, OnceLock};

/// The searches of a directory. All directories at the same depth below the
/// same roots share one.
#[derive(Debug, Default)]
pub struct Scope {
    members: Vec<Member>,
    child: OnceLock<Option<Arc<Scope>>>,
}

/// A search and the depth of the directory for it, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    /// Number of the search.
    pub search: usize,
    /// Depth below the search's own path; the path itself is 1.
    pub depth: u32,
}

impl Scope {
    /// A scope of these members, `None` when no search goes that deep.
    pub fn new(plan: &Plan, members: impl IntoIterator<Item = Member>) -> Option<Arc<Self>> {
        let members: Vec<Member> = members
            .into_iter()
            .filter(|member| f64::from(member.depth) <= plan.searches[member.search].max_depth)
            .collect();
        (!members.is_empty()).then(|| {
            Arc::new(Self {
                members,
                child: OnceLock::new(),
            })
        })
    }

    /// The members.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// The scope of the directories inside.
    pub fn child(&self, plan: &Plan) -> Option<Arc<Self>> {
        self.child
            .get_or_init(|| {
                let deeper = self.members.iter().map(|member| Member {
                    depth: member.depth.saturating_add(1),
                    ..*member
                });
                Self::new(plan, deeper)
            })
            .clone()
    }

    /// The scope without the searches that stay out of file systems that the
    /// kernel makes up.
    pub fn entering_pseudo(&self, plan: &Plan) -> Option<Arc<Self>> {
        let quiet = self
            .members
            .iter()
            .filter(|member| plan.searches[member.search].enters_pseudo);
        Self::new(plan, quiet.copied())
    }

    /// Whether some search still wants hits.
    pub fn is_open(&self, plan: &Plan) -> bool {
        self.members
            .iter()
            .any(|member| plan.searches[member.search].is_open())
    }
}
