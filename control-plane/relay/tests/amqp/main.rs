//! The relay as its clients see it.

mod delivery;
mod support;
