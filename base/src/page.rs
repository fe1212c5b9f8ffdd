//! Pages of long lists: a limit and an opaque cursor behind the last row, never an offset.

/// Rows of a page unless the caller asks otherwise.
pub const DEFAULT_LIMIT: u32 = 50;
/// The most rows of one page: a page is built in memory, and 500 of our widest rows are about half a megabyte.
pub const MAX_LIMIT: u32 = 500;

/// Which part of a list is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageRequest {
    limit: u32,
    after: Option<String>,
}

impl PageRequest {
    /// A page of `limit` rows (1 to [`MAX_LIMIT`], others are brought into the range) behind the row that `after`
    /// names, or from the start.
    #[must_use]
    pub fn new(limit: Option<u32>, after: Option<String>) -> Self {
        Self { limit: limit.unwrap_or(DEFAULT_LIMIT).clamp(1, MAX_LIMIT), after }
    }

    /// How many rows.
    #[must_use]
    pub const fn limit(&self) -> u32 {
        self.limit
    }

    /// The cursor, as an earlier page gave it.
    #[must_use]
    pub fn after(&self) -> Option<&str> {
        self.after.as_deref()
    }
}

/// Rows, and where to go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The rows of this page.
    pub rows: Vec<T>,
    /// The cursor of the next page; `None` at the end.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// Cuts a page from `rows`, of which the caller fetched one more than the limit to learn whether there are more.
    #[must_use]
    pub fn cut(mut rows: Vec<T>, request: &PageRequest, cursor: impl Fn(&T) -> String) -> Self {
        let limit = request.limit as usize;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = if more { rows.last().map(cursor) } else { None };
        Self { rows, next }
    }

    /// The same page with each row translated.
    #[must_use]
    pub fn map<U>(self, translate: impl FnMut(T) -> U) -> Page<U> {
        Page { rows: self.rows.into_iter().map(translate).collect(), next: self.next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_ends_with_a_cursor_only_when_there_is_more() {
        let request = PageRequest::new(Some(2), None);
        assert_eq!(
            Page::cut(vec![1, 2, 3], &request, i32::to_string),
            Page { rows: vec![1, 2], next: Some("2".into()) }
        );
        assert_eq!(Page::cut(vec![1, 2], &request, i32::to_string), Page { rows: vec![1, 2], next: None });
        assert_eq!(PageRequest::new(Some(0), None).limit(), 1);
        assert_eq!(PageRequest::new(Some(100_000), None).limit(), MAX_LIMIT);
    }
}
