//! Several nodes that are one broker.

use super::{COOKIE, Rabbit};
use crate::STARTING;

impl Rabbit {
    /// A cluster of its own of so many nodes, all of which run and know each other.
    /// Whatever is added to one is there on all, and all have one authority. The
    /// first one has the port mapper, and goes on having it when it is killed. `None` when the package is
    /// not installed; the test is then reported as skipped.
    ///
    /// # Panics
    /// When a node does not start; the message has the end of its log.
    pub fn cluster(nodes: usize) -> Option<Vec<Rabbit>> {
        let first = Rabbit::start()?;
        let rest = (1..nodes).map(|_| Rabbit::prepare(&[], Some(&first)));
        let rest: Vec<Rabbit> = rest.collect::<Option<_>>()?;
        // Side by side: a node takes its time.
        std::thread::scope(|scope| {
            for node in &rest {
                scope.spawn(|| node.launch(&mut node.running()));
            }
        });
        let running =
            format!("length([N || N <- [node() | nodes()], rabbit:is_running(N)]) =:= {nodes}");
        mig_testkit::wait_until("the nodes being together", STARTING, || {
            first.eval(&running) == "true"
        });
        Some([first].into_iter().chain(rest).collect())
    }

    /// Cuts this node off from the others of its cluster (true), or lets them find
    /// each other again. Clients reach all of them as before.
    ///
    /// # Panics
    /// When an evaluation fails.
    pub fn split_off(&self, others: &[&Rabbit], apart: bool) {
        // Nodes that do not have the same cookie for each other refuse each other,
        // and those that are connected already are disconnected once. So only this
        // one gets another: if both sides had it, they would agree again. All in one
        // evaluation: what follows a node that has gone must not find another one
        // that is still there.
        let cookie = if apart { "APART" } else { COOKIE };
        let names: Vec<String> = others
            .iter()
            .map(|other| format!("'{}'", other.node))
            .collect();
        let names = names.join(", ");
        self.eval(&format!(
            "begin [erlang:set_cookie(N, '{cookie}') || N <- [{names}]], \
             {apart} andalso [erlang:disconnect_node(N) || N <- [{names}]] end"
        ));
    }
}
