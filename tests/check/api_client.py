"""The quick start of the README by a client that openapi-python-client made, and what else an integration meets on its
first day. Usage: api_client.py FOLDER_OF_THE_CLIENT DOCUMENT URL STOREFRONT_KEY FINANCE_KEY"""

import json
import pathlib
import sys
import time

folder, document, url, shop_key, finance_key = sys.argv[1:]
sys.path.insert(0, folder)

from daybook_client import AuthenticatedClient, models  # noqa: E402
from daybook_client.api.checkouts import checkout_capture, checkout_new  # noqa: E402
from daybook_client.api.feeds import events  # noqa: E402
from daybook_client.api.merchants import merchant_balances, merchant_statement  # noqa: E402
from daybook_client.api.orders import (  # noqa: E402
    merchant_orders,
    order,
    order_confirm_receipt,
    order_deliver,
    order_new,
    order_ship,
)
from daybook_client.api.payouts import payout_explanation, payouts  # noqa: E402
from daybook_client.api.settlements import settlement_run  # noqa: E402

said = json.loads(pathlib.Path(document).read_text())
operations = {operation["operationId"] for methods in said["paths"].values() for operation in methods.values()}
made = {path.stem for path in pathlib.Path(folder, "daybook_client/api").glob("*/*.py")} - {"__init__"}
assert made == operations, f"no function for {operations - made}"
nameless = [path.stem for path in pathlib.Path(folder, "daybook_client/models").glob("*") if "_type_" in path.stem or "response_2" in path.stem]
assert not nameless, f"called by where they stand: {nameless}"

shop = AuthenticatedClient(base_url=url, token=shop_key)
finance = AuthenticatedClient(base_url=url, token=finance_key)
CNY = models.Currency.CNY


def cny(amount):
    return models.Money(amount=amount, currency=CNY)


def told(answer):
    """What a command came to."""
    assert isinstance(answer.parsed, models.Executed), answer.content
    assert answer.headers["ETag"] == f'"{answer.parsed.version}"', answer.headers
    return answer.parsed


line = models.PlaceLine(
    line="1", product="lamp-7", category="home", quantity=2, unit_price=cny("50.00"), discount=cny("0.00")
)
place = models.OrderNewBody(
    id="client-order-1", checkout="client-basket-1", buyer="client-buyer-1", merchant="m-001", lines=[line],
    shipping=cny("8.00"), sales_channel="own",
)
placed = told(order_new.sync_detailed(client=shop, body=place, idempotency_key="client-place-1"))
assert placed.events[0].type_ == "OrderPlaced" and placed.id == "client-order-1", placed
again = order_new.sync_detailed(client=shop, body=place, idempotency_key="client-place-1")
assert again.headers["Idempotency-Replayed"] == "true" and told(again) == placed, again

due = models.OrderDue(order=placed.id, merchant="m-001", buyer_pays=cny("108.00"))
basket = models.CheckoutNewBody(id="client-basket-1", buyer="client-buyer-1", currency=CNY, orders=[due])
told(checkout_new.sync_detailed(client=shop, body=basket, idempotency_key="client-open-1"))
pay = models.CheckoutCaptureBody(
    payment="client-payment-1", method=models.PaymentMethod.WALLET, provider="alipay", provider_ref="client-1",
    amount=cny("108.00"),
)
told(checkout_capture.sync_detailed("client-basket-1", client=shop, body=pay, idempotency_key="client-pay-1"))
until = time.monotonic() + 60
while True:
    funded = order.sync("client-order-1", client=shop)
    # the read models may not have come to it yet, or not to its payment
    came = not isinstance(funded, models.Problem) and funded.order.status == "funded"
    if came or time.monotonic() > until:
        break
    time.sleep(0.05)
assert came and funded.order.escrow == cny("108.00"), funded

ship = models.OrderShipBody(shipment="parcel-1", mode=models.ShippingMode.PARCEL, carrier="sf", tracking="SF1")
told(order_ship.sync_detailed("client-order-1", client=shop, body=ship, idempotency_key="client-ship-1"))
refused = order_ship.sync("client-order-1", client=shop, body=ship, idempotency_key="client-ship-2", if_match='"1"')
assert isinstance(refused, models.Problem) and refused.status == 412, refused
delivered = models.OrderDeliverBody(shipment="parcel-1")
told(order_deliver.sync_detailed("client-order-1", client=shop, body=delivered, idempotency_key="client-deliver-1"))
receipt = models.OrderConfirmReceiptBody(by=models.ReceivedBy.BUYER)
received = told(
    order_confirm_receipt.sync_detailed("client-order-1", client=shop, body=receipt, idempotency_key="client-receive-1")
)
found = order.sync("client-order-1", client=shop, daybook_at_least=received.position)
assert found.order.status == "released" and found.order.released_at is not None, found.order
steps = [step.event for step in found.timeline]
assert len(steps) >= 5, steps

listed = merchant_orders.sync("m-001", client=finance, limit=3)
assert len(listed.rows) == 3 and listed.next_, listed
more = merchant_orders.sync("m-001", client=finance, limit=3, cursor=listed.next_)
assert not {row.order_id for row in more.rows} & {row.order_id for row in listed.rows}
run = settlement_run.sync(client=finance, body=models.SettlementRunBody(), idempotency_key="client-settle-1")
assert isinstance(run, models.SettlementRunAnswer), run
balances = merchant_balances.sync("m-001", client=finance, daybook_at_least=received.position)
assert balances.rows[0].currency == "CNY", balances
paid = payouts.sync(client=finance, merchant="m-001", limit=1).rows[0]
explained = payout_explanation.sync(paid.payout_id, client=finance, merchant="m-001")
assert explained.complete and explained.amount == paid.amount and explained.payments, explained
statement = merchant_statement.sync("m-001", "2025-09", client=finance)
assert statement.currencies[0].currency == "CNY", statement
wanted = [models.EventType.ORDERSHIPPED, models.EventType.ORDERDELIVERED]
page = events.sync(client=finance, order="client-order-1", type_=wanted)
assert [event.type_ for event in page.events] == ["daybook.OrderShipped", "daybook.OrderDelivered"], page
stranger = order.sync("client-order-1", client=AuthenticatedClient(base_url=url, token="nobody"))
assert isinstance(stranger, models.Problem) and stranger.code == models.ProblemCode.UNAUTHENTICATED, stranger
print(f"a generated client with {len(made)} operations went through the quick start")
