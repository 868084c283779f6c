//! Bodies and boxed services, without a server.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use holdall_service::{
    Body, BodyClosed, BoxService, BrokenOff, Contained, Request, Response, chain, contain,
};
use http_body::Body as _;
use http_body_util::BodyExt;
use tower_service::Service;

fn block_on<F: Future>(future: F) -> F::Output {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_time().build().expect("a runtime").block_on(future)
}

#[test]
fn whole_bodies_know_their_size() {
    assert_eq!(Body::from("hello").size_hint().exact(), Some(5));
    assert_eq!(Body::from("").size_hint().exact(), Some(0));
    assert!(Body::from("").is_end_stream());
    assert_eq!(Body::from("hello").try_into_bytes().unwrap(), "hello");
}

#[test]
fn a_body_of_a_body_is_the_same_body() {
    let twice = Body::new(Body::new(Body::from("hello")));
    assert_eq!(twice.try_into_bytes().unwrap(), "hello");
    assert!(Body::channel(1).1.try_into_bytes().is_err());
}

#[test]
fn a_channel_ends_when_it_is_finished() {
    let (mut sender, body) = Body::channel(2);
    let received = block_on(async {
        sender.send(Bytes::from("one ")).await.unwrap();
        sender.send(Bytes::from("two")).await.unwrap();
        sender.finish();
        body.collect().await.unwrap().to_bytes()
    });
    assert_eq!(received, "one two");
}

#[test]
fn a_channel_that_is_dropped_breaks_off() {
    let (mut sender, mut body) = Body::channel(1);
    block_on(async {
        sender.send(Bytes::from("one")).await.unwrap();
        drop(sender);
        assert!(body.frame().await.unwrap().is_ok());
        let error = body.frame().await.unwrap().unwrap_err();
        assert_eq!(error.downcast_ref(), Some(&BrokenOff));
    });
}

#[test]
fn a_sender_waits_for_the_reader_and_learns_that_it_is_gone() {
    let (mut sender, body) = Body::channel(1);
    block_on(async {
        sender.send(Bytes::from("one")).await.unwrap();
        let mut second = pin!(sender.send(Bytes::from("two")));
        let waited = tokio::time::timeout(Duration::from_millis(20), second.as_mut()).await;
        assert!(waited.is_err(), "there was no room");
        drop(body);
        assert_eq!(second.await, Err(BodyClosed));
    });
}

/// Ready at the second question only, and then for one call.
#[derive(Clone, Default)]
struct Hesitant {
    asked: u32,
}

impl Service<Request> for Hesitant {
    type Response = Response;
    type Error = Infallible;
    type Future = Ready<Result<Response, Infallible>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.asked += 1;
        context.waker().wake_by_ref();
        if self.asked < 2 { Poll::Pending } else { Poll::Ready(Ok(())) }
    }

    fn call(&mut self, _: Request) -> Self::Future {
        assert_eq!(std::mem::take(&mut self.asked), 2, "called before it was ready");
        ready(Ok(Response::new("at last".into())))
    }
}

#[test]
fn a_boxed_service_waits_until_the_service_is_ready() {
    let service = BoxService::new(Hesitant::default());
    for _ in 0..2 {
        let response = block_on(service.clone().answer(Request::default())).unwrap();
        assert_eq!(response.into_body().try_into_bytes().unwrap(), "at last");
    }
}

#[test]
fn panics_are_contained_with_message_and_place() {
    let panic = contain(|| -> u32 { panic!("one {}", 1) }).unwrap_err();
    assert_eq!(panic.message, "one 1");
    assert!(panic.location.as_deref().unwrap().contains("tests/body.rs:"), "{panic}");
    let inner = contain(|| contain(|| panic!("inner")).unwrap_err()).unwrap();
    assert_eq!(inner.message, "inner");
    let panic = block_on(Contained::new(Box::pin(async { panic!("in a future") }))).unwrap_err();
    assert!(panic.to_string().starts_with("panic: in a future ("), "{panic}");
    assert_eq!(contain(|| 7), Ok(7));
}

#[test]
fn a_chain_is_one_line() {
    let cause = std::io::Error::other(BrokenOff);
    assert_eq!(chain(&cause), "the body was broken off by its writer");
}
