//! What does an answer of etcd mean? By code **and** message: one code stands for
//! many things.

use etcd_client::Error;

use crate::store::{Outcome, StoreError};

/// gRPC's status codes, as far as etcd uses them.
mod code {
    pub(super) const UNKNOWN: i32 = 2;
    pub(super) const INVALID_ARGUMENT: i32 = 3;
    pub(super) const NOT_FOUND: i32 = 5;
    pub(super) const PERMISSION_DENIED: i32 = 7;
    pub(super) const RESOURCE_EXHAUSTED: i32 = 8;
    pub(super) const FAILED_PRECONDITION: i32 = 9;
    pub(super) const OUT_OF_RANGE: i32 = 11;
    pub(super) const UNIMPLEMENTED: i32 = 12;
    pub(super) const UNAVAILABLE: i32 = 14;
    pub(super) const UNAUTHENTICATED: i32 = 16;
}

/// What is the matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// No answer, or one that does not say whether it was done.
    Unknown,
    /// Nobody there, or no leader: not done.
    Down,
    /// The quota is used up, or an alarm says so. The put that uses it up is done
    /// all the same.
    Full,
    /// The user may not do this: not done.
    Denied,
    /// User and password are not taken: not done.
    Login,
    /// The token is no longer taken: authenticate again. Not done.
    Token,
    /// The lease is gone: grant another. Not done.
    Lease,
    /// Too much at once: never.
    TooLarge,
    /// Too many at once: not done.
    Throttled,
    /// Whoever answers there does not speak etcd's protocol.
    NotEtcd,
    /// The revision that was asked for is compacted.
    Compacted,
    /// Another process holds the claim of the origin.
    Claimed,
}

/// A call that failed, and what was said.
#[derive(Clone, Debug)]
pub(super) struct Trouble {
    pub(super) fault: Fault,
    pub(super) cause: String,
}

