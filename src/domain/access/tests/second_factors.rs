//! Second factors: devices, and codes on paper.

use super::*;

foundation::battery! {
    a_second_factor_is_asked_for_and_spent,
    codes_on_paper_are_good_for_one_time,
}

/// Turns the second factor of `user` on; gives its secret and its codes on paper.
async fn enrolled(rig: &Rig, scope: &Scope, user: &User) -> (Vec<u8>, Vec<SecretString>) {
    let act = |now| Platform::system("test", now).within(scope.tenant());
    let now = rig.clock.wall();
    let mut tx = rig.db.begin().await.unwrap();
    let made = begin_second_factor(&mut tx, &act(now), &rig.sealer, user).await.unwrap();
    let secret = data_encoding::BASE32_NOPAD.decode(made.secret.expose().as_bytes()).unwrap();
    assert!(made.address.expose().contains(made.secret.expose()));
    let wrong = confirm_second_factor(&mut tx, &act(now), &rig.sealer, user, "000000").await;
    assert!(matches!(wrong, Err(SecondFactorError::WrongCode)));
    let code = totp::code_at(&secret, now);
    let paper = confirm_second_factor(&mut tx, &act(now), &rig.sealer, user, &code).await.unwrap();
    let again = begin_second_factor(&mut tx, &act(now), &rig.sealer, user).await;
    assert!(matches!(again, Err(SecondFactorError::AlreadyOn)));
    tx.commit().await.unwrap();
    (secret, paper)
}

async fn a_second_factor_is_asked_for_and_spent(db: TestDb) {
    let rig = Rig::new(db);
    let scope = rig.tenant("warga").await;
    let user = rig.user(&scope, "budi", Role::Owner, "a long password").await;
    let mut tx = rig.db.begin().await.unwrap();
    begin_second_factor(&mut tx, &scope, &rig.sealer, &user).await.unwrap();
    tx.commit().await.unwrap();
    rig.login("budi", None, "a long password").await.unwrap();
    let (secret, _) = enrolled(&rig, &scope, &user).await;
    let login = |password: &'static str, code: Option<String>| {
        let rig = &rig;
        async move { rig.login_with_code("budi", None, password, code.as_deref()).await }
    };
    let now = || totp::code_at(&secret, rig.clock.wall());
    assert!(
        matches!(login("wrong", Some(now())).await, Err(LoginError::Refused)),
        "the password comes first"
    );
    assert!(matches!(login("a long password", None).await, Err(LoginError::SecondFactorRequired)));
    let spent = login("a long password", Some(now())).await;
    assert!(matches!(spent, Err(LoginError::SecondFactorRefused)), "the code of the enrolment is spent");
    rig.hand.advance(Duration::from_secs(30));
    let signed_in = login("a long password", Some(now())).await.unwrap();
    assert!(signed_in.user.second_factor);
    assert!(matches!(login("a long password", Some(now())).await, Err(LoginError::SecondFactorRefused)));
    // An older code that would still be within the drift does not count behind a newer one.
    rig.hand.advance(Duration::from_secs(60));
    let older = totp::code_at(&secret, rig.clock.wall().saturating_sub(Duration::from_secs(30)));
    login("a long password", Some(now())).await.unwrap();
    assert!(matches!(login("a long password", Some(older)).await, Err(LoginError::SecondFactorRefused)));

    let mut refused = 0;
    while matches!(
        login("a long password", Some("123456".into())).await,
        Err(LoginError::SecondFactorRefused)
    ) {
        refused += 1;
    }
    assert!(refused <= 5, "guessing is slowed down");
    rig.hand.advance(Duration::from_secs(60));
    login("a long password", Some(now())).await.unwrap();

    let mut tx = rig.db.begin().await.unwrap();
    end_second_factor(&mut tx, &scope, &user).await.unwrap();
    assert!(matches!(end_second_factor(&mut tx, &scope, &user).await, Err(SecondFactorError::NotBegun)));
    tx.commit().await.unwrap();
    assert!(!login("a long password", None).await.unwrap().user.second_factor);
    let mut conn = rig.db.conn().await.unwrap();
    let trail = audit::list(&mut conn, &scope, &audit::Filter::default(), &PageRequest::new(None, None))
        .await
        .unwrap();
    let acts: Vec<&str> = trail.rows.iter().map(|entry| entry.act.as_str()).collect();
    assert!(acts.contains(&"user.second_factor_on") && acts.contains(&"user.second_factor_off"));
    let base32 = data_encoding::BASE32_NOPAD.encode(&secret);
    assert!(!format!("{trail:?}").contains(&base32));
}

async fn codes_on_paper_are_good_for_one_time(db: TestDb) {
    let rig = Rig::new(db);
    let scope = rig.tenant("warga").await;
    let user = rig.user(&scope, "budi", Role::Owner, "a long password").await;
    let siti = rig.user(&scope, "siti", Role::Owner, "a long password").await;
    let (_, paper) = enrolled(&rig, &scope, &user).await;
    enrolled(&rig, &scope, &siti).await;
    assert_eq!(paper.len(), 10);
    let login = |login: &'static str, code: SecretString| {
        let rig = &rig;
        async move { rig.login_with_code(login, None, "a long password", Some(code.expose())).await }
    };
    let other = login("siti", paper[0].clone()).await;
    assert!(matches!(other, Err(LoginError::SecondFactorRefused)), "another person's");
    login("budi", paper[0].clone()).await.unwrap();
    assert!(matches!(login("budi", paper[0].clone()).await, Err(LoginError::SecondFactorRefused)));
    login("budi", SecretString::new(paper[1].expose().replace('-', " "))).await.unwrap();
    let mut tx = rig.db.begin().await.unwrap();
    reset_second_factor(&mut tx, &scope, &chief(), user.id).await.unwrap();
    reset_second_factor(&mut tx, &scope, &chief(), user.id).await.unwrap();
    tx.commit().await.unwrap();
    rig.login("budi", None, "a long password").await.unwrap();
}
