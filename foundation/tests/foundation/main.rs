//! The foundation on both databases. Tables of its own stand in for those of the domains.

#[cfg(test)]
mod audit;
#[cfg(test)]
mod caches;
#[cfg(test)]
mod events;
#[cfg(test)]
mod idempotency;
#[cfg(test)]
mod job;
#[cfg(test)]
mod migrations;
#[cfg(test)]
mod outage;
#[cfg(test)]
mod retention;
#[cfg(test)]
mod statements;
#[cfg(test)]
mod streams;
#[cfg(test)]
mod transactions;

/// Makes tables that a test needs.
#[cfg(test)]
async fn create(db: &foundation::testing::TestDb, tables: &[foundation::db::Sql]) {
    let mut tx = db.begin().await.unwrap();
    for table in tables {
        tx.query(*table).execute().await.unwrap();
    }
    tx.commit().await.unwrap();
}

/// Asks a future once whether it is done.
#[cfg(test)]
fn is_pending<T>(future: std::pin::Pin<&mut impl Future<Output = T>>) -> bool {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    future.poll(&mut context).is_pending()
}
