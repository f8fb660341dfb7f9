//! Real servers for tests: each on free ports of the loopback, with a folder of its own, killed by
//! its process id when it is dropped.

#![allow(dead_code, reason = "each test binary uses its share")]

#[path = "../../src/store/redis/code.rs"]
#[allow(
    clippy::duplicate_mod,
    reason = "the tests within the crate have it already"
)]
mod code;
pub(crate) mod dice;
pub(crate) mod proxy;
mod several;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

#[allow(unused_imports, reason = "each test binary uses its share")]
pub(crate) use several::{Cluster, Sentinel};

/// Nothing here takes as long as this unless it never happens.
const LIMIT: Duration = Duration::from_secs(60);

/// The server programs to test with: Redis, and Valkey where it is installed.
pub(crate) fn programs() -> Vec<&'static str> {
    let mut programs = vec!["redis-server"];
    programs.extend(valkey());
    programs
}

/// Valkey's server program. Where there is none, that is said, past what the test harness keeps to
/// itself.
pub(crate) fn valkey() -> Option<&'static str> {
    let program = "valkey-server";
    let mut version = Command::new(program);
    let found = version.arg("--version").stdout(Stdio::null()).status();
    if found.is_ok_and(|status| status.success()) {
        return Some(program);
    }
    let _ = writeln!(
        std::io::stderr(),
        "NOT TESTED ON VALKEY: {program} is not on PATH"
    );
    None
}

/// Asks until it is so.
#[track_caller]
pub(crate) fn until(what: &str, mut so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !so() {
        assert!(begun.elapsed() < LIMIT, "{what}: not within {LIMIT:?}");
        sleep(Duration::from_millis(10));
    }
}

/// One server process.
pub(crate) struct Server {
    program: String,
    child: Child,
    watcher: Child,
    arguments: Vec<String>,
    dir: PathBuf,
    pub(crate) port: u16,
    tls_port: Option<u16>,
    password: Option<String>,
    /// The folder of what sets its clock.
    clock: Option<PathBuf>,
}

impl Server {
    /// A server that keeps nothing on disk.
    pub(crate) fn start() -> Self {
        Self::with(&[])
    }

    /// A server with more options: names, each followed by its values.
    pub(crate) fn with(options: &[&str]) -> Self {
        Self::of("redis-server", options)
    }

    pub(crate) fn of(program: &str, options: &[&str]) -> Self {
        Self::plain(program, options, free_port(), None, None)
    }

    /// A server at a certain port.
    pub(crate) fn at(port: u16) -> Self {
        Self::plain("redis-server", &[], port, None, None)
    }

    /// A server whose clock is set by [`Server::set_clock`] while it runs.
    pub(crate) fn with_clock() -> Self {
        let dir = folder();
        let (library, ahead) = (dir.join("clock.so"), dir.join("ahead"));
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/redis_support/clock.c");
        let mut compiler = Command::new("cc");
        compiler
            .args(["-shared", "-fPIC", source, "-o"])
            .arg(&library);
        assert!(compiler.status().unwrap().success(), "cc makes {library:?}");
        fs::write(&ahead, "0").unwrap();
        let mut server = Self::plain("redis-server", &[], free_port(), None, None);
        server.kill();
        server.program = "env".to_owned();
        let set = [
            format!("LD_PRELOAD={}", library.display()),
            format!("CLOCK_AHEAD={}", ahead.display()),
            "redis-server".to_owned(),
        ];
        server.arguments.splice(0..0, set);
        server.clock = Some(dir);
        server.restart();
        server
    }

    /// Sets its clock to so many seconds ahead of the system's, or behind.
    pub(crate) fn set_clock(&self, ahead: i64) {
        let dir = self.clock.as_ref().unwrap();
        // In one step, whenever the server reads it.
        fs::write(dir.join("next"), ahead.to_string()).unwrap();
        fs::rename(dir.join("next"), dir.join("ahead")).unwrap();
    }

    pub(crate) fn with_password(password: &str) -> Self {
        let options = ["--requirepass", password];
        Self::plain(
            "redis-server",
            &options,
            free_port(),
            None,
            Some(password.to_owned()),
        )
    }

    /// A server that speaks TLS only, and plain text on a port that only this module knows.
    pub(crate) fn with_tls(certificates: &Certificates) -> Self {
        let tls_port = free_port();
        let port = tls_port.to_string();
        let file = |name: &str| certificates.dir.join(name).display().to_string();
        let (cert, key, ca) = (file("server.crt"), file("server.key"), file("ca.crt"));
        let options = [
            "--tls-port",
            &port,
            "--tls-cert-file",
            &cert,
            "--tls-key-file",
            &key,
            "--tls-ca-cert-file",
            &ca,
            "--tls-auth-clients",
            "no",
        ];
        Self::plain("redis-server", &options, free_port(), Some(tls_port), None)
    }

    fn plain(
        program: &str,
        options: &[&str],
        port: u16,
        tls_port: Option<u16>,
        password: Option<String>,
    ) -> Self {
        let dir = folder();
        let mut arguments: Vec<String> = [
            "--port",
            &port.to_string(),
            "--bind",
            "127.0.0.1",
            "--dir",
            &dir.display().to_string(),
            "--save",
            "",
            "--loglevel",
            "warning",
            "--repl-diskless-sync-delay",
            "0",
        ]
        .map(str::to_owned)
        .into();
        arguments.extend(options.iter().map(|option| (*option).to_owned()));
        Self::run(program, arguments, dir, port, tls_port, password)
    }

