//! Which member is asked, and whom else? The next one where one fails or hangs; one
//! that is only slow is waited for, because asking others too would make a slow
//! cluster slower.

use std::future::{Future, pending, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;

use super::errors::{Fault, Trouble};

/// How a call ended.
#[derive(Debug)]
pub(super) struct Ended<T> {
    /// The member that answered, be it with a refusal.
    pub(super) by: Option<usize>,
    pub(super) done: Result<T, Trouble>,
}

/// What the members said so far, none of which was a success.
#[derive(Default)]
struct Heard {
    /// An answer that another member would give too, and who gave it.
    refusal: Option<(usize, Trouble)>,
    /// Why one was not reached.
    unreached: Option<Trouble>,
}

/// Asks one member after the other until one answers. `hangs` ends when a member
/// that was asked is found to give no sign of life.
///
/// Fails with [`Fault::Unknown`] if any of those that were asked may have done it.
pub(super) async fn tour<T, A, H>(
    mut members: impl ExactSizeIterator<Item = usize>,
    ask: impl Fn(usize) -> A,
    hangs: impl Fn(usize) -> H,
) -> Ended<T>
where
    A: Future<Output = Result<T, Trouble>>,
    H: Future<Output = ()>,
{
    let mut heard = Heard::default();
    let mut asked: Vec<(usize, Pin<Box<A>>)> = Vec::new();
    loop {
        let more = if heard.refusal.is_none() { members.next() } else { None };
        asked.extend(more.map(|index| (index, Box::pin(ask(index)))));
        let Some((last, _)) = asked.last() else { return heard.ended() };
        let (last, others) = (*last, members.len() > 0 && heard.refusal.is_none());
        let silence = async { if others { hangs(last).await } else { pending().await } };
        match first_of(&mut asked, pin!(silence)).await {
            Some((index, Ok(done))) => return Ended { by: Some(index), done: Ok(done) },
            Some((index, Err(trouble))) => heard.hear(index, trouble),
            None => {}
        }
    }
}

impl Heard {
    fn hear(&mut self, index: usize, trouble: Trouble) {
        if trouble.is_an_answer() {
            self.refusal.get_or_insert((index, trouble));
        } else if trouble.fault == Fault::Unknown {
            // Nothing takes the place of what may have been done.
            self.unreached = Some(trouble);
        } else {
            self.unreached.get_or_insert(trouble);
        }
    }

    fn ended<T>(self) -> Ended<T> {
        let (by, refusal) = self.refusal.unzip();
        let done = match (refusal, self.unreached) {
            (_, Some(unknown)) if unknown.fault == Fault::Unknown => unknown,
            (Some(refusal), _) => refusal,
            (None, Some(unreached)) => unreached,
            (None, None) => Trouble::new(Fault::Down, "there is no endpoint"),
        };
        Ended { by, done: Err(done) }
    }
}

/// Takes out the first of several that ends; `None` if the sign comes before.
async fn first_of<F: Future + Unpin>(
    running: &mut Vec<(usize, F)>,
    mut sign: Pin<&mut impl Future<Output = ()>>,
) -> Option<(usize, F::Output)> {
    poll_fn(|context| {
        for at in 0..running.len() {
            let (index, call) = &mut running[at];
            let index = *index;
            if let Poll::Ready(done) = Pin::new(call).poll(context) {
                drop(running.swap_remove(at));
                return Poll::Ready(Some((index, done)));
            }
        }
        sign.as_mut().poll(context).map(|()| None)
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::future::ready;

    use super::*;
    use crate::sync::block_on;

    /// What a member does with a call.
    #[derive(Clone, Copy)]
    enum Does {
        Answers,
        Fails(Fault),
        /// Gives no sign of life, and fails like this once its deadline is over.
        Hangs(Fault),
        /// Lives, and answers late.
        IsSlow,
    }

    /// Asks members that do this; answers with those that were asked, too.
    fn asked(members: &[Does]) -> (Vec<usize>, Ended<usize>) {
        let order = RefCell::new(Vec::new());
        let ask = |index: usize| {
            order.borrow_mut().push(index);
            let does = members[index];
            // Others are polled more than once before a deadline is over.
            let left = Cell::new(members.len() + 2);
            poll_fn(move |context| {
                left.set(left.get().saturating_sub(1));
                let fails = |fault| Poll::Ready(Err(Trouble::new(fault, "told")));
                match does {
                    Does::Answers => Poll::Ready(Ok(index)),
                    Does::Fails(fault) => fails(fault),
                    Does::IsSlow if left.get() == 0 => Poll::Ready(Ok(index)),
                    Does::Hangs(fault) if left.get() == 0 => fails(fault),
                    Does::Hangs(_) | Does::IsSlow => {
                        context.waker().wake_by_ref();
                        Poll::Pending
                    }
                }
            })
        };
        let hangs = |index: usize| async move {
            match members[index] {
                Does::Hangs(_) => ready(()).await,
                _ => pending().await,
            }
        };
        let ended = block_on(tour(0..members.len(), ask, hangs));
        (order.into_inner(), ended)
    }

    #[test]
    fn whoever_fails_or_hangs_is_passed_over() {
        use Does::{Answers, Fails, Hangs};
        let silent = Hangs(Fault::Unknown);
        let cases = [
            ([Answers, Answers, Answers], vec![0]),
            ([Fails(Fault::Down), Answers, Answers], vec![0, 1]),
            ([Fails(Fault::Unknown), Fails(Fault::NotEtcd), Answers], vec![0, 1, 2]),
            ([silent, Answers, Answers], vec![0, 1]),
            ([silent, silent, Answers], vec![0, 1, 2]),
        ];
        for (members, order) in cases {
            let (asked, ended) = asked(&members);
            let last = order.last().copied();
            assert_eq!((asked, ended.by, ended.done.ok()), (order, last, last));
        }
    }

    #[test]
    fn whoever_is_only_slow_is_waited_for_and_nobody_else_is_asked() {
        let (asked, ended) = asked(&[Does::IsSlow, Does::Answers]);

        assert_eq!((asked, ended.done.ok()), (vec![0], Some(0)));
    }

    #[test]
    fn what_may_have_been_done_is_unknown_whatever_others_say() {
        use Does::{Fails, Hangs};
        let (unknown, denied) = (Fault::Unknown, Fault::Denied);
        let cases = [
            (vec![Fails(Fault::Down), Fails(Fault::Down)], Fault::Down),
            (vec![Fails(unknown), Fails(Fault::Down)], unknown),
            (vec![Fails(Fault::Down), Fails(unknown)], unknown),
            (vec![Fails(Fault::Down), Fails(denied)], denied),
            (vec![Fails(unknown), Fails(denied)], unknown),
            (vec![Hangs(unknown), Fails(denied)], unknown),
            (vec![Hangs(Fault::Down), Fails(denied)], denied),
            (vec![], Fault::Down),
        ];
        for (at, (members, fault)) in cases.into_iter().enumerate() {
            let (_, ended) = asked(&members);
            assert_eq!(ended.done.unwrap_err().fault, fault, "case {at}");
        }
    }

    #[test]
    fn whoever_refuses_is_believed_and_the_others_are_not_asked() {
        let (asked, ended) = asked(&[Does::Fails(Fault::Denied), Does::Answers]);

        assert_eq!((asked, ended.by), (vec![0], Some(0)));
        assert_eq!(ended.done.unwrap_err().fault, Fault::Denied);
    }
}
