//! What the tests of both stores on SQL databases share.

pub(in crate::store) mod histories;
