//! Faults of the disk and of the database's lock: the store says what is wrong, and comes back by itself.

use std::path::Path;
use std::process::Command;

use sqlx::{AnyConnection, Connection, Executor};

use super::books::Books;
use crate::store::{Fault, Store, StoreError, Unready};

/// Room in the small file system, in bytes.
const ROOM: usize = 4 << 20;

/// A file system of its own that is soon full. Unmounted when it is dropped.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    /// `None` where this process may not mount one.
    fn mount() -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let size = format!("size={ROOM}");
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(directory.path()).output();
        mount.is_ok_and(|output| output.status.success()).then_some(Self(directory))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Fills it to the last byte.
    fn fill(&self) {
        assert!(std::fs::write(self.path().join("fill"), vec![1; 2 * ROOM]).is_err(), "it was not filled");
    }

    /// Fills it but for `room` bytes.
    fn fill_but(&self, room: usize) {
        self.fill();
        let file = std::fs::File::options().write(true).open(self.path().join("fill")).unwrap();
        file.set_len(file.metadata().unwrap().len() - room as u64).unwrap();
    }

    /// Makes room again.
    fn free(&self) {
        std::fs::remove_file(self.path().join("fill")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.path()).status();
    }
}

/// Writes rows that need room.
async fn write(store: &Store) -> Result<(), StoreError> {
    store
        .write(|transaction| {
            Box::pin(async move {
                let statement = "insert into installation (id) select hex(randomblob(60000))";
                sqlx::query(statement).execute(&mut **transaction).await?;
                Ok(())
            })
        })
        .await
}

async fn rows(store: &Store) -> i64 {
    sqlx::query_scalar("select count(*) from installation").fetch_one(&store.read).await.unwrap()
}

/// Lets the next check look again.
async fn let_check_look_again() {
    tokio::time::pause();
    tokio::time::advance(std::time::Duration::from_secs(2)).await;
    tokio::time::resume();
}

async fn pages(store: &Store) -> i64 {
    sqlx::query_scalar("select page_count from pragma_page_count").fetch_one(&store.read).await.unwrap()
}

async fn other_process(path: &Path) -> AnyConnection {
    let mut connection = AnyConnection::connect(&format!("sqlite://{}", path.display())).await.unwrap();
    connection.execute("pragma busy_timeout = 5000").await.unwrap();
    connection
}

#[tokio::test]
async fn store_comes_back_after_its_disk_was_full() {
    // Mounting needs root. Without it the same is tested with a bound on the file, below.
    let Some(disk) = SmallDisk::mount() else { return };
    let store = Store::open(&disk.path().join("db")).await.unwrap();
    write(&store).await.unwrap();
    for round in 1..=3 {
        disk.fill();
        // Many at once, so that whole groups fail.
        let mut refused = 0;
        for outcome in futures_util::future::join_all((0..40).map(|_| write(&store))).await {
            if let Err(error) = outcome {
                assert_eq!(error.fault(), Some(Fault::Full), "{error:?}");
                refused += 1;
            }
        }
        assert!(refused > 0, "the disk was not full");
        assert_eq!(write(&store).await.unwrap_err().fault(), Some(Fault::Full));
        let before = rows(&store).await;
        disk.free();
        write(&store).await.unwrap();
        assert_eq!(rows(&store).await, before + 1, "round {round}");
    }
}

#[tokio::test]
async fn store_is_not_ready_where_only_a_small_row_still_fits() {
    let Some(disk) = SmallDisk::mount() else { return };
    let store = Store::open(&disk.path().join("db")).await.unwrap();
    store.check().await.unwrap();
    // Room for the pages of a few small rows, and not for those of a request.
    disk.fill_but(32 << 10);
    assert_eq!(write(&store).await.unwrap_err().fault(), Some(Fault::Full));
    let_check_look_again().await;
    let unready = store.check().await.unwrap_err();
    assert_eq!(unready.to_string(), "the store cannot be written: the disk is full");
    disk.free();
    let_check_look_again().await;
    store.check().await.unwrap();
    write(&store).await.unwrap();
}

#[tokio::test]
async fn readiness_does_not_make_the_database_grow() {
    let books = Books::open().await;
    let mut sizes = Vec::new();
    for _ in 0..6 {
        let_check_look_again().await;
        books.store.check().await.unwrap();
        sizes.push(pages(&books.store).await);
    }
    // Each is written before the one before it is freed, so that there is room for two.
    assert!(sizes[1..].iter().all(|size| *size == sizes[1]), "{sizes:?}");
}

