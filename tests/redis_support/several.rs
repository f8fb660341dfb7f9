//! Servers that replace each other, or share the keys.

use std::collections::BTreeMap;

use super::*;

/// A master, its replica, and a Sentinel that promotes the replica within a second or two.
pub(crate) struct Sentinel {
    pub(crate) master: Server,
    pub(crate) replica: Server,
    pub(crate) sentinel: Server,
}

impl Sentinel {
    pub(crate) fn start() -> Self {
        Self::with(&[])
    }

    /// Master and replica with more options.
    pub(crate) fn with(options: &[&str]) -> Self {
        let master = Server::with(options);
        let port = master.port.to_string();
        let replica = Server::with(&[&["--replicaof", "127.0.0.1", &port], options].concat());
        until("the replica is in step", || {
            replica.info("master_link_status").as_deref() == Some("up")
        });
        let (port, dir) = (free_port(), folder());
        let config = dir.join("sentinel.conf");
        let lines = format!(
            "port {port}\nbind 127.0.0.1\ndir {}\nloglevel warning\n\
             sentinel monitor main 127.0.0.1 {} 1\n\
             sentinel down-after-milliseconds main 500\n\
             sentinel failover-timeout main 3000\n",
            dir.display(),
            master.port
        );
        fs::write(&config, lines).unwrap();
        let arguments = vec![config.display().to_string(), "--sentinel".to_owned()];
        let sentinel = Server::run("redis-server", arguments, dir, port, None, None);
        until("the sentinel knows the replica", || {
            let known = sentinel.ask(&["SENTINEL", "REPLICAS", "main"]);
            known.contains(&replica.port.to_string())
        });
        Self {
            master,
            replica,
            sentinel,
        }
    }

    /// Kills the master and waits until the replica has replaced it. Then the old master returns as
    /// the replica of the new one.
    pub(crate) fn fail_over(&mut self) {
        self.master.kill();
        let port = self.replica.port.to_string();
        until("the sentinel names the replica", || {
            let named = (self.sentinel).ask(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", "main"]);
            named.ends_with(&port) && self.replica.info("role").as_deref() == Some("master")
        });
        std::mem::swap(&mut self.master, &mut self.replica);
        self.replica.restart();
        let port = self.master.port.to_string();
        self.replica.ask(&["REPLICAOF", "127.0.0.1", &port]);
        let follows = |server: &Server| server.info("master_link_status").as_deref() == Some("up");
        until("one of them follows the other", || {
            follows(&self.replica) || follows(&self.master)
        });
        // The Sentinel has switched back to the old master, as the new one had not answered for
        // long enough.
        if follows(&self.master) {
            std::mem::swap(&mut self.master, &mut self.replica);
        }
    }

    /// Sets how long a master may be unresponsive before it is replaced.
    pub(crate) fn set_patience(&self, millis: u32) {
        let millis = millis.to_string();
        let set = [
            "SENTINEL",
            "SET",
            "main",
            "down-after-milliseconds",
            &millis,
        ];
        assert_eq!(self.sentinel.ask(&set), "OK");
    }

    /// Waits until the replica has all of the master's data.
    pub(crate) fn until_in_step(&self) {
        until("the replica has it all", || {
            let told = self.master.info("master_repl_offset");
            told.is_some() && self.replica.info("slave_repl_offset") == told
        });
    }

    /// The URL, which lists the address of a dead Sentinel first.
    pub(crate) fn url(&self) -> String {
        format!(
            "redis+sentinel://127.0.0.1:{},127.0.0.1:{}/main",
            free_port(),
            self.sentinel.port
        )
    }
}

/// Masters that share the slots; three by default.
pub(crate) struct Cluster {
    pub(crate) masters: Vec<Server>,
    /// The replica of the first master.
    pub(crate) replica: Option<Server>,
}

impl Cluster {
    pub(crate) fn start() -> Self {
        Self::with(&[])
    }

    /// Masters with more options.
    pub(crate) fn with(options: &[&str]) -> Self {
        Self::of(3, options)
    }

    /// So many masters with equal shares.
    pub(crate) fn of(count: u32, options: &[&str]) -> Self {
        let masters: Vec<_> = (0..count).map(|_| Self::node(options)).collect();
        for (number, master) in (0..).zip(&masters) {
            let epoch = (number + 1).to_string();
            master.ask(&["CLUSTER", "SET-CONFIG-EPOCH", &epoch]);
            let first = (number * 16_384 / count).to_string();
            let last = ((number + 1) * 16_384 / count - 1).to_string();
            let added = master.ask(&["CLUSTER", "ADDSLOTSRANGE", &first, &last]);
            assert_eq!(added, "OK");
        }
        for other in &masters[1..] {
            masters[0].meet(other);
        }
        let cluster = Self {
            masters,
            replica: None,
        };
        cluster.until_it_stands();
        cluster
    }

    /// Waits until all masters know each other and have all slots.
    pub(crate) fn until_it_stands(&self) {
        let count = self.masters.len() + usize::from(self.replica.is_some());
        until("the cluster stands", || {
            self.masters.iter().all(|master| {
                let info = master.ask(&["CLUSTER", "INFO"]);
                info.contains("cluster_state:ok")
                    && info.contains("cluster_slots_assigned:16384")
                    && info.contains(&format!("cluster_known_nodes:{count}"))
            })
        });
    }

