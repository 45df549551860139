//! The sources in AWS, against moto's S3 and SQS and a CloudTrail of our own over HTTP, through the shared object in
//! the real engine.

mod buckets;
mod chain;
pub mod consumer;
mod digests;
pub mod faults;
mod follow;
pub mod http;
mod kills;
pub mod logs;
mod lookup;
mod metrics;
mod poison;
pub mod proxy;
mod queues;
mod reload;
pub mod server;
mod trail;
mod trouble;
