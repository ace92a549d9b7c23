//! The host from outside, with real workers: this test program is its own
//! worker.

mod c_plugins;
mod capabilities;
mod diagnosis;
mod doomed_host;
mod dynamic;
mod embedding;
mod hostile;
mod inspection;
mod limits;
mod linked;
mod parameters;
mod poor_systems;
mod printing;
mod probe;
mod reading;
mod sandbox;
mod search;
mod service;
mod setup;

/// The libtest harness owns `main`, so the worker is recognised before it.
#[used]
#[unsafe(link_section = ".init_array")]
static WORKER_FIRST: extern "C" fn() = {
    extern "C" fn run() {
        mig_host::run_worker_if_asked(setup::STATICS);
        doomed_host::run_if_asked();
    }
    run
};
