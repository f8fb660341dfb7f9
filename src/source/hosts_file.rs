//! Looks a name up in a hosts file.

use std::net::IpAddr;

/// The addresses that a hosts file gives a name, in order; none if it does not have the name.
///
/// ```text
/// line    = [ address *( blank name ) ] [ "#" comment ]
/// ```
///
/// As in hosts(5): names are case-insensitive, all lines with the name count together, and a line
/// that cannot be read is skipped.
pub(crate) fn addresses(file: &[u8], name: &str) -> Vec<IpAddr> {
    file.split(|byte| *byte == b'\n')
        .filter_map(|line| address(line, name))
        .collect()
}

fn address(line: &[u8], name: &str) -> Option<IpAddr> {
    let line = line.split(|byte| *byte == b'#').next()?;
    let mut fields = line
        .split(u8::is_ascii_whitespace)
        .filter(|field| !field.is_empty());
    let address = fields.next()?;
    let is_it = |field: &[u8]| {
        let field = field.strip_suffix(b".").unwrap_or(field);
        field.eq_ignore_ascii_case(name.as_bytes())
    };
    if !fields.any(is_it) {
        return None;
    }
    std::str::from_utf8(address).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(file: &str, name: &str) -> Vec<String> {
        (addresses(file.as_bytes(), name).iter())
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn a_name_has_the_addresses_of_all_its_lines() {
        let file = "# made by hand\n\
            127.0.0.1\tlocalhost loopback # not.example\n\
            ::1 localhost\n\
            \n\
            192.0.2.1 \t a.example  Hooks.Example.\r\n\
            2001:db8::1 HOOKS.example\n\
            192.0.2.2 hooks.example.net xhooks.example\n\
            192.0.2.3#hooks.example\n\
            #192.0.2.4 hooks.example\n\
            192.0.2.5.6 hooks.example\n\
            fe80::1%eth0 hooks.example\n\
            hooks.example 192.0.2.6\n\
            192.0.2.7 hooks.example";
        assert_eq!(
            of(file, "hooks.example"),
            ["192.0.2.1", "2001:db8::1", "192.0.2.7"]
        );
        assert_eq!(of(file, "localhost"), ["127.0.0.1", "::1"]);
        assert_eq!(of(file, "a.example"), ["192.0.2.1"]);
        for name in ["not.example", "example", "192.0.2.6", "127.0.0.1", ""] {
            assert_eq!(of(file, name), [""; 0], "{name}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_cost_their_line_alone() {
        let file = b"\xff 192.0.2.1 hooks.example\n192.0.2.2 \xff\xfe hooks.example\n\0\0\n";
        let found = addresses(file, "hooks.example");
        assert_eq!(found, ["192.0.2.2".parse::<IpAddr>().unwrap()]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(file in any::<Vec<u8>>(), name in "[a-z.]{0,8}") {
            let _ = addresses(&file, &name);
        }

        /// Compares with a reading of whole lines as text.
        #[test]
        fn lines_are_read_as_a_person_reads_them(
            lines in prop::collection::vec(
                ("(192\\.0\\.2\\.[1-9]|::[1-9]|x)", "[ \t]{1,2}",
                 prop::collection::vec("(a\\.b|A\\.B|a|b|a\\.b\\.|#|#a\\.b)", 0..4)),
                0..6,
            ),
        ) {
            let mut file = String::new();
            let mut expected = Vec::new();
            for (address, blank, names) in lines {
                file += &[&address, &*blank, &names.join(&blank), "\n"].concat();
                let named = names
                    .iter()
                    .take_while(|name| !name.starts_with('#'))
                    .any(|name| name.to_lowercase().trim_end_matches('.') == "a.b");
                expected.extend(address.parse::<IpAddr>().ok().filter(|_| named));
            }
            prop_assert_eq!(addresses(file.as_bytes(), "a.b"), expected);
        }
    }
}
