//! A directory whose path may be pointed at another one at any time.
//!
//! 1. The path is asked for each request. As long as it leads to the same directory, that stays open: opening it again would
//!    find the same. No other directory has its device and inode meanwhile, because it is open.
//! 2. What is kept is one directory: the way of the kernel and that of cap-std are asked which one they have. Without Unix,
//!    directories have no identity, and nothing is kept.
//! 3. One without a name that tells whether names have several spellings is not kept: an empty one, or one of numbers.

use std::{
    io,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use super::{Root, Symlinks};
use crate::files::{name::Name, stat::Stat};

/// Device and inode.
type Identity = (u64, u64);

/// The directory that was opened last.
#[derive(Debug, Default)]
pub(in crate::files) struct Reopened {
    last: Mutex<Option<(Identity, Arc<Root>)>>,
}

impl Reopened {
    /// The directory that is at the path now. It may wait for a disk.
    pub(in crate::files) fn open(&self, path: &Path) -> io::Result<Arc<Root>> {
        let now = identity(&Stat::from(&std::fs::metadata(path)?));
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((_, root)) = last.filter(|(kept, _)| Some(*kept) == now) {
            return Ok(root);
        }
        let root = Arc::new(Root::open(path)?);
        let kept = own_identity(&root).map(|identity| (identity, Arc::clone(&root)));
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = kept;
        Ok(root)
    }
}

fn identity(stat: &Stat) -> Option<Identity> {
    cfg!(unix).then_some((stat.device, stat.inode))
}

/// Rules 2 and 3.
fn own_identity(root: &Root) -> Option<Identity> {
    let itself = Name::parse("/")?;
    let used = root.found(&itself, Symlinks::None, true).ok()??;
    let listed = root.portable.look_up(itself.as_path()?, Symlinks::None).ok()??;
    let (used, listed) = (identity(&used.stat), identity(&listed.stat));
    used.filter(|used| root.is_spelling_known && listed == Some(*used))
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::{fs, os::unix::fs::symlink, sync::Arc};

    use super::Reopened;

    #[test]
    fn the_same_until_the_path_leads_elsewhere() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        for name in ["one", "two", "empty"] {
            fs::create_dir(at(name)).expect("a folder");
        }
        for name in ["one/a", "two/a"] {
            fs::write(at(name), name).expect("a file");
        }
        let reopened = Reopened::default();
        let open = || reopened.open(&at("current")).expect("a directory");
        let point = |target: &str| {
            symlink(target, at("next")).expect("a link");
            fs::rename(at("next"), at("current")).expect("a link");
        };
        point("one");
        let one = open();
        assert!(Arc::ptr_eq(&one, &open()), "it was opened again");
        point("two");
        let two = open();
        assert!(!Arc::ptr_eq(&one, &two) && Arc::ptr_eq(&two, &open()));
        // Another directory of the same name.
        fs::rename(at("two"), at("old")).expect("a folder");
        fs::create_dir(at("two")).expect("a folder");
        fs::write(at("two/a"), "three").expect("a file");
        let three = open();
        assert!(!Arc::ptr_eq(&two, &three) && Arc::ptr_eq(&three, &open()));
        // It may have other names later.
        point("empty");
        assert!(!Arc::ptr_eq(&open(), &open()));
        fs::write(at("empty/a"), "a").expect("a file");
        assert!(Arc::ptr_eq(&open(), &open()) || cfg!(not(target_os = "linux")));
        fs::remove_file(at("current")).expect("a link");
        assert!(reopened.open(&at("current")).is_err());
    }
}
