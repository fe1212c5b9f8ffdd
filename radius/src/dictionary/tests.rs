//! Tests of the dictionaries.
