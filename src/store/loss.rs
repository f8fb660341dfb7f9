//! Describes for an inbox what settings of a server put at risk.

/// Rewords a risk to records for the entries of an inbox, where a lost entry was acknowledged and never runs.
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
