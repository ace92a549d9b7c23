//! Whoever has the agents' account, whoever may ask, and whoever sets the clocks
//! may try what they like: nothing is lost, nothing is there twice, and nothing
//! that is text becomes anything else. Each test runs on both sets of engines:
//! one process with SQLite and its own relay, and separate ones with PostgreSQL
//! and RabbitMQ.

mod alive;
#[path = "../whole/setup/asking.rs"]
mod asking;
mod clocks;
mod drops;
mod flood;
mod forged;
mod hand;
mod https;
mod injection;
#[path = "../large_site/mod.rs"]
mod large_site;
mod race;
mod stage;
