//! One server process.

use std::fs;
use std::io::BufReader;
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::certificates::Certificates;
use super::clock::Clock;
use super::{exchange, folder, free_port, until};

/// One server process.
pub(crate) struct Server {
    program: String,
    child: Child,
    watcher: Child,
    pub(super) arguments: Vec<String>,
    dir: PathBuf,
    pub(crate) port: u16,
    tls_port: Option<u16>,
    password: Option<String>,
    /// The clock of the server, if a test can set it.
    clock: Option<Clock>,
}

impl Server {
    /// A server that stores nothing on disk.
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

    /// A server on a given port.
    pub(crate) fn at(port: u16) -> Self {
        Self::plain("redis-server", &[], port, None, None)
    }

    /// A server whose clock can be set by [`Server::set_clock`] while it runs.
    pub(crate) fn with_clock() -> Self {
        let clock = Clock::new(folder());
        let set = clock.environment();
        let set = set.map(|(name, value)| format!("{name}={}", value.display()));
        let mut server = Self::in_environment(set);
        server.clock = Some(clock);
        server
    }

    /// A server that runs in a locale of the system.
    pub(crate) fn in_locale(name: &str) -> Self {
        Self::in_environment([format!("LC_ALL={name}")])
    }

    fn in_environment(set: impl IntoIterator<Item = String>) -> Self {
        let mut server = Self::plain("redis-server", &[], free_port(), None, None);
        server.kill();
        server.program = "env".to_owned();
        let program = ["redis-server".to_owned()];
        (server.arguments).splice(0..0, set.into_iter().chain(program));
        server.restart();
        server
    }

    /// Sets its clock to so many seconds ahead of the system's, or behind.
    pub(crate) fn set_clock(&self, ahead: i64) {
        self.clock.as_ref().unwrap().set(ahead);
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

    /// A server that speaks only TLS, except on a plain-text port that only this module knows.
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

    pub(super) fn run(
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

    /// Kills it, as a power cut would.
    pub(crate) fn kill(&mut self) {
        // Kills the watcher first: after waiting for the server, its process id may belong to
        // another.
        for child in [&mut self.watcher, &mut self.child] {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Restarts it after [`Server::kill`], on the same port and folder.
    pub(crate) fn restart(&mut self) {
        self.child = spawn(&self.program, &self.arguments);
        self.watcher = watch(&self.child);
        self.wait_until_up();
    }

    /// Whether it has stopped by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Becomes a replica of that server, and waits until it has all of its data.
    pub(crate) fn follow(&self, master: &Self) {
        self.ask(&["REPLICAOF", "127.0.0.1", &master.port.to_string()]);
        until("it is in step", || {
            self.info("master_link_status").as_deref() == Some("up")
        });
    }

    /// Stays connected but answers nothing.
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

    /// Its answer to a command, with the elements of an array line by line.
    #[track_caller]
    pub(crate) fn ask(&self, words: &[&str]) -> String {
        self.try_ask(words).expect("the server answers")
    }

    pub(crate) fn try_ask(&self, words: &[&str]) -> Option<String> {
        self.try_ask_each(&[words])?.pop()
    }

    /// Its answers to several commands over one connection.
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

    /// The bytes in use, once its background work is done.
    pub(crate) fn steadily_used(&self) -> f64 {
        let read = || self.info("used_memory").unwrap();
        let mut last = read();
        until("the memory in use is steady", || {
            std::thread::sleep(Duration::from_millis(300));
            let now = read();
            let steady = now == last;
            last = now;
            steady
        });
        last.parse().unwrap()
    }

    /// A line of `INFO`.
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
        for dir in (self.clock.iter().map(Clock::dir)).chain([&*self.dir]) {
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

/// Ends the server when this process has ended in whatever way: its standard input then ends.
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
