//! The `agentdestroy` module.
