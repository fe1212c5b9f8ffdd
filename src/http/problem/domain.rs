//! The errors of the services as problems. Each match is exhaustive: a new error does not compile until it has a code.

use std::time::Duration;

use foundation::{db, event::OperateError, job::manage};

use super::{super::layer::isolation, Code, Problem};
use crate::domain::{
    access::{BudgetError, HashError, LoginError, RoleError, SecondFactorError, TokenError, UserError},
    isolir::{DisconnectError, OverlayError},
    nas, plan, session,
    subscriber::{self, CustomerError, PasswordError, import},
    tenant::{self, limit::LimitReached},
    values::Stale,
};

/// When to come back while the database is down: soon enough for a restart, rare enough for a crowd.
const DATABASE_RETRY: Duration = Duration::from_secs(5);
/// When to come back after a lost race or a full queue.
const BUSY_RETRY: Duration = Duration::from_secs(1);

impl From<db::Error> for Problem {
    fn from(error: db::Error) -> Self {
        match error {
            db::Error::Unavailable(_) => {
                Self::new(Code::DatabaseUnavailable).retry_after(DATABASE_RETRY).because(error)
            }
            db::Error::Conflict(_) => Self::new(Code::Busy).retry_after(BUSY_RETRY).because(error),
            _ => Self::internal(error),
        }
    }
}

impl From<OperateError> for Problem {
    fn from(error: OperateError) -> Self {
        match error {
            OperateError::NotFound => Self::new(Code::NotFound).detail(error.to_string()),
            OperateError::Moved { .. } => Self::new(Code::SubscriberMoved).detail(error.to_string()),
            OperateError::NotKept { .. } => Self::new(Code::EventNotKept).detail(error.to_string()),
            OperateError::Database(error) => error.into(),
        }
    }
}

impl From<LimitReached> for Problem {
    fn from(reached: LimitReached) -> Self {
        /// What programs are told.
        #[derive(serde::Serialize)]
        struct Limit {
            name: tenant::Limit,
            used: i64,
            maximum: i64,
            addon: Option<&'static str>,
        }
        let LimitReached { limit, used, maximum, is_overridden } = reached;
        let addon = limit.addon().filter(|_| !is_overridden);
        let detail = match addon {
            None if is_overridden => format!("{reached}; the platform has set it, and can raise it"),
            Some(addon) => format!("{reached}; the add-on {addon} raises it"),
            None => format!("{reached}; a larger plan raises it"),
        };
        Self::new(Code::LimitReached)
            .detail(detail)
            .with("limit", Limit { name: limit, used, maximum, addon })
    }
}

impl From<Stale> for Problem {
    fn from(stale: Stale) -> Self {
        Self::new(Code::VersionMoved).detail(stale.to_string())
    }
}

impl From<HashError> for Problem {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Busy => Self::new(Code::Busy).retry_after(BUSY_RETRY).detail(error.to_string()),
            HashError::Algorithm => Self::internal(error),
        }
    }
}

impl From<LoginError> for Problem {
    fn from(error: LoginError) -> Self {
        match error {
            LoginError::Refused => Self::new(Code::LoginRefused),
            LoginError::Throttled(throttled) => {
                Self::new(Code::LoginThrottled).retry_after(throttled.wait).detail(throttled.to_string())
            }
            LoginError::SecondFactorRequired => Self::new(Code::SecondFactorRequired),
            LoginError::SecondFactorRefused => Self::new(Code::SecondFactorRefused),
            LoginError::SecondFactor(error) => error.into(),
            LoginError::PanelLocked { status, .. } => isolation::refusal(status),
            LoginError::Password(error) => error.into(),
            LoginError::Database(error) => error.into(),
        }
    }
}

impl From<UserError> for Problem {
    fn from(error: UserError) -> Self {
        match error {
            UserError::NotFound => Self::new(Code::NotFound),
            UserError::Stale(stale) => stale.into(),
            UserError::Invalid(invalid) => invalid.into(),
            UserError::LimitReached(reached) => reached.into(),
            UserError::LoginTaken => Self::new(Code::NameTaken).field("login", error.to_string()),
            UserError::NotAllowed { .. } => Self::new(Code::RankTooLow).detail(error.to_string()),
            UserError::LastOwner => Self::new(Code::LastOwner).detail(error.to_string()),
            UserError::ByProgram => Self::new(Code::PersonRequired).detail(error.to_string()),
            UserError::Database(error) => error.into(),
        }
    }
}

