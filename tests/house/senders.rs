//! Each sender is a single file of data that imports only from the prelude of senders.

use crate::source::files;

const FOLDER: &str = "provider/senders/";
/// The files that senders are built on and listed by.
const FRAME: [&str; 4] = ["facts.rs", "mod.rs", "page.rs", "prelude.rs"];

/// Lines in which a file reaches outside itself.
fn reaches_out(text: &str) -> Vec<&str> {
    let code = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.starts_with("//"));
    code.filter(|line| {
        let imports = line.starts_with("use ") || line.starts_with("pub use ");
        let names = ["crate::", "super::", "mod "];
        (imports || names.iter().any(|name| line.contains(name)))
            && *line != "use super::prelude::*;"
    })
    .collect()
}

#[test]
fn no_sender_needs_code_outside_its_own_file() {
    let files = files();
    let senders = files.iter().filter_map(|(file, text)| {
        let name = file.strip_prefix(FOLDER)?;
        (!FRAME.contains(&name)).then_some((name, text))
    });
    let mut count = 0;
    for (name, text) in senders {
        count += 1;
        let lines = reaches_out(text);
        assert!(lines.is_empty(), "{name}: {lines:#?}");
        assert!(text.contains("use super::prelude::*;"), "{name}");
    }
    assert!(count >= 60, "{count}");
}

#[test]
fn what_reaches_out_is_found() {
    let text = "//! [`x`](crate::x)\nuse super::prelude::*;\nuse super::gitlab;\n/// crate::x\nfn f() { crate::x() }";
    assert_eq!(
        reaches_out(text),
        ["use super::gitlab;", "fn f() { crate::x() }"]
    );
}
