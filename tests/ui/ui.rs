//! What the compiler says of misuse, word for word: each text must name the remedy.
//!
//! `TRYBUILD=overwrite cargo test` writes what it says now.

#[test]
fn misuse_is_told_with_its_remedy() {
    trybuild::TestCases::new().compile_fail("*_*.rs");
}
