//! The operating system.

#[cfg(target_os = "linux")]
mod linux;

#[cfg(target_os = "linux")]
pub use linux::{
    Event, Inotify, events, is_made_up, open_without_waiting, out_of_instances, out_of_watches,
    wait,
};
