//! Landlock: what the worker may do with files, for every path at once.

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
};

use super::confine::Files;
use crate::sandbox::Profile;

/// The newest rules this code knows; an older kernel enforces those it has.
const KNOWN: ABI = ABI::V6;

/// How much of the rules the kernel enforces.
pub(crate) enum Enforced {
    Fully,
    Partly,
    Not,
}

/// What a module may do in its own directory: keep files and directories there,
/// and nothing that leads out of it or that could be run.
const IN_OWN_DIRECTORY: &[AccessFs] = &[
    AccessFs::ReadFile,
    AccessFs::ReadDir,
    AccessFs::WriteFile,
    AccessFs::Truncate,
    AccessFs::MakeReg,
    AccessFs::MakeDir,
    AccessFs::RemoveFile,
    AccessFs::RemoveDir,
    AccessFs::Refer,
];

/// Restricts the calling thread and all it starts from now on. The given files
/// stay in reach.
pub(crate) fn restrict(profile: &Profile, files: &Files<'_>) -> Result<Enforced, RulesetError> {
    let denied = denied_file_access(profile);
    let mut ruleset = Ruleset::default().handle_access(denied)?;
    if !profile.network {
        ruleset = ruleset.handle_access(AccessNet::from_all(KNOWN))?;
    }
    let mut scope = Scope::from_all(KNOWN);
    if profile.network {
        scope.remove(Scope::AbstractUnixSocket);
    }
    if profile.signal {
        scope.remove(Scope::Signal);
    }
    if !scope.is_empty() {
        ruleset = ruleset.scope(scope)?;
    }
    let mut created = ruleset.create()?;
    if let Some(module) = files.module {
        // Fails for memory files, which Landlock lets pass anyway.
        let _in_memory = (&mut created).add_rule(PathBeneath::new(module, AccessFs::ReadFile));
    }
    let mut allow = |path: &str, access: BitFlags<AccessFs>| -> Result<(), RulesetError> {
        // What is not denied anywhere cannot be allowed somewhere, and what
        // does not exist needs no rule.
        let access = access & denied;
        if let (false, Ok(fd)) = (access.is_empty(), PathFd::new(path)) {
            (&mut created).add_rule(PathBeneath::new(fd, access))?;
        }
        Ok(())
    };
    for path in files.readable {
        // A file cannot be listed, and a rule that says so would not be applied
        // whole.
        let access = match std::fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => AccessFs::ReadFile | AccessFs::ReadDir,
            Ok(_) => AccessFs::ReadFile.into(),
            Err(_) => continue,
        };
        allow(path, access)?;
    }
    if let Some(directory) = files.directory {
        let own = IN_OWN_DIRECTORY.iter().copied().collect();
        allow(directory, own)?;
    }
    if profile.processes {
        // Programs throw output away.
        allow("/dev/null", AccessFs::ReadFile | AccessFs::WriteFile)?;
    }
    Ok(match created.restrict_self()?.ruleset {
        RulesetStatus::FullyEnforced => Enforced::Fully,
        RulesetStatus::PartiallyEnforced => Enforced::Partly,
        RulesetStatus::NotEnforced => Enforced::Not,
    })
}

/// Everything handled and not allowed by a rule is refused, so what is not
/// listed here is left alone.
fn denied_file_access(profile: &Profile) -> BitFlags<AccessFs> {
    let mut denied = AccessFs::from_all(KNOWN);
    if profile.filesystem_read || profile.filesystem_write || profile.processes {
        denied.remove(AccessFs::ReadFile | AccessFs::ReadDir);
    }
    if profile.processes {
        denied.remove(AccessFs::Execute);
    }
    if profile.filesystem_write {
        denied.remove(AccessFs::from_write(KNOWN));
    }
    denied
}
