//! `rrnetd journal apply`: what a rescued journal holds and the database lacks.

use std::path::Path;

use super::{Failure, Outcome, say, serve};
use crate::{
    config::Sources,
    daemon::{Opened, folder},
};

pub(super) fn apply(sources: &Sources, rescued: &Path) -> Outcome {
    let config = super::load(sources)?;
    let _metrics = serve::start_telemetry(&config)?;
    serve::runtime()?.block_on(async {
        folder::make(&config.data.folder).map_err(Failure::start)?;
        // The daemon's own lock: a journal is applied while it is stopped.
        let opened = Opened::open(&config, base::Clock::system()).await.map_err(Failure::start)?;
        let rescued = aaa::journal::inspect(rescued).map_err(Failure::start)?;
        let applied = opened.drain().apply_rescued(&rescued).await.map_err(Failure::running)?;
        say(&format!("{applied} records applied"));
        Ok(())
    })
}