    /// Masters with more options, and a replica that replaces the first one when it is dead.
    pub(crate) fn with_replica(options: &[&str]) -> Self {
        let mut cluster = Self::with(options);
        let masters = &cluster.masters;
        let replica = Self::node(options);
        masters[0].meet(&replica);
        let (own, first) = (
            replica.ask(&["CLUSTER", "MYID"]),
            masters[0].ask(&["CLUSTER", "MYID"]),
        );
        until("the replica knows its master", || {
            replica.ask(&["CLUSTER", "REPLICATE", &first]) == "OK"
        });
        until("the replica is in step and known to all", || {
            let known = |master: &Server| {
                let nodes = master.ask(&["CLUSTER", "NODES"]);
                (nodes.lines()).any(|node| node.starts_with(&own) && node.contains(" slave "))
            };
            replica.info("master_link_status").as_deref() == Some("up") && masters.iter().all(known)
        });
        cluster.replica = Some(replica);
        cluster
    }

    /// Moves a slot with its keys to the next master, so many keys at a time, so that commands can
    /// come in between.
    pub(crate) fn move_slot(&self, slot: u32, keys_at_once: u32) {
        let keys_at_once = keys_at_once.to_string();
        let id = |server: &Server| server.ask(&["CLUSTER", "MYID"]);
        let masters = &self.masters;
        let from = masters
            .iter()
            .position(|it| knows(it, &id(it), slot))
            .unwrap();
        let to = &masters[(from + 1) % masters.len()];
        let from = &masters[from];
        let (from_id, to_id, number) = (id(from), id(to), slot.to_string());
        let set = |server: &Server, words: &[&str]| {
            let command = [&["CLUSTER", "SETSLOT", &number][..], words].concat();
            assert_eq!(server.ask(&command), "OK");
        };
        set(to, &["IMPORTING", &from_id]);
        set(from, &["MIGRATING", &to_id]);
        loop {
            let keys = from.ask(&["CLUSTER", "GETKEYSINSLOT", &number, &keys_at_once]);
            let keys: Vec<_> = keys.lines().filter(|key| !key.is_empty()).collect();
            if keys.is_empty() {
                break;
            }
            let port = to.port.to_string();
            let migrate = ["MIGRATE", "127.0.0.1", &port, "", "0", "5000", "KEYS"];
            let moved = from.ask(&[&migrate[..], &keys].concat());
            assert!(moved == "OK" || moved == "NOKEY", "{moved}");
        }
        until("all know where it is", || {
            for server in [to, from] {
                set(server, &["NODE", &to_id]);
            }
            masters.iter().all(|server| knows(server, &to_id, slot))
        });
        // A master that does not know the other's last epoch would not exceed it when the slot
        // moves back, and would lose the slot again.
        until("all know each other's epochs", || {
            let all: Vec<_> = masters.iter().map(epochs).collect();
            all.iter().all(|one| *one == all[0])
        });
    }

    /// The slot of a key.
    pub(crate) fn slot_of(&self, key: &str) -> u32 {
        let slot = self.masters[0].ask(&["CLUSTER", "KEYSLOT", key]);
        slot.parse().unwrap()
    }

    fn node(options: &[&str]) -> Server {
        let port = free_port().to_string();
        let own = [
            "--cluster-enabled",
            "yes",
            "--cluster-port",
            &port,
            "--cluster-node-timeout",
            "2000",
            "--cluster-require-full-coverage",
            "no",
        ];
        Server::with(&[&own, options].concat())
    }

    pub(crate) fn url(&self) -> String {
        let hosts: Vec<_> = self
            .masters
            .iter()
            .map(|master| format!("127.0.0.1:{}", master.port))
            .collect();
        format!("redis-cluster://{}", hosts.join(","))
    }
}

impl Server {
    /// Joins it and another one into one cluster.
    fn meet(&self, other: &Self) {
        let (port, bus) = (other.port.to_string(), other.bus_port());
        self.ask(&["CLUSTER", "MEET", "127.0.0.1", &port, &bus]);
    }

    fn bus_port(&self) -> String {
        let at = self
            .arguments
            .iter()
            .position(|option| option == "--cluster-port");
        self.arguments[at.unwrap() + 1].clone()
    }
}

/// Whether a server knows that the server with this id has this slot.
fn knows(server: &Server, id: &str, slot: u32) -> bool {
    let nodes = server.ask(&["CLUSTER", "NODES"]);
    let line = nodes.lines().find(|line| line.starts_with(id));
    line.is_some_and(|line| {
        line.split(' ').skip(8).any(|range| {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            let range = (first.parse::<u32>(), last.parse::<u32>());
            matches!(range, (Ok(first), Ok(last)) if (first..=last).contains(&slot))
        })
    })
}

/// The configuration epoch of each node, as known by this server.
fn epochs(server: &Server) -> BTreeMap<String, String> {
    let nodes = server.ask(&["CLUSTER", "NODES"]);
    (nodes.lines())
        .filter_map(|line| {
            let words: Vec<_> = line.split(' ').collect();
            Some(((*words.first()?).to_owned(), (*words.get(6)?).to_owned()))
        })
        .collect()
}
