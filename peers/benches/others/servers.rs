//! The servers that are measured, each a process on the server's core that ends with the bench.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::common::Result;
use crate::deliveries::{Delivery, Sender};
use crate::processes::{SERVER_CORE, end, on_core};

pub(crate) struct Running {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Running {
    /// This program once more.
    pub(crate) fn ours() -> Result<Self> {
        let mut command = on_core(SERVER_CORE, std::env::current_exe()?);
        command.args(["--serve"]);
        Self::telling(command)
    }

    /// A package for Node behind `node:http`.
    pub(crate) fn node(modules: &Path, package: &str, secret: &str) -> Result<Self> {
        let mut command = on_core(SERVER_CORE, "node");
        command.arg(Path::new(file!()).with_file_name("server.mjs"));
        command.arg(modules.canonicalize()?).args([package, secret]);
        Self::telling(command)
    }

    /// A server that prints its address.
    fn telling(mut command: Command) -> Result<Self> {
        let child = command.stdout(Stdio::piped()).spawn()?;
        let address = ([127, 0, 0, 1], 0).into();
        let mut running = Self { child, address };
        let out = running.child.stdout.take();
        let mut line = String::new();
        BufReader::new(out.ok_or("it has no output")?).read_line(&mut line)?;
        let told = line.trim().parse();
        running.address = told.map_err(|_| format!("{command:?} says {line:?}"))?;
        Ok(running)
    }

    /// Debian's `webhook` with one hook, which runs the least that a hook can run.
    pub(crate) fn webhook(folder: &Path) -> Result<Self> {
        let [_, _, signature] = Sender::GitHub.headers();
        let hooks = serde_json::json!([{
            "id": "github",
            "execute-command": "/bin/true",
            // It would answer 200 where no header is.
            "trigger-rule-mismatch-http-response-code": 401,
            "trigger-rule": { "match": {
                "type": "payload-hmac-sha256",
                "secret": Sender::GitHub.secret(),
                "parameter": { "source": "header", "name": signature },
            }},
        }]);
        let file = folder.join("hooks.json");
        std::fs::write(&file, hooks.to_string())?;
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let child = on_core(SERVER_CORE, "webhook")
            .args(["-ip", "127.0.0.1", "-port", &address.port().to_string()])
            .arg("-hooks")
            .arg(file)
            .stdout(Stdio::null())
            .spawn()?;
        let running = Self { child, address };
        let begun = Instant::now();
        while TcpStream::connect(address).is_err() {
            if begun.elapsed() > Duration::from_secs(10) {
                return Err("webhook has not come up".into());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(running)
    }

    /// What it has taken of a processor so far, with all threads and with those children that have
    /// ended.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // Behind the name, which may hold anything, the first field is the third of proc(5).
        let (_, fields) = stat.rsplit_once(") ").ok_or("no such line")?;
        let times = fields.split(' ').skip(11).take(4);
        let ticks: u64 = times
            .map(str::parse::<u64>)
            .sum::<std::result::Result<_, _>>()?;
        Ok(Duration::from_millis(ticks * 10))
    }

    /// The status that it answers to a delivery.
    pub(crate) fn answer(&self, sender: Sender, delivery: &Delivery) -> Result<u16> {
        let mut stream = TcpStream::connect(self.address)?;
        let Delivery {
            id,
            time,
            signature,
            body,
        } = delivery;
        let [for_id, for_time, for_signature] = sender.headers();
        write!(
            stream,
            "POST {} HTTP/1.1\r\nhost: receiver\r\nconnection: close\r\n\
             content-type: application/json\r\n{for_id}: {id}\r\n{for_time}: {time}\r\n\
             {for_signature}: {signature}\r\ncontent-length: {}\r\n\r\n{body}",
            sender.path(),
            body.len(),
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let status = answer.split(' ').nth(1).ok_or("no answer")?;
        Ok(status.parse()?)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}
