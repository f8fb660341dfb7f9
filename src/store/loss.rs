//! What settings of a server put at risk, in the words of an inbox.

/// The same of entries of an inbox as of records of a store: what is lost there was acknowledged, and never runs.
pub(super) fn of_entries(risk: &str) -> String {
    let words = [
        ("records", "entries"),
        ("record", "entry"),
        ("redelivered events run again", "their events never run"),
        ("those events run again", "those events never run"),
        ("their events run again", "their events never run"),
    ];
    let mut text = risk.to_owned();
    for (of_store, of_inbox) in words {
        text = text.replace(of_store, of_inbox);
    }
    text
}
