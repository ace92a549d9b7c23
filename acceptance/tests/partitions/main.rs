//! Networks that fall apart and machines that are lost: a broker or a database that
//! becomes unreachable without a word, a PostgreSQL primary that dies and is followed by
//! its standby. None of our programs is started again, and nothing is lost or done
//! twice.

#[path = "../whole/setup/asking.rs"]
mod asking;
mod books;
mod cut_off;
mod fail_over;
#[path = "../large_site/mod.rs"]
mod large_site;
mod network;
mod real_agents;
mod small_site;
mod stage;
