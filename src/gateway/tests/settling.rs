//! A store that fails for a while: no bill is lost, and nobody waits for it for long.

use std::time::Duration;

use sqlx::{AnyConnection, Connection, Executor, Row};

use super::by_hand::{ByHand, HELD_COST, REPORT, STOP, TEXT, WHOLE_COST};
use super::harness::House;
use super::wire::read_until;
use crate::store::LedgerEntry;

/// How long a test may hang before it fails.
const HANGS: Duration = Duration::from_mins(1);

/// Lets every change of the ledger's `column` fail, until [`mend`].
async fn break_updates(house: &House, column: &str) -> AnyConnection {
    let mut connection = AnyConnection::connect(&format!("sqlite://{}", house.database().display())).await.unwrap();
    let trigger =
        format!("create trigger broken before update of {column} on ledger begin select raise(abort, 'broken'); end");
    connection.execute(sqlx::AssertSqlSafe(trigger)).await.unwrap();
    connection
}

async fn mend(mut connection: AnyConnection) -> AnyConnection {
    connection.execute("drop trigger broken").await.unwrap();
    connection
}

/// The ledger's only row, once it is not open any more.
async fn settled(house: &House) -> LedgerEntry {
    let settled = async {
        loop {
            let row = house.row().await;
            if row.status != "open" {
                return row;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(HANGS, settled).await.expect("the call is never settled")
}

fn assert_whole(row: &LedgerEntry) {
    assert_eq!((row.status.as_str(), row.cost.as_nanos()), ("exact", WHOLE_COST), "{row:?}");
}

#[tokio::test]
async fn a_settlement_is_retried_until_it_is_written() {
    let mut model = ByHand::serve().await;
    let house = House::before(&model.url).await;
    let (mut answer, pieces) = model.begin(&house).await;
    let broken = break_updates(&house, "settled_at").await;
    pieces.say([REPORT, STOP].concat()).await;
    drop(pieces);
    // The caller has its answer's end all the same.
    read_until(&mut answer, STOP).await;
    assert_eq!(house.row().await.status, "open");
    mend(broken).await;
    assert_whole(&settled(&house).await);
    assert_eq!(house.turn_cost().await.as_nanos(), WHOLE_COST);
}

#[tokio::test]
async fn a_settlement_is_written_before_the_process_ends() {
    let mut model = ByHand::serve().await;
    let house = House::before(&model.url).await;
    let (mut answer, pieces) = model.begin(&house).await;
    let broken = break_updates(&house, "settled_at").await;
    pieces.say([REPORT, STOP].concat()).await;
    drop(pieces);
    read_until(&mut answer, STOP).await;
    mend(broken).await;
    house.stop().await;
    assert_whole(&house.row().await);
}

#[tokio::test]
async fn a_hold_is_lowered_once_the_store_works_again() {
    let mut model = ByHand::serve().await;
    let house = House::before(&model.url).await;
    let broken = break_updates(&house, "held_nanos").await;
    let (mut answer, pieces) = model.begin(&house).await;
    let mut ledger = mend(broken).await;
    let lowered = async {
        loop {
            pieces.say(TEXT).await;
            read_until(&mut answer, TEXT).await;
            let row = sqlx::query("select held_nanos from ledger").fetch_one(&mut ledger).await.unwrap();
            if row.get::<i64, _>("held_nanos") == HELD_COST {
                return;
            }
        }
    };
    tokio::time::timeout(HANGS, lowered).await.expect("the hold is never lowered");
}
