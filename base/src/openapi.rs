//! How the value types appear in the OpenAPI document. Expands to nothing without the feature `openapi`.

/// Describes a type by the type and the format of its JSON form.
#[cfg(feature = "openapi")]
macro_rules! describe {
    ($name:ty: $kind:ident, $format:ident) => {
        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                use utoipa::openapi::{KnownFormat, ObjectBuilder, SchemaFormat, Type};
                let format = SchemaFormat::KnownFormat(KnownFormat::$format);
                ObjectBuilder::new().schema_type(Type::$kind).format(Some(format)).into()
            }
        }

        impl utoipa::ToSchema for $name {}
    };
}

#[cfg(not(feature = "openapi"))]
macro_rules! describe {
    ($name:ty: $kind:ident, $format:ident) => {};
}

pub(crate) use describe;