impl From<SecondFactorError> for Problem {
    fn from(error: SecondFactorError) -> Self {
        match error {
            SecondFactorError::AlreadyOn | SecondFactorError::NotBegun => {
                Self::new(Code::NotPossible).detail(error.to_string())
            }
            SecondFactorError::WrongCode => Self::new(Code::SecondFactorRefused),
            SecondFactorError::Sealed(_) => Self::internal(error),
            SecondFactorError::Database(error) => error.into(),
        }
    }
}

impl From<RoleError> for Problem {
    fn from(error: RoleError) -> Self {
        match error {
            RoleError::NotFound => Self::new(Code::NotFound),
            RoleError::Stale(stale) => stale.into(),
            RoleError::Invalid(invalid) => invalid.into(),
            RoleError::NameTaken => Self::new(Code::NameTaken).field("name", error.to_string()),
            RoleError::NotAllowed(_) | RoleError::Outranked(_) => {
                Self::new(Code::RankTooLow).detail(error.to_string())
            }
            RoleError::ByProgram => Self::new(Code::PersonRequired).detail(error.to_string()),
            RoleError::InUse(_) => Self::new(Code::InUse).detail(error.to_string()),
            RoleError::Database(error) => error.into(),
        }
    }
}

impl From<BudgetError> for Problem {
    fn from(error: BudgetError) -> Self {
        match error {
            BudgetError::NotFound => Self::new(Code::NotFound),
            BudgetError::Invalid(invalid) => invalid.into(),
            BudgetError::Database(error) => error.into(),
        }
    }
}

impl From<TokenError> for Problem {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::NotFound => Self::new(Code::NotFound),
            TokenError::Invalid(invalid) => invalid.into(),
            TokenError::NotAllowed(_) | TokenError::NotManaged { .. } => {
                Self::new(Code::RankTooLow).detail(error.to_string())
            }
            TokenError::ByProgram => Self::new(Code::PersonRequired).detail(error.to_string()),
            TokenError::Database(error) => error.into(),
        }
    }
}

impl From<tenant::CreateError> for Problem {
    fn from(error: tenant::CreateError) -> Self {
        match error {
            tenant::CreateError::Invalid(invalid) => invalid.into(),
            tenant::CreateError::SlugTaken => Self::new(Code::NameTaken).field("slug", error.to_string()),
            tenant::CreateError::UnknownPlan => {
                Self::new(Code::InvalidBody).field("saasPlanId", error.to_string())
            }
            tenant::CreateError::Database(error) => error.into(),
        }
    }
}

impl From<tenant::UpdateError> for Problem {
    fn from(error: tenant::UpdateError) -> Self {
        match error {
            tenant::UpdateError::NotFound => Self::new(Code::NotFound),
            tenant::UpdateError::Stale(stale) => stale.into(),
            tenant::UpdateError::Invalid(invalid) => invalid.into(),
            tenant::UpdateError::SlugTaken => Self::new(Code::NameTaken).field("slug", error.to_string()),
            tenant::UpdateError::Database(error) => error.into(),
        }
    }
}

impl From<tenant::ListError> for Problem {
    fn from(error: tenant::ListError) -> Self {
        match error {
            tenant::ListError::Cursor => Self::new(Code::InvalidCursor),
            tenant::ListError::Database(error) => error.into(),
        }
    }
}

impl From<nas::LoadError> for Problem {
    fn from(error: nas::LoadError) -> Self {
        match error {
            nas::LoadError::NotFound => Self::new(Code::NotFound),
            nas::LoadError::Invalid(invalid) => invalid.into(),
            nas::LoadError::Database(error) => error.into(),
        }
    }
}

