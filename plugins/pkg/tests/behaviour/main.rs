//! The databases of rpm, dpkg and apk, real ones and broken ones.

mod apk;
mod berkeley;
mod dpkg;
mod hostile;
mod module;
mod ndb;
mod real_rpm;
mod sqlite;
mod sqlite_log;
mod support;
