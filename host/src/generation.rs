//! Everything that must agree: what one request uses from its beginning to its end.

use std::sync::{Arc, Weak};

use thiserror::Error;

use crate::{
    route::{Asked, Lost, Sites, UrlPath},
    site::{Identity, Route, Site, Tenure},
};

/// What is served at one time. A request takes the generation in force when it begins and keeps its route.
pub struct Generation {
    tenure: Arc<Tenure>,
    sites: Sites<Arc<Site>>,
    all: Vec<Arc<Identity>>,
    routes: Vec<Weak<Route>>,
    /// The only route there is, where that is for all requests: nothing has to be looked up.
    only: Option<Arc<Route>>,
}

/// What a generation is made of.
pub struct Parts {
    /// Which one it is.
    pub tenure: Arc<Tenure>,
    /// Its sites, where they are looked up.
    pub sites: Sites<Arc<Site>>,
    /// The same, in the order in which they were written.
    pub all: Vec<Arc<Identity>>,
    /// All their routes.
    pub routes: Vec<Arc<Route>>,
    /// The only route, where that is for all requests.
    pub only: Option<Arc<Route>>,
}

/// A generation that serves no new requests any more.
pub struct Retired {
    tenure: Arc<Tenure>,
    routes: Vec<Weak<Route>>,
}

/// A request without a route.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Misrouted {
    /// No site is for its host and path, or the listener does not lead to that.
    #[error("no site that can be reached here is for this host and path")]
    Site,
    /// The listener of its connection is no more.
    #[error("the listener of this connection was closed")]
    Closed,
    /// No route of the site of this name is for it.
    #[error("the site {0} has no route for it: {1}")]
    Route(String, Lost),
}

impl Generation {
    /// Serves with these parts.
    pub fn new(parts: Parts) -> Self {
        let Parts { tenure, sites, all, routes, only } = parts;
        let routes = routes.iter().map(Arc::downgrade).collect();
        Self { tenure, sites, all, routes, only }
    }

    /// Its number: 1 for the first one since the start.
    pub fn number(&self) -> u64 {
        self.tenure.number
    }

    /// What is left of it to those who no longer serve with it.
    pub fn retire(&self) -> Retired {
        Retired { tenure: Arc::clone(&self.tenure), routes: self.routes.clone() }
    }

    /// The only route, where there is nothing to look up.
    pub fn only(&self) -> Option<&Arc<Route>> {
        self.only.as_ref()
    }

    /// The route for a request, of the sites that `reaches` holds for.
    pub fn route(
        &self,
        asked: &Asked<'_>,
        is_authorizer: bool,
        reaches: impl FnOnce(&str) -> bool,
    ) -> Result<&Arc<Route>, Misrouted> {
        let path = UrlPath::asked(asked, is_authorizer);
        let site = self.sites.find(asked, &path).filter(|site| reaches(&site.identity.name));
        let site = site.ok_or(Misrouted::Site)?;
        site.routes.find(asked, &path).map_err(|lost| Misrouted::Route(site.identity.name.clone(), lost))
    }

    /// All sites, in the order in which they were written.
    pub fn sites(&self) -> &[Arc<Identity>] {
        &self.all
    }
}

impl Retired {
    /// Its number.
    pub fn number(&self) -> u64 {
        self.tenure.number
    }

    /// How many of its requests still run. To be asked when nobody serves with it any more: each of its routes is then held by
    /// nothing else.
    pub fn running(&self) -> usize {
        self.routes.iter().map(Weak::strong_count).sum()
    }

    /// Ends those requests within moments; whether that is new to them.
    pub fn end(&self) -> bool {
        self.tenure.end()
    }
}
