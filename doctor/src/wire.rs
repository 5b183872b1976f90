//! The receiver's answer to a probe, as JSON.

use serde::{Deserialize, Serialize};

use crate::arrived::Arrived;

/// The answer to a probe.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Answer {
    /// The version of this package, by which a prober knows the receiver.
    #[serde(rename = "proxyfix-doctor")]
    pub version: String,
    /// What arrived.
    pub arrived: Arrived,
}
