//! The file of a store: where it is, and on which kind of file system.

use std::fs;
use std::path::{Path, PathBuf};

use super::error::{SqliteConnectError, SqliteConnectErrorKind as Kind};

/// File systems that reach over a network, or to another machine. The write-ahead log needs memory that
/// all processes share, and several of these keep no locks: <https://www.sqlite.org/wal.html>, under
/// *Overview*.
const OVER_A_NETWORK: [&str; 15] = [
    "9p", "afs", "beegfs", "ceph", "cifs", "coda", "gfs2", "lustre", "ncpfs", "nfs", "nfs4",
    "ocfs2", "smb3", "smbfs", "virtiofs",
];
/// What a program of its own serves (`fuse.sshfs`, `fuse.s3fs`): what becomes of locks is up to that one.
const SERVED_BY_A_PROGRAM: &str = "fuse.";

/// The whole path of a file, in a folder that is there.
///
/// # Errors
///
/// No file name, no such folder, a network file system.
pub(super) fn located(path: &Path) -> Result<PathBuf, SqliteConnectError> {
    let refused = |why: &str| {
        let message = format!("{}: {why}", path.display());
        SqliteConnectError::new(Kind::Path, message)
    };
    let text = path.to_str().unwrap_or_default();
    if text.is_empty() || text == ":memory:" {
        return Err(refused(
            "a path of a file is needed; for records in memory take the memory store",
        ));
    }
    let name = path
        .file_name()
        .ok_or_else(|| refused("it names no file"))?;
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty());
    let folder = fs::canonicalize(folder.unwrap_or(Path::new(".")))
        .map_err(|error| refused("its folder cannot be found").with_source(error))?;
    let whole = folder.join(name);
    // A link leads to the file that several paths share.
    let whole = fs::canonicalize(&whole).unwrap_or(whole);
    if whole.to_str().is_none() {
        return Err(refused("SQLite takes paths in UTF-8 only"));
    }
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    if let Some(kind) = kind_of(&mounts, &whole)
        && is_over_a_network(kind)
    {
        return Err(SqliteConnectError::new(
            Kind::NetworkFileSystem,
            format!(
                "{} is on a network file system ({kind}), where the locks of SQLite do not hold; \
                 take a local disk, or a store on Redis or Postgres",
                whole.display()
            ),
        ));
    }
    Ok(whole)
}

fn is_over_a_network(kind: &str) -> bool {
    OVER_A_NETWORK.contains(&kind) || kind.starts_with(SERVED_BY_A_PROGRAM)
}

/// The file system of a path by the text of `/proc/self/mountinfo`
/// ([proc(5)](https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html)): the mount point is
/// the fifth word, the kind stands behind a lone dash. Of mounts at one point the last counts.
fn kind_of<'a>(mounts: &'a str, path: &Path) -> Option<&'a str> {
    let mounts = mounts.lines().filter_map(|line| {
        let (before, behind) = line.split_once(" - ")?;
        let point = unescaped(before.split(' ').nth(4)?);
        let length = path.starts_with(&point).then_some(point.len())?;
        Some((length, behind.split(' ').next()?))
    });
    // Of equal ones the last.
    let deepest = mounts.max_by_key(|(length, _)| *length);
    deepest.map(|(_, kind)| kind)
}

/// Blanks and the like are written as `\040`.
fn unescaped(text: &str) -> String {
    let mut pieces = text.split('\\');
    let mut plain = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let code = piece
            .get(..3)
            .and_then(|octal| u8::from_str_radix(octal, 8).ok());
        match (code, piece.get(3..)) {
            (Some(code), Some(rest)) if code.is_ascii() => {
                plain.push(char::from(code));
                plain.push_str(rest);
            }
            _ => {
                plain.push('\\');
                plain.push_str(piece);
            }
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines as Linux writes them.
    const MOUNTS: &str = "\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:26 / /srv rw,relatime shared:5 - nfs4 files:/srv rw,vers=4.2
31 22 0:27 / /srv/local rw - xfs /dev/vdb rw
32 22 0:28 / /mnt/my\\040share rw - cifs //nas/share rw
33 22 0:29 / /over rw - nfs files:/over rw
34 22 0:30 / /over rw - tmpfs none rw
";

    #[test]
    fn the_deepest_mount_tells_the_file_system() {
        for (path, kind) in [
            ("/home/app/webhooks.db", "ext4"),
            ("/srv/webhooks.db", "nfs4"),
            ("/srvx/webhooks.db", "ext4"),
            ("/srv/local/webhooks.db", "xfs"),
            ("/mnt/my share/webhooks.db", "cifs"),
            ("/over/webhooks.db", "tmpfs"),
        ] {
            assert_eq!(kind_of(MOUNTS, Path::new(path)), Some(kind), "{path}");
        }
        assert_eq!(kind_of("", Path::new("/srv/webhooks.db")), None);
        assert_eq!(kind_of("no mounts\n - \n", Path::new("/a")), None);
    }

    #[test]
    fn what_another_machine_or_a_program_serves_is_no_local_disk() {
        for kind in ["nfs4", "virtiofs", "beegfs", "fuse.sshfs", "fuse.rclone"] {
            assert!(is_over_a_network(kind), "{kind}");
        }
        // `fuseblk` is a disk, such as one of NTFS.
        for kind in ["ext4", "xfs", "btrfs", "tmpfs", "overlay", "fuseblk"] {
            assert!(!is_over_a_network(kind), "{kind}");
        }
    }

    #[test]
    fn what_names_no_file_is_refused() {
        for path in ["", ":memory:", "/", "..", "/no/such/folder/a.db"] {
            let error = located(Path::new(path)).unwrap_err();
            assert_eq!(error.kind(), Kind::Path, "{path}: {error}");
        }
        let here = located(Path::new("webhooks.db")).unwrap();
        assert_eq!(here, std::env::current_dir().unwrap().join("webhooks.db"));
    }
}
