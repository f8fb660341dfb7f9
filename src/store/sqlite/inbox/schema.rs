//! The tables of an inbox.

use crate::store::sqlite::schema::Part;

pub(super) const INBOX: Part = Part {
    name: "inbox",
    steps: &[STEP_1, STEP_2],
    works_from: 2,
};

/// The content of an entry is separate from it: an entry is written at each of its steps, and a large
/// body once. The first index finds due entries, the second due entries whose workers died repeatedly,
/// the third dead letters, which are few, and the last entries that are over.
const STEP_1: &str = "\
CREATE TABLE tower_webhook_inbox (
    id INTEGER PRIMARY KEY,
    namespace TEXT NOT NULL,
    key TEXT NOT NULL,
    name BLOB,
    route TEXT NOT NULL,
    state INTEGER NOT NULL,
    due INTEGER,
    token BLOB,
    lease INTEGER,
    attempts INTEGER NOT NULL,
    deaths INTEGER NOT NULL,
    fence INTEGER NOT NULL,
    fingerprint BLOB NOT NULL,
    corrected INTEGER NOT NULL,
    accepted_at INTEGER NOT NULL,
    revived_at INTEGER,
    since INTEGER,
    kept_until INTEGER,
    history TEXT,
    size INTEGER NOT NULL,
    UNIQUE (namespace, key)
) STRICT;
CREATE INDEX tower_webhook_inbox_due ON tower_webhook_inbox (namespace, route, due, id)
    WHERE due IS NOT NULL;
CREATE INDEX tower_webhook_inbox_lone ON tower_webhook_inbox (namespace, route, due, id)
    WHERE due IS NOT NULL AND deaths >= 2;
CREATE INDEX tower_webhook_inbox_dead ON tower_webhook_inbox (namespace, key) WHERE state = 5;
CREATE INDEX tower_webhook_inbox_end ON tower_webhook_inbox (kept_until)
    WHERE kept_until IS NOT NULL;
CREATE TABLE tower_webhook_inbox_content (
    id INTEGER PRIMARY KEY,
    envelope BLOB NOT NULL,
    body BLOB NOT NULL
) STRICT;
CREATE TABLE tower_webhook_inbox_paused (
    namespace TEXT NOT NULL,
    provider TEXT NOT NULL,
    PRIMARY KEY (namespace, provider)
) STRICT, WITHOUT ROWID;
";

/// The order of events. The holder of an order key is the number of a row of the first table; without a
/// holder, the row of the key stays until `kept_until`. A rate is for a provider (1), or for each of its
/// order keys (2).
const STEP_2: &str = "\
ALTER TABLE tower_webhook_inbox ADD COLUMN order_key TEXT;
ALTER TABLE tower_webhook_inbox ADD COLUMN version INTEGER;
ALTER TABLE tower_webhook_inbox ADD COLUMN order_flags INTEGER;
CREATE TABLE tower_webhook_inbox_order (
    namespace TEXT NOT NULL,
    route TEXT NOT NULL,
    order_key TEXT NOT NULL,
    holder INTEGER,
    applied INTEGER,
    applied_until INTEGER,
    used_until INTEGER,
    kept_until INTEGER,
    PRIMARY KEY (namespace, route, order_key)
) STRICT, WITHOUT ROWID;
CREATE INDEX tower_webhook_inbox_order_end ON tower_webhook_inbox_order (kept_until)
    WHERE kept_until IS NOT NULL;
CREATE TABLE tower_webhook_inbox_rates (
    namespace TEXT NOT NULL,
    provider TEXT NOT NULL,
    rate_of INTEGER NOT NULL,
    entries INTEGER NOT NULL,
    per INTEGER NOT NULL,
    used_until INTEGER NOT NULL,
    PRIMARY KEY (namespace, provider, rate_of)
) STRICT, WITHOUT ROWID;
";
