//! Reading a file, with errors that name the member.

use serde::de::{DeserializeOwned, Deserializer, Error};

use crate::error::{ConfigError, ConfigErrorKind};

/// Reads a value as a file writes it, and converts it to the crate's type.
pub(super) fn read<'de, D, F, T>(
    deserializer: D,
    make: impl FnOnce(F) -> Result<T, ConfigError>,
) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    F: DeserializeOwned,
{
    let file = serde_path_to_error::deserialize(deserializer).map_err(|error| {
        let path = error.path().to_string();
        match &*path {
            // This path names no place.
            "." | "" => error.into_inner(),
            path => {
                let path = path.to_owned();
                D::Error::custom(format_args!("{path}: {}", error.into_inner()))
            }
        }
    })?;
    make(file).map_err(D::Error::custom)
}

/// Places the error of a result in this member of the file, or in one of its members.
pub(super) fn in_member<T>(
    member: &'static str,
    result: Result<T, ConfigError>,
) -> Result<T, ConfigError> {
    result.map_err(|error| {
        let path = match error.setting() {
            Some(inner) => format!("{member}.{inner}"),
            None => member.to_owned(),
        };
        // The path names the place, so the kind of setting need not precede it.
        ConfigError::new(ConfigErrorKind::Other, error.message().to_owned()).in_setting(path)
    })
}
