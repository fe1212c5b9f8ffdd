//! One statement on its way: text, bound values, and how its rows are wanted.

use std::{borrow::Cow, fmt};

use futures_util::TryStreamExt as _;
use sqlx::{
    Arguments as _, AssertSqlSafe, Encode, FromRow, PgConnection, Postgres, SqlStr, Sqlite, SqliteConnection,
    Type,
    error::BoxDynError,
    postgres::{PgArguments, PgRow},
    sqlite::{SqliteArguments, SqliteRow},
};

use super::{
    FaultPoints, Sql,
    error::{Error, Result},
};

/// A value that both databases take.
pub trait Param:
    for<'t> Encode<'t, Sqlite> + Type<Sqlite> + for<'t> Encode<'t, Postgres> + Type<Postgres>
{
}

impl<T> Param for T where
    T: for<'t> Encode<'t, Sqlite> + Type<Sqlite> + for<'t> Encode<'t, Postgres> + Type<Postgres>
{
}

/// A row that both databases give: derive `sqlx::FromRow`, or take a tuple.
pub trait Row: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin {}

impl<T> Row for T where T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin {}

/// A statement with its values. Parameters are `$1`, `$2`, … and may repeat.
#[must_use = "a query does nothing until it is executed or fetched"]
pub struct Query<'c> {
    text: Cow<'static, str>,
    pub(super) values: Values,
    pub(super) connection: Connection<'c>,
    progress: &'c mut Progress,
}

/// The connection below a query.
pub(super) enum Connection<'c> {
    Sqlite(&'c mut SqliteConnection),
    Postgres(&'c mut PgConnection),
}

/// Encoded values, and the first that could not be encoded.
pub(super) struct Values {
    arguments: Arguments,
    broken: Option<BoxDynError>,
}

enum Arguments {
    Sqlite(SqliteArguments),
    Postgres(PgArguments),
}

impl Values {
    pub(super) fn add(&mut self, value: impl Param) {
        if self.broken.is_some() {
            return;
        }
        let added = match &mut self.arguments {
            Arguments::Sqlite(arguments) => arguments.add(value),
            Arguments::Postgres(arguments) => arguments.add(value),
        };
        self.broken = added.err();
    }

    fn len(&self) -> usize {
        match &self.arguments {
            Arguments::Sqlite(arguments) => arguments.len(),
            Arguments::Postgres(arguments) => arguments.len(),
        }
    }
}

/// How a connection fared so far.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// Rows written.
    pub(super) written: u64,
    /// A transaction is open.
    pub(super) in_transaction: bool,
    /// A statement of the transaction failed, or was begun and cancelled. PostgreSQL refuses all that follows, and turns a
    /// commit into a rollback without an error. SQLite may have rolled back by itself (a full disk), and would commit what
    /// follows statement by statement. So nothing may follow.
    pub(super) aborted: bool,
    /// Where tests make it fail.
    pub(super) faults: FaultPoints,
}

impl Progress {
    fn begin(&mut self) -> Result<()> {
        if self.aborted {
            return Err(Error::Aborted);
        }
        self.aborted = self.in_transaction;
        self.faults.pass()
    }

    fn end<T>(&mut self, outcome: Result<T>) -> Result<T> {
        // What cannot be read was executed all the same.
        if matches!(outcome, Ok(_) | Err(Error::Decode(_))) {
            self.aborted = false;
        }
        outcome
    }
}

/// Runs `$body`, whose result is the driver's, on the connection at hand; gives its outcome, and the progress back.
macro_rules! run {
    ($query:expr, |$connection:ident, $text:ident, $arguments:ident| $body:expr) => {{
        let Query { text, values, connection, progress } = $query;
        if let Some(cause) = values.broken {
            return Err(Error::Encode(cause));
        }
        progress.begin()?;
        let $text = composed(text);
        let outcome = match (connection, values.arguments) {
            (Connection::Sqlite($connection), Arguments::Sqlite($arguments)) => $body.map_err(Error::from),
            (Connection::Postgres($connection), Arguments::Postgres($arguments)) => {
                $body.map_err(Error::from)
            }
            // `Query::new` makes both from one connection.
            _ => unreachable!("a query's values are encoded for its own connection"),
        };
        (progress.end(outcome), progress)
    }};
}

impl<'c> Query<'c> {
    pub(super) fn new(connection: Connection<'c>, sql: Sql, progress: &'c mut Progress) -> Self {
        let (text, arguments) = match connection {
            Connection::Sqlite(_) => (sql.sqlite, Arguments::Sqlite(SqliteArguments::default())),
            Connection::Postgres(_) => (sql.postgres, Arguments::Postgres(PgArguments::default())),
        };
        let values = Values { arguments, broken: None };
        Self { text: Cow::Borrowed(text), values, connection, progress }
    }

    /// Binds the next parameter. A value that cannot be encoded is reported when the query runs.
    pub fn bind(mut self, value: impl Param) -> Self {
        self.values.add(value);
        self
    }

    /// Appends text: for filters that are there or not. Only text from the source, never from a request.
    pub fn push(mut self, text: &'static str) -> Self {
        self.text.to_mut().push_str(text);
        self
    }

