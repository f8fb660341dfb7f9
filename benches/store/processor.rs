//! Processor time, as Linux reports it; zero elsewhere.

use std::fs;
use std::path::Path;
use std::time::Duration;

/// That of all threads of a process, given by its number or `self`.
pub(crate) fn of_process(process: &str) -> Duration {
    let threads = fs::read_dir(format!("/proc/{process}/task"));
    let threads = threads.into_iter().flatten().flatten();
    threads.map(|thread| of(&thread.path())).sum()
}

/// That of the calling thread.
pub(crate) fn of_this_thread() -> Duration {
    of(Path::new("/proc/thread-self"))
}

fn of(thread: &Path) -> Duration {
    let nanos = || {
        let text = fs::read_to_string(thread.join("schedstat")).ok()?;
        text.split(' ').next()?.parse().ok()
    };
    Duration::from_nanos(nanos().unwrap_or(0))
}
