//! The relay as its clients see it.

mod alarms;
mod bounds;
mod codes;
mod declare;
mod delivery;
mod disk;
mod durability;
mod exchanges;
mod expiry;
mod external;
mod flood;
mod hostile;
mod idle_memory;
mod login;
mod permissions;
mod pika;
mod publish;
mod raw;
mod settle;
mod slow;
mod standstill;
mod support;
mod tls;
mod vhosts;
