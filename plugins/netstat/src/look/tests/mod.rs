//! Runs against systems that refuse, break off and change underneath.

mod closed;
mod doctored;
mod restless;
mod standing_in;
