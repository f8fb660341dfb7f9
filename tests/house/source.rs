//! Reads `src`: its files, and the imports of each.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};
use syn::{Item, ItemUse, UseTree, Visibility};

/// The folder of the library's code.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Other folders with Rust files.
const BESIDE: [&str; 6] = ["benches", "examples", "fuzz", "interop", "peers", "tests"];

/// Every Rust file of the library except tests, by its path relative to `src`.
pub(crate) fn files() -> BTreeMap<String, String> {
    let mut found = below(&root());
    found.retain(|file, _| !is_of_tests(file));
    assert!(!found.is_empty());
    found
}

/// Every other Rust file: tests, benches, fuzz targets and examples, by its path relative to the
/// crate.
pub(crate) fn files_beside() -> BTreeMap<String, String> {
    let mut found = below(&root());
    found.retain(|file, _| is_of_tests(file));
    let mut found: BTreeMap<_, _> = (found.into_iter())
        .map(|(file, text)| (format!("src/{file}"), text))
        .collect();
    for folder in BESIDE {
        let files = below(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder));
        assert!(!files.is_empty(), "{folder}");
        found.extend((files.into_iter()).map(|(file, text)| (format!("{folder}/{file}"), text)));
    }
    found
}

fn is_of_tests(file: &str) -> bool {
    file.split('/')
        .any(|part| matches!(part, "tests" | "tests.rs"))
}

/// Every Rust file below a folder, by its relative path, except build output.
fn below(top: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut open = vec![top.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_dir() {
                if name != "target" {
                    open.push(path);
                }
            } else if name.ends_with(".rs") {
                let short = path.strip_prefix(top).unwrap().to_str().unwrap();
                found.insert(short.to_owned(), fs::read_to_string(&path).unwrap());
            }
        }
    }
    found
}

/// The modules of a crate, and the names that each re-exports.
pub(crate) struct Crate {
    modules: BTreeMap<String, Module>,
}

struct Module {
    file: String,
    /// Names re-exported from elsewhere, with their origins.
    passed_on: BTreeMap<String, Vec<String>>,
    /// Paths mentioned in its code, each from the crate root.
    mentioned: BTreeSet<Vec<String>>,
}

impl Crate {
    /// Parses all files of a crate.
    pub(crate) fn parse(files: &BTreeMap<String, String>) -> Self {
        let mut modules = BTreeMap::new();
        for (file, text) in files {
            let parsed = syn::parse_file(text).unwrap_or_else(|error| panic!("{file}: {error}"));
            let here = module_of(file);
            let mut reader = Reader {
                here: &here,
                passed_on: BTreeMap::new(),
                mentioned: BTreeSet::new(),
            };
            reader.visit_file(&parsed);
            let Reader {
                passed_on,
                mentioned,
                ..
            } = reader;
            let module = Module {
                file: file.clone(),
                passed_on,
                mentioned,
            };
            modules.insert(here.join("::"), module);
        }
        Self { modules }
    }

    /// The other files that each file imports from.
    pub(crate) fn imports(&self) -> BTreeMap<&str, BTreeSet<&str>> {
        self.modules
            .values()
            .map(|module| {
                let to = (module.mentioned.iter())
                    .filter_map(|path| self.file_of(path, 0))
                    .filter(|file| *file != module.file)
                    .collect();
                (&*module.file, to)
            })
            .collect()
    }

    /// The file that defines the item at this path.
    fn file_of(&self, path: &[String], depth: usize) -> Option<&str> {
        assert!(depth < 32, "{path:?} is passed on in a circle");
        // The longest prefix that is a module; the rest is a name in it.
        let (module, rest) = (0..=path.len()).rev().find_map(|len| {
            let module = self.modules.get(&path[..len].join("::"))?;
            Some((module, &path[len..]))
        })?;
        let Some((name, rest)) = rest.split_first() else {
            return Some(&module.file);
        };
        // A macro is exported by a `use` of itself.
        match (module.passed_on.get(name)).filter(|origin| *origin != path) {
            Some(origin) => {
                let whole: Vec<_> = origin.iter().chain(rest).cloned().collect();
                self.file_of(&whole, depth + 1)
            }
            None => Some(&module.file),
        }
    }
}

