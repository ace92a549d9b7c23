//! Which objects import which, and whether that ends.

use crate::document::{Document, FileContent, Object, Source, refers_to_root, shown};
use std::collections::HashMap;

/// Levels of imports, at most.
const MAX_LEVELS: usize = 32;

/// Whether an object waits for a directory: it is not prepared on its own.
pub fn is_chain(object: &Object) -> bool {
    matches!(object.source(), Some(Source::FileContent(FileContent { path, .. }))
        if refers_to_root(path))
}

/// Whether an object is looked up anew for each directory that imports it.
pub fn needs_root(object: &Object) -> bool {
    match object.source() {
        Some(Source::FileContent(source)) => {
            refers_to_root(&source.path) || refers_to_root(&source.file)
        }
        Some(Source::FileName(source)) => refers_to_root(&source.path),
        Some(Source::HasLine(source)) => {
            refers_to_root(&source.path) || refers_to_root(&source.file)
        }
        _ => false,
    }
}

/// Whether the directory becomes part of a pattern.
pub fn names_root_in_pattern(object: &Object) -> bool {
    match object.source() {
        Some(Source::FileContent(source)) => refers_to_root(&source.file),
        Some(Source::HasLine(source)) => refers_to_root(&source.file),
        _ => false,
    }
}

/// The imports of a document by number of the object.
#[derive(Debug)]
pub struct Imports {
    /// What each object imports, in order.
    of: Vec<Vec<usize>>,
    /// Why an object cannot import what it wants to.
    errors: HashMap<usize, String>,
}

impl Imports {
    /// Looks at a validated document; names that are not there import nothing.
    pub fn new(document: &Document, by_id: &HashMap<&str, usize>) -> Self {
        let of: Vec<Vec<usize>> = document
            .objects
            .iter()
            .map(|object| {
                let names = object.imports().iter();
                names
                    .filter_map(|name| by_id.get(name.as_str()).copied())
                    .collect()
            })
            .collect();
        let mut errors = HashMap::new();
        for (number, levels) in levels(&of).into_iter().enumerate() {
            let id = shown(&document.objects[number].object);
            let reason = match levels {
                None => "comes back to an object that it has passed".to_owned(),
                Some(levels) if levels > MAX_LEVELS => {
                    format!("has more than {MAX_LEVELS} levels")
                }
                Some(_) => continue,
            };
            errors.insert(number, format!("import chain of object \"{id}\" {reason}"));
        }
        Self { of, errors }
    }

    /// What an object imports.
    pub fn of(&self, object: usize) -> &[usize] {
        &self.of[object]
    }

    /// Why its imports cannot be followed.
    pub fn error(&self, object: usize) -> Option<&str> {
        self.errors.get(&object).map(String::as_str)
    }
}

/// How many levels of imports lie below each object; `None` when they have no
/// end. Objects without imports are settled first, then those that import
/// settled ones only; what is never settled leads into a circle.
fn levels(of: &[Vec<usize>]) -> Vec<Option<usize>> {
    let mut importers: Vec<Vec<usize>> = vec![Vec::new(); of.len()];
    let mut open: Vec<usize> = Vec::with_capacity(of.len());
    for (number, imports) in of.iter().enumerate() {
        open.push(imports.len());
        for &import in imports {
            importers[import].push(number);
        }
    }
    let mut levels: Vec<Option<usize>> = vec![None; of.len()];
    let mut settled: Vec<usize> = (0..of.len()).filter(|&number| open[number] == 0).collect();
    while let Some(number) = settled.pop() {
        let deepest = of[number].iter().filter_map(|&import| levels[import]);
        levels[number] = Some(deepest.max().map_or(0, |deepest| deepest + 1));
        for &importer in &importers[number] {
            open[importer] -= 1;
            if open[importer] == 0 {
                settled.push(importer);
            }
        }
    }
    levels
}

#[cfg(test)]
mod tests {
    use super::levels;

    #[test]
    fn circles_and_whatever_leads_into_them_have_no_end() {
        let of = vec![
            vec![1], // 0 -> 1 -> 2
            vec![2, 2],
            vec![],
            vec![3], // itself
            vec![5], // 4 <-> 5
            vec![4],
            vec![0, 4], // leads into a circle
            vec![2, 0],
        ];
        let wanted = [Some(2), Some(1), Some(0), None, None, None, None, Some(3)];
        assert_eq!(levels(&of), wanted);
    }

    #[test]
    fn a_long_chain_needs_no_deep_stack() {
        let of: Vec<Vec<usize>> = (0..200_000)
            .map(|number| {
                if number == 199_999 {
                    vec![]
                } else {
                    vec![number + 1]
                }
            })
            .collect();
        assert_eq!(levels(&of)[0], Some(199_999));
    }
}
