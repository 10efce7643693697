//! What is served, replaced while it serves: settings and modules loaded again, tried on some requests, taken back.
//!
//! Everything that requests use stands behind one swap ([`Serving`]). A load makes all of it anew beside what serves, and is all
//! or nothing. A request keeps the generation that it began with; an old one ends with its last request, or when its time to
//! finish has passed.

mod changes;
mod error;
mod listeners;
mod source;
mod stamps;
mod told;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use arc_swap::ArcSwap;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    admission::Door,
    config::{Config, ConfigErrors},
    generation::{Generation, Retired},
    load::{self, Ground, LinkedModules},
    registry::{Reference, Registry, RegistryError},
    serve::{Bound, Candidate, Hand, Health, Probe, Server, Serving, Trial},
    wasm::{Compiler, Modules},
};
pub use error::ReloadError;
use listeners::{Listeners, Plan};
pub use source::{Read, Source};
pub use stamps::Stamps;
pub use told::{Done, OldGeneration, Outcome, Status};

/// How long an old generation may take to finish where the settings say nothing: as long as a large attachment takes over a slow
/// line.
const DRAIN: Duration = Duration::from_hours(1);

/// What is served, and how to replace it.
pub struct Reload {
    source: Source,
    /// What files were like when they were read last.
    seen: Mutex<Stamps>,
    /// The settings in force since the start, for what only a restart changes.
    started: Config,
    modules: Modules,
    registry: Registry,
    door: Arc<Door>,
    current: Arc<ArcSwap<Serving>>,
    server: Server,
    /// Held while something is loaded: one load after the other.
    loading: Mutex<()>,
    /// Held for moments only.
    state: Mutex<State>,
}

/// What stands around the generation that serves.
struct State {
    /// The number of the newest generation.
    number: u64,
    stable: Recipe,
    since: SystemTime,
    /// What served before it, to be taken back.
    before: Option<Recipe>,
    candidate: Option<Recipe>,
    listeners: Listeners,
    /// The listeners of the start, until they are opened.
    first: Option<Plan>,
    old: Vec<Old>,
    last: Outcome,
}

/// What a generation can be made of again. It holds no folders open.
#[derive(Clone)]
struct Recipe {
    number: u64,
    config: Arc<Config>,
    linked: Arc<LinkedModules>,
}

/// A generation that still runs requests.
struct Old {
    retired: Retired,
    since: Instant,
    /// How long it may take.
    drain: Duration,
    linked: Arc<LinkedModules>,
}

/// What was loaded beside what serves.
struct Loaded {
    recipe: Recipe,
    generation: Arc<Generation>,
}

impl Reload {
    /// Loads what was `read` from the source, to serve it on the sockets that are `bound` until `stop`.
    ///
    /// Must be called where it holds up nobody, inside the runtime.
    pub fn first(
        source: Source,
        Read { config, seen }: Read,
        compiler: Compiler,
        (bound, keeper, stop): (Vec<Bound>, Option<Hand>, CancellationToken),
    ) -> Result<Self, ReloadError> {
        let modules = load::modules(&config.execution, compiler)?;
        let door = load::door(&config.execution);
        let registry = Registry::new(&config.execution.cache);
        let linked = load::linked(&config, (&modules, &registry), None)?;
        let ground = Ground { door: &door, number: 1, before: None };
        let generation = Arc::new(load::generation(&config, &linked, ground)?);
        probe(&config, &generation)?;
        modules.keep(linked.values());
        let mut listeners = Listeners::new(keeper);
        let plan = listeners.first(bound)?;
        let patience = config.execution.patience;
        let serving =
            Serving { stable: generation, candidate: None, receptions: plan.receptions(), patience };
        let current = Arc::new(ArcSwap::from_pointee(serving));
        let server = Server::new(Arc::clone(&current), stop);
        let recipe = Recipe { number: 1, config: Arc::new(config.clone()), linked: Arc::new(linked) };
        let now = SystemTime::now();
        let state = State {
            number: 1,
            stable: recipe,
            since: now,
            before: None,
            candidate: None,
            listeners,
            first: Some(plan),
            old: Vec::new(),
            last: Outcome { at: now, told: Ok(Done { generation: 1, ..Done::default() }) },
        };
        let (loading, state) = (Mutex::default(), Mutex::new(state));
        let seen = Mutex::new(seen);
        Ok(Self { source, seen, started: config, modules, registry, door, current, server, loading, state })
    }

