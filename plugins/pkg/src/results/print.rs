//! The lines people see.

use mig_plugin_sdk::ResultDocument;

/// Turns a result into lines, one per package. `found_only` leaves out errors
/// and statistics. The result may be masked or come from another version: what
/// is missing prints as empty.
pub fn lines(result: &ResultDocument, found_only: bool) -> Vec<String> {
    let packages = result.elements["packages"].as_array();
    let mut lines: Vec<String> = packages
        .into_iter()
        .flatten()
        .map(|package| {
            let text = |field: &str| package[field].as_str().unwrap_or_default();
            format!(
                "pkgmatch name={} version={} type={} arch={}",
                text("name"),
                text("version"),
                text("type"),
                text("arch")
            )
        })
        .collect();
    if !found_only {
        lines.extend(result.errors.iter().flatten().cloned());
        let runtime = result.statistics["execruntime"]
            .as_str()
            .unwrap_or_default();
        lines.push(format!("Statistics: runtime {runtime}"));
    }
    lines
}
