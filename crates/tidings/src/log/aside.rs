//! Who else needs the thread that asks? On one that many tasks share, what may wait
//! is run aside.

use super::core::Core;

/// Runs a part of a question that may wait, before it returns.
pub type Aside = fn(part: &mut dyn FnMut());

/// Runs it aside and gives what came of it.
pub(crate) fn run_aside<T>(aside: Aside, part: impl FnOnce() -> T) -> T {
    let (mut part, mut done) = (Some(part), None);
    aside(&mut || {
        if let Some(part) = part.take() {
            done = Some(part());
        }
    });
    match (done, part) {
        (Some(done), _) => done,
        (None, Some(part)) => part(),
        (None, None) => unreachable!("what was taken was run, or has panicked"),
    }
}

impl Core {
    /// Runs a part of a question that may wait for the store or for other threads.
    pub(crate) fn aside<T>(&self, part: impl FnOnce() -> T) -> T {
        run_aside(self.options.aside, part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runs_aside_runs_once_however_often_it_is_called_and_gives_its_answer() {
        let often: [Aside; 3] = [|_| {}, |part| part(), |part| (part(), part()).0];
        for aside in often {
            let mut runs = 0;
            let answer = run_aside(aside, || {
                runs += 1;
                "answer".to_owned()
            });
            assert_eq!((answer.as_str(), runs), ("answer", 1));
        }
    }
}
