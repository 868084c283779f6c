//! The engine: what is due is begun, what has ended is noted, what changed is looked at.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsStr;
use std::panic;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::{Id, JoinError, JoinSet};

use crate::alarm;
use crate::entry::Entry;
use crate::job::{self, Done, Job, Outcome};
use crate::office::Office;
use crate::schedule::{Step, Validity};
use crate::setback::chain;
use crate::shared::Shared;
use crate::store::Held;
use crate::watch::Watch;
use crate::{Name, Status};

/// What the engine is told.
#[derive(Debug)]
pub(crate) enum Command {
    /// Look at everything again.
    Reload,
    /// Leave everything as it is, and end.
    Stop,
    /// Do this on the engine's thread.
    #[cfg(test)]
    Call(fn()),
}

/// Looks after all names of a directory. A clone begins anew, with what was written down.
#[derive(Clone)]
pub(crate) struct Engine {
    pub office: Arc<Office>,
    pub shared: Arc<Shared>,
}

/// An engine at work.
struct Work {
    office: Arc<Office>,
    shared: Arc<Shared>,
    entries: BTreeMap<Name, Entry>,
    jobs: JoinSet<Done>,
    /// Which name a job is for.
    names: HashMap<Id, Name>,
}

/// How many names are worked at together: authorities allow tens of requests a second.
const MOST_JOBS: usize = 10;

/// How long nothing is looked at: a clock may be set meanwhile, or the machine sleep.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);

/// Without inotify, the directory is looked at so often.
const SLOW_LOOK: Duration = Duration::from_secs(60);

impl Engine {
    pub async fn run(self, mut commands: UnboundedReceiver<Command>) {
        let watch = Watch::new(self.office.store.directory());
        if let Err(error) = &watch {
            tracing::warn!(%error, "the directory can't be watched, changes are noticed later");
        }
        let mut work = Work {
            office: self.office,
            shared: self.shared,
            entries: BTreeMap::new(),
            jobs: JoinSet::new(),
            names: HashMap::new(),
        };
        work.look_at_all();
        if work.entries.is_empty() {
            let directory = work.office.store.directory().display();
            tracing::warn!(%directory, "no certificate is asked for yet: an empty NAME.pem asks");
        }
        let mut slow = tokio::time::interval(SLOW_LOOK);
        loop {
            work.shared.beat();
            work.begin_due();
            let sleep = work.sleep();
            tokio::select! {
                command = commands.recv() => match command {
                    Some(Command::Reload) => work.reload(),
                    #[cfg(test)]
                    Some(Command::Call(call)) => call(),
                    Some(Command::Stop) | None => return work.stop().await,
                },
                Some(ended) = work.jobs.join_next_with_id() => work.ended(ended),
                changed = changes(watch.as_ref().ok()) => work.changed(changed),
                _ = slow.tick(), if watch.is_err() => work.look_at_all(),
                () = tokio::time::sleep(sleep) => {}
            }
        }
    }
}

/// The files that changed; nothing where all have to be looked at.
async fn changes(watch: Option<&Watch>) -> Option<Vec<std::ffi::OsString>> {
    let Some(watch) = watch else { return std::future::pending().await };
    let files = watch.changed().await.ok().flatten();
    files.map(|files| files.into_iter().collect())
}

impl Work {
    fn look_at_all(&mut self) {
        let names = match self.office.store.names() {
            Ok(names) => names,
            Err(error) => {
                return tracing::error!(error = chain(&error), "directory not looked at");
            }
        };
        let gone: Vec<_> =
            self.entries.keys().filter(|name| !names.contains(name)).cloned().collect();
        gone.iter().for_each(|name| self.drop_name(name));
        names.iter().for_each(|name| self.look(name));
    }

    /// Looks at the file of a name.
    fn look(&mut self, name: &Name) {
        let now = self.office.now();
        let held = match self.office.store.look(name, now) {
            Held::Gone => return self.drop_name(name),
            Held::Requested => None,
            Held::Certificate(leaf) => Some(leaf),
        };
        let office = &self.office;
        let is_known = self.entries.contains_key(name);
        let entry = self.entries.entry(name.clone()).or_insert_with(|| Entry {
            held: None,
            record: office.store.record(name).unwrap_or_default(),
            is_unsaved: false,
            wake: now,
            job: None,
            alarm: None,
        });
        let is_new =
            entry.held.as_ref().map(|leaf| &leaf.der) != held.as_ref().map(|leaf| &leaf.der);
        // What is in memory only is newer than the file.
        if is_new && !self.office.unsaved().contains_key(name) {
            entry.held = held;
            if is_known {
                // When to ask again was told for another certificate.
                entry.record.poll_after = None;
            }
        }
        entry.wake = now;
    }

