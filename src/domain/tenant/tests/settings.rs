//! The platform's settings, on both databases.

use foundation::testing::TestDb;

use crate::domain::tenant::{
    Handling, PlatformSettings, SettingsError, platform_settings, set_platform_settings,
};

foundation::battery! { settings_are_versioned }

async fn settings_are_versioned(db: TestDb) {
    let platform = db.platform();
    let mut tx = db.begin().await.unwrap();
    let first = platform_settings(&mut tx).await.unwrap();
    assert_eq!(first.settings, PlatformSettings::default());
    let bank = PlatformSettings {
        payment_instructions: " BCA 123 \n an. RRNet ".into(),
        isolation: Handling::Manual,
        grace_days: 3,
        ..PlatformSettings::default()
    };
    let set = set_platform_settings(&mut tx, &platform, Some(first.version), bank.clone()).await.unwrap();
    assert_eq!(set.settings.payment_instructions, "BCA 123 \n an. RRNet");
    assert_eq!((set.settings.isolation, set.settings.grace_days), (Handling::Manual, 3));
    let long = PlatformSettings { invoice_due_days: 91, ..PlatformSettings::default() };
    let refused = set_platform_settings(&mut tx, &platform, None, long).await;
    assert!(matches!(refused, Err(SettingsError::Invalid(_))));
    let late =
        set_platform_settings(&mut tx, &platform, Some(first.version), PlatformSettings::default()).await;
    assert!(matches!(late, Err(SettingsError::Stale(_))));
    let same = set_platform_settings(&mut tx, &platform, None, bank).await.unwrap();
    assert_eq!(same.version, set.version, "nothing changed");
    let empty = set_platform_settings(&mut tx, &platform, None, PlatformSettings::default()).await.unwrap();
    assert_eq!(empty.version, set.version.next());
    tx.commit().await.unwrap();
    assert_eq!(platform_settings(&mut db.conn().await.unwrap()).await.unwrap(), empty);
}
