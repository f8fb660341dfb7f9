//! Servers that stand in for each other, or share the keys among them.

use super::*;

/// A master, its replica, and a Sentinel that lets the replica take over within a second or two.
pub(crate) struct Sentinel {
    pub(crate) master: Server,
    pub(crate) replica: Server,
    pub(crate) sentinel: Server,
}

impl Sentinel {
    pub(crate) fn start() -> Self {
        let master = Server::start();
        let port = master.port.to_string();
        let replica = Server::with(&["--replicaof", "127.0.0.1", &port]);
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

    /// Waits until the replica has all that the master was told.
    pub(crate) fn until_in_step(&self) {
        until("the replica has it all", || {
            let told = self.master.info("master_repl_offset");
            told.is_some() && self.replica.info("slave_repl_offset") == told
        });
    }

    /// The address of a Sentinel that is gone comes first.
    pub(crate) fn url(&self) -> String {
        format!(
            "redis+sentinel://127.0.0.1:{},127.0.0.1:{}/main",
            free_port(),
            self.sentinel.port
        )
    }
}

/// Masters that share the slots, three unless said.
pub(crate) struct Cluster {
    pub(crate) masters: Vec<Server>,
    /// The first one's.
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

    /// So many masters, each with an equal share.
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
        until("the cluster stands", || {
            masters.iter().all(|master| {
                let info = master.ask(&["CLUSTER", "INFO"]);
                info.contains("cluster_state:ok")
                    && info.contains("cluster_slots_assigned:16384")
                    && info.contains(&format!("cluster_known_nodes:{count}"))
            })
        });
        Self {
            masters,
            replica: None,
        }
    }

    /// Masters with more options, and a replica that takes the first one's place when it is dead.
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
    /// Makes it and another one nodes of one cluster.
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
