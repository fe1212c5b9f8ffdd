//! The macro behind every code point: a newtype over the wire's integer with constants and names. Never an enum, because
//! unknown values are normal on the wire and must survive a round trip.

/// Defines a code point type: its constants, their registered names, and how it prints.
macro_rules! code_points {
    (
        $(#[$meta:meta])*
        $type:ident($integer:ty) {
            $($constant:ident = $value:literal, $name:literal, $source:literal;)*
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(pub $integer);

        impl $type {
            $(
                #[doc = concat!("`", $name, "` (", stringify!($value), "), ", $source, ".")]
                pub const $constant: Self = Self($value);
            )*

            /// The registered name, if this crate knows the number.
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($value => Some($name),)*
                    _ => None,
                }
            }
        }

        impl core::fmt::Display for $type {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                match self.name() {
                    Some(name) => f.write_str(name),
                    None => write!(f, "{}", self.0),
                }
            }
        }

        impl core::fmt::Debug for $type {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                match self.name() {
                    Some(name) => write!(f, "{}({}, {name})", stringify!($type), self.0),
                    None => write!(f, "{}({})", stringify!($type), self.0),
                }
            }
        }

        impl From<$integer> for $type {
            fn from(value: $integer) -> Self {
                Self(value)
            }
        }

        impl From<$type> for $integer {
            fn from(value: $type) -> Self {
                value.0
            }
        }
    };
}

pub(crate) use code_points;
