//! Checks what readers see: links must lead somewhere, and examples must be complete and short.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The lines of the README's first example, and of the Stripe-specific part of
/// `examples/stripe.rs`.
const FIRST_EXAMPLE: usize = 12;
const STRIPE_PART: usize = 22;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The files of a folder with this ending.
fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let all = std::fs::read_dir(root().join(folder)).expect("a folder");
    all.map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|found| found == ending))
        .collect()
}

/// The lines of a page without its code blocks.
fn prose(page: &str) -> impl Iterator<Item = &str> {
    let mut in_code = false;
    page.lines().filter(move |line| {
        let is_fence = line.trim_start().starts_with("```");
        in_code ^= is_fence;
        !in_code && !is_fence
    })
}

/// The targets of a page's links.
fn links(page: &str) -> Vec<&str> {
    prose(page)
        .flat_map(|line| line.split("](").skip(1))
        .filter_map(|rest| rest.split_once(')'))
        .map(|(target, _)| target)
        .collect()
}

/// The anchor of a heading on GitHub: letters and digits, with dashes in between.
fn anchor(heading: &str) -> String {
    (heading
        .trim_start_matches('#')
        .trim()
        .to_lowercase()
        .chars())
    .filter_map(|c| match c {
        ' ' | '-' => Some('-'),
        c if c.is_alphanumeric() || c == '_' => Some(c),
        _ => None,
    })
    .collect()
}

fn anchors(page: &str) -> BTreeSet<String> {
    prose(page)
        .filter(|line| line.starts_with('#'))
        .map(anchor)
        .collect()
}

/// Links on this page with no target.
fn dead_links(path: &Path, page: &str) -> Vec<String> {
    let is_dead = |link: &&str| {
        let (file, wanted) = link.split_once('#').unwrap_or((link, ""));
        let target = match file {
            "" => path.to_owned(),
            file => path.parent().expect("a folder").join(file),
        };
        let has = |target: &Path| anchors(&read(target)).contains(wanted);
        !target.exists() || !(wanted.is_empty() || has(&target))
    };
    links(page)
        .into_iter()
        .filter(|link| !link.contains("://"))
        .filter(is_dead)
        .map(|link| format!("{}: {link}", path.display()))
        .collect()
}

#[test]
fn no_link_is_dead() {
    let mut pages = files("", "md");
    pages.extend(
        ["docs", "dashboards", "peers"]
            .iter()
            .flat_map(|folder| files(folder, "md")),
    );
    let linked: usize = (pages.iter()).map(|page| links(&read(page)).len()).sum();
    assert!(linked > 20, "{linked} links are too few to be all");
    let dead: Vec<_> = (pages.iter())
        .flat_map(|page| dead_links(page, &read(page)))
        .collect();
    assert!(dead.is_empty(), "{dead:#?}");
}

#[test]
fn a_dead_link_is_found() {
    let page = "# The first\n[a](#the-first) [b](#the-second)\n```\n[c](#no-link)\n```\n[d](docs/map.md) \
                [e](docs/none.md) [f](https://example.com/none)\n";
    let path = root().join("README.md");
    let own = |link: &str| anchors(page).contains(link);
    assert_eq!(links(page)[..2], ["#the-first", "#the-second"]);
    assert!(own("the-first") && !own("the-second"));
    let dead = dead_links(
        &path,
        &page.replace("(#the-first) [b](#the-second)", "(LICENSE-MIT)"),
    );
    assert_eq!(dead.len(), 1, "{dead:?}");
    assert!(dead[0].ends_with("docs/none.md"));
    assert_eq!(anchor("## Who isn't there, `x`"), "who-isnt-there-x");
}

#[test]
fn the_examples_of_the_guides_are_shown_whole() {
    let mut guides = files("src/guide", "rs");
    assert!(guides.len() > 8, "{}", guides.len());
    // The front page is checked too.
    guides.push(root().join("src/lib.rs"));
    for guide in guides {
        let hidden: Vec<_> = (read(&guide).lines())
            .filter(|line| *line == "//! #" || line.starts_with("//! # "))
            .filter(|line| !is_heading(line))
            .map(str::to_owned)
            .collect();
        assert!(hidden.is_empty(), "{}: {hidden:?}", guide.display());
    }
}

/// A heading begins with a capital letter, a hidden line of Rust does not.
fn is_heading(line: &str) -> bool {
    (line.trim_start_matches("//! # ").chars().next()).is_some_and(char::is_uppercase)
        && !line.contains(['(', ';', '{'])
}

#[test]
fn the_first_examples_are_short() {
    let readme = read(&root().join("README.md"));
    let (_, code) = readme.split_once("```rust").expect("an example");
    let lines = code.lines().skip(1).take_while(|line| *line != "```");
    let lines = lines.count();
    assert!((5..=FIRST_EXAMPLE).contains(&lines), "{lines}");

    let example = read(&root().join("examples/stripe.rs"));
    let (stripe, main) = example.split_once("#[tokio::main]").expect("a main");
    let lines = stripe
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with("//!"));
    let lines = lines.count();
    assert!((10..=STRIPE_PART).contains(&lines), "{lines}");
    assert!(!main.contains("Webhook"), "a part of it stands below");
}
