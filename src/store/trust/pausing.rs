//! Who paused a plan of this machine, and when. Whether it is paused is in its task.

use super::{Trust, keep_list, kept_list, unreadable};
use crate::model::{PlanId, Timestamp};
use crate::store::error::Result;
use std::collections::BTreeMap;

/// Under which key they are kept.
const KEY: &str = "plan-pausings";

/// A pause, as whoever asks why nothing runs wants to know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pausing {
    /// When it was paused, or paused anew with another end.
    pub since: Timestamp,
    /// By which user or key; `None`: on the machine itself, without a login.
    pub by: Option<String>,
}

impl Trust {
    /// The last pause of each plan, also of those that run again by themselves.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn pausings(&self) -> Result<BTreeMap<PlanId, Pausing>> {
        read(kept_list(&self.lock(), KEY)?)
    }

    /// Notes who paused a plan; `None`: it is resumed. Those of plans that are no more are forgotten.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn note_pausing(
        &self,
        plan: PlanId,
        pausing: Option<Pausing>,
        is_there: impl Fn(&PlanId) -> bool,
    ) -> Result<()> {
        self.transact(|tx| {
            let mut all = read(kept_list(tx, KEY)?)?;
            all.retain(|plan, _| is_there(plan));
            match pausing {
                Some(pausing) => drop(all.insert(plan, pausing)),
                None => drop(all.remove(&plan)),
            }
            keep_list(tx, KEY, &written(&all))
        })
    }
}

type Row = (String, i64, Option<String>);

fn read(rows: Vec<Row>) -> Result<BTreeMap<PlanId, Pausing>> {
    let one = |(plan, since, by): Row| {
        let since = Timestamp::from_millis(since);
        Ok((plan.parse().map_err(unreadable)?, Pausing { since, by }))
    };
    rows.into_iter().map(one).collect()
}

fn written(all: &BTreeMap<PlanId, Pausing>) -> Vec<Row> {
    let row = |(plan, pausing): (&PlanId, &Pausing)| {
        (plan.to_string(), pausing.since.as_millis(), pausing.by.clone())
    };
    all.iter().map(row).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn who_paused_is_kept_until_it_is_resumed_or_gone() {
        let folder = tempfile::tempdir().unwrap();
        let trust = Trust::open(folder.path()).unwrap();
        let plan = |id: &str| id.parse::<PlanId>().unwrap();
        let by = |name: &str, at| {
            Some(Pausing { since: Timestamp::from_millis(at), by: Some(name.to_owned()) })
        };
        assert!(trust.pausings().unwrap().is_empty());
        trust.note_pausing(plan("home"), by("ada", 10), |_| true).unwrap();
        trust.note_pausing(plan("photos"), by("ben", 20), |_| true).unwrap();
        drop(trust);
        let trust = Trust::open(folder.path()).unwrap();
        assert_eq!(trust.pausings().unwrap().get(&plan("home")).cloned(), by("ada", 10));
        trust.note_pausing(plan("photos"), None, |_| true).unwrap();
        assert_eq!(trust.pausings().unwrap().len(), 1);
        trust.note_pausing(plan("mail"), by("ada", 30), |one| *one == plan("mail")).unwrap();
        let kept: Vec<_> = trust.pausings().unwrap().into_keys().collect();
        assert_eq!(kept, [plan("mail")], "that of a plan that is gone is forgotten");
    }
}
