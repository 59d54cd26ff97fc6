//! Commands one by one: merchants pay into deposits that exist, at random.

use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use daybook_commands::{Commands, Request};
use daybook_domain::deposit::Deposit;
use daybook_domain::deposit::commands::DepositCommand;
use daybook_domain::{Currency, Money, ProviderId, Reference};
use tokio::runtime::Runtime;
use uuid::Uuid;

use super::room::{Dice, actor, failed};
use crate::failure::Failure;

/// Events handed to the journal at once while streams are made.
const BATCH: usize = 4_096;

fn name(n: u64) -> String {
    format!("m{n:07}")
}

fn cny(minor: u64) -> Money {
    Money::new(minor as i64, Currency::new("CNY").expect("invariant: in ISO 4217"))
}

/// These deposits, each with the event that asks for it.
pub fn prepare(runtime: &Runtime, commands: &Arc<Commands>, streams: Range<u64>) -> Result<(), Failure> {
    let mut dice = Dice::new(streams.end);
    let mut batch = commands.batch();
    for n in streams {
        let command = DepositCommand::Require { amount: cny(100_000) };
        let request = Request::<Deposit>::new(name(n), command, Uuid::from_u128(dice.wide()), actor());
        batch.add(&request).map_err(failed)?;
        if batch.events() >= BATCH {
            runtime.block_on(batch.commit()).map_err(failed)?;
        }
    }
    runtime.block_on(batch.commit()).map_err(failed)
}

/// So many payments into random deposits of `streams`. The same for the same arguments.
pub fn payments(seed: u64, count: usize, streams: Range<u64>) -> Vec<Request<Deposit>> {
    let mut dice = Dice::new(seed);
    let provider = ProviderId::new("alipay").expect("invariant: visible ASCII");
    let mut one = |_| {
        let merchant = streams.start + dice.roll() % (streams.end - streams.start).max(1);
        let command = DepositCommand::Pay {
            amount: cny(1 + dice.roll() % 1_000_000),
            provider,
            provider_ref: Reference::new(&format!("{:028}", dice.roll())).expect("invariant: visible ASCII"),
        };
        Request::new(name(merchant), command, Uuid::from_u128(dice.wide()), actor())
    };
    (0..count).map(&mut one).collect()
}

/// Payments into deposits that exist, many to an append.
pub fn fill(
    runtime: &Runtime,
    commands: &Arc<Commands>,
    requests: &[Request<Deposit>],
) -> Result<(), Failure> {
    let mut batch = commands.batch();
    for request in requests {
        batch.add(request).map_err(failed)?;
        if batch.events() >= BATCH {
            runtime.block_on(batch.commit()).map_err(failed)?;
        }
    }
    runtime.block_on(batch.commit()).map_err(failed)
}

/// Executes `requests`, so many at a time, each awaited until it is durable. Returns how long each took, in
/// microseconds, and how long all did.
pub fn execute(
    runtime: &Runtime,
    commands: &Arc<Commands>,
    requests: Vec<Request<Deposit>>,
    in_flight: usize,
) -> Result<(Vec<u32>, std::time::Duration), Failure> {
    let mut parts: Vec<Vec<Request<Deposit>>> = (0..in_flight).map(|_| Vec::new()).collect();
    for (n, request) in requests.into_iter().enumerate() {
        parts[n % in_flight].push(request);
    }
    let began = Instant::now();
    let latencies = runtime.block_on(async {
        let tasks: Vec<_> = parts
            .into_iter()
            .map(|part| {
                let commands = Arc::clone(commands);
                tokio::spawn(async move {
                    let mut latencies = Vec::with_capacity(part.len());
                    for request in part {
                        let sent = Instant::now();
                        commands.execute(request).await?;
                        latencies.push(u32::try_from(sent.elapsed().as_micros()).unwrap_or(u32::MAX));
                    }
                    Ok::<_, daybook_commands::CommandError>(latencies)
                })
            })
            .collect();
        let mut all = Vec::new();
        for task in tasks {
            all.extend(task.await.map_err(failed)?.map_err(failed)?);
        }
        Ok::<_, Failure>(all)
    })?;
    Ok((latencies, began.elapsed()))
}
