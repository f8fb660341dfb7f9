//! A disk that is full or slow costs no delivery its answer, and what is missing is said.

use std::process::Command;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use tower_webhook::MemoryStore;
use tower_webhook::journal::{
    Journal, JournalError, JournalFiles, JournalFilter, JournalLine, JournalSink, Retained,
};

use super::{flushed, started};
use crate::support::blendfi::{self, event};
use crate::support::folder::Folder;
use crate::support::wait;

/// A file system in memory with so much room, which is gone with it.
struct Small(Folder);

impl Small {
    /// `None` where this user may not make one.
    fn mount(kib: u32) -> Option<Self> {
        let folder = Folder::new("journal");
        let done = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={kib}k"), "tmpfs"])
            .arg(folder.path())
            .output();
        done.is_ok_and(|done| done.status.success())
            .then_some(Self(folder))
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_costs_no_delivery_its_answer() {
    let Some(small) = Small::mount(256) else {
        println!("not run: it takes the right to mount");
        return;
    };
    let path = small.0.path();
    let filler = path.join("filler");
    std::fs::write(&filler, vec![0; 200 << 10]).unwrap();
    let files = JournalFiles::open(path).unwrap();
    let journal = Journal::builder(files.clone())
        .room(64 << 10, 64 << 10)
        .start()
        .unwrap();
    let webhook = blendfi::webhook(MemoryStore::new()).journal(&journal);
    let server = blendfi::serve(&webhook, async || StatusCode::NO_CONTENT).await;
    let mut sent = 0_u64;
    // The disk fills up, and then the queue.
    while journal.stats().lost_proved < 20 {
        let answer = event(&format!("evt_{sent}"), r#"{"amount":1}"#)
            .send(server.address)
            .await;
        assert_eq!(answer.status, 204);
        sent += 1;
        assert!(sent < 20_000, "{journal:?}");
    }
    wait::until("a write that fails", || journal.stats().failed_writes > 0).await;

    std::fs::remove_file(filler).unwrap();
    flushed(&journal).await;
    let answer = event("evt_after", "{}").send(server.address).await;
    assert_eq!(answer.status, 204);
    flushed(&journal).await;
    let page = files.read(&JournalFilter::new(), None, 100_000).unwrap();
    // What was written in part was taken back.
    assert_eq!(page.unreadable, 0);
    let lost: u64 = page.lines.iter().filter_map(|line| line.lost).sum();
    let there = page.lines.iter().filter(|line| line.lost.is_none()).count();
    assert_eq!(lost, journal.stats().lost_proved);
    assert_eq!(u64::try_from(there).unwrap() + lost, sent + 1);
}

/// A place that stands still until it is let go.
#[derive(Clone, Default)]
struct Slow {
    gate: Arc<(Mutex<bool>, Condvar)>,
    written: Arc<Mutex<Vec<JournalLine>>>,
}

impl Slow {
    fn let_go(&self) {
        *self.gate.0.lock().unwrap() = true;
        self.gate.1.notify_all();
    }
}

impl JournalSink for Slow {
    fn write(&mut self, lines: &[JournalLine]) -> Result<(), JournalError> {
        let open = self.gate.0.lock().unwrap();
        drop(self.gate.1.wait_while(open, |open| !*open).unwrap());
        self.written.lock().unwrap().extend_from_slice(lines);
        Ok(())
    }

    fn prune(&mut self, _: &Retained) -> Result<bool, JournalError> {
        Ok(false)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_disk_costs_no_delivery_its_answer_and_strangers_push_nothing_out() {
    let slow = Slow::default();
    let journal = Journal::builder(slow.clone())
        .room(256 << 10, 32 << 10)
        .start()
        .unwrap();
    let webhook = blendfi::webhook(MemoryStore::new()).journal(&journal);
    let server = blendfi::serve(&webhook, async || StatusCode::NO_CONTENT).await;
    let begun = Instant::now();
    let base = event("evt_0", "{}");
    for number in 0..300 {
        let forged = base.clone().body(format!("{{\"number\":{number}}}"));
        assert_eq!(forged.send(server.address).await.status, 401);
        if number % 30 == 0 {
            let right = event(&format!("evt_{number}"), "{}");
            assert_eq!(right.send(server.address).await.status, 204);
        }
    }
    // Nobody has waited for a disk that stands still.
    assert!(begun.elapsed() < Duration::from_secs(60));
    let stats = journal.stats();
    assert_eq!(stats.lost_proved, 0);
    assert!(stats.lost_refused > 0, "{stats:?}");
    slow.let_go();
    flushed(&journal).await;
    let written = slow.written.lock().unwrap();
    let proved = written.iter().filter(|line| line.authenticated);
    assert_eq!(proved.count(), 10);
    let lost: u64 = written.iter().filter_map(|line| line.lost).sum();
    let refused = written
        .iter()
        .filter(|line| !line.authenticated && line.lost.is_none());
    assert_eq!(u64::try_from(refused.count()).unwrap() + lost, 300);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_bodies_that_wait_to_be_written_take_no_room_of_deliveries() {
    let slow = Slow::default();
    let journal = started(slow.clone());
    let budget = tower_webhook::layer::Budget::new(1 << 20, 8);
    let webhook = blendfi::webhook(MemoryStore::new())
        .max_body_bytes(400 << 10)
        .budget(budget)
        .journal(&journal);
    let server = blendfi::serve(&webhook, async || StatusCode::NO_CONTENT).await;
    let pad = "x".repeat(300 << 10);
    for number in 0..10 {
        let large = event(&format!("evt_{number}"), &format!(r#"{{"pad":"{pad}"}}"#));
        assert_eq!(large.send(server.address).await.status, 204, "{number}");
    }
    slow.let_go();
    flushed(&journal).await;
    let written = slow.written.lock().unwrap();
    let bodies = written
        .iter()
        .map(|line| line.request.as_ref().unwrap().body.as_ref().unwrap());
    assert!(
        bodies
            .clone()
            .all(|body| body.cut && body.whole().is_none())
    );
    assert_eq!(bodies.count(), 10);
}

#[tokio::test]
async fn files_stay_within_their_bound_and_the_oldest_go() {
    let folder = Folder::new("journal");
    let files = JournalFiles::open(folder.path())
        .unwrap()
        .at_most(8 << 10, 32 << 10, 16 << 10);
    let journal = started(files.clone());
    let webhook = blendfi::webhook(MemoryStore::new()).journal(&journal);
    let server = blendfi::serve(&webhook, async || StatusCode::NO_CONTENT).await;
    let forged = event("evt_0", "{}").body("{}");
    for number in 0..80 {
        let right = event(&format!("evt_{number}"), "{}");
        right.send(server.address).await;
        forged.send(server.address).await;
        if number % 10 == 0 {
            flushed(&journal).await;
        }
    }
    flushed(&journal).await;
    let size = |prefix: &str| -> u64 {
        let files = std::fs::read_dir(folder.path())
            .unwrap()
            .map(|file| file.unwrap());
        files
            .filter(|file| file.file_name().to_string_lossy().starts_with(prefix))
            .map(|file| file.metadata().unwrap().len())
            .sum()
    };
    assert!(
        (16 << 10..=32 << 10).contains(&size("proved-")),
        "{}",
        size("proved-")
    );
    assert!(
        (4 << 10..=16 << 10).contains(&size("refused-")),
        "{}",
        size("refused-")
    );
    let page = files
        .read(&JournalFilter::new().authenticated(), None, 1_000)
        .unwrap();
    let last = page.lines.last().unwrap();
    assert_eq!(last.event_key(), Some(blendfi::key("evt_79")));
    assert!(
        page.lines
            .iter()
            .all(|line| line.event_key() != Some(blendfi::key("evt_0")))
    );
}

#[tokio::test]
async fn a_line_that_a_death_has_cut_off_is_passed_over() {
    let folder = Folder::new("journal");
    let files = JournalFiles::open(folder.path()).unwrap();
    for life in 0..2 {
        let journal = started(files.clone());
        let webhook = blendfi::webhook(MemoryStore::new()).journal(&journal);
        let server = blendfi::serve(&webhook, async || StatusCode::NO_CONTENT).await;
        event(&format!("evt_{life}"), "{}")
            .send(server.address)
            .await;
        flushed(&journal).await;
        let file = std::fs::read_dir(folder.path())
            .unwrap()
            .last()
            .unwrap()
            .unwrap();
        let mut text = std::fs::read(file.path()).unwrap();
        let half = text.len() / 2;
        text.extend_from_within(..half);
        std::fs::write(file.path(), text).unwrap();
    }
    let page = files.read(&JournalFilter::new(), None, 10).unwrap();
    assert_eq!((page.lines.len(), page.is_last), (2, true));
}

/// A sink that panics, at first or at one line whenever it is to write that.
#[derive(Clone, Default)]
struct Brittle {
    panics: Arc<Mutex<u32>>,
    at: &'static str,
    written: Arc<Mutex<Vec<JournalLine>>>,
}

impl JournalSink for Brittle {
    fn write(&mut self, lines: &[JournalLine]) -> Result<(), JournalError> {
        let left = self.panics.lock().unwrap().checked_sub(1);
        if let Some(left) = left {
            *self.panics.lock().unwrap() = left;
            panic!("the sink breaks");
        }
        let has = |line: &JournalLine| {
            line.key
                .as_deref()
                .is_some_and(|key| key.ends_with(self.at))
        };
        assert!(
            self.at.is_empty() || !lines.iter().any(has),
            "it breaks at this line"
        );
        self.written.lock().unwrap().extend_from_slice(lines);
        Ok(())
    }

    fn prune(&mut self, _: &Retained) -> Result<bool, JournalError> {
        panic!("nothing can be removed")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sink_that_panics_is_called_again_and_what_it_cannot_write_is_counted() {
    let brittle = Brittle {
        panics: Arc::new(Mutex::new(2)),
        at: "evt_2",
        ..Brittle::default()
    };
    let journal = started(brittle.clone());
    let webhook = blendfi::webhook(MemoryStore::new()).journal(&journal);
    let server = blendfi::serve(&webhook, async || StatusCode::NO_CONTENT).await;
    for id in ["evt_1", "evt_2", "evt_3"] {
        assert_eq!(event(id, "{}").send(server.address).await.status, 204);
        flushed(&journal).await;
    }
    let written = brittle.written.lock().unwrap().clone();
    let told = written.iter().map(|line| (line.key.as_deref(), line.lost));
    let mut told: Vec<_> = told.collect();
    // What was lost is told when there is time for it, before the next line or behind it.
    told.sort_unstable();
    assert_eq!(
        told,
        [
            (None, Some(1)),
            (Some("blendfi:evt_1"), None),
            (Some("blendfi:evt_3"), None),
        ]
    );
    let stats = journal.stats();
    assert_eq!((stats.written, stats.lost_proved), (3, 1));
    // Twice at the first line, three times at the one that it cannot write, and when it was to remove something.
    assert_eq!(stats.panics, 6);
}
