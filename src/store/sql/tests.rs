//! Shared code of the tests of both stores on SQL databases.

pub(in crate::store) mod histories;
