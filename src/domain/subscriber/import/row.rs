//! One line of a table as a subscriber to be.

use std::collections::HashMap;

use base::{MacAddress, PlanId, RouterId, SecretString, Timestamp};
use jiff::{civil::Date, tz::TimeZone};

use super::{
    super::{
        super::values::{Invalid, text::search_key},
        CustomerSpec, Login, MacLock, ServiceType, Status, SubscriberSpec, password,
    },
    Column,
    sheet::{Line, Sheet},
};

/// A line that can be imported.
#[derive(Clone, Debug)]
pub struct Draft {
    /// Its number in the file.
    pub line: u64,
    /// The subscriber.
    pub spec: SubscriberSpec,
    /// How it shows who it is.
    pub login: Login,
    /// May it log in?
    pub status: Status,
    /// Who pays.
    pub customer: CustomerSpec,
    /// The number of the identity card.
    pub identity_number: Option<SecretString>,
}

/// What the lines refer to.
pub(super) struct References {
    /// The tenant's plans by name, as search keys.
    pub(super) plans: HashMap<String, PlanId>,
    /// The tenant's routers by name, as search keys.
    pub(super) routers: HashMap<String, RouterId>,
    /// The tenant's time zone: days end there.
    pub(super) zone: TimeZone,
}

/// Reads one line, or says all that is wrong with it.
pub(super) fn draft(sheet: &Sheet, line: &Line, references: &References) -> Result<Draft, Vec<Invalid>> {
    let field = |column: Column| sheet.field(line, column);
    let mut errors = Errors(Vec::new());
    if sheet.overflows(line) {
        errors.0.push(Invalid::new("line", "has more fields than the first line has names"));
    }
    let plan = errors.take(find(&references.plans, field(Column::Plan), Column::Plan));
    let router = errors.take(found(&references.routers, field(Column::Router), Column::Router));
    let service = errors.take(service(field(Column::Service)));
    let status = errors.take(status(field(Column::Status)));
    let expires_at = errors.take(expiry(field(Column::ExpiresAt), &references.zone));
    let (mac_lock, macs) = errors.take(macs(field(Column::MacLock), field(Column::Macs))).unwrap_or_default();
    let static_address =
        errors.take(parsed(Column::StaticAddress, field(Column::StaticAddress).trim_end_matches("/32")));
    let ipv6_prefix = errors.take(parsed(Column::Ipv6Prefix, field(Column::Ipv6Prefix)));
    let delegated = errors.take(parsed(Column::DelegatedIpv6Prefix, field(Column::DelegatedIpv6Prefix)));
    let simultaneous = errors.take(parsed(Column::Simultaneous, field(Column::Simultaneous)));

    let login = login(field(Column::Username), field(Column::Password));
    errors.take(password::choose(login.clone()).map(drop));
    let customer = CustomerSpec {
        name: first_of(field(Column::Name), field(Column::Username)).to_owned(),
        phone: Some(bare(field(Column::Phone)).to_owned()),
        email: Some(field(Column::Email).to_owned()),
        address: field(Column::Address).to_owned(),
        note: field(Column::Note).to_owned(),
    };
    let customer = errors.take(customer.validated());
    let identity_number = bare(field(Column::IdentityNumber));
    let spec = SubscriberSpec {
        service: service.unwrap_or(ServiceType::Any),
        expires_at: expires_at.flatten(),
        mac_lock: mac_lock.unwrap_or(MacLock::Off),
        macs,
        router: router.flatten(),
        static_address: static_address.flatten(),
        ipv6_prefix: ipv6_prefix.flatten(),
        delegated_ipv6_prefix: delegated.flatten(),
        simultaneous: simultaneous.flatten(),
        // Without a plan the line is not imported; the rest of it is checked all the same.
        ..SubscriberSpec::new(field(Column::Username), plan.unwrap_or_else(|| PlanId::from_bytes([0; 16])))
    };
    let mut spec = spec;
    if matches!(login, Login::HardwareAddress)
        && let Some(mac) = MacAddress::parse(spec.username.as_bytes())
    {
        spec.username = mac.to_string();
    }
    let spec = errors.take(spec.validated());
    match (errors.0.is_empty(), spec, status, customer) {
        (true, Some(spec), Some(status), Some(customer)) => Ok(Draft {
            line: line.number,
            spec,
            login,
            status,
            customer,
            identity_number: (!identity_number.is_empty())
                .then(|| SecretString::new(identity_number.to_owned())),
        }),
        _ => Err(errors.0),
    }
}

