//! Hosts with their own addresses, on one machine.
//!
//! 1. A host is a network namespace, made by `ip`, and a thread inside it. Everything that the thread
//!    runs, and every process that it starts, has this host's addresses and no others.
//! 2. Cables join hosts. Only a program that runs on a host forwards between its cables.
//! 3. Names contain the number of this process. Dropping a host deletes it and its cables. If a process
//!    was killed, the next process that checks whether it can make hosts deletes the killed one's hosts.

use std::{
    fs::{self, File},
    os::fd::AsFd,
    path::Path,
    pin::Pin,
    process::Command,
    sync::{
        atomic::{AtomicU32, Ordering},
        mpsc,
    },
    thread::{self, JoinHandle},
};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::{
    Context, Result,
    process::{find, is_orphan, own_name},
};

/// Where `ip` keeps namespaces.
const FOLDER: &str = "/run/netns";

/// What a host's thread is told to do.
type Job = Box<dyn FnOnce() -> Pin<Box<dyn Future<Output = ()>>> + Send>;

/// A host.
#[derive(Debug)]
pub struct Host {
    role: &'static str,
    name: String,
    jobs: Option<UnboundedSender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Host {
    /// Makes a host that has only a loopback device. The role is for people; it has at most 12 letters.
    ///
    /// # Errors
    ///
    /// If `ip` is not installed, or fails.
    pub fn new(role: &'static str) -> Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);

        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}{number}-{role}", own_name());
        ip(&["netns", "add", &name])?;
        // From here on it is deleted, no matter what fails.
        let mut host = Self { role, name, jobs: None, thread: None };
        ip(&["-n", &host.name, "link", "set", "lo", "up"])?;

        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (sender, mut jobs) = unbounded_channel::<Job>();
        host.jobs = Some(sender);
        host.thread = Some(thread::Builder::new().name(host.name.clone()).spawn(move || {
            runtime.block_on(async {
                while let Some(job) = jobs.recv().await {
                    job().await;
                }
            });
        })?);
        let namespace = File::open(Path::new(FOLDER).join(&host.name))?;
        host.run(async move || {
            move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))
                .context("cannot enter the namespace")
        })?;
        Ok(host)
    }

    /// Runs a job on the host, and returns its result. Tasks that it spawned go on in the host's own
    /// runtime.
    ///
    /// # Errors
    ///
    /// If the job fails or panics.
    pub fn run<T: Send + 'static>(
        &self,
        job: impl AsyncFnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (sender, result) = mpsc::channel();
        let job: Job = Box::new(move || {
            Box::pin(async move {
                // The caller waits for it.
                let _ = sender.send(job().await);
            })
        });
        // If nobody takes the job, it is dropped, and so is the other end of the channel.
        let _ = self.jobs.as_ref().map(|jobs| jobs.send(job));
        result.recv().context(format_args!("{} has ended", self.name))?
    }

    /// Gives one end of a cable these addresses.
    fn plug(&self, device: &str, addresses: &[&str]) -> Result<()> {
        for address in addresses {
            let mut words = vec!["-n", &self.name, "address", "add", address, "dev", device];
            if address.contains(':') {
                // Nobody else can have the address. Looking for duplicates would take a second.
                words.push("nodad");
            }
            ip(&words)?;
        }
        ip(&["-n", &self.name, "link", "set", device, "up"])
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // The caller of a job that panicked has reported it.
            let _ = thread.join();
        }
        if let Err(error) = ip(&["netns", "delete", &self.name]) {
            eprintln!("{error}");
        }
    }
}

/// Joins two hosts with a cable. Each end has these addresses, written with the length of the prefix.
///
/// # Errors
///
/// If `ip` fails.
pub fn join(left: (&Host, &[&str]), right: (&Host, &[&str])) -> Result<()> {
    let devices = [right.0, left.0].map(|other| format!("to-{}", other.role));
    let [near, far] = &devices;
    let (one, other) = (&left.0.name, &right.0.name);
    ip(&["link", "add", near, "netns", one, "type", "veth", "peer", "name", far, "netns", other])?;
    left.0.plug(near, left.1)?;
    right.0.plug(far, right.1)
}

/// Checks whether hosts can be made here, with cables and both kinds of addresses.
///
/// # Errors
///
/// The reason, if they can't.
pub fn available() -> Result<()> {
    sweep();
    let (one, other) = (Host::new("one")?, Host::new("other")?);
    join((&one, &["10.0.1.1/24", "fd00:1::1/64"]), (&other, &["10.0.1.2/24", "fd00:1::2/64"]))
}

/// Deletes the hosts of processes that have ended.
fn sweep() {
    for entry in fs::read_dir(FOLDER).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if is_orphan(&name) {
            // Another process may be deleting it too.
            let _ = ip(&["netns", "delete", &name]);
        }
    }
}

fn ip(words: &[&str]) -> Result<()> {
    let path = find("ip").context("ip is not installed")?;
    let output = Command::new(path).args(words).output().context("ip")?;
    if output.status.success() {
        return Ok(());
    }
    let reason = String::from_utf8_lossy(&output.stderr);
    Err(format!("ip {}: {}", words.join(" "), reason.trim()).into())
}
