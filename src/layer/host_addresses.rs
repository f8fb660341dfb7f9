//! Looks up the addresses of an allowlist's host names.
//!
//! The system's resolver does this, so that its operator's setup applies: other resolvers, mDNS,
//! the names of a VPN. A built-in resolver would know none of it. Only two rules are fixed here: a
//! name with a dot is complete, never the start of a longer name, and the hosts file takes
//! precedence.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::source::{HostName, hosts_file};

/// How long the lookup of one name may take.
const LOOKUP_LIMIT: Duration = Duration::from_secs(5);
/// A longer hosts file is not read, and this machine then resolves no name.
const LONGEST_HOSTS_FILE: u64 = 16 * 1024 * 1024;

/// Looks up a host name of an [`Allowlist`](crate::Allowlist), as the layers do.
///
/// A name with a dot is looked up in the hosts file first and then as written, so that no search
/// list of the system can redirect it. A name without a dot, or one written as `search(name)`, is
/// looked up as the system does. All addresses are returned, even those that an allowlist does not
/// admit.
///
/// # Errors
///
/// Those of the system's resolver; [`ErrorKind::TimedOut`] after five seconds;
/// [`ErrorKind::FileTooLarge`] for a hosts file of over 16 MiB.
///
/// ```
/// use tower_webhook::layer::host_addresses;
/// use tower_webhook::source::HostName;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let addresses = host_addresses(&HostName::new("localhost")?).await?;
/// assert!(addresses.iter().all(|address| address.is_loopback()));
/// # Ok(())
/// # }
/// ```
pub async fn host_addresses(host: &HostName) -> io::Result<Vec<IpAddr>> {
    tokio::time::timeout(LOOKUP_LIMIT, without_limit(host))
        .await
        .unwrap_or_else(|_| Err(ErrorKind::TimedOut.into()))
}

async fn without_limit(host: &HostName) -> io::Result<Vec<IpAddr>> {
    let asked = if host.is_absolute() {
        let name = host.clone();
        let read =
            move || read_hosts_file().map(|file| hosts_file::addresses(&file, name.as_str()));
        let listed = tokio::task::spawn_blocking(read).await??;
        if !listed.is_empty() {
            return Ok(listed);
        }
        // With the trailing dot, no search list applies (RFC 1034 section 3.1). No system reader of
        // the hosts file finds such a name: glibc compares it as written.
        format!("{}.", host.as_str())
    } else {
        host.as_str().to_owned()
    };
    let found = tokio::net::lookup_host((asked, 0)).await?;
    Ok(found.map(|address| address.ip()).collect())
}

/// The system's hosts file; empty if there is none, as in a minimal container.
fn read_hosts_file() -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Ok(file) = File::open(hosts_file_path()) {
        let mut file = file.take(LONGEST_HOSTS_FILE);
        let _ = file.read_to_end(&mut bytes);
        if file.limit() == 0 {
            return Err(ErrorKind::FileTooLarge.into());
        }
    }
    Ok(bytes)
}

fn hosts_file_path() -> PathBuf {
    if cfg!(windows) {
        let root = std::env::var_os("SystemRoot").unwrap_or_else(|| r"C:\Windows".into());
        Path::new(&root).join(r"System32\drivers\etc\hosts")
    } else {
        PathBuf::from("/etc/hosts")
    }
}