struct Errors(Vec<Invalid>);

impl Errors {
    fn take<T>(&mut self, outcome: Result<T, Invalid>) -> Option<T> {
        outcome.map_err(|invalid| self.0.push(invalid)).ok()
    }
}

/// A hardware address without a password is all there is to the login.
fn login(username: &str, password: &str) -> Login {
    if !password.is_empty() {
        return Login::Password(Some(SecretString::new(password.to_owned())));
    }
    let is_hardware = username.contains([':', '-', '.']) && MacAddress::parse(username.as_bytes()).is_some();
    if is_hardware { Login::HardwareAddress } else { Login::Password(None) }
}

fn find<T: Copy>(known: &HashMap<String, T>, name: &str, column: Column) -> Result<T, Invalid> {
    if name.is_empty() {
        return Err(Invalid::new(column.field(), "must not be empty"));
    }
    let problem = || Invalid::new(column.field(), format!("there is no {} {name:?}", column.field()));
    known.get(&search_key(name)).copied().ok_or_else(problem)
}

fn found<T: Copy>(known: &HashMap<String, T>, name: &str, column: Column) -> Result<Option<T>, Invalid> {
    if name.is_empty() { Ok(None) } else { find(known, name, column).map(Some) }
}

fn service(text: &str) -> Result<ServiceType, Invalid> {
    match text.to_lowercase().as_str() {
        "" | "any" | "semua" => Ok(ServiceType::Any),
        "ppp" | "pppoe" => Ok(ServiceType::Ppp),
        "hotspot" => Ok(ServiceType::Hotspot),
        _ => Err(Invalid::new(Column::Service.field(), "is none of: ppp, hotspot, any")),
    }
}

fn status(text: &str) -> Result<Status, Invalid> {
    match text.to_lowercase().as_str() {
        "" | "active" | "aktif" => Ok(Status::Active),
        "suspended" | "suspend" | "nonaktif" | "inactive" => Ok(Status::Suspended),
        _ => Err(Invalid::new(Column::Status.field(), "is none of: active, suspended")),
    }
}

/// A time, or a day (`2026-12-31`, `31/12/2026`, `31-12-2026`) to its end.
fn expiry(text: &str, zone: &TimeZone) -> Result<Option<Timestamp>, Invalid> {
    if text.is_empty() {
        return Ok(None);
    }
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(Some(time));
    }
    let end = day(text)
        .and_then(|day| day.tomorrow().ok())
        .and_then(|next| next.to_zoned(zone.clone()).ok())
        .map(|midnight| Timestamp::from_millis(midnight.timestamp().as_millisecond()));
    match end {
        Some(end) => Ok(Some(end)),
        None => Err(Invalid::new(
            Column::ExpiresAt.field(),
            "is neither a day such as 2026-12-31 nor a time such as 2026-12-31T17:00:00Z",
        )),
    }
}

fn day(text: &str) -> Option<Date> {
    let parts: Vec<&str> = text.split(['-', '/', '.']).collect();
    let [first, second, third] = parts.as_slice() else { return None };
    let (year, month, day) = if first.len() == 4 { (first, second, third) } else { (third, second, first) };
    if year.len() != 4 {
        return None;
    }
    Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok()
}

/// The lock and its addresses. Addresses alone mean a closed lock.
fn macs(lock: &str, text: &str) -> Result<(Option<MacLock>, Vec<MacAddress>), Invalid> {
    let macs: Result<Vec<MacAddress>, _> =
        text.split([' ', ',', ';', '|', '\n']).filter(|part| !part.is_empty()).map(str::parse).collect();
    let macs = macs.map_err(|error| Invalid::new(Column::Macs.field(), error.to_string()))?;
    let lock = match lock.to_lowercase().as_str() {
        "" if macs.is_empty() => MacLock::Off,
        "" => MacLock::Locked,
        text => text.parse().map_err(|error: base::text_enum::UnknownMember| {
            Invalid::new(Column::MacLock.field(), error.to_string())
        })?,
    };
    Ok((Some(lock), macs))
}

fn parsed<T: std::str::FromStr>(column: Column, text: &str) -> Result<Option<T>, Invalid>
where
    T::Err: std::fmt::Display,
{
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|error: T::Err| Invalid::new(column.field(), error.to_string()))
}

