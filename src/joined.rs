//! Undoes the joining of header lines of one name by a proxy or an adapter.

/// Texts with more commas are not checked: this bounds the work that a stranger can cause.
const MAX_COMMAS: usize = 64;

/// The text that occurs here several times, separated by commas, as proxies and adapters join
/// header lines of one name; `None` if the value is not one repeated text.
pub(crate) fn once(value: &[u8]) -> Option<&[u8]> {
    // The text itself may hold commas, so every possible length is tried, and the shortest match
    // wins; most tries end at their first byte.
    let commas = memchr::memchr_iter(b',', value);
    commas.take(MAX_COMMAS).find_map(|at| {
        let (first, mut rest) = value.split_at_checked(at)?;
        while !rest.is_empty() {
            let behind = rest.strip_prefix(b",")?.trim_ascii_start();
            rest = behind.strip_prefix(first)?.trim_ascii_start();
        }
        let first = first.trim_ascii_end();
        (!first.is_empty()).then_some(first)
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_text_that_stands_again_and_again_is_that_text() {
        let once = |text: &'static str| super::once(text.as_bytes());
        for joined in ["a,a", "a, a", "a,a,a", "a, a,\ta"] {
            assert_eq!(once(joined), Some(b"a".as_slice()), "{joined:?}");
        }
        assert_eq!(once("v1,x=,v1,x="), Some(b"v1,x=".as_slice()));
        for other in [
            "", ",", ",,", "a", "a,", ",a", "a,b", "a,aa", "aa,a", "a,a,b", "a,a,", "a a",
        ] {
            assert_eq!(once(other), None, "{other:?}");
        }
    }
}
