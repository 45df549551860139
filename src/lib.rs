//! The `cloudtrail` plugin for Falco: reads AWS CloudTrail events and exposes their fields to rules.

pub mod config;
