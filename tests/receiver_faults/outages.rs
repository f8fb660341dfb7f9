//! What a Redis suffers while receivers use it, and what it has lost by that.

use std::collections::BTreeMap;
use std::thread::sleep;
use std::time::Duration;

use super::journal::{Journal, Line, What, now};
use super::redis_support::{Cluster, Sentinel, Server, free_port, until};

/// So often Redis refuses a command for want of memory before it gets some.
const REFUSALS: u64 = 20;

/// The servers that keep the records.
#[allow(clippy::large_enum_variant, reason = "there is one in each test")]
pub(crate) enum Redis {
    One(Server),
    Sentinel(Sentinel),
    Cluster(Cluster),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outage {
    /// It is killed, and started again with what it has on its disk.
    Restarts,
    /// It is killed, and started again with nothing.
    IsEmptied,
    /// It forgets the scripts.
    ForgetsScripts,
    /// It stands still until every lease is over.
    Sleeps,
    /// It has no memory for a while.
    IsFull,
    /// Its replica hears no more of it.
    LosesReplica,
    /// It is killed, and its replica takes its place.
    FailsOver,
}

/// What there was of each event when others were lost.
#[derive(Debug)]
pub(crate) struct Loss {
    /// Claims with a fence below it were made before.
    moment: u64,
    kept: BTreeMap<String, Kept>,
}

#[derive(Debug)]
struct Kept {
    fence: u64,
    done: bool,
}

impl Redis {
    pub(crate) fn url(&self) -> String {
        match self {
            Self::One(server) => server.url(),
            Self::Sentinel(servers) => servers.url(),
            Self::Cluster(cluster) => cluster.url(),
        }
    }

    /// The one that suffers, which is the second one of a cluster: its first has a replica.
    fn victim(&mut self) -> &mut Server {
        match self {
            Self::One(server) => server,
            Self::Sentinel(servers) => &mut servers.master,
            Self::Cluster(cluster) => &mut cluster.masters[1],
        }
    }

    /// Returns when it is over. Whether anything is lost is told by the servers that are left.
    pub(crate) fn suffer(
        &mut self,
        outage: Outage,
        lease: Duration,
        journal: &Journal,
    ) -> Option<Loss> {
        let victim = self.victim();
        match outage {
            Outage::Restarts => {
                victim.kill();
                victim.restart();
            }
            Outage::IsEmptied => {
                victim.kill();
                let loss = Loss::of(&[]);
                victim.restart();
                return Some(loss);
            }
            Outage::ForgetsScripts => {
                assert_eq!(victim.ask(&["SCRIPT", "FLUSH"]), "OK");
            }
            Outage::Sleeps => {
                victim.freeze();
                // Leases are in real time.
                sleep(lease + lease / 4);
                journal.note(What::RedisSlept, "", now());
                victim.thaw();
            }
            Outage::IsFull => {
                let before = refusals(victim);
                victim.ask(&["CONFIG", "SET", "maxmemory", "1"]);
                until("there is no memory", || {
                    refusals(victim) >= before + REFUSALS
                });
                victim.ask(&["CONFIG", "SET", "maxmemory", "0"]);
            }
            Outage::LosesReplica => {
                let Self::Sentinel(servers) = self else {
                    panic!("Sentinel's alone is told to follow another");
                };
                let nobody = free_port().to_string();
                servers.replica.ask(&["REPLICAOF", "127.0.0.1", &nobody]);
            }
            Outage::FailsOver => return Some(self.fail_over()),
        }
        None
    }

    fn fail_over(&mut self) -> Loss {
        let (dead, heir, others) = match self {
            Self::One(_) => panic!("there is no replica"),
            Self::Sentinel(servers) => (&mut servers.master, &servers.replica, &[][..]),
            Self::Cluster(cluster) => {
                let (dead, others) = cluster.masters.split_first_mut().unwrap();
                (dead, cluster.replica.as_ref().unwrap(), &*others)
            }
        };
        // Who was restarted just now answers nobody for a while.
        until("the others are well", || {
            let well = |it: &Server| it.ask(&["CLUSTER", "INFO"]).contains("cluster_state:ok");
            others.iter().all(well)
        });
        dead.kill();
        // Nobody writes to the replica yet, so it comes first.
        let left: Vec<_> = [heir].into_iter().chain(others).collect();
        let loss = Loss::of(&left);
        assert_ne!(heir.info("role").as_deref(), Some("master"), "too early");
        until("the replica takes over", || {
            heir.info("role").as_deref() == Some("master")
        });
        loss
    }
}

/// How many commands were refused because there was no memory.
fn refusals(server: &Server) -> u64 {
    let count = server.info("errorstat_OOM");
    count.map_or(0, |it| it.trim_start_matches("count=").parse().unwrap())
}

impl Loss {
    /// These servers are left.
    fn of(servers: &[&Server]) -> Self {
        let moment = now();
        let kept = servers.iter().flat_map(|server| records(server)).collect();
        Self { moment, kept }
    }

    /// Notes each event of whose latest effect Redis had known more than was left.
    ///
    /// Some are `done` with their fence by now: one that is so with that effect's was not lost, or
    /// its receiver has written it anew, and nobody may run it again.
    pub(crate) fn note(&self, journal: &Journal, done: &BTreeMap<String, u64>) {
        let lines = journal.lines();
        let mut last = BTreeMap::<&str, u64>::new();
        let earlier = |line: &&Line| line.what == What::Effect && line.fence < self.moment;
        for line in lines.iter().filter(earlier) {
            let fence = last.entry(line.key.as_str()).or_default();
            *fence = line.fence.max(*fence);
        }
        for (id, fence) in last {
            let recorded = (lines.iter())
                .any(|line| line.what == What::Recorded && line.key == id && line.fence == fence);
            let is_kept = self.kept.get(id).is_some_and(|kept| {
                kept.fence > fence || kept.fence == fence && (kept.done || !recorded)
            });
            if !is_kept && done.get(id) != Some(&fence) {
                journal.note(What::RedisLost, id, self.moment);
            }
        }
    }
}

/// The records that a server has, read as `layout.lua` lays them out: a replica answers no store.
fn records(server: &Server) -> BTreeMap<String, Kept> {
    let keys = server.ask(&["KEYS", "wh:default:{*}:blendfi:*"]);
    let record = |key: &str| {
        let parts = ["BITFIELD_RO", key, "GET", "u8", "8", "GET", "i64", "208"];
        // A replica of a cluster answers who says that this is enough.
        let answers = server.try_ask_each(&[&["READONLY"], &parts]).unwrap();
        let Some((state, fence)) = answers[1].split_once('\n') else {
            panic!("no record but {answers:?}");
        };
        let kept = Kept {
            fence: fence.parse().unwrap(),
            done: state.parse::<u8>().unwrap() % 8 == 2,
        };
        (key.rsplit(':').next().unwrap().to_owned(), kept)
    };
    keys.lines().map(record).collect()
}
