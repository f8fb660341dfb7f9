//! Parameters of the query.

use std::borrow::Cow;

use super::error::EventErrorKind as Kind;

/// The same as for a part of a key.
const MAX_LEN: usize = 1024;

/// The only value of the parameter `name`, decoded as in a form; `None` if it is absent.
///
/// # Errors
///
/// It occurs twice, or its value is empty, too long or not UTF-8.
pub(super) fn parameter<'q>(
    query: Option<&'q str>,
    name: &str,
) -> Result<Option<Cow<'q, str>>, Kind> {
    let all = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    let mut values = all.filter(|(key, _)| key == name).map(|(_, value)| value);
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(Kind::RepeatedParameter);
    }
    // Invalid UTF-8 is decoded to this character, so two such values would look alike.
    if value.is_empty() || value.len() > MAX_LEN || value.contains(char::REPLACEMENT_CHARACTER) {
        return Err(Kind::WrongType);
    }
    Ok(Some(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_counts_where_it_stands_once() {
        let id =
            |query: &'static str| parameter(Some(query), "id").map(|id| id.map(Cow::into_owned));
        let found = |text: &str| Ok(Some(text.to_owned()));
        assert_eq!(id("topic=payment&id=1"), found("1"));
        assert_eq!(id("i%64=a%2Fb+c%C3%A9"), found("a/b cé"));
        assert_eq!(id("ID=1&id.x=2&xid=3"), Ok(None));
        assert_eq!(id("id=1&id=1"), Err(Kind::RepeatedParameter));
        assert_eq!(id("id=1&%69d=2"), Err(Kind::RepeatedParameter));
        for query in ["id", "id=", "id=%FF", "id=%EF%BF%BD"] {
            assert_eq!(id(query), Err(Kind::WrongType), "{query}");
        }
        assert_eq!(parameter(None, "id"), Ok(None));
        let longest = format!("id={}", "a".repeat(1024));
        assert!(parameter(Some(&longest), "id").is_ok());
        assert!(parameter(Some(&format!("{longest}a")), "id").is_err());
    }
}
