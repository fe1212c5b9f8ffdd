//! `rrnetd migrate` and `rrnetd admin`: with the database alone, while a daemon may run.

use base::{Clock, Platform};
use foundation::{
    Conn, Db,
    db::{self, DatabaseUrl, OpenError},
};

use super::{Failure, Outcome, say, serve::runtime};
use crate::{
    config::{Config, Sources},
    daemon::rescue::MISSING,
    domain::access::{self, Authority, Cost, NewUser, PasswordPool, Role, User},
};

pub(super) fn migrate(sources: &Sources) -> Outcome {
    let config = super::load(sources)?;
    runtime()?.block_on(async {
        let db = open_as(&settings(&config)?).await?;
        let migrated = db.migrate(Clock::system().wall()).await.map_err(Failure::start)?;
        db.close().await;
        let url = url(&config)?;
        say(&format!("database {} at {url}: {} migrations applied", migrated.database, migrated.applied));
        Ok(())
    })
}

/// Makes a super admin with a random password: the only way in on a platform that has nobody yet.
pub(super) fn create(sources: &Sources, login: &str) -> Outcome {
    let config = super::load(sources)?;
    runtime()?.block_on(async {
        let db = open(&config).await?;
        let platform = Platform::system("cli.create_admin", Clock::system().wall());
        let pool = PasswordPool::new(Cost::STANDARD).map_err(Failure::running)?;
        let prepared = pool.prepare(None).await.map_err(Failure::running)?;
        let mut tx = db.begin().await.map_err(Failure::running)?;
        let own = Authority::of(Role::SuperAdmin);
        let user = access::create_user(&mut tx, &platform, &own, NewUser::super_admin(login), &prepared)
            .await
            .map_err(Failure::start)?;
        tx.commit().await.map_err(Failure::running)?;
        db.close().await;
        let password = prepared.generated.as_ref().map_or("", |password| password.expose());
        say(&format!(
            "the password of the super admin {} is {password}\nit is asked to be replaced at the first sign-in",
            user.login
        ));
        Ok(())
    })
}

pub(super) fn reset_password(sources: &Sources, login: &str) -> Outcome {
    let config = super::load(sources)?;
    runtime()?.block_on(async {
        let db = open(&config).await?;
        let platform = Platform::system("cli.reset_password", Clock::system().wall());
        let mut tx = db.begin().await.map_err(Failure::running)?;
        let user = platform_person(&mut tx, &platform, login).await?;
        let pool = PasswordPool::new(Cost::STANDARD).map_err(Failure::running)?;
        let prepared = pool.prepare(None).await.map_err(Failure::running)?;
        access::set_password(&mut tx, &platform, &Authority::of(Role::SuperAdmin), user.id, &prepared)
            .await
            .map_err(Failure::running)?;
        tx.commit().await.map_err(Failure::running)?;
        db.close().await;
        let password = prepared.generated.as_ref().map_or("", |password| password.expose());
        say(&format!(
            "the new password of {login} is {password}\nit is asked to be replaced at the next sign-in"
        ));
        Ok(())
    })
}

pub(super) fn reset_second_factor(sources: &Sources, login: &str) -> Outcome {
    let config = super::load(sources)?;
    runtime()?.block_on(async {
        let db = open(&config).await?;
        let platform = Platform::system("cli.reset_second_factor", Clock::system().wall());
        let mut tx = db.begin().await.map_err(Failure::running)?;
        let user = platform_person(&mut tx, &platform, login).await?;
        access::reset_second_factor(&mut tx, &platform, &Authority::of(Role::SuperAdmin), user.id)
            .await
            .map_err(Failure::running)?;
        tx.commit().await.map_err(Failure::running)?;
        db.close().await;
        say(&format!("{login} signs in with the password alone"));
        Ok(())
    })
}

async fn platform_person(conn: &mut Conn, platform: &Platform, login: &str) -> Result<User, Failure> {
    access::find_platform_login(conn, platform, login)
        .await
        .map_err(Failure::running)?
        .ok_or_else(|| Failure::start(anyhow::anyhow!("the platform has nobody with the login {login:?}")))
}

/// The database of the settings.
async fn open(config: &Config) -> Result<Db, Failure> {
    open_ours(&settings(config)?).await
}

/// The same, for reading alone: it may be a copy where nothing can be written.
pub(super) async fn open_for_reading(config: &Config) -> Result<Db, Failure> {
    open_ours(&db::Config { reads_alone: true, ..settings(config)? }).await
}

/// An SQLite file must be there: in a wrong folder none is made.
fn settings(config: &Config) -> Result<db::Config, Failure> {
    Ok(db::Config { may_make: false, ..db::Config::new(url(config)?) })
}

/// One that the daemon, or `migrate`, has had before.
async fn open_ours(settings: &db::Config) -> Result<Db, Failure> {
    let db = open_as(settings).await?;
    match db.identity().await {
        Ok(_) => Ok(db),
        Err(db::Error::Statement(_) | db::Error::RowNotFound) => {
            Err(Failure::start(anyhow::anyhow!("{} is no database of rrnetd's: {MISSING}", settings.url)))
        }
        Err(error) => Err(Failure::running(error)),
    }
}

async fn open_as(settings: &db::Config) -> Result<Db, Failure> {
    Db::open(settings).await.map_err(|error| match error {
        OpenError::Missing { .. } => Failure::start(anyhow::anyhow!("{error}: {MISSING}")),
        error => Failure::start(error),
    })
}

fn url(config: &Config) -> Result<DatabaseUrl, Failure> {
    config.database.url.expose().parse().map_err(Failure::start)
}