    /// Accepts connections from now on.
    pub fn open(&self) {
        let mut state = self.state();
        if let Some(plan) = state.first.take() {
            state.listeners.carry_out(plan, &self.server);
        }
    }

    /// What serves.
    pub fn current(&self) -> Arc<ArcSwap<Serving>> {
        Arc::clone(&self.current)
    }

    /// What accepts connections.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Reads the settings again, loads everything that they name, and serves that instead, or, with a trial, for some requests:
    /// all of it, or nothing. A request that begins after this has returned is not answered by what served before, unless
    /// there is a trial.
    ///
    /// Takes as long as compiling takes; must be called where that holds up nobody, inside the runtime.
    pub fn again(&self, trial: Option<Trial>) -> Result<Done, ReloadError> {
        self.noted(|| {
            let config = self.read()?;
            let linked = self.linked(&config)?;
            let loaded = self.loaded(Arc::new(config), linked)?;
            match trial {
                Some(trial) => Ok(self.try_out(loaded, trial)),
                None => self.replace(loaded),
            }
        })
    }

    /// Lets the generation on trial answer all requests.
    pub fn promote(&self) -> Result<Done, ReloadError> {
        self.noted(|| {
            let recipe = self.state().candidate.clone().ok_or(ReloadError::NoTrial)?;
            let serving = self.current.load_full();
            let candidate = serving.candidate.as_ref().ok_or(ReloadError::NoTrial)?;
            self.replace(Loaded { recipe, generation: Arc::clone(candidate.generation()) })
        })
    }

    /// Ends a trial, or serves again what was served before the generation in force: with its settings and its modules, whatever
    /// is in their files now.
    pub fn roll_back(&self) -> Result<Done, ReloadError> {
        self.noted(|| {
            let (candidate, before) = {
                let state = self.state();
                (state.candidate.clone(), state.before.clone())
            };
            if candidate.is_some() {
                return Ok(self.end_trial());
            }
            let Recipe { number: _, config, linked } = before.ok_or(ReloadError::NothingBefore)?;
            let loaded = self.loaded(Arc::clone(&config), linked)?;
            let done = self.replace(loaded)?;
            // Whatever is in the files now: they are loaded when they change from that.
            let mut seen = self.source.seen();
            seen.extend(Stamps::of(config.watched()));
            *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = seen;
            Ok(done)
        })
    }

    /// What serves.
    pub fn status(&self) -> Status {
        let serving = self.current.load_full();
        let mut state = self.state();
        state.forget();
        let now = Instant::now();
        let old = state.old.iter().map(|old| OldGeneration {
            number: old.retired.number(),
            running: old.retired.running(),
            age: now.duration_since(old.since),
        });
        let candidate = serving.candidate.as_ref();
        Status {
            generation: serving.stable.number(),
            since: state.since,
            candidate: candidate.map(|candidate| (candidate.generation().number(), candidate.trial())),
            before: state.before.as_ref().map(|recipe| recipe.number),
            old: old.collect(),
            sites: serving.stable.sites().to_vec(),
            listeners: state.listeners.addresses(),
            connections: self.server.connections(),
            running: self.door.busy(),
            compiling: self.modules.compiling(),
            last: state.last.clone(),
        }
    }

