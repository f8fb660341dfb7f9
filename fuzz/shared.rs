//! Nothing to fuzz: an example makes cargo choose the features of dependencies as it does for tests, so that what was
//! built for those serves here too (see scripts/fuzz).
#![no_main]

libfuzzer_sys::fuzz_target!(|_data: &[u8]| {});
