//! The whole import, on both databases.

use base::{Scope, SecretString, page::PageRequest, seal::Sealer};
use foundation::{Tx, audit, testing::TestDb};
use radius::dictionary::{Dictionary, builtin};

use super::{
    super::{
        CustomerChoice, CustomerSpec, Filter, Login, NewSubscriber, Status, SubscriberSpec, create,
        find_by_username, list, reveal_password,
    },
    *,
};
use crate::domain::{
    plan::{self, PlanSpec},
    tenant::{self, TenantSpec},
};

foundation::battery! {
    a_dry_run_tells_every_line_and_writes_nothing,
    what_is_ready_is_imported,
    many_lines_go_in_short_transactions,
    what_changed_since_the_check_is_told,
    two_imports_of_one_table_make_each_subscriber_once,
}

struct Rig {
    db: TestDb,
    scope: Scope,
    dictionary: Dictionary,
    sealer: Sealer,
}

impl Rig {
    async fn new(db: TestDb) -> Self {
        let dictionary = builtin::dictionary().unwrap();
        let mut tx = db.begin().await.unwrap();
        let tenant =
            tenant::create(&mut tx, &db.platform(), TenantSpec::new("Warga", "warga")).await.unwrap();
        let scope = db.platform().within(tenant.id);
        plan::create(&mut tx, &scope, &dictionary, PlanSpec::monthly("Home 20", base::Minor::ZERO))
            .await
            .unwrap();
        tx.commit().await.unwrap();
        Self { db, scope, dictionary, sealer: Sealer::new([(1, [7; 32])]).unwrap() }
    }

    async fn tx(&self) -> Tx {
        self.db.begin().await.unwrap()
    }

    async fn check(&self, text: &str) -> Checked {
        let mut conn = self.db.conn().await.unwrap();
        check(&mut conn, &self.scope, text.as_bytes()).await.unwrap()
    }

    async fn apply(&self, drafts: Vec<Draft>) -> Result<Applied, ApplyError> {
        apply(&self.db, &self.scope, &self.sealer, &self.dictionary, drafts).await
    }

