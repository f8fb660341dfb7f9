//! JSON as its sender signs it: without white space between its tokens.

/// This JSON without white space between its tokens; each token stays as written.
pub(super) fn compact(json: Vec<u8>) -> Vec<u8> {
    let mut in_text = false;
    let mut is_escaped = false;
    json.into_iter()
        .filter(|byte| {
            let is_blank = !in_text && matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
            in_text ^= *byte == b'"' && !is_escaped;
            is_escaped = in_text && *byte == b'\\' && !is_escaped;
            !is_blank
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// White space is that of RFC 8259, section 2.
    #[test]
    fn compact_json_has_no_blanks_outside_texts() {
        for (text, signed) in [
            (r#"{ "a" : [ 1 , 2.50 ] }"#, r#"{"a":[1,2.50]}"#),
            (
                "{\n\t\"a b\": \"c  d\",\r\n \"e\": null\n}",
                "{\"a b\":\"c  d\",\"e\":null}",
            ),
            (
                r#"{"a": "\" , : \\", "b" : "\\" }"#,
                r#"{"a":"\" , : \\","b":"\\"}"#,
            ),
            (r#""\u00e9 \n""#, r#""\u00e9 \n""#),
        ] {
            let made = String::from_utf8(compact(text.as_bytes().to_vec())).unwrap();
            assert_eq!(made, signed, "{text}");
        }
    }
}
