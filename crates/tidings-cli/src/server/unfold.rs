//! How does an answer grow while it is sent? A body that asks for its next piece
//! only when the client has taken the last one.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::Frame;

/// An answer that breaks off: the client sees that it is not whole.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct BrokenOff(pub(super) String);

/// A piece and what is needed for the next one; `None` at the end.
pub(super) type Step<S> = Result<Option<(Bytes, S)>, BrokenOff>;

type Next<S> = Pin<Box<dyn Future<Output = Step<S>> + Send>>;

/// A body made by asking `step` for one piece after the other.
pub(super) fn body<S, F, Fut>(start: S, step: F) -> Body
where
    S: Send + 'static,
    F: Fn(S) -> Fut + Send + Unpin + 'static,
    Fut: Future<Output = Step<S>> + Send + 'static,
{
    let next: Next<S> = Box::pin(step(start));
    Body::new(Unfolding { step, next: Some(next) })
}

struct Unfolding<S, F> {
    step: F,
    next: Option<Next<S>>,
}

impl<S, F, Fut> HttpBody for Unfolding<S, F>
where
    F: Fn(S) -> Fut + Unpin,
    Fut: Future<Output = Step<S>> + Send + 'static,
{
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        let this = &mut *self;
        let Some(next) = &mut this.next else { return Poll::Ready(None) };
        let step = match next.as_mut().poll(cx) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(step) => step,
        };
        Poll::Ready(match step {
            Ok(Some((bytes, state))) => {
                this.next = Some(Box::pin((this.step)(state)));
                Some(Ok(Frame::data(bytes)))
            }
            Ok(None) => {
                this.next = None;
                None
            }
            Err(broken) => {
                this.next = None;
                Some(Err(broken))
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    #[tokio::test]
    async fn pieces_come_in_order_until_there_are_no_more() {
        let body =
            body(
                0,
                |n: u8| async move { Ok((n < 3).then(|| (Bytes::from(n.to_string()), n + 1))) },
            );

        assert_eq!(body.collect().await.unwrap().to_bytes(), "012");
    }

    #[tokio::test]
    async fn a_broken_answer_is_not_taken_for_a_whole_one() {
        let body = body(0, |n: u8| async move {
            if n == 1 { Err(BrokenOff("disk".to_owned())) } else { Ok(Some((Bytes::new(), n + 1))) }
        });

        assert!(body.collect().await.is_err());
    }
}
