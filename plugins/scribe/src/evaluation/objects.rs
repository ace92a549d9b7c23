//! The objects of a document: what they ask of the host, together, and what
//! they yield, when somebody asks.

use super::criteria::{Absence, Criteria, Criterion, concatenated, newest};
use super::imports::{Imports, is_chain, names_root_in_pattern, needs_root};
use crate::document::{Document, Object, Source, expand, expand_root, shown};
use crate::sources::{Files, Packages, Place, Reading, Request, pattern};
use mig_module_pkg::Package;
use mig_plugin_patterns::matching::{TextPattern, transcribe};
use mig_plugin_sdk::{Failure, Session};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

/// Criteria of one object, at most.
const MAX_CRITERIA: usize = 200_000;

/// The objects of a run.
pub struct Objects<'d> {
    document: &'d Document,
    by_id: HashMap<&'d str, usize>,
    imports: Imports,
    /// What was asked of files.
    pub files: Files,
    /// The packages of the host, once somebody asked for them.
    pub packages: Option<Packages>,
    /// What an object by itself asks of files: nothing if `None`.
    own: HashMap<usize, Result<Option<usize>, String>>,
    /// Results by object, or by object and the request of a chain.
    known: HashMap<(usize, Option<usize>), Criteria>,
}

impl<'d> Objects<'d> {
    /// Looks at the objects of a validated document.
    pub fn new(document: &'d Document) -> Self {
        let mut by_id = HashMap::new();
        for (number, object) in document.objects.iter().enumerate() {
            by_id.entry(object.object.as_str()).or_insert(number);
        }
        Self {
            document,
            imports: Imports::new(document, &by_id),
            by_id,
            files: Files::default(),
            packages: None,
            own: HashMap::new(),
            known: HashMap::new(),
        }
    }

    /// The number of an object.
    pub fn number(&self, id: &str) -> Option<usize> {
        self.by_id.get(id).copied()
    }

    /// Whether an object yields the same without a look at any file.
    pub fn is_fixed(&self, number: usize) -> bool {
        let source = self.document.objects[number].source();
        matches!(source, Some(Source::Package(_) | Source::Raw(_)))
    }

    /// Everything that these objects need, imported ones included.
    pub fn needed(&self, wanted: impl IntoIterator<Item = usize>) -> Vec<usize> {
        let mut stack: Vec<usize> = wanted.into_iter().collect();
        let mut seen: HashSet<usize> = HashSet::new();
        while let Some(number) = stack.pop() {
            if seen.insert(number) {
                stack.extend(self.imports.of(number));
            }
        }
        let mut seen: Vec<usize> = seen.into_iter().collect();
        seen.sort_unstable();
        seen
    }

    /// Lists the packages if any of these objects asks for them.
    ///
    /// # Errors
    /// When the host asks for the end.
    pub fn list_packages(
        &mut self,
        needed: &[usize],
        read: impl FnOnce() -> Result<Packages, Failure>,
    ) -> Result<(), Failure> {
        let asks = |number: &usize| {
            let source = self.document.objects[*number].source();
            matches!(source, Some(Source::Package(_)))
        };
        if self.packages.is_none() && needed.iter().any(asks) {
            self.packages = Some(read()?);
        }
        Ok(())
    }

    /// Asks everything that these objects want to know of files: all of it
    /// with one walk, then each level of chains with another.
    ///
    /// # Errors
    /// When the host asks for the end.
    pub fn look_up(&mut self, needed: &[usize], session: &Session<'_>) -> Result<(), Failure> {
        let mut firing = Vec::new();
        for &number in needed {
            session.check()?;
            if is_chain(&self.document.objects[number]) {
                continue;
            }
            let request = self.own_request(number);
            if let Ok(Some(request)) = request
                && self.imports.error(number).is_none()
                && !self.imports.of(number).is_empty()
            {
                firing.push((number, request));
            }
            self.own.insert(number, request);
        }
        self.files.answer_all(session)?;
        let mut seen: HashSet<(usize, usize)> = firing.iter().copied().collect();
        while !firing.is_empty() {
            let mut next = Vec::new();
            for (number, request) in firing {
                for root in self.roots(request) {
                    session.check()?;
                    for position in 0..self.imports.of(number).len() {
                        let import = self.imports.of(number)[position];
                        if !needs_root(&self.document.objects[import]) {
                            continue;
                        }
                        let Ok(Some(request)) = self.request_at(import, &root) else {
                            continue;
                        };
                        let fires = !self.imports.of(import).is_empty();
                        if fires && seen.insert((import, request)) {
                            next.push((import, request));
                        }
                    }
                }
            }
            self.files.answer_all(session)?;
            firing = next;
        }
        Ok(())
    }

