//! The catalogue, on both databases.

use base::{AddonId, Minor, page::PageRequest};
use foundation::testing::{NOW, TestDb};

use super::*;

foundation::battery! {
    the_official_add_ons_are_there,
    the_catalogue_is_versioned_and_archived,
}

async fn the_official_add_ons_are_there(db: TestDb) {
    let mut conn = db.conn().await.unwrap();
    for (code, limit) in [
        ("extra_router", "network.max_router"),
        ("extra_user_pack", "radius.max_users"),
        ("extra_ODP_maps", "maps.max_ODP"),
        ("extra_client_maps", "maps.max_client"),
        ("wa_premium", "wa.rate_limit_override"),
    ] {
        let addon = find_by_code(&mut conn, code).await.unwrap().unwrap();
        assert_eq!(addon.spec.kind, AddonKind::Official);
        let limits: Vec<&str> = addon.spec.limits.keys().map(|limit| limit.as_str()).collect();
        assert_eq!(limits, [limit]);
        assert!(addon.archived_at.is_some(), "nothing is sold before it has a price");
        let raised: Limit = limit.parse().unwrap();
        assert_eq!(raised.addon(), Some(code), "who reaches the limit is told of it");
        assert_eq!(addon.grants(3).limits, [(raised, addon.spec.limits[&raised] * 3)]);
    }
    let page = PageRequest::new(None, None);
    assert_eq!(list(&mut conn, &db.platform(), &page).await.unwrap().rows.len(), 5);
    assert_eq!(offers(&mut conn, &page).await.unwrap().rows, []);
}

async fn the_catalogue_is_versioned_and_archived(db: TestDb) {
    let rig = Rig::new(db).await;
    let addon = rig.offer(routers(AddonKind::Official)).await;
    let platform = rig.platform();
    let mut tx = rig.db.begin().await.unwrap();
    let again = create(&mut tx, &platform, routers(AddonKind::Official)).await;
    assert!(matches!(again, Err(CatalogueError::CodeTaken)));
    for bad in [
        AddonSpec { unit_price: Minor::new(-1), ..routers(AddonKind::Custom) },
        AddonSpec { max_units: 0, ..routers(AddonKind::Custom) },
        AddonSpec { limits: [].into(), ..routers(AddonKind::Custom) },
        AddonSpec { limits: [(Limit::Routers, 0)].into(), ..routers(AddonKind::Custom) },
    ] {
        assert!(matches!(create(&mut tx, &platform, bad).await, Err(CatalogueError::Invalid(_))));
    }
    let dearer = AddonSpec {
        unit_price: Minor::new(40_000),
        limits: [(Limit::Odps, 5)].into(),
        features: [Feature::Maps].into(),
        ..routers(AddonKind::Official)
    };
    let after = update(&mut tx, &platform, addon.id, Some(addon.version), dearer.clone()).await.unwrap();
    assert_eq!((&after.spec, after.version), (&dearer, addon.version.next()));
    let late = update(&mut tx, &platform, addon.id, Some(addon.version), dearer.clone()).await;
    assert!(matches!(late, Err(CatalogueError::Stale(_))));
    let taken = AddonSpec { code: "wa_premium".into(), ..dearer };
    assert!(matches!(
        update(&mut tx, &platform, addon.id, None, taken).await,
        Err(CatalogueError::CodeTaken)
    ));
    let missing = archive(&mut tx, &platform, AddonId::generate(NOW), None, true).await;
    assert!(matches!(missing, Err(CatalogueError::NotFound)));
    let page = PageRequest::new(Some(1), None);
    assert_eq!(offers(&mut tx, &page).await.unwrap().rows, std::slice::from_ref(&after));
    let archived = archive(&mut tx, &platform, addon.id, None, true).await.unwrap();
    assert_eq!(archive(&mut tx, &platform, addon.id, None, true).await.unwrap(), archived);
    assert_eq!(offers(&mut tx, &page).await.unwrap().rows, []);
    let refused = order(&mut tx, &rig.scope(), asking(&addon, 1)).await;
    assert!(matches!(refused, Err(OrderError::UnknownAddon)));
    let back = archive(&mut tx, &platform, addon.id, None, false).await.unwrap();
    tx.commit().await.unwrap();
    let mut conn = rig.db.conn().await.unwrap();
    assert_eq!(find(&mut conn, addon.id).await.unwrap(), Some(back));
    let first = list(&mut conn, &platform, &page).await.unwrap();
    let next = list(&mut conn, &platform, &PageRequest::new(Some(9), first.next)).await.unwrap();
    assert_eq!((next.rows.len(), next.next), (5, None));
}
