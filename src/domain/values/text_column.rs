//! Values of the standard library that stand in the database as their text.

use std::{fmt, str::FromStr};

/// A value read from its canonical text, such as an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text<T>(pub T);

impl<T, DB: sqlx::Database> sqlx::Type<DB> for Text<T>
where
    String: sqlx::Type<DB>,
{
    fn type_info() -> DB::TypeInfo {
        <String as sqlx::Type<DB>>::type_info()
    }

    fn compatible(ty: &DB::TypeInfo) -> bool {
        <String as sqlx::Type<DB>>::compatible(ty)
    }
}

impl<'r, T, DB: sqlx::Database> sqlx::Decode<'r, DB> for Text<T>
where
    T: FromStr<Err: std::error::Error + Send + Sync + 'static>,
    &'r str: sqlx::Decode<'r, DB>,
{
    fn decode(value: DB::ValueRef<'r>) -> Result<Self, sqlx::error::BoxDynError> {
        Ok(Self(<&str as sqlx::Decode<'r, DB>>::decode(value)?.parse()?))
    }
}

impl<'q, T, DB: sqlx::Database> sqlx::Encode<'q, DB> for Text<T>
where
    T: fmt::Display,
    String: sqlx::Encode<'q, DB>,
{
    fn encode_by_ref(
        &self,
        buffer: &mut DB::ArgumentBuffer,
    ) -> Result<sqlx::encode::IsNull, sqlx::error::BoxDynError> {
        sqlx::Encode::<DB>::encode(self.0.to_string(), buffer)
    }
}
