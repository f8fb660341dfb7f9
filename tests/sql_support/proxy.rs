//! A proxy in front of Postgres that counts clients' messages and cuts connections at them.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

/// The treatment of a message and of what follows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    Passes,
    /// The connection breaks before the server sees it.
    CutsBefore,
    /// The server executes it, and the connection breaks before its answer gets through.
    CutsAfter,
    /// The server executes it, but no more answers get through.
    Stalls,
}

type Plan = Box<dyn FnMut(usize, &[u8]) -> Fault + Send>;

/// Runs in front of a server on this machine until it is dropped.
pub(crate) struct Proxy {
    address: SocketAddr,
    plan: Arc<Mutex<Plan>>,
    link: Arc<SlowLink>,
    task: JoinHandle<()>,
}

/// The link that the answers of all connections share.
#[derive(Default)]
struct SlowLink {
    /// The bytes per second; 0 means unlimited.
    rate: AtomicU32,
    busy: tokio::sync::Mutex<()>,
}

impl SlowLink {
    async fn carry(&self, bytes: usize) {
        let rate = self.rate.load(Ordering::Relaxed);
        if rate > 0 {
            let _busy = self.busy.lock().await;
            let bytes = u32::try_from(bytes).unwrap();
            tokio::time::sleep(Duration::from_secs(1) * bytes / rate).await;
        }
    }
}

impl Proxy {
    pub(crate) async fn before(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let plan: Arc<Mutex<Plan>> = Arc::new(Mutex::new(Box::new(|_, _| Fault::Passes)));
        let (own, link) = (Arc::clone(&plan), Arc::<SlowLink>::default());
        let own_link = Arc::clone(&link);
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            for number in 0.. {
                let Ok((client, _)) = listener.accept().await else {
                    break;
                };
                let (plan, link) = (Arc::clone(&own), Arc::clone(&own_link));
                connections.spawn(async move {
                    let _ = pass(client, port, number, plan, link).await;
                });
            }
        });
        Self {
            address,
            plan,
            link,
            task,
        }
    }

    /// From now on this decides the treatment of each message.
    pub(crate) fn plan(&self, mut plan: impl FnMut(&[u8]) -> Fault + Send + 'static) {
        self.plan_each(move |_, message| plan(message));
    }

    /// The same, with the number of the connection.
    pub(crate) fn plan_each(&self, plan: impl FnMut(usize, &[u8]) -> Fault + Send + 'static) {
        *self.plan.lock().unwrap() = Box::new(plan);
    }

    /// From now on answers share a link of so many bytes per second.
    pub(crate) fn slow_down(&self, rate: u32) {
        self.link.rate.store(rate, Ordering::Relaxed);
    }

    pub(crate) fn url(&self) -> String {
        format!("postgres://app@{}/postgres", self.address)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// <https://www.postgresql.org/docs/current/protocol-message-formats.html>
const SSL_REQUEST: [u8; 4] = 80_877_103_u32.to_be_bytes();

/// Runs until one side ends, or the plan ends it.
async fn pass(
    client: TcpStream,
    port: u16,
    number: usize,
    plan: Arc<Mutex<Plan>>,
    link: Arc<SlowLink>,
) -> std::io::Result<()> {
    let server = TcpStream::connect(("127.0.0.1", port)).await?;
    // Sends each message at once: otherwise they wait for each other's acknowledgment, 40 ms a statement.
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    // The first messages have no type: a TLS request, which is answered by a letter, and the startup.
    loop {
        let first = body(&mut from_client).await?;
        to_server.write_all(&first).await?;
        if first[4..] != SSL_REQUEST {
            break;
        }
        to_client.write_u8(from_server.read_u8().await?).await?;
    }
    let (stopped, mut stops) = tokio::sync::mpsc::channel::<Fault>(1);
    let answers = async {
        let mut held = false;
        let mut bytes = vec![0; 16_384];
        loop {
            tokio::select! {
                biased;
                fault = stops.recv(), if !held => match fault {
                    Some(Fault::Stalls) => held = true,
                    _ => {
                        // Its answer, which is passed to nobody; some messages have none.
                        let answer = from_server.read(&mut bytes);
                        let _ = timeout(Duration::from_millis(30), answer).await;
                        return;
                    }
                },
                read = from_server.read(&mut bytes) => match read {
                    Ok(count) if count > 0 => {
                        link.carry(count).await;
                        if !held && to_client.write_all(&bytes[..count]).await.is_err() {
                            return;
                        }
                    }
                    _ => return,
                },
            }
        }
    };
    tokio::select! {
        () = answers => {}
        _ = requests(&mut from_client, &mut to_server, number, &plan, stopped) => {}
    }
    Ok(())
}

async fn requests(
    from: &mut OwnedReadHalf,
    to: &mut OwnedWriteHalf,
    number: usize,
    plan: &Mutex<Plan>,
    stopped: tokio::sync::mpsc::Sender<Fault>,
) -> std::io::Result<()> {
    loop {
        let kind = from.read_u8().await?;
        let mut message = vec![kind];
        message.extend(body(from).await?);
        let fault = plan.lock().unwrap()(number, &message);
        match fault {
            Fault::Passes => to.write_all(&message).await?,
            Fault::CutsBefore => return Ok(()),
            Fault::CutsAfter | Fault::Stalls => {
                let _ = stopped.send(fault).await;
                tokio::task::yield_now().await;
                to.write_all(&message).await?;
                if fault == Fault::CutsAfter {
                    // The other direction ends the connection.
                    std::future::pending::<()>().await;
                }
            }
        }
    }
}

/// Reads a length and that many bytes.
async fn body(from: &mut OwnedReadHalf) -> std::io::Result<Vec<u8>> {
    let length = from.read_u32().await?;
    let mut message = length.to_be_bytes().to_vec();
    message.resize(usize::try_from(length).unwrap(), 0);
    from.read_exact(&mut message[4..]).await?;
    Ok(message)
}
