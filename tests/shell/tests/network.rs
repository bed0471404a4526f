//! The simulated network does what it says.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use net::tcp::transport::{Connect, Listen};
use shell_simulation::network::{Connector, Links, Listener, Stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

/// A host that sends back every byte, and a client that does `then` with a connection to it.
fn echo<F: Future<Output = ()> + 'static>(then: impl FnOnce(Stream, Links) -> F + 'static) {
    let links = Links::default();
    let mut sim = turmoil::Builder::new().max_message_latency(Duration::from_millis(2)).rng_seed(1).build();
    let here = links.clone();
    sim.host("server", move || {
        let links = here.clone();
        async move {
            let mut listener = Listener::bind(&links, "server", 1).await?;
            loop {
                let (mut stream, from) = listener.accept().await?;
                assert_eq!(from, "client");
                tokio::task::spawn_local(async move {
                    while let Ok(byte) = stream.read_u8().await {
                        stream.write_u8(byte).await.expect("written");
                    }
                });
            }
        }
    });
    sim.client("client", async move {
        let connector = Connector { links: links.clone(), here: "client".to_owned() };
        let stream = connector.connect("server:1").await?;
        then(stream, links).await;
        Ok(())
    });
    sim.run().expect("it ends");
}

async fn echoes(stream: &mut Stream) -> bool {
    stream.write_u8(7).await.expect("written");
    matches!(timeout(Duration::from_millis(500), stream.read_u8()).await, Ok(Ok(7)))
}

#[test]
fn what_is_held_one_way_arrives_when_it_is_released() {
    for (from, to) in [("client", "server"), ("server", "client")] {
        echo(move |mut stream, links| async move {
            assert!(echoes(&mut stream).await);
            links.hold(from, to);
            assert!(!echoes(&mut stream).await);
            links.release(from, to);
            assert_eq!(timeout(Duration::from_millis(500), stream.read_u8()).await.expect("in time").expect("read"), 7);
            assert!(echoes(&mut stream).await);
        });
    }
}

#[test]
fn nobody_connects_over_a_held_direction() {
    echo(|_, links| async move {
        links.hold("server", "client");
        let connector = Connector { links: links.clone(), here: "client".to_owned() };
        assert!(timeout(Duration::from_secs(1), connector.connect("server:1")).await.is_err());
        links.release("server", "client");
        assert!(timeout(Duration::from_secs(1), connector.connect("server:1")).await.is_ok_and(|connected| connected.is_ok()));
    });
}

#[test]
fn a_broken_connection_is_an_error_for_who_reads_and_who_writes() {
    echo(|mut stream, links| async move {
        links.break_between("server", "client");
        assert_eq!(stream.read_u8().await.expect_err("broken").kind(), std::io::ErrorKind::TimedOut);
        assert_eq!(stream.write_u8(1).await.expect_err("broken").kind(), std::io::ErrorKind::TimedOut);
    });
}

#[test]
fn a_host_where_nobody_listens_refuses() {
    let mut sim = turmoil::Builder::new().rng_seed(1).build();
    sim.host("server", std::future::pending);
    let refused = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&refused);
    sim.client("client", async move {
        let connector = Connector { links: Links::default(), here: "client".to_owned() };
        let error = connector.connect("server:1").await.err().expect("refused");
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
        count.store(1, Ordering::Relaxed);
        Ok(())
    });
    sim.run().expect("it ends");
    assert_eq!(refused.load(Ordering::Relaxed), 1);
}
