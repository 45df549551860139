//! The sources in AWS, against moto's S3 and SQS and a LookupEvents of our own over HTTP, through the shared object in
//! the real engine.

mod buckets;
mod consumer;
mod faults;
mod follow;
mod http;
mod kills;
mod logs;
mod lookup;
mod metrics;
mod poison;
mod proxy;
mod queues;
mod reload;
mod server;
mod trail;
mod trouble;
