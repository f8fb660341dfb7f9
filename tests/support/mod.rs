//! Helpers for the tests over real sockets.
#![allow(dead_code, reason = "each test binary uses a part of it")]

pub(crate) mod amount;
pub(crate) mod blendfi;
pub(crate) mod blox;
pub(crate) mod faults;
pub(crate) mod folder;
pub(crate) mod http;
pub(crate) mod log;
pub(crate) mod observer;
pub(crate) mod openssl;
pub(crate) mod presets;
pub(crate) mod receiver;
pub(crate) mod server;
pub(crate) mod stage;
pub(crate) mod still;
pub(crate) mod wait;
