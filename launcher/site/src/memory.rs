//! What a thread has prepared: pages by path, within a limit, and without a lock.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use crate::page::Page;

/// How many bytes a thread keeps, about; then it begins anew, which costs a microsecond for each page.
const LIMIT: usize = 32 << 20;

/// Which site it is: a thread may serve several.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SiteId(usize);

thread_local! {
    static PAGES: RefCell<Vec<HashMap<Box<str>, Rc<Page>>>> = const { RefCell::new(Vec::new()) };
    static KEPT: Cell<usize> = const { Cell::new(0) };
}

impl SiteId {
    pub fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        Self(NEXT.fetch_add(1, Relaxed))
    }

    pub fn recall(self, path: &str) -> Option<Rc<Page>> {
        PAGES.with_borrow(|pages| pages.get(self.0)?.get(path).cloned())
    }

    pub fn keep(self, path: &str, page: &Rc<Page>) {
        if !reserve(page.weight() + path.len()) {
            forget();
        }
        PAGES.with_borrow_mut(|pages| {
            if pages.len() <= self.0 {
                pages.resize_with(self.0 + 1, HashMap::new);
            }
            pages[self.0].insert(path.into(), Rc::clone(page));
        });
    }
}

/// Whether there is room for so many bytes more, which count as taken then.
pub(crate) fn reserve(bytes: usize) -> bool {
    let kept = KEPT.get() + bytes;
    if kept <= LIMIT {
        KEPT.set(kept);
    }
    kept <= LIMIT
}

fn forget() {
    KEPT.set(0);
    PAGES.with_borrow_mut(|pages| pages.iter_mut().for_each(HashMap::clear));
}
