//! The scheduler on RabbitMQ, over TLS with a client certificate and with the
//! permissions of the documentation, while that is stopped, killed, silent, short
//! of memory or tampered with. The scheduler is never restarted, and everything
//! asked is answered and stored once.

mod broker;
mod fleet;
mod lost;
mod outages;
mod queue_types;
#[path = "../site/mod.rs"]
mod site;
mod trial;
