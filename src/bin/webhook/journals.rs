//! The place of a journal, and its lines page by page.

use std::io::Read as _;
use std::path::Path;

#[cfg(feature = "postgres")]
use tower_webhook::journal::PostgresJournal;
use tower_webhook::journal::{
    JournalError, JournalFiles, JournalFilter, JournalPage, JournalPosition, SqliteJournal,
};

use crate::failure::Failure;

/// The number of lines read at once.
const PAGE: usize = 1_000;
/// The first bytes of a SQLite file: <https://www.sqlite.org/fileformat.html>, section 1.3.
const SQLITE: &[u8; 16] = b"SQLite format 3\0";

/// A journal that is not a plain file of lines.
pub(crate) enum Pages {
    Folder(JournalFiles),
    Sqlite(SqliteJournal),
    #[cfg(feature = "postgres")]
    Postgres(Box<PostgresJournal>),
}

impl Pages {
    /// The journal at this place; `None` if it is one file of lines, or the standard input.
    pub(crate) fn open(place: &Path, option: &str) -> Result<Option<Self>, Failure> {
        let text = place.to_str().unwrap_or_default();
        if matches!(text.split_once("://"), Some(("postgres" | "postgresql", _))) {
            return Self::postgres(text, option).map(Some);
        }
        if place.is_dir() {
            let files = JournalFiles::open(place).map_err(|why| Failure::caused(option, why))?;
            return Ok(Some(Self::Folder(files)));
        }
        let mut begin = [0; 16];
        let file = (text != "-").then(|| std::fs::File::open(place));
        let is_sqlite = file.is_some_and(|file| {
            file.and_then(|mut file| file.read_exact(&mut begin))
                .is_ok()
                && begin == *SQLITE
        });
        if !is_sqlite {
            return Ok(None);
        }
        let table = SqliteJournal::open(place).map_err(|why| Failure::usage(why.to_string()))?;
        Ok(Some(Self::Sqlite(table)))
    }

    #[cfg(feature = "postgres")]
    fn postgres(url: &str, option: &str) -> Result<Self, Failure> {
        let table = PostgresJournal::new(url);
        let table = table.map_err(|why| Failure::usage(format!("{option}: {why}")))?;
        Ok(Self::Postgres(Box::new(table)))
    }

    #[cfg(not(feature = "postgres"))]
    fn postgres(_: &str, option: &str) -> Result<Self, Failure> {
        Err(Failure::usage(format!(
            "{option}: built without Postgres: build it with --features cli,postgres"
        )))
    }

    /// The next page, from the beginning or from the end of another one.
    pub(crate) async fn read(
        &self,
        after: Option<&JournalPosition>,
    ) -> Result<JournalPage, JournalError> {
        let all = JournalFilter::new();
        match self {
            Self::Folder(files) => files.read(&all, after, PAGE),
            Self::Sqlite(table) => table.read(&all, after, PAGE).await,
            #[cfg(feature = "postgres")]
            Self::Postgres(table) => table.read(&all, after, PAGE).await,
        }
    }
}
