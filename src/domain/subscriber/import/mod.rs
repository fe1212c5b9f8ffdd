//! Subscribers in bulk, from a table of comma-separated values.
//!
//! ```text
//! octets ─ text ─► sheet ─ row ─► drafts ─ check ─► report        a dry run ends here
//!                                        └─ apply ─► subscribers, in short transactions
//! ```
//!
//! The first line names the columns, in English or Indonesian, in any order; [`Column`] lists them. A line that cannot be
//! accepted is reported with its number, its column and the reason, and does not stop the others.

mod apply;
mod check;
mod row;
mod sheet;
mod text;

#[cfg(test)]
mod tests;

pub use apply::{Applied, ApplyError, Made, apply};
pub use check::{CheckError, Checked, check};
pub use row::Draft;
pub use sheet::{Column, SheetError};

use std::borrow::Cow;

/// Largest table: a hundred thousand lines of 300 octets.
pub const MAX_OCTETS: usize = 32 * 1024 * 1024;
/// Most lines of one table. More subscribers come in several tables.
pub const MAX_ROWS: usize = 100_000;
/// Most errors that a report lists; nobody reads further, and the number of the rest is told.
pub const MAX_REPORTED: usize = 1_000;

/// Why a line is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LineError {
    /// Its number in the file, the line of names being 1.
    pub line: u64,
    /// The column, as the API names the field.
    #[schema(value_type = String)]
    pub field: Cow<'static, str>,
    /// What is wrong.
    #[schema(value_type = String)]
    pub problem: Cow<'static, str>,
}

/// What would become of a table.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[schema(as = ImportReport)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Lines with something in them, without the line of names.
    pub rows: usize,
    /// Lines that can be imported.
    pub ready: usize,
    /// What is wrong with the others, in the order of lines: the first thousand.
    pub errors: Vec<LineError>,
    /// How many errors there are beyond those.
    pub more_errors: usize,
    /// Columns that nothing is known of and that are passed over.
    pub ignored_columns: Vec<String>,
}
