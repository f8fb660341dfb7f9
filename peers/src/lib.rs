//! Nothing: see `benches` and `tests`.
