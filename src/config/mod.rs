//! The plugin's configuration.
