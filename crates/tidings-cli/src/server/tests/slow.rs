//! A follower that is slower than the log grows, over a real socket.

use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use super::*;

const LAG_EVENTS_MAX: u64 = 200;
/// Far more bytes than sockets hold, and then more events than it may be behind.
const EVENTS: u64 = 1000;
const MESSAGE_BYTES: usize = 32 * 1024;
/// The client's socket holds no more, so that it is the log that waits.
const RECEIVED_BYTES: u32 = 4096;

/// A server that stops with the sender, and where it listens.
async fn server(log: &Log) -> (SocketAddr, watch::Sender<bool>) {
    let (stop, stopping) = watch::channel(false);
    let disk = Arc::new(Disk::new(Arc::new(log.clone()), log));
    let app = App::new(log.clone(), disk, None, Hosts::default(), stopping.clone(), String::new());
    let app = app.with_follow_lag_events_max(LAG_EVENTS_MAX);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve(vec![listener], router(Arc::new(app)), 16, stopping.clone(), stopping));
    (address, stop)
}

/// Lines of JSON, as the server sends them.
async fn follow(address: SocketAddr, query: &str) -> Lines<BufReader<TcpStream>> {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(RECEIVED_BYTES).unwrap();
    let mut stream = socket.connect(address).await.unwrap();
    // HTTP/1.0 has no chunks, so the lines come as they are.
    let head = format!("GET /api/v1/events/stream?format=ndjson&verbose{query} HTTP/1.0\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(b"Host: localhost\r\n\r\n").await.unwrap();
    let mut lines = BufReader::new(stream).lines();
    while !lines.next_line().await.unwrap().unwrap().is_empty() {}
    lines
}

async fn metrics(address: SocketAddr) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

async fn next(lines: &mut Lines<BufReader<TcpStream>>) -> Value {
    loop {
        let line = lines.next_line().await.unwrap().expect("the stream goes on");
        // A sign of life on a busy machine.
        if !line.is_empty() {
            return serde_json::from_str(&line).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_follower_is_told_what_it_missed_and_fetches_exactly_that() {
    let log = log_with(64 << 20);
    let (address, _stop) = server(&log).await;
    let mut slow = follow(address, "").await;
    let message = "x".repeat(MESSAGE_BYTES);
    tokio::task::block_in_place(|| {
        for _ in 0..EVENTS {
            log.append(vec![Event::new("a", message.as_str())], Ack::Disk, false).unwrap();
        }
    });

    let (mut seen, mut dropped) = (0, Vec::new());
    while seen < EVENTS {
        let line = next(&mut slow).await;
        if line["dropped"].is_null() {
            assert_eq!(line["position"], seen, "everything before it was seen or told");
            seen += 1;
        } else {
            assert_eq!(line["dropped"]["from"], seen);
            seen = line["dropped"]["to"].as_u64().unwrap();
            dropped.push(line["dropped"].clone());
        }
    }

    assert!(!dropped.is_empty(), "no socket holds so much");
    for dropped in &dropped {
        let [count, from, to] = ["count", "from", "to"].map(|name| dropped[name].as_u64().unwrap());
        assert!(count == to - from && count > LAG_EVENTS_MAX, "{dropped}");
        let after = dropped["after"].as_str().unwrap();
        let mut missed = follow(address, &format!("&after={after}")).await;
        for position in from..to {
            assert_eq!(next(&mut missed).await["position"], position);
        }
    }
    let counts: u64 = dropped.iter().map(|dropped| dropped["count"].as_u64().unwrap()).sum();
    let metrics = metrics(address).await;
    assert!(metrics.contains(&format!("tidings_follow_dropped_total {counts}\n")), "{metrics}");
}
