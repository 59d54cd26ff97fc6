//! Stories: what a market does, told in one program, since each program that links all of it takes long to build.
#![allow(clippy::unwrap_used)]

mod after_sales;
mod campaigns;
mod cuts;
mod everywhere;
mod explained;
mod failover;
mod finance;
mod histories;
mod http;
mod http_access;
mod http_collect;
mod http_commands;
mod http_feeds;
mod http_hostile;
mod http_members;
mod http_operations;
mod http_pressure;
mod http_reads;
mod http_story;
mod http_traces;
mod http_webhooks;
mod market;
mod metrics;
mod periods;
mod plans;
mod proven;
mod references;
mod reported;
mod shopping;
mod what_if;
