//! Many rows in one statement: multi-row VALUES, and IN lists.
//!
//! Statements are made in few sizes, so that each connection keeps them prepared.

use super::{
    Sql,
    conn::Conn,
    error::Result,
    query::{Connection, Param, Query},
};

/// Rows of one statement. Speed saturates between 50 and 500 rows on both databases.
pub const CHUNK: usize = 256;
/// Parameters of one statement: SQLite's limit, the lower of the two.
const MAX_PARAMETERS: usize = 32_766;
/// Sizes of statements below a whole chunk; what remains below the last is a statement of its own size.
const SIZES: [usize; 3] = [CHUNK, 64, 16];
/// Sizes of IN lists; a shorter list is filled up with its last value.
const LIST_SIZES: [usize; 5] = [1, 4, 16, 64, CHUNK];

impl Query<'_> {
    /// Appends a list for `IN`, such as `($3, $4, $5)`. Give it at most [`CHUNK`] values at a time, so that statements
    /// have few sizes. An empty list holds for no row.
    pub fn push_list<T: Param + Clone>(self, list: &[T]) -> Self {
        self.push_between(list, ["(", ")"])
    }

    /// Appends the same list for `IN` on SQLite and for `ARRAY` on PostgreSQL, such as `[$3, $4, $4]`: its last value may stand
    /// there several times.
    pub fn push_each<T: Param + Clone>(self, list: &[T]) -> Self {
        let brackets = match self.connection {
            Connection::Sqlite(_) => ["(", ")"],
            Connection::Postgres(_) => ["[", "]"],
        };
        self.push_between(list, brackets)
    }

    fn push_between<T: Param + Clone>(mut self, list: &[T], [open, close]: [&'static str; 2]) -> Self {
        let Some(last) = list.last() else { return self.push(open).push("NULL").push(close) };
        let filled = LIST_SIZES.into_iter().find(|size| *size >= list.len()).unwrap_or(list.len());
        self = self.push(open);
        let mut binder = Binder { query: &mut self, separator: "", is_counted: true };
        for value in list.iter().chain(std::iter::repeat_n(last, filled - list.len())) {
            binder.push(value.clone());
        }
        self.push(close)
    }
}

/// Takes the values of a row, or those before an IN list, in order.
#[derive(Debug)]
pub struct Binder<'q, 'c> {
    query: &'q mut Query<'c>,
    separator: &'static str,
    /// Parameters carry their number. SQLite keeps those as names, which the driver looks up one after the other for each
    /// value: thousands of them take longer than the statement. Without numbers values go by their order alone, which
    /// holds only where the whole statement has none.
    is_counted: bool,
}

impl Binder<'_, '_> {
    /// The next value.
    pub fn push(&mut self, value: impl Param) {
        self.query.values.add(value);
        let number = self.query.bound();
        self.query.text().push_str(self.separator);
        if self.is_counted {
            self.query.push_number(number);
        } else {
            self.query.text().push('?');
        }
        self.separator = ", ";
    }
}

/// Inserts `rows`: `head` is `INSERT INTO t (a, b)`, `tail` what follows the values (`ON CONFLICT …` or nothing), and `bind`
/// pushes one row's values; rows that are given away are spared a copy of their texts. Says how many rows were touched. A statement may not touch one row twice
/// (`ON CONFLICT DO UPDATE` on PostgreSQL): fold first.
///
/// # Errors
/// As [`Error`](super::Error) sorts them; earlier chunks of the transaction are written.
pub async fn insert<R>(
    conn: &mut Conn,
    head: impl Into<Sql>,
    tail: impl Into<Sql>,
    rows: impl IntoIterator<Item = R, IntoIter: ExactSizeIterator>,
    bind: impl Fn(&mut Binder<'_, '_>, R),
) -> Result<u64> {
    let (head, tail) = (head.into(), tail.into());
    let is_counted = !conn.is_sqlite() || head.sqlite.contains('$') || tail.sqlite.contains('$');
    let mut touched = 0;
    let mut rows = rows.into_iter();
    let mut most = CHUNK;
    while rows.len() > 0 {
        let mut query = conn.query(head);
        query.text().push_str(" VALUES ");
        let mut size = size_of_statement(rows.len(), most);
        let mut at = 0;
        while at < size
            && let Some(row) = rows.next()
        {
            query.text().push_str(if at == 0 { "(" } else { "), (" });
            bind(&mut Binder { query: &mut query, separator: "", is_counted }, row);
            if at == 0 {
                most = most.min(MAX_PARAMETERS / query.bound().max(1)).max(1);
                size = size_of_statement(rows.len() + 1, most);
            }
            at += 1;
        }
        query.text().push_str(") ");
        query = query.push_sql(tail);
        touched += query.execute().await?;
    }
    Ok(touched)
}

fn size_of_statement(rows: usize, most: usize) -> usize {
    let rows = rows.min(most);
    SIZES.into_iter().find(|size| *size <= rows).unwrap_or(rows)
}