/// Spreadsheets put an apostrophe before a number that is to stay a text.
fn bare(text: &str) -> &str {
    text.strip_prefix('\'').unwrap_or(text)
}

const fn first_of<'a>(text: &'a str, other: &'a str) -> &'a str {
    if text.is_empty() { other } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn references() -> References {
        References {
            plans: HashMap::from([("home 20".to_owned(), PlanId::from_bytes([1; 16]))]),
            routers: HashMap::from([("core".to_owned(), RouterId::from_bytes([2; 16]))]),
            zone: TimeZone::get("Asia/Jakarta").unwrap(),
        }
    }

    fn read(text: &str) -> Result<Draft, Vec<String>> {
        let sheet = Sheet::parse(text.as_bytes()).unwrap();
        draft(&sheet, &sheet.lines[0], &references())
            .map_err(|errors| errors.into_iter().map(|invalid| invalid.field.into_owned()).collect())
    }

    #[test]
    fn a_full_line() {
        let draft = read(
            "username,password,plan,name,phone,nik,service,status,expires,mac,router,ip,simultaneous\n\
             budi,rahasia,HOME  20,Budi Santoso,'0812-34,'3171012345670001,PPPoE,Aktif,31/12/2026,\
             aa-bb-cc-00-00-01 AABBCC000002,Core,10.0.0.5/32,2\n",
        )
        .unwrap();
        assert_eq!((draft.line, draft.status), (2, Status::Active));
        assert_eq!(draft.customer.phone.as_deref(), Some("081234"));
        assert_eq!(draft.identity_number.unwrap().expose(), "3171012345670001");
        let spec = draft.spec;
        assert_eq!((spec.service, spec.mac_lock, spec.macs.len()), (ServiceType::Ppp, MacLock::Locked, 2));
        assert_eq!(spec.expires_at.unwrap().to_string(), "2026-12-31T17:00:00Z", "the day's end in Jakarta");
        assert_eq!((spec.router.is_some(), spec.simultaneous), (true, Some(2)));
        assert!(matches!(draft.login, Login::Password(Some(_))));
    }

    #[test]
    fn a_short_line() {
        let draft = read("username,plan\nbudi,home 20\n").unwrap();
        assert_eq!(draft.customer.name, "budi");
        assert!(matches!(draft.login, Login::Password(None)), "to be made");
        let draft = read("username,plan\naa-bb-cc-00-00-01,home 20\n").unwrap();
        assert_eq!(draft.spec.username, "AA:BB:CC:00:00:01");
        assert!(matches!(draft.login, Login::HardwareAddress));
        let draft = read("username,plan\n131234567890,home 20\n").unwrap();
        assert!(matches!(draft.login, Login::Password(None)), "a customer number");
    }

    #[test]
    fn all_errors_of_a_line_are_told_at_once() {
        let errors = read(
            "username,plan,service,expires,mac,ip,simultaneous,router,status,email,phone\n\
             ,Home 99,dialup,tomorrow,xx,10.0.0.256,many,edge,sleeping,budi,6.28E+11\n",
        )
        .unwrap_err();
        for field in [
            "plan",
            "service",
            "expiresAt",
            "macs",
            "staticAddress",
            "simultaneous",
            "router",
            "status",
            "email",
            "username",
        ] {
            assert!(errors.iter().any(|error| error == field), "{field} in {errors:?}");
        }
        assert_eq!(read("username,plan\nbudi,home 20,extra\n").unwrap_err(), ["line"]);
        assert_eq!(read("username,plan,macLock\nbudi,home 20,locked\n").unwrap_err(), ["macs"]);
        assert_eq!(read("username,plan,phone\nbudi,home 20,6.28E+11\n").unwrap_err(), ["phone"]);
    }

    #[test]
    fn days_in_every_order() {
        let zone = TimeZone::UTC;
        for text in ["2026-02-28", "28/02/2026", "28-2-2026", "28.02.2026"] {
            let end = expiry(text, &zone).unwrap().unwrap();
            assert_eq!(end.to_string(), "2026-03-01T00:00:00Z", "{text}");
        }
        assert_eq!(
            expiry("2026-02-28T10:00:00+07:00", &zone).unwrap().unwrap().to_string(),
            "2026-02-28T03:00:00Z"
        );
        for text in ["2026-02-29", "02/28/2026", "28/02/26", "28 Feb 2026", "9999-12-31"] {
            assert!(expiry(text, &zone).is_err(), "{text}");
        }
    }
}
