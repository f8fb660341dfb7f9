//! Faults of processes, servers, connections, the disk and the clocks.

use std::time::Duration;

use tokio::time::sleep;

use crate::args::{Backend, Random};
use crate::child::LEASE;
use crate::hub::Harm;
use crate::world::{World, signal};

/// The kind of a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    KillWorker,
    KillReceiver,
    KillAll,
    FreezeWorker,
    FreezeReceiver,
    KillServer,
    FreezeServer,
    CutAll,
    DropReply,
    CutRequest,
    FillDisk,
    SetServersClock,
    SetProcessesClock,
    FailOver,
    MoveSlots,
}

/// How far a clock may be ahead of the system's, in seconds: past a lease, but never past the retention.
const MOST_AHEAD: u64 = 8;

impl World {
    fn kinds(&self) -> Vec<Kind> {
        use Kind::*;
        // Only a holder that returns too late shows whether fences are compared.
        if self.flaw.as_deref() == Some("fence-not-compared") {
            return vec![FreezeWorker];
        }
        let mut kinds = vec![
            KillWorker,
            KillWorker,
            KillReceiver,
            FreezeWorker,
            FreezeReceiver,
            SetProcessesClock,
        ];
        let own: &[Kind] = match self.backend {
            Backend::Sqlite => &[KillWorker, KillReceiver, KillAll, FillDisk],
            Backend::Postgres | Backend::Redis => &[
                KillAll,
                KillServer,
                FreezeServer,
                CutAll,
                DropReply,
                DropReply,
                CutRequest,
                FillDisk,
                SetServersClock,
            ],
            Backend::Sentinel => &[FailOver, CutAll, KillAll],
            Backend::Cluster => &[
                MoveSlots,
                MoveSlots,
                MoveSlots,
                KillServer,
                FreezeServer,
                CutAll,
            ],
        };
        kinds.extend(own);
        kinds.retain(|kind| *kind != FillDisk || self.disk.is_some());
        kinds
    }

    /// Causes a fault and repairs it.
    pub(crate) async fn suffer(&mut self, random: &mut Random) {
        let kinds = self.kinds();
        let below = |random: &mut Random, limit: usize| {
            usize::try_from(random.below(u64::try_from(limit).unwrap())).unwrap()
        };
        let kind = kinds[below(random, kinds.len())];
        let which = below(random, 64);
        match kind {
            Kind::KillWorker => self.kill(true, which).await,
            Kind::KillReceiver => self.kill(false, which).await,
            Kind::KillAll => self.kill_all().await,
            Kind::FreezeWorker => {
                let is_long = self.flaw.as_deref() == Some("fence-not-compared");
                let is_long = is_long || random.below(2) == 0;
                self.freeze(true, which, is_long).await;
            }
            Kind::FreezeReceiver => self.freeze(false, which, false).await,
            Kind::KillServer => {
                let fault = self.hub.fault(Harm::Away, "a server is killed");
                self.server.kill_and_restart(which);
                self.hub.mended(fault, "the server is back");
            }
            Kind::FreezeServer => {
                let fault = self.hub.fault(Harm::Away, "a server is frozen");
                self.server.freeze(which, true);
                sleep(Duration::from_millis(300 + random.below(1_500))).await;
                self.server.freeze(which, false);
                self.hub.mended(fault, "the server goes on");
            }
            Kind::CutAll => {
                let fault = self.hub.fault(Harm::Away, "all connections are cut");
                self.server.cut_all();
                self.hub.mended(fault, "they may connect again");
            }
            Kind::DropReply => {
                let text = "a reply is dropped after the command ran, and its connection cut";
                self.spoil(text, true, which).await;
            }
            Kind::CutRequest => {
                let text = "a connection is cut before the server sees a command";
                self.spoil(text, false, which).await;
            }
            Kind::FillDisk => self.fill_disk(random).await,
            Kind::SetServersClock => self.set_clock(true, random),
            Kind::SetProcessesClock => self.set_clock(false, random),
            Kind::FailOver => {
                let text = "the master is killed, and its replica takes its place";
                let fault = self.hub.fault(Harm::Forgets, text);
                self.server.fail_over();
                self.hub.mended(fault, "the old master is a replica");
            }
            Kind::MoveSlots => {
                let fault = (self.hub).fault(Harm::Away, "slots move to other masters");
                self.server.move_slots(random.below(1 << 32));
                self.hub.mended(fault, "they have moved");
            }
        }
    }

