//! Checks that public items appear in an example: on their own page or another, in a guide, or in
//! `examples`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use quote::ToTokens as _;
use syn::visit::{self, Visit};
use syn::{Attribute, ImplItemFn, ItemFn, ItemImpl, ItemMod, ItemStruct, TraitItem, Visibility};

use crate::source::{files, files_beside};

/// A file that only fuzz targets use.
const FOR_FUZZING: &str = "fuzzing.rs";

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_alphanumeric() || c == '_'))
        .filter(|word| !word.is_empty())
}

/// The code in a file's documentation.
fn examples(text: &str) -> String {
    let mut code = String::new();
    let mut in_code = false;
    for line in text.lines() {
        let doc = (line.trim_start().strip_prefix("///"))
            .or_else(|| line.trim_start().strip_prefix("//!"));
        match doc.map(str::trim_start) {
            None => in_code = false,
            Some(line) if line.starts_with("```") => in_code = !in_code,
            Some(line) if in_code => code.extend([line, "\n"]),
            Some(_) => {}
        }
    }
    code
}

/// All words in the code that readers see.
fn shown() -> BTreeSet<String> {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let mut all = std::fs::read_to_string(readme).expect("a README");
    all.extend(files().values().map(|text| examples(text)));
    // The program is an example too.
    let bin = files()
        .into_iter()
        .filter(|(file, _)| file.starts_with("bin/"));
    let programs = files_beside()
        .into_iter()
        .chain(bin.map(|(file, text)| (format!("examples/{file}"), text)));
    all.extend(
        programs
            .filter(|(file, _)| file.starts_with("examples/"))
            .map(|(_, text)| text),
    );
    words(&all).map(str::to_owned).collect()
}

/// The public functions and types of a file, each with the words of its signature or fields.
#[derive(Default)]
struct Public {
    /// All signatures of each name.
    functions: BTreeMap<String, String>,
    types: BTreeMap<String, String>,
    /// Words of associated types, which are named by traits of other crates, such as a layer's
    /// service.
    associated: String,
    /// The type whose functions are being read.
    of: String,
}

impl Public {
    fn add(&mut self, name: &syn::Ident, signature: &str) {
        let all = self.functions.entry(name.to_string()).or_default();
        all.extend([signature, " ", &self.of, "\n"]);
    }
}

fn is_hidden(attributes: &[Attribute]) -> bool {
    (attributes.iter())
        .filter(|it| it.path().is_ident("doc") || it.path().is_ident("cfg"))
        .filter_map(|it| it.meta.require_list().ok())
        .map(|list| list.tokens.to_string())
        .any(|of| matches!(&*of, "hidden" | "test" | "fuzzing"))
}

fn is_public(visibility: &Visibility, attributes: &[Attribute]) -> bool {
    matches!(visibility, Visibility::Public(_)) && !is_hidden(attributes)
}

