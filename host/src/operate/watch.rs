//! Files whose change is followed by a reload.
//!
//! The system tells of changes in folders (inotify), so that a file that is renamed over another one, or a link that is turned to
//! another folder, is noticed as well as one that is written. What it tells is only a reason to look: whether something has
//! changed is decided by what the files are like. They are looked at every now and then in any case, for file systems of
//! which the system tells nothing, such as those of other machines.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::{
    sync::Notify,
    task::spawn_blocking,
    time::{Instant, sleep, timeout},
};
use tracing::{debug, info, warn};

use super::{Command, Operator};
use crate::reload::{Reload, Stamps};

/// How often files are looked at of which nothing was told.
const LOOK: Duration = Duration::from_secs(2);

/// How long files must have stayed as they are before they are loaded: a copy that is under way grows more often than that.
const STABLE: Duration = Duration::from_millis(200);

/// How long it is waited for that at most.
const PATIENCE: Duration = Duration::from_secs(30);

/// Links behind each other that are followed (as many as the kernel follows).
const LINKS: usize = 40;

/// Reloads whenever a file has changed that what is served was made of, for as long as the host runs.
pub async fn watch(operator: Operator) {
    let reload = Arc::clone(&operator.reload);
    let told = Arc::new(Notify::new());
    let mut folders = Folders::new(Arc::clone(&told));
    loop {
        if reload.watches() {
            folders = blocking(folders, {
                let reload = Arc::clone(&reload);
                move |folders: &mut Folders| folders.follow(&reload.seen())
            })
            .await;
        }
        // What was told meanwhile is waiting here.
        let _ = timeout(LOOK, told.notified()).await;
        if reload.watches()
            && let Some(files) = changed(&reload).await
        {
            settle(&reload).await;
            // Unless somebody has had them loaded meanwhile.
            if changed(&reload).await.is_some() {
                info!(files, "changed");
                // What came of it is in the log.
                let _ = operator.carry_out(Command::Reload(None)).await;
            }
        }
    }
}

/// The names of files that are not as they were when they were loaded.
async fn changed(reload: &Arc<Reload>) -> Option<String> {
    let reload = Arc::clone(reload);
    let look = move || {
        let seen = reload.seen();
        let now = seen.again();
        let files: Vec<_> = seen.differences(&now).map(|file| file.display().to_string()).collect();
        (!files.is_empty()).then(|| files.join(", "))
    };
    spawn_blocking(look).await.ok().flatten()
}

/// Waits until the files stay as they are.
async fn settle(reload: &Arc<Reload>) {
    let until = Instant::now() + PATIENCE;
    let mut before = Stamps::default();
    while Instant::now() < until {
        let seen = reload.seen();
        let Ok(now) = spawn_blocking(move || seen.again()).await else { return };
        if now == before {
            return;
        }
        before = now;
        sleep(STABLE).await;
    }
}

/// Does something with a value where that holds up nobody.
async fn blocking<T: Send + 'static>(mut value: T, work: impl FnOnce(&mut T) + Send + 'static) -> T {
    let done = spawn_blocking(move || {
        work(&mut value);
        value
    });
    match done.await {
        Ok(value) => value,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// The folders that the system is asked to tell of.
struct Folders {
    watcher: Option<RecommendedWatcher>,
    watched: BTreeSet<PathBuf>,
}

impl Folders {
    fn new(told: Arc<Notify>) -> Self {
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            if event.is_ok_and(|event| !event.kind.is_access()) {
                told.notify_one();
            }
        });
        let watcher = watcher
            .map_err(|error| warn!(%error, "changes of files are noticed late: the system does not tell"));
        Self { watcher: watcher.ok(), watched: BTreeSet::new() }
    }

    /// Watches the folders of these files, and of what leads to them, and no others.
    fn follow(&mut self, files: &Stamps) {
        let Some(watcher) = &mut self.watcher else { return };
        let wanted: BTreeSet<_> = files.files().flat_map(folders).collect();
        for gone in self.watched.difference(&wanted) {
            // One that was removed is not watched any more by itself.
            let _ = watcher.unwatch(gone);
        }
        let mut followed: BTreeSet<_> = self.watched.intersection(&wanted).cloned().collect();
        for new in wanted.difference(&self.watched) {
            match watcher.watch(new, RecursiveMode::NonRecursive) {
                Ok(()) => drop(followed.insert(new.clone())),
                Err(error) => debug!(folder = %new.display(), %error, "changes are noticed late there"),
            }
        }
        self.watched = followed;
    }
}

/// The folders in which something may change that a path leads to: its own, and those of the links behind it.
fn folders(path: &Path) -> BTreeSet<PathBuf> {
    let mut folders = BTreeSet::new();
    let mut path = path.to_owned();
    for _ in 0..LINKS {
        let Some(folder) = path.parent() else { break };
        folders.insert(folder.to_owned());
        // A folder may be a link as well: to what is in force, beside others that were or will be.
        let link = [path.as_path(), folder]
            .into_iter()
            .find_map(|one| Some((one.to_owned(), fs::read_link(one).ok()?)));
        let Some((link, target)) = link else { break };
        let rest = path.strip_prefix(&link).map(Path::to_owned).unwrap_or_default();
        let beside = link.parent().unwrap_or(Path::new("/"));
        folders.insert(beside.to_owned());
        let target = beside.join(target);
        path = if rest == Path::new("") { target } else { target.join(rest) };
    }
    folders
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_file_is_watched_where_it_is_and_where_its_links_lead() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("config/..one")).expect("a folder");
        fs::write(at("config/..one/settings"), "").expect("a file");
        symlink("..one", at("config/..data")).expect("a link");
        symlink("..data/settings", at("config/settings")).expect("a link");
        symlink("config/settings", at("settings")).expect("a link");
        let expected = [at(""), at("config"), at("config/..data"), at("config/..one")];
        let trimmed = expected.map(|path| path.components().collect());
        assert_eq!(folders(&at("settings")), BTreeSet::from(trimmed));
    }

    #[test]
    fn links_that_lead_to_themselves_end() {
        let folder = tempfile::tempdir().expect("a folder");
        symlink("loop", folder.path().join("loop")).expect("a link");
        assert_eq!(folders(&folder.path().join("loop")).len(), 1);
    }
}
