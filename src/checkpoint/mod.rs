//! What outlives the process: which objects are done, where a scan of a bucket stands, how far a history was delivered.
//!
//! [`store`] keeps bytes in a file that is never half written and never shared, [`done`] remembers objects in little
//! room, [`positions`] knows which objects of a bucket are still to read, [`reached`] which events of a history. What
//! partitions, objects and histories stand for, and when it is time to save, is left to the sources.

pub mod dated;
pub mod done;
pub mod flat;
#[cfg(test)]
mod model;
pub mod positions;
pub mod reached;
pub mod store;

pub use dated::Dated;
pub use done::{DoneSet, ObjectId};
pub use flat::Flat;
pub use positions::{Layout, Object, Partition, Positions, TimeRange};
pub use reached::{Places, Reached};
pub use store::{Opened, StateFile, StoreError};