impl Visit<'_> for Public {
    fn visit_item_mod(&mut self, item: &ItemMod) {
        if !is_hidden(&item.attrs) && item.ident != "private" {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_fn(&mut self, item: &ItemFn) {
        if is_public(&item.vis, &item.attrs) {
            let signature = item.sig.to_token_stream().to_string();
            self.add(&item.sig.ident, &signature);
        }
    }

    fn visit_item_impl(&mut self, item: &ItemImpl) {
        if item.trait_.is_some() {
            self.associated += &item.to_token_stream().to_string();
        } else if !is_hidden(&item.attrs) {
            self.of = item.self_ty.to_token_stream().to_string();
            visit::visit_item_impl(self, item);
            self.of.clear();
        }
    }

    fn visit_impl_item_fn(&mut self, item: &ImplItemFn) {
        if is_public(&item.vis, &item.attrs) {
            let signature = item.sig.to_token_stream().to_string();
            self.add(&item.sig.ident, &signature);
        }
    }

    fn visit_item_struct(&mut self, item: &ItemStruct) {
        if is_public(&item.vis, &item.attrs) {
            let fields = item.fields.to_token_stream().to_string();
            self.types.insert(item.ident.to_string(), fields);
        }
    }

    fn visit_item_enum(&mut self, item: &syn::ItemEnum) {
        if is_public(&item.vis, &item.attrs) {
            self.types.insert(item.ident.to_string(), String::new());
        }
    }

    fn visit_item_trait(&mut self, item: &syn::ItemTrait) {
        if is_public(&item.vis, &item.attrs) {
            let text = item.items.iter().map(|it| it.to_token_stream().to_string());
            self.types.insert(item.ident.to_string(), text.collect());
            // Items that a user may have to implement must be shown as well.
            for method in &item.items {
                if let TraitItem::Fn(method) = method
                    && !is_hidden(&method.attrs)
                {
                    let signature = method.sig.to_token_stream().to_string();
                    self.add(&method.sig.ident, &signature);
                }
            }
        }
    }
}

/// The items that no example shows. A type also counts as shown if a shown item returns or contains
/// it.
fn missing(public: &Public, shown: &BTreeSet<String>) -> Vec<String> {
    let given = (public.functions.iter().chain(&public.types))
        .filter(|(name, _)| shown.contains(*name))
        .flat_map(|(_, text)| words(text))
        .chain(words(&public.associated));
    let given: BTreeSet<_> = given.collect();
    let types = (public.types.keys())
        .filter(|name| !shown.contains(*name) && !given.contains(name.as_str()));
    let functions = public
        .functions
        .keys()
        .filter(|name| !shown.contains(*name));
    functions.chain(types).cloned().collect()
}

/// Rustdoc compiles all examples as one program, or each alone if that fails: they then take minutes.
#[test]
fn examples_name_no_file_beside_them() {
    for (file, text) in files() {
        let beside = examples(&text)
            .lines()
            .find(|line| line.contains("include_") && line.contains("!(\"."))
            .map(str::to_owned);
        assert_eq!(
            beside, None,
            "{file}: from CARGO_MANIFEST_DIR it can be found"
        );
    }
}

/// An example can be copied as is: only `main` and its ending may be hidden.
#[test]
fn no_example_hides_what_it_uses() {
    let hides = |line: &&str| {
        let line = line.trim_start();
        let doc = line.strip_prefix("///").or(line.strip_prefix("//!"));
        let hidden = doc.and_then(|doc| doc.trim_start().strip_prefix("# "));
        hidden.is_some_and(|code| {
            let code = code.trim_start();
            ["use ", "struct ", "impl "]
                .iter()
                .any(|it| code.starts_with(it))
        })
    };
    assert!(hides(&"    /// # use std::fmt;") && !hides(&"/// # fn main() {"));
    let mut hiding = Vec::new();
    for (file, text) in files() {
        hiding.extend(
            text.lines()
                .filter(hides)
                .map(|line| format!("{file}: {line}")),
        );
    }
    assert!(hiding.is_empty(), "{hiding:#?}");
}

#[test]
fn public_items_are_shown() {
    let mut public = Public::default();
    for (file, text) in files() {
        if !file.ends_with(FOR_FUZZING) {
            public.visit_file(&syn::parse_file(&text).expect("Rust"));
        }
    }
    assert!(public.functions.len() > 300, "{}", public.functions.len());
    let missing = missing(&public, &shown());
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn what_is_in_no_example_is_found() {
    let text = "/// ```\n/// let a = shown();\n/// ```\npub fn shown() -> Given {}\n\
                pub struct Given;\n/// hidden()\npub fn not_shown() -> Other {}\npub struct Other;\n\
                pub(crate) fn own() {}\n#[doc(hidden)]\npub fn for_macros() {}\n\
                pub trait shown { fn to_write(&self); #[doc(hidden)] fn for_us(&self); }\n";
    let mut public = Public::default();
    public.visit_file(&syn::parse_file(text).unwrap());
    let shown = words(&examples(text)).map(str::to_owned).collect();
    assert_eq!(missing(&public, &shown), ["not_shown", "to_write", "Other"]);
}
