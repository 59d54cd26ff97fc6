//! What an import records: a basket, its payment and its order from placing to commission, one after the other.

use std::collections::VecDeque;
use std::sync::Arc;

use daybook_commands::{Batch, CommandError, Commands, Request, Submitted};
use daybook_domain::checkout::Checkout;
use daybook_domain::checkout::commands::CheckoutCommand;
use daybook_domain::checkout::events::{FundsAllocated, OrderDue, PaymentMethod};
use daybook_domain::order::Order;
use daybook_domain::order::commands::{OrderCommand, Place, PlaceLine};
use daybook_domain::order::events::{Promise, ShippingMode};
use daybook_domain::{Aggregate, Currency, Event, Money, Rate, Timestamp};
use uuid::Uuid;

use super::room::{Dice, actor};

/// Batches under way while the next is decided.
const UNDER_WAY: usize = 2;
/// Command ids are derived, as an import derives them so that it can be repeated.
const NAMESPACE: Uuid = Uuid::from_u128(0x6a1f_0c52_93d1_4b76_8f6e_21c0_5b9d_e7a4);
/// Microseconds of an hour.
const HOUR: i64 = 3_600_000_000;

/// Records histories in batches.
pub struct Recorder {
    batch: Batch,
    under_way: VecDeque<Submitted>,
    batch_events: usize,
    /// Wait for each batch before the next is decided.
    in_turn: bool,
    dice: Dice,
    /// Events written.
    pub events: usize,
    /// Batches written.
    pub batches: usize,
}

fn id<T: std::str::FromStr>(text: &str) -> T {
    text.parse().unwrap_or_else(|_| unreachable!("an id made here is visible ASCII"))
}

impl Recorder {
    /// Writes batches of so many events, two under way as the import does, or each in its turn.
    pub fn new(commands: &Arc<Commands>, batch_events: usize, in_turn: bool) -> Self {
        Self {
            batch: commands.batch(),
            under_way: VecDeque::new(),
            batch_events,
            in_turn,
            dice: Dice::new(7),
            events: 0,
            batches: 0,
        }
    }

    /// Records so many histories and waits until they are durable.
    pub async fn record(&mut self, histories: u64) -> Result<(), CommandError> {
        for n in 0..histories {
            self.history(n).await?;
        }
        self.submit(0).await
    }

    async fn history(&mut self, n: u64) -> Result<(), CommandError> {
        // Names of 32 characters that sort at random, as Olist's.
        let hex = |dice: &mut Dice| format!("{:032x}", dice.wide());
        let (basket, order, buyer, product) =
            (hex(&mut self.dice), hex(&mut self.dice), hex(&mut self.dice), hex(&mut self.dice));
        let merchant = format!("{:032x}", u128::from(self.dice.roll() % 3_000) * 0x1234_5678_9abc_def1);
        let brl = Currency::new("BRL").expect("invariant: in ISO 4217");
        let money = |minor: u64| Money::new(minor as i64, brl);
        let (price, freight) = (100 + self.dice.roll() % 30_000, 500 + self.dice.roll() % 3_000);
        let at = |hours: i64| Timestamp(1_480_000_000_000_000 + n as i64 * 600_000_000 + hours * HOUR);

        let due = OrderDue { order: id(&order), merchant: id(&merchant), buyer_pays: money(price + freight) };
        let open =
            CheckoutCommand::Open { buyer: id(&buyer), currency: brl, orders: vec![due], expires: None };
        self.ask::<Checkout>(&basket, "open", at(0), open).await?;
        let line = PlaceLine {
            list_price: Some(money(price)),
            commission_rate: Some(Rate::new(10, 2)),
            shipping: Some(money(freight)),
            ..PlaceLine::new(id("1"), id(&product), id("bed_bath_table"), 1, money(price))
        };
        let (checkout, buyer, merchant) = (id(&basket), id(&buyer), id(&merchant));
        let place = Place {
            promise: Some(Promise { ship_by: Some(at(96)), deliver_by: Some(at(480)) }),
            ..Place::new(checkout, buyer, merchant, id("web"), vec![line], money(freight))
        };
        self.ask::<Order>(&order, "place", at(0), OrderCommand::Place(place)).await?;
        let capture = CheckoutCommand::Capture {
            payment: id("1"),
            method: PaymentMethod::Card,
            provider: id("card"),
            provider_ref: id(&format!("{basket}/1")),
            amount: money(price + freight),
            fee: None,
            instalments: Some(3),
        };
        let allocated = self.ask::<Checkout>(&basket, "capture", at(1), capture).await?;
        for event in allocated {
            if let Event::FundsAllocated(FundsAllocated { parts, shortfall, .. }) = event {
                self.ask::<Order>(&order, "fund", at(1), OrderCommand::Fund { parts, shortfall }).await?;
            }
        }
        let ship = OrderCommand::Ship {
            shipment: id("1"),
            lines: None,
            mode: ShippingMode::Parcel,
            carrier: None,
            tracking: None,
        };
        self.ask::<Order>(&order, "ship", at(50), ship).await?;
        let deliver = OrderCommand::Deliver { shipment: id("1") };
        let delivered = self.ask::<Order>(&order, "deliver", at(300), deliver).await?;
        for event in delivered {
            if let Event::OrderDelivered(delivered) = event {
                let due = delivered.release_due;
                let confirm = OrderCommand::ConfirmByTimeout { shipment: id("1"), due };
                self.ask::<Order>(&order, "receipt", due, confirm).await?;
            }
        }
        Ok(())
    }

    /// Decides a command into the batch and answers with its events.
    async fn ask<A: Aggregate>(
        &mut self,
        stream: &str,
        key: &str,
        at: Timestamp,
        command: A::Command,
    ) -> Result<Vec<Event>, CommandError> {
        let name = format!("{}-{stream}/{key}", A::CATEGORY);
        let command_id = Uuid::new_v5(&NAMESPACE, name.as_bytes());
        let request = Request::<A>::new(stream, command, command_id, actor()).at(at).imported();
        let events = self.batch.add(&request)?.events.to_vec();
        self.events += events.len();
        if self.batch.events() >= self.batch_events {
            self.submit(if self.in_turn { 0 } else { UNDER_WAY }).await?;
        }
        Ok(events)
    }

    /// Hands the batch over and waits until no more than `most` are under way.
    async fn submit(&mut self, most: usize) -> Result<(), CommandError> {
        if !self.batch.is_empty() {
            self.under_way.push_back(self.batch.submit());
            self.batches += 1;
        }
        while self.under_way.len() > most {
            let Some(submitted) = self.under_way.pop_front() else { break };
            submitted.await.into_iter().try_for_each(|result| result.map(drop))?;
        }
        Ok(())
    }
}
