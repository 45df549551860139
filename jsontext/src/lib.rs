//! Reads JSON text in place.