    fn run(
        program: &str,
        arguments: Vec<String>,
        dir: PathBuf,
        port: u16,
        tls_port: Option<u16>,
        password: Option<String>,
    ) -> Self {
        let child = spawn(program, &arguments);
        let mut server = Self {
            program: program.to_owned(),
            watcher: watch(&child),
            child,
            arguments,
            dir,
            port,
            tls_port,
            password,
            clock: None,
        };
        server.wait_until_up();
        server
    }

    fn wait_until_up(&mut self) {
        until("the server answers", || {
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "the server ended: {ended:?}");
            self.try_ask(&["PING"])
                .is_some_and(|answer| answer == "PONG")
        });
    }

    pub(crate) fn url(&self) -> String {
        match &self.password {
            Some(password) => format!("redis://:{password}@127.0.0.1:{}", self.port),
            None => format!("redis://127.0.0.1:{}", self.port),
        }
    }

    pub(crate) fn tls_url(&self) -> String {
        format!("rediss://127.0.0.1:{}", self.tls_port.unwrap())
    }

    /// Ends it as a power cut would.
    pub(crate) fn kill(&mut self) {
        // The watcher first: once the server is waited for, its process id may be another's.
        for child in [&mut self.watcher, &mut self.child] {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Starts it again after [`Server::kill`], on the same port and folder.
    pub(crate) fn restart(&mut self) {
        self.child = spawn(&self.program, &self.arguments);
        self.watcher = watch(&self.child);
        self.wait_until_up();
    }

    /// It stays connected and answers nothing.
    pub(crate) fn freeze(&self) {
        self.signal("-STOP");
    }

    pub(crate) fn thaw(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args([signal, &pid]).status().unwrap();
        assert!(sent.success());
    }

    /// What it answers to a command, an array's elements line by line.
    #[track_caller]
    pub(crate) fn ask(&self, words: &[&str]) -> String {
        self.try_ask(words).expect("the server answers")
    }

    pub(crate) fn try_ask(&self, words: &[&str]) -> Option<String> {
        self.try_ask_each(&[words])?.pop()
    }

    /// What it answers to several commands over one connection.
    pub(crate) fn try_ask_each(&self, commands: &[&[&str]]) -> Option<Vec<String>> {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
        let mut reader = BufReader::new(stream);
        if let Some(password) = &self.password {
            exchange(&mut reader, &["AUTH", password])?;
        }
        (commands.iter())
            .map(|words| exchange(&mut reader, words))
            .collect()
    }

    /// One line of `INFO`.
    pub(crate) fn info(&self, name: &str) -> Option<String> {
        let info = self.try_ask(&["INFO"])?;
        let line = info
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.map(str::to_owned)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        for dir in self.clock.iter().chain([&self.dir]) {
            let _ = fs::remove_dir_all(dir);
        }
    }
}

fn spawn(program: &str, arguments: &[String]) -> Child {
    Command::new(program)
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}"))
}

/// Ends the server when this process has ended, however it did: then its standard input ends.
fn watch(server: &Child) -> Child {
    Command::new("sh")
        .args([
            "-c",
            "read -r _; kill -KILL \"$0\"",
            &server.id().to_string(),
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn exchange(reader: &mut BufReader<TcpStream>, words: &[&str]) -> Option<String> {
    let mut request = format!("*{}\r\n", words.len());
    for word in words {
        request += &format!("${}\r\n{word}\r\n", word.len());
    }
    reader.get_mut().write_all(request.as_bytes()).ok()?;
    answer(reader)
}

fn answer(reader: &mut BufReader<TcpStream>) -> Option<String> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let line = line.trim_end();
    let rest = line.get(1..)?;
    match line.as_bytes()[0] {
        b'$' => {
            let Ok(length) = rest.parse::<usize>() else {
                return Some(String::new());
            };
            let mut bytes = vec![0; length + 2];
            reader.read_exact(&mut bytes).ok()?;
            bytes.truncate(length);
            Some(String::from_utf8_lossy(&bytes).into_owned())
        }
        b'*' => {
            let elements: Option<Vec<_>> = (0..rest.parse::<usize>().ok()?)
                .map(|_| answer(reader))
                .collect();
            Some(elements?.join("\n"))
        }
        _ => Some(rest.to_owned()),
    }
}

pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

fn folder() -> PathBuf {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let name = format!("tower-webhook-redis-{}-{number}", std::process::id());
    let dir = std::env::temp_dir().join(name);
    fs::create_dir_all(&dir).unwrap();
    dir
}

/// A certificate authority made for one test, and a certificate for 127.0.0.1 that it signed.
pub(crate) struct Certificates {
    dir: PathBuf,
}

impl Certificates {
    pub(crate) fn new() -> Self {
        let dir = folder();
        fs::write(dir.join("san"), "subjectAltName=IP:127.0.0.1\n").unwrap();
        for line in [
            "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=test-ca -keyout ca.key -out ca.crt",
            "req -newkey rsa:2048 -nodes -subj /CN=127.0.0.1 -keyout server.key -out server.csr",
            "x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile san -out server.crt",
        ] {
            openssl(&dir, line);
        }
        Self { dir }
    }

    pub(crate) fn ca(&self) -> Vec<u8> {
        fs::read(self.dir.join("ca.crt")).unwrap()
    }
}

fn openssl(dir: &Path, line: &str) {
    let made = Command::new("openssl")
        .args(line.split(' '))
        .current_dir(dir)
        .output()
        .expect("openssl is installed");
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
}

impl Drop for Certificates {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
    }
}
