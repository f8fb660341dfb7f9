//! What one script call for several keys brings, at most: nobody waits for company here, and each
//! batch has as many keys as it may. The store's own scripts take one key: those of a batch have the
//! same steps in a loop, and are known to this bench alone.

use redis::{Cmd, Value};

use crate::code;
use crate::pairs::{Raw, Side, run};
use crate::redis_support::Server;
use crate::rounds::Medians;

/// How many keys a call has, beside one.
const SIZES: [u32; 4] = [2, 4, 8, 16];
/// How many in flight, and how many pairs a round.
const LEVELS: [(u32, u32); 2] = [(64, 6_400), (512, 10_240)];

const LAYOUT: &str = include_str!("../../src/store/redis/layout.lua");

/// The steps of a script for each key in turn, with the key and the arguments that are its own. The
/// time is asked for once.
fn for_each_key(script: &str) -> String {
    let steps = script.strip_prefix(LAYOUT).expect("time and layout first");
    let steps: Vec<_> = { steps.lines() }
        .filter(|line| !line.starts_with("--"))
        .collect();
    let args = steps.iter().find_map(|line| {
        let (names, _) = line.strip_prefix("local ")?.split_once(" = unpack(ARGV)")?;
        Some(names.split(',').count())
    });
    let args = args.expect("each argument has a name");
    let steps = steps.join("\n");
    // What else reads them would read those of the first key.
    for (word, once) in [
        ("KEYS", "local key = KEYS[1]\n"),
        ("ARGV", "unpack(ARGV)\n"),
    ] {
        assert_eq!(steps.matches(word).count(), 1, "{word} in {steps}");
        assert!(steps.contains(once), "{once:?} in {steps}");
    }
    let own = format!("unpack(ARGV, (place - 1) * {args} + 1, place * {args})");
    let steps = steps.replace("KEYS[1]", "KEYS[place]");
    let steps = steps.replace("unpack(ARGV)", &own);
    format!(
        "{LAYOUT}\nlocal function one(place)\n{steps}\nend\n\nlocal answers = {{}}\n\
         for place = 1, #KEYS do answers[place] = one(place) end\nreturn answers\n"
    )
}

/// Calls for so many keys each.
#[derive(Clone)]
struct Batched {
    raw: Raw,
    keys: u32,
}

impl Side for Batched {
    type Work = (Cmd, Cmd);

    fn prepare(&self, number: u32) -> (Cmd, Cmd) {
        let first = number * self.keys;
        self.raw.commands(first..first + self.keys)
    }

    async fn pair(&self, (claims, completes): &(Cmd, Cmd)) {
        for cmd in [claims, completes] {
            let answer = self.raw.ask(cmd).await;
            let answers = match answer {
                Value::Array(answers) => answers,
                answer => vec![answer],
            };
            assert_eq!(answers.len(), usize::try_from(self.keys).unwrap());
            let granted = |answer: &Value| matches!(answer, Value::Int(1..));
            assert!(answers.iter().all(granted), "{answers:?}");
        }
    }
}

pub(crate) async fn print(rounds: usize) {
    let server = Server::start();
    let raw = Raw::new(&server).await;
    let [claims, completes] = [code::CLAIM, code::COMPLETE].map(for_each_key);
    let batch = Raw::with(&server, [&claims, &completes]).await;
    println!("\n### One script call for several keys, medians of {rounds} rounds\n");
    println!(
        "| in flight | keys a call | pairs/s | ratio to one key | middle half | client CPU \
         | Redis CPU |"
    );
    println!("| ---: | ---: | ---: | ---: | :---: | ---: | ---: |");
    for (in_flight, count) in LEVELS {
        for keys in SIZES {
            let [one, many] = [(&raw, 1), (&batch, keys)].map(|(raw, keys)| Batched {
                raw: raw.clone(),
                keys,
            });
            let (mut rates, mut client, mut redis) = (vec![], vec![], vec![]);
            // The first one warms up.
            for round in 0..=rounds {
                server.ask(&["FLUSHALL"]);
                let first = run(&server, &one, in_flight, 0..count).await;
                server.ask(&["FLUSHALL"]);
                let second = run(&server, &many, in_flight / keys, 0..count / keys).await;
                if round > 0 {
                    let size = f64::from(keys);
                    rates.push((first.pairs_per_second, second.pairs_per_second * size));
                    client.push((first.client_micros, second.client_micros / size));
                    redis.push((first.redis_micros, second.redis_micros / size));
                }
            }
            let rates = Medians::of(&rates);
            let (low, high) = rates.middle;
            let (client, redis) = (Medians::of(&client), Medians::of(&redis));
            println!(
                "| {in_flight} | {keys} | {:.0} → {:.0} | {:.3} | {low:.3} to {high:.3} \
                 | {:.1} → {:.1} µs | {:.1} → {:.1} µs |",
                rates.first,
                rates.second,
                rates.ratio,
                client.first,
                client.second,
                redis.first,
                redis.second,
            );
        }
    }
    println!(
        "\nBy hand: one key a call → several. The store has one key a call. The rate is what a batch \
         would\nbring at most: here nobody has to wait until one is full.\n"
    );
}
