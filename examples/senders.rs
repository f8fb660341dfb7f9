//! Prints the page of all senders, which is `docs/senders.md`.

fn main() {
    print!("{}", tower_webhook::provider::senders_page());
}
