"""Times the loan pack of a merchant with 200,000 orders in 24 months: drawn, checked, with its account settled and paid month by month.

The history is made up here, the same in every run, as tables of the Olist layout, so that it comes in as any other. Ends with 1 where
drawing or checking takes 5 s or more. Usage: large_pack.py DAYBOOK_BINARY [FOLDER]
"""

import csv
import datetime
import json
import os
import random
import subprocess
import sys
import tempfile
import time

ORDERS, BUYERS, PRODUCTS, MOST_SECONDS = 200_000, 120_000, 2_500, 5.0
SELLER, BEGIN, DAYS = "large", datetime.datetime(2016, 9, 1), 730


def moment(at):
    return f"{at:%Y-%m-%d %H:%M:%S}"


def write(folder, name, header, rows):
    with open(os.path.join(folder, name), "w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow(header.split(","))
        out.writerows(rows)


def tables(folder):
    chance = random.Random(24)
    orders, items, payments, reviews, customers = [], [], [], [], []
    for n in range(ORDERS):
        placed = BEGIN + datetime.timedelta(days=n * DAYS / ORDERS, seconds=chance.randrange(3_600))
        paid, left = placed + datetime.timedelta(minutes=20), placed + datetime.timedelta(days=1, hours=3)
        came, order = left + datetime.timedelta(days=chance.randrange(2, 9)), f"o{n:06}"
        promised = datetime.datetime.combine(placed.date() + datetime.timedelta(days=15), datetime.time())
        status = "canceled" if n % 50 == 49 else "delivered"
        gone = status == "canceled"
        times = [placed, paid, None if gone else left, None if gone else came, promised]
        orders.append([order, f"c{n:06}", status, *(moment(at) if at else "" for at in times)])
        total = 0
        for item in range(1, 2 + (n % 8 == 0)):
            price, freight = chance.randrange(500, 40_000), chance.randrange(0, 3_000)
            total += price + freight
            by = moment(placed + datetime.timedelta(days=3))
            items.append([order, item, f"p{chance.randrange(PRODUCTS)}", SELLER, by, f"{price / 100:.2f}", f"{freight / 100:.2f}"])
        payments.append([order, 1, "credit_card", 1, f"{total / 100:.2f}"])
        customers.append([f"c{n:06}", f"u{chance.randrange(BUYERS)}"])
        if n % 2 and not gone:
            day = moment(datetime.datetime.combine(came.date() + datetime.timedelta(days=1), datetime.time()))
            reviews.append([f"r{n}", order, 1 + n % 5, "", "", day, moment(came + datetime.timedelta(days=2))])
    write(folder, "olist_orders_dataset.csv", "order_id,customer_id,order_status,order_purchase_timestamp,order_approved_at,"
        "order_delivered_carrier_date,order_delivered_customer_date,order_estimated_delivery_date", orders)
    write(folder, "olist_order_items_dataset.csv",
        "order_id,order_item_id,product_id,seller_id,shipping_limit_date,price,freight_value", items)
    write(folder, "olist_order_payments_dataset.csv",
        "order_id,payment_sequential,payment_type,payment_installments,payment_value", payments)
    write(folder, "olist_order_reviews_dataset.csv", "review_id,order_id,review_score,review_comment_title,"
        "review_comment_message,review_creation_date,review_answer_timestamp", reviews)
    write(folder, "olist_customers_dataset.csv", "customer_id,customer_unique_id", customers)
    write(folder, "olist_products_dataset.csv", "product_id,product_category_name",
        ((f"p{n}", "brinquedos") for n in range(PRODUCTS)))
    write(folder, "product_category_name_translation.csv", "product_category_name,product_category_name_english",
        [["brinquedos", "toys"]])
    write(folder, "olist_sellers_dataset.csv", "seller_id,seller_state", [[SELLER, "SP"]])
    write(folder, "olist_marketing_qualified_leads_dataset.csv", "mql_id,first_contact_date,landing_page_id,origin", [])
    write(folder, "olist_closed_deals_dataset.csv", "mql_id,seller_id,won_date,business_segment,lead_type", [])


def main():
    binary = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory(dir=sys.argv[2] if len(sys.argv) > 2 else None) as place:
        tables(place)

        def run(*arguments):
            began = time.monotonic()
            command = [binary, "--no-progress", "--journal", "sqlite:large.db", *arguments]
            done = subprocess.run(command, cwd=place, stdout=subprocess.PIPE, check=False)
            if done.returncode:
                sys.exit(f"{' '.join(command)} ended with {done.returncode}")
            return time.monotonic() - began, done.stdout

        run("import", "olist", place)
        run("settle", "--every", "month", "--until", "2018-10-01")
        run("payout", "run", "--on", "2018-10-05", "--monthly-from", "2016-11-05", "--paid-by", "main")
        months = ("--months", "24", "--until", "2018-08-31")
        drawn, told = run("loan-pack", "merchant", SELLER, *months, "--draft", "--out", "large.zip", "--format", "json")
        checked, _ = run("loan-pack", "verify", "large.zip", "--unsigned")
        size, told = os.path.getsize(os.path.join(place, "large.zip")), json.loads(told)
    print(
        f"{told['orders']:,} orders and {told['movements']:,} movements in 24 months: drawn in {drawn:.2f} s, checked in "
        f"{checked:.2f} s, {size / 1e6:.1f} MB"
    )
    sys.exit(max(drawn, checked) >= MOST_SECONDS)


if __name__ == "__main__":
    main()
