//! Runs Falco rule files on a real engine.
