//! From a request to its response: what is looked up, and where the content comes from.
//!
//! 1. One algorithm runs twice: first without waiting, on the thread of the request, with what is in memory. If that is
//!    not enough, once more on a thread that may wait for a disk.
//! 2. A content in memory is used only if the file is in the state in which it was read.
//! 3. A file is read whole if its content will be kept, or if it is no longer than [`SHORT`]. It is read again if it changed
//!    meanwhile. If it keeps changing, or is longer, it is sent from the disk.
//! 4. If a file that was found cannot be read, the search goes on behind it.

use std::{
    io::{self, Read},
    mem,
    sync::Arc,
    time::SystemTime,
};

use bytes::Bytes;
use http::{HeaderMap, Response, request};
use tokio::sync::Semaphore;

use super::{
    body::{Content, OpenFile},
    cache::{Cache, Entry, Room},
    conditional::Validators,
    embedded::EmbeddedFile,
    encoding::Coding,
    export::Export,
    lifetime::Lifetimes,
    mime::Types,
    name::Name,
    respond::{Plan, Representation, respond},
    root::{Opened, WouldWait},
    search::{Asked, Hidden, Hit, HitSource, Lost, OnDisk, Search},
    stat::{Stat, tag_of_content},
};
use crate::common::{body::Body, slash};

/// How often a file is read again that changes while it is read.
const ATTEMPTS: usize = 3;

/// How many files that cannot be read a request passes by.
const MAX_LOST: usize = 16;

/// The longest content that is read whole although it is not kept. A slow client holds one such piece anyway.
const SHORT: u64 = 64 << 10;

/// Sees the path below the export and the head of a response, when everything else is done to it.
pub(super) type Hook = Arc<dyn Fn(&str, &mut HeaderMap) + Send + Sync>;

/// What a layer serves.
pub(super) struct Files {
    pub(super) exports: Vec<Export>,
    pub(super) hidden: Hidden,
    pub(super) types: Types,
    pub(super) lifetimes: Lifetimes,
    pub(super) nosniff: bool,
    pub(super) max_ranges: usize,
    pub(super) hook: Option<Hook>,
    pub(super) cache: Cache,
    /// The right to wait for a disk.
    pub(super) permits: Arc<Semaphore>,
    pub(super) off_thread: bool,
}

/// A file that has been looked at.
struct Ready {
    stat: Stat,
    validators: Validators,
    content: Option<Content>,
}

impl From<&Entry> for Ready {
    fn from(entry: &Entry) -> Self {
        let content = Content::Memory(entry.content.clone());
        Self { stat: entry.stat, validators: entry.validators.clone(), content: Some(content) }
    }
}

impl Files {
    /// The response, or `None` if the inner service has it.
    pub(super) fn answer(
        &self,
        request: &request::Parts,
        may_wait: bool,
    ) -> Result<Option<Response<Body>>, WouldWait> {
        let mut lost: Vec<Lost> = Vec::new();
        while lost.len() < MAX_LOST {
            let (exports, hidden, lost_now) = (&self.exports, &self.hidden, lost.as_slice());
            let search = Search { exports, hidden, request, may_wait, lost: lost_now };
            let hit = match search.run()? {
                Asked::NotOurs => return Ok(None),
                Asked::Redirect(location, name) => {
                    return Ok(
                        slash::redirect(location).map(|response| self.hooked(&name, response))
                    );
                }
                Asked::File(hit) => hit,
            };
            let now = SystemTime::now();
            let response = match &hit.source {
                HitSource::Embedded(file) => Some(self.embedded(request, &hit, file, now)),
                HitSource::Disk(place) => self.on_disk(request, &hit, place, may_wait, now)?,
            };
            match (response, hit.source) {
                (Some(response), _) => return Ok(Some(self.hooked(&hit.name, response))),
                (None, HitSource::Disk(place)) => lost.push((place.export, place.name)),
                (None, HitSource::Embedded(_)) => break,
            }
        }
        Ok(None)
    }

    fn embedded(
        &self,
        request: &request::Parts,
        hit: &Hit,
        file: &EmbeddedFile,
        now: SystemTime,
    ) -> Response<Body> {
        let content = file.content.clone();
        let length = content.len().try_into().unwrap_or(u64::MAX);
        let validators = Validators::new(file.etag.clone(), None);
        let file = self.representation(hit, validators, length);
        let plan = Plan::of(request, &file, now);
        let content = plan.needs_content().then_some(Content::Memory(content));
        respond(&plan, &file, content, &self.permits, now)
    }

