//! From a request to its response: what is looked up, and where the content comes from.
//!
//! 1. One algorithm runs twice: first without waiting, on the thread of the request, with what is in memory. If that is
//!    not enough, once more on a thread that may wait for a disk.
//! 2. A content in memory is used only if the file is in the state in which it was read.
//! 3. A file that is read whole is read again if it changed meanwhile. If it keeps changing, it is sent from the disk.

use std::{
    io::{self, Read},
    sync::Arc,
    time::SystemTime,
};

use bytes::Bytes;
use http::{HeaderMap, Response, request};
use tokio::sync::Semaphore;

use super::{
    body::Content,
    cache::{Cache, Entry},
    conditional::Validators,
    export::Export,
    lifetime::Lifetimes,
    mime::Types,
    respond::{Plan, Representation, redirect, respond},
    root::{Opened, WouldWait},
    search::{Asked, Hidden, Hit, HitSource, OnDisk, search},
    stat::{Stat, tag_of_content},
};
use crate::common::body::Body;

/// How often a file is read again that changes while it is read.
const ATTEMPTS: usize = 3;

/// Sees the path below the export and the head of a response, when everything else is done to it.
pub(super) type Hook = Arc<dyn Fn(&str, &mut HeaderMap) + Send + Sync>;

/// What a layer serves.
pub(super) struct Files {
    pub(super) exports: Vec<Export>,
    pub(super) hidden: Hidden,
    pub(super) types: Types,
    pub(super) lifetimes: Lifetimes,
    pub(super) nosniff: bool,
    pub(super) hook: Option<Hook>,
    pub(super) cache: Cache,
    /// The right to wait for a disk.
    pub(super) permits: Arc<Semaphore>,
    pub(super) off_thread: bool,
}

/// A file that has been looked at.
struct Ready {
    stat: Stat,
    content: Option<Content>,
    entry: Option<Arc<Entry>>,
}

impl Files {
    /// The response, or `None` if the inner service has it.
    pub(super) fn answer(
        &self,
        request: &request::Parts,
        may_wait: bool,
    ) -> Result<Option<Response<Body>>, WouldWait> {
        let hit = match search(&self.exports, &self.hidden, request, may_wait)? {
            Asked::NotOurs => return Ok(None),
            Asked::Redirect(location) => return Ok(redirect(location)),
            Asked::File(hit) => hit,
        };
        let now = SystemTime::now();
        let response = match &hit.source {
            HitSource::Embedded(file) => {
                let content = file.content.clone();
                let length = content.len().try_into().unwrap_or(u64::MAX);
                let validators = Validators { etag: file.etag.clone(), modified: None };
                let file = self.representation(&hit, validators, length);
                let plan = Plan::of(request, &file, now);
                let content = plan.needs_content().then_some(Content::Memory(content));
                respond(&plan, &file, content, &self.permits, now)
            }
            HitSource::Disk(place) => match self.on_disk(request, &hit, place, may_wait, now)? {
                Some(response) => response,
                None => return Ok(None),
            },
        };
        Ok(Some(self.hooked(&hit, response)))
    }

    fn hooked(&self, hit: &Hit, mut response: Response<Body>) -> Response<Body> {
        if let Some(hook) = &self.hook {
            hook(&String::from_utf8_lossy(hit.name.as_bytes()), response.headers_mut());
        }
        response
    }

    fn representation(&self, hit: &Hit, validators: Validators, length: u64) -> Representation {
        Representation {
            validators,
            mime: self.types.of(hit.name.as_bytes()),
            length,
            coding: hit.coding,
            varies: hit.varies,
            lifetime: self.lifetimes.of(&hit.name).clone(),
            nosniff: self.nosniff,
        }
    }

    /// Rules 2 and 3. `None` if the file cannot be read after all.
    fn on_disk(
        &self,
        request: &request::Parts,
        hit: &Hit,
        place: &OnDisk,
        may_wait: bool,
        now: SystemTime,
    ) -> Result<Option<Response<Body>>, WouldWait> {
        let entry = self.cache.get(&place.stat);
        let mut ready = Ready { stat: place.stat, content: None, entry };
        let needs_tag = ready.stat.has_no_time() && ready.stat.size <= self.cache.longest();
        if ready.entry.is_none() && needs_tag {
            match self.load(place, may_wait, now)? {
                Some(loaded) => ready = loaded,
                None => return Ok(None),
            }
        }
        loop {
            let tag = ready.entry.as_ref().and_then(|entry| entry.tag.as_ref());
            let validators = ready.stat.validators(now, tag);
            let file = self.representation(hit, validators, ready.stat.size);
            let plan = Plan::of(request, &file, now);
            let in_memory =
                ready.entry.as_ref().map(|entry| Content::Memory(entry.content.clone()));
            let content = ready.content.clone().or(in_memory);
            if content.is_some() || !plan.needs_content() {
                let content = content.filter(|_| plan.needs_content());
                return Ok(Some(respond(&plan, &file, content, &self.permits, now)));
            }
            // The file may have changed since it was looked up, so what it is now decides again.
            match self.load(place, may_wait, now)? {
                Some(loaded) => ready = loaded,
                None => return Ok(None),
            }
        }
    }

    /// Opens the file, and reads it if it is short.
    fn load(
        &self,
        place: &OnDisk,
        may_wait: bool,
        now: SystemTime,
    ) -> Result<Option<Ready>, WouldWait> {
        if !may_wait {
            return Err(WouldWait);
        }
        let Some(mut opened) = self.open(place) else { return Ok(None) };
        for _ in 0..ATTEMPTS {
            if opened.stat.size > self.cache.longest() {
                break;
            }
            match read_whole(&mut opened) {
                Ok(Some(content)) => {
                    let stat = opened.stat;
                    let tag = if stat.has_no_time() { tag_of_content(&content) } else { None };
                    let entry = Arc::new(Entry { stat, content, tag });
                    self.cache.put(&entry, now);
                    return Ok(Some(Ready { stat, content: None, entry: Some(entry) }));
                }
                Ok(None) => match self.open(place) {
                    Some(again) => opened = again,
                    None => return Ok(None),
                },
                Err(_) => return Ok(None),
            }
        }
        let content = Content::Disk(Arc::new(opened.file), opened.stat);
        Ok(Some(Ready { stat: opened.stat, content: Some(content), entry: None }))
    }

    /// Opens the file that was looked up, or the one that is there now. A link may have been put there meanwhile, so its
    /// target is checked again.
    fn open(&self, place: &OnDisk) -> Option<Opened> {
        let opened = place.root.read(&place.name, place.symlinks)?;
        let is_allowed = opened.real.as_ref().is_none_or(|real| place.may_be(real, &self.hidden));
        is_allowed.then_some(opened)
    }
}

/// The whole file. `None` if it changed meanwhile.
fn read_whole(opened: &mut Opened) -> io::Result<Option<Bytes>> {
    let length = usize::try_from(opened.stat.size).map_err(io::Error::other)?;
    let mut content = Vec::with_capacity(length);
    (&opened.file).take(opened.stat.size).read_to_end(&mut content)?;
    let now = Stat::from(&opened.file.metadata()?);
    Ok((content.len() == length && now == opened.stat).then(|| Bytes::from(content)))
}
