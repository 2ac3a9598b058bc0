"""The Chalice app: its routes and its scheduled function. What they do is in `chalicelib`."""

from typing import Any

from chalice.app import Chalice, Rate

from chalicelib import promotion
from chalicelib.api import openapi, payments, queue, reservations, routing, sales
from chalicelib.authorizer import authorizers

app = Chalice(app_name="onsale")
app.api.binary_types = []  # nothing here is binary, and Chalice compares every answer with this list
app.register_middleware(routing.envelope(app), "http")
app.register_blueprint(queue.routes, url_prefix="/api/v1")
app.register_blueprint(reservations.routes, url_prefix="/api/v1")
app.register_blueprint(payments.routes, url_prefix="/api/v1")
app.register_blueprint(sales.routes, url_prefix="/api/v1")
app.register_blueprint(sales.health_routes)
app.register_blueprint(openapi.routes)
app.register_blueprint(authorizers)


@app.schedule(Rate(1, unit=Rate.MINUTES))
def promote(event: Any) -> dict[str, Any]:
    """Admit buyers and release what has lapsed until the run's time is over."""
    return promotion.run(event.context.get_remaining_time_in_millis)
