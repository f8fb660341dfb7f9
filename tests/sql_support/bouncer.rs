//! PgBouncer, started for a test.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use super::{Postgres, as_nobody, folder, free_port, program, quiet, until, watch};

/// PgBouncer in transaction mode in front of a Postgres, with so many connections to it.
pub(crate) struct PgBouncer {
    dir: PathBuf,
    pub(crate) port: u16,
    child: Child,
    watcher: Child,
}

impl PgBouncer {
    pub(crate) fn before(server: &Postgres, connections: u32) -> Self {
        Self::with(server, connections, "")
    }

    /// The same with one more setting.
    pub(crate) fn with(server: &Postgres, connections: u32, setting: &str) -> Self {
        let (dir, port) = (folder(), free_port());
        let folder = dir.display();
        let settings = format!(
            "[databases]\n* = host=127.0.0.1 port={}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {port}\nunix_socket_dir =\nauth_type = trust\nauth_file = {folder}/users\n\
             pool_mode = transaction\ndefault_pool_size = {connections}\nmax_client_conn = 500\n{setting}\n",
            server.port
        );
        fs::write(dir.join("settings"), settings).unwrap();
        fs::write(dir.join("users"), "\"app\" \"\"\n").unwrap();
        // Debian installs it in a folder that is not on every user's path.
        let debian = Path::new("/usr/sbin/pgbouncer");
        let bouncer = if debian.exists() {
            debian
        } else {
            Path::new("pgbouncer")
        };
        let mut command = as_nobody(bouncer);
        let child = quiet(command.current_dir(&dir).arg("settings"))
            .spawn()
            .unwrap();
        let bouncer = Self {
            watcher: watch(&child, "KILL"),
            child,
            dir,
            port,
        };
        until("PgBouncer answers", || {
            let mut psql = Command::new(program("psql"));
            psql.args(["-X", "-c", "SELECT 1", &bouncer.url()]);
            quiet(&mut psql).status().unwrap().success()
        });
        bouncer
    }

    pub(crate) fn url(&self) -> String {
        format!("postgres://app@127.0.0.1:{}/postgres", self.port)
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        for child in [&mut self.watcher, &mut self.child] {
            let _ = child.kill();
            let _ = child.wait();
        }
        let _ = fs::remove_dir_all(&self.dir);
    }
}
