//! What does ^C do? It ends the program with 130 at once, except while a pager
//! has the terminal: there it is the pager's.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::SIGINT;

use crate::exit::Exit;

/// Decides whether ^C ends the program.
#[derive(Clone, Debug)]
pub(crate) struct Interrupt {
    ends_us: Arc<AtomicBool>,
}

impl Interrupt {
    /// From now on ^C ends the program with 130.
    ///
    /// # Errors
    ///
    /// The system takes no signal handler.
    pub(crate) fn install() -> io::Result<Interrupt> {
        let ends_us = Arc::new(AtomicBool::new(true));
        let status = i32::from(Exit::Interrupted as u8);
        signal_hook::flag::register_conditional_shutdown(SIGINT, status, ends_us.clone())?;
        Ok(Interrupt { ends_us })
    }

    /// ^C is somebody else's while this is false.
    pub(crate) fn set_ends_us(&self, ends_us: bool) {
        self.ends_us.store(ends_us, Ordering::SeqCst);
    }
}
