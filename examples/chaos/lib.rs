//! The rig is the example of this package.
