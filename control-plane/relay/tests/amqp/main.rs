//! The relay as its clients see it.

mod bounds;
mod codes;
mod declare;
mod delivery;
mod durability;
mod expiry;
mod hostile;
mod idle_memory;
mod login;
mod permissions;
mod pika;
mod publish;
mod raw;
mod settle;
mod slow;
mod support;
mod tls;