    async fn kill(&mut self, is_worker: bool, which: usize) {
        let number = self.one(is_worker, which);
        let process = &mut self.processes[number];
        let what = if is_worker { "worker" } else { "receiver" };
        let text = format!("a {what} is killed");
        let fault = self.hub.fault(Harm::Kills(Some(process.pid)), &text);
        let _ = process.child.start_kill();
        self.replace(number).await;
        self.hub.mended(fault, "another one is in its place");
    }

    async fn kill_all(&mut self) {
        let text = "all processes are killed at once";
        let fault = self.hub.fault(Harm::Kills(None), text);
        for process in &mut self.processes {
            let _ = process.child.start_kill();
        }
        for number in 0..self.processes.len() {
            self.replace(number).await;
        }
        self.hub.mended(fault, "all processes are back");
    }

    async fn freeze(&mut self, is_worker: bool, which: usize, is_long: bool) {
        let pid = self.processes[self.one(is_worker, which)].pid;
        let what = if is_worker { "worker" } else { "receiver" };
        let fault = (self.hub).fault(Harm::Stops(pid), &format!("a {what} is frozen"));
        signal(pid, "-STOP");
        let span = match is_long {
            // Past its lease.
            true => LEASE + Duration::from_millis(1_500),
            false => Duration::from_millis(500 + u64::try_from(which).unwrap() * 10),
        };
        sleep(span).await;
        signal(pid, "-CONT");
        self.hub.mended(fault, "it goes on");
    }

    /// Cuts the connection of one of the next commands.
    async fn spoil(&self, text: &str, is_reply: bool, which: usize) {
        let fault = self.hub.fault(Harm::Away, text);
        self.server.spoil(is_reply, u64::try_from(which).unwrap());
        sleep(Duration::from_millis(700)).await;
        self.server.heal();
        self.hub.mended(fault, "commands pass again");
    }

    async fn fill_disk(&mut self, random: &mut Random) {
        let Some(disk) = &self.disk else { return };
        let fault = self.hub.fault(Harm::Away, "the disk is full");
        tokio::task::block_in_place(|| disk.fill());
        sleep(Duration::from_millis(500 + random.below(1_500))).await;
        tokio::task::block_in_place(|| disk.free());
        let text = match self.server.recover() {
            true => "the disk has room; the server had ended, and is started again",
            false => "the disk has room",
        };
        self.hub.mended(fault, text);
    }

    /// Sets the clock of the servers, or that of receivers and workers.
    fn set_clock(&mut self, of_servers: bool, random: &mut Random) {
        let ahead = &mut self.ahead[usize::from(of_servers)];
        let (before, whose) = (*ahead, if of_servers { "server" } else { "processes" });
        *ahead = (before + 1 + random.below(MOST_AHEAD)) % (MOST_AHEAD + 1);
        let (forward, back) = (ahead.saturating_sub(before), before.saturating_sub(*ahead));
        // A file has only its processes' clock; with servers, theirs decides leases.
        let counts = of_servers || self.backend == Backend::Sqlite;
        let (harm, text) = match forward {
            0 => (
                Harm::None,
                format!("the clock of the {whose} is set back by {back} s"),
            ),
            _ => (
                if counts {
                    Harm::Ahead(forward)
                } else {
                    Harm::None
                },
                format!("the clock of the {whose} is set forward by {forward} s"),
            ),
        };
        let fault = self.hub.fault(harm, &text);
        let clock = match of_servers {
            true => &self.clocks.servers,
            false => &self.clocks.processes,
        };
        clock.set(i64::try_from(*ahead).unwrap());
        self.hub.mended(fault, "it goes on from there");
    }
}
