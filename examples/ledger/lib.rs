//! The ledger is the example of this package.
