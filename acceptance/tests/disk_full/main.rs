//! Each component on a disk that is full, and then is not: what was accepted is
//! done once, what was not accepted was refused in words, and none of our
//! programs has to be started again.

#[path = "../whole/setup/asking.rs"]
#[allow(dead_code)]
mod asking;
mod large;
#[path = "../large_site/mod.rs"]
mod large_site;
mod orders;
mod small;
