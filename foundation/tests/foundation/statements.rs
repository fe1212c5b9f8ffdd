//! Statements, values, errors and transactions.

use base::{DatabaseId, Timestamp};
use foundation::{
    change::Change,
    testing::{NOW, TestDb},
};

foundation::battery! {
    values_come_back_as_they_went_in,
}

async fn values_come_back_as_they_went_in(db: TestDb) {
    let mut tx = db.begin().await.unwrap();
    let id = DatabaseId::generate(NOW);
    tx.query("UPDATE meta SET database_id = $1, created_at = $2")
        .bind(id)
        .bind(NOW)
        .execute_one()
        .await
        .unwrap();
    tx.changed(&db.scope(), Change::new("router", id.as_uuid()));
    tx.commit().await.unwrap();
    let row: (i64, DatabaseId, Timestamp) = db
        .conn()
        .await
        .unwrap()
        .query("SELECT id, database_id, created_at FROM meta")
        .fetch_one()
        .await
        .unwrap();
    assert_eq!(row, (1, id, NOW));
}
