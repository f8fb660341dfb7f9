//! Complete statements, with values in place of their parameters.

/// Two booleans as one text, such as `t,f`.
pub(super) fn as_text(first: &str, second: &str) -> String {
    format!("pg_catalog.concat({first}, ',', {second}) AS answer")
}

/// Bytes as a literal.
pub(super) fn bytes(value: &[u8]) -> String {
    let digits = data_encoding::HEXLOWER.encode(value);
    format!("pg_catalog.decode('{digits}', 'hex')")
}

/// Text as a literal.
pub(super) fn text(value: &str) -> String {
    format!(
        "pg_catalog.convert_from({}, 'UTF8')",
        bytes(value.as_bytes())
    )
}

/// A statement with values in place of its parameters; text in double quotes is a name.
pub(super) fn whole(sql: &str, values: &[String]) -> String {
    let mut out = String::with_capacity(sql.len());
    let (mut rest, mut is_name) = (sql, false);
    while let Some(at) = rest.find(['"', '$']) {
        let (before, found) = rest.split_at(at);
        out.push_str(before);
        let behind = found.get(1..).unwrap_or_default();
        let digits = behind.bytes().take_while(u8::is_ascii_digit).count();
        let (number, after) = behind.split_at(digits);
        let number = number
            .parse::<usize>()
            .ok()
            .filter(|_| found.starts_with('$') && !is_name);
        match number.and_then(|number| values.get(number.checked_sub(1)?)) {
            Some(value) => {
                out.push_str(value);
                rest = after;
            }
            None => {
                is_name ^= found.starts_with('"');
                out.extend(found.chars().next());
                rest = behind;
            }
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_take_the_place_of_parameters_and_of_nothing_in_a_name() {
        let values: Vec<_> = (1..=10).map(|number| format!("v{number}")).collect();
        let sql = r#"UPDATE "a$1"".""b" SET a = $10, b = $1 WHERE c = $11 AND "$2" = $2$"#;
        let expected = r#"UPDATE "a$1"".""b" SET a = v10, b = v1 WHERE c = $11 AND "$2" = v2$"#;
        assert_eq!(whole(sql, &values), expected);
    }

    #[test]
    fn text_of_strangers_is_digits_alone() {
        // From `printf "%s" "é'; --" | xxd -p`.
        let expected =
            "pg_catalog.convert_from(pg_catalog.decode('c3a9273b202d2d', 'hex'), 'UTF8')";
        assert_eq!(text("é'; --"), expected);
    }
}