impl From<nas::CreateError> for Problem {
    fn from(error: nas::CreateError) -> Self {
        match error {
            nas::CreateError::Invalid(invalid) => invalid.into(),
            nas::CreateError::NameTaken => Self::new(Code::NameTaken).field("name", error.to_string()),
            nas::CreateError::Sharing(error) => error.into(),
            nas::CreateError::LimitReached(reached) => reached.into(),
            nas::CreateError::Database(error) => error.into(),
        }
    }
}

impl From<nas::UpdateError> for Problem {
    fn from(error: nas::UpdateError) -> Self {
        match error {
            nas::UpdateError::NotFound => Self::new(Code::NotFound),
            nas::UpdateError::Stale(stale) => stale.into(),
            nas::UpdateError::Invalid(invalid) => invalid.into(),
            nas::UpdateError::NameTaken => Self::new(Code::NameTaken).field("name", error.to_string()),
            nas::UpdateError::Sharing(error) => error.into(),
            nas::UpdateError::Sealed(_) => Self::internal(error),
            nas::UpdateError::Database(error) => error.into(),
        }
    }
}

impl From<nas::DeleteError> for Problem {
    fn from(error: nas::DeleteError) -> Self {
        match error {
            nas::DeleteError::NotFound => Self::new(Code::NotFound),
            nas::DeleteError::InUse(_) => Self::new(Code::InUse).detail(error.to_string()),
            nas::DeleteError::Database(error) => error.into(),
        }
    }
}

impl From<nas::SharingError> for Problem {
    fn from(error: nas::SharingError) -> Self {
        let code = match error {
            nas::SharingError::Unsigned => Code::AddressNotShareable,
            nas::SharingError::Chosen => Code::SecretMustBeGenerated,
            nas::SharingError::Equal => Code::SecretTaken,
            nas::SharingError::Database(error) => return error.into(),
        };
        Self::new(code).detail(error.to_string())
    }
}

impl From<nas::SecretError> for Problem {
    fn from(error: nas::SecretError) -> Self {
        match error {
            nas::SecretError::NotFound => Self::new(Code::NotFound),
            nas::SecretError::Invalid(invalid) => invalid.into(),
            nas::SecretError::Sharing(error) => error.into(),
            nas::SecretError::Sealed(_) => Self::internal(error),
            nas::SecretError::Database(error) => error.into(),
        }
    }
}

impl From<plan::LoadError> for Problem {
    fn from(error: plan::LoadError) -> Self {
        match error {
            plan::LoadError::NotFound => Self::new(Code::NotFound),
            plan::LoadError::Invalid(invalid) => invalid.into(),
            plan::LoadError::Database(error) => error.into(),
        }
    }
}

impl From<plan::CreateError> for Problem {
    fn from(error: plan::CreateError) -> Self {
        match error {
            plan::CreateError::Invalid(invalid) => invalid.into(),
            plan::CreateError::NameTaken => Self::new(Code::NameTaken).field("name", error.to_string()),
            plan::CreateError::Database(error) => error.into(),
        }
    }
}

impl From<plan::UpdateError> for Problem {
    fn from(error: plan::UpdateError) -> Self {
        match error {
            plan::UpdateError::NotFound => Self::new(Code::NotFound),
            plan::UpdateError::Stale(stale) => stale.into(),
            plan::UpdateError::Invalid(invalid) => invalid.into(),
            plan::UpdateError::NameTaken => Self::new(Code::NameTaken).field("name", error.to_string()),
            plan::UpdateError::Database(error) => error.into(),
        }
    }
}

impl From<plan::DeleteError> for Problem {
    fn from(error: plan::DeleteError) -> Self {
        match error {
            plan::DeleteError::NotFound => Self::new(Code::NotFound),
            plan::DeleteError::InUse(_) => Self::new(Code::InUse).detail(error.to_string()),
            plan::DeleteError::Database(error) => error.into(),
        }
    }
}

impl From<session::ListError> for Problem {
    fn from(error: session::ListError) -> Self {
        match error {
            session::ListError::Cursor => Self::new(Code::InvalidCursor),
            session::ListError::Database(error) => error.into(),
        }
    }
}