    fn hooked(&self, name: &Name, mut response: Response<Body>) -> Response<Body> {
        if let Some(hook) = &self.hook {
            hook(&String::from_utf8_lossy(name.as_bytes()), response.headers_mut());
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
            max_ranges: self.max_ranges,
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
        let stat = place.stat;
        let needs_content = stat.has_no_time() && self.may_read_whole(&stat, now);
        let mut ready = match self.cache.get(&stat, hit.coding) {
            Some(entry) => Ready::from(&*entry),
            None if needs_content => match self.load(place, hit.coding, may_wait, now)? {
                Some(loaded) => loaded,
                None => return Ok(None),
            },
            None => {
                Ready { stat, validators: stat.validators(now, hit.coding, None), content: None }
            }
        };
        loop {
            let validators = mem::take(&mut ready.validators);
            let file = self.representation(hit, validators, ready.stat.size);
            let plan = Plan::of(request, &file, now);
            if ready.content.is_some() || !plan.needs_content() {
                let content = ready.content.filter(|_| plan.needs_content());
                return Ok(Some(respond(&plan, &file, content, &self.permits, now)));
            }
            // The file may have changed since it was looked up, so what it is now decides again.
            match self.load(place, hit.coding, may_wait, now)? {
                Some(loaded) => ready = loaded,
                None => return Ok(None),
            }
        }
    }

    /// Rule 3.
    fn may_read_whole(&self, stat: &Stat, now: SystemTime) -> bool {
        stat.size <= SHORT || self.cache.keeps(stat, now)
    }

    /// Opens the file, and reads it if it is to be read whole.
    fn load(
        &self,
        place: &OnDisk,
        coding: Option<Coding>,
        may_wait: bool,
        now: SystemTime,
    ) -> Result<Option<Ready>, WouldWait> {
        if !may_wait {
            return Err(WouldWait);
        }
        let Some(mut opened) = self.open(place) else { return Ok(None) };
        for _ in 0..ATTEMPTS {
            let stat = opened.stat;
            // What is short and has no room is held by its client alone, like a piece from the disk.
            let room = self.cache.room(stat.size);
            if !self.may_read_whole(&stat, now) || (room.is_none() && stat.size > SHORT) {
                break;
            }
            match read_whole(&mut opened, room) {
                Ok(Some(content)) => {
                    let tag = if stat.has_no_time() { tag_of_content(&content) } else { None };
                    let validators = stat.validators(now, coding, tag.as_ref());
                    let entry = Arc::new(Entry { stat, coding, content, validators });
                    self.cache.put(&entry, now);
                    return Ok(Some(Ready::from(&*entry)));
                }
                Ok(None) => match self.open(place) {
                    Some(again) => opened = again,
                    None => return Ok(None),
                },
                Err(_) => return Ok(None),
            }
        }
        let (stat, validators) = (opened.stat, opened.stat.validators(now, coding, None));
        let open = OpenFile { file: opened.file, stat, may_grow: place.may_grow };
        let content = Some(Content::Disk(Arc::new(open)));
        Ok(Some(Ready { stat, validators, content }))
    }

    /// Opens the file that was looked up, or the one that is there now. A link may have been put there meanwhile, so its
    /// target is checked again.
    fn open(&self, place: &OnDisk) -> Option<Opened> {
        let opened = place.root.read(&place.name, place.symlinks)?;
        let is_allowed =
            opened.real.as_ref().is_none_or(|real| self.hidden.admits(real, place.names));
        is_allowed.then_some(opened)
    }
}

/// The whole file. `None` if it changed meanwhile.
fn read_whole(opened: &mut Opened, room: Option<Room>) -> io::Result<Option<Bytes>> {
    let length = usize::try_from(opened.stat.size).map_err(io::Error::other)?;
    let mut content = Vec::with_capacity(length);
    (&opened.file).take(opened.stat.size).read_to_end(&mut content)?;
    let now = Stat::from(&opened.file.metadata()?);
    if content.len() != length || now != opened.stat {
        return Ok(None);
    }
    Ok(Some(match room {
        Some(room) => room.fill(content),
        None => Bytes::from(content),
    }))
}