    /// Appends text that may differ between the databases.
    pub fn push_sql(self, sql: impl Into<Sql>) -> Self {
        let sql = sql.into();
        let text = match self.connection {
            Connection::Sqlite(_) => sql.sqlite,
            Connection::Postgres(_) => sql.postgres,
        };
        self.push(text)
    }

    /// Appends the next free parameter's `$n` and binds it.
    pub fn push_bind(mut self, value: impl Param) -> Self {
        self.values.add(value);
        let number = self.values.len();
        self.push_number(number);
        self
    }

    /// Appends `$number`.
    pub(super) fn push_number(&mut self, number: usize) {
        let text = self.text.to_mut();
        text.push('$');
        text.push_str(&number.to_string());
    }

    /// How many values are bound.
    pub(super) fn bound(&self) -> usize {
        self.values.len()
    }

    /// The text so far.
    pub(super) fn text(&mut self) -> &mut String {
        self.text.to_mut()
    }

    /// Executes it and says how many rows it touched.
    ///
    /// # Errors
    /// As [`Error`] sorts them.
    pub async fn execute(self) -> Result<u64> {
        let writes = writes(&self.text);
        let (rows, progress) = run!(self, |connection, text, arguments| {
            sqlx::query_with(text, arguments).execute(connection).await.map(|done| done.rows_affected())
        });
        // SQLite repeats the count of the last statement that wrote.
        let rows = if writes { rows? } else { rows.map(|_| 0)? };
        progress.written += rows;
        Ok(rows)
    }

    /// Executes it; it must touch exactly one row.
    ///
    /// # Errors
    /// [`Error::RowCount`] when it touched none or several, which the caller's rollback undoes; else as [`Error`] says.
    pub async fn execute_one(self) -> Result<()> {
        Error::expect_rows(1, self.execute().await?)
    }

    /// Executes it and says whether it touched its row: for `ON CONFLICT DO NOTHING` and conditional updates.
    ///
    /// # Errors
    /// [`Error::RowCount`] when it touched several.
    pub async fn execute_optional(self) -> Result<bool> {
        match self.execute().await? {
            0 => Ok(false),
            rows => Error::expect_rows(1, rows).map(|()| true),
        }
    }

    /// The first row, if there is one.
    ///
    /// # Errors
    /// As [`Error`] sorts them.
    pub async fn fetch_optional<T: Row>(self) -> Result<Option<T>> {
        run!(self, |connection, text, arguments| {
            sqlx::query_as_with::<_, T, _>(text, arguments).fetch_optional(connection).await
        })
        .0
    }

    /// The row, which must be there.
    ///
    /// # Errors
    /// [`Error::RowNotFound`] when it is not.
    pub async fn fetch_one<T: Row>(self) -> Result<T> {
        self.fetch_optional().await?.ok_or(Error::RowNotFound)
    }

    /// All rows. The statement bounds them: by a key, or by LIMIT.
    ///
    /// # Errors
    /// As [`Error`] sorts them.
    pub async fn fetch_all<T: Row>(self) -> Result<Vec<T>> {
        run!(self, |connection, text, arguments| {
            sqlx::query_as_with::<_, T, _>(text, arguments).fetch_all(connection).await
        })
        .0
    }

    /// How the database means to run it, in its own words, without running it: for tests of what an index is there for.
    ///
    /// # Errors
    /// As [`Error`] sorts them.
    #[cfg(feature = "testing")]
    pub async fn plan(mut self) -> Result<String> {
        use sqlx::Row as _;
        let (verb, column) = match self.connection {
            Connection::Sqlite(_) => ("EXPLAIN QUERY PLAN ", 3),
            Connection::Postgres(_) => ("EXPLAIN (COSTS OFF) ", 0),
        };
        self.text().insert_str(0, verb);
        let (lines, _) = run!(self, |connection, text, arguments| {
            sqlx::query_with(text, arguments).fetch_all(connection).await.and_then(|rows| {
                rows.iter().map(|row| row.try_get::<String, _>(column)).collect::<sqlx::Result<Vec<_>>>()
            })
        });
        Ok(lines?.join("\n"))
    }

    /// Hands each row to `take` as it arrives: for tables that do not belong in memory twice.
    ///
    /// # Errors
    /// As [`Error`] sorts them; rows before the failure were handed over.
    pub async fn for_each<T: Row>(self, mut take: impl FnMut(T)) -> Result<()> {
        run!(self, |connection, text, arguments| {
            let mut rows = sqlx::query_as_with::<_, T, _>(text, arguments).fetch(connection);
            loop {
                match rows.try_next().await {
                    Ok(Some(row)) => take(row),
                    Ok(None) => break Ok(()),
                    Err(error) => break Err(error),
                }
            }
        })
        .0
    }
}

/// Does the statement write rows? (Those that define tables do not.)
fn writes(text: &str) -> bool {
    let word = text.split_ascii_whitespace().next().unwrap_or_default();
    ["INSERT", "UPDATE", "DELETE", "WITH"].iter().any(|verb| word.eq_ignore_ascii_case(verb))
}

impl fmt::Debug for Query<'_> {
    /// The text without the values, some of which may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Query").field(&self.text).finish()
    }
}

/// The text is made of literals and parameter numbers alone: nothing else can get into a [`Query`].
fn composed(text: Cow<'static, str>) -> SqlStr {
    use sqlx::SqlSafeStr as _;
    AssertSqlSafe(text).into_sql_str()
}
