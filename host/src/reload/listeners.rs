//! Listeners that come and go while others go on.

use tracing::warn;

use crate::serve::{
    Address, Bound, Hand, Handed, Listen, ListenError, Listener, ListenerId, Open, Reception, Server, Word,
};

/// The listeners of a server.
#[derive(Default)]
pub(super) struct Listeners {
    last: u64,
    open: Vec<Open>,
    /// Those whose connections have not all ended yet; they are received as before.
    closed: Vec<Open>,
    /// Who keeps the sockets while the program is replaced.
    keeper: Option<Hand>,
}

/// What becomes of the listeners with a swap: all that can fail is done.
#[derive(Default)]
pub(super) struct Plan {
    kept: Vec<Reception>,
    new: Vec<(Reception, Address, Listener)>,
    closing: Vec<Reception>,
}

impl Plan {
    /// How those are received from the swap on who come in anywhere.
    pub(super) fn receptions(&self) -> Vec<Reception> {
        let new = self.new.iter().map(|(reception, ..)| reception);
        let listeners = self.kept.iter().chain(new).chain(&self.closing);
        listeners.cloned().chain([Reception::own()]).collect()
    }

    fn open(&mut self, id: ListenerId, bound: Bound) -> Result<(), ListenError> {
        let (reception, address) = (Reception::new(id, bound.listen()), bound.listen().address.clone());
        self.new.push((reception, address, Listener::new(bound)?));
        Ok(())
    }
}

impl Listeners {
    /// None yet; every socket is handed to the keeper, if there is one.
    pub(super) fn new(keeper: Option<Hand>) -> Self {
        Self { keeper, ..Self::default() }
    }

    /// For the sockets that are bound at the start.
    pub(super) fn first(&mut self, bound: Vec<Bound>) -> Result<Plan, ListenError> {
        let mut plan = Plan::default();
        bound.into_iter().try_for_each(|bound| plan.open(self.id(), bound))?;
        Ok(plan)
    }

    /// Binds what is new in `listen`, beside what is open.
    pub(super) fn plan(&mut self, listen: &[Listen]) -> Result<Plan, ListenError> {
        self.closed.retain(|open| !open.has_ended());
        let mut plan = Plan::default();
        for listen in listen {
            if let Some(open) = self.open.iter().find(|open| open.address == listen.address) {
                plan.kept.push(Reception::new(open.reception.listener, listen));
            } else {
                let keeper = self.keeper.as_ref();
                let bound = Bound::bind_or_take(listen.clone(), &mut Handed::default(), keeper)?;
                plan.open(self.id(), bound)?;
            }
        }
        let gone = self.open.iter().filter(|open| plan.kept(open).is_none());
        let closing = self.closed.iter().chain(gone).map(|open| open.reception.clone());
        plan.closing = closing.collect();
        Ok(plan)
    }

    /// Accepts what comes to the new ones, and nothing more at those that are left out.
    pub(super) fn carry_out(&mut self, plan: Plan, server: &Server) {
        for mut open in std::mem::take(&mut self.open) {
            if let Some(kept) = plan.kept(&open) {
                open.reception = kept.clone();
                self.open.push(open);
            } else {
                open.close();
                let unbound = Word::Unbound(open.address.to_string());
                if let Some(Err(error)) = self.keeper.as_ref().map(|keeper| keeper.say(&unbound)) {
                    warn!(%error, "the keeper does not listen");
                }
                self.closed.push(open);
            }
        }
        for (reception, address, listener) in plan.new {
            self.open.push(server.open(reception, address, listener));
        }
    }

    pub(super) fn addresses(&self) -> Vec<String> {
        self.open.iter().map(|open| open.address.to_string()).collect()
    }

    fn id(&mut self) -> ListenerId {
        self.last += 1;
        ListenerId(self.last)
    }
}

impl Plan {
    fn kept(&self, open: &Open) -> Option<&Reception> {
        self.kept.iter().find(|kept| kept.listener == open.reception.listener)
    }
}
