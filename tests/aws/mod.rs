//! The sources in AWS, against moto's S3 and SQS over HTTP, through the shared object in the real engine.

mod buckets;
mod consumer;
mod faults;
mod follow;
mod http;
mod kills;
mod logs;
mod poison;
mod proxy;
mod queues;
mod reload;
mod server;
mod trouble;