    /// Nobody wants a certificate for it any more.
    fn drop_name(&mut self, name: &Name) {
        let Some(entry) = self.entries.remove(name) else { return };
        if let Some(job) = entry.job {
            job.abort();
        }
        // If it can't be removed it is too old when it is looked at again.
        let _ = self.office.store.remove_order(name);
        self.office.unsaved().remove(name);
        self.shared.remove(name);
        tracing::info!(domain = %name, "certificate not wanted any more, its file is gone");
    }

    fn changed(&mut self, files: Option<Vec<std::ffi::OsString>>) {
        let Some(files) = files else { return self.look_at_all() };
        let names = files.iter().filter_map(|file| name_of(file));
        names.collect::<Vec<_>>().iter().for_each(|name| self.look(name));
    }

    fn reload(&mut self) {
        self.look_at_all();
        let now = self.office.now();
        for (name, entry) in &mut self.entries {
            if entry.record.forgive(now) {
                entry.save(name, &self.office);
            }
            entry.wake = now;
        }
    }

    /// Begins all that is due, as far as there is room.
    fn begin_due(&mut self) {
        let now = self.office.now();
        let due = self.entries.iter().filter(|(_, entry)| entry.job.is_none() && entry.wake <= now);
        let due: Vec<_> = due.map(|(name, _)| name.clone()).collect();
        for name in due {
            if self.jobs.len() < MOST_JOBS {
                self.begin(&name, now);
            }
        }
    }

    fn begin(&mut self, name: &Name, now: Timestamp) {
        let Some(entry) = self.entries.get_mut(name) else { return };
        alarm::sound(name, entry.held.as_ref(), &mut entry.alarm, &entry.record, now);
        let is_unsaved = self.office.unsaved().contains_key(name);
        let mut step = entry.step(&self.office, now);
        if matches!(step, Step::Order { .. }) && entry.refresh(name, &self.office) {
            step = entry.step(&self.office, now);
        }
        let job = match step {
            _ if is_unsaved => Job::Save,
            Step::Order { authority } => {
                let (held, record) = (entry.held.clone(), entry.record.clone());
                Job::Order { authority, held, record }
            }
            Step::Poll { authority } => match entry.held.clone() {
                Some(held) => Job::Poll { authority, held, record: entry.record.clone() },
                None => return,
            },
            Step::Wait { until, state } => {
                entry.wait(until, state, now);
                return self.show(name);
            }
        };
        self.show(name);
        let Some(entry) = self.entries.get_mut(name) else { return };
        let (office, shared) = (Arc::clone(&self.office), Arc::clone(&self.shared));
        let handle = self.jobs.spawn_local(job::run(office, shared, name.clone(), job));
        self.names.insert(handle.id(), name.clone());
        entry.job = Some(handle);
    }

    fn ended(&mut self, ended: Result<(Id, Done), JoinError>) {
        let (id, Done { outcome, ordered, lease: _lease }) = match ended {
            Ok(ended) => ended,
            Err(error) if error.is_cancelled() => return drop(self.names.remove(&error.id())),
            Err(error) => (error.id(), Done::without_end(error)),
        };
        let Some(name) = self.names.remove(&id) else { return };
        let now = self.office.now();
        let Some(entry) = self.entries.get_mut(&name) else { return };
        entry.job = None;
        entry.record.ordered = entry.record.ordered.saturating_add(ordered);
        // What another process did, it writes down itself.
        let is_news = !matches!(outcome, Outcome::Found | Outcome::Busy { .. });
        entry.note(&name, outcome, &self.office, now);
        if is_news {
            entry.save(&name, &self.office);
        }
        self.show(&name);
    }

    /// Lets others see where a name stands.
    fn show(&self, name: &Name) {
        let Some(entry) = self.entries.get(name) else { return };
        let validity = entry.held.as_ref().map(Validity::from);
        let mut status = Status::new(name, validity.as_ref(), &entry.record);
        status.next = Some(entry.next_attempt(&self.office));
        let first = self.office.counters.first();
        status.limit_left = first.map(|counter| {
            counter.ledger().failures_left(name, &counter.limits(), self.office.now())
        });
        self.shared.set(name, status);
    }

    /// How long there is nothing to do.
    fn sleep(&self) -> Duration {
        if self.jobs.len() >= MOST_JOBS {
            return LONGEST_SLEEP;
        }
        let idle = self.entries.values().filter(|entry| entry.job.is_none());
        let next = idle.map(|entry| entry.wake).min();
        let until = next.map(|next| self.office.now().duration_until(next));
        let until = until.map_or(LONGEST_SLEEP, |left| left.try_into().unwrap_or(Duration::ZERO));
        until.min(self.office.clock.granularity())
    }

    async fn stop(mut self) {
        self.jobs.shutdown().await;
    }
}

fn name_of(file: &OsStr) -> Option<Name> {
    let path = Path::new(file);
    let is_pem = path.extension().is_some_and(|extension| extension == "pem");
    path.file_stem().filter(|_| is_pem)?.to_str()?.parse().ok()
}
