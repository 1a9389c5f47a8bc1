//! How is one member spoken to? With a deadline, and again once where a token has
//! run out.

use std::future::Future;
use std::time::Duration;

use etcd_client::Client;
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::errors::{Fault, Trouble};
use super::options::{ETCD_CALL_DEADLINE, EtcdOptions};

/// How long a refused login is not tried again: etcd hashes every password that
/// is tried, which costs it more than us.
pub const LOGIN_REST: Duration = Duration::from_secs(5);

/// The connection to one member, made when it is first needed.
#[derive(Debug)]
pub(super) struct Link {
    endpoint: String,
    // Held while connecting, so that a hundred calls log in once. Whoever waits
    // for it has a deadline of its own.
    line: Mutex<Line>,
}

#[derive(Default)]
struct Line {
    client: Option<Client>,
    /// Counts logins, so that a token that many calls found stale is renewed once.
    generation: u64,
    /// When the last login was refused, on the clock that only goes forward.
    refused: Option<(Duration, Trouble)>,
}

impl std::fmt::Debug for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Line").field("generation", &self.generation).finish_non_exhaustive()
    }
}

impl Link {
    pub(super) fn to(endpoint: String) -> Link {
        Link { endpoint, line: Mutex::default() }
    }

    /// Makes one call. What it fails with before anything was sent is never
    /// [`Fault::Unknown`].
    pub(super) async fn call<T, F>(
        &self,
        options: &EtcdOptions,
        make: &impl Fn(Client) -> F,
    ) -> Result<T, Trouble>
    where
        F: Future<Output = Result<T, etcd_client::Error>>,
    {
        let (client, generation) = self.client(options, None).await?;
        // Boxed, because the futures of the client are large.
        match within_deadline(Box::pin(make(client))).await {
            Err(trouble) if trouble.fault == Fault::Token && options.user.is_some() => {
                let (client, _) = self.client(options, Some(generation)).await?;
                within_deadline(Box::pin(make(client))).await
            }
            done => done,
        }
    }

    /// The connection; a new one if the one there is of the `stale` generation.
    async fn client(
        &self,
        options: &EtcdOptions,
        stale: Option<u64>,
    ) -> Result<(Client, u64), Trouble> {
        let mut line = self.line.lock().await;
        if stale == Some(line.generation) {
            line.client = None;
        }
        if let Some(client) = &line.client {
            return Ok((client.clone(), line.generation));
        }
        let now = options.clock.monotonic();
        if let Some((at, trouble)) = &line.refused
            && now.saturating_sub(*at) < LOGIN_REST
        {
            return Err(trouble.clone());
        }
        let client = self.connect(options).await.inspect_err(|trouble| {
            if matches!(trouble.fault, Fault::Login) {
                line.refused = Some((now, trouble.clone()));
            }
        })?;
        line.refused = None;
        line.generation += 1;
        line.client = Some(client.clone());
        Ok((client, line.generation))
    }

    async fn connect(&self, options: &EtcdOptions) -> Result<Client, Trouble> {
        let options = options.connecting();
        let options = options.map_err(|error| Trouble::new(Fault::Login, error.to_string()))?;
        let connected = within_deadline(Client::connect([&self.endpoint], Some(options)));
        // Nothing but a login was sent.
        connected.await.map_err(|trouble| match trouble.fault {
            Fault::Unknown => Trouble { fault: Fault::Down, ..trouble },
            _ => trouble,
        })
    }
}

async fn within_deadline<T>(
    call: impl Future<Output = Result<T, etcd_client::Error>>,
) -> Result<T, Trouble> {
    let done = timeout(ETCD_CALL_DEADLINE, call).await.map_err(|_| no_answer());
    done?.map_err(|error| Trouble::of(&error))
}

pub(super) fn no_answer() -> Trouble {
    let cause = format!("no answer within {} s", ETCD_CALL_DEADLINE.as_secs());
    Trouble::new(Fault::Unknown, cause)
}
