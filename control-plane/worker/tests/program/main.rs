//! The program against real relays and a webhook.

mod delivery;
mod encryption;
mod rabbitmq;
mod receiver;
mod refusals;
mod scheduler;
mod site;