type Row = (i32, &'static str, Fault);

/// The first row whose code is the status' and whose text is in its message.
const TABLE: [Row; 22] = [
    (code::NOT_FOUND, "requested lease not found", Fault::Lease),
    (code::RESOURCE_EXHAUSTED, "database space exceeded", Fault::Full),
    (code::RESOURCE_EXHAUSTED, "received message larger", Fault::TooLarge),
    (code::RESOURCE_EXHAUSTED, "too many requests", Fault::Throttled),
    (code::INVALID_ARGUMENT, "request is too large", Fault::TooLarge),
    (code::INVALID_ARGUMENT, "too many operations", Fault::TooLarge),
    (code::INVALID_ARGUMENT, "revision of auth store is old", Fault::Token),
    (code::UNAUTHENTICATED, "invalid auth token", Fault::Token),
    (code::INVALID_ARGUMENT, "user name is empty", Fault::Token),
    (code::INVALID_ARGUMENT, "authentication failed", Fault::Login),
    (code::FAILED_PRECONDITION, "authentication is not enabled", Fault::Login),
    (code::FAILED_PRECONDITION, "invalid user", Fault::Login),
    (code::UNAUTHENTICATED, "", Fault::Login),
    (code::PERMISSION_DENIED, "", Fault::Denied),
    (code::UNAVAILABLE, "no leader", Fault::Down),
    (code::UNAVAILABLE, "not capable", Fault::Down),
    (code::UNAVAILABLE, "tcp connect error", Fault::Down),
    (code::UNAVAILABLE, "dns error", Fault::Down),
    (code::OUT_OF_RANGE, "compacted", Fault::Compacted),
    (code::UNIMPLEMENTED, "", Fault::NotEtcd),
    (code::UNKNOWN, "invalid compression flag", Fault::NotEtcd),
    (code::UNKNOWN, "HTTP", Fault::NotEtcd),
];

impl Trouble {
    pub(super) fn new(fault: Fault, cause: impl Into<String>) -> Trouble {
        Trouble { fault, cause: cause.into() }
    }

    pub(super) fn of(error: &Error) -> Trouble {
        let cause = told(error);
        let fault = match error {
            Error::GRpcStatus(status) => fault_of(status.code() as i32, &cause),
            Error::InvalidArgs(_) | Error::InvalidUri(_) | Error::InvalidMetadataValue(_) => {
                Fault::Login
            }
            // What broke on the way may have arrived all the same.
            _ => Fault::Unknown,
        };
        Trouble { fault, cause }
    }

    /// Whether the cluster said so; what one member fails with, another may not.
    pub(super) fn is_an_answer(&self) -> bool {
        !matches!(self.fault, Fault::Unknown | Fault::Down | Fault::NotEtcd)
    }

    /// As a store says it. `done_perhaps` when what failed may have stored a block.
    pub(super) fn into_store_error(
        self,
        doing: &'static str,
        store: String,
        done_perhaps: bool,
    ) -> StoreError {
        let Trouble { fault, cause } = self;
        let io = |outcome, cause| StoreError::Io { doing, store: store.clone(), cause, outcome };
        match fault {
            Fault::Unknown if done_perhaps => io(Outcome::Unknown, cause),
            Fault::Unknown | Fault::Down | Fault::Lease | Fault::Claimed | Fault::Compacted => {
                io(Outcome::NotStored, cause)
            }
            Fault::NotEtcd => {
                let advice = "is that the client port of etcd?";
                io(
                    Outcome::NotStored,
                    format!("it does not speak etcd's protocol ({cause}): {advice}"),
                )
            }
            Fault::Full if done_perhaps => {
                StoreError::Full { store, cause, outcome: Outcome::Unknown }
            }
            Fault::Full => StoreError::Full { store, cause, outcome: Outcome::NotStored },
            Fault::Denied | Fault::Login | Fault::Token => StoreError::Denied { store, cause },
            Fault::Throttled => StoreError::Throttled { store, cause },
            Fault::TooLarge => StoreError::Rejected { store, cause },
        }
    }
}

fn fault_of(code: i32, message: &str) -> Fault {
    let row = TABLE.iter().find(|(c, text, _)| *c == code && message.contains(text));
    row.map_or(Fault::Unknown, |(_, _, fault)| *fault)
}

/// The message, and the innermost cause where the message alone says nothing.
fn told(error: &Error) -> String {
    let Error::GRpcStatus(status) = error else { return error.to_string() };
    let mut text = status.message().to_owned();
    let mut source = std::error::Error::source(status);
    while let Some(inner) = source {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = if text.is_empty() { inner_text } else { format!("{text}: {inner_text}") };
        }
        source = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pause::PauseReason;

    /// What etcd 3.4 and 3.5 were seen to say.
    const SAID: [(i32, &str, Outcome, Option<PauseReason>); 19] = {
        use Outcome::{NotStored, Unknown};
        use PauseReason::{Auth, StoreDown, StoreFull, Throttled};
        [
            (14, "etcdserver: request timed out", Unknown, Some(StoreDown)),
            (
                14,
                "etcdserver: request timed out, possibly due to connection lost",
                Unknown,
                Some(StoreDown),
            ),
            (14, "etcdserver: leader changed", Unknown, Some(StoreDown)),
            (2, "context deadline exceeded", Unknown, Some(StoreDown)),
            (4, "Deadline expired before operation could complete", Unknown, Some(StoreDown)),
            (1, "Timeout expired", Unknown, Some(StoreDown)),
            (14, "etcdserver: no leader", NotStored, Some(StoreDown)),
            (14, "tcp connect error", NotStored, Some(StoreDown)),
            (8, "etcdserver: mvcc: database space exceeded", Unknown, Some(StoreFull)),
            (8, "grpc: received message larger than max (2097170 vs. 2097152)", NotStored, None),
            (8, "etcdserver: too many requests", NotStored, Some(Throttled)),
            (3, "etcdserver: request is too large", NotStored, None),
            (3, "etcdserver: too many operations in txn request", NotStored, None),
            (3, "etcdserver: revision of auth store is old", NotStored, Some(Auth)),
            (16, "etcdserver: invalid auth token", NotStored, Some(Auth)),
            (3, "etcdserver: user name is empty", NotStored, Some(Auth)),
            (
                3,
                "etcdserver: authentication failed, invalid user ID or password",
                NotStored,
                Some(Auth),
            ),
            (7, "etcdserver: permission denied", NotStored, Some(Auth)),
            (
                12,
                "grpc-status header missing, mapped from HTTP status code 404",
                NotStored,
                Some(StoreDown),
            ),
        ]
    };

    #[test]
    fn every_answer_has_its_meaning() {
        for (code, message, outcome, pause) in SAID {
            let trouble = Trouble::new(fault_of(code, message), message);
            let error = trouble.into_store_error("write a block", "etcd x".to_owned(), true);
            assert_eq!((error.outcome(), error.pause()), (outcome, pause), "{code} {message}");
            assert!(error.to_string().contains(message), "{error}");
        }
    }

    #[test]
    fn what_cannot_have_stored_a_block_never_says_that_nobody_knows() {
        for (code, message, _, pause) in SAID {
            let trouble = Trouble::new(fault_of(code, message), message);
            let error = trouble.into_store_error("reach", "etcd x".to_owned(), false);
            assert_eq!((error.outcome(), error.pause()), (Outcome::NotStored, pause));
        }
    }

    #[test]
    fn every_row_of_the_table_is_the_first_that_fits() {
        for (code, text, fault) in TABLE {
            assert_eq!(fault_of(code, &format!("etcdserver: {text}!")), fault, "{code} {text}");
        }
    }

    #[test]
    fn three_messages_ask_for_a_new_token_and_one_for_a_new_lease() {
        let of = |wanted| SAID.iter().filter(|(c, m, ..)| fault_of(*c, m) == wanted).count();
        assert_eq!((of(Fault::Token), of(Fault::Lease)), (3, 0));
        assert_eq!(fault_of(5, "etcdserver: requested lease not found"), Fault::Lease);
    }
}
