//! The file of a store: its location, and the kind of its file system.

use std::fs;
use std::path::{Path, PathBuf};

use super::error::{Cause, Fault, SqliteConnectError, SqliteConnectErrorKind as Kind};

/// File systems that reach over a network or to another machine. The write-ahead log needs memory that
/// all processes share, and several of these do not support locks: <https://www.sqlite.org/wal.html>,
/// under *Overview*.
const OVER_A_NETWORK: [&str; 15] = [
    "9p", "afs", "beegfs", "ceph", "cifs", "coda", "gfs2", "lustre", "ncpfs", "nfs", "nfs4",
    "ocfs2", "smb3", "smbfs", "virtiofs",
];
/// File systems served by a program (`fuse.sshfs`, `fuse.s3fs`), which decides whether locks work.
const SERVED_BY_A_PROGRAM: &str = "fuse.";

/// The full path of a file in an existing folder.
///
/// # Errors
///
/// There is no file name or no such folder, or it is on a network file system.
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
    if ["sqlite:", "file:"].iter().any(|it| text.starts_with(it)) || text.contains("://") {
        return Err(refused(
            "it is a path that is asked for, not a URL: leave out what stands before the path",
        ));
    }
    let name = path
        .file_name()
        .ok_or_else(|| refused("it names no file"))?;
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty());
    let folder = fs::canonicalize(folder.unwrap_or(Path::new(".")))
        .map_err(|error| refused("its folder cannot be found").with_source(error))?;
    let whole = folder.join(name);
    // A link leads to a file that several paths share.
    let whole = fs::canonicalize(&whole).unwrap_or(whole);
    if whole.to_str().is_none() {
        return Err(refused("SQLite takes paths in UTF-8 only"));
    }
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    if let Some((point, kind)) = mount_of(&mounts, &whole) {
        check_mount(&whole, &point, kind)?;
    }
    Ok(whole)
}

/// Checks that the locks of a file work where it is mounted, and that its log is stored with it.
fn check_mount(file: &Path, point: &str, kind: &str) -> Result<(), SqliteConnectError> {
    let file_shown = file.display();
    if is_over_a_network(kind) {
        return Err(SqliteConnectError::new(
            Kind::NetworkFileSystem,
            format!(
                "{file_shown} is on a network file system ({kind}), where the locks of SQLite do not hold; \
                 take a local disk, or a store on Redis or Postgres"
            ),
        ));
    }
    if Path::new(point) == file {
        return Err(SqliteConnectError::new(
            Kind::Path,
            format!(
                "{file_shown} is mounted by itself, so that its log beside it goes with the container; mount its \
                 folder"
            ),
        ));
    }
    Ok(())
}

/// Identifies a file, whatever its path is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileId(u64, u64);

/// The file that is under a path now; `None` if the system does not report it.
///
/// # Errors
///
/// There is no file.
#[cfg(unix)]
pub(super) fn under(path: &Path) -> Result<Option<FileId>, Fault> {
    use std::io::ErrorKind::{NotADirectory, NotFound};
    use std::os::unix::fs::MetadataExt as _;

    match fs::metadata(path) {
        Ok(data) => Ok(Some(FileId(data.dev(), data.ino()))),
        Err(error) if matches!(error.kind(), NotFound | NotADirectory) => Err(Fault::new(
            Cause::Missing,
            format!("{} was moved away or removed", path.display()),
        )),
        // The process may have given up the right to read the folder.
        Err(_) => Ok(None),
    }
}

/// Always `None`, on systems where an open file can be neither moved nor replaced.
#[cfg(not(unix))]
pub(super) fn under(_: &Path) -> Result<Option<FileId>, Fault> {
    Ok(None)
}

fn is_over_a_network(kind: &str) -> bool {
    OVER_A_NETWORK.contains(&kind) || kind.starts_with(SERVED_BY_A_PROGRAM)
}

/// The mount point of a path and the file system there, from the text of `/proc/self/mountinfo`
/// ([proc(5)](https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html)): the mount point is
/// the fifth word, and the kind follows a lone dash. Of several mounts at one point, the last
/// counts.
fn mount_of<'a>(mounts: &'a str, path: &Path) -> Option<(String, &'a str)> {
    let mounts = mounts.lines().filter_map(|line| {
        let (before, behind) = line.split_once(" - ")?;
        let point = unescaped(before.split(' ').nth(4)?);
        path.starts_with(&point).then_some(())?;
        Some((point, behind.split(' ').next()?))
    });
    // Of equally long ones, the last.
    mounts.max_by_key(|(point, _)| point.len())
}

/// Decodes spaces and similar characters, which are written as `\040`.
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

    /// Lines in the format of Linux.
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
            let found = mount_of(MOUNTS, Path::new(path));
            assert_eq!(found.map(|(_, kind)| kind), Some(kind), "{path}");
        }
        assert_eq!(mount_of("", Path::new("/srv/webhooks.db")), None);
        assert_eq!(mount_of("no mounts\n - \n", Path::new("/a")), None);
    }

    /// As in a container that was started with `-v ./webhooks.db:/data/webhooks.db`.
    #[test]
    fn a_file_that_is_mounted_without_its_folder_is_refused() {
        const CONTAINER: &str = "\
22 1 0:40 / / rw,relatime - overlay overlay rw
30 22 254:0 /home/app/webhooks.db /data/webhooks.db rw,relatime - ext4 /dev/vda rw
31 22 254:0 /home/app/folder /folder rw,relatime - ext4 /dev/vda rw
";
        let check = |file: &str| {
            let (point, kind) = mount_of(CONTAINER, Path::new(file)).unwrap();
            check_mount(Path::new(file), &point, kind)
        };
        let error = check("/data/webhooks.db").unwrap_err();
        assert_eq!(error.kind(), Kind::Path);
        assert!(error.to_string().ends_with("mount its folder"), "{error}");
        for file in ["/folder/webhooks.db", "/data/other.db"] {
            check(file).unwrap();
        }
    }

    #[test]
    fn what_another_machine_or_a_program_serves_is_no_local_disk() {
        for kind in ["nfs4", "virtiofs", "beegfs", "fuse.sshfs", "fuse.rclone"] {
            assert!(is_over_a_network(kind), "{kind}");
        }
        // `fuseblk` is a disk, for example with NTFS.
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
