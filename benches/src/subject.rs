//! What is measured: a program that decides about a request.

use std::{
    fmt,
    pin::pin,
    task::{Context, Poll, Waker},
};

use crate::Workload;

/// What a subject says about a request, as text. `None` if it does not say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    pub client: Option<String>,
    pub scheme: Option<String>,
    pub host: Option<String>,
}

impl Answer {
    pub fn new(
        client: impl Into<String>,
        scheme: impl Into<String>,
        host: impl Into<String>,
    ) -> Self {
        let (client, scheme, host) = (client.into(), scheme.into(), host.into());
        Self { client: Some(client), scheme: Some(scheme), host: Some(host) }
    }
}

/// The verdict on an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Right,
    /// The answer is wrong. This is what the subject says instead.
    Wrong(String),
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Right => f.write_str("right"),
            Self::Wrong(said) => f.write_str(said),
        }
    }
}

/// A program that decides about a request. Its state is what it needs once. Its input is what it needs
/// anew for each request, and is made before the clock or the counter runs.
pub trait Subject {
    const NAME: &'static str;
    /// What it promises to say.
    const GIVES: Gives;
    type State;
    type Input;
    type Output<'a>;

    /// Makes the state. `None` if the subject cannot run such a workload.
    fn state(workload: &Workload) -> Option<Self::State>;
    fn input(state: &Self::State) -> Self::Input;
    /// The work that is measured.
    fn run<'a>(state: &'a Self::State, input: &'a mut Self::Input) -> Self::Output<'a>;
    fn answer(output: Self::Output<'_>) -> Answer;

    /// Whether its answer is right, as far as it promises to say anything.
    fn verdict(state: &Self::State, workload: &Workload) -> Verdict {
        let mut input = Self::input(state);
        let said = Self::GIVES.only(Self::answer(Self::run(state, &mut input)));
        if said == Self::GIVES.only(workload.truth.clone()) {
            return Verdict::Right;
        }
        let parts = [said.client, said.scheme, said.host].into_iter().flatten();
        let said = parts.collect::<Vec<_>>().join(", ");
        Verdict::Wrong(if said.is_empty() { "nothing".to_owned() } else { said })
    }
}

/// The values that a subject promises to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gives {
    Client,
    Scheme,
    Host,
    All,
    /// It does not decide, and runs for comparison only.
    Nothing,
}

impl Gives {
    fn only(self, answer: Answer) -> Answer {
        let Answer { client, scheme, host } = answer;
        match self {
            Self::All => Answer { client, scheme, host },
            Self::Client => Answer { client, ..Answer::default() },
            Self::Scheme => Answer { scheme, ..Answer::default() },
            Self::Host => Answer { host, ..Answer::default() },
            Self::Nothing => Answer::default(),
        }
    }
}

impl fmt::Display for Gives {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Client => "client",
            Self::Scheme => "scheme",
            Self::Host => "host",
            Self::All => "client, scheme, host",
            Self::Nothing => "",
        })
    }
}

/// Does something with each subject.
pub trait Visitor {
    fn visit<S: Subject>(&mut self);
}

/// The output of a future that is ready at once.
///
/// # Panics
/// If the future is not ready.
pub fn poll<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits"),
    }
}
