//! A directory with what the programs need.

use crate::{BenchError, contest};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Files for one run.
pub struct Place {
    directory: tempfile::TempDir,
    /// A copy of this program: the module never looks into its callers, nor
    /// into copies of them that run the same file.
    pub holder: PathBuf,
}

impl Place {
    /// Makes the files.
    pub fn prepare(plugin: &Path) -> Result<Self, BenchError> {
        let failed = |path: &Path, source| BenchError::Prepare {
            path: path.to_path_buf(),
            source,
        };
        let directory = tempfile::Builder::new()
            .prefix("mig-memory-bench-")
            .tempdir()
            .map_err(|error| failed(Path::new("a temporary directory"), error))?;
        let place = Self {
            holder: directory.path().join(contest::HOLDER),
            directory,
        };
        let own = std::env::current_exe().map_err(|error| failed(&place.holder, error))?;
        fs::copy(own, &place.holder).map_err(|error| failed(&place.holder, error))?;
        let modules = place.path("modules");
        let file = modules.join("memory.so");
        fs::create_dir(&modules)
            .and_then(|()| fs::copy(plugin, &file))
            .and_then(|_| fs::set_permissions(&modules, fs::Permissions::from_mode(0o700)))
            .and_then(|()| fs::set_permissions(&file, fs::Permissions::from_mode(0o600)))
            .map_err(|error| failed(&file, error))?;
        let configuration = format!(
            "[agent]\nrelay = \"amqps://agent:agent@localhost:5671/\"\nextraprivacymode = off\n\
             [modules]\npath = \"{}\"\nallowunsigned = on\n",
            modules.display()
        );
        place.write("agent.cfg", &configuration)?;
        place.write("bytes.yar", &contest::BYTES.rule())?;
        place.write("regex.yar", &contest::REGEX.rule())?;
        Ok(place)
    }

    /// A file in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> Result<(), BenchError> {
        let path = self.path(name);
        fs::write(&path, text).map_err(|source| BenchError::Prepare { path, source })
    }
}
