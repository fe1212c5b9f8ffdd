//! Processor time of a server: its processes with all their descendants, from /proc.

use std::{collections::HashMap, fs, time::Duration};

use anyhow::Context as _;

/// The processes that are charged, each with its descendants: a database's backends are its children.
#[derive(Clone, Debug)]
pub struct Charged(Vec<u32>);

/// What /proc tells of one process.
#[derive(Clone, Copy, Debug)]
struct Process {
    parent: u32,
    /// User and system time of all its threads, and of the children that it has waited for, in clock ticks.
    ticks: u64,
}

impl Charged {
    /// These processes.
    #[must_use]
    pub fn new(processes: &[u32]) -> Self {
        Self(processes.to_vec())
    }

    /// The processor time used so far; `None` when nobody is charged. A descendant that ends moves its time to the parent
    /// that waits for it, so nothing is lost in between.
    ///
    /// # Errors
    /// When a process to be charged is not there.
    pub fn read(&self) -> anyhow::Result<Option<Duration>> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let mut processes = HashMap::new();
        for entry in fs::read_dir("/proc")?.flatten() {
            let Some(id) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            // One that ends while we look is not there any more.
            let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else { continue };
            if let Some(process) = parse(&stat) {
                processes.insert(id, process);
            }
        }
        for id in &self.0 {
            processes.get(id).with_context(|| format!("process {id} is not there"))?;
        }
        let ticks: u64 = processes
            .iter()
            .filter(|(id, _)| self.covers(&processes, **id))
            .map(|(_, process)| process.ticks)
            .sum();
        let per_second = rustix::param::clock_ticks_per_second().max(1);
        Ok(Some(Duration::from_nanos(ticks.saturating_mul(1_000_000_000 / per_second))))
    }

    fn covers(&self, processes: &HashMap<u32, Process>, mut id: u32) -> bool {
        while id > 1 {
            if self.0.contains(&id) {
                return true;
            }
            let Some(process) = processes.get(&id) else { return false };
            id = process.parent;
        }
        false
    }
}

/// Reads `/proc/PID/stat`: behind the name in parentheses come state, parent, and from the 12th field on utime, stime,
/// cutime, cstime (proc(5)).
fn parse(stat: &str) -> Option<Process> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace();
    let parent = fields.nth(1)?.parse().ok()?;
    let times: Option<Vec<u64>> = fields.skip(9).take(4).map(|field| field.parse().ok()).collect();
    let times = times.filter(|times| times.len() == 4)?;
    Some(Process { parent, ticks: times.iter().sum() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_stat_is_read_behind_the_name() {
        let stat = "42 (a) b (c) S 7 42 42 0 -1 4194560 100 0 0 0 11 22 33 44 20 0 3 0 100 0 0";
        let process = parse(stat).unwrap();
        assert_eq!((process.parent, process.ticks), (7, 110));
        assert!(parse("42 (short) S 7").is_none());
    }

    #[test]
    fn this_process_is_charged_and_one_that_is_gone_is_named() {
        assert!(Charged::new(&[std::process::id()]).read().unwrap().is_some());
        assert_eq!(Charged::new(&[]).read().unwrap(), None);
        let gone = Charged::new(&[u32::MAX]).read().unwrap_err();
        assert!(gone.to_string().contains("is not there"));
    }
}
