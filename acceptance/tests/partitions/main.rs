//! Networks that fall apart and machines that are lost: a broker or a database that
//! becomes unreachable without a word, a RabbitMQ cluster that is split or loses a node, a
//! PostgreSQL primary that dies and is followed by its standby. None of our programs is
//! started again, and nothing is lost or done twice.

#[path = "../whole/setup/asking.rs"]
mod asking;
mod books;
mod cut_off;
mod fail_over;
#[path = "../large_site/mod.rs"]
mod large_site;
mod network;
mod node_loss;
mod real_agents;
mod small_site;
mod stage;

use std::sync::RwLock;

/// Written by the test whose cluster takes the machine for itself, read by others
/// that have a broker of their own: several brokers start slowly beside each other.
static BROKERS: RwLock<()> = RwLock::new(());
