//! Plans that somebody does not want to be reminded of for a while.

use super::{Trust, keep_list, kept_list, unreadable};
use crate::model::{KeyId, PlanId, Timestamp};
use crate::store::error::{Result, StoreError};
use std::collections::BTreeMap;

/// Under which key they are kept.
const KEY: &str = "plan-snoozes";
/// No more are kept.
const MOST: usize = 10_000;

/// Until when each plan is left alone, by whose it is.
pub type PlanSnoozes = BTreeMap<(KeyId, PlanId), Timestamp>;

impl Trust {
    /// The plans that are left alone, also those whose time is over.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn plan_snoozes(&self) -> Result<PlanSnoozes> {
        read(kept_list(&self.lock(), KEY)?)
    }

    /// Leaves a plan alone until then; `None`: no longer. What is over by `now` is forgotten.
    ///
    /// # Errors
    /// The database cannot be written, or there are too many.
    pub fn snooze_plan(
        &self,
        (origin, plan): (KeyId, PlanId),
        until: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<()> {
        self.transact(|tx| {
            let mut snoozes = read(kept_list(tx, KEY)?)?;
            snoozes.retain(|_, end| *end > now);
            match until {
                Some(until) => drop(snoozes.insert((origin, plan), until)),
                None => drop(snoozes.remove(&(origin, plan))),
            }
            if snoozes.len() > MOST {
                let (value, limit) = (snoozes.len() as u64, MOST as u64);
                return Err(StoreError::Limit { what: "snoozed plans", value, limit });
            }
            keep_list(tx, KEY, &written(&snoozes))
        })
    }
}

type Row = (String, String, i64);

fn read(rows: Vec<Row>) -> Result<PlanSnoozes> {
    let one = |(origin, plan, until): Row| {
        let (origin, plan) =
            (origin.parse().map_err(unreadable)?, plan.parse().map_err(unreadable)?);
        Ok(((origin, plan), Timestamp::from_millis(until)))
    };
    rows.into_iter().map(one).collect()
}

fn written(snoozes: &PlanSnoozes) -> Vec<Row> {
    let rows = snoozes.iter();
    rows.map(|((origin, plan), until)| (origin.to_string(), plan.to_string(), until.as_millis()))
        .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_snooze_is_kept_until_it_is_over_or_taken_back() {
        let folder = tempfile::tempdir().unwrap();
        let trust = Trust::open(folder.path()).unwrap();
        let at = Timestamp::from_millis;
        let plan = |n: u8| (KeyId::from_bytes([n; 32]), "home".parse::<PlanId>().unwrap());
        assert!(trust.plan_snoozes().unwrap().is_empty());
        trust.snooze_plan(plan(1), Some(at(10)), at(0)).unwrap();
        trust.snooze_plan(plan(2), Some(at(20)), at(0)).unwrap();
        drop(trust);
        let trust = Trust::open(folder.path()).unwrap();
        assert_eq!(trust.plan_snoozes().unwrap()[&plan(1)], at(10));
        trust.snooze_plan(plan(1), Some(at(30)), at(5)).unwrap();
        trust.snooze_plan(plan(3), Some(at(40)), at(25)).unwrap();
        let kept: Vec<_> = trust.plan_snoozes().unwrap().into_values().collect();
        assert_eq!(kept, [at(30), at(40)], "one is over");
        trust.snooze_plan(plan(1), None, at(25)).unwrap();
        assert_eq!(trust.plan_snoozes().unwrap().len(), 1);
    }
}
