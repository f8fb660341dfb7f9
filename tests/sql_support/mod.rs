//! Real servers for tests: Postgres and PgBouncer, each on a free loopback port with its own
//! folder, ended by its process id when dropped.

#![allow(dead_code, reason = "each test binary uses its share")]

mod bouncer;
#[allow(dead_code, reason = "each test binary uses its share")]
pub(crate) mod proxy;
mod template;

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

#[allow(unused_imports, reason = "each test binary uses its share")]
pub(crate) use bouncer::PgBouncer;

/// Nothing here takes this long unless it never happens.
const LIMIT: Duration = Duration::from_secs(60);

/// Polls until the condition holds.
#[track_caller]
pub(crate) fn until(what: &str, mut so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !so() {
        assert!(begun.elapsed() < LIMIT, "{what}: not within {LIMIT:?}");
        sleep(Duration::from_millis(20));
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// A folder in memory if the system has one, otherwise among the temporary ones.
fn folder() -> PathBuf {
    let shared = Path::new("/dev/shm");
    match shared.is_dir() {
        true => folder_in(shared),
        false => folder_in(&std::env::temp_dir()),
    }
}

fn folder_in(base: &Path) -> PathBuf {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let dir = base.join(format!("tower-webhook-sql-{}-{number}", std::process::id()));
    fs::create_dir_all(&dir).unwrap();
    if is_root() {
        let done = Command::new("chown")
            .arg("nobody")
            .arg(&dir)
            .status()
            .unwrap();
        assert!(done.success());
    }
    dir
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().unwrap();
    id.stdout.trim_ascii() == b"0"
}

/// A command for a program that refuses to run as root; the process id stays the same.
fn as_nobody(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid=nobody", "--regid=nogroup", "--clear-groups", "--"])
        .arg(program);
    command
}

fn quiet(command: &mut Command) -> &mut Command {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
}

/// A program of Postgres, from Debian's folder or else the path.
fn program(name: &str) -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let mut found: Vec<_> = versions
        .flatten()
        .map(|version| version.path().join("bin").join(name))
        .filter(|path| path.exists())
        .collect();
    found.sort();
    found.pop().unwrap_or_else(|| name.into())
}

/// Ends the server when this process has ended in whatever way: its standard input then ends.
fn watch(server: &Child, signal: &str) -> Child {
    let script = format!("read -r _; kill -{signal} \"$0\"");
    Command::new("sh")
        .args(["-c", &script, &server.id().to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// A Postgres server; its superuser is `app`, without a password.
pub(crate) struct Postgres {
    dir: PathBuf,
    pub(crate) port: u16,
    options: Vec<String>,
    child: Child,
    watcher: Child,
}

impl Postgres {
    pub(crate) fn start() -> Self {
        Self::with(&[])
    }

    /// A server with more settings, each as `name=value`.
    pub(crate) fn with(settings: &[&str]) -> Self {
        Self::in_folder(folder(), settings)
    }

    /// The same among the temporary files, for data that may be larger than memory.
    pub(crate) fn on_disk(settings: &[&str]) -> Self {
        Self::in_folder(folder_in(&std::env::temp_dir()), settings)
    }

    /// A server for checking query plans, and the number of rows to plan with: enough to see the
    /// plan, or as many as `PLANNED_ROWS` says.
    pub(crate) fn for_plans() -> (Self, u32) {
        match std::env::var("PLANNED_ROWS") {
            Ok(rows) => (Self::on_disk(&["max_wal_size=8GB"]), rows.parse().unwrap()),
            Err(_) => (Self::start(), 200_000),
        }
    }

    fn in_folder(dir: PathBuf, settings: &[&str]) -> Self {
        let port = free_port();
        template::copy_to(&dir.join("data"));
        let socket = format!("unix_socket_directories={}", dir.display());
        let own = ["listen_addresses=127.0.0.1", "shared_buffers=16MB", &socket];
        let options = own.iter().chain(settings);
        let options: Vec<_> = options.map(|setting| (*setting).to_owned()).collect();
        let child = Self::spawn(&dir, port, &options);
        let server = Self {
            watcher: watch(&child, "QUIT"),
            child,
            dir,
            port,
            options,
        };
        server.until_it_answers();
        server
    }

    fn spawn(dir: &Path, port: u16, options: &[String]) -> Child {
        let mut command = as_nobody(&program("postgres"));
        command
            .current_dir(dir)
            .args(["-D", "data", "-p", &port.to_string()]);
        for option in options {
            command.args(["-c", option]);
        }
        let log = fs::File::create(dir.join("log")).unwrap();
        quiet(&mut command).stderr(log).spawn().unwrap()
    }

    pub(crate) fn until_it_answers(&self) {
        // Trying to connect is cheaper than starting `psql`.
        let listens = || TcpStream::connect(("127.0.0.1", self.port)).is_ok();
        until("Postgres answers", || {
            listens() && self.try_ask("SELECT 1").is_some()
        });
    }

    pub(crate) fn url(&self) -> String {
        format!("postgres://app@127.0.0.1:{}/postgres", self.port)
    }

    /// The URL for another role.
    pub(crate) fn url_of(&self, role: &str) -> String {
        format!("postgres://{role}@127.0.0.1:{}/postgres", self.port)
    }

    /// What `psql` prints, without decoration.
    #[track_caller]
    pub(crate) fn ask(&self, sql: &str) -> String {
        self.try_ask(sql).expect("psql runs this")
    }

    fn try_ask(&self, sql: &str) -> Option<String> {
        let out = Command::new(program("psql"))
            .args([
                "-X",
                "-A",
                "-t",
                "-v",
                "ON_ERROR_STOP=1",
                "-c",
                sql,
                &self.url(),
            ])
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&out.stdout).trim().to_owned();
        out.status.success().then_some(text)
    }

    /// A role `hostile`, with everything that a role and a schema of its own can set against the
    /// store, and with the fewest permissions that it can have. The tables exist.
    pub(crate) fn make_hostile_role(&self) {
        let languages = Command::new("locale").arg("-a").output().unwrap();
        let languages = String::from_utf8_lossy(&languages.stdout);
        assert!(
            languages.lines().any(|own| own == "de_DE.utf8"),
            "the system has no German locale: scripts/test makes it"
        );
        for sql in [
            "CREATE ROLE hostile LOGIN",
            "CREATE SCHEMA evil",
            "GRANT USAGE ON SCHEMA evil TO hostile",
            "CREATE FUNCTION evil.clock_timestamp() RETURNS timestamptz LANGUAGE sql
                 AS $$ SELECT '2001-01-01'::timestamptz $$",
            "CREATE FUNCTION evil.differs(text, text) RETURNS boolean LANGUAGE sql
                 AS $$ SELECT true $$",
            "CREATE OPERATOR evil.= (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.differs)",
            "CREATE TABLE evil.tower_webhook_records (a int)",
            "ALTER ROLE hostile SET search_path = evil, pg_catalog",
            "ALTER ROLE hostile SET default_transaction_isolation = 'serializable'",
            "ALTER ROLE hostile SET default_transaction_read_only = on",
            "ALTER ROLE hostile SET default_transaction_deferrable = on",
            "ALTER ROLE hostile SET TimeZone = 'Asia/Kathmandu'",
            "ALTER ROLE hostile SET DateStyle = 'SQL, DMY'",
            "ALTER ROLE hostile SET IntervalStyle = 'sql_standard'",
            "ALTER ROLE hostile SET bytea_output = 'escape'",
            "ALTER ROLE hostile SET standard_conforming_strings = off",
            "ALTER ROLE hostile SET extra_float_digits = -15",
            "ALTER ROLE hostile SET lc_messages = 'de_DE.utf8'",
            "ALTER ROLE hostile SET lock_timeout = 1",
            "ALTER ROLE hostile SET statement_timeout = 100",
            "ALTER ROLE hostile SET idle_in_transaction_session_timeout = 100",
            "ALTER ROLE hostile SET enable_indexscan = off",
            "GRANT SELECT, INSERT, UPDATE, DELETE ON tower_webhook_records, tower_webhook_schema
                 TO hostile",
        ] {
            self.ask(sql);
        }
    }

    /// The error that `psql` reports for this user.
    pub(crate) fn told(&self, url: &str, sql: &str) -> String {
        let mut psql = Command::new(program("psql"));
        let out = psql.args(["-X", "-c", sql, url]).output().unwrap();
        String::from_utf8_lossy(&out.stderr).into_owned()
    }

    /// A concurrent session that runs this and stays open until it is dropped.
    pub(crate) fn session(&self, script: &str) -> Session {
        let mut child = Command::new(program("psql"))
            .args(["-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", &self.url()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut session = Session {
            lines: BufReader::new(child.stdout.take().unwrap()).lines(),
            child,
        };
        session.runs(script);
        session
    }

    /// Kills it, as a power cut would.
    pub(crate) fn kill(&mut self) {
        let _ = self.watcher.kill();
        let _ = self.watcher.wait();
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Restarts it after [`Postgres::kill`], on the same port and folder. The processes that served
    /// connections may still be ending.
    pub(crate) fn restart(&mut self) {
        until("Postgres starts again", || {
            self.child = Self::spawn(&self.dir, self.port, &self.options);
            let begun = Instant::now();
            loop {
                if self.child.try_wait().unwrap().is_some() {
                    return false;
                }
                if self.try_ask("SELECT 1").is_some() {
                    return true;
                }
                assert!(begun.elapsed() < LIMIT);
                sleep(Duration::from_millis(20));
            }
        });
        self.watcher = watch(&self.child, "QUIT");
    }

    /// Stops it, fills one of its files with zeros, as a broken disk may, and restarts it.
    pub(crate) fn damage(&mut self, file: &str) {
        self.ask("CHECKPOINT");
        self.kill();
        let path = self.dir.join("data").join(file);
        let length = fs::metadata(&path).unwrap().len();
        fs::write(&path, vec![0; usize::try_from(length).unwrap()]).unwrap();
        self.restart();
    }

    /// Whether it has stopped by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    pub(crate) fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args([signal, &pid]).status().unwrap();
        assert!(sent.success());
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // The processes that serve connections end with it.
        let _ = Command::new("kill")
            .args(["-QUIT", &self.child.id().to_string()])
            .status();
        let begun = Instant::now();
        while self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            if begun.elapsed() > Duration::from_secs(5) {
                break;
            }
            sleep(Duration::from_millis(10));
        }
        self.kill();
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// A session of `psql`.
pub(crate) struct Session {
    child: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
}

impl Session {
    pub(crate) fn runs(&mut self, script: &str) {
        let input = self.child.stdin.as_mut().unwrap();
        writeln!(input, "{script}").unwrap();
    }

    /// Waits for this line.
    #[track_caller]
    pub(crate) fn says(&mut self, line: &str) {
        let is_there = self.lines.any(|own| own.unwrap() == line);
        assert!(is_there, "{line} does not come");
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // Its transaction ends with the process.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
