//! The services of a node.
#![allow(clippy::result_large_err)] // a refusal is the protocol library's own type

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::body::Body;
use tonic::codec::ProstCodec;
use tonic::codegen::{BoxFuture, Context, Poll, Service, http};
use tonic::server::{ClientStreamingService, Grpc, NamedService, ServerStreamingService, UnaryService};
use tonic::{Code, Request, Response, Status, Streaming};

use super::Shared;
use super::log::{Taken, name_of};
use super::quick::Quick;
use super::wire::{
    AllFrom, AppendContent, AppendReq, AppendResp, AppendResult, ClusterInfo, Count, CurrentRevision, Empty,
    EndPoint, Expected, FilterBy, FilterOption, MemberInfo, Position, PositionOption, ProposedMessage,
    ReadContent, ReadEvent, ReadReq, ReadResp, RecordedEvent, StreamFrom, StreamIdentifier, StreamNotFound,
    Success, SupportedMethods, Whence, WrongCurrent, WrongExpected, WrongExpectedVersion,
};

/// Largest message, as the database has it.
const MESSAGE: usize = 17 << 20;
/// How late a late append is written where none follows.
const LATE: Duration = Duration::from_millis(300);

/// One node, as its services see it.
#[derive(Clone)]
pub(super) struct Served {
    pub shared: Arc<Shared>,
    pub node: usize,
}

pub(super) async fn serve(listener: TcpListener, served: Served) {
    let ended = tonic::transport::Server::builder()
        .add_service(Streams(served.clone()))
        .add_service(Gossip(served.clone()))
        .add_service(Features(served))
        .serve_with_incoming(TcpListenerStream::new(listener).map(|socket| socket.and_then(Quick::on)))
        .await;
    if let Err(error) = ended {
        tracing::error!(%error, "the stand-in ended");
    }
}

macro_rules! service {
    ($type:ident, $name:literal, $served:ident, $request:ident, $method:ident, $calls:expr) => {
        #[derive(Clone)]
        struct $type(Served);

        impl NamedService for $type {
            const NAME: &'static str = $name;
        }

        impl Service<http::Request<Body>> for $type {
            type Response = http::Response<Body>;
            type Error = Infallible;
            type Future = BoxFuture<Self::Response, Self::Error>;

            fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
                Poll::Ready(Ok(()))
            }

            fn call(&mut self, $request: http::Request<Body>) -> Self::Future {
                let $served = self.0.clone();
                Box::pin(async move {
                    let path = $request.uri().path().to_owned();
                    let $method = path.rsplit('/').next().unwrap_or_default();
                    Ok($calls)
                })
            }
        }
    };
}

fn no_such_method() -> http::Response<Body> {
    Status::unimplemented("the stand-in has no such method").into_http()
}

service!(
    Streams,
    "event_store.client.streams.Streams",
    served,
    request,
    method,
    match method {
        "Append" => {
            let codec = ProstCodec::<AppendResp, AppendReq>::default();
            let mut grpc = Grpc::new(codec).max_decoding_message_size(MESSAGE);
            grpc.client_streaming(Appended(served), request).await
        }
        "Read" => {
            let codec = ProstCodec::<ReadResp, ReadReq>::default();
            let mut grpc = Grpc::new(codec).max_encoding_message_size(MESSAGE);
            grpc.server_streaming(Reading(served), request).await
        }
        _ => no_such_method(),
    }
);

service!(
    Gossip,
    "event_store.client.gossip.Gossip",
    served,
    request,
    method,
    match method {
        "Read" =>
            Grpc::new(ProstCodec::<ClusterInfo, Empty>::default()).unary(Members(served), request).await,
        _ => no_such_method(),
    }
);

service!(
    Features,
    "event_store.client.server_features.ServerFeatures",
    served,
    request,
    method,
    match method {
        "GetSupportedMethods" => {
            Grpc::new(ProstCodec::<SupportedMethods, Empty>::default()).unary(Versions(served), request).await
        }
        _ => no_such_method(),
    }
);

struct Members(Served);

impl UnaryService<Empty> for Members {
    type Response = ClusterInfo;
    type Future = BoxFuture<Response<ClusterInfo>, Status>;

    fn call(&mut self, _: Request<Empty>) -> Self::Future {
        let shared = &self.0.shared;
        let leader = shared.leader.load(Ordering::SeqCst);
        let nodes = shared.nodes.lock();
        let members = nodes.iter().enumerate().map(|(at, node)| MemberInfo {
            instance_id: None,
            state: if at == leader { 8 } else { 6 },
            is_alive: node.runtime.is_some(),
            http_end_point: Some(EndPoint { address: "127.0.0.1".to_owned(), port: node.port.into() }),
        });
        let info = ClusterInfo { members: members.collect() };
        Box::pin(std::future::ready(Ok(Response::new(info))))
    }
}

