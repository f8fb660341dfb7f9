//! A receiver that is killed at a certain point of an event, while another one is there.

use std::time::Duration;

use super::journal::What;
use super::process::{Process, within};
use super::receiver::Point;
use super::redis_support::Server;
use super::sender::{Answer, Line, Receivers, deliver};
#[cfg(feature = "postgres")]
use super::sql_support::{
    Postgres,
    proxy::{Fault, Proxy},
};
use super::world::World;

const LEASE: Duration = Duration::from_secs(2);
const EVENT: &str = "evt_1";

const HANDLED: Answer = Answer {
    status: 204,
    replayed: false,
    retry_after: false,
};
const DUPLICATE: Answer = Answer {
    status: 200,
    replayed: true,
    retry_after: false,
};

pub(crate) async fn killed_at(point: Point) {
    let redis = Server::start();
    killed_with(World::around(redis.url()).await, point).await;
}

/// With the records in a file.
#[cfg(feature = "sqlite")]
pub(crate) async fn killed_with_a_file(point: Point) {
    let folder = Folder::new();
    let file = folder.0.join("webhooks.db").display().to_string();
    killed_with(World::around(file).await, point).await;
}

/// A folder that is removed again.
#[cfg(feature = "sqlite")]
struct Folder(std::path::PathBuf);

