//! What time it is for the queue: the database's own, for all nodes alike.

use base::Timestamp;

use crate::{
    Conn,
    db::{Result, dialect},
};

/// The database's present time.
///
/// # Errors
/// When the database cannot be read.
pub async fn database_time(conn: &mut Conn) -> Result<Timestamp> {
    let (now,) = conn
        .query(dialect(
            "SELECT CAST(ROUND(unixepoch('now', 'subsec') * 1000) AS INTEGER)",
            "SELECT CAST(FLOOR(EXTRACT(EPOCH FROM clock_timestamp()) * 1000) AS BIGINT)",
        ))
        .fetch_one()
        .await?;
    Ok(now)
}
