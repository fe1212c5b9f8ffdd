//! Loss of power and kills at any moment, as a property over random histories.

use proptest::prelude::*;

use super::*;
use crate::journal::storage::simulated::Faults;

/// What happens next.
#[derive(Clone, Debug)]
enum Act {
    Append(u8),
    Turn,
    Fault(Fault),
    /// The database has this share of what is durable.
    Release(u8),
    /// The power fails after so many further changes of the disk.
    PowerAfter(u8),
    /// The process is killed after so many further changes of the disk.
    KillAfter(u8),
    /// The power fails now.
    Power,
    Kill,
    /// An orderly end.
    Shutdown,
}

#[derive(Clone, Copy, Debug)]
enum Fault {
    Sync,
    FolderSync,
    Write,
    Full,
    ShortWrite,
}

fn act() -> impl Strategy<Value = Act> {
    let fault = prop_oneof![
        Just(Fault::Sync),
        Just(Fault::FolderSync),
        Just(Fault::Write),
        Just(Fault::Full),
        Just(Fault::ShortWrite)
    ];
    prop_oneof![
        8 => (1..40_u8).prop_map(Act::Append),
        8 => Just(Act::Turn),
        2 => fault.prop_map(Act::Fault),
        2 => any::<u8>().prop_map(Act::Release),
        1 => (0..12_u8).prop_map(Act::PowerAfter),
        1 => (0..12_u8).prop_map(Act::KillAfter),
        1 => Just(Act::Power),
        1 => Just(Act::Kill),
        1 => Just(Act::Shutdown),
    ]
}

/// What the world outside knows.
#[derive(Default)]
struct Model {
    next_seed: u64,
    /// Accepted but not durable as far as anybody was told.
    waiting: Vec<(Position, u64)>,
    /// Acknowledged: must be there for ever.
    acknowledged: Vec<(Position, u64)>,
    /// What the database has.
    applied: Position,
    /// Positions up to here were seen in the journal: a database may have them.
    seen: Position,
}

impl Model {
    fn acknowledge(&mut self, durable: Position) {
        self.seen = self.seen.max(durable);
        let done = self.waiting.iter().take_while(|(position, _)| *position <= durable).count();
        self.acknowledged.extend(self.waiting.drain(..done));
    }

    fn check(&mut self, fixture: &Fixture) -> Result<(), TestCaseError> {
        let read = fixture.read();
        prop_assert!(read.windows(2).all(|pair| pair[0].0 < pair[1].0), "positions rise");
        let expected: Vec<_> =
            self.acknowledged.iter().filter(|(position, _)| *position > self.applied).copied().collect();
        let there: Vec<_> = read.iter().filter(|(position, _)| *position > self.applied).copied().collect();
        let acknowledged: Vec<_> = there.iter().filter(|entry| expected.contains(entry)).copied().collect();
        prop_assert_eq!(acknowledged, expected, "each acknowledged record, once, in order");
        for entry in &there {
            prop_assert!(
                self.acknowledged.contains(entry) || self.waiting.contains(entry),
                "{:?} was never accepted",
                entry
            );
        }
        Ok(())
    }

    /// After a crash whatever is there counts as durable, and what is not there was lost unacknowledged.
    fn survive(&mut self, fixture: &Fixture) -> Result<(), TestCaseError> {
        self.check(fixture)?;
        let read = fixture.read();
        self.seen = read.last().map_or(self.seen, |(position, _)| self.seen.max(*position));
        let kept = std::mem::take(&mut self.waiting).into_iter().filter(|entry| read.contains(entry));
        self.acknowledged.extend(kept);
        prop_assert!(fixture.journal.health().damage.is_empty(), "a crash is no damage");
        Ok(())
    }
}

fn run(acts: &[Act], choices: u64) -> Result<(), TestCaseError> {
    let mut random = choices | 1;
    let mut choose = move || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random & 1 == 0
    };
    let mut fixture = Fixture::new();
    let mut model = Model::default();
    for act in acts {
        match act {
            Act::Append(count) => {
                for _ in 0..*count {
                    let Ok(position) = fixture.journal.append(&record(&payload(model.next_seed))) else {
                        break;
                    };
                    prop_assert!(position > model.seen, "no position stands for two records");
                    model.waiting.push((position, model.next_seed));
                    model.next_seed += 1;
                }
            }
            Act::Turn => {
                fixture.writer.turn();
                model.acknowledge(fixture.journal.durable());
            }
            Act::Fault(fault) => {
                let mut faults = Faults::default();
                match fault {
                    Fault::Sync => faults.syncs = 1,
                    Fault::FolderSync => faults.folder_syncs = 1,
                    Fault::Write => faults.writes = 1,
                    Fault::Full => faults.full_writes = 1,
                    Fault::ShortWrite => faults.short_writes = 2,
                }
                fixture.disk.set_faults(faults);
            }
            Act::Release(share) => {
                let durable = fixture.journal.durable().number();
                model.applied = model.applied.max(Position::new(durable * u64::from(*share) / 255));
                fixture.journal.release(model.applied);
            }
            Act::PowerAfter(changes) | Act::KillAfter(changes) => {
                let power_after = Some(u32::from(*changes));
                fixture.disk.set_faults(Faults { power_after, ..Faults::default() });
                for _ in 0..*changes {
                    fixture.writer.turn();
                    model.acknowledge(fixture.journal.durable());
                }
                let disk = match act {
                    Act::PowerAfter(_) => fixture.disk.after_power_loss(&mut choose),
                    _ => fixture.disk.after_kill(),
                };
                fixture = Fixture::on(disk, config()).unwrap();
                model.survive(&fixture)?;
            }
            Act::Power => {
                fixture = Fixture::on(fixture.disk.after_power_loss(&mut choose), config()).unwrap();
                model.survive(&fixture)?;
            }
            Act::Kill => {
                fixture = fixture.after_kill();
                model.survive(&fixture)?;
            }
            Act::Shutdown => {
                fixture.disk.set_faults(Faults::default());
                while fixture.writer.turn() != Turn::Idle {}
                model.acknowledge(fixture.journal.durable());
                fixture.writer.retire();
                fixture.journal.shutdown().unwrap();
                let disk = fixture.disk.clone();
                drop(fixture);
                fixture = Fixture::on(disk, config()).unwrap();
                model.survive(&fixture)?;
            }
        }
    }
    model.check(&fixture)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_acknowledged_record_is_lost_or_repeated(acts in proptest::collection::vec(act(), 1..60), choices: u64) {
        run(&acts, choices)?;
    }
}

#[test]
fn what_a_killed_process_had_written_but_not_synced_is_synced_before_it_counts() {
    let mut fixture = Fixture::new();
    fixture.commit([1]);
    fixture.append(2);
    // The write goes through, and the process dies before the sync.
    fixture.disk.set_faults(Faults { power_after: Some(1), ..Faults::default() });
    assert_eq!(fixture.writer.turn(), Turn::Failed);
    assert_eq!(fixture.journal.durable(), Position::new(1));
    let fixture = fixture.after_kill();
    assert_eq!(fixture.journal.durable(), Position::new(2));
    let disk = fixture.disk.after_power_loss(|| false);
    assert_eq!(Fixture::on(disk, config()).unwrap().seeds(), [1, 2]);
}
