//! Guides: prose whose examples run. The modules hold no code.

pub mod order_of_layers;
pub mod roll_over;
pub mod unauthorized;
