//! What the module does, seen from the host. Real agents are ended in the tests
//! of whole programs; here everything is refused.

mod parameters;
mod printed;
mod refusals;
