//! The sources in AWS, against moto's S3 and SQS over HTTP, through the shared object in the real engine.
#![allow(dead_code, reason = "the tests of the sources come with the sources")]

mod faults;
mod http;
mod logs;
mod proxy;
mod server;
