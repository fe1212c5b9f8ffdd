//! Money: an integer count of a currency's minor unit. Rates, tax and proration use `rust_decimal`; rounding
//! happens in one place, [`Minor::from_decimal`].

use std::{fmt, str::FromStr};

use rust_decimal::{Decimal, RoundingStrategy, prelude::ToPrimitive as _};

/// An amount in the minor unit of its currency: rupiah (IDR has exponent 0), cents (USD has 2).
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize,
)]
#[cfg_attr(feature = "sqlx", derive(sqlx::Type), sqlx(transparent))]
#[serde(transparent)]
pub struct Minor(i64);

/// The sum does not fit in 63 bits of minor units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the amount is out of range")]
pub struct AmountOutOfRange;

crate::openapi::describe!(Minor: Integer, Int64);

impl Minor {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// From a count of minor units.
    #[must_use]
    pub const fn new(units: i64) -> Self {
        Self(units)
    }

    /// The count of minor units.
    #[must_use]
    pub const fn units(self) -> i64 {
        self.0
    }

    /// The sum.
    ///
    /// # Errors
    /// When it is out of range.
    pub fn checked_add(self, other: Self) -> Result<Self, AmountOutOfRange> {
        self.0.checked_add(other.0).map(Self).ok_or(AmountOutOfRange)
    }

    /// The difference.
    ///
    /// # Errors
    /// When it is out of range.
    pub fn checked_sub(self, other: Self) -> Result<Self, AmountOutOfRange> {
        self.0.checked_sub(other.0).map(Self).ok_or(AmountOutOfRange)
    }

    /// As an exact decimal count of minor units, for rates and proration.
    #[must_use]
    pub fn to_decimal(self) -> Decimal {
        Decimal::from(self.0)
    }

    /// Rounds a count of minor units half away from zero, as tax offices and customers expect of an invoice line.
    ///
    /// # Errors
    /// When it is out of range.
    pub fn from_decimal(units: Decimal) -> Result<Self, AmountOutOfRange> {
        units
            .round_dp_with_strategy(0, RoundingStrategy::MidpointAwayFromZero)
            .to_i64()
            .map(Self)
            .ok_or(AmountOutOfRange)
    }
}

/// An ISO 4217 currency code: three capital letters.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Currency([u8; 3]);

/// The text is not three capital letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a currency code: three capital letters such as IDR are needed")]
pub struct ParseCurrencyError;

impl Currency {
    /// Indonesian rupiah.
    pub const IDR: Self = Self(*b"IDR");

    /// The code.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("a code is three ASCII letters")
    }

    /// How many decimal digits the minor unit stands behind the major one. Rupiah are counted whole: sen exist in
    /// ISO 4217 but not in commerce.
    #[must_use]
    pub fn exponent(self) -> u32 {
        match &self.0 {
            b"IDR" | b"JPY" | b"KRW" | b"VND" | b"CLP" | b"PYG" | b"UGX" | b"RWF" => 0,
            b"BHD" | b"IQD" | b"JOD" | b"KWD" | b"LYD" | b"OMR" | b"TND" => 3,
            _ => 2,
        }
    }
}

impl FromStr for Currency {
    type Err = ParseCurrencyError;

    fn from_str(text: &str) -> Result<Self, ParseCurrencyError> {
        match <[u8; 3]>::try_from(text.as_bytes()) {
            Ok(code) if code.iter().all(u8::is_ascii_uppercase) => Ok(Self(code)),
            _ => Err(ParseCurrencyError),
        }
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

crate::text_enum::text_value!(Currency);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_half_away_from_zero() {
        for (text, units) in [("0.5", 1), ("-0.5", -1), ("0.49", 0), ("2.5", 3)] {
            assert_eq!(Minor::from_decimal(text.parse().unwrap()), Ok(Minor::new(units)), "{text}");
        }
        assert_eq!(Minor::new(i64::MAX).checked_add(Minor::new(1)), Err(AmountOutOfRange));
        assert_eq!(Minor::from_decimal(Decimal::MAX), Err(AmountOutOfRange));
    }

    #[test]
    fn currency_codes() {
        assert_eq!("IDR".parse(), Ok(Currency::IDR));
        assert_eq!(Currency::IDR.exponent(), 0);
        assert_eq!("idr".parse::<Currency>(), Err(ParseCurrencyError));
        assert_eq!(serde_json::from_str::<Currency>("\"USD\"").unwrap().exponent(), 2);
    }
}
