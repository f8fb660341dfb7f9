//! A disk and clocks of the rig's own: an in-memory mount that can be filled on command, and a
//! small preloaded library that sets the time of programs.

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::args::Args;
use crate::redis_support::clock::Clock;

/// The environment variable with the rig's mount point; the next one has the folder of its clocks.
const DISK: &str = "CHAOS_DISK";
const CLOCKS: &str = "CHAOS_CLOCKS";
/// In tests, Postgres keeps its folder here, and so does everything else.
const MOUNTED: &str = "/dev/shm";
const SIZE: u64 = 4 << 30;

const ENTER: &str = r#"mount -t tmpfs -o "size=$0,mode=1777" chaos "$1" && shift && exec "$@""#;

/// Restarts the rig with its own disk and clocks, if this machine allows it; in that case it does not return.
pub(crate) fn enter(args: &Args) {
    if std::env::var_os(CLOCKS).is_some() {
        return;
    }
    let folder = std::env::temp_dir().join(format!("tower-webhook-clocks-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let clock = Clock::new(folder.clone());
    let rig = std::env::current_exe().unwrap();
    let mut unshare = Command::new("unshare");
    unshare.args(["-m", "--propagation", "private"]);
    let has_disk = {
        let mut trial = Command::new("unshare");
        trial.args(["-m", "--propagation", "private", "mount", "-t", "tmpfs"]);
        trial.args(["chaos", MOUNTED]).stderr(Stdio::null());
        trial.status().is_ok_and(|status| status.success())
    };
    let mut command = match has_disk {
        true => {
            unshare.args(["sh", "-c", ENTER, &SIZE.to_string(), MOUNTED]);
            unshare.arg(rig);
            unshare.envs([(DISK, MOUNTED), ("TMPDIR", MOUNTED)]);
            unshare
        }
        false => {
            println!("note: no mounts of its own here: no disk is filled");
            Command::new(rig)
        }
    };
    command.args(std::env::args_os().skip(1));
    command.args(["--ledger", &args.ledger, "--seed", &args.seed.to_string()]);
    command.env(CLOCKS, folder).envs(clock.environment());
    panic!("the rig does not start anew: {}", command.exec());
}

/// The disk that holds everything.
pub(crate) struct Disk(PathBuf);

impl Disk {
    pub(crate) fn own() -> Option<Self> {
        Some(Self(std::env::var_os(DISK)?.into()))
    }

    /// Leaves no room beyond what is used.
    pub(crate) fn fill(&self) {
        // If more is used by then, the system refuses.
        while !self.resize(self.used()) {}
    }

    pub(crate) fn free(&self) {
        assert!(self.resize(SIZE), "the disk has room again");
    }

    fn used(&self) -> u64 {
        let mut df = Command::new("df");
        let out = df.args(["-B1", "--output=used"]).arg(&self.0).output();
        let text = String::from_utf8(out.unwrap().stdout).unwrap();
        text.lines().nth(1).unwrap().trim().parse().unwrap()
    }

    fn resize(&self, bytes: u64) -> bool {
        let mut mount = Command::new("mount");
        mount.args(["-o", &format!("remount,size={bytes}")]);
        let status = mount.arg(&self.0).stderr(Stdio::null()).status();
        status.unwrap().success()
    }
}

/// The clock of the servers, and that of receivers and workers.
pub(crate) struct Clocks {
    pub(crate) servers: Clock,
    pub(crate) processes: Clock,
}

impl Clocks {
    pub(crate) fn own() -> Self {
        let folder = PathBuf::from(std::env::var_os(CLOCKS).unwrap());
        Self {
            // The clock in the rig's own environment, and so that of all servers it starts.
            servers: Clock::at(folder.clone(), "ahead"),
            processes: Clock::at(folder, "processes"),
        }
    }

    fn folder(&self) -> &Path {
        self.servers.dir()
    }
}

impl Drop for Clocks {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(self.folder());
    }
}
