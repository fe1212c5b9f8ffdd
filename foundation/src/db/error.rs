//! What can go wrong with a statement, sorted by what the caller can do about it.
//!
//! `Unavailable` and `Conflict` are worth another try; `Unique`, `ForeignKey` and `Refused` are the database's last word
//! on the values; the rest are defects of ours or of the stored data.

use sqlx::error::{BoxDynError, DatabaseError, ErrorKind};

/// The result of a statement.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a statement, a transaction or a connection failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The database is down, out of reach, overloaded, out of space, or its file cannot be used. The values are not to
    /// blame. When a commit fails so, its outcome is unknown: the caller repeats an idempotent act.
    #[error("the database cannot be used now")]
    Unavailable(#[source] sqlx::Error),
    /// A deadlock, a serialisation failure or a lock that did not come: the whole transaction may be tried again.
    #[error("the transaction lost against another one")]
    Conflict(#[source] sqlx::Error),
    /// A row with the same key is there. On PostgreSQL the transaction is lost with it: prefer `ON CONFLICT`.
    #[error("a row with this key is there already")]
    Unique(#[source] sqlx::Error),
    /// A row that this one refers to is missing, or one that refers to it is there.
    #[error("a reference to another row does not hold")]
    ForeignKey(#[source] sqlx::Error),
    /// The values break a CHECK, are null where they may not be, out of range or not of the column's form.
    #[error("the database refuses the values")]
    Refused(#[source] sqlx::Error),
    /// An earlier statement of this transaction failed or was cancelled: nothing but a rollback is left, on both databases.
    #[error("an earlier statement of the transaction failed")]
    Aborted,
    /// A row that must be there is not.
    #[error("no such row")]
    RowNotFound,
    /// A statement touched another number of rows than it may.
    #[error("the statement touched {actual} rows where {expected} was meant")]
    RowCount {
        /// How many it should have touched.
        expected: u64,
        /// How many it did.
        actual: u64,
    },
    /// A bound value cannot be encoded.
    #[error("a value cannot be written")]
    Encode(#[source] BoxDynError),
    /// A stored value is not what its column may hold.
    #[error("a stored value cannot be read")]
    Decode(#[source] sqlx::Error),
    /// Anything else: a defect in the statement or the schema.
    #[error("the statement failed")]
    Statement(#[source] sqlx::Error),
}

impl Error {
    /// A row with the same key is there.
    #[must_use]
    pub const fn is_unique_violation(&self) -> bool {
        matches!(self, Self::Unique(_))
    }

    /// A reference does not hold.
    #[must_use]
    pub const fn is_foreign_key_violation(&self) -> bool {
        matches!(self, Self::ForeignKey(_))
    }

    /// The database is down: later it may work.
    #[must_use]
    pub const fn is_unavailable(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }

    /// The same transaction may work when it is tried again.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Conflict(_))
    }

    /// The values themselves are refused: trying again cannot help.
    #[must_use]
    pub const fn is_refusal(&self) -> bool {
        matches!(self, Self::Unique(_) | Self::ForeignKey(_) | Self::Refused(_) | Self::Encode(_))
    }

    /// A stored value that is not what its column may hold.
    #[must_use]
    pub fn decode(cause: impl Into<BoxDynError>) -> Self {
        Self::Decode(sqlx::Error::Decode(cause.into()))
    }

    /// `Ok` when `actual` is the number of rows that was meant.
    pub(crate) const fn expect_rows(expected: u64, actual: u64) -> Result<()> {
        if actual == expected { Ok(()) } else { Err(Self::RowCount { expected, actual }) }
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        use sqlx::Error as Cause;
        match error {
            Cause::Database(ref cause) => match kind(cause.as_ref()) {
                Kind::Unique => Self::Unique(error),
                Kind::ForeignKey => Self::ForeignKey(error),
                Kind::Refused => Self::Refused(error),
                Kind::Conflict => Self::Conflict(error),
                Kind::Unavailable => Self::Unavailable(error),
                Kind::Other => Self::Statement(error),
            },
            // A connection that was cut in the middle of a message leaves a protocol error behind.
            Cause::Io(_)
            | Cause::Tls(_)
            | Cause::Protocol(_)
            | Cause::PoolTimedOut
            | Cause::PoolClosed
            | Cause::WorkerCrashed
            | Cause::BeginFailed => Self::Unavailable(error),
            Cause::RowNotFound => Self::RowNotFound,
            Cause::Encode(cause) => Self::Encode(cause),
            Cause::Decode(_)
            | Cause::ColumnDecode { .. }
            | Cause::ColumnNotFound(_)
            | Cause::ColumnIndexOutOfBounds { .. }
            | Cause::TypeNotFound { .. } => Self::Decode(error),
            _ => Self::Statement(error),
        }
    }
}

/// Whether the database is down, and the statement not to blame.
pub(super) fn is_unavailable(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(cause) => matches!(kind(cause.as_ref()), Kind::Unavailable),
        error => matches!(error, sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::WorkerCrashed),
    }
}

enum Kind {
    Unique,
    ForeignKey,
    Refused,
    Conflict,
    Unavailable,
    Other,
}

fn kind(error: &(dyn DatabaseError + 'static)) -> Kind {
    match error.kind() {
        ErrorKind::UniqueViolation => return Kind::Unique,
        ErrorKind::ForeignKeyViolation => return Kind::ForeignKey,
        ErrorKind::NotNullViolation | ErrorKind::CheckViolation | ErrorKind::ExclusionViolation => {
            return Kind::Refused;
        }
        _ => {}
    }
    let code = error.code().unwrap_or_default();
    if error.try_downcast_ref::<sqlx::postgres::PgDatabaseError>().is_some() {
        postgres_kind(&code)
    } else {
        code.parse().map_or(Kind::Other, sqlite_kind)
    }
}

/// By SQLSTATE (PostgreSQL documentation, appendix A).
fn postgres_kind(code: &str) -> Kind {
    match code {
        // Serialisation failure, deadlock, lock not available.
        "40001" | "40P01" | "55P03" => Kind::Conflict,
        // A read-only server is a standby that was promoted away from us.
        "25006" => Kind::Unavailable,
        _ => match code.get(..2) {
            // Data exception, integrity constraint.
            Some("22" | "23") => Kind::Refused,
            // Connection, resources, operator intervention, system error, corruption.
            Some("08" | "53" | "57" | "58" | "XX") => Kind::Unavailable,
            _ => Kind::Other,
        },
    }
}

/// By result code; the low octet is the primary one (SQLite documentation, "Result and Error Codes").
const fn sqlite_kind(code: i32) -> Kind {
    match code & 0xff {
        // CONSTRAINT, TOOBIG, MISMATCH, RANGE.
        18..=20 | 25 => Kind::Refused,
        // PERM, BUSY, LOCKED, NOMEM, READONLY, INTERRUPT, IOERR, CORRUPT, FULL, CANTOPEN, PROTOCOL, NOTADB.
        3 | 5..=11 | 13..=15 | 26 => Kind::Unavailable,
        _ => Kind::Other,
    }
}
