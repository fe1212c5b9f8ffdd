//! The errors of what the platform sells, as problems: SaaS plans, add-ons, invoices.

use super::{Code, Problem};
use crate::domain::{
    addon::{self, CatalogueError, DecideError, OrderError, UnitsError},
    billing::saas::{self, ChangePlanError, IsolateError, IssueError, SetStatusError, SettleError},
    tenant::{SettingsError, saas_plan},
};

impl From<saas_plan::CreateError> for Problem {
    fn from(error: saas_plan::CreateError) -> Self {
        match error {
            saas_plan::CreateError::Invalid(invalid) => invalid.into(),
            saas_plan::CreateError::CodeTaken => Self::new(Code::NameTaken).field("code", error.to_string()),
            saas_plan::CreateError::Database(error) => error.into(),
        }
    }
}

impl From<saas_plan::UpdateError> for Problem {
    fn from(error: saas_plan::UpdateError) -> Self {
        use saas_plan::UpdateError as E;
        match error {
            E::NotFound => Self::new(Code::NotFound),
            E::Stale(stale) => stale.into(),
            E::Invalid(invalid) => invalid.into(),
            E::CodeTaken => Self::new(Code::NameTaken).field("code", error.to_string()),
            E::CurrencyInUse => Self::new(Code::InUse).detail(error.to_string()),
            E::Database(error) => error.into(),
        }
    }
}

impl From<saas_plan::ArchiveError> for Problem {
    fn from(error: saas_plan::ArchiveError) -> Self {
        use saas_plan::ArchiveError as E;
        match error {
            E::NotFound => Self::new(Code::NotFound),
            E::Stale(stale) => stale.into(),
            E::Trial => Self::new(Code::NotPossible).detail(error.to_string()),
            E::Database(error) => error.into(),
        }
    }
}

impl From<saas_plan::AssignError> for Problem {
    fn from(error: saas_plan::AssignError) -> Self {
        use saas_plan::AssignError as E;
        match error {
            E::UnknownPlan => Self::new(Code::InvalidBody).field("saasPlanId", error.to_string()),
            E::Archived => Self::new(Code::NotPossible).detail(error.to_string()),
            E::Update(error) => error.into(),
            E::Database(error) => error.into(),
        }
    }
}

impl From<ChangePlanError> for Problem {
    fn from(error: ChangePlanError) -> Self {
        match error {
            ChangePlanError::Assign(error) => error.into(),
            ChangePlanError::Currency | ChangePlanError::Amount(_) => {
                Self::new(Code::NotPossible).detail(error.to_string())
            }
            ChangePlanError::Database(error) => error.into(),
        }
    }
}

impl From<SettingsError> for Problem {
    fn from(error: SettingsError) -> Self {
        match error {
            SettingsError::Stale(stale) => stale.into(),
            SettingsError::Invalid(invalid) => invalid.into(),
            SettingsError::Database(error) => error.into(),
        }
    }
}

impl From<addon::LoadError> for Problem {
    fn from(error: addon::LoadError) -> Self {
        match error {
            addon::LoadError::NotFound => Self::new(Code::NotFound),
            addon::LoadError::Invalid(invalid) => invalid.into(),
            addon::LoadError::Database(error) => error.into(),
        }
    }
}

impl From<CatalogueError> for Problem {
    fn from(error: CatalogueError) -> Self {
        match error {
            CatalogueError::NotFound => Self::new(Code::NotFound),
            CatalogueError::Stale(stale) => stale.into(),
            CatalogueError::Invalid(invalid) => invalid.into(),
            CatalogueError::CodeTaken => Self::new(Code::NameTaken).field("code", error.to_string()),
            CatalogueError::Database(error) => error.into(),
        }
    }
}

impl From<OrderError> for Problem {
    fn from(error: OrderError) -> Self {
        match error {
            OrderError::Invalid(invalid) => invalid.into(),
            OrderError::UnknownAddon => Self::new(Code::InvalidBody).field("addonId", error.to_string()),
            OrderError::UnknownTenant => Self::new(Code::NotFound),
            OrderError::AlreadyThere | OrderError::Currency | OrderError::WithoutEffect => {
                Self::new(Code::NotPossible).detail(error.to_string())
            }
            OrderError::Amount(error) => Self::new(Code::InvalidBody).field("units", error.to_string()),
            OrderError::Database(error) => error.into(),
        }
    }
}

impl From<DecideError> for Problem {
    fn from(error: DecideError) -> Self {
        match error {
            DecideError::NotFound => Self::new(Code::NotFound),
            DecideError::Decided(_) | DecideError::Amount(_) => {
                Self::new(Code::NotPossible).detail(error.to_string())
            }
            DecideError::Database(error) => error.into(),
        }
    }
}

impl From<UnitsError> for Problem {
    fn from(error: UnitsError) -> Self {
        match error {
            UnitsError::NotFound => Self::new(Code::NotFound),
            UnitsError::Stale(stale) => stale.into(),
            UnitsError::Invalid(invalid) => invalid.into(),
            UnitsError::NotActive(_) | UnitsError::NeedsApproval => {
                Self::new(Code::NotPossible).detail(error.to_string())
            }
            UnitsError::Amount(error) => Self::new(Code::InvalidBody).field("units", error.to_string()),
            UnitsError::Database(error) => error.into(),
        }
    }
}

impl From<saas::LoadError> for Problem {
    fn from(error: saas::LoadError) -> Self {
        match error {
            saas::LoadError::NotFound => Self::new(Code::NotFound),
            saas::LoadError::Invalid(invalid) => invalid.into(),
            saas::LoadError::Database(error) => error.into(),
        }
    }
}

impl From<IssueError> for Problem {
    fn from(error: IssueError) -> Self {
        match error {
            IssueError::UnknownTenant => Self::new(Code::NotFound),
            IssueError::AlreadyIssued(_) | IssueError::NothingOwed | IssueError::Amount(_) => {
                Self::new(Code::NotPossible).detail(error.to_string())
            }
            IssueError::Invalid(invalid) => invalid.into(),
            IssueError::Database(error) => error.into(),
        }
    }
}

impl From<IsolateError> for Problem {
    fn from(error: IsolateError) -> Self {
        match error {
            IsolateError::NothingUnpaid => Self::new(Code::NotPossible).detail(error.to_string()),
            IsolateError::Update(error) => error.into(),
            IsolateError::Database(error) => error.into(),
        }
    }
}

impl From<SetStatusError> for Problem {
    fn from(error: SetStatusError) -> Self {
        match error {
            SetStatusError::Update(error) => error.into(),
            SetStatusError::Amount(_) => Self::new(Code::NotPossible).detail(error.to_string()),
            SetStatusError::Database(error) => error.into(),
        }
    }
}

impl From<SettleError> for Problem {
    fn from(error: SettleError) -> Self {
        match error {
            SettleError::NotFound => Self::new(Code::NotFound),
            SettleError::NotOpen(_) => Self::new(Code::NotPossible).detail(error.to_string()),
            SettleError::Invalid(invalid) => invalid.into(),
            SettleError::Tenant(error) => error.into(),
            SettleError::Database(error) => error.into(),
        }
    }
}
