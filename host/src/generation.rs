//! Everything that must agree: what one request uses from its beginning to its end.

use std::sync::Arc;

use thiserror::Error;

use crate::{
    route::{Asked, Lost, Sites, UrlPath},
    site::{Identity, Route, Site},
};

/// What is served at one time. A request takes the generation in force when it begins and keeps its route.
pub struct Generation {
    sites: Sites<Arc<Site>>,
    all: Vec<Arc<Identity>>,
    /// The only route there is, where that is for all requests: nothing has to be looked up.
    only: Option<Arc<Route>>,
}

/// A request without a route.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Misrouted {
    /// No site is for its host and path, or the listener does not lead to that.
    #[error("no site that can be reached here is for this host and path")]
    Site,
    /// No route of the site of this name is for it.
    #[error("the site {0} has no route for it: {1}")]
    Route(String, Lost),
}

impl Generation {
    /// Serves these sites.
    pub fn new(sites: Sites<Arc<Site>>, all: &[Arc<Site>], only: Option<Arc<Route>>) -> Self {
        let all = all.iter().map(|site| Arc::clone(&site.identity)).collect();
        Self { sites, all, only }
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