    /// What the files were like that what is served was made of, when they were read last.
    pub fn seen(&self) -> Stamps {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What is to be logged, where the settings say it.
    pub fn log(&self) -> Option<String> {
        self.state().stable.config.log.clone()
    }

    /// Whether changes of files are to be looked for.
    pub fn watches(&self) -> bool {
        self.state().stable.config.watch
    }

    /// How often it is to be asked whether modules have moved in their registries.
    pub fn interval(&self) -> Duration {
        self.state().stable.config.registry.interval
    }

    /// Which modules have moved in their registries since they were loaded. It holds up whoever asks.
    pub fn moved(&self) -> Result<Vec<Reference>, RegistryError> {
        let config = Arc::clone(&self.state().stable.config);
        self.registry.moved(&config.registry, &config.references())
    }

    /// One after the other, and with a note of what came of it.
    fn noted(&self, work: impl FnOnce() -> Result<Done, ReloadError>) -> Result<Done, ReloadError> {
        let _one = self.loading.lock().unwrap_or_else(PoisonError::into_inner);
        let done = work();
        let told = done.as_ref().map(Done::clone).map_err(ToString::to_string);
        self.state().last = Outcome { at: SystemTime::now(), told };
        done
    }

    /// Reads the settings; what is wrong with them is looked at again when they have changed.
    fn read(&self) -> Result<Config, ConfigErrors> {
        let own = self.source.seen();
        let read = self.source.read();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        match read {
            Ok(Read { config, seen: all }) => {
                *seen = all;
                Ok(config)
            }
            Err(errors) => {
                seen.extend(own);
                Err(errors)
            }
        }
    }

    fn linked(&self, config: &Config) -> Result<Arc<LinkedModules>, ReloadError> {
        let (old, new) = (self.started.execution.memory, config.execution.memory);
        if new > old {
            return Err(ReloadError::Memory { new, old });
        }
        let stable = Arc::clone(&self.state().stable.linked);
        Ok(Arc::new(load::linked(config, (&self.modules, &self.registry), Some(&stable))?))
    }

    /// Makes a generation, and asks it for the pages that it is to answer.
    fn loaded(&self, config: Arc<Config>, linked: Arc<LinkedModules>) -> Result<Loaded, ReloadError> {
        let number = {
            let mut state = self.state();
            state.number += 1;
            state.number
        };
        let serving = self.current.load_full();
        let terms = config.execution.terms;
        let door = Arc::new(self.door.with_queue(terms.queue, terms.patience));
        let ground = Ground { door: &door, number, before: Some(&serving.stable) };
        let generation = Arc::new(load::generation(&config, &linked, ground)?);
        probe(&config, &generation)?;
        Ok(Loaded { recipe: Recipe { number, config, linked }, generation })
    }

    /// Puts a generation in the place of what serves, with its listeners.
    fn replace(&self, Loaded { recipe, generation }: Loaded) -> Result<Done, ReloadError> {
        let mut state = self.state();
        let plan = state.listeners.plan(&recipe.config.listen)?;
        let done = self.done(&state.stable, &recipe, None);
        let patience = recipe.config.execution.patience;
        let serving =
            Serving { stable: generation, candidate: None, receptions: plan.receptions(), patience };
        let replaced = self.current.swap(Arc::new(serving));
        state.listeners.carry_out(plan, &self.server);
        let before = std::mem::replace(&mut state.stable, recipe);
        state.since = SystemTime::now();
        if let Some(tried) = state.candidate.take()
            && let Some(candidate) = &replaced.candidate
            && tried.number != state.stable.number
        {
            Self::retire(&mut state, candidate.generation(), &tried.linked);
        }
        Self::retire(&mut state, &replaced.stable, &before.linked);
        state.before = Some(before);
        drop(replaced);
        self.forget(&mut state);
        Ok(done)
    }

    /// What changes when `new` answers requests beside `stable`, or in its place.
    fn done(&self, stable: &Recipe, new: &Recipe, trial: Option<Trial>) -> Done {
        Done {
            generation: new.number,
            trial,
            changes: changes::changes((&stable.config, &stable.linked), (&new.config, &new.linked)),
            left_out: changes::left_out(&self.started, &new.config),
        }
    }

    /// Lets a generation answer some requests, beside what serves. Listeners stay as they are.
    fn try_out(&self, Loaded { recipe, generation }: Loaded, trial: Trial) -> Done {
        let mut state = self.state();
        let done = self.done(&state.stable, &recipe, Some(trial));
        let before = state.candidate.replace(recipe);
        self.with_candidate(&mut state, Some(Candidate::new(generation, trial)), before);
        done
    }

    fn end_trial(&self) -> Done {
        let mut state = self.state();
        let before = state.candidate.take();
        self.with_candidate(&mut state, None, before);
        Done {
            generation: state.stable.number,
            changes: vec!["the trial has ended".into()],
            ..Done::default()
        }
    }

    fn with_candidate(&self, state: &mut State, candidate: Option<Candidate>, before: Option<Recipe>) {
        let serving = self.current.load_full();
        let replaced = self.current.swap(Arc::new(Serving {
            stable: Arc::clone(&serving.stable),
            candidate,
            receptions: serving.receptions.clone(),
            patience: serving.patience,
        }));
        drop(serving);
        if let (Some(candidate), Some(before)) = (&replaced.candidate, before) {
            Self::retire(state, candidate.generation(), &before.linked);
        }
        drop(replaced);
        self.forget(state);
    }

    /// Keeps what still runs of a generation that was replaced.
    fn retire(state: &mut State, generation: &Generation, linked: &Arc<LinkedModules>) {
        let drain = state.stable.config.drain.unwrap_or(DRAIN);
        let (retired, since, linked) = (generation.retire(), Instant::now(), Arc::clone(linked));
        state.old.push(Old { retired, since, drain, linked });
    }

    /// Looks after generations that were replaced; to be called every now and then. Ends what still runs of them when their time
    /// to finish has passed.
    pub fn tidy(&self) {
        let mut state = self.state();
        if state.old.is_empty() {
            return;
        }
        let before = state.old.len();
        state.forget();
        state.old.iter().for_each(Old::end_in_time);
        if state.old.len() < before {
            self.forget(&mut state);
        }
    }

    /// Lets go of what is not in use any more.
    fn forget(&self, state: &mut State) {
        state.forget();
        let recipes = [Some(&state.stable), state.before.as_ref(), state.candidate.as_ref()];
        let recipes = recipes.into_iter().flatten().map(|recipe| &recipe.linked);
        let in_use = recipes.chain(state.old.iter().map(|old| &old.linked));
        self.modules.keep(in_use.flat_map(|linked| linked.values()));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Old {
    fn end_in_time(&self) {
        let (generation, requests, drain) = (self.retired.number(), self.retired.running(), self.drain);
        if self.since.elapsed() > drain && self.retired.end() {
            warn!(
                generation,
                requests,
                ?drain,
                "ending what still runs of an old generation; raise drain-timeout if it needs longer"
            );
        }
    }
}

impl State {
    /// Forgets old generations that run nothing any more.
    fn forget(&mut self) {
        self.old.retain(|old| {
            let runs = old.retired.running() > 0;
            if !runs {
                let (generation, seconds) = (old.retired.number(), old.since.elapsed().as_secs());
                info!(generation, seconds, "an old generation has ended");
            }
            runs
        });
    }
}

/// Asks a generation for the pages that its sites name, before anybody else can.
fn probe(config: &Config, generation: &Arc<Generation>) -> Result<(), ReloadError> {
    for site in &config.sites {
        let Some(Health { page, status: expected }) = &site.probe else { continue };
        let (site, probe) = (site.name.clone(), Probe::of(generation, config.execution.patience));
        match Handle::current().block_on(probe.ask("GET", page)) {
            Ok(Some(status)) if status == *expected => {}
            Ok(Some(status)) => {
                let (page, expected) = (page.path.clone(), *expected);
                return Err(ReloadError::Unhealthy { site, page, status, expected });
            }
            Ok(None) => return Err(ReloadError::NoPages(site)),
            Err(error) => return Err(ReloadError::Unanswered { site, error }),
        }
    }
    Ok(())
}