struct Versions(#[expect(dead_code, reason = "all services are made alike")] Served);

impl UnaryService<Empty> for Versions {
    type Response = SupportedMethods;
    type Future = BoxFuture<Response<SupportedMethods>, Status>;

    fn call(&mut self, _: Request<Empty>) -> Self::Future {
        let methods = SupportedMethods { event_store_server_version: "26.0.0".to_owned() };
        Box::pin(std::future::ready(Ok(Response::new(methods))))
    }
}

impl Served {
    /// Sends who must have the leader there.
    fn leads<T>(&self, request: &Request<T>) -> Result<(), Status> {
        if self.shared.faults.closed.load(Ordering::SeqCst) {
            return Err(Status::unauthenticated("not authenticated"));
        }
        let leader = self.shared.leader.load(Ordering::SeqCst);
        if leader == self.node || request.metadata().get("requires-leader").is_none() {
            return Ok(());
        }
        let port = self.shared.nodes.lock()[leader].port;
        let mut status = Status::new(Code::NotFound, "Leader info available");
        let mut say = |key: &'static str, value: String| {
            let value = value.parse().expect("invariant: plain text");
            status.metadata_mut().insert(key, value);
        };
        say("exception", "not-leader".to_owned());
        say("leader-endpoint-host", "127.0.0.1".to_owned());
        say("leader-endpoint-port", port.to_string());
        Err(status)
    }

    /// Whether a fault is due, and counts it.
    fn due(&self, fault: &AtomicU32, stream: &[u8]) -> bool {
        let only = self.shared.faults.only.lock();
        if !String::from_utf8_lossy(stream).contains(only.as_str()) {
            return false;
        }
        fault.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
    }

    fn write(&self, stream: &[u8], expected: &Expected, messages: Vec<ProposedMessage>) -> Taken {
        let mut log = self.shared.log.lock();
        let taken = log.append(stream, expected, messages);
        if matches!(taken, Taken::Written(_, Some(_))) {
            self.shared.appends.fetch_add(1, Ordering::SeqCst);
            if self.shared.faults.system_events.load(Ordering::SeqCst) {
                log.system("$stats-127.0.0.1", "$statsCollected");
            }
        }
        taken
    }
}

#[derive(Clone)]
struct Appended(Served);

impl ClientStreamingService<AppendReq> for Appended {
    type Response = AppendResp;
    type Future = BoxFuture<Response<AppendResp>, Status>;

    fn call(&mut self, request: Request<Streaming<AppendReq>>) -> Self::Future {
        let served = self.0.clone();
        Box::pin(async move {
            served.leads(&request)?;
            let mut parts = request.into_inner();
            let (mut options, mut messages, mut bytes) = (None, Vec::new(), 0);
            while let Some(part) = parts.message().await? {
                match part.content {
                    Some(AppendContent::Options(found)) => options = Some(found),
                    Some(AppendContent::Message(message)) => {
                        bytes += message.data.len() + message.custom_metadata.len();
                        messages.push(message);
                    }
                    None => {}
                }
            }
            let options = options.ok_or_else(|| Status::invalid_argument("no options"))?;
            let stream = options.stream_identifier.unwrap_or_default().stream_name;
            let expected = options.expected.unwrap_or(Expected::Any(Empty {}));
            let faults = &served.shared.faults;
            let most = faults.max_append.load(Ordering::SeqCst);
            if bytes > most {
                return Err(Status::invalid_argument(format!("Maximum Append Size of {most} Exceeded.")));
            }
            if served.due(&faults.broken_before_write, &stream) {
                return Err(Status::unavailable("the node went away"));
            }
            if served.due(&faults.late, &stream) {
                let later = served.clone();
                tokio::spawn(async move {
                    tokio::time::sleep(LATE).await;
                    later.write(&stream, &expected, messages);
                });
                return Err(Status::deadline_exceeded("Operation timed out: commit timeout"));
            }
            let taken = served.write(&stream, &expected, messages);
            if served.due(&faults.broken_after_write, &stream) {
                return Err(Status::unavailable("the node went away"));
            }
            if served.due(&faults.silent_after_write, &stream) {
                std::future::pending::<()>().await;
            }
            Ok(Response::new(AppendResp { result: Some(answer(taken, expected)) }))
        })
    }
}

