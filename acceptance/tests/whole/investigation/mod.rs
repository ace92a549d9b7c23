//! The path of an investigation: asked with `mig`, answered by a real agent.

mod actions;
mod agent_modes;
mod duplicates;
mod found;
mod local;
mod modules;
mod persistent;
mod plugins;
mod privacy;
mod production;
mod selection;
mod trust;