    /// The directories of the files in which a request matched, each once.
    fn roots(&self, request: usize) -> Vec<Vec<u8>> {
        let Some(Ok(located)) = self.files.answer(request) else {
            return Vec::new();
        };
        let mut seen = HashSet::new();
        let matched = located.iter().filter(|file| file.matched);
        let roots = matched.map(|file| root_of(&file.path));
        roots.filter(|root| seen.insert(root.clone())).collect()
    }

    fn own_request(&mut self, number: usize) -> Result<Option<usize>, String> {
        let object = &self.document.objects[number];
        let variables = &self.document.variables;
        let imports = !self.imports.of(number).is_empty();
        let expanded = |text: &str| expand(text, variables);
        let request = match object.source() {
            Some(Source::FileContent(source)) => Request {
                place: Place {
                    path: expanded(&source.path)?.into_bytes(),
                    file: expanded(&source.file)?,
                },
                reading: Reading::Groups(source.expression.clone()),
            },
            Some(Source::HasLine(source)) => Request {
                place: Place {
                    path: expanded(&source.path)?.into_bytes(),
                    file: expanded(&source.file)?,
                },
                reading: Reading::Line(source.expression.clone()),
            },
            Some(Source::FileName(source)) => Request {
                place: Place {
                    path: expanded(&source.path)?.into_bytes(),
                    file: source.file.clone(),
                },
                reading: Reading::Name,
            },
            _ => return Ok(None),
        };
        Ok(self.ask(request, imports))
    }

    /// What an imported object asks of files when it starts at a directory.
    fn request_at(&mut self, number: usize, root: &[u8]) -> Result<Option<usize>, String> {
        let object = &self.document.objects[number];
        // In a chain object only its root is a variable.
        let none = [];
        let variables = match is_chain(object) {
            true => &none[..],
            false => &self.document.variables,
        };
        let imports = !self.imports.of(number).is_empty();
        let path = |text: &str| Ok::<_, String>(expand_root(&expand(text, variables)?, root));
        let file = |text: &str| {
            let expanded = expand_root(&expand(text, variables)?, root);
            Ok::<_, String>(transcribe::text(&expanded).into_owned())
        };
        let (place, reading) = match object.source() {
            Some(Source::FileContent(source)) => (
                (path(&source.path)?, file(&source.file)?),
                Reading::Groups(source.expression.clone()),
            ),
            Some(Source::HasLine(source)) => (
                (path(&source.path)?, file(&source.file)?),
                Reading::Line(source.expression.clone()),
            ),
            Some(Source::FileName(source)) => {
                ((path(&source.path)?, source.file.clone()), Reading::Name)
            }
            _ => return Ok(None),
        };
        let (path, file) = place;
        let place = Place { path, file };
        Ok(self.ask(Request { place, reading }, imports))
    }

    /// Puts a request, unless nothing can come of it: a pattern without groups
    /// yields no values, and only matters where it starts chains.
    fn ask(&mut self, request: Request, imports: bool) -> Option<usize> {
        let groups = match &request.reading {
            Reading::Name => pattern::groups(&request.place.file),
            Reading::Groups(expression) => pattern::groups(expression),
            Reading::Line(_) => Ok(1),
        };
        let idle = groups == Ok(0) && !imports;
        (!idle).then(|| self.files.request(request))
    }

    /// What an object yields.
    pub fn criteria(&mut self, number: usize) -> Criteria {
        if let Some(known) = self.known.get(&(number, None)) {
            return known.clone();
        }
        let criteria = self.prepared(number);
        self.known.insert((number, None), criteria.clone());
        criteria
    }

    fn prepared(&mut self, number: usize) -> Criteria {
        let object = &self.document.objects[number];
        if is_chain(object) {
            return Err(Absence::error("object not prepared"));
        }
        if let Some(error) = self.imports.error(number) {
            return Err(Absence::error(error));
        }
        match object.source() {
            Some(Source::Raw(raw)) => {
                let pairs = raw.identifiers.iter().map(|pair| Criterion {
                    identifier: pair.identifier.as_bytes().into(),
                    value: pair.value.as_bytes().into(),
                    manager: None,
                });
                Ok(pairs.collect())
            }
            Some(Source::Package(_)) => self.of_packages(object),
            Some(_) => match self.own.get(&number) {
                None => Err(Absence::Unknown),
                Some(Err(error)) => Err(Absence::error(error.as_str())),
                Some(Ok(None)) => Ok(Rc::new([])),
                Some(Ok(Some(request))) => self.of_files(number, *request),
            },
            None => Err(Absence::error("no valid source interface")),
        }
    }

