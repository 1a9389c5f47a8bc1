//! What is a server that was built without etcd? Always alone: nothing of this is
//! ever made.

use std::future::Ready;
use std::time::Duration;

use tidings::{Log, Position, Sharing};

use super::sharing::{ClusterTold, EtcdTold};
use crate::exit::{Exit, Failure};
use crate::settings::EtcdSettings;

/// There is none.
#[derive(Debug)]
pub enum Commons {}

impl Commons {
    /// # Errors
    ///
    /// Always.
    pub fn join(_: &EtcdSettings, _: &Log) -> Result<Commons, Failure> {
        Err(Failure::new(Exit::Usage, "this tidings was built without etcd"))
    }

    /// Never called.
    pub fn leave(&self, _: Duration) -> Sharing {
        match *self {}
    }

    pub(super) fn shared_through(&self, _: Position) -> Ready<()> {
        match *self {}
    }

    pub(super) fn unshared_total(&self) -> u64 {
        match *self {}
    }

    pub(super) fn told(&self) -> ClusterTold {
        match *self {}
    }

    pub(super) fn etcd(&self) -> EtcdTold {
        match *self {}
    }
}
