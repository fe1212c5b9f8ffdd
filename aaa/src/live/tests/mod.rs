//! The rules of the live table, one by one.
