//! The prices in force: one table at a time, which can be exchanged while calls run.

use std::path::{Path, PathBuf};
use std::slice;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use tracing::info;

use super::price::PriceTable;
use super::price_list::{ListedModel, PriceList};
use super::request::check_model;
use super::{PriceError, price_change, price_file};
use crate::domain::Timestamp;
use crate::metrics::catalogue::PRICE_RELOADS;

/// The prices in force, and where they come from. Cheap to clone; all clones are the same prices.
#[derive(Clone, Debug)]
pub struct Prices(Arc<InForce>);

#[derive(Debug)]
struct InForce {
    /// `None` for the table innkeeper was built with.
    file: Option<PathBuf>,
    table: ArcSwap<PriceTable>,
    /// Held while a table is loaded, so that each is compared with the one it replaces.
    loading: Mutex<()>,
}

/// What came of loading the prices again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reloaded {
    /// The version that was in force.
    pub old: String,
    /// The version that is in force now: the same one, if the file has not changed.
    pub new: String,
}

impl Prices {
    /// Reads the prices in `file`, or those innkeeper was built with if that is empty.
    ///
    /// # Errors
    /// When the file cannot be used; the message says why.
    pub fn load(file: &Path) -> Result<Self, PriceError> {
        let file = Some(file).filter(|file| !file.as_os_str().is_empty()).map(Path::to_owned);
        let table = read(file.as_deref())?;
        info!(version = table.version, effective = %table.effective, names = table.names.len(), "prices are loaded");
        Ok(Self(Arc::new(InForce { file, table: ArcSwap::from_pointee(table), loading: Mutex::default() })))
    }

    /// The table in force. A call keeps the one it was opened with until it is settled.
    pub(super) fn current(&self) -> Arc<PriceTable> {
        self.0.table.load_full()
    }

    /// Whether a model has a price in the table in force.
    pub fn knows(&self, model: &str) -> bool {
        self.current().knows(model)
    }

    /// What a model is called in the table in force, whatever date or alias it comes with; its own name when it has no price.
    pub fn known_as(&self, model: &str) -> String {
        self.current().canonical(model).unwrap_or(model).to_owned()
    }

    /// The names under which a tenant's sessions may ask for a model: all it has, or those of the tenant's list that mean it.
    pub fn names_of(&self, model: &ListedModel, allowed: Option<&[String]>) -> Vec<String> {
        let Some(allowed) = allowed else { return [slice::from_ref(&model.id), &model.aliases].concat() };
        let table = self.current();
        let means = |entry: &&String| check_model(&model.id, Some(slice::from_ref(*entry)), &table).is_ok();
        allowed.iter().filter(means).cloned().collect()
    }

    /// The version of the table in force, which the ledger keeps with every call that is opened now.
    pub fn version(&self) -> String {
        self.current().version.clone()
    }

    /// From when on the prices in force hold, as their file says.
    pub fn effective(&self) -> Timestamp {
        self.current().effective
    }

    /// Every price in force, to be shown.
    pub fn list(&self) -> PriceList {
        PriceList::of(&self.current(), self.0.file.as_deref())
    }

    /// Reads the file again and puts it in force for the calls that are opened from then on. `force` takes a table from
    /// which a model has vanished or in which a price falls by more than half. The file is read at once, which blocks.
    ///
    /// # Errors
    /// When the file cannot be used; the message says why, and the table in force stays.
    pub fn reload(&self, force: bool) -> Result<Reloaded, PriceError> {
        let reloaded = self.read_again(force);
        PRICE_RELOADS.one([if reloaded.is_ok() { "ok" } else { "failed" }]);
        reloaded
    }

    fn read_again(&self, force: bool) -> Result<Reloaded, PriceError> {
        let _loading = self.0.loading.lock().unwrap_or_else(PoisonError::into_inner);
        let (old, new) = (self.current(), read(self.0.file.as_deref())?);
        price_change::check(&old, &new, force)?;
        let reloaded = Reloaded { old: old.version.clone(), new: new.version.clone() };
        if *old == new {
            info!(version = reloaded.new, "the prices were read again and are the same");
        } else {
            info!(
                old = reloaded.old, new = reloaded.new, effective = %new.effective, force,
                "new prices are in force: calls that are opened from now on are charged by them"
            );
            self.0.table.store(Arc::new(new));
        }
        Ok(reloaded)
    }
}

fn read(file: Option<&Path>) -> Result<PriceTable, PriceError> {
    file.map_or_else(price_file::built_in, price_file::load)
}
