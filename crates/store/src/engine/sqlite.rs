use std::{
    path::Path,
    sync::{
        Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
};

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, params};

use super::{
    Batch, EngineError, EngineKind, Store, Tree, Visitor, check_create, check_open, files, make_directory,
};

/// The database; SQLite keeps `-wal` beside it.
pub(super) const FILE: &str = "signet.sqlite";

/// Rows read at once in a scan, so that the visitor runs without the lock.
const PAGE: u32 = 256;

/// A key and its value.
type Row = (Vec<u8>, Vec<u8>);

/// SQLite (bundled), write-ahead log, `synchronous = FULL`, exclusive locking.
pub struct SqliteStore {
    connection: Mutex<Connection>,
    poisoned: AtomicBool,
}

impl SqliteStore {
    /// Opens a store that exists.
    pub fn open(directory: &Path, cache_bytes: u64) -> Result<Self, EngineError> {
        check_open(EngineKind::Sqlite, directory)?;
        let connection = connect(directory, OpenFlags::SQLITE_OPEN_READ_WRITE, cache_bytes)?;
        let tables: i64 = connection
            .query_row(
                "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'record'",
                [],
                |r| r.get(0),
            )
            .map_err(|e| failure(&e))?;
        if tables != 1 {
            return Err(EngineError::Damaged(format!("{FILE} has no table of records")));
        }
        files::sync_all(directory)?;
        Ok(Self { connection: Mutex::new(connection), poisoned: AtomicBool::new(false) })
    }

    /// Makes an empty store.
    pub fn create(directory: &Path, cache_bytes: u64) -> Result<Self, EngineError> {
        check_create(EngineKind::Sqlite, directory)?;
        make_directory(directory)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        let connection = connect(directory, flags, cache_bytes)?;
        connection
            .execute_batch(
                "CREATE TABLE record (tree INTEGER NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL, \
                 PRIMARY KEY (tree, key)) STRICT, WITHOUT ROWID",
            )
            .map_err(|e| failure(&e))?;
        files::sync_all(directory)?;
        Ok(Self { connection: Mutex::new(connection), poisoned: AtomicBool::new(false) })
    }

    fn lock(&self) -> Result<MutexGuard<'_, Connection>, EngineError> {
        if self.poisoned.load(Ordering::Acquire) {
            return Err(EngineError::Poisoned);
        }
        self.connection.lock().map_err(|_| EngineError::Poisoned)
    }

    /// Up to [`PAGE`] rows from `from` on (without `from` itself where `after`).
    fn page(&self, tree: Tree, from: &[u8], after: bool) -> Result<Vec<Row>, EngineError> {
        let connection = self.lock()?;
        let sql = if after {
            "SELECT key, value FROM record WHERE tree = ?1 AND key > ?2 ORDER BY key LIMIT ?3"
        } else {
            "SELECT key, value FROM record WHERE tree = ?1 AND key >= ?2 ORDER BY key LIMIT ?3"
        };
        let mut statement = connection.prepare_cached(sql).map_err(|e| failure(&e))?;
        let rows = statement
            .query_map(params![tree.number(), from, PAGE], |row| Ok((row.get(0)?, row.get(1)?)))
            .map_err(|e| failure(&e))?;
        rows.collect::<Result<_, _>>().map_err(|e| failure(&e))
    }
}

impl Store for SqliteStore {
    fn kind(&self) -> EngineKind {
        EngineKind::Sqlite
    }

    fn get(&self, tree: Tree, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
        let connection = self.lock()?;
        let mut statement = connection
            .prepare_cached("SELECT value FROM record WHERE tree = ?1 AND key = ?2")
            .map_err(|e| failure(&e))?;
        statement.query_row(params![tree.number(), key], |row| row.get(0)).optional().map_err(|e| failure(&e))
    }

    fn scan(&self, tree: Tree, prefix: &[u8], visit: &mut Visitor<'_>) -> Result<(), EngineError> {
        let mut from = prefix.to_vec();
        let mut after = false;
        loop {
            let rows = self.page(tree, &from, after)?;
            let complete = rows.len() < PAGE as usize;
            for (key, value) in rows {
                if !key.starts_with(prefix) || visit(&key, &value).is_break() {
                    return Ok(());
                }
                from = key;
            }
            if complete {
                return Ok(());
            }
            after = true;
        }
    }

    fn commit(&self, batch: &Batch) -> Result<(), EngineError> {
        let mut connection = self.lock()?;
        let done = apply(&mut connection, batch).map_err(|e| failure(&e));
        if done.is_err() {
            // Whether the transaction reached the medium is not known.
            self.poisoned.store(true, Ordering::Release);
        }
        done
    }
}

fn apply(connection: &mut Connection, batch: &Batch) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    {
        let mut put = transaction.prepare_cached(
            "INSERT INTO record (tree, key, value) VALUES (?1, ?2, ?3) \
             ON CONFLICT (tree, key) DO UPDATE SET value = excluded.value",
        )?;
        let mut delete = transaction.prepare_cached("DELETE FROM record WHERE tree = ?1 AND key = ?2")?;
        for (tree, key, value) in batch.changes() {
            match value {
                Some(value) => put.execute(params![tree.number(), key, value])?,
                None => delete.execute(params![tree.number(), key])?,
            };
        }
    }
    transaction.commit()
}

fn connect(directory: &Path, flags: OpenFlags, cache_bytes: u64) -> Result<Connection, EngineError> {
    let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let connection = Connection::open_with_flags(directory.join(FILE), flags).map_err(|e| failure(&e))?;
    // Exclusive locking before the log's mode: then SQLite keeps its index of the log in memory.
    let cache = i64::try_from(cache_bytes / 1024).unwrap_or(i64::MAX);
    connection
        .execute_batch(&format!(
            "PRAGMA locking_mode = EXCLUSIVE; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; \
             PRAGMA mmap_size = 0; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -{cache};"
        ))
        .map_err(|e| failure(&e))?;
    let mode: String =
        connection.query_row("PRAGMA journal_mode = WAL", [], |r| r.get(0)).map_err(|e| failure(&e))?;
    if !mode.eq_ignore_ascii_case("wal") {
        return Err(EngineError::Damaged(format!("{FILE} cannot use a write-ahead log, its mode is {mode}")));
    }
    connection
        .execute_batch("PRAGMA synchronous = FULL; BEGIN IMMEDIATE; COMMIT;")
        .map_err(|e| failure(&e))?;
    Ok(connection)
}

fn failure(error: &rusqlite::Error) -> EngineError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => EngineError::Full,
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => EngineError::InUse,
        _ => EngineError::Damaged(error.to_string()),
    }
}