fn answer(taken: Taken, expected: Expected) -> AppendResult {
    match taken {
        Taken::Written(revision, position) => AppendResult::Success(Success {
            revision: Some(CurrentRevision::Revision(revision)),
            position: Some(position.map_or(PositionOption::NoPosition(Empty {}), |at| {
                PositionOption::Position(Position { commit_position: at, prepare_position: at })
            })),
        }),
        Taken::Wrong(revision) => AppendResult::WrongExpectedVersion(WrongExpectedVersion {
            current: Some(revision.map_or(WrongCurrent::NoStream(Empty {}), WrongCurrent::Revision)),
            expected: Some(match expected {
                Expected::Revision(revision) => WrongExpected::Revision(revision),
                Expected::NoStream(empty) => WrongExpected::NoStream(empty),
                Expected::Any(empty) => WrongExpected::Any(empty),
                Expected::StreamExists(empty) => WrongExpected::StreamExists(empty),
            }),
        }),
    }
}

struct Reading(Served);

type Answers = tokio_stream::Iter<std::vec::IntoIter<Result<ReadResp, Status>>>;

impl ServerStreamingService<ReadReq> for Reading {
    type Response = ReadResp;
    type ResponseStream = Answers;
    type Future = BoxFuture<Response<Answers>, Status>;

    fn call(&mut self, request: Request<ReadReq>) -> Self::Future {
        let answers = self.0.leads(&request).and_then(|()| self.0.read(request.into_inner()));
        let respond = |contents: Vec<ReadContent>| {
            let all: Vec<_> =
                contents.into_iter().map(|content| Ok(ReadResp { content: Some(content) })).collect();
            Response::new(tokio_stream::iter(all))
        };
        Box::pin(std::future::ready(answers.map(respond)))
    }
}

impl Served {
    fn read(&self, request: ReadReq) -> Result<Vec<ReadContent>, Status> {
        self.shared.reads.fetch_add(1, Ordering::SeqCst);
        let options = request.options.ok_or_else(|| Status::invalid_argument("no options"))?;
        let Some(Count::Events(count)) = options.count else {
            return Err(Status::unimplemented("the stand-in has no subscriptions"));
        };
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let backwards = options.read_direction == 1;
        let log = self.shared.log.lock();
        match options.whence {
            Some(Whence::Stream(of)) => {
                let name = of.stream_identifier.unwrap_or_default().stream_name;
                let all = log.stream(&name);
                if all.len() == 0 {
                    let stream_identifier = Some(StreamIdentifier { stream_name: name });
                    return Ok(vec![ReadContent::StreamNotFound(StreamNotFound { stream_identifier })]);
                }
                let last = all.len() as u64 - 1;
                let mut found: Vec<_> = match (of.from, backwards) {
                    (Some(StreamFrom::Revision(from)), false) => {
                        all.skip(usize::try_from(from).unwrap_or(usize::MAX)).take(count).map(event).collect()
                    }
                    (Some(StreamFrom::Start(_)) | None, false) => all.take(count).map(event).collect(),
                    (Some(StreamFrom::End(_)), true) => all.rev().take(count).map(event).collect(),
                    _ => return Err(Status::unimplemented("the stand-in does not read so")),
                };
                found.push(ReadContent::LastStreamPosition(last));
                Ok(found)
            }
            Some(Whence::All(of)) => {
                let wanted = filter(options.filter)?;
                let wanted = |event: &&RecordedEvent| wanted(event);
                let all = log.events();
                match (of.from, backwards) {
                    (Some(AllFrom::Position(from)), false) => {
                        let begin =
                            all.binary_search_by_key(&from.commit_position, |event| event.commit_position);
                        let begin = begin.map_err(|_| Status::invalid_argument("Invalid position."))?;
                        Ok(all[begin..].iter().filter(wanted).take(count).map(event).collect())
                    }
                    (Some(AllFrom::Start(_)) | None, false) => {
                        Ok(all.iter().filter(wanted).take(count).map(event).collect())
                    }
                    (Some(AllFrom::End(_)), true) => {
                        Ok(all.iter().rev().filter(wanted).take(count).map(event).collect())
                    }
                    _ => Err(Status::unimplemented("the stand-in does not read so")),
                }
            }
            None => Err(Status::invalid_argument("no stream")),
        }
    }
}

/// Whether an event passes.
type Passes = Box<dyn Fn(&RecordedEvent) -> bool>;

/// Which events pass.
fn filter(option: Option<FilterOption>) -> Result<Passes, Status> {
    let Some(FilterOption::Filter(filter)) = option else { return Ok(Box::new(|_| true)) };
    let unsupported = || Status::unimplemented("the stand-in filters by the beginnings of streams' names");
    let Some(FilterBy::StreamIdentifier(by)) = filter.by else { return Err(unsupported()) };
    if !by.regex.is_empty() || by.prefix.is_empty() {
        return Err(unsupported());
    }
    Ok(Box::new(move |event| by.prefix.iter().any(|prefix| name_of(event).starts_with(prefix.as_bytes()))))
}

fn event(event: &RecordedEvent) -> ReadContent {
    ReadContent::Event(ReadEvent { event: Some(event.clone()), commit_position: Some(event.commit_position) })
}
