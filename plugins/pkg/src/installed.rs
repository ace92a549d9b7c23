//! All package managers of a host.

use crate::collection::{Collection, Installed};
use crate::{apk, dpkg, rpm};
use mig_plugin_sdk::Session;
use std::path::Path;

/// Reads the package databases below a root directory, usually `/`, without
/// running any program: rpm's, dpkg's and apk's.
///
/// What is damaged or may not be read becomes a line in
/// [`Installed::problems`]; whatever else can be read is read. A manager that
/// is not there contributes nothing; when there is none at all, the problems
/// say where was looked.
///
/// It ends early when the session is cancelled: ask
/// [`Session::check`](mig_plugin_sdk::Session::check) afterwards. Links in the
/// databases' paths are followed as the system does, even out of a root that
/// is not `/`.
pub fn installed(root: &Path, session: &Session<'_>) -> Installed {
    installed_until(root, &|| session.cancelled())
}

/// The same as [`installed`] without a session: `cancelled` is asked often
/// whether to end.
pub fn installed_until(root: &Path, cancelled: &dyn Fn() -> bool) -> Installed {
    let mut collection = Collection::new(cancelled);
    rpm::read(root, &mut collection);
    dpkg::read(root, &mut collection);
    apk::read(root, &mut collection);
    let mut installed = collection.finish();
    if installed.managers.is_empty() && installed.problems.is_empty() && !cancelled() {
        installed.problems.push(looked_for(root));
    }
    installed
}

fn looked_for(root: &Path) -> String {
    let mut places: Vec<String> = Vec::new();
    let mut place = |path: &str| places.push(root.join(path).display().to_string());
    rpm::DIRECTORIES.iter().for_each(|path| place(path));
    place(dpkg::DIRECTORY);
    apk::FILES.iter().for_each(|path| place(path));
    format!(
        "no package manager database found (looked for {})",
        places.join(", ")
    )
}
