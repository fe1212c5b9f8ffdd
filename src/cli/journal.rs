//! `rrnetd journal apply`: brings a rescued journal's records into the database, while the daemon is stopped.

use std::path::Path;

use base::Clock;

use super::{Failure, Outcome, say, serve::runtime};
use crate::{
    config::Sources,
    daemon::rescue::{self, Applied},
    domain::session::RescueReport,
};

/// A word on the way after each so many records: some seconds of work.
const WORD_EVERY: u64 = 100_000;

pub(super) fn apply(sources: &Sources, folder: &Path) -> Outcome {
    let config = super::load(sources)?;
    let mut said = 0;
    let progress = move |report: &RescueReport| {
        if report.applied / WORD_EVERY > said {
            said = report.applied / WORD_EVERY;
            say(&format!("{} records applied so far", report.applied));
        }
    };
    let applied = runtime()?
        .block_on(rescue::apply_journal(&config, &Clock::system(), folder, progress))
        .map_err(|error| if error.came_midway() { Failure::running(error) } else { Failure::start(error) })?;
    say(&tell(&applied));
    Ok(())
}

fn tell(Applied { journal, database, report }: &Applied) -> String {
    let RescueReport { applied, known, refused, missing, damaged, position } = report;
    let mut lines = vec![
        format!("journal {journal} is applied to database {database} up to record {position}"),
        format!("{applied} applied, {known} were there already, {refused} set aside"),
    ];
    if *refused > 0 {
        lines.push("what was set aside is in the table journal_refused, with its reason".to_owned());
    }
    if *missing > 0 {
        lines.push(format!(
            "{missing} records are neither in the database nor in the folder: an older copy of it may have them"
        ));
    }
    if *damaged > 0 {
        lines.push(format!("{damaged} places in the folder cannot be read, and the records there are lost"));
    }
    lines.join("\n")
}
