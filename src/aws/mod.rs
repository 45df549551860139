//! The services of AWS that logs are read from: credentials and region, S3 objects, SQS queues, event histories and
//! public keys of CloudTrail, one type for errors, and counts of what was asked.
//!
//! Only this module names the AWS SDK. What the objects, the messages and the events say, what was read already, and
//! when to try again after an error that lasts is left to its callers.

mod account;
pub mod cloudtrail;
mod connection;
mod error;
mod https;
pub mod keys;
mod mend;
mod region;
mod role;
pub mod s3;
pub mod sqs;
mod traffic;

pub use connection::{Access, Connection};
pub use error::{AwsError, Kind};
pub use region::{default_regions, home_of_global_services, is_known, known_regions};
pub use traffic::{Service, Traffic};

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Read, Write};
    use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
    use std::thread::{self, JoinHandle};

    use tempfile::TempDir;

    use super::*;

    /// Waits for the answer to a request.
    pub fn wait<T>(answer: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(answer)
    }

    /// A server that gives one prepared answer after the other, whoever asks for whatever, and keeps the requests.
    pub struct Stub {
        address: SocketAddr,
        server: JoinHandle<Vec<String>>,
        settings: TempDir,
    }

    impl Stub {
        /// Starts with the answers to come, each a status and a body. Status 501 and no body follow them.
        pub fn start<B: AsRef<[u8]>>(answers: impl IntoIterator<Item = (u16, B)>) -> Self {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            let address = listener.local_addr().unwrap();
            let answers: Vec<_> = answers.into_iter().map(|(status, body)| (status, body.as_ref().to_vec())).collect();
            let server = thread::spawn(move || {
                let mut answers = answers.into_iter();
                let mut seen = Vec::new();
                for client in listener.incoming() {
                    let mut client = client.unwrap();
                    let request = read(&client);
                    if request.is_empty() {
                        break;
                    }
                    seen.push(request);
                    let (status, body) = answers.next().unwrap_or((501, Vec::new()));
                    let length = body.len();
                    let head = format!("HTTP/1.1 {status} x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
                    client.write_all(&[head.as_bytes(), &body].concat()).unwrap();
                }
                seen
            });
            let settings = tempfile::tempdir().unwrap();
            let keys = "[default]\naws_access_key_id = AKIDOFTHEUSER\naws_secret_access_key = s3cret\n";
            std::fs::write(settings.path().join("credentials"), keys).unwrap();
            Self { address, server, settings }
        }

        /// Returns the access to it, with the key `AKIDOFTHEUSER`, in `eu-west-1`.
        pub fn access(&self) -> Access {
            Access {
                profile: Some("default".to_owned()),
                region: Some("eu-west-1".to_owned()),
                credentials_file: Some(self.settings.path().join("credentials").to_str().unwrap().to_owned()),
                endpoint_url: Some(format!("http://{}", self.address)),
                ..Access::default()
            }
        }

        /// Returns a connection to it.
        pub fn connect(&self) -> Connection {
            wait(Connection::new(&self.access(), None)).unwrap()
        }

        /// Stops, and returns the requests, each with its headers in lower case and its body.
        pub fn seen(self) -> Vec<String> {
            // Without a request, which ends it.
            drop(TcpStream::connect(self.address).unwrap());
            self.server.join().unwrap()
        }
    }

    /// Reads one request, empty when the client sends none.
    fn read(client: &TcpStream) -> String {
        let mut reader = BufReader::new(client);
        let mut head = String::new();
        while reader.read_line(&mut head).unwrap() > 2 {}
        let head = head.to_ascii_lowercase();
        let length = head.split_once("content-length: ").and_then(|(_, rest)| rest.lines().next()?.parse().ok());
        let mut body = vec![0; length.unwrap_or_default()];
        reader.read_exact(&mut body).unwrap();
        head + &String::from_utf8(body).unwrap()
    }
}