#[tokio::test]
async fn store_comes_back_after_its_file_was_full() {
    let books = Books::open().await;
    let store = books.store.clone();
    let bound = |statement: &'static str| {
        store.write(move |transaction| {
            Box::pin(async move {
                sqlx::query(statement).fetch_optional(&mut **transaction).await?;
                Ok(())
            })
        })
    };
    bound("pragma max_page_count = 1").await.unwrap();
    let refused = write(&store).await.unwrap_err();
    assert_eq!(refused.fault(), Some(Fault::Full), "{refused:?}");
    assert_eq!(rows(&store).await, 0);
    bound("pragma max_page_count = 4294967294").await.unwrap();
    write(&store).await.unwrap();
    assert_eq!(rows(&store).await, 1);
}

#[tokio::test]
async fn store_comes_back_after_another_process_held_its_lock() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("db");
    let store = Store::open(&path).await.unwrap();
    store
        .write(|transaction| {
            Box::pin(async move {
                // So that the test need not wait for as long as the server would.
                sqlx::query("pragma busy_timeout = 20").fetch_optional(&mut **transaction).await?;
                Ok(())
            })
        })
        .await
        .unwrap();
    let mut other = other_process(&path).await;
    let lock = other.begin_with("begin immediate").await.unwrap();
    for outcome in futures_util::future::join_all((0..20).map(|_| write(&store))).await {
        assert_eq!(outcome.unwrap_err().fault(), Some(Fault::Locked));
    }
    let unready = store.check().await.unwrap_err();
    assert!(unready.to_string().contains("another process holds the lock"), "{unready}");
    lock.rollback().await.unwrap();
    write(&store).await.unwrap();
    assert_eq!(rows(&store).await, 1);
    let_check_look_again().await;
    store.check().await.unwrap();
}

#[tokio::test]
async fn store_waits_for_a_lock_that_is_soon_released() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("db");
    let store = Store::open(&path).await.unwrap();
    let mut other = other_process(&path).await;
    let lock = other.begin_with("begin immediate").await.unwrap();
    let (written, ()) = tokio::join!(write(&store), async {
        assert_eq!(rows(&store).await, 0);
        lock.rollback().await.unwrap();
    });
    written.unwrap();
}

#[tokio::test]
async fn file_that_cannot_be_opened_again_is_tried_until_it_can() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("db");
    let store = Store::open(&path).await.unwrap();
    let create = "create trigger trap before insert on installation when new.id = 'trap'
        begin select raise(rollback, 'rolled back'); end";
    for statement in [create, "insert into installation (id) values ('trap')"] {
        let run = store.write(move |transaction| {
            Box::pin(async move {
                sqlx::query(statement).execute(&mut **transaction).await?;
                Ok(())
            })
        });
        // The second breaks the connection, which is opened again by the next write.
        let _ = run.await;
    }
    let moved = directory.path().join("moved");
    std::fs::rename(&path, &moved).unwrap();
    for _ in 0..3 {
        assert_eq!(write(&store).await.unwrap_err().fault(), Some(Fault::Io));
    }
    std::fs::rename(&moved, &path).unwrap();
    while let Err(error) = write(&store).await {
        assert_eq!(error.fault(), Some(Fault::Io));
        tokio::task::yield_now().await;
    }
    assert!(!moved.exists() && path.exists());
}

#[tokio::test]
async fn readiness_writes_at_most_once_a_second_and_says_what_is_wrong() {
    let books = Books::open().await;
    let store = books.store.clone();
    for _ in 0..50 {
        store.check().await.unwrap();
    }
    let beats: i64 = sqlx::query_scalar("select sum(beats) from heartbeat").fetch_one(&store.read).await.unwrap();
    let beating: i64 = sqlx::query_scalar("select count(*) from heartbeat").fetch_one(&store.read).await.unwrap();
    assert!((1..10).contains(&beats) && beating == 1, "{beats} beats in {beating} rows");
}

#[tokio::test]
async fn readiness_fails_once_the_store_is_closed() {
    let books = Books::open().await;
    let store = books.store.clone();
    store.writer.close().await;
    let unready = store.check().await.unwrap_err();
    assert!(matches!(unready, Unready::Write(_)), "{unready:?}");
}
