//! Closed sets and other small values that are text at rest and in JSON.

/// Implements JSON and database encoding as text for a type with `Display` and `FromStr`.
#[macro_export]
macro_rules! text_value {
    ($name:ty) => {
        $crate::text_value!($name, members: None::<[&str; 0]>);
    };
    ($name:ty, members: $members:expr) => {
        impl $crate::reexport::serde::Serialize for $name {
            fn serialize<S: $crate::reexport::serde::Serializer>(
                &self,
                serializer: S,
            ) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> $crate::reexport::serde::Deserialize<'de> for $name {
            fn deserialize<D: $crate::reexport::serde::Deserializer<'de>>(
                deserializer: D,
            ) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str> as $crate::reexport::serde::Deserialize>::deserialize(
                    deserializer,
                )?;
                text.parse().map_err($crate::reexport::serde::de::Error::custom)
            }
        }

        $crate::text_value_in_databases!($name);
        $crate::text_value_in_documents!($name, $members);
    };
}

/// Implements database encoding as text; expands to nothing without the feature `sqlx` of this crate.
#[cfg(feature = "sqlx")]
#[doc(hidden)]
#[macro_export]
macro_rules! text_value_in_databases {
    ($name:ty) => {
        impl<DB: $crate::reexport::sqlx::Database> $crate::reexport::sqlx::Type<DB> for $name
        where
            String: $crate::reexport::sqlx::Type<DB>,
        {
            fn type_info() -> DB::TypeInfo {
                <String as $crate::reexport::sqlx::Type<DB>>::type_info()
            }

            fn compatible(ty: &DB::TypeInfo) -> bool {
                <String as $crate::reexport::sqlx::Type<DB>>::compatible(ty)
            }
        }

        impl<'q, DB: $crate::reexport::sqlx::Database> $crate::reexport::sqlx::Encode<'q, DB> for $name
        where
            String: $crate::reexport::sqlx::Encode<'q, DB>,
        {
            fn encode_by_ref(
                &self,
                buffer: &mut DB::ArgumentBuffer,
            ) -> Result<$crate::reexport::sqlx::encode::IsNull, $crate::reexport::sqlx::error::BoxDynError>
            {
                $crate::reexport::sqlx::Encode::<DB>::encode(self.to_string(), buffer)
            }
        }

        impl<'r, DB: $crate::reexport::sqlx::Database> $crate::reexport::sqlx::Decode<'r, DB> for $name
        where
            &'r str: $crate::reexport::sqlx::Decode<'r, DB>,
        {
            fn decode(value: DB::ValueRef<'r>) -> Result<Self, $crate::reexport::sqlx::error::BoxDynError> {
                Ok(<&str as $crate::reexport::sqlx::Decode<'r, DB>>::decode(value)?.parse()?)
            }
        }
    };
}

#[cfg(not(feature = "sqlx"))]
#[doc(hidden)]
#[macro_export]
macro_rules! text_value_in_databases {
    ($name:ty) => {};
}

/// Describes the type in the OpenAPI document; expands to nothing without the feature `openapi` of this crate.
#[cfg(feature = "openapi")]
#[doc(hidden)]
#[macro_export]
macro_rules! text_value_in_documents {
    ($name:ty, $members:expr) => {
        impl $crate::reexport::utoipa::PartialSchema for $name {
            fn schema() -> $crate::reexport::utoipa::openapi::RefOr<$crate::reexport::utoipa::openapi::Schema>
            {
                use $crate::reexport::utoipa::openapi::{ObjectBuilder, Type};
                ObjectBuilder::new().schema_type(Type::String).enum_values($members).into()
            }
        }

        impl $crate::reexport::utoipa::ToSchema for $name {}
    };
}

#[cfg(not(feature = "openapi"))]
#[doc(hidden)]
#[macro_export]
macro_rules! text_value_in_documents {
    ($name:ty, $members:expr) => {};
}

/// Declares a closed set whose members are text at rest, in JSON and in logs.
///
/// ```
/// base::text_enum! {
///     /// May a subscriber log in?
///     pub enum Standing {
///         /// Yes.
///         Active = "active",
///         /// Not for now.
///         Suspended = "suspended",
///     }
/// }
/// assert_eq!(Standing::Active.as_str(), "active");
/// assert_eq!("suspended".parse(), Ok(Standing::Suspended));
/// assert_eq!("gone".parse::<Standing>().unwrap_err().to_string(), "\"gone\" is none of: active, suspended");
/// ```
#[macro_export]
macro_rules! text_enum {
    ($(#[$doc:meta])* $visibility:vis enum $name:ident { $($(#[$member_doc:meta])* $member:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        $visibility enum $name { $($(#[$member_doc])* $member,)+ }

        impl $name {
            /// Every member, in the order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$member,)+];

            /// The text at rest and in JSON.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$member => $text,)+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::text_enum::UnknownMember;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($text => Ok(Self::$member),)+
                    other => Err($crate::text_enum::UnknownMember::new(other, &[$($text,)+])),
                }
            }
        }

        $crate::text_value!($name, members: Some([$($text,)+]));
    };
}

pub use crate::{text_enum, text_value};

/// The text is no member of a closed set; says which ones there are.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is none of: {}", members.join(", "))]
pub struct UnknownMember {
    text: String,
    members: &'static [&'static str],
}

impl UnknownMember {
    /// For the parsers that [`text_enum!`](crate::text_enum!) writes.
    #[must_use]
    pub fn new(text: &str, members: &'static [&'static str]) -> Self {
        /// Enough to recognise what was meant; the rest of a long input helps nobody.
        const SHOWN: usize = 64;
        Self { text: text.chars().take(SHOWN).collect(), members }
    }
}
