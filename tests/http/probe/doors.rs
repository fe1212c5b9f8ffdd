//! Who gets in at all: tokens, tenants, roles.

use super::*;

foundation::battery! {
    nobody_gets_in_without_a_valid_token,
    a_second_tenant_sees_and_changes_nothing_of_the_first,
    each_role_does_what_it_may_and_no_more,
}

async fn nobody_gets_in_without_a_valid_token(db: TestDb) {
    let world = World::new(db).await;
    let (rig, owner) = (world.rig(), world.net.tenant.owner.clone());
    let everything: Vec<&str> = Role::Owner.permissions().iter().map(Permission::as_str).collect();
    let soon = json!({ "name": "x", "permissions": everything, "expiresAt": "2026-11-22T09:00:00Z" });
    let (_, expired_program) = program(rig, &owner, &soon).await;
    let lasting = json!({ "name": "x", "permissions": everything });
    let (id, revoked_program) = program(rig, &owner, &lasting).await;
    rig.delete(&format!("/api/v1/tokens/{id}")).token(&owner).send().await.expect(204);
    rig.hand.advance(std::time::Duration::from_hours(12));
    let ended = rig.login("owner@warga.test", Some("warga")).await;
    rig.post("/api/v1/logout").token(&ended).send().await.expect(204);
    let forged = format!("rrn_{}", "A".repeat(43));
    let bad: [(&str, &str); 6] = [
        ("an expired session", owner.as_str()),
        ("an expired program", &expired_program),
        ("a revoked program", &revoked_program),
        ("an ended session", &ended),
        ("a forged token", &forged),
        ("nonsense", "nonsense"),
    ];
    let closed = world.of(|access| access != Access::Open);
    assert!(closed.len() > 70, "{} routes", closed.len());
    for entry in &closed {
        // A platform's route needs no id of this world: its doors are what is looked at.
        let path = entry.path.replace("{id}", &world.ids["tenants"]);
        let answer = rig.call(entry.method.clone(), &path).send().await;
        answer.problem("unauthenticated");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"), "{path}");
        for (what, token) in bad {
            let answer = rig.call(entry.method.clone(), &path).token(token).send().await;
            assert_eq!(answer.json()["code"], "token_invalid", "{what}: {} {path}", entry.method);
            assert_eq!(answer.status, 401);
        }
    }
    for entry in world.of(|access| access == Access::Open) {
        if entry.method == Method::GET {
            let answer = rig.get(&entry.path).send().await;
            world.assert_no_leak(&entry, &answer);
        }
    }
}

async fn a_second_tenant_sees_and_changes_nothing_of_the_first(db: TestDb) {
    let world = World::new(db).await;
    let (rig, first) = (world.rig(), world.net.tenant.id.to_string());
    let second = rig.tenant("desa").await;
    let everything: Vec<&str> = Role::Owner.permissions().iter().map(Permission::as_str).collect();
    let (_, program) = program(rig, &second.owner, &json!({ "name": "x", "permissions": everything })).await;
    let before = world.looks().await;
    let mut routes = world.of(tenant_routes);
    assert!(routes.len() > 50, "{} routes", routes.len());
    for entry in &routes {
        for token in [&second.owner, &program] {
            let answer = world.ask(entry, token, &[]).await;
            world.assert_no_leak(entry, &answer);
            if entry.path.contains("{id}") {
                let code = answer.json()["code"].clone();
                // What no program may do is said before anything is looked for.
                let is_for_people = token == &program && code == "person_required";
                assert!(
                    is_for_people || code == "not_found",
                    "{} {} {}",
                    entry.method,
                    entry.path,
                    answer.text
                );
            }
            if world.example(entry).names_others {
                assert!(answer.status.is_client_error(), "{} {} {}", entry.method, entry.path, answer.text);
            }
            // Naming the first tenant helps nobody, however it is said.
            let named = world.ask(entry, token, &[("rrnetd-tenant", &first)]).await;
            assert_eq!(named.json()["code"], "not_found", "{} {}", entry.method, entry.path);
            world.assert_no_leak(entry, &named);
            let own = second.id.to_string();
            let twice = world.ask(entry, token, &[("rrnetd-tenant", &own), ("rrnetd-tenant", &first)]).await;
            assert_eq!(twice.json()["code"], "invalid_header", "{} {}", entry.method, entry.path);
        }
    }
    for entry in world.of(|access| access == Access::Platform) {
        let path = entry.path.replace("{id}", &first);
        let answer = rig.call(entry.method.clone(), &path).token(&second.owner).send().await;
        answer.problem("permission_missing");
        let program = rig.call(entry.method.clone(), &path).token(&program).send().await;
        program.problem("permission_missing");
    }
    assert_eq!(world.looks().await, before, "nothing was changed");

    // The requests are real: the first tenant's owner gets each of them done, those that take away last.
    routes.sort_by_key(|entry| {
        ["GET", "PUT", "PATCH", "POST", "DELETE"].iter().position(|it| entry.method == *it)
    });
    routes.sort_by_key(|entry| entry.path.ends_with("/end"));
    // What belongs to a thing goes before the thing itself.
    routes.sort_by_key(|entry| (entry.method == Method::DELETE).then(|| usize::MAX - entry.path.len()));
    for entry in &routes {
        let answer = world.ask(entry, &world.net.tenant.owner, &[]).await;
        let done = answer.status.is_success() || answer.status == 409;
        assert!(done, "{} {} is no example: {} {}", entry.method, entry.path, answer.status, answer.text);
    }
}

async fn each_role_does_what_it_may_and_no_more(db: TestDb) {
    let world = World::new(db).await;
    let rig = world.rig();
    let nobody = "0192d3b0-0000-7000-8000-000000000000";
    for role in Role::ALL.iter().copied().filter(|role| !matches!(role, Role::SuperAdmin | Role::Custom)) {
        let login = format!("{role}@warga.test");
        if role != Role::Owner {
            rig.user(Some(&world.net.tenant.scope), &login, role).await;
        }
        let token = rig.login(&login, Some("warga")).await;
        for entry in &rig.routes {
            let path = entry.path.replace("{id}", nobody);
            let call = || rig.call(entry.method.clone(), &path).token(&token);
            match entry.access {
                Access::Tenant(permission, _) => {
                    let answer = call().send().await;
                    let refused = answer.json()["code"] == "permission_missing";
                    assert_eq!(
                        refused,
                        !role.permissions().allow(permission),
                        "{role} {entry:?} {}",
                        answer.text
                    );
                }
                Access::Platform | Access::Nearby => drop(call().send().await.problem("permission_missing")),
                Access::Open | Access::SignedIn | Access::Leaving => {}
            }
        }
    }
    let admin = world.admin.clone();
    for entry in world.of(tenant_routes) {
        let path = entry.path.replace("{id}", nobody);
        rig.call(entry.method.clone(), &path).token(&admin).send().await.problem("tenant_required");
    }
}
