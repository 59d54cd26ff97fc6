//! How journal and read models stand at the moment somebody looks.

use std::fmt;
use std::ops::ControlFlow;

use daybook_journal::{Filter, SIZES};
use daybook_projections::models::names;
use daybook_projections::{ReadModelError, ReadModels, Status};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

use crate::Shared;

pub(super) struct State(Shared);

impl State {
    pub fn of(shared: &Shared) -> Self {
        Self(shared.clone())
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("State")
    }
}

/// How long ago the first event was recorded that the read models have not applied: 0 when there is none.
pub(crate) fn lag_seconds(models: &ReadModels, now: i64) -> Result<f64, ReadModelError> {
    let mut waits = None;
    models.journal().scan(models.applied(), None, &Filter::default(), &mut |event| {
        waits = Some(event.recorded_at);
        ControlFlow::Break(())
    })?;
    Ok(waits.map_or(0.0, |since| (now - since).max(0) as f64 / 1e6))
}

impl Collector for State {
    fn encode(&self, mut to: DescriptorEncoder<'_>) -> fmt::Result {
        let shared = &self.0;
        let load = shared.market.journal().load();
        gauge(&mut to, "connections", "Connections open", shared.connections.open() as f64)?;
        gauge(&mut to, "requests_under_way", "Requests being answered", shared.room.taken() as f64)?;
        gauge(
            &mut to,
            "journal_queue_events",
            "Events that wait for the journal's writer",
            load.queued as f64,
        )?;
        gauge(
            &mut to,
            "journal_writable",
            "1 while the last batch could be written",
            f64::from(u8::from(load.failing.is_none())),
        )?;
        let mut metric = to.encode_descriptor(
            "journal_events",
            "Events written by this process",
            None,
            MetricType::Counter,
        )?;
        metric.encode_counter::<NoLabelSet, _, f64>(&load.events, None)?;
        let mut metric = to.encode_descriptor(
            "journal_batch_events",
            "Events in a group commit",
            None,
            MetricType::Histogram,
        )?;
        batches(&mut metric, load.events, &load.sizes)?;
        let Ok(head) = shared.market.journal().head() else { return Ok(()) };
        gauge(&mut to, "journal_head", "Position of the last event", head as f64)?;
        let applied = shared.models.applied();
        gauge(&mut to, "read_models_applied", "Position that all read models have come to", applied as f64)?;
        let stopped = f64::from(u8::from(shared.models.stopped().is_some()));
        gauge(&mut to, "read_models_stopped", "1 while the read models cannot follow", stopped)?;
        let seconds = lag_seconds(&shared.models, shared.market.commands().now().0).unwrap_or_default();
        self.lags(&mut to, head, applied, seconds)
    }
}

impl State {
    /// The lag of each model. While a batch is being written all of them stand where they stood before it.
    fn lags(&self, to: &mut DescriptorEncoder<'_>, head: u64, applied: u64, seconds: f64) -> fmt::Result {
        let now: Option<Status> = self.0.models.try_status().ok().flatten();
        let lags: Vec<(String, u64)> = match now {
            Some(status) => {
                status.models.into_iter().map(|model| (model.model, model.lag_positions)).collect()
            }
            None => names().into_iter().map(|name| (name.to_owned(), head.saturating_sub(applied))).collect(),
        };
        let mut metric = to.encode_descriptor(
            "read_model_lag_positions",
            "Events that a read model has not applied",
            None,
            MetricType::Gauge,
        )?;
        for (name, lag) in &lags {
            metric.encode_family(&[("model", name.as_str())])?.encode_gauge(&(*lag as f64))?;
        }
        let mut metric = to.encode_descriptor(
            "read_model_lag_seconds",
            "Age of the first event that a read model has not applied",
            None,
            MetricType::Gauge,
        )?;
        for (name, lag) in &lags {
            let seconds = if *lag == 0 { 0.0 } else { seconds };
            metric.encode_family(&[("model", name.as_str())])?.encode_gauge(&seconds)?;
        }
        Ok(())
    }
}

fn gauge(to: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: f64) -> fmt::Result {
    to.encode_descriptor(name, help, None, MetricType::Gauge)?.encode_gauge(&value)
}

fn batches(metric: &mut MetricEncoder<'_>, events: u64, sizes: &[u64; SIZES]) -> fmt::Result {
    let bound = |n: usize| if n + 1 < SIZES { (1_u64 << n) as f64 } else { f64::MAX };
    let buckets: Vec<(f64, u64)> = sizes.iter().enumerate().map(|(n, count)| (bound(n), *count)).collect();
    metric.encode_histogram::<NoLabelSet>(events as f64, sizes.iter().sum(), &buckets, None)
}
