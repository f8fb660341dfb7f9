//! The receiver is the example of this package.