#[cfg(feature = "sqlite")]
impl Folder {
    fn new() -> Self {
        let name = format!("tower-webhook-kills-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }
}

#[cfg(feature = "sqlite")]
impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[cfg(feature = "postgres")]
pub(crate) async fn killed_with_postgres(point: Point) {
    let postgres = Postgres::start();
    killed_with(World::around(postgres.url()).await, point).await;
}

/// Killed with the answer to each statement of an event on its way, one after the other.
#[cfg(feature = "postgres")]
pub(crate) async fn killed_at_each_statement() {
    let postgres = Postgres::start();
    let world = World::around(postgres.url()).await;
    let proxy = Proxy::before(postgres.port).await;
    let second = Process::start(&world.orders(LEASE)).await;
    let mut doubled = false;
    for number in 0.. {
        proxy.plan(|_| Fault::Passes);
        let mut orders = world.orders(LEASE);
        orders.store = proxy.url();
        let first = Process::start(&orders).await;
        // What opening the store leaves is over.
        tokio::time::sleep(Duration::from_millis(100)).await;
        let (reached, mut stands) = tokio::sync::mpsc::unbounded_channel();
        let (mut seen, mut commits) = (0, Commits::default());
        proxy.plan_each(move |connection, message| {
            commits.see(connection, message);
            // A simple query, and the end of a step of any other.
            let ends = matches!(message.first(), Some(b'Q' | b'S'));
            if !ends {
                return Fault::Passes;
            }
            seen += 1;
            if seen != number + 1 {
                return Fault::Passes;
            }
            let _ = reached.send(commits.made);
            Fault::Stalls
        });
        let (event, receivers) = (
            format!("evt_{number}"),
            Receivers::at([first.address, second.address]),
        );
        let own = event.clone();
        let sent = tokio::spawn(async move { deliver(&own, &receivers, 0).await });
        let killed = first.pid;
        let struck = tokio::select! {
            made = stands.recv() => Some(made.unwrap()),
            () = tokio::time::sleep(LEASE) => None,
        };
        world.kill(first).await;
        let answers = within("the event to be acknowledged", sent).await.unwrap();
        assert!(
            answers
                .last()
                .unwrap()
                .is_some_and(|answer| answer.is_success())
        );
        world.done(&event).await;
        let effects = world.journal.of(What::Effect, &event);
        let pids: Vec<_> = effects.iter().map(|(_, pid)| *pid).collect();
        let (once, other, twice) = ([killed], [second.pid], [killed, second.pid]);
        let may: &[&[u32]] = match struck {
            // It had not claimed the event, or nobody knows.
            Some(0) => &[&other],
            // Between the claim and the end: the window, if the effect was there already.
            Some(1) => &[&once, &other, &twice],
            // It was done.
            _ => &[&once],
        };
        assert!(may.contains(&&pids[..]), "{number}, {struck:?}: {pids:?}");
        doubled |= pids == twice;
        let unique = world.journal.of(What::Unique, &event);
        // It may have been killed before it said what the sink had taken.
        let is_cut_short = unique.is_empty() && struck == Some(1) && pids == twice;
        assert!(is_cut_short || unique == effects[..1], "{unique:?}");
        if struck.is_none() {
            assert!(doubled, "the window was not met");
            // A claim and a completion: each a begin, a read, a write and a commit.
            assert!(number >= 12, "{number} statements");
            break;
        }
    }
}

/// How many transactions of commands the server was told to commit. One that removes old records, or reads,
/// is no command.
#[cfg(feature = "postgres")]
#[derive(Default)]
struct Commits {
    /// Connections on which the transaction is one of a command.
    commands: std::collections::HashSet<usize>,
    /// Statements of commands that were prepared, by their connections and names.
    prepared: std::collections::HashSet<(usize, Vec<u8>)>,
    made: usize,
}

#[cfg(feature = "postgres")]
impl Commits {
    fn see(&mut self, connection: usize, message: &[u8]) {
        let has = |sql: &[u8]| message.windows(sql.len()).any(|part| part == sql);
        let of_command = has(b"ORDER BY namespace, key FOR UPDATE");
        // The fields of a message begin behind its length: the name of what is parsed, or a portal and the name of what
        // is bound.
        let mut fields = message
            .get(5..)
            .unwrap_or_default()
            .split(|byte| *byte == 0);
        let prepared = match message.first() {
            Some(b'P') => {
                let name = fields.next().unwrap_or_default();
                if of_command && !name.is_empty() {
                    self.prepared.insert((connection, name.to_vec()));
                }
                false
            }
            Some(b'B') => {
                let name = fields.nth(1).unwrap_or_default();
                self.prepared.contains(&(connection, name.to_vec()))
            }
            _ => false,
        };
        if of_command || prepared {
            self.commands.insert(connection);
        } else if has(b"COMMIT\0") && self.commands.remove(&connection) {
            self.made += 1;
        } else if has(b"ROLLBACK\0") {
            self.commands.remove(&connection);
        }
    }
}

async fn killed_with(world: World, point: Point) {
    let mut first = Process::start(&world.orders(LEASE).standing_at(point)).await;
    let second = Process::start(&world.orders(LEASE)).await;
    let (killed, other) = (first.pid, second.pid);
    let receivers = Receivers::at([first.address, second.address]);
    let sent = tokio::spawn(async move { deliver(EVENT, &receivers, 0).await });
    within("the receiver to stand", first.stands()).await;
    let before = world.record(EVENT).await;
    world.kill(first).await;
    let answers = within("the event to be acknowledged", sent).await.unwrap();
    assert_eq!(answers[0], None, "the dead do not answer");

    // Who has run it, and what the sender was told in the end.
    let (ran, told): (&[u32], _) = match point {
        // Its record says so to whoever gets the retry.
        Point::Recorded => (&[killed], DUPLICATE),
        // The window between effect and record: the event runs again, with a higher fence.
        Point::Effected => (&[killed, other], HANDLED),
        _ => (&[other], HANDLED),
    };
    assert_eq!(*answers.last().unwrap(), Some(told), "{answers:?}");
    let effects = world.journal.of(What::Effect, EVENT);
    let pids: Vec<_> = effects.iter().map(|(_, pid)| *pid).collect();
    assert_eq!(pids, ran);
    assert!(effects.is_sorted_by(|one, next| one.0 < next.0));
    // The unique sink closes the window: one, by whoever came first.
    assert_eq!(world.journal.of(What::Unique, EVENT), effects[..1]);
    // A fence stops who is overtaken, and here nobody is: it takes a repeat.
    assert_eq!(world.journal.of(What::FenceTook, EVENT), effects);

    let record = world.done(EVENT).await;
    assert_eq!(record.fence, effects.last().unwrap().0);
    if told == DUPLICATE {
        assert_eq!(record, before, "it was done when its receiver died");
    } else {
        assert_eq!((before.attempt, record.attempt), (1, 2));
    }

    // The dead one is started again, and somebody sends the event by hand.
    let restarted = Process::start(&world.orders(LEASE)).await;
    assert_eq!(
        Line::to(restarted.address).send(EVENT).await,
        Some(DUPLICATE)
    );
    assert_eq!(world.journal.of(What::Effect, EVENT), effects);
    assert_eq!(world.record(EVENT).await, record);
}
