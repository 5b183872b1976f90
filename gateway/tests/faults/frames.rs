//! An end, a reset, a stall or garbage at every byte of an answer of HTTP/2.

use std::{io, net::SocketAddr, time::Duration};

use proxyfix_gateway::{Limits, Protocol, ProxyOptions, ReverseProxy, Target};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::sleep,
};

use crate::net::{client::Client, front};

const GET: &str = "GET / HTTP/1.1\r\nHost: app.example\r\nTE: trailers\r\n\r\n";

/// Settings, the acknowledgement of the client's, status 200 with `trailer: x-sum`, ten bytes, and the trailer `x-sum: 10`.
const ANSWER: [&[u8]; 6] = [
    b"\0\0\0\x04\0\0\0\0\0",
    b"\0\0\0\x04\x01\0\0\0\0",
    b"\0\0\x10\x01\x04\0\0\0\x01\x88\0\x07trailer\x05x-sum",
    b"\0\0\x0a\0\0\0\0\0\x010123456789",
    b"\0\0\x0a\x01\x05\0\0\0\x01",
    b"\0\x05x-sum\x0210",
];

/// What upstream does in the middle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Close,
    Reset,
    Stall,
    Garbage,
}

/// Reads frames until one that begins a request.
async fn request(stream: &mut TcpStream) -> io::Result<()> {
    // The preface of the connection.
    stream.read_exact(&mut [0; 24]).await?;
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        stream.read_exact(&mut payload).await?;
        if head[3] == 1 {
            return Ok(());
        }
    }
}

/// The first connection has a fault. On the others, one request is answered well.
async fn upstream(at: usize, fault: Fault) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut is_first = true;
        while let Ok((stream, _)) = listener.accept().await {
            let fault = std::mem::take(&mut is_first).then_some((at, fault));
            tokio::spawn(serve(stream, fault));
        }
    });
    address
}

async fn serve(mut stream: TcpStream, fault: Option<(usize, Fault)>) -> io::Result<()> {
    let answer = ANSWER.concat();
    request(&mut stream).await?;
    let Some((at, fault)) = fault else {
        stream.write_all(&answer).await?;
        while stream.read(&mut [0; 100]).await? > 0 {}
        return Ok(());
    };
    stream.write_all(&answer[..at]).await?;
    sleep(Duration::from_millis(1)).await;
    match fault {
        Fault::Close => {}
        Fault::Reset => stream.set_zero_linger()?,
        Fault::Stall => while stream.read(&mut [0; 100]).await? > 0 {},
        Fault::Garbage => {
            stream.write_all(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff").await?;
            stream.write_all(&answer[at..]).await?;
            while stream.read(&mut [0; 100]).await? > 0 {}
        }
    }
    Ok(())
}

async fn front_of(upstream: SocketAddr, fault: Fault) -> SocketAddr {
    // Only what may stall needs a short limit, and a busy machine needs long ones.
    let may_wait = matches!(fault, Fault::Stall | Fault::Garbage);
    let limit = Duration::from_secs(if may_wait { 1 } else { 20 });
    let limits = Limits::default().head(limit).gap(limit);
    let target =
        Target::builder(format!("http://{upstream}/")).protocol(Protocol::Http2).limits(limits);
    front::serve(ReverseProxy::with_options(target.build().unwrap(), ProxyOptions::new()).unwrap())
        .await
}

/// The answer is a failure, or visibly cut. The next one is right, if the connection is known to be broken.
async fn check(at: usize, fault: Fault) {
    let case = format!("{fault:?} at {at}");
    let address = front_of(upstream(at, fault).await, fault).await;
    let answer = Client::once(address, GET).await;
    // Garbage in the value of the trailer is a trailer.
    let is_changed = fault == Fault::Garbage && answer.text() == "0123456789";
    assert!(answer.status != 200 || !answer.is_whole || is_changed, "{case}: {answer:?}");
    if answer.status == 200 && fault != Fault::Garbage {
        assert!(b"0123456789".starts_with(&answer.body[..]), "{case}: {answer:?}");
    }
    let head = ANSWER[..3].concat().len();
    let expected: &[u16] = match fault {
        // The body may fail before its head is on the way.
        _ if at >= head => &[0, 200, 502],
        Fault::Stall => &[504],
        Fault::Close | Fault::Reset => &[502],
        // Within a frame, garbage may look like a part of it, or like the start of a long one.
        Fault::Garbage => &[0, 200, 502, 504],
    };
    assert!(expected.contains(&answer.status), "{case}: {answer:?}");
    let next = Client::once(address, GET).await;
    assert_eq!((next.status, next.text().as_str()), (200, "0123456789"), "{case}: the next one");
    assert_eq!(next.trailers, "x-sum: 10\r\n", "{case}");
}

async fn everywhere(fault: Fault) {
    for places in (0..ANSWER.concat().len()).collect::<Vec<_>>().chunks(24) {
        let tasks: Vec<_> = places.iter().map(|&at| tokio::spawn(check(at, fault))).collect();
        for task in tasks {
            task.await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn that_end() {
    everywhere(Fault::Close).await;
    everywhere(Fault::Reset).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn that_are_garbage() {
    everywhere(Fault::Garbage).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn that_stall() {
    everywhere(Fault::Stall).await;
}
