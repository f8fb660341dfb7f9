//! The processes of a measurement, each on its own core, and ended with it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::common::Result;

/// The server's core, and the core of everything else.
pub(crate) const SERVER_CORE: &str = "0";
const LOAD_CORE: &str = "1";

pub(crate) fn on_core(core: &str, program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", core]).arg(program);
    command
}

/// A Redis that stores nothing on disk.
pub(crate) struct Redis {
    child: Child,
    port: u16,
}

impl Redis {
    pub(crate) fn start() -> Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let child = on_core(LOAD_CORE, "redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no", "--loglevel", "warning"])
            .stdout(Stdio::null())
            .spawn()?;
        let redis = Self { child, port };
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if begun.elapsed() > Duration::from_secs(10) {
                return Err("redis-server has not come up".into());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(redis)
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Another database of the same server, with separate keys.
    #[allow(
        dead_code,
        reason = "only one of the benches compares with another build"
    )]
    pub(crate) fn other_url(&self) -> String {
        format!("{}/1", self.url())
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// Another instance of this program, as a server.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
}

/// The server's counts since it started.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counts {
    pub(crate) runs: u64,
    pub(crate) answers: Vec<(u16, u64)>,
    /// The processor time of its threads: one worker, and one that accepts connections.
    pub(crate) cpu: Duration,
}

impl Server {
    pub(crate) fn start(redis: &Redis) -> Result<Self> {
        Self::of(&std::env::current_exe()?, &redis.url())
    }

    /// Another build of this program, as a server.
    pub(crate) fn of(program: &Path, redis: &str) -> Result<Self> {
        let mut child = on_core(SERVER_CORE, program)
            .args(["--serve", redis])
            .stdout(Stdio::piped())
            .spawn()?;
        let out = child.stdout.take().ok_or("the server has no output")?;
        let mut line = String::new();
        BufReader::new(out).read_line(&mut line)?;
        let address = line.trim().parse();
        let address = address.map_err(|_| format!("the server says {line:?}"))?;
        Ok(Self { child, address })
    }

    pub(crate) fn counts(&self) -> Result<Counts> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.write_all(b"GET /counts HTTP/1.1\r\nhost: bench\r\nconnection: close\r\n\r\n")?;
        let mut response = String::new();
        stream.read_to_string(&mut response)?;
        let (_, body) = response.split_once("\r\n\r\n").ok_or("no answer")?;
        let mut words = body.split(' ');
        let runs = words.next().unwrap_or_default().parse()?;
        let answers = words
            .map(|word| {
                let (status, count) = word.split_once('=').ok_or("no count")?;
                Ok((status.parse()?, count.parse()?))
            })
            .collect::<Result<_>>()?;
        let mut cpu = Duration::ZERO;
        for thread in std::fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            // The first number is the processor time, in nanoseconds.
            let schedule = std::fs::read_to_string(thread?.path().join("schedstat"))?;
            let spent = schedule.split(' ').next().unwrap_or_default().parse()?;
            cpu += Duration::from_nanos(spent);
        }
        Ok(Counts { runs, answers, cpu })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

pub(crate) fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}

/// The result of one run of wrk.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    pub(crate) requests: u64,
    pub(crate) seconds: f64,
    /// Answers with a status of 400 or more.
    #[allow(dead_code, reason = "where the server counts its answers, nobody asks")]
    pub(crate) refused: u64,
}

/// The names of the headers for an event's id, its time and its signature.
pub(crate) type Headers = [&'static str; 3];

/// What wrk should send.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Order<'a> {
    pub(crate) path: &'a str,
    pub(crate) signed: bool,
    /// Whether each delivery is sent only once.
    pub(crate) once: bool,
    pub(crate) connections: u32,
    pub(crate) headers: Headers,
    /// How many of the deliveries are needed: reading them takes wrk longer than the rest.
    pub(crate) most: u64,
}

pub(crate) fn load(
    address: SocketAddr,
    events: &Path,
    order: Order<'_>,
    seconds: u32,
) -> Result<Load> {
    // Next to this file: the workspace `peers` compiles it too.
    let script = Path::new(file!()).with_file_name("load.lua");
    let output = on_core(LOAD_CORE, "wrk")
        .args(["-t1", &format!("-c{}", order.connections)])
        .args([&format!("-d{seconds}s"), "-s"])
        .arg(script)
        .args([&format!("http://{address}"), "--"])
        .arg(events)
        .arg(order.path)
        .arg(if order.signed { "signed" } else { "unsigned" })
        .arg(if order.once { "once" } else { "again" })
        .args(order.headers)
        .arg(order.most.to_string())
        .output()
        .map_err(|error| format!("wrk: {error}; scripts/bench installs it"))?;
    let out = String::from_utf8_lossy(&output.stdout);
    let done = out.lines().find_map(|line| line.strip_prefix("done "));
    let numbers: Option<Vec<u64>> =
        done.and_then(|line| line.split(' ').map(|number| number.parse().ok()).collect());
    match numbers.as_deref() {
        Some([requests, micros, refused, 0]) if output.status.success() => Ok(Load {
            requests: *requests,
            seconds: Duration::from_micros(*micros).as_secs_f64(),
            refused: *refused,
        }),
        _ => {
            let said = String::from_utf8_lossy(&output.stderr);
            Err(format!("wrk on {}: {out}{said}", order.path).into())
        }
    }
}
