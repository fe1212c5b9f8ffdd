//! What of the open charges stands on one invoice: several of one add-on for the same days are one line.

use base::{Currency, Minor, SaasChargeId, Scope, money::AmountOutOfRange};
use foundation::{Conn, db};

use super::{super::tenant::saas_plan::Period, SaasCharge, charge, store};

/// Lines of one invoice; what does not fit stands on the next one.
const MAX_LINES: usize = 200;
/// Charges of one invoice: it is written in one transaction, which stays below a thousand rows.
const MAX_CHARGES: i64 = 600;

/// Charges that stand on one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvoiceCharges {
    /// What for.
    pub description: String,
    /// At least one: of one plan, or of one add-on with one price and the same days.
    pub charges: Vec<SaasCharge>,
}

impl InvoiceCharges {
    /// What they cost together.
    ///
    /// # Errors
    /// When the amount is out of range.
    pub fn amount(&self) -> Result<Minor, AmountOutOfRange> {
        self.charges.iter().try_fold(Minor::ZERO, |sum, charge| sum.checked_add(charge.amount))
    }
}

/// What the next invoice of a currency asks for: the charge `own`, then what the plan cost otherwise, then add-ons, each oldest
/// first. However many units were bought one by one, the plan is asked for.
///
/// # Errors
/// When the database cannot be read.
pub async fn invoice_charges(
    conn: &mut Conn,
    scope: &Scope,
    currency: Currency,
    own: Option<SaasChargeId>,
) -> db::Result<Vec<InvoiceCharges>> {
    let mut lines: Vec<InvoiceCharges> = Vec::new();
    for charge in store::charge::open_of(conn, scope, currency, own, MAX_CHARGES).await? {
        let same = lines.iter_mut().find(|line| is_one_line(&line.charges[0], &charge));
        if let Some(line) = same {
            line.charges.push(charge);
        } else if lines.len() < MAX_LINES {
            lines.push(InvoiceCharges { description: charge.description.clone(), charges: vec![charge] });
        }
    }
    for line in lines.iter_mut().filter(|line| line.charges.len() > 1) {
        let first = &line.charges[0];
        let Some(of) = first.tenant_addon else { continue };
        let Some(row) = store::tenant_addon::find(conn, scope, of).await? else { continue };
        let Some(addon) = store::catalogue::find(conn, row.addon).await? else { continue };
        let units = line.charges.iter().map(|charge| charge.units).sum();
        let days = Period { from: first.from_day, until: first.until_day };
        line.description = charge::describe(&addon.spec.name, units, days);
    }
    Ok(lines)
}

/// Whether the tenant owes something in this currency that stands on no invoice; what is given back does not count.
///
/// # Errors
/// When the database cannot be read.
pub async fn owes(conn: &mut Conn, scope: &Scope, currency: Currency) -> db::Result<bool> {
    store::charge::is_owed(conn, scope, currency).await
}

/// Whether two charges differ in nothing but the moment and the units. Those of plans stand alone: each tells something else.
fn is_one_line(one: &SaasCharge, other: &SaasCharge) -> bool {
    let key = |charge: &SaasCharge| (charge.unit_price, charge.cycle_from, charge.from_day, charge.until_day);
    one.tenant_addon.is_some() && one.tenant_addon == other.tenant_addon && key(one) == key(other)
}
