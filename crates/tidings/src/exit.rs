//! What if the process ends without dropping its queues?
//!
//! `std::process::exit` runs no destructors, and a panic that aborts runs none
//! either. Queues registered here are closed by [`exit`] and flushed by the hook
//! of [`flush_on_panic`]. A signal that ends the process runs nothing at all:
//! handle it, and call [`exit`].

use std::sync::OnceLock;
use std::time::Duration;

use crate::queue::{Core, Queue, is_echo};
use crate::sync::{Arc, Mutex, Weak};

/// How long [`exit`] waits for each registered queue at most.
pub const EXIT_DEADLINE: Duration = Duration::from_secs(5);
/// How long a panic waits for each registered queue at most.
pub const PANIC_DEADLINE: Duration = Duration::from_secs(1);

static REGISTERED: OnceLock<Mutex<Vec<Weak<Core>>>> = OnceLock::new();

fn registered() -> Vec<Arc<Core>> {
    let queues = REGISTERED.get_or_init(Mutex::default);
    queues.lock().iter().filter_map(Weak::upgrade).collect()
}

/// Has [`exit`] close this queue, and panics flush it if [`flush_on_panic`] was
/// called. The queue can be dropped as usual before.
pub fn close_on_exit(queue: &Queue) {
    let mut queues = REGISTERED.get_or_init(Mutex::default).lock();
    queues.retain(|known| known.strong_count() > 0);
    queues.push(Arc::downgrade(queue.core()));
}

/// Closes every queue registered with [`close_on_exit`], waiting at most
/// [`EXIT_DEADLINE`] for each, and ends the process with this code.
///
/// Use it in the place of `std::process::exit`, which loses what waits.
pub fn exit(code: i32) -> ! {
    close_registered(EXIT_DEADLINE);
    std::process::exit(code)
}

fn close_registered(deadline: Duration) {
    for queue in registered() {
        let _ = queue.close(deadline);
    }
}

/// Adds to the panic hook: after the hook that is there, every queue registered
/// with [`close_on_exit`] is flushed, for at most [`PANIC_DEADLINE`] each. So the
/// event that a program recorded just before it panicked is stored, also under
/// `panic = "abort"`.
pub fn flush_on_panic() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        before(panic);
        // A thread of a queue would wait for itself.
        if !is_echo() {
            for queue in registered() {
                let _ = queue.flush(PANIC_DEADLINE);
            }
        }
    }));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pause::State;
    use crate::testing::ScriptedSink;

    #[test]
    fn a_registered_queue_is_closed_and_a_dropped_one_is_passed_over() {
        let sink = ScriptedSink::new();
        let queue = Queue::new("web1", sink.clone()).unwrap();
        let dropped = Queue::new("web1", sink.clone()).unwrap();
        queue.start().unwrap();
        close_on_exit(&dropped);
        close_on_exit(&queue);
        drop(dropped);
        queue.client().add("last", "words").unwrap();

        close_registered(Duration::from_mins(1));

        assert_eq!(queue.state(), State::Closed);
        assert_eq!(sink.events()[0].event.message(), "words");
    }

    #[test]
    fn a_panic_flushes_what_was_recorded_before_it() {
        let sink = ScriptedSink::new();
        let queue = Queue::new("web1", sink.clone()).unwrap();
        queue.start().unwrap();
        close_on_exit(&queue);
        flush_on_panic();
        let client = queue.client();

        let panicked = std::panic::catch_unwind(|| {
            client.add("last", "words").unwrap();
            panic!("as the test wants");
        });

        assert!(panicked.is_err());
        assert_eq!(sink.events()[0].event.message(), "words");
    }
}