/// `layer/dedupe/mod.rs` is `layer::dedupe`.
fn module_of(file: &str) -> Vec<String> {
    let mut parts: Vec<_> = (file.trim_end_matches(".rs").split('/'))
        .map(str::to_owned)
        .collect();
    if matches!(parts.last().map(String::as_str), Some("mod" | "lib")) {
        parts.pop();
    }
    parts
}

struct Reader<'a> {
    here: &'a [String],
    passed_on: BTreeMap<String, Vec<String>>,
    mentioned: BTreeSet<Vec<String>>,
}

impl Reader<'_> {
    /// The path from the crate root; `None` if it leads out of the crate.
    fn absolute(&self, path: &[String]) -> Option<Vec<String>> {
        let (first, mut rest) = path.split_first()?;
        let mut whole = match &**first {
            "crate" => Vec::new(),
            "self" => self.here.to_vec(),
            "super" => self.here[..self.here.len().checked_sub(1)?].to_vec(),
            _ => return None,
        };
        while let Some(("super", behind)) = rest.split_first().map(|(s, r)| (&**s, r)) {
            whole.pop()?;
            rest = behind;
        }
        whole.extend(rest.iter().cloned());
        Some(whole)
    }

    fn use_tree(&mut self, tree: &UseTree, before: &[String], passes_on: bool) {
        let with = |name: &syn::Ident| {
            let mut path = before.to_vec();
            path.push(name.to_string());
            path
        };
        let (path, name) = match tree {
            UseTree::Path(tree) => {
                return self.use_tree(&tree.tree, &with(&tree.ident), passes_on);
            }
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.use_tree(tree, before, passes_on);
                }
                return;
            }
            UseTree::Glob(_) => (before.to_vec(), None),
            UseTree::Name(name) if name.ident == "self" => (before.to_vec(), None),
            UseTree::Name(name) => (with(&name.ident), Some(name.ident.to_string())),
            UseTree::Rename(rename) => (with(&rename.ident), Some(rename.rename.to_string())),
        };
        let whole = match self.absolute(&path) {
            Some(whole) => whole,
            // `use child::Name` of a module's own child.
            None if passes_on => self.here.iter().chain(&path).cloned().collect(),
            None => return,
        };
        match name {
            Some(name) if passes_on => {
                self.passed_on.insert(name, whole);
            }
            _ => {
                self.mentioned.insert(whole);
            }
        }
    }
}

fn is_for_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && (attribute.parse_args::<syn::Meta>())
                .is_ok_and(|meta| meta.path().is_ident("test") || meta.path().is_ident("fuzzing"))
    })
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        let attributes = match item {
            Item::Mod(item) => &item.attrs,
            Item::Use(item) => &item.attrs,
            Item::Fn(item) => &item.attrs,
            Item::Impl(item) => &item.attrs,
            _ => return visit::visit_item(self, item),
        };
        if !is_for_tests(attributes) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        let passes_on = !matches!(item.vis, Visibility::Inherited);
        self.use_tree(&item.tree, &[], passes_on);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names: Vec<_> = (path.segments.iter())
            .map(|segment| segment.ident.to_string())
            .collect();
        if let Some(whole) = self.absolute(&names).filter(|_| names.len() > 1) {
            self.mentioned.insert(whole);
        }
        visit::visit_path(self, path);
    }
}

#[test]
fn an_import_is_followed_to_the_file_that_defines_it() {
    let text = |file: &str, text: &str| (file.to_owned(), text.to_owned());
    let files = BTreeMap::from([
        text("lib.rs", "mod a; mod b; pub use b::{Deep, Two as Second};"),
        text("a.rs", "use crate::Second; fn f() { crate::b::deep::g() }"),
        text(
            "b/mod.rs",
            "mod deep; pub use deep::Deep; pub(crate) use self::deep::Deep as D2; pub struct Two;",
        ),
        text(
            "b/deep.rs",
            "#[cfg(test)] mod tests { use crate::a::f; } use super::Two; pub struct Deep;",
        ),
        text("c.rs", "use super::b::{self, D2}; use std::fmt;"),
    ]);
    let parsed = Crate::parse(&files);
    let imports = parsed.imports();
    assert_eq!(imports["a.rs"], BTreeSet::from(["b/deep.rs", "b/mod.rs"]));
    assert_eq!(imports["b/deep.rs"], BTreeSet::from(["b/mod.rs"]));
    assert_eq!(imports["c.rs"], BTreeSet::from(["b/deep.rs", "b/mod.rs"]));
}