    fn of_packages(&self, object: &Object) -> Criteria {
        let source = &object.package;
        let packages = self.packages.as_ref().ok_or(Absence::Unknown)?;
        let criterion = |package: &Package| Criterion {
            identifier: package.name.as_bytes().into(),
            value: package.version.as_bytes().into(),
            manager: Some(package.kind),
        };
        let mut criteria: Vec<Criterion> = if source.collectmatch.is_empty() {
            let name = expand(&source.name, &self.document.variables).map_err(Absence::error)?;
            packages.named(&name).map(criterion).collect()
        } else {
            let pattern = TextPattern::new(&source.collectmatch).map_err(|error| {
                Absence::error(format!("collectmatch: {}", shown(&error.to_string())))
            })?;
            packages.matching(&pattern).map(criterion).collect()
        };
        if source.onlynewest {
            criteria = newest(criteria).into_iter().collect();
        }
        Ok(criteria.into())
    }

    /// The values of a request, with what the object imports.
    fn of_files(&mut self, number: usize, request: usize) -> Criteria {
        let files = match self.files.answer(request) {
            None => return Err(Absence::Unknown),
            Some(Err(error)) => return Err(Absence::error(error.as_str())),
            Some(Ok(files)) => files,
        };
        let mut criteria = Vec::new();
        for file in files {
            criteria.extend(file.values.iter().map(|value| Criterion {
                identifier: Arc::clone(&file.path),
                value: value.as_ref().into(),
                manager: None,
            }));
        }
        let matched = files.iter().filter(|file| file.matched);
        let matched: Vec<Arc<[u8]>> = matched.map(|file| Arc::clone(&file.path)).collect();
        if !self.imports.of(number).is_empty() {
            for path in matched {
                self.import(number, &path, &mut criteria)?;
            }
        }
        if let Some(Source::FileContent(source)) = self.document.objects[number].source()
            && !source.concat.is_empty()
        {
            criteria = concatenated(criteria, &source.concat);
        }
        Ok(criteria.into())
    }

    /// Adds what an object imports for one file.
    fn import(
        &mut self,
        number: usize,
        path: &Arc<[u8]>,
        criteria: &mut Vec<Criterion>,
    ) -> Result<(), Absence> {
        for position in 0..self.imports.of(number).len() {
            let import = self.imports.of(number)[position];
            let imported = match needs_root(&self.document.objects[import]) {
                true => self.criteria_at(import, &root_of(path)),
                false => self.criteria(import),
            };
            let imported = imported.map_err(|absence| match absence {
                Absence::Unknown => Absence::Unknown,
                Absence::Error(error) => {
                    let id = shown(&self.document.objects[import].object);
                    Absence::error(format!("import of object \"{id}\" failed: {error}"))
                }
            })?;
            if criteria.len() + imported.len() > MAX_CRITERIA {
                return Err(Absence::error(format!(
                    "imports make more than {MAX_CRITERIA} values"
                )));
            }
            criteria.extend(imported.iter().map(|criterion| Criterion {
                identifier: Arc::clone(path),
                ..criterion.clone()
            }));
        }
        Ok(())
    }

    /// What an imported object yields when it starts at a directory.
    fn criteria_at(&mut self, number: usize, root: &[u8]) -> Criteria {
        let request = match self.request_at(number, root) {
            Err(error) => return Err(Absence::error(error)),
            Ok(None) => return Ok(Rc::new([])),
            Ok(Some(request)) => request,
        };
        let key = (number, Some(request));
        if let Some(known) = self.known.get(&key) {
            return known.clone();
        }
        let mut criteria = self.of_files(number, request);
        if let Err(Absence::Error(error)) = &mut criteria
            && names_root_in_pattern(&self.document.objects[number])
        {
            // The message would repeat a directory of the host.
            *error = "file: not a regex with this directory in it".into();
        }
        self.known.insert(key, criteria.clone());
        criteria
    }

    /// Places whose files were more than are taken.
    pub fn limited(&self) -> impl Iterator<Item = &Place> {
        self.files.limited.iter()
    }
}

/// The directory of a file with a separator behind it.
fn root_of(path: &[u8]) -> Vec<u8> {
    match memchr::memrchr(b'/', path) {
        Some(at) => path[..=at].to_vec(),
        None => b"./".to_vec(),
    }
}
