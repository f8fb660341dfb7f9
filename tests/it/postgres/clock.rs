//! A clock of the server that makes a step.

use super::*;
use crate::support::log::Log;
use crate::support::wait::until as until_so;

/// The role finds a clock of its own before the server's.
#[tokio::test]
async fn a_step_of_the_servers_clock_is_logged_once() {
    let server = Postgres::start();
    server.ask(
        "CREATE SCHEMA fake;
         CREATE TABLE fake.ahead (by interval);
         INSERT INTO fake.ahead VALUES ('0 s');
         CREATE FUNCTION fake.clock_timestamp() RETURNS timestamptz VOLATILE LANGUAGE sql AS
             'SELECT pg_catalog.clock_timestamp() + by FROM fake.ahead';
         ALTER ROLE app SET search_path = fake, pg_catalog, public",
    );
    let log = Log::default();
    log.capture_all();
    let store = patient(server.url())
        .schema("public")
        .migrate()
        .connect()
        .await
        .unwrap();
    let claims = async |ids: std::ops::Range<u32>| {
        for id in ids {
            granted(store.claim(&claim(&format!("evt_{id}"))).await.unwrap());
        }
    };
    claims(0..5).await;
    let steps = |word: &str| log.text().matches(word).count();
    let (forward, back) = (
        "the clock of Postgres has gone forward at once",
        "the clock of Postgres has gone back at once",
    );
    assert_eq!((steps(forward), steps(back)), (0, 0));
    server.ask("UPDATE fake.ahead SET by = '90 s'");
    claims(5..10).await;
    until_so("a step is logged", || steps(forward) > 0).await;
    server.ask("UPDATE fake.ahead SET by = '-90 s'");
    claims(10..15).await;
    until_so("a step is logged", || steps(back) > 0).await;
    assert_eq!((steps(forward), steps(back)), (1, 1));
    assert!(log.text().contains("seconds=-1"), "{}", log.text());
}