    /// Makes a subscriber by hand.
    async fn make(&self, username: &str, address: Option<&str>) {
        let mut tx = self.tx().await;
        let plan = plan::names(&mut tx, &self.scope).await.unwrap()["Home 20"];
        let spec = SubscriberSpec {
            static_address: address.map(|text| text.parse().unwrap()),
            ..SubscriberSpec::new(username, plan)
        };
        let customer = CustomerChoice::New { spec: CustomerSpec::named("X"), identity_number: None };
        let new = NewSubscriber { spec, login: Login::Password(None), customer };
        create(&mut tx, &self.scope, &self.sealer, &self.dictionary, new).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn count(&self) -> usize {
        let mut conn = self.db.conn().await.unwrap();
        super::super::count(&mut conn, &self.db.platform()).await.unwrap()
    }
}

async fn a_dry_run_tells_every_line_and_writes_nothing(db: TestDb) {
    let rig = Rig::new(db).await;
    rig.make("taken", Some("10.0.0.1")).await;
    let checked = rig
        .check(
            "username;plan;ip;Warna\n\
             budi;Home 20;10.0.0.5;merah\n\
             siti;Home 99;;\n\
             taken;home 20;;\n\
             agus;Home 20;10.0.0.1;\n\
             budi;Home 20;;\n\
             citra;Home 20;10.0.0.5;\n\
             dewi;HOME 20;;\n",
        )
        .await;
    let report = checked.report;
    assert_eq!((report.rows, report.ready, report.more_errors), (7, 2, 0));
    assert_eq!(report.ignored_columns, ["Warna"]);
    let told: Vec<(u64, &str)> = report.errors.iter().map(|error| (error.line, &*error.field)).collect();
    assert_eq!(
        told,
        [(3, "plan"), (4, "username"), (5, "staticAddress"), (6, "username"), (7, "staticAddress")]
    );
    assert_eq!(checked.drafts.iter().map(|draft| draft.line).collect::<Vec<_>>(), [2, 8]);
    assert_eq!(rig.count().await, 1);
    let mut conn = rig.db.conn().await.unwrap();
    let broken = check(&mut conn, &rig.scope, b"name,phone\n").await;
    assert!(matches!(broken, Err(CheckError::Sheet(SheetError::MissingColumn(Column::Username)))));
}

async fn what_is_ready_is_imported(db: TestDb) {
    let rig = Rig::new(db).await;
    let checked = rig
        .check(
            "username,password,plan,name,phone,status,nik\n\
             budi,rahasia,Home 20,Budi Santoso,0812-1,active,3171012345670001\n\
             siti,,Home 20,,,suspended,\n\
             aa:bb:cc:00:00:01,,Home 20,,,,\n",
        )
        .await;
    assert_eq!(checked.report.errors, []);
    let applied = rig.apply(checked.drafts).await.unwrap();
    assert_eq!((applied.made.len(), applied.errors.len()), (3, 0));
    assert_eq!(applied.made.iter().map(|made| made.line).collect::<Vec<_>>(), [2, 3, 4]);
    let generated: Vec<bool> = applied.made.iter().map(|made| made.generated_password.is_some()).collect();
    assert_eq!(generated, [false, true, false]);

    let mut tx = rig.tx().await;
    let password = reveal_password(&mut tx, &rig.scope, &rig.sealer, applied.made[0].id).await.unwrap();
    assert_eq!(password, Some(SecretString::new("rahasia".into())));
    let siti = find_by_username(&mut tx, &rig.scope, "siti").await.unwrap().unwrap();
    assert_eq!(siti.status, Status::Suspended);
    let hardware = find_by_username(&mut tx, &rig.scope, "AA:BB:CC:00:00:01").await.unwrap().unwrap();
    assert!(hardware.hardware_login);
    let page = list(&mut tx, &rig.scope, &Filter::default(), &PageRequest::new(None, None)).await.unwrap();
    let names: Vec<&str> = page.rows.iter().map(|row| row.customer_name.as_str()).collect();
    assert_eq!(names, ["aa:bb:cc:00:00:01", "Budi Santoso", "siti"]);
    drop(tx);
    let mut conn = rig.db.conn().await.unwrap();
    let page = PageRequest::new(None, None);
    let trail = audit::list(&mut conn, &rig.scope, &audit::Filter::default(), &page).await.unwrap();
    let imported = trail.rows.iter().filter(|entry| entry.act == "subscriber.import").count();
    assert_eq!(imported, 3);
    let text = format!("{:?}", trail.rows);
    assert!(!text.contains("rahasia") && !text.contains("3171012345670001"));
}

async fn many_lines_go_in_short_transactions(db: TestDb) {
    let rig = Rig::new(db).await;
    let lines: String =
        (0..500).map(|at| format!("user{at},Home 20,10.1.{}.{}\n", at / 250, at % 250 + 1)).collect();
    let checked = rig.check(&format!("username,plan,ip\n{lines}")).await;
    assert_eq!(checked.report.ready, 500);
    let before = rig.db.holds().transactions;
    let applied = rig.apply(checked.drafts).await.unwrap();
    assert_eq!(applied.made.len(), 500);
    assert_eq!(rig.db.holds().transactions - before, 3);
    assert!(rig.db.holds().most_rows <= foundation::db::ROWS_LIMIT);
    assert_eq!(rig.count().await, 500);
    let again = rig.check(&format!("username,plan\n{lines}")).await.report;
    assert_eq!((again.ready, again.errors.len() + again.more_errors), (0, 500));
}

async fn what_changed_since_the_check_is_told(db: TestDb) {
    let rig = Rig::new(db).await;
    let checked = rig.check("username,plan,ip\nbudi,Home 20,\nsiti,Home 20,10.0.0.5\nagus,Home 20,\n").await;
    rig.make("budi", Some("10.0.0.5")).await;
    let applied = rig.apply(checked.drafts.clone()).await.unwrap();
    assert_eq!(applied.made.iter().map(|made| made.username.as_str()).collect::<Vec<_>>(), ["agus"]);
    let told: Vec<(u64, &str)> = applied.errors.iter().map(|error| (error.line, &*error.field)).collect();
    assert_eq!(told, [(2, "username"), (3, "staticAddress")]);

    let checked = rig.check("username,plan\nlate,Home 20\n").await;
    let mut tx = rig.tx().await;
    let plan = plan::names(&mut tx, &rig.scope).await.unwrap()["Home 20"];
    tx.query("UPDATE plan SET deleted_at = 1 WHERE id = $1").bind(plan).execute_one().await.unwrap();
    tx.commit().await.unwrap();
    let applied = rig.apply(checked.drafts).await.unwrap();
    assert_eq!((applied.made.len(), &*applied.errors[0].field), (0, "plan"));
}

async fn two_imports_of_one_table_make_each_subscriber_once(db: TestDb) {
    let rig = Rig::new(db).await;
    let lines: String = (0..400).map(|at| format!("user{at},Home 20\n")).collect();
    let checked = rig.check(&format!("username,plan\n{lines}")).await;
    let (first, second) = tokio::join!(rig.apply(checked.drafts.clone()), rig.apply(checked.drafts.clone()));
    let (first, second) = (first.unwrap(), second.unwrap());
    assert_eq!(first.made.len() + second.made.len(), 400);
    assert_eq!(first.errors.len() + second.errors.len(), 400);
    assert_eq!(rig.count().await, 400);
}
