//! Both programs as a whole, on PostgreSQL and RabbitMQ.

mod database;
mod faults;
mod fleet;
mod investigation;
mod process;
mod refusals;
