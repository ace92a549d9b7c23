//! `agentdestroy` on real agents, which the tests start and it ends.

mod ended;
mod originals;
mod spared;
mod victim;
