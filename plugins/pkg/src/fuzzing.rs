//! The readers on bytes of any origin, for the fuzz program.

use crate::collection::Collection;
use crate::sys::Database;
use crate::{apk, dpkg, rpm};
use std::path::Path;

/// Most packages that so few bytes can hold, with room.
fn check(collection: Collection<'_>, bytes: usize) {
    let installed = collection.finish();
    assert!(installed.packages.len() <= bytes);
    assert!(installed.problems.len() <= 1, "one line for one file");
}

/// A status file of dpkg, and the same bytes as a list of apk.
pub fn dpkg(data: &[u8]) {
    let path = Path::new("database");
    let mut collection = Collection::new(&|| false);
    dpkg::each(path, data, &mut collection, &mut |record, collection| {
        if let Err(what) = record.installed() {
            collection.problem(path, &what);
        }
        Ok(())
    });
    check(collection, data.len());
    let mut collection = Collection::new(&|| false);
    apk::each(path, data, &mut collection);
    check(collection, data.len());
}

/// A header, or a database of rpm: the first byte says of which format. For
/// SQLite the next two say how much of the rest is the database; what follows
/// is its log.
pub fn rpm(data: &[u8]) {
    let Some((&format, data)) = data.split_first() else {
        return;
    };
    let path = Path::new("database");
    let mut collection = Collection::new(&|| false);
    let mut take = rpm::Taking {
        path,
        collection: &mut collection,
        left: data.len() as u64,
    };
    let memory = |bytes: &[u8]| Database::in_memory(bytes.to_vec());
    // Whatever is wrong with it, this returns.
    let _trouble = match format % 4 {
        0 => rpm::Take::header(&mut take, &mut &*data, data.len() as u64),
        1 => rpm::ndb::read(&memory(data), &mut take),
        2 => rpm::berkeley::read(&memory(data), &mut take),
        _ => {
            let [high, low, data @ ..] = data else { return };
            let length = usize::from(u16::from_be_bytes([*high, *low])).min(data.len());
            let (database, log) = data.split_at(length);
            let log = (!log.is_empty()).then(|| memory(log));
            rpm::sqlite::read(&memory(database), log, &mut take)
        }
    };
    check(collection, data.len().max(1));
}