impl From<OverlayError> for Problem {
    fn from(error: OverlayError) -> Self {
        match error {
            OverlayError::NotFound => Self::new(Code::NotFound),
            OverlayError::NoteTooLong => Self::new(Code::InvalidBody).field("note", error.to_string()),
            OverlayError::Database(error) => error.into(),
        }
    }
}

impl From<DisconnectError> for Problem {
    fn from(error: DisconnectError) -> Self {
        match error {
            DisconnectError::Database(error) => error.into(),
        }
    }
}

impl From<CustomerError> for Problem {
    fn from(error: CustomerError) -> Self {
        match error {
            CustomerError::NotFound => Self::new(Code::NotFound),
            CustomerError::Stale(stale) => stale.into(),
            CustomerError::Invalid(invalid) => invalid.into(),
            CustomerError::Sealed(_) => Self::internal(error),
            CustomerError::Database(error) => error.into(),
        }
    }
}

impl From<subscriber::ListError> for Problem {
    fn from(error: subscriber::ListError) -> Self {
        match error {
            subscriber::ListError::Cursor => Self::new(Code::InvalidCursor),
            subscriber::ListError::Database(error) => error.into(),
        }
    }
}

impl From<subscriber::CreateError> for Problem {
    fn from(error: subscriber::CreateError) -> Self {
        use subscriber::CreateError as E;
        match error {
            E::Invalid(invalid) => invalid.into(),
            E::UsernameTaken => Self::new(Code::NameTaken).field("username", error.to_string()),
            E::AddressTaken => Self::new(Code::AddressTaken).field("staticAddress", error.to_string()),
            E::UnknownPlan => Self::new(Code::InvalidBody).field("planId", error.to_string()),
            E::UnknownRouter => Self::new(Code::InvalidBody).field("routerId", error.to_string()),
            E::UnknownCustomer => Self::new(Code::InvalidBody).field("customerId", error.to_string()),
            E::LimitReached(reached) => reached.into(),
            E::Database(error) => error.into(),
        }
    }
}

impl From<subscriber::UpdateError> for Problem {
    fn from(error: subscriber::UpdateError) -> Self {
        use subscriber::UpdateError as E;
        match error {
            E::NotFound => Self::new(Code::NotFound),
            E::Stale(stale) => stale.into(),
            E::Invalid(invalid) => invalid.into(),
            E::UsernameTaken => Self::new(Code::NameTaken).field("username", error.to_string()),
            E::AddressTaken => Self::new(Code::AddressTaken).field("staticAddress", error.to_string()),
            E::UnknownPlan => Self::new(Code::InvalidBody).field("planId", error.to_string()),
            E::UnknownRouter => Self::new(Code::InvalidBody).field("routerId", error.to_string()),
            E::Ended => Self::new(Code::NotPossible).detail(error.to_string()),
            E::Database(error) => error.into(),
        }
    }
}

impl From<PasswordError> for Problem {
    fn from(error: PasswordError) -> Self {
        match error {
            PasswordError::NotFound => Self::new(Code::NotFound),
            PasswordError::Invalid(invalid) => invalid.into(),
            PasswordError::UsernameTaken => Self::new(Code::NameTaken).field("username", error.to_string()),
            PasswordError::Sealed(_) => Self::internal(error),
            PasswordError::Database(error) => error.into(),
        }
    }
}

impl From<import::CheckError> for Problem {
    fn from(error: import::CheckError) -> Self {
        match error {
            import::CheckError::Sheet(sheet) => Self::new(Code::InvalidBody).detail(sheet.to_string()),
            import::CheckError::Database(error) => error.into(),
        }
    }
}

impl From<manage::ListError> for Problem {
    fn from(error: manage::ListError) -> Self {
        match error {
            manage::ListError::Cursor => Self::new(Code::InvalidCursor),
            manage::ListError::Database(error) => error.into(),
        }
    }
}

impl From<manage::ChangeError> for Problem {
    fn from(error: manage::ChangeError) -> Self {
        match error {
            manage::ChangeError::NotFound => Self::new(Code::NotFound),
            manage::ChangeError::State(_) | manage::ChangeError::Live => {
                Self::new(Code::NotPossible).detail(error.to_string())
            }
            manage::ChangeError::Database(error) => error.into(),
        }
    }
}
